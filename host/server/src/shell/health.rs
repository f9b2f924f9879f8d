//! Tells the board whether what happens can be kept (journal rule 9): by how the store says it is, and by whether the
//! writer gets anything written.

use super::BoardHandle;
use cordboard_core::board::Input;
use cordboard_store::StoreHealth;
use tokio::sync::watch;

/// Follows both until one of them is gone, or the board has stopped.
pub(crate) async fn follow(
    board: BoardHandle,
    mut store: watch::Receiver<StoreHealth>,
    mut failing: watch::Receiver<Option<String>>,
) {
    let mut told: Option<String> = None;
    loop {
        let now = match &*store.borrow_and_update() {
            StoreHealth::Ok => failing.borrow_and_update().clone(),
            StoreHealth::Failed { reason } => Some(reason.to_string()),
            StoreHealth::LowSpace { free_bytes } => Some(format!("the disk is nearly full: {free_bytes} bytes free")),
            StoreHealth::NoSpace { free_bytes } => Some(format!("the disk is full: {free_bytes} bytes free")),
            StoreHealth::Closed => return,
        };
        if now.is_some() != told.is_some() {
            let reason = now.clone().unwrap_or_else(|| "the store can be written again".into());
            if board.tell(Input::StoreHealth { healthy: now.is_none(), reason }).await.is_err() {
                return;
            }
            told = now;
        }
        tokio::select! {
            changed = store.changed() => if changed.is_err() { return },
            changed = failing.changed() => if changed.is_err() {
                // Nothing is written any more. At the end nobody listens; else the host is about to stop.
                let reason = "the writer is gone".into();
                let _ = board.tell(Input::StoreHealth { healthy: false, reason }).await;
                return;
            },
        }
    }
}
