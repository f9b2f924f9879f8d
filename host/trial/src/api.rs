//! A client of the admin API.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::http::Response;

/// An answer other than success: RFC 9457 problem details.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Problem {
    /// Its stable code.
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A client with a token.
#[derive(Clone)]
pub struct Api {
    base: String,
    bearer: String,
    agent: Agent,
}

impl Api {
    /// A client of the API at this base URL.
    pub fn new(base: &str, token: &str) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(120))).build();
        Self { base: base.trim_end_matches('/').into(), bearer: format!("Bearer {token}"), agent: config.into() }
    }

    fn answer(mut response: Response<ureq::Body>) -> Result<Result<Value, Problem>> {
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let body =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Ok(if (200..300).contains(&status) { Ok(body) } else { Err(Problem { status, body }) })
    }

    fn good(path: &str, answer: Result<Value, Problem>) -> Result<Value> {
        answer.map_err(|problem| anyhow::anyhow!("{path}: {} {}", problem.status, problem.body))
    }

    /// GET, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub fn try_get(&self, path: &str) -> Result<Result<Value, Problem>> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        Self::answer(request.call()?)
    }

    /// GET.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn get(&self, path: &str) -> Result<Value> {
        Self::good(path, self.try_get(path)?)
    }

    /// PUT JSON, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub fn try_put(&self, path: &str, body: &Value) -> Result<Result<Value, Problem>> {
        let request = self.agent.put(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        Self::answer(request.send_json(body)?)
    }

    /// PUT bytes, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub fn try_put_bytes(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Result<Value, Problem>> {
        let request = self.agent.put(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        Self::answer(request.header("content-type", content_type).send(body)?)
    }

    /// PUT JSON.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn put(&self, path: &str, body: Value) -> Result<Value> {
        Self::good(path, self.try_put(path, &body)?)
    }

    /// POST bytes, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub fn try_post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Result<Value, Problem>> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        Self::answer(request.header("content-type", content_type).send(body)?)
    }

    /// POST JSON.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        Self::good(path, self.try_post(path, "application/json", body.to_string().as_bytes())?)
    }

    /// POST without a body, answered with bytes.
    ///
    /// # Errors
    /// No answer, or not success.
    pub fn post_for_bytes(&self, path: &str) -> Result<Vec<u8>> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        let mut answer = request.send_empty()?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        Ok(answer.body_mut().with_config().limit(256 << 20).read_to_vec()?)
    }

    /// DELETE, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub fn try_delete(&self, path: &str) -> Result<Result<Value, Problem>> {
        let request = self.agent.delete(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        Self::answer(request.call()?)
    }

    /// Uploads a built plugin, with its manifest if it has one; its digest.
    ///
    /// # Errors
    /// It isn't built, or is refused.
    pub fn upload(&self, plugin: &str) -> Result<String> {
        let component = std::fs::read(crate::plugin(plugin)?)?;
        let manifest = std::fs::read(crate::plugin(plugin)?.with_extension("json")).ok();
        let answer = match manifest {
            Some(manifest) => {
                let parts = [("component", component.as_slice()), ("manifest", manifest.as_slice())];
                Self::good("/v1/plugins", self.try_upload(&parts)?)?
            }
            None => {
                let path = format!("/v1/plugins?name={plugin}");
                Self::good(&path, self.try_post(&path, "application/wasm", &component)?)?
            }
        };
        let digest = answer.get("digest").and_then(Value::as_str).unwrap_or_default();
        ensure!(digest.len() == 64, "no digest in {answer}");
        Ok(digest.into())
    }

    /// Uploads parts by name, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub fn try_upload(&self, parts: &[(&str, &[u8])]) -> Result<Result<Value, Problem>> {
        const BETWEEN: &str = "cordboard-trial-6f1c9f0d";
        let mut body = Vec::new();
        for (name, bytes) in parts {
            body.extend(format!("--{BETWEEN}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
            body.extend(*bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BETWEEN}--\r\n").bytes());
        self.try_post("/v1/plugins", &format!("multipart/form-data; boundary={BETWEEN}"), &body)
    }

    /// Lets a plugin ask these places, `http://HOST:PORT` on this machine, and no others.
    ///
    /// # Errors
    /// It is refused, or an origin is none.
    pub fn grant(&self, plugin: &str, origins: &[&str]) -> Result<()> {
        let place = |origin: &&str| {
            let (host, port) = origin.strip_prefix("http://").and_then(|rest| rest.rsplit_once(':'))?;
            let port: u16 = port.parse().ok()?;
            Some(json!({ "host": host, "port": port, "methods": ["GET"], "private": true }))
        };
        let egress: Option<Vec<Value>> = origins.iter().map(place).collect();
        let egress = egress.context("an origin is http://HOST:PORT")?;
        self.put(&format!("/v1/plugins/{plugin}/grants"), json!({ "egress": egress })).map(drop)
    }

    /// Deploys an uploaded plugin, and lets it ask these places if there are any; the version that serves then.
    ///
    /// # Errors
    /// It is refused.
    pub fn deploy(&self, name: &str, digest: &str, config: Value, egress: &[&str]) -> Result<String> {
        if !egress.is_empty() {
            let plugin = self.get(&format!("/v1/plugins/{digest}"))?;
            self.grant(plugin.get("name").and_then(Value::as_str).context("a plugin without a name")?, egress)?;
        }
        let body = json!({ "plugin": digest, "config": config });
        let answer = self.put(&format!("/v1/deployments/{name}"), body)?;
        Ok(answer.get("version").and_then(Value::as_str).unwrap_or_default().into())
    }

    /// Adds an agent with a phone.
    ///
    /// # Errors
    /// It is refused.
    pub fn agent(&self, id: &str, name: &str, skills: Value) -> Result<()> {
        let body = json!({ "name": name, "skills": skills, "password": format!("secret-{id}"), "auto_ready": true });
        self.put(&format!("/v1/agents/{id}"), body).map(drop)
    }

    /// Asks again and again until the answer fits.
    ///
    /// # Errors
    /// It never does; the text has the last answer.
    pub fn until(&self, path: &str, limit: Duration, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + limit;
        loop {
            let answer = self.try_get(path)?;
            match answer {
                Ok(answer) if fits(&answer) => return Ok(answer),
                other => ensure!(Instant::now() < until, "{path} never fits; the last answer: {other:?}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
