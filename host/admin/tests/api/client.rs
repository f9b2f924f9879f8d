//! A server on a free port, and a client of it.

use crate::centre::Fake;
use crate::contract;
use bytes::Bytes;
use cordboard_admin::{Admin, AdminConfig};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const TOKEN: &str = "a-token-of-some-length";
pub(crate) const MAX_UPLOAD_BYTES: usize = 3 << 20;

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) centre: Arc<Fake>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        let json = self.json();
        json.get("code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(crate) fn field(&self) -> String {
        let json = self.json();
        json.get("field").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Checks that it is this refusal.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.json());
        self
    }

    /// Checks that it is success, and which JSON.
    #[track_caller]
    pub(crate) fn good(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let centre = Arc::new(Fake::default());
        let config = AdminConfig {
            bind: "127.0.0.1:0".parse().unwrap(),
            token: TOKEN.into(),
            max_upload_bytes: MAX_UPLOAD_BYTES,
        };
        let admin = Admin::bind(config, centre.clone()).await.unwrap();
        let address = admin.local_addr();
        let (stop, mut stopped) = watch::channel(false);
        let serving = tokio::spawn(async move {
            let stopped = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            admin.serve(stopped).await.unwrap();
        });
        Self { address, centre, stop, serving }
    }

    /// Asks it to stop.
    pub(crate) fn signal(&self) {
        self.stop.send_replace(true);
    }

    /// Asks it to stop; ready when it has.
    pub(crate) async fn stop(self) {
        self.signal();
        self.serving.await.unwrap();
    }

    /// Sends a request as it is; only the head of the answer is read.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }

    /// A request with the token.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Full::new(body))
            .unwrap();
        for (name, value) in headers {
            let name: hyper::header::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        request
    }

    /// Asks, reads the whole answer, and checks it against the document.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let request = self.request(method.clone(), path, headers, body.into());
        let response = self.send(request).await;
        let answer = read(response).await;
        contract::check(&method, path, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.put_text(path, &body.to_string()).await
    }

    pub(crate) async fn put_text(&self, path: &str, body: &str) -> Answer {
        self.ask(Method::PUT, path, &[("content-type", "application/json")], body.to_owned()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, &[], "").await
    }
}

pub(crate) async fn read(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert!(head.status != StatusCode::NO_CONTENT || body.is_empty());
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}
