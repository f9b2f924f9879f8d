//! Components in OCI registries: the five requests of the distribution specification that pushing and pulling one artefact
//! takes, on the client that is there anyway (docs/decisions/0008-registries.md).
//!
//! A registry is trusted with nothing: what comes is held against the digest that names it, every size is bounded, and a
//! redirect is followed without credentials.

mod auth;
mod error;
mod layout;
mod reference;

pub use auth::Credentials;
pub use error::OciError;
pub use layout::Artefact;
pub use reference::Reference;

use crate::api::encoded;
use crate::http;
use auth::Challenge;
use layout::{MANIFEST_TYPE, described};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// Of an artefact's manifest: registries take no longer ones.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// Of a component.
const MAX_COMPONENT_BYTES: u64 = 256 << 20;
/// Of what a registry says otherwise.
const MAX_SAID_BYTES: u64 = 64 << 10;
/// From a blob to where it lies.
const MAX_REDIRECTS: usize = 5;
/// A request, with all that it carries.
const ANSWERS_WITHIN: Duration = Duration::from_secs(600);

/// `sha256:` and 64 hex digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A registry, as one user sees it.
pub struct Registry {
    reference: Reference,
    base: String,
    agent: Agent,
    credentials: Option<Credentials>,
    /// What the registry wanted to be shown last.
    authorization: RefCell<Option<String>>,
}

impl Registry {
    /// The registry of this artefact.
    pub fn new(reference: Reference, credentials: Option<Credentials>) -> Self {
        let base = reference.base();
        let agent = http::agent(base.starts_with("https:"), http::Bound::Whole(ANSWERS_WITHIN));
        Self { reference, base, agent, credentials, authorization: RefCell::default() }
    }

    /// Pushes an artefact: its parts, as far as they aren't there, and then its manifest, which makes it known. Returns its
    /// digest. The same again is the same.
    ///
    /// # Errors
    /// The registry can't be reached, or refuses it.
    pub fn push(&self, artefact: &Artefact) -> Result<String, OciError> {
        let (config, manifest) = artefact.documents();
        self.push_blob(&artefact.component)?;
        self.push_blob(&config)?;
        let url = self.url(&format!("manifests/{}", self.reference.version));
        let response = self.ask("PUT", &url, &[("content-type", MANIFEST_TYPE)], &manifest)?;
        self.expect(response, &[201])?;
        Ok(digest(&manifest))
    }

    /// Pulls an artefact, and the digest of its manifest, by which it is what it is.
    ///
    /// # Errors
    /// The registry can't be reached or hasn't it; it is no component, or not what its digest says.
    pub fn pull(&self) -> Result<(Artefact, String), OciError> {
        let url = self.url(&format!("manifests/{}", self.reference.version));
        let response = self.ask("GET", &url, &[("accept", MANIFEST_TYPE)], &[])?;
        let mut response = self.expect(response, &[200])?;
        let manifest = self.body(&mut response, "the manifest", MAX_MANIFEST_BYTES)?;
        let is = digest(&manifest);
        let named = http::header(&response, "docker-content-digest").filter(|named| named.starts_with("sha256:"));
        for named in [self.reference.digest(), named].into_iter().flatten() {
            self.same("the manifest", named, &is)?;
        }
        let about = described(&self.reference, &manifest)?;
        if about.bytes > MAX_COMPONENT_BYTES {
            return Err(self.too_large("the component", MAX_COMPONENT_BYTES));
        }
        let response = self.blob(&about.digest)?;
        let mut response = self.expect(response, &[200])?;
        let component = self.body(&mut response, "the component", about.bytes)?;
        self.same("the component", &about.digest, &digest(&component))?;
        let artefact =
            Artefact { component, manifest: about.manifest, signature: about.signature, ..Artefact::default() };
        Ok((artefact, is))
    }

    fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.base, self.reference.name)
    }

    fn push_blob(&self, bytes: &[u8]) -> Result<(), OciError> {
        let is = digest(bytes);
        if self.ask("HEAD", &self.url(&format!("blobs/{is}")), &[], &[])?.status() == 200 {
            return Ok(());
        }
        let begun = self.ask("POST", &self.url("blobs/uploads/"), &[], &[])?;
        let begun = self.expect(begun, &[202])?;
        let at = http::header(&begun, "location").and_then(|at| self.own(at));
        let at = at.ok_or_else(|| self.refused(202, "an upload goes to a place of the registry's own"))?;
        let between = if at.contains('?') { '&' } else { '?' };
        let url = format!("{at}{between}digest={}", encoded(&is));
        let done = self.ask("PUT", &url, &[("content-type", "application/octet-stream")], bytes)?;
        self.expect(done, &[201]).map(drop)
    }

    /// A location, if it is of this registry: nothing else is shown the credentials.
    fn own(&self, location: &str) -> Option<String> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(format!("{}{location}", self.base));
        }
        location.strip_prefix(&self.base).is_some_and(|rest| rest.starts_with('/')).then(|| location.to_owned())
    }

    /// A blob, from where the registry says that it lies.
    fn blob(&self, digest: &str) -> Result<Response<Body>, OciError> {
        let mut response = self.ask("GET", &self.url(&format!("blobs/{digest}")), &[], &[])?;
        for _ in 0..MAX_REDIRECTS {
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                break;
            }
            let at = http::header(&response, "location").unwrap_or_default();
            let at = if at.starts_with('/') { format!("{}{at}", self.base) } else { at.to_owned() };
            let scheme = self.base.split_once("//").map(|(scheme, _)| scheme).unwrap_or_default();
            if !at.starts_with(&format!("{scheme}//")) {
                return Err(
                    self.refused(response.status().as_u16(), "it sends elsewhere, and not over the same scheme")
                );
            }
            response = self.send("GET", &at, &[], &[], None)?;
        }
        Ok(response)
    }

    /// Asks, and once again with what the registry then wants to be shown.
    fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response<Body>, OciError> {
        let known = self.authorization.borrow().clone();
        let response = self.send(method, url, headers, body, known.as_deref())?;
        if response.status() != 401 {
            return Ok(response);
        }
        let challenge = http::header(&response, "www-authenticate").and_then(Challenge::read);
        let challenge = challenge.ok_or_else(|| self.unauthorized("it says in no way known here what it wants"))?;
        let answer = match challenge {
            Challenge::Basic => self.credentials.as_ref().map(Credentials::basic),
            Challenge::Bearer { realm, service, scope } => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull,push", self.reference.name));
                Some(self.token(&realm, service.as_deref(), &scope)?)
            }
        };
        let answer = answer.ok_or_else(|| self.unauthorized("it wants some, and there are none"))?;
        *self.authorization.borrow_mut() = Some(answer.clone());
        self.send(method, url, headers, body, Some(&answer))
    }

    /// A token of the service that a registry trusts.
    fn token(&self, realm: &str, service: Option<&str>, scope: &str) -> Result<String, OciError> {
        let scheme = self.base.split_once("//").map(|(scheme, _)| scheme).unwrap_or_default();
        let same = realm.starts_with(&format!("{scheme}//")) && (scheme == "https:" || crate::hosts::is_local(realm));
        if !same {
            return Err(self.unauthorized("it sends for a token where credentials aren't safe"));
        }
        let mut url = format!("{realm}{}scope={}", if realm.contains('?') { '&' } else { '?' }, encoded(scope));
        if let Some(service) = service {
            url += &format!("&service={}", encoded(service));
        }
        let basic = self.credentials.as_ref().map(Credentials::basic);
        let mut response = self.send("GET", &url, &[], &[], basic.as_deref())?;
        if response.status() != 200 {
            return Err(self.unauthorized(&format!("its token service answers with {}", response.status().as_u16())));
        }
        let body = self.body(&mut response, "a token", MAX_SAID_BYTES)?;
        let read: Value = serde_json::from_slice(&body).unwrap_or_default();
        let token = ["token", "access_token"].iter().find_map(|name| read.get(*name)?.as_str());
        let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        Ok(format!("Bearer {}", token.ok_or_else(|| self.unauthorized("its token service gives no token"))?))
    }

    fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        authorization: Option<&str>,
    ) -> Result<Response<Body>, OciError> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers.iter().copied().chain(authorization.map(|value| ("authorization", value))) {
            request = request.header(name, value);
        }
        let sent = match method {
            "GET" | "HEAD" => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
            _ => request.body(body).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
        };
        sent.map_err(|source| self.unreachable(source))
    }

    /// A response with one of these statuses; else what it says.
    fn expect(&self, mut response: Response<Body>, statuses: &[u16]) -> Result<Response<Body>, OciError> {
        let status = response.status().as_u16();
        if statuses.contains(&status) {
            return Ok(response);
        }
        match status {
            404 => Err(OciError::NotFound(self.reference.to_string())),
            401 | 403 => Err(self.unauthorized(&format!("it answers with {status}"))),
            _ => {
                let body = http::read(&mut response, MAX_SAID_BYTES).ok().flatten().unwrap_or_default();
                let read: Value = serde_json::from_slice(&body).unwrap_or_default();
                let said = read.pointer("/errors/0/message").and_then(Value::as_str).unwrap_or("nothing more");
                Err(self.refused(status, said))
            }
        }
    }

    fn body(&self, response: &mut Response<Body>, what: &'static str, max_bytes: u64) -> Result<Vec<u8>, OciError> {
        let read = http::read(response, max_bytes).map_err(|source| self.unreachable(source))?;
        read.ok_or_else(|| self.too_large(what, max_bytes))
    }

    fn same(&self, what: &'static str, expected: &str, got: &str) -> Result<(), OciError> {
        if expected == got {
            return Ok(());
        }
        let reference = self.reference.to_string();
        Err(OciError::Mismatch { what, reference, expected: crate::tame(expected), got: got.into() })
    }

    fn too_large(&self, what: &'static str, max_bytes: u64) -> OciError {
        OciError::TooLarge { what, reference: self.reference.to_string(), max_bytes }
    }

    fn refused(&self, status: u16, said: &str) -> OciError {
        OciError::Refused { registry: self.reference.registry.clone(), status, said: crate::tame(said) }
    }

    fn unauthorized(&self, why: &str) -> OciError {
        OciError::Unauthorized { registry: self.reference.registry.clone(), why: why.to_owned() }
    }

    fn unreachable(&self, source: ureq::Error) -> OciError {
        OciError::Unreachable { registry: self.reference.registry.clone(), source: Box::new(source) }
    }
}
