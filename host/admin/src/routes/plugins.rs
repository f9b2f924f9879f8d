//! `/v1/plugins`: uploaded components, with their manifests.

mod parts;

use crate::app::App;
use crate::bounds;
use crate::centre::{self, Refusal};
use crate::extract::{Named, Query, upload};
use crate::json::{Time, WorldName};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cordboard_core::ids::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An uploaded plugin.
#[derive(Serialize, ToSchema)]
struct Plugin {
    /// SHA-256 of the component, 64 hex digits.
    digest: String,
    /// For people.
    name: Option<String>,
    /// Its world.
    world: WorldName,
    /// The contract it was built for.
    #[schema(example = "cordboard:flow@0.1.0")]
    contract: String,
    /// What it imports.
    imports: Vec<String>,
    /// Of the component.
    size_bytes: u64,
    /// When it was uploaded first.
    uploaded_at: Time,
    /// Deployments that serve it.
    deployments: Vec<String>,
    /// The manifest it came with, as it was written; null: none, so that it wants nothing.
    #[schema(value_type = Option<Object>)]
    manifest: Option<serde_json::Value>,
    /// Who signed component and manifest; null: nobody.
    signed_by: Option<Signer>,
}

/// A key that signed.
#[derive(Serialize, ToSchema)]
struct Signer {
    /// Its name in the host's configuration, when the plugin was uploaded.
    name: String,
    /// The public key, 64 hex digits.
    key: String,
}

/// Plugins, by name and digest.
#[derive(Serialize, ToSchema)]
struct Plugins {
    /// All of them.
    plugins: Vec<Plugin>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// A name for people, at most 128 bytes, where there is no manifest. Uploading the same component again renames it.
    name: Option<String>,
}

/// An upload in parts, each at most once.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read by hand; the document has it")]
struct UploadParts {
    /// The component.
    #[schema(value_type = String, format = Binary)]
    component: Vec<u8>,
    /// Its manifest: JSON of at most 64 KiB.
    #[schema(value_type = String, format = Binary)]
    manifest: Vec<u8>,
    /// A detached ed25519 signature: `{"key": NAME or 64 hex digits, "signature": 128 hex digits}`, over
    /// `cordboard-signature-1`, the SHA-256 of the component and the SHA-256 of the manifest.
    #[schema(value_type = Option<String>, format = Binary)]
    signature: Option<Vec<u8>>,
}

impl From<centre::Plugin> for Plugin {
    fn from(plugin: centre::Plugin) -> Self {
        Self {
            digest: plugin.digest.to_string(),
            name: plugin.name,
            world: plugin.world.into(),
            contract: plugin.contract,
            imports: plugin.imports,
            size_bytes: plugin.size_bytes,
            uploaded_at: Time(plugin.uploaded_at),
            deployments: plugin.deployments.into_iter().map(String::from).collect(),
            manifest: plugin.manifest,
            signed_by: plugin.signed_by.map(|signer| Signer { name: signer.name, key: signer.key }),
        }
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(upload_plugin, list_plugins)).routes(routes!(get_plugin, delete_plugin))
}

/// Uploads a component.
///
/// It is verified: its world, its contract's version and its imports; the manifest in all its members, and that it is this
/// component's; the signature, by a key that the host trusts. Uploading the same again changes nothing; with another
/// manifest, that one counts for later deployments. A component alone (`application/wasm`) has no manifest: it wants
/// nothing, whatever is granted.
#[utoipa::path(
    post, path = "/v1/plugins", tag = "plugins", params(UploadQuery),
    request_body(
        content((Vec<u8> = "application/wasm"), (UploadParts = "multipart/form-data")),
        description = "The component alone, or in parts with its manifest.",
    ),
    responses(
        (status = 201, description = "It is new.", body = Plugin, headers(("Location" = String))),
        (status = 200, description = "It was there already.", body = Plugin),
    ),
)]
async fn upload_plugin(
    State(app): State<App>,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<Response, Problem> {
    if let Some(name) = &query.name {
        bounds::text("name", name, 1, 128)?;
    }
    let _slot = app.upload_slot()?;
    let uploaded = if parts::is_multipart(&request) {
        if query.name.is_some() {
            let detail = "the manifest names the plugin: leave `name` out";
            return Err(Problem::invalid("name-given-twice", "name", detail));
        }
        parts::read(request, app.max_upload_bytes).await?
    } else {
        let types = ["application/wasm", "application/octet-stream"];
        let component = upload(request, &types, "the component", app.max_upload_bytes).await?;
        centre::Upload { component, manifest: None, signature: None }
    };
    let digest = Digest::of(&uploaded.component);
    let known = app.ask(app.centre.plugins()).await?.iter().any(|plugin| plugin.digest == digest);
    let plugin = app.compile(|centre| async move { centre.upload(query.name, uploaded).await }).await?;
    let location = [(header::LOCATION, format!("/v1/plugins/{}", plugin.digest))];
    let status = if known { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, location, Json(Plugin::from(plugin))).into_response())
}

/// All plugins.
#[utoipa::path(get, path = "/v1/plugins", tag = "plugins", responses((status = 200, body = Plugins)))]
async fn list_plugins(State(app): State<App>) -> Result<Json<Plugins>, Problem> {
    let plugins = app.ask(app.centre.plugins()).await?;
    Ok(Json(Plugins { plugins: plugins.into_iter().map(Plugin::from).collect() }))
}

/// One plugin.
#[utoipa::path(
    get, path = "/v1/plugins/{digest}", tag = "plugins", params(("digest" = String, Path, description = "64 hex digits")),
    responses((status = 200, body = Plugin)),
)]
async fn get_plugin(State(app): State<App>, Named(digest): Named<Digest>) -> Result<Json<Plugin>, Problem> {
    let plugins = app.ask(app.centre.plugins()).await?;
    let found = plugins.into_iter().find(|plugin| plugin.digest == digest);
    let plugin = found.ok_or_else(|| Refusal::NotFound { what: "plugin", name: digest.to_string() })?;
    Ok(Json(plugin.into()))
}

/// Removes a plugin that no deployment serves.
#[utoipa::path(
    delete, path = "/v1/plugins/{digest}", tag = "plugins",
    params(("digest" = String, Path, description = "64 hex digits")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "A deployment serves it: `in-use`.", body = crate::problem::Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_plugin(State(app): State<App>, Named(digest): Named<Digest>) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.delete_plugin(digest).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
