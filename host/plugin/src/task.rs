//! Tasks that end with who waits for them.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// A task that ends when nobody waits for it any more. None if it panicked.
pub(crate) struct Aborted<T>(pub(crate) JoinHandle<T>);

impl<T> Future for Aborted<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(context).map(Result::ok)
    }
}

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_task_nobody_waits_for_any_more_ends() {
        let (held, released) = oneshot::channel::<()>();
        let task = Aborted(tokio::spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        }));
        assert!(tokio::time::timeout(Duration::ZERO, task).await.is_err());
        assert!(released.await.is_err(), "what it held is gone");
        assert_eq!(Aborted(tokio::spawn(async { 7 })).await, Some(7));
    }
}
