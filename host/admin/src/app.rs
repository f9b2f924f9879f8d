//! What every handler shares, and how it asks.

use crate::centre::{Centre, Refusal};
use crate::problem::Problem;
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long an answer may take.
const USUAL: Duration = Duration::from_secs(30);
/// The same where a component is compiled.
const COMPILING: Duration = Duration::from_secs(240);
/// Bodies of more than a megabyte that are read at once.
const MAX_UPLOADS: usize = 4;
/// Event streams at once.
const MAX_STREAMS: usize = 64;

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) centre: Arc<dyn Centre>,
    pub(crate) max_upload_bytes: u64,
    /// SHA-256 of the token: equal lengths to compare.
    pub(crate) token: [u8; 32],
    /// Turns true when open streams have to end.
    pub(crate) stop: watch::Receiver<bool>,
    uploads: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(
        centre: Arc<dyn Centre>,
        token: [u8; 32],
        max_upload_bytes: usize,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            centre,
            max_upload_bytes: max_upload_bytes as u64,
            token,
            stop,
            uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        }
    }

    /// Asks for something that changes nothing.
    pub(crate) async fn ask<T>(&self, asked: impl Future<Output = Result<T, Refusal>>) -> Result<T, Problem> {
        match tokio::time::timeout(USUAL, asked).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(late("the host took too long to answer")),
        }
    }

    /// Asks for a change, on a task of its own: a client that hangs up must not leave half a change behind.
    pub(crate) async fn change<T, F>(&self, asked: impl FnOnce(Arc<dyn Centre>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        self.change_within(USUAL, asked).await
    }

    /// The same where a component is compiled on the way.
    pub(crate) async fn compile<T, F>(&self, asked: impl FnOnce(Arc<dyn Centre>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        self.change_within(COMPILING, asked).await
    }

    async fn change_within<T, F>(&self, limit: Duration, asked: impl FnOnce(Arc<dyn Centre>) -> F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let task = tokio::spawn(asked(self.centre.clone()));
        match tokio::time::timeout(limit, task).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(died)) => Err(Refusal::Internal(format!("the task of a change died: {died}")).into()),
            Err(_) => Err(late("the host took too long; the change may still be made")),
        }
    }

    /// Room for a large body.
    pub(crate) fn upload_slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.uploads.clone().try_acquire_owned().map_err(|_| full("uploads", MAX_UPLOADS))
    }

    /// Room for an event stream.
    pub(crate) fn stream_slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.streams.clone().try_acquire_owned().map_err(|_| full("event streams", MAX_STREAMS))
    }
}

fn late(detail: &str) -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "timed-out", detail)
}

fn full(what: &str, limit: usize) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", format!("there are {limit} {what} already"))
}
