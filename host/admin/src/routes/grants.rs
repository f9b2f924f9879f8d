//! `/v1/plugins/{name}/grants`: what a plugin may use of what it wants.

use crate::app::App;
use crate::bounds;
use crate::centre::{self, EgressGrant, RequestBounds};
use crate::etag::{self, Precondition};
use crate::extract::{self, Segments};
use crate::problem::{Details, Problem};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A scheme of requests.
#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Scheme)]
enum SchemeName {
    /// Unencrypted.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

/// A place that requests may go to, and how.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Egress {
    /// A name or an address, as the plugin writes it. No wildcards.
    #[schema(min_length = 1, max_length = 253, example = "crm.example.net")]
    host: String,
    /// Its port.
    #[schema(minimum = 1)]
    port: u16,
    /// `http` or `https`.
    #[serde(default)]
    scheme: SchemeName,
    /// Some of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.
    #[serde(default = "get")]
    #[schema(min_items = 1, max_items = 7)]
    methods: Vec<String>,
    /// Whether the address connected to may be this machine's, link-local, private or of another range that isn't global.
    #[serde(default)]
    private: bool,
}

fn get() -> Vec<String> {
    vec!["GET".into()]
}

/// What may be kept for a tenant.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StoredValues {
    /// How many.
    #[serde(default = "keys")]
    #[schema(minimum = 1, maximum = 10_000_000, default = 10_000)]
    keys: u32,
    /// Of keys and values together.
    #[serde(default = "bytes")]
    #[schema(minimum = 1, maximum = 68_719_476_736_u64, default = 16_777_216)]
    bytes: u64,
}

const fn keys() -> u32 {
    10_000
}

const fn bytes() -> u64 {
    16 << 20
}

/// Bounds of the requests that one call of the plugin makes; null: the host's default.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Bounds {
    /// Of a request's body; 1 MiB by default.
    #[schema(maximum = 67_108_864)]
    request_bytes: Option<u32>,
    /// Of a response's body; 4 MiB by default.
    #[schema(maximum = 67_108_864)]
    response_bytes: Option<u32>,
    /// Requests at once; 4 by default.
    #[schema(minimum = 1, maximum = 64)]
    at_once: Option<u16>,
    /// From a request to the head of its response; a minute by default.
    #[schema(minimum = 1, maximum = 600_000)]
    timeout_ms: Option<u32>,
}

/// What an operator grants to a plugin's name, whatever version of it serves. Both keys are needed: what its manifest
/// wants as well can be used. Grants are no part of a version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Grants)]
struct GrantsBody {
    /// Places that requests may go to. At most 64.
    #[serde(default)]
    #[schema(max_items = 64)]
    egress: Vec<Egress>,
    /// How.
    #[serde(default)]
    bounds: Bounds,
    /// What may be kept; null: nothing.
    #[serde(default)]
    stored_values: Option<StoredValues>,
}

/// What is granted to a plugin's name.
#[derive(Serialize, ToSchema)]
struct GrantsOf {
    /// The plugin's name.
    plugin: String,
    /// Places that requests may go to.
    egress: Vec<Egress>,
    /// How.
    bounds: Bounds,
    /// What may be kept; null: nothing.
    stored_values: Option<StoredValues>,
    /// Which writing of the document this is.
    revision: u64,
}

impl GrantsBody {
    fn checked(self) -> Result<centre::Grant, Problem> {
        bounds::count("egress", self.egress.len(), 0, 64)?;
        for (at, rule) in self.egress.iter().enumerate() {
            let field = |member: &str| format!("egress[{at}].{member}");
            bounds::text(&field("host"), &rule.host, 1, 253)?;
            bounds::within(&field("port"), rule.port, 1, u16::MAX)?;
            bounds::count(&field("methods"), rule.methods.len(), 1, 7)?;
        }
        let Bounds { request_bytes, response_bytes, at_once, timeout_ms } = self.bounds;
        request_bytes.map_or(Ok(()), |bytes| bounds::within("bounds.request_bytes", bytes, 0, 64 << 20))?;
        response_bytes.map_or(Ok(()), |bytes| bounds::within("bounds.response_bytes", bytes, 0, 64 << 20))?;
        at_once.map_or(Ok(()), |count| bounds::within("bounds.at_once", count, 1, 64))?;
        timeout_ms.map_or(Ok(()), |ms| bounds::within("bounds.timeout_ms", ms, 1, 600_000))?;
        if let Some(values) = &self.stored_values {
            bounds::within("stored_values.keys", values.keys, 1, 10_000_000)?;
            bounds::within("stored_values.bytes", values.bytes, 1, 64 << 30)?;
        }
        let egress = self.egress.into_iter().map(|rule| EgressGrant {
            https: matches!(rule.scheme, SchemeName::Https),
            host: rule.host,
            port: rule.port,
            methods: rule.methods,
            private: rule.private,
        });
        Ok(centre::Grant {
            egress: egress.collect(),
            bounds: RequestBounds { request_bytes, response_bytes, at_once, timeout_ms },
            stored_values: self.stored_values.map(|values| (values.keys, values.bytes)),
        })
    }
}

impl GrantsOf {
    fn new(plugin: &str, grant: centre::Grant, revision: u64) -> Self {
        let egress = grant.egress.into_iter().map(|rule| Egress {
            host: rule.host,
            port: rule.port,
            scheme: if rule.https { SchemeName::Https } else { SchemeName::Http },
            methods: rule.methods,
            private: rule.private,
        });
        let RequestBounds { request_bytes, response_bytes, at_once, timeout_ms } = grant.bounds;
        Self {
            plugin: plugin.into(),
            egress: egress.collect(),
            bounds: Bounds { request_bytes, response_bytes, at_once, timeout_ms },
            stored_values: grant.stored_values.map(|(keys, bytes)| StoredValues { keys, bytes }),
            revision,
        }
    }
}

/// The plugin's name out of the path. 64 hex digits there are a digest, which nothing is granted to.
struct PluginName(String);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for PluginName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        let Segments(name) = Segments::<String>::from_request_parts(parts, state).await?;
        bounds::plain_name("plugin name", &name, 64)?;
        if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let detail = "grants go to a plugin's name, not to a digest";
            return Err(Problem::invalid("invalid-name", "plugin name", detail));
        }
        Ok(Self(name))
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_grants, put_grants, delete_grants))
}

/// What is granted to a plugin.
#[utoipa::path(
    get, path = "/v1/plugins/{name}/grants", tag = "plugins",
    params(("name" = String, Path, description = "The name in the plugin's manifest.")),
    responses((status = 200, body = GrantsOf, headers(("ETag" = String)))),
)]
async fn get_grants(
    State(app): State<App>,
    PluginName(name): PluginName,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = app.ask(app.centre.grant(&name)).await?;
    Ok(etag::fetched(&headers, found.map(|grant, revision| GrantsOf::new(&name, grant, revision))))
}

/// Replaces what is granted to a plugin.
///
/// It holds for the next use, in calls in progress as well; what is replayed is never asked again. Nothing is granted to a
/// name that no plugin has.
#[utoipa::path(
    put, path = "/v1/plugins/{name}/grants", tag = "plugins", request_body = GrantsBody,
    params(("name" = String, Path, description = "The name in the plugin's manifest."),
        ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = GrantsOf, headers(("ETag" = String))),
        (status = 412, description = "They have changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_grants(
    State(app): State<App>,
    PluginName(name): PluginName,
    Precondition(expected): Precondition,
    extract::Json(body): extract::Json<GrantsBody>,
) -> Result<Response, Problem> {
    let (grant, of) = (body.checked()?, name.clone());
    let put = app.change(move |centre| async move { centre.put_grant(of, grant, expected).await }).await?;
    Ok(etag::answer(put.map(|grant, revision| GrantsOf::new(&name, grant, revision))))
}

/// Takes everything back that is granted to a plugin, from the next use on.
#[utoipa::path(
    delete, path = "/v1/plugins/{name}/grants", tag = "plugins",
    params(("name" = String, Path, description = "The name in the plugin's manifest."),
        ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "They are gone."),
        (status = 412, description = "They have changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_grants(
    State(app): State<App>,
    PluginName(name): PluginName,
    Precondition(expected): Precondition,
) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.delete_grant(&name, expected).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
