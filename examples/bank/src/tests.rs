//! The bank as its callers see it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::customers::CUSTOMERS;
use crate::faults::HUGE_BYTES;
use crate::http::router;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt as _;

async fn raw(bank: &Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = bank.clone().oneshot(request).await.unwrap();
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

async fn get(bank: &Router, path: &str) -> (StatusCode, Vec<u8>) {
    raw(bank, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn value(bank: &Router, path: &str) -> Value {
    serde_json::from_slice(&get(bank, path).await.1).unwrap()
}

async fn fault(bank: &Router, body: Value) -> StatusCode {
    let request = Request::put("/fault").header("content-type", "application/json");
    raw(bank, request.body(body.to_string().into()).unwrap()).await.0
}

#[tokio::test]
async fn customers_are_found_by_phone_and_by_account() {
    let bank = router();
    for (path, name) in [
        ("/customers/1001", "Ada Lovelace"),
        ("/customers/by-phone/+15550001", "Ada Lovelace"),
        ("/customers/by-phone/%2B15550002", "Grace Hopper"),
        ("/customers/by-phone/15550003", "Alan Turing"),
    ] {
        assert_eq!(value(&bank, path).await["name"], name, "{path}");
    }
    assert_eq!(
        value(&bank, "/customers/1001").await,
        json!({
            "id": "1001", "name": "Ada Lovelace", "phone": "+15550001", "balance_minor": 123_456, "currency": "USD",
            "minimum_payment_minor": 2_500, "due_date": "2026-12-24", "tier": "gold",
        })
    );
}

#[tokio::test]
async fn everyone_else_is_unknown_and_all_is_counted() {
    let bank = router();
    for path in ["/customers/9", "/customers/by-phone/1001", "/customers/by-phone/%2B1", "/customers/..%2F1001"] {
        assert_eq!(get(&bank, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    get(&bank, "/customers/1002").await;
    let expect = json!({ "by_phone": 2, "by_account": 3, "found": 1, "unknown": 4, "faulty": 0 });
    assert_eq!(value(&bank, "/requests").await, expect);
}

#[tokio::test]
async fn faults_come_and_go() {
    let bank = router();
    assert_eq!(fault(&bank, json!({ "mode": "error", "ms": 500 })).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&bank, "/customers/1001").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    fault(&bank, json!({ "mode": "garbage" })).await;
    let (status, body) = get(&bank, "/customers/1001").await;
    assert_eq!(status, StatusCode::OK);
    assert!(serde_json::from_slice::<Value>(&body).is_err());
    fault(&bank, json!({ "mode": "huge" })).await;
    assert!(get(&bank, "/customers/1001").await.1.len() > HUGE_BYTES);
    fault(&bank, json!({ "mode": "delay", "ms": 1 })).await;
    assert_eq!(value(&bank, "/customers/1001").await["id"], "1001");
    fault(&bank, json!({ "mode": "none" })).await;
    assert_eq!(value(&bank, "/customers/1001").await["id"], "1001");
    assert_eq!(value(&bank, "/requests").await["faulty"], 4);
    assert!(fault(&bank, json!({ "mode": "catch-fire" })).await.is_client_error());
}

#[tokio::test]
async fn who_hangs_is_answered_when_the_fault_is_lifted() {
    let bank = router();
    fault(&bank, json!({ "mode": "hang" })).await;
    let hanging = tokio::spawn({
        let bank = bank.clone();
        async move { value(&bank, "/customers/1001").await }
    });
    while value(&bank, "/requests").await["faulty"] != 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!hanging.is_finished());
    fault(&bank, json!({ "mode": "none" })).await;
    assert_eq!(hanging.await.unwrap()["id"], "1001");
}

#[test]
fn every_customer_can_be_greeted_by_name() {
    let index = include_str!("../../../prompts/en/index.toml");
    for customer in &CUSTOMERS {
        let phrase = format!("\"{}\" = ", customer.name.to_lowercase());
        assert!(index.lines().any(|line| line.starts_with(&phrase)), "{} isn't recorded", customer.name);
    }
}
