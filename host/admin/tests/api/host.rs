//! The host itself.

use crate::client::Server;
use serde_json::json;

#[tokio::test]
async fn the_host_tells_of_itself() {
    let server = Server::start().await;
    let status = server.get("/v1/status").await.good();
    assert_eq!(status["started_at"], "1970-01-01T00:00:01.000000Z");
    assert_eq!(status["loaded"][0]["uses"], 2);
    assert_eq!(status["loaded"][0]["retiring"], true);
    assert_eq!(server.get("/healthz").await.good(), json!({ "status": "ok" }));
    assert_eq!(server.get("/openapi.json").await.good()["openapi"], "3.1.0");
}

#[tokio::test]
async fn figures_are_text() {
    let server = Server::start().await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.body.ends_with(b"cordboard_contacts 0\n"));
}

#[tokio::test]
async fn readiness_says_what_is_wrong() {
    let server = Server::start().await;
    assert_eq!(server.get("/readyz").await.good()["ready"], true);
    server.centre.state.lock().unwrap().ready = false;
    let answer = server.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["checks"][0], json!({ "name": "store", "ok": false, "detail": "the journal" }));
}
