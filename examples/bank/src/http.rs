//! What the bank answers, and to what.

use crate::customers::{Customer, by_account, by_phone};
use crate::faults::{Fault, GARBAGE, HUGE_BYTES, MAX_DELAY_MS, Mode};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;

struct Bank {
    fault: watch::Sender<Fault>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    by_phone: AtomicU64,
    by_account: AtomicU64,
    found: AtomicU64,
    unknown: AtomicU64,
    faulty: AtomicU64,
}

/// The body of `GET /requests`: questions since the start, and how many were answered how.
#[derive(Debug, Serialize)]
struct Requests {
    /// Asked by telephone number.
    by_phone: u64,
    /// Asked by account.
    by_account: u64,
    /// Answered with a customer.
    found: u64,
    /// Answered with 404.
    unknown: u64,
    /// Asked while a fault was set.
    faulty: u64,
}

/// The whole service, with its own state.
pub(crate) fn router() -> Router {
    let bank = Bank { fault: watch::Sender::new(Fault::default()), counters: Counters::default() };
    Router::new()
        .route("/customers/by-phone/{number}", get(ask_by_phone))
        .route("/customers/{account}", get(ask_by_account))
        .route("/fault", put(set_fault))
        .route("/requests", get(requests))
        .with_state(Arc::new(bank))
}

async fn ask_by_phone(State(bank): State<Arc<Bank>>, Path(number): Path<String>) -> Response {
    bank.counters.by_phone.fetch_add(1, Relaxed);
    bank.answer(by_phone(&number)).await
}

async fn ask_by_account(State(bank): State<Arc<Bank>>, Path(account): Path<String>) -> Response {
    bank.counters.by_account.fetch_add(1, Relaxed);
    bank.answer(by_account(&account)).await
}

async fn set_fault(State(bank): State<Arc<Bank>>, Json(fault): Json<Fault>) -> StatusCode {
    bank.fault.send_replace(fault);
    StatusCode::NO_CONTENT
}

async fn requests(State(bank): State<Arc<Bank>>) -> Json<Requests> {
    let Counters { by_phone, by_account, found, unknown, faulty } = &bank.counters;
    Json(Requests {
        by_phone: by_phone.load(Relaxed),
        by_account: by_account.load(Relaxed),
        found: found.load(Relaxed),
        unknown: unknown.load(Relaxed),
        faulty: faulty.load(Relaxed),
    })
}

impl Bank {
    /// Behaves as told, and answers unless told otherwise.
    async fn answer(&self, customer: Option<&'static Customer>) -> Response {
        let mut faults = self.fault.subscribe();
        let fault = *faults.borrow_and_update();
        if fault.mode != Mode::None {
            self.counters.faulty.fetch_add(1, Relaxed);
        }
        match fault.mode {
            Mode::None => {}
            Mode::Delay => tokio::time::sleep(Duration::from_millis(fault.ms.min(MAX_DELAY_MS))).await,
            // An error means that the bank is gone, and so are we.
            Mode::Hang => drop(faults.wait_for(|fault| fault.mode != Mode::Hang).await),
            Mode::Error => return (StatusCode::INTERNAL_SERVER_ERROR, "the fault that was asked for").into_response(),
            Mode::Garbage => return json(GARBAGE.into()),
            Mode::Huge => return json(format!("{{\"id\": \"1001\", \"name\": \"{}\"}}", "x".repeat(HUGE_BYTES))),
        }
        let counter = if customer.is_some() { &self.counters.found } else { &self.counters.unknown };
        counter.fetch_add(1, Relaxed);
        match customer {
            Some(customer) => Json(customer).into_response(),
            None => (StatusCode::NOT_FOUND, Json(serde_json::json!({ "error": "no such customer" }))).into_response(),
        }
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
