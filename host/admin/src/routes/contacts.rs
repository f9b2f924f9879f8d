//! `/v1/contacts`: contacts in progress and ended, in one shape.

use crate::app::App;
use crate::extract::{self, Named, Query, Segments};
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cordboard_core::flow::check_attribute;
use cordboard_core::ids::ContactId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) mod filter;
mod shape;

pub(crate) use shape::{Contact, channel, offer_result};

/// Part of a listing, newest first.
#[derive(Serialize, ToSchema)]
struct Contacts {
    /// At most `limit` of them.
    contacts: Vec<Contact>,
    /// There may be more: ask again with `before` set to this. A page can be short, even empty, and have one.
    next: Option<String>,
}

/// An attribute's value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AttributeBody {
    /// At most 8 KiB.
    value: String,
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_contacts))
        .routes(routes!(get_contact))
        .routes(routes!(end_contact))
        .routes(routes!(migrate_contact))
        .routes(routes!(replay_contact))
        .routes(routes!(erase_contact))
        .routes(routes!(put_attribute))
}

/// Contacts, newest first.
#[utoipa::path(
    get, path = "/v1/contacts", tag = "contacts", params(filter::Filter), responses((status = 200, body = Contacts)),
)]
async fn list_contacts(State(app): State<App>, Query(query): Query<filter::Filter>) -> Result<Json<Contacts>, Problem> {
    let asked = query.checked()?;
    // Those in progress first: one that ends in between is there twice then, and not missing.
    let mut live = Vec::new();
    if asked.live != Some(false) {
        live = app.ask(app.centre.live_contacts()).await?;
        live.retain(|view| asked.fits(view));
        live.sort_by_key(|view| std::cmp::Reverse(view.id));
    }
    let (mut records, mut next) = (Vec::new(), None);
    if asked.live != Some(true) {
        let page = app.ask(app.centre.records(asked.filter, asked.before, asked.limit)).await?;
        (records, next) = (page.records, page.next);
        // Below the end of the page there may be records that are newer than a contact in progress.
        live.retain(|view| next.is_none_or(|next| view.id >= next));
        live.retain(|view| !records.iter().any(|record| record.id == view.id));
    }
    let live = live.into_iter().map(|view| (view.id, Contact::from(view)));
    let mut all: Vec<(ContactId, Contact)> =
        live.chain(records.into_iter().map(|record| (record.id, Contact::from(record)))).collect();
    all.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    if all.len() > asked.limit {
        all.truncate(asked.limit);
        next = all.last().map(|(id, _)| *id);
    }
    let contacts = all.into_iter().map(|(_, contact)| contact).collect();
    Ok(Json(Contacts { contacts, next: next.map(|next| next.to_string()) }))
}

/// One contact.
#[utoipa::path(
    get, path = "/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = Contact)),
)]
async fn get_contact(State(app): State<App>, Named(id): Named<ContactId>) -> Result<Json<Contact>, Problem> {
    let contact = app.ask(app.centre.contact(id)).await?;
    Ok(Json(contact.into()))
}

/// Ends a contact in progress.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/end", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 202, description = "It is being ended."),
        (status = 409, description = "It has ended: `not-now`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn end_contact(State(app): State<App>, Named(id): Named<ContactId>) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.end_contact(id).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Lets a contact in progress go over to the version that its deployment serves.
///
/// The version goes through the contact's journal first; where it agrees, it takes over the call that the contact waits
/// in. How that went is an event: `contact.migrated` or `contact.not-migrated`.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/migrate", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 202, description = "It is being tried."),
        (status = 409, description = "The contact has ended: `not-now`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn migrate_contact(State(app): State<App>, Named(id): Named<ContactId>) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.migrate_contact(id).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A journal, gone through again.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// By the version that its last entries are from.
    version: String,
    /// Entries there are, of the contact's latest flow.
    entries: u64,
    /// Entries that the version went through.
    reached: u64,
    /// Whether it did what the journal says.
    agreed: bool,
    /// Where it did something else, or how it failed.
    parted: Option<String>,
    /// Secret answers that zeros stood in for.
    substituted: u64,
}

/// Goes through a contact's journal once more, without any effect.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/replay", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 200, body = Replayed),
        (status = 410, description = "The contact is erased: `erased`.", body = Details,
            content_type = "application/problem+json"),
        (status = 409, description = "Its version is gone, or nothing ran: `not-now`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn replay_contact(State(app): State<App>, Named(id): Named<ContactId>) -> Result<Json<Replayed>, Problem> {
    let replayed = app.compile(move |centre| async move { centre.replay_contact(id).await }).await?;
    Ok(Json(Replayed {
        version: replayed.version.to_string(),
        entries: replayed.entries,
        reached: replayed.reached,
        agreed: replayed.parted.is_none(),
        parted: replayed.parted,
        substituted: replayed.substituted,
    }))
}

/// Erases what is kept of the person of an ended contact: for good.
///
/// The contact's key is destroyed, and with it the journal, the caller's number, attributes, answers, and every text that a
/// flow wrote. The contact stays in the listing for statistics, with `erased`. Doing it again changes nothing. Not erased
/// are values that plugins store for the tenant, and what left the host before: events, logs at DEBUG, exports, copies of
/// the data folder.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/erase", tag = "contacts", params(("id" = String, Path)),
    responses(
        (status = 204, description = "It is erased, on disk."),
        (status = 409, description = "The contact is in progress, or its record is not written yet: `not-now`.",
            body = Details, content_type = "application/problem+json"),
    ),
)]
async fn erase_contact(State(app): State<App>, Named(id): Named<ContactId>) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.erase_contact(id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets an attribute of a contact in progress.
#[utoipa::path(
    put, path = "/v1/contacts/{id}/attributes/{name}", tag = "contacts", request_body = AttributeBody,
    params(("id" = String, Path), ("name" = String, Path, description = "1 to 128 bytes, no control characters")),
    responses(
        (status = 204, description = "It is set."),
        (status = 409, description = "The contact has ended: `not-now`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_attribute(
    State(app): State<App>,
    Segments((id, name)): Segments<(String, String)>,
    extract::Json(body): extract::Json<AttributeBody>,
) -> Result<StatusCode, Problem> {
    let id: ContactId = id.parse().map_err(|error| Problem::name("contact", &error))?;
    check_attribute(&name, &body.value).map_err(|detail| Problem::invalid("out-of-bounds", "value", detail))?;
    app.change(move |centre| async move { centre.set_attribute(id, name, body.value).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
