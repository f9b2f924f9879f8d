//! Agents and their states.

use crate::client::Server;
use serde_json::json;

#[tokio::test]
async fn an_agent_has_skills_and_numbers() {
    let server = Server::start().await;
    let body = json!({
        "name": "Eve",
        "skills": { "billing": 7, "english": 10 },
        "attributes": { "tenure_years": 2.5, "score": -0.0014, "third": 0.3333333 },
        "queues": ["support"],
        "auto_ready": true,
        "password": "secret-eve",
    });
    let answer = server.put("/v1/agents/eve", body).await;
    let agent = answer.good();
    assert_eq!(agent["skills"], json!({ "billing": 7, "english": 10 }));
    assert_eq!(agent["attributes"], json!({ "tenure_years": 2.5, "score": -0.001, "third": 0.333 }));
    assert_eq!((&agent["state"], &agent["phone"]), (&json!("signed-out"), &json!(false)));
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "a password is never told");
    assert_eq!(server.centre.state.lock().unwrap().passwords["eve"], "secret-eve");
    server.put("/v1/agents/eve", json!({ "name": "Eve" })).await.good();
    assert_eq!(server.centre.state.lock().unwrap().passwords["eve"], "secret-eve", "left out: the old one stays");
}

#[tokio::test]
async fn agents_have_bounds() {
    let server = Server::start().await;
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("s{n}"), json!(1))).collect();
    for (name, value, code, field) in [
        ("name", json!(""), "out-of-bounds", "name"),
        ("name", json!("a\u{7}"), "out-of-bounds", "name"),
        ("name", json!(null), "invalid-body", "name"),
        ("skills", json!({ "a": 0 }), "out-of-bounds", "skills.a"),
        ("skills", json!({ "a": 11 }), "out-of-bounds", "skills.a"),
        ("skills", json!({ "a": 1.5 }), "invalid-body", "skills.a"),
        ("skills", json!({ "": 1 }), "out-of-bounds", "skills"),
        ("skills", json!(many), "out-of-bounds", "skills"),
        ("attributes", json!({ "a": 1e10 }), "out-of-bounds", "attributes.a"),
        ("attributes", json!({ "a": "1" }), "invalid-body", "attributes.a"),
        ("queues", json!(["ok", "not ok"]), "invalid-name", "queues[1]"),
        ("queues", json!(vec!["q"; 65]), "out-of-bounds", "queues"),
        ("password", json!("short"), "out-of-bounds", "password"),
        ("password", json!("x".repeat(129)), "out-of-bounds", "password"),
    ] {
        let mut body = json!({ "name": "Eve" });
        body[name] = value;
        let answer = server.put("/v1/agents/eve", body.clone()).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field, "{body}");
    }
}

#[tokio::test]
async fn states_are_asked_for() {
    let server = Server::start().await;
    server.put("/v1/agents/eve/state", json!({ "state": "ready" })).await.refused(404, "not-found");
    server.put("/v1/agents/eve", json!({ "name": "Eve" })).await.good();
    let agent = server.put("/v1/agents/eve/state", json!({ "state": "not-ready", "reason": "lunch" })).await.good();
    assert_eq!((&agent["state"], &agent["reason"]), (&json!("not-ready"), &json!("lunch")));
    let agent = server.put("/v1/agents/eve/state", json!({ "state": "not-ready" })).await.good();
    assert_eq!(agent["reason"], "operator");
    let agent = server.put("/v1/agents/eve/state", json!({ "state": "ready" })).await.good();
    assert_eq!((&agent["state"], &agent["reason"]), (&json!("ready"), &json!(null)));
    assert_eq!(server.get("/v1/agents/eve").await.good()["state"], "ready");
    let agent = server.put("/v1/agents/eve/state", json!({ "state": "signed-out" })).await.good();
    assert_eq!(agent["state"], "signed-out");
}

#[tokio::test]
async fn states_that_are_none_are_refused() {
    let server = Server::start().await;
    server.put("/v1/agents/eve", json!({ "name": "Eve" })).await.good();
    for (body, status, code) in [
        (json!({ "state": "on-contact" }), 422, "invalid-body"),
        (json!({ "state": "Ready" }), 422, "invalid-body"),
        (json!({}), 422, "invalid-body"),
        (json!({ "state": "ready", "reason": "x" }), 422, "invalid-body"),
        (json!({ "state": "not-ready", "reason": "" }), 422, "out-of-bounds"),
        (json!({ "state": "not-ready", "reason": "x".repeat(65) }), 422, "out-of-bounds"),
        (json!({ "state": "not-ready", "reason": "impossible" }), 409, "not-now"),
    ] {
        server.put("/v1/agents/eve/state", body).await.refused(status, code);
    }
}
