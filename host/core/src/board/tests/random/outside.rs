//! The store and places outside, which answer sooner or later.

use super::*;
use crate::flow::{FetchRequest, FetchResponse, Method, ValueError};

pub(super) fn fetch(method: Method) -> Request {
    let url = "http://crm.example/".into();
    let request = FetchRequest { method, url, headers: vec![], body: None, wanted_headers: vec![] };
    Request::Fetch { request, timeout_ms: 1_000 }
}

/// What will be told of it.
pub(super) fn answer(effect: Effect) -> Option<Input> {
    match effect {
        Effect::LoadValue { ticket, contact, .. } => Some(Input::ValueLoaded { contact, ticket, result: Ok(None) }),
        Effect::StoreValue { ticket, contact, .. } => {
            Some(Input::ValueStored { contact, ticket, result: Err(ValueError::Quota) })
        }
        Effect::Fetch(wanted) => {
            let result = Ok(FetchResponse { status: 200, ..FetchResponse::default() });
            Some(Input::Fetched { fetch: wanted.fetch, result })
        }
        _ => None,
    }
}
