//! A back-end over plain TCP or TLS that answers as told, byte by byte, counts, and keeps what it was sent.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) struct Web {
    pub(crate) port: u16,
    requests: Arc<AtomicUsize>,
    heard: Heard,
}

/// Requests, head and body.
type Heard = Arc<Mutex<Vec<String>>>;

impl Web {
    /// One response a connection, made of the request's path; none: it never answers.
    pub(crate) async fn start(respond: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::start_over(None, respond).await
    }

    /// The same over TLS, if told.
    pub(crate) async fn start_over(
        tls: Option<TlsAcceptor>,
        respond: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let (counted, respond) = (Arc::clone(&requests), Arc::new(respond));
        let heard = Heard::default();
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counted, respond, tls) = (Arc::clone(&counted), Arc::clone(&respond), tls.clone());
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, (&counted, &kept), |path| respond(path)).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, (&counted, &kept), |path| respond(path)).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, requests, heard }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// The latest request, head and body.
    pub(crate) fn latest(&self) -> String {
        self.heard.lock().unwrap().last().cloned().unwrap()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    (counted, kept): (&AtomicUsize, &Heard),
    respond: impl Fn(&str) -> Option<Vec<u8>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let mut head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    head.push_str(&String::from_utf8_lossy(&body));
    kept.lock().unwrap().push(head.clone());
    counted.fetch_add(1, Relaxed);
    let path = head.split(' ').nth(1).unwrap_or_default();
    match respond(path) {
        // The other side may have enough before the end.
        Some(response) => {
            let _ = stream.write_all(&response).await;
            let _ = stream.flush().await;
        }
        // Until the other side hangs up.
        None => while stream.read_u8().await.is_ok() {},
    }
}

/// A whole response.
pub(crate) fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
