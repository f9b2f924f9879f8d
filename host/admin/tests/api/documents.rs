//! Entry points, queues, trunks, settings: documents with revisions.

use crate::client::Server;
use hyper::Method;
use serde_json::{Value, json};

/// A path and a good body of each kind that can be put, fetched and deleted.
fn kinds() -> [(&'static str, Value); 4] {
    [
        ("/v1/entry-points/main", json!({ "numbers": ["100", "+49*"], "deployment": "reception" })),
        ("/v1/queues/support", json!({ "skills": [{ "name": "billing", "min_level": 3 }], "scorer": "best" })),
        ("/v1/trunks/carrier", json!({ "peers": ["192.0.2.0/24"] })),
        ("/v1/agents/bob", json!({ "name": "Bob" })),
    ]
}

#[tokio::test]
async fn a_document_is_put_fetched_listed_and_deleted() {
    let server = Server::start().await;
    for (path, body) in kinds() {
        server.get(path).await.refused(404, "not-found");
        let answer = server.put(path, body.clone()).await;
        let put = answer.good();
        assert_eq!(answer.header("etag"), "\"1\"", "{path}");
        assert_eq!(put["revision"], 1);
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(put[name], *value, "{path}");
        }
        assert_eq!(server.get(path).await.good(), put);
        let (list, _) = path.rsplit_once('/').unwrap();
        let name = list.rsplit_once('/').unwrap().1.replace('-', "_");
        assert_eq!(server.get(list).await.good(), json!({ name: [put] }));
        assert_eq!(server.delete(path).await.status, 204);
        server.delete(path).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn revisions_guard_changes() {
    let server = Server::start().await;
    for (path, body) in kinds() {
        let body = body.to_string();
        let ask = async |method: Method, name: &str, value: &str| {
            server.ask(method, path, &[(name, value)], body.clone()).await
        };
        ask(Method::PUT, "if-match", "\"1\"").await.refused(412, "precondition-failed");
        assert_eq!(ask(Method::PUT, "if-none-match", "*").await.status, 200);
        ask(Method::PUT, "if-none-match", "*").await.refused(412, "precondition-failed");
        let second = ask(Method::PUT, "if-match", "\"1\"").await;
        assert_eq!(second.header("etag"), "\"2\"");
        ask(Method::PUT, "if-match", "\"1\"").await.refused(412, "precondition-failed");
        server.ask(Method::DELETE, path, &[("if-match", "\"1\"")], "").await.refused(412, "precondition-failed");
        assert_eq!(server.ask(Method::DELETE, path, &[("if-match", "\"2\"")], "").await.status, 204);
    }
}

#[tokio::test]
async fn preconditions_that_can_not_be_read_are_refused() {
    let server = Server::start().await;
    let body = json!({ "peers": [] }).to_string();
    for headers in [
        &[("if-match", "1")][..],
        &[("if-match", "\"one\"")],
        &[("if-match", "W/\"1\"")],
        &[("if-match", "\"1\", \"2\"")],
        &[("if-match", "\"99999999999999999999\"")],
        &[("if-match", "\"\"")],
        &[("if-none-match", "\"1\"")],
        &[("if-match", "\"1\""), ("if-match", "\"2\"")],
        &[("if-match", "\"1\""), ("if-none-match", "*")],
    ] {
        let answer = server.ask(Method::PUT, "/v1/trunks/t", headers, body.clone()).await;
        answer.refused(400, "invalid-precondition");
    }
    server.get("/v1/trunks/t").await.refused(404, "not-found");
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let server = Server::start().await;
    server.put("/v1/trunks/t", json!({ "peers": [] })).await;
    for (known, status) in [("\"1\"", 304), ("W/\"1\"", 304), ("\"7\", \"1\"", 304), ("*", 304), ("\"2\"", 200)] {
        let answer = server.ask(Method::GET, "/v1/trunks/t", &[("if-none-match", known)], "").await;
        assert_eq!((answer.status, answer.header("etag")), (status, "\"1\""), "{known}");
        assert_eq!(answer.body.is_empty(), status == 304);
    }
    // A queue tells who waits: it is never the same.
    server.put("/v1/queues/support", json!({})).await;
    let answer = server.ask(Method::GET, "/v1/queues/support", &[("if-none-match", "\"1\"")], "").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_queue_has_defaults_and_bounds() {
    let server = Server::start().await;
    let queue = server.put("/v1/queues/support", json!({})).await.good();
    for (name, value) in [
        ("skills", json!([])),
        ("scorer", json!(null)),
        ("offer_timeout_ms", json!(20_000)),
        ("wrap_up_ms", json!(0)),
        ("max_waiting", json!(1_000)),
        ("music", json!(null)),
        ("service_level_ms", json!(20_000)),
        ("waiting", json!(3)),
    ] {
        assert_eq!(queue[name], value, "{name}");
    }
    let skill = |name: &str, level: u8| json!({ "name": name, "min_level": level });
    for (name, value, code, field) in [
        ("offer_timeout_ms", json!(999), "out-of-bounds", "offer_timeout_ms"),
        ("offer_timeout_ms", json!(300_001), "out-of-bounds", "offer_timeout_ms"),
        ("wrap_up_ms", json!(3_600_001), "out-of-bounds", "wrap_up_ms"),
        ("max_waiting", json!(0), "out-of-bounds", "max_waiting"),
        ("max_waiting", json!(100_001), "out-of-bounds", "max_waiting"),
        ("service_level_ms", json!(0), "out-of-bounds", "service_level_ms"),
        ("music", json!(""), "out-of-bounds", "music"),
        ("scorer", json!("no scorer"), "invalid-name", "scorer"),
        ("skills", json!([skill("a", 0)]), "out-of-bounds", "skills[0].min_level"),
        ("skills", json!([skill("a", 11)]), "out-of-bounds", "skills[0].min_level"),
        ("skills", json!([skill("a", 1), skill("a", 2)]), "duplicate", "skills[1].name"),
        ("skills", json!([skill("", 1)]), "out-of-bounds", "skills[0].name"),
        ("skills", json!(vec![skill("a", 1); 17]), "out-of-bounds", "skills"),
    ] {
        let answer = server.put("/v1/queues/support", json!({ name: value })).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field);
    }
    assert_eq!(server.get("/v1/queues/support").await.good(), queue, "refusals change nothing");
}

#[tokio::test]
async fn entry_points_have_bounds() {
    let server = Server::start().await;
    let many: Vec<String> = (0..257).map(|n| n.to_string()).collect();
    for (numbers, code, field) in [
        (json!([]), "out-of-bounds", "numbers"),
        (json!(many), "out-of-bounds", "numbers"),
        (json!(["1", ""]), "out-of-bounds", "numbers[1]"),
        (json!(["1*2"]), "invalid-number", "numbers[0]"),
        (json!(["**"]), "invalid-number", "numbers[0]"),
        (json!(["1 2"]), "invalid-number", "numbers[0]"),
        (json!(["１"]), "invalid-number", "numbers[0]"),
        (json!([100]), "invalid-body", "numbers[0]"),
    ] {
        let body = json!({ "numbers": numbers, "deployment": "reception" });
        let answer = server.put("/v1/entry-points/main", body).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field);
    }
    let body = json!({ "numbers": ["*"], "deployment": "reception", "fallback_queue": "a b" });
    let answer = server.put("/v1/entry-points/main", body).await;
    assert_eq!(answer.refused(422, "invalid-name").field(), "fallback_queue");
}

#[tokio::test]
async fn trunks_have_bounds() {
    let server = Server::start().await;
    for (peers, code, field) in [
        (json!(vec!["::1"; 65]), "out-of-bounds", "peers"),
        (json!(["::1", "carrier.example"]), "invalid-peer", "peers[1]"),
        (json!(["10.0.0.0/33"]), "invalid-peer", "peers[0]"),
    ] {
        let answer = server.put("/v1/trunks/t", json!({ "peers": peers })).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field);
    }
}

#[tokio::test]
async fn settings_are_there_before_they_are_written() {
    let server = Server::start().await;
    let answer = server.get("/v1/settings").await;
    let settings = answer.good();
    assert_eq!((&settings["revision"], answer.header("etag")), (&json!(0), "\"0\""));
    assert!(settings["emergency_numbers"].as_array().unwrap().contains(&json!("112")));
    let body = json!({ "default_queue": "support", "max_contacts": 7 });
    let put = server.put("/v1/settings", body).await.good();
    assert_eq!(put["default_queue"], "support");
    assert_eq!(put["emergency_numbers"], settings["emergency_numbers"], "left out: the default");
    assert_eq!(server.get("/v1/settings").await.good(), put);
    for (body, code, field) in [
        (json!({ "max_contacts": 0 }), "out-of-bounds", "max_contacts"),
        (json!({ "emergency_numbers": ["1a"] }), "invalid-number", "emergency_numbers[0]"),
        (json!({ "default_directory": "" }), "invalid-name", "default_directory"),
        (json!({ "default_que": "x" }), "unknown-key", "default_que"),
    ] {
        let answer = server.put("/v1/settings", body).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field);
    }
}
