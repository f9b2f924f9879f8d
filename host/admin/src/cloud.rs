//! Events as CloudEvents 1.0 in JSON.

mod convert;
mod data;

pub(crate) use data::Data;

use crate::rfc3339;
use cordboard_core::event::Event;
use cordboard_core::ids::TenantId;
use cordboard_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What every type begins with.
pub(crate) const PREFIX: &str = "cordboard.";
/// The type of what is told to a reader that was too slow.
pub(crate) const MISSED: &str = "cordboard.stream.missed";

/// An event (CloudEvents 1.0).
#[derive(Serialize, ToSchema)]
pub(crate) struct CloudEvent {
    /// Always `1.0`.
    specversion: &'static str,
    /// The event's number in this run of the host, as text: what `Last-Event-ID` takes.
    #[schema(example = "1207")]
    id: String,
    /// Whose host: `/cordboard/` and the tenant.
    #[schema(example = "/cordboard/default")]
    source: String,
    /// What kind, e.g. `cordboard.contact.offered`; it says which members `data` has.
    #[schema(example = "cordboard.contact.offered")]
    r#type: String,
    /// About which contact; left out if about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// When, as RFC 3339 in UTC.
    #[schema(format = DateTime)]
    time: String,
    /// Always `application/json`.
    datacontenttype: &'static str,
    /// Whose (an extension attribute).
    #[schema(example = "default")]
    tenant: String,
    /// What there is to say.
    data: Data,
}

impl CloudEvent {
    /// An event of the host.
    pub(crate) fn new(number: u64, event: &Event) -> Self {
        let subject = event.contact.map(|contact| contact.to_string());
        let kind = format!("{PREFIX}{}", data::kind(&event.what));
        Self::of(number.to_string(), kind, subject, event.at, (&event.what).into())
    }

    /// What a reader is told that was too slow. It has no number of its own, so that resuming is not disturbed.
    pub(crate) fn missed(after: u64, count: u64, at: Timestamp) -> Self {
        Self::of(format!("missed-{after}-{count}"), MISSED.to_owned(), None, at, Data::Missed { count })
    }

    fn of(id: String, kind: String, subject: Option<String>, at: Timestamp, data: Data) -> Self {
        let tenant = TenantId::default_tenant();
        Self {
            specversion: "1.0",
            id,
            source: format!("/cordboard/{tenant}"),
            r#type: kind,
            subject,
            time: rfc3339::format(at),
            datacontenttype: "application/json",
            tenant: tenant.into(),
            data,
        }
    }

    pub(crate) fn kind(&self) -> &str {
        &self.r#type
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An event as CloudEvents 1.0 has it, in JSON. `seq` is its number in this run of the host.
pub fn cloud_event(seq: u64, event: &Event) -> Value {
    serde_json::to_value(CloudEvent::new(seq, event)).unwrap_or_default()
}
