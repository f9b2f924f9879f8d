//! Outgoing requests of plugins: only to the places that are granted, to the address that was checked, of bounded size
//! and number. The host follows no redirects; a guest that follows one is checked again.

use super::Reach;
use super::connect::{Wire, connect};
use super::tls::can_be_certified;
use crate::config::{EgressBounds, EgressRule, Grants, Scheme};
use crate::error::LoadError;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::http::uri::Scheme as UriScheme;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// Bounds that no grant exceeds, in bytes.
const MAX_BODY_BYTES: usize = 64 << 20;
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 100;
/// Requests of one call, in all.
const MAX_REQUESTS: u32 = 32;
/// The most that can be granted at once, and in ms.
const MAX_AT_ONCE: usize = 64;
const MAX_TIMEOUT_MS: u32 = 600_000;
const MAX_RULES: usize = 64;
const MAX_STORED_BYTES: u64 = 64 << 30;
/// A connection that takes longer isn't worth waiting for; the call's own deadline is usually nearer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Whether grants can be kept.
pub(crate) fn check_grants(grants: &Grants) -> Result<(), LoadError> {
    let wrong = |rule: &EgressRule, problem| Err(LoadError::Egress { rule: rule.clone(), problem });
    for rule in &grants.egress {
        if rule.host.is_empty() || rule.host.len() > 253 || rule.port == 0 {
            return wrong(rule, "the host isn't of 1 to 253 bytes, or the port is 0");
        }
        if rule.scheme == Scheme::Https && !can_be_certified(&rule.host) {
            return wrong(rule, "no certificate can be for this host");
        }
        if rule.methods.is_empty() || rule.methods.iter().any(|method| !METHODS.contains(&method.as_str())) {
            return wrong(rule, "the methods aren't some of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS");
        }
    }
    let limit = |limit, problem: &str| Err(LoadError::Limit { limit, problem: problem.into() });
    let EgressBounds { request_bytes, response_bytes, at_once, timeout_ms } = grants.bounds;
    if grants.egress.len() > MAX_RULES {
        return limit("egress", "more than 64 places");
    }
    if request_bytes > MAX_BODY_BYTES || response_bytes > MAX_BODY_BYTES {
        return limit("request_bytes, response_bytes", "over 64 MiB");
    }
    if at_once == 0 || at_once > MAX_AT_ONCE || timeout_ms == 0 || timeout_ms > MAX_TIMEOUT_MS {
        return limit("at_once, timeout_ms", "not within 1 to 64, and 1 to 600,000 ms");
    }
    if grants.stored_values.is_some_and(|quota| quota.keys == 0 || quota.bytes == 0 || quota.bytes > MAX_STORED_BYTES) {
        return limit("stored_values", "not at least 1 key and 1 byte, or over 64 GiB");
    }
    Ok(())
}

/// The requests of one store.
pub(crate) struct Egress {
    reach: Arc<Reach>,
    at_once: Arc<Semaphore>,
    requests: u32,
}

pub(super) type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// A request that may go, with what was granted for it.
pub(super) struct Admitted {
    pub(super) target: Target,
    pub(super) private: bool,
    pub(super) bounds: EgressBounds,
}

impl Egress {
    pub(crate) fn new(reach: Arc<Reach>) -> Self {
        let at_once = reach.grants().bounds.at_once;
        Self { reach, at_once: Arc::new(Semaphore::new(at_once)), requests: 0 }
    }

    /// A new call, counted from 0, with what is granted by now.
    pub(super) fn again(&mut self) {
        *self = Self::new(Arc::clone(&self.reach));
    }

    fn admit(&mut self, method: &Method, uri: &Uri) -> Result<Admitted, Error> {
        self.requests += 1;
        if self.requests > MAX_REQUESTS {
            return Err(Error::ConnectionLimitReached);
        }
        self.reach.admit(method, uri)
    }
}

impl Reach {
    /// Whether a request may go, by what is granted now.
    pub(super) fn admit(&self, method: &Method, uri: &Uri) -> Result<Admitted, Error> {
        let target = target(uri).ok_or(Error::HttpRequestUriInvalid)?;
        let grants = self.grants();
        let mut rules = grants.egress.iter().filter(|rule| target.is(rule) && allows(rule, method)).peekable();
        if rules.peek().is_none() {
            self.refused(format!("{method} {target}"));
            return Err(Error::HttpRequestDenied);
        }
        Ok(Admitted { private: rules.any(|rule| rule.private), target, bounds: grants.bounds })
    }
}

fn allows(rule: &EgressRule, method: &Method) -> bool {
    rule.methods.iter().any(|allowed| allowed == method.as_str())
}

impl WasiHttpHooks for Egress {
    fn is_supported_scheme(&mut self, scheme: &UriScheme) -> bool {
        *scheme == UriScheme::HTTP || *scheme == UriScheme::HTTPS
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let admitted = self.admit(request.method(), request.uri());
        let (at_once, reach) = (Arc::clone(&self.at_once), Arc::clone(&self.reach));
        Box::new(async move {
            let admitted = admitted?;
            // One that waits here is bounded by the call's deadline.
            let _turn = at_once.acquire_owned().await.map_err(|_| Error::ConnectionLimitReached)?;
            let within = Duration::from_millis(u64::from(admitted.bounds.timeout_ms));
            let sent = send(&admitted, &reach, request, options.unwrap_or_default());
            tokio::time::timeout(within, sent).await.map_err(|_| Error::ConnectionReadTimeout)?
        })
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    fn is(&self, rule: &EgressRule) -> bool {
        self.scheme == rule.scheme && self.port == rule.port && self.host.eq_ignore_ascii_case(&rule.host)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}:{}", crate::guest::shortened(&self.host, 253), self.port)
    }
}

/// The narrowest rule that lets this request go; none: the URL leads nowhere.
pub(crate) fn rule_for(method: &str, url: &str) -> Option<EgressRule> {
    let Target { scheme, host, port } = target(&url.parse().ok()?)?;
    Some(EgressRule { scheme, host, port, methods: vec![method.to_owned()], private: true })
}

fn target(uri: &Uri) -> Option<Target> {
    let (scheme, default_port) = match uri.scheme() {
        Some(scheme) if *scheme == UriScheme::HTTP => (Scheme::Http, 80),
        Some(scheme) if *scheme == UriScheme::HTTPS => (Scheme::Https, 443),
        _ => return None,
    };
    let authority = uri.authority()?;
    let (_, port) = authority.as_str().rsplit_once(authority.host())?;
    let port = match port.strip_prefix(':').unwrap_or(port) {
        "" => default_port,
        // One that is none would be another place than was meant.
        port => port.parse().ok().filter(|port| *port > 0)?,
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Target { scheme, host, port })
}

async fn send(
    admitted: &Admitted,
    reach: &Reach,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Sent, Error> {
    let stream = connected(admitted, reach, options.connect_timeout).await?;
    exchanged(stream, admitted, request, options.first_byte_timeout).await
}

pub(super) async fn connected(
    admitted: &Admitted,
    reach: &Reach,
    timeout: Option<Duration>,
) -> Result<Box<dyn Wire>, Error> {
    let timeout = timeout.unwrap_or(CONNECT_TIMEOUT).min(CONNECT_TIMEOUT);
    tokio::time::timeout(timeout, connect(admitted, reach)).await.map_err(|_| Error::ConnectionTimeout)?
}

/// From here on the request may have come to the other side, whatever becomes of it.
pub(super) async fn exchanged(
    stream: Box<dyn Wire>,
    admitted: &Admitted,
    request: Request<WasiBody>,
    first_byte_timeout: Option<Duration>,
) -> Result<Sent, Error> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(Error::Hyper)?;
    let mut connection = Box::pin(connection);
    let mut over = None;
    let response = {
        let sending = sender.send_request(outgoing(request, admitted.bounds.request_bytes)?);
        let first_byte = first_byte_timeout.unwrap_or(Duration::MAX);
        let sending = tokio::time::timeout(first_byte, sending);
        tokio::pin!(sending);
        tokio::select! {
            biased;
            sent = &mut sending => sent,
            ended = &mut connection => {
                over = Some(ended);
                // A back-end that closes at once: its response came together with the end.
                sending.await
            }
        }
    };
    let response = response.map_err(|_| Error::ConnectionReadTimeout)?;
    let response = match (response, &over) {
        // What can't be understood is told as such: the connection ends in order then, too.
        (Err(error), Some(Ok(()))) if !error.is_parse() => return Err(Error::ConnectionTerminated),
        (response, _) => response.map_err(Error::Hyper)?,
    };
    let driver = async move {
        match over {
            Some(ended) => ended.map_err(Error::Hyper),
            None => connection.await.map_err(Error::Hyper),
        }
    };
    Ok((incoming(response, admitted.bounds.response_bytes), Box::new(driver)))
}

/// The request in origin form (RFC 9112 §3.2.1), its body bounded.
fn outgoing(request: Request<WasiBody>, max_bytes: usize) -> Result<Request<Limited<WasiBody>>, Error> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(Request::from_parts(head, Limited::new(body, max_bytes)))
}

fn incoming(response: Response<Incoming>, max_bytes: usize) -> Response<WasiBody> {
    response.map(|body| {
        let body = Limited::new(body, max_bytes).map_err(move |error| {
            if error.is::<LengthLimitError>() {
                return Error::HttpResponseBodySize(Some(max_bytes as u64));
            }
            match error.downcast::<hyper::Error>() {
                Ok(error) => Error::Hyper(*error),
                Err(error) => Error::InternalError(Some(error.to_string())),
            }
        });
        body.boxed_unsync()
    })
}

#[cfg(test)]
mod tests {
    use super::super::{BURST_TOLD, RefusedUse, Tls};
    use super::*;
    use cordboard_core::ids::Version;
    use tokio::sync::mpsc;

    fn rule(host: &str, port: u16) -> EgressRule {
        let methods = vec!["GET".into(), "POST".into()];
        EgressRule { scheme: Scheme::Http, host: host.into(), port, methods, private: false }
    }

    fn grants(egress: &[EgressRule]) -> Grants {
        Grants { egress: egress.to_vec(), ..Grants::default() }
    }

    fn reach(rules: &[EgressRule]) -> (Arc<Reach>, mpsc::Receiver<RefusedUse>) {
        let (teller, told) = mpsc::channel(16);
        let tls = Arc::new(Tls::new(None).unwrap());
        (Reach::new(Version::of(b"v"), grants(rules), tls, teller), told)
    }

    fn egress(rules: &[EgressRule]) -> Egress {
        Egress::new(reach(rules).0)
    }

    #[test]
    fn only_listed_places_are_reached() {
        let tls = EgressRule { scheme: Scheme::Https, ..rule("tls.example", 443) };
        let rules = [rule("crm.example", 80), rule("::1", 8081), rule("10.0.0.1", 8080), tls];
        for (uri, allowed) in [
            ("http://crm.example/a?b", true),
            ("http://CRM.Example:80/", true),
            ("http://crm.example@evil.example/", false),
            ("http://user:pass@crm.example/", true),
            ("http://crm.example.evil.example/", false),
            ("http://crm.example:81/", false),
            ("https://crm.example/", false),
            ("https://crm.example:80/", false),
            ("https://tls.example/", true),
            ("http://tls.example:443/", false),
            ("http://[::1]:8081/", true),
            ("http://10.0.0.1:8080/", true),
            ("http://10.0.0.1/", false),
            ("http://crm.example:/", true),
            ("http://crm.example:80443/", false),
            ("http://crm.example:80a/", false),
            ("http://crm.example:0/", false),
            ("http://[::1]:80810/", false),
            ("ftp://crm.example/", false),
            ("/only/a/path", false),
        ] {
            let mut egress = egress(&rules);
            let admitted = egress.admit(&Method::GET, &uri.parse().unwrap());
            assert_eq!(admitted.is_ok(), allowed, "{uri}");
        }
    }

    #[test]
    fn only_granted_methods_are_used_and_a_refused_use_is_told_but_not_for_ever() {
        let (reach, mut told) = reach(&[rule("a", 80)]);
        let mut egress = Egress::new(Arc::clone(&reach));
        let uri: Uri = "http://a/secret?token=1".parse().unwrap();
        assert!(egress.admit(&Method::GET, &uri).is_ok() && egress.admit(&Method::POST, &uri).is_ok());
        for method in [Method::DELETE, Method::PUT, Method::CONNECT, Method::TRACE] {
            assert!(matches!(egress.admit(&method, &uri), Err(Error::HttpRequestDenied)));
        }
        let first = told.try_recv().unwrap();
        // Neither path nor query: they may be personal.
        assert_eq!((first.capability, first.detail.as_str()), ("egress", "DELETE http://a:80"));
        for _ in 0..20 {
            assert!(egress.admit(&Method::DELETE, &uri).is_err());
        }
        let mut count = 1;
        while told.try_recv().is_ok() {
            count += 1;
        }
        assert!(count <= BURST_TOLD as usize + 1, "{count}");
    }

    #[test]
    fn what_is_granted_is_looked_up_at_each_request() {
        let (reach, _told) = reach(&[rule("a", 80)]);
        let mut egress = Egress::new(Arc::clone(&reach));
        let uri: Uri = "http://a/".parse().unwrap();
        assert!(egress.admit(&Method::GET, &uri).is_ok());
        assert!(reach.set(Grants::default()) && !reach.set(Grants::default()));
        assert!(egress.admit(&Method::GET, &uri).is_err());
        assert!(reach.set(grants(&[EgressRule { private: true, ..rule("a", 80) }])));
        assert!(egress.admit(&Method::GET, &uri).is_ok_and(|admitted| admitted.private));
    }

    #[test]
    fn requests_are_counted_for_each_call() {
        let mut egress = egress(&[rule("a", 80)]);
        let uri: Uri = "http://a/".parse().unwrap();
        for _ in 0..2 {
            for _ in 0..MAX_REQUESTS {
                assert!(egress.admit(&Method::POST, &uri).is_ok());
            }
            assert!(matches!(egress.admit(&Method::POST, &uri), Err(Error::ConnectionLimitReached)));
            egress.again();
        }
    }

    #[test]
    fn grants_that_cannot_be_kept_are_refused() {
        let kept = |rule: EgressRule| check_grants(&grants(&[rule])).is_ok();
        assert!(kept(rule("a", 80)));
        assert!(!kept(rule("", 80)) && !kept(rule("a", 0)));
        let https = |host| EgressRule { scheme: Scheme::Https, ..rule(host, 443) };
        assert!(kept(https("crm.example")) && kept(https("10.0.0.1")) && kept(https("::1")) && !kept(https("a b")));
        for methods in [vec![], vec!["get".into()], vec!["GET".into(), "CONNECT".into()]] {
            assert!(!kept(EgressRule { methods, ..rule("a", 80) }));
        }
        let bounds = EgressBounds::default();
        for bounds in [
            EgressBounds { at_once: 0, ..bounds },
            EgressBounds { response_bytes: usize::MAX, ..bounds },
            EgressBounds { timeout_ms: 0, ..bounds },
        ] {
            assert!(check_grants(&Grants { bounds, ..Grants::default() }).is_err());
        }
        assert!(check_grants(&grants(&vec![rule("a", 80); 65])).is_err());
    }
}
