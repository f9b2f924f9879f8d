//! `/v1/trunks`: where calls may come from.

use crate::app::App;
use crate::bounds;
use crate::centre;
use crate::etag::{self, Precondition};
use crate::extract::{self, Segments};
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where calls may come from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrunkBody {
    /// Addresses or networks, at most 64.
    #[schema(max_items = 64, example = json!(["192.0.2.7", "198.51.100.0/24", "2001:db8::/32"]))]
    peers: Vec<String>,
}

/// A trunk.
#[derive(Serialize, ToSchema)]
struct Trunk {
    /// Its name.
    name: String,
    /// Addresses or networks.
    peers: Vec<String>,
    /// Which writing of the document this is.
    revision: u64,
}

/// Trunks, by name.
#[derive(Serialize, ToSchema)]
struct Trunks {
    /// All of them.
    trunks: Vec<Trunk>,
}

impl Trunk {
    fn new(trunk: centre::Trunk, revision: u64) -> Self {
        Self { name: trunk.name, peers: trunk.peers, revision }
    }
}

impl TrunkBody {
    fn checked(self, name: String) -> Result<centre::Trunk, Problem> {
        bounds::count("peers", self.peers.len(), 0, 64)?;
        for (at, peer) in self.peers.iter().enumerate() {
            if !is_peer(peer) {
                let detail = format!("`{peer}` is neither an address nor a network");
                return Err(Problem::invalid("invalid-peer", format!("peers[{at}]"), detail));
            }
        }
        Ok(centre::Trunk { name, peers: self.peers })
    }
}

/// An address, or an address and how many of its bits count.
fn is_peer(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.bytes().all(|b| b.is_ascii_digit()) && bits.parse::<u8>().is_ok_and(|n| n <= most))
}

fn checked_name(name: String) -> Result<String, Problem> {
    bounds::plain_name("name", &name, 64)?;
    Ok(name)
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_trunks)).routes(routes!(get_trunk, put_trunk, delete_trunk))
}

/// All trunks.
#[utoipa::path(get, path = "/v1/trunks", tag = "trunks", responses((status = 200, body = Trunks)))]
async fn list_trunks(State(app): State<App>) -> Result<Json<Trunks>, Problem> {
    let all = app.ask(app.centre.trunks()).await?;
    Ok(Json(Trunks { trunks: super::listed(all, Trunk::new) }))
}

/// One trunk.
#[utoipa::path(
    get, path = "/v1/trunks/{name}", tag = "trunks", params(("name" = String, Path)),
    responses((status = 200, body = Trunk, headers(("ETag" = String)))),
)]
async fn get_trunk(
    State(app): State<App>,
    Segments(name): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = checked_name(name)?;
    let all = app.ask(app.centre.trunks()).await?;
    let found = super::one(all, "trunk", &name, |trunk| trunk.name == name)?;
    Ok(etag::fetched(&headers, found.map(Trunk::new)))
}

/// Adds or replaces a trunk.
#[utoipa::path(
    put, path = "/v1/trunks/{name}", tag = "trunks", request_body = TrunkBody,
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Trunk, headers(("ETag" = String))),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_trunk(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Precondition(expected): Precondition,
    extract::Json(body): extract::Json<TrunkBody>,
) -> Result<Response, Problem> {
    let trunk = body.checked(checked_name(name)?)?;
    let put = app.change(move |centre| async move { centre.put_trunk(trunk, expected).await }).await?;
    Ok(etag::answer(put.map(Trunk::new)))
}

/// Removes a trunk. Its calls go on.
#[utoipa::path(
    delete, path = "/v1/trunks/{name}", tag = "trunks",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_trunk(
    State(app): State<App>,
    Segments(name): Segments<String>,
    Precondition(expected): Precondition,
) -> Result<StatusCode, Problem> {
    let name = checked_name(name)?;
    app.change(move |centre| async move { centre.delete_trunk(&name, expected).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::is_peer;

    #[test]
    fn peers_are_addresses_or_networks() {
        for good in ["192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::1", "::/128"] {
            assert!(is_peer(good), "{good}");
        }
        for bad in ["", "host.example", "192.0.2.7/33", "192.0.2.7/", "192.0.2.7/+8", "::/129", "192.0.2", "/8"] {
            assert!(!is_peer(bad), "{bad}");
        }
    }
}
