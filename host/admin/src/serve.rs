//! Connections: how many, how slow, and how they end.

use crate::app::App;
use crate::centre::Centre;
use crate::router;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// More wait in the backlog.
const MAX_CONNECTIONS: usize = 512;
/// A request's head has to be there by then; an idle connection is closed then.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// A request's head, in bytes and in fields.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 64;
/// How long requests under way may take once the host stops.
const GRACE: Duration = Duration::from_secs(10);

/// Where and how the API is served.
#[derive(Clone)]
pub struct AdminConfig {
    /// Where. Port 0: any that is free, see [`Admin::local_addr`].
    pub bind: SocketAddr,
    /// The bearer token: at least one visible ASCII character. Make it long.
    pub token: String,
    /// The largest component that can be uploaded.
    pub max_upload_bytes: usize,
}

/// Why the API could not be served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address is taken, or not ours.
    #[error("the admin API can't listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A token that no client could send.
    #[error("the admin token must have at least one character, all of them visible ASCII")]
    Token,
}

/// The API, bound and not yet served.
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    stop: watch::Sender<bool>,
}

impl Admin {
    /// Binds the address.
    ///
    /// # Errors
    /// [`AdminError::Bind`], [`AdminError::Token`].
    pub async fn bind(config: AdminConfig, centre: Arc<dyn Centre>) -> Result<Admin, AdminError> {
        if config.token.is_empty() || !config.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AdminError::Token);
        }
        let failed = |cause| AdminError::Bind { address: config.bind, cause };
        let listener = TcpListener::bind(config.bind).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopping) = watch::channel(false);
        let token = Sha256::digest(config.token.as_bytes()).into();
        let router = router::router(App::new(centre, token, config.max_upload_bytes, stopping));
        Ok(Admin { listener, address, router, stop })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready. Then no connection is taken any more, event streams end, and requests under way
    /// have 10 seconds.
    ///
    /// # Errors
    /// None at present: a connection that fails ends alone.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), AdminError> {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = async {
                let slot = slots.clone().acquire_owned().await;
                (slot, self.listener.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                () = &mut stop => break,
                accepted = accepted => accepted,
            };
            match (slot, accepted) {
                (Ok(slot), Ok((socket, _))) => {
                    connections.spawn(connection(socket, self.router.clone(), self.stop.subscribe(), slot));
                }
                (Ok(_), Err(error)) => {
                    // Out of file descriptors, as a rule: trying at once again would only burn the CPU.
                    tracing::warn!(%error, "the admin API can't take a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                // The semaphore is never closed.
                (Err(_), _) => break,
            }
            while connections.try_join_next().is_some() {}
        }
        drop(self.listener);
        self.stop.send_replace(true);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!(open = connections.len(), "admin requests under way are cut");
        }
        Ok(())
    }
}

async fn connection(socket: TcpStream, router: Router, mut stop: watch::Receiver<bool>, _slot: OwnedSemaphorePermit) {
    // Answers are small: waiting for more to send would only delay them.
    let _ = socket.set_nodelay(true);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut serving = pin!(serving);
    let stopping = async move {
        // An error: the server is gone, which is as good a reason to end.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = stopping => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an admin connection broke off");
    }
}
