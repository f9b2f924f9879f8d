//! What back-ends answer to the requests that flows send, within the bounds that a host has for them.

use super::Drive;
use super::agenda::Coming;
use super::perform::AS_WRITTEN;
use crate::language::{BackendRow, FetchFails, Response, Value};
use crate::moment::Happened;
use cordboard_core::board::{Fetch, Input};
use cordboard_core::flow::{ContactError, FetchError, FetchRequest, FetchResponse, Method, Reply};
use cordboard_plugin::{FetchOrder, Manifest};
use std::sync::Arc;
use std::time::Duration;

/// A back-end answers so soon, unless the script says otherwise.
const FETCH_MS: u64 = 50;

impl<'c> Drive<'c> {
    /// Answers a request as the first row that fits has it. What the script answers counts as granted, if the manifest
    /// wants it.
    pub(super) fn fetch(&mut self, wanted: Fetch) {
        let Fetch { fetch, version, request, idempotency_key, timeout_ms, .. } = wanted;
        let timeout = Duration::from_millis(timeout_ms.into());
        let order = FetchOrder { request: request.clone(), idempotency_key, timeout };
        if let Err(error) = self.stage.host.check_fetch(version, order) {
            self.at_once.push_back(Input::Fetched { fetch, result: Err(error) });
            return;
        }
        let wants = |manifest: &Arc<Manifest>| manifest.wants_request(request.method.as_str(), &request.url);
        let row = if self.stage.manifests.get(&version).is_none_or(wants) { self.backend_for(&request) } else { None };
        let Some(row) = row else {
            self.at_once.push_back(Input::Fetched { fetch, result: Err(FetchError::NotGranted) });
            return;
        };
        self.fetching = Some(self.now);
        let result = match (&row.answers, row.fails) {
            // Nothing is ever heard of it.
            (_, Some(FetchFails::Timeout)) if row.after.is_none() => return,
            (_, Some(fails)) => Err(failure(fails)),
            (Some(response), None) => Ok(responded(response, &request)),
            (None, None) => return,
        };
        let after_ms = row.after.map_or(FETCH_MS, |after| after.0);
        let input = Input::Fetched { fetch, result };
        self.agenda.note(self.now.plus_ms(after_ms), Coming::Input(Box::new(input)));
    }

    fn backend_for(&mut self, request: &FetchRequest) -> Option<&'c BackendRow> {
        let (method, body) = (request.method.as_str(), text(request).unwrap_or_default());
        let case = self.case;
        let (row, times) = case.backend.iter().zip(&mut self.fetched).find(|(row, times)| {
            // The contract's name is in small letters, HTTP's in capitals.
            let same = |wanted: &Value| wanted.fits(method) || wanted.fits(&method.to_ascii_lowercase());
            row.method.as_ref().is_none_or(same)
                && row.url.as_ref().is_none_or(|wanted| wanted.fits(&request.url))
                && row.body.as_ref().is_none_or(|wanted| wanted.fit(&body))
                && row.times.is_none_or(|most| **times < most)
        })?;
        *times += 1;
        Some(row)
    }

    /// What came of a request, as a moment; none: it was not sent, and the person is gone.
    pub(super) fn fetched(&mut self, request: FetchRequest, reply: &Reply) -> Option<Happened> {
        let sent = self.fetching.take();
        let refused = |error: &str, text: &str| {
            let (call, error, text) = ("fetch".into(), error.into(), text.to_owned());
            Some(Happened::Refused { call, error, text })
        };
        let outcome = match reply {
            Reply::Fetched(response) => response.status.to_string(),
            // It was not sent.
            Reply::FetchFailed(error @ (FetchError::Invalid(_) | FetchError::NotGranted)) => {
                return refused(error.code(), error.detail().unwrap_or_default());
            }
            Reply::FetchFailed(error) => error.code().to_owned(),
            Reply::Failed(ContactError::Invalid(text)) => return refused("invalid", text),
            Reply::Failed(ContactError::Limit(text) | ContactError::NotNow(text) | ContactError::Other(text)) => {
                return refused("other", text);
            }
            Reply::Failed(_) if sent.is_some() => "ended".to_owned(),
            _ => return None,
        };
        let body = text(&request);
        let took_ms = sent.map_or(0, |sent| self.now.ms_since(sent));
        let method = request.method.as_str().to_owned();
        Some(Happened::Fetched { method, url: request.url, body, outcome, took_ms })
    }
}

/// The body, for people.
fn text(request: &FetchRequest) -> Option<String> {
    request.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned())
}

/// The response as far as the flow gets it (`cordboard_plugin` does the same with a real one).
fn responded(response: &Response, request: &FetchRequest) -> FetchResponse {
    let wanted = |(name, _): &&(String, String)| request.wanted_headers.contains(name);
    let headers = response.headers.iter().filter(wanted).cloned().collect();
    let body = if request.method == Method::Head { Vec::new() } else { response.body.clone().into_bytes() };
    FetchResponse { status: response.status, headers, body }
}

fn failure(fails: FetchFails) -> FetchError {
    match fails {
        FetchFails::Timeout => FetchError::Timeout,
        FetchFails::Busy => FetchError::Busy,
        FetchFails::NotGranted => FetchError::NotGranted,
        FetchFails::TooLarge => FetchError::TooLarge,
        FetchFails::UnknownOutcome => FetchError::UnknownOutcome,
        FetchFails::Unavailable => FetchError::Unavailable(AS_WRITTEN.into()),
        FetchFails::Invalid => FetchError::Invalid(AS_WRITTEN.into()),
        FetchFails::Other => FetchError::Other(AS_WRITTEN.into()),
    }
}
