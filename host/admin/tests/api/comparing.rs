//! Contacts step by step, gone through again, and back-tests.

use crate::client::Server;
use crate::samples::{contact, record};
use axum::http::Method;
use serde_json::{Value, json};

const PLUGIN: &str = "ab";

fn digest() -> String {
    PLUGIN.repeat(32)
}

async fn server() -> Server {
    let server = Server::start().await;
    server.centre.state.lock().unwrap().records.push(record(2));
    server
}

#[tokio::test]
async fn a_contact_is_gone_through_by_what_ran_or_by_a_candidate() {
    let server = server().await;
    let path = format!("/v1/contacts/{}/compare", contact(2));
    let compare = async |body: Value| server.ask(Method::POST, &path, &[], body.to_string()).await;
    let itself = compare(json!({})).await.good();
    assert_eq!(itself["candidate"], Value::Null);
    let runs = &itself["runs"];
    assert_eq!((&runs[0]["outcome"], &runs[0]["beyond"]), (&json!("agreed"), &json!("say")));
    assert_eq!((&runs[1]["outcome"], &runs[1]["detail"]), (&json!("not-tried"), &json!("gone")));
    let other = compare(json!({ "plugin": digest(), "config": { "mode": "new" } })).await.good();
    let (parted, failed) = (&other["runs"][0], &other["runs"][1]);
    assert_eq!((&parted["outcome"], &parted["entry"]), (&json!("diverged"), &json!(3)));
    assert_eq!((&parted["expected"], &parted["got"]), (&json!("ring"), &json!("answer")));
    assert_eq!((&parted["call"]["request"], &parted["logs"][0]["text"]), (&json!("answer"), &json!("on its way")));
    assert_eq!((&parted["reworded"][0]["request"], &parted["substituted"]), (&json!("say"), &json!(1)));
    assert_eq!((&failed["outcome"], &failed["failure"]), (&json!("failed"), &json!("trap")));

    compare(json!({ "plugin": digest(), "version": digest() })).await.refused(422, "invalid-body");
    compare(json!({ "config": { "a": "b" } })).await.refused(422, "invalid-body");
    compare(json!({ "plugin": "x" })).await.refused(422, "invalid-name");
    compare(json!({ "plugins": digest() })).await.refused(422, "unknown-key");
    compare(json!({ "plugin": digest(), "deployment": "other" })).await.refused(422, "other-deployment");
}

#[tokio::test]
async fn a_back_test_is_begun_looked_at_and_ended() {
    let server = server().await;
    let begin = async |body: Value| server.ask(Method::POST, "/v1/backtests", &[], body.to_string()).await;
    let from = "2026-01-31T09:30:00Z";
    let body =
        json!({ "candidate": { "plugin": digest(), "deployment": "reception" }, "from": from, "queue": "support" });
    let begun = begin(body).await;
    assert_eq!(begun.status, 202);
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let found = server.get(&format!("/v1/backtests/{id}")).await.good();
    assert_eq!(
        (&found["state"], &found["from"], &found["limit"]),
        (&json!("done"), &json!("2026-01-31T09:30:00.000000Z"), &json!(10_000))
    );
    assert_eq!(found["decisions"], Value::Null);
    let report = &found["report"];
    assert_eq!((&report["contacts"], &report["compared"], &report["agreed"]), (&json!(4), &json!(3), &json!(1)));
    assert_eq!((&report["agreement_percent"], &report["skipped"]), (&json!(33.333), &json!({ "erased": 1 })));
    assert_eq!(
        (&report["entries"], &report["entries_compared"], &report["compared_percent"]),
        (&json!(30), &json!(18), &json!(60.0))
    );
    let difference = &report["differences"][0];
    assert_eq!((&difference["expected"], &difference["contacts"]), (&json!("ask menu"), &json!(1)));
    assert_eq!(difference["examples"][0]["contact"], json!(contact(2).to_string()));
    assert_eq!(report["failures"][0]["kind"], "trap");
    assert_eq!(report["further_calls"][0]["call"], "say");
    assert_eq!(server.get("/v1/backtests").await.good()["backtests"].as_array().unwrap().len(), 1);
    assert_eq!(server.delete(&format!("/v1/backtests/{id}")).await.status, 204);
    server.get(&format!("/v1/backtests/{id}")).await.refused(404, "not-found");
    server.get("/v1/backtests/x").await.refused(404, "not-found");
    server.delete("/v1/backtests/x").await.refused(404, "not-found");
}

#[tokio::test]
async fn a_scorers_back_test_tells_of_decisions() {
    let server = server().await;
    let body = json!({ "candidate": { "plugin": digest(), "deployment": "skills" }, "from": "2026-01-31T09:30:00Z" });
    let begun = server.ask(Method::POST, "/v1/backtests", &[], body.to_string()).await;
    assert_eq!(begun.status, 202);
    let begun = begun.json();
    assert_eq!(begun["report"], Value::Null);
    let found = &begun["decisions"];
    assert_eq!((&found["decisions"], &found["compared"], &found["agreed"]), (&json!(3), &json!(2), &json!(0)));
    assert_eq!((&found["diverged"], &found["failed"], &found["by_another"]), (&json!(1), &json!(1), &json!(2)));
    assert_eq!((&found["compared_percent"], &found["skipped"]), (&json!(66.666), &json!({ "no-scorer": 1 })));
    let difference = &found["differences"][0];
    assert_eq!((&difference["queue"], &difference["kind"]), (&json!("support"), &json!("other-agents")));
    let example = &difference["examples"][0];
    assert_eq!((&example["decision"], &example["at"]), (&json!(3), &found["first_difference"]["at"]));
    let change = json!({ "contact": contact(1).to_string(), "waited_ms": 0, "recorded": "bob", "candidate": "eve" });
    assert_eq!(example["changes"][0], change);
    let failure = &found["failures"][0];
    assert_eq!((&failure["kind"], &failure["examples"][0]["detail"]), (&json!("trap"), &json!("unreachable")));
}

#[tokio::test]
async fn a_back_test_that_makes_no_sense_is_refused() {
    let server = server().await;
    let candidate = json!({ "plugin": digest(), "deployment": "reception" });
    let from = "2026-01-31T09:30:00Z";
    for (body, code) in [
        (json!({ "candidate": {}, "from": from }), "invalid-body"),
        (json!({ "candidate": { "plugin": digest() }, "from": from }), "invalid-body"),
        (json!({ "candidate": candidate }), "invalid-body"),
        (json!({ "candidate": candidate, "from": "yesterday" }), "invalid-query"),
        (json!({ "candidate": candidate, "from": from, "until": from }), "invalid-body"),
        (json!({ "candidate": candidate, "from": from, "limit": 0 }), "out-of-bounds"),
        (json!({ "candidate": candidate, "from": from, "limit": 100_001 }), "out-of-bounds"),
        (json!({ "candidate": candidate, "from": from, "queue": "a b" }), "invalid-name"),
    ] {
        let answer = server.ask(Method::POST, "/v1/backtests", &[], body.to_string()).await;
        answer.refused(422, code);
    }
}
