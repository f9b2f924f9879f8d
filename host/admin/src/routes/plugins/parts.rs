//! An upload in parts (RFC 7578): component, manifest, and perhaps a signature.

use crate::centre::{MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES, Upload};
use crate::extract;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::{StatusCode, header};
use bytes::Bytes;

/// Beyond the parts themselves: their heads, and what stands between them.
const FRAME_BYTES: usize = 16 << 10;

/// Whether a request comes in parts.
pub(super) fn is_multipart(request: &Request) -> bool {
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("multipart/form-data")
}

/// The parts, each at most once and within its bound.
pub(super) async fn read(request: Request, max_component: u64) -> Result<Upload, Problem> {
    let (head, body) = request.into_parts();
    let around = (MAX_MANIFEST_BYTES + MAX_SIGNATURE_BYTES + FRAME_BYTES) as u64;
    let whole = Request::from_parts(head.clone(), body);
    let bytes = extract::upload(whole, &["multipart/form-data"], "the upload", max_component + around).await?;
    let mut request = Request::from_parts(head, Body::from(bytes));
    // It is bounded already.
    DefaultBodyLimit::disable().apply(&mut request);
    let malformed = |text: String| Problem::new(StatusCode::BAD_REQUEST, "malformed-multipart", text);
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|error| malformed(error.body_text()))?;
    let (mut component, mut manifest, mut signature) = (None, None, None);
    while let Some(part) = multipart.next_field().await.map_err(|error| malformed(error.body_text()))? {
        let name = part.name().unwrap_or_default().to_owned();
        let (kept, limit) = match name.as_str() {
            "component" => (&mut component, max_component),
            "manifest" => (&mut manifest, MAX_MANIFEST_BYTES as u64),
            "signature" => (&mut signature, MAX_SIGNATURE_BYTES as u64),
            _ => {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                let detail = format!("there is no part `{shown}`: there are component, manifest and signature");
                return Err(Problem::invalid("unknown-part", shown, detail));
            }
        };
        if kept.is_some() {
            let detail = format!("the part `{name}` comes twice");
            return Err(Problem::invalid("duplicate-part", name, detail));
        }
        let bytes: Bytes = part.bytes().await.map_err(|error| malformed(error.body_text()))?;
        if bytes.len() as u64 > limit {
            return Err(Problem::too_large(&format!("the part `{name}`"), limit).at(name));
        }
        *kept = Some(bytes);
    }
    let missing = |name: &str| Problem::invalid("missing-part", name, format!("the part `{name}` is missing"));
    Ok(Upload {
        component: component.ok_or_else(|| missing("component"))?,
        manifest: Some(manifest.ok_or_else(|| missing("manifest"))?),
        signature,
    })
}
