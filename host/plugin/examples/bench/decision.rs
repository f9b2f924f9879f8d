//! The alternative to a plugin: the same question asked of a webhook on this machine, over one connection kept open.

use crate::{percentiles, tell};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};

const ASKED: usize = 5000;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _asked = request.into_body().collect().await;
    Ok(Response::new(Full::from(r#"{"verb":"attribute","value":null}"#)))
}

/// A decision by webhook; `call_us` is what one by host call took.
pub(crate) async fn webhook(call_us: f64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let serving = hyper::server::conn::http1::Builder::new();
        serving.serve_connection(TokioIo::new(stream), service_fn(answer)).await.unwrap();
    });
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut sample = Vec::with_capacity(ASKED);
    for number in 0..ASKED {
        let body = format!(r#"{{"contact":"01J0000000000000000000000","step":{number},"digits":"1"}}"#);
        let request = Request::post("/decide").header("host", "localhost").header("content-type", "application/json");
        sender.ready().await.unwrap();
        let began = Instant::now();
        let response = sender.send_request(request.body(Full::<Bytes>::from(body)).unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap();
        sample.push(began.elapsed());
    }
    let (p50, p99) = percentiles(sample);
    let ratio = p50 / call_us;
    let figures = [("p50", p50, "us"), ("p99", p99, "us"), ("against a host call", ratio, "times")];
    tell("the same decision by a webhook on this machine", &figures, ASKED);
}
