//! Token, unknown routes and methods, faults, and how it ends.

use crate::client::{Server, TOKEN, read};
use bytes::Bytes;
use cordboard_admin::{Admin, AdminConfig, AdminError};
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let server = Server::start().await;
    let longer = format!("Bearer {TOKEN}x");
    let shorter = format!("Bearer {}", &TOKEN[1..]);
    let basic = format!("Basic {TOKEN}");
    for given in
        [None, Some(""), Some("Bearer"), Some("Bearer "), Some(TOKEN), Some(&longer), Some(&shorter), Some(&basic)]
    {
        for path in ["/v1/queues", "/metrics", "/v1/events", "/v1/nowhere", "/healthz/", "//healthz", "/v1/../healthz"]
        {
            let mut request = Request::builder().uri(path).header("host", "test");
            if let Some(given) = given {
                request = request.header("authorization", given);
            }
            let answer = read(server.send(request.body(Full::default()).unwrap()).await).await;
            answer.refused(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"cordboard\"");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
}

#[tokio::test]
async fn two_tokens_are_none() {
    let server = Server::start().await;
    let twice = [("authorization", "Bearer other")];
    server.ask(Method::GET, "/v1/queues", &twice, "").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn the_scheme_is_spelled_in_any_case() {
    let server = Server::start().await;
    let request = Request::builder().uri("/v1/queues").header("authorization", format!("bEARER {TOKEN}"));
    let answer = read(server.send(request.body(Full::default()).unwrap()).await).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn probes_and_the_document_need_no_token() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        let request = Request::builder().uri(path).header("host", "test").body(Full::default()).unwrap();
        let answer = read(server.send(request).await).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let server = Server::start().await;
    server.get("/").await.refused(404, "no-route");
    server.get("/v2/queues").await.refused(404, "no-route");
    server.get("/v1/queues/").await.refused(404, "no-route");
    for (method, path) in [
        (Method::POST, "/v1/queues"),
        (Method::PATCH, "/v1/queues/support"),
        (Method::DELETE, "/v1/settings"),
        (Method::PUT, "/healthz"),
    ] {
        let answer = server.ask(method, path, &[], "").await;
        answer.refused(405, "no-method");
        assert!(answer.header("allow").contains("GET"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_panic_is_our_fault_and_says_no_more() {
    let server = Server::start().await;
    let answer = server.put("/v1/queues/panic", json!({})).await;
    answer.refused(500, "internal");
    assert!(!String::from_utf8_lossy(&answer.body).contains("purpose"));
    assert_eq!(server.get("/v1/queues").await.status, 200, "the next request is served");
}

#[tokio::test]
async fn faults_of_the_host_are_told_apart() {
    let server = Server::start().await;
    let answer = server.put("/v1/trunks/internal", json!({ "peers": [] })).await;
    answer.refused(500, "internal");
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
    let answer = server.put("/v1/trunks/unavailable", json!({ "peers": [] })).await;
    answer.refused(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    server.put("/v1/trunks/invalid", json!({ "peers": [] })).await.refused(422, "unknown-thing");
}

#[tokio::test]
async fn answers_are_neither_cached_nor_guessed_at() {
    let server = Server::start().await;
    for answer in [server.get("/v1/queues").await, server.get("/v1/nowhere").await] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn a_change_is_finished_without_its_client() {
    let server = Server::start().await;
    let body = Bytes::from(json!({ "name": "Slow" }).to_string());
    let request = server.request(Method::PUT, "/v1/agents/slow", &[], body);
    {
        let sending = server.send(request);
        tokio::pin!(sending);
        tokio::select! {
            _ = &mut sending => panic!("it can't be answered yet"),
            () = server.centre.begun.notified() => {}
        }
        // Here the client goes away, and its connection with it.
    }
    assert_eq!(server.get("/v1/agents/slow").await.status, 404);
    server.centre.go_on.notify_one();
    server.centre.finished.notified().await;
    assert_eq!(server.get("/v1/agents/slow").await.status, 200);
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let server = Server::start().await;
    let centre = server.centre.clone();
    let body = Bytes::from(json!({ "name": "Slow" }).to_string());
    let request = server.request(Method::PUT, "/v1/agents/slow", &[], body);
    let address = server.address;
    let mut answer = Box::pin(server.send(request));
    tokio::select! {
        _ = answer.as_mut() => panic!("it can't be answered yet"),
        () = centre.begun.notified() => {}
    }
    let going_on = async {
        // The listener goes first: then a new connection is refused.
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        centre.go_on.notify_one();
    };
    let (response, ()) = tokio::join!(answer, async {
        server.signal();
        going_on.await;
    });
    assert_eq!(read(response).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_can_not_be_served_is_said() {
    let server = Server::start().await;
    let config = |token: &str| AdminConfig { bind: server.address, token: token.into(), max_upload_bytes: 1 };
    let centre = Arc::new(crate::centre::Fake::default());
    let taken = Admin::bind(config("token"), centre.clone()).await.err().unwrap();
    assert!(matches!(taken, AdminError::Bind { address, .. } if address == server.address), "{taken}");
    for token in ["", "a b", "ä", "a\n"] {
        assert!(matches!(Admin::bind(config(token), centre.clone()).await, Err(AdminError::Token)), "{token:?}");
    }
}
