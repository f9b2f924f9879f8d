//! Outgoing requests of plugins: only to the places that are granted, to the address that was checked, of bounded size
//! and number. The host follows no redirects; a guest that follows one is checked again.

use super::Reach;
use crate::config::{EgressBounds, EgressRule, Grants, Scheme};
use crate::error::LoadError;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::http::uri::Scheme as UriScheme;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
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
        if rule.scheme == Scheme::Https {
            return wrong(rule, "https isn't available yet; put a TLS proxy beside the host, or use http");
        }
        if rule.host.is_empty() || rule.host.len() > 253 || rule.port == 0 {
            return wrong(rule, "the host isn't of 1 to 253 bytes, or the port is 0");
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

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// A request that may go, with what was granted for it.
struct Admitted {
    target: Target,
    private: bool,
    bounds: EgressBounds,
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
        let target = target(uri).ok_or(Error::HttpRequestUriInvalid)?;
        let grants = self.reach.grants();
        let mut rules = grants.egress.iter().filter(|rule| target.is(rule) && allows(rule, method)).peekable();
        if rules.peek().is_none() {
            self.reach.refused(format!("{method} {target}"));
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
        *scheme == UriScheme::HTTP
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
struct Target {
    scheme: Scheme,
    host: String,
    port: u16,
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

/// Whether to connect to an address, wherever it comes from: whoever controls a name decides what it leads to (DNS
/// rebinding), so a range that isn't global has to be granted as such.
fn may_connect(address: IpAddr, private: bool) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) if v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast() => false,
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => false,
        IpAddr::V4(v4) => private || is_global_v4(v4),
        IpAddr::V6(v6) => private || is_global_v6(v6),
    }
}

/// By the registries of special-purpose addresses (RFC 6890 and its updates).
fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240)
}

/// Global unicast is 2000::/3; what is carved out of it, and what wraps an IPv4 address, isn't taken.
fn is_global_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let carved = match a {
        0x2001 => b < 0x0200 || b == 0x0db8,
        0x2002 => true,
        0x3fff => b < 0x1000,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !carved
}

fn target(uri: &Uri) -> Option<Target> {
    let (scheme, default_port) = match uri.scheme() {
        Some(scheme) if *scheme == UriScheme::HTTP => (Scheme::Http, 80),
        Some(scheme) if *scheme == UriScheme::HTTPS => (Scheme::Https, 443),
        _ => return None,
    };
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(Target { scheme, host, port: uri.port_u16().unwrap_or(default_port) })
}

/// Does `work` when there is a turn, which is over with the work, not with the caller: a name that is being resolved
/// keeps a thread, whether or not someone still waits for it. None if it panicked.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let turn = Arc::clone(turns).acquire_owned().await.ok()?;
    let task = tokio::spawn(async move {
        let done = work.await;
        drop(turn);
        done
    });
    task.await.ok()
}

async fn resolve(target: &Target, resolving: &Arc<Semaphore>) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = target.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let name = (target.host.clone(), target.port);
    let work = async move { tokio::net::lookup_host(name).await.map(Iterator::collect) };
    let found = in_turn(resolving, work).await.ok_or(Error::DestinationUnavailable)?;
    found.map_err(Error::Connect)
}

async fn connect(admitted: &Admitted, reach: &Reach) -> Result<TcpStream, Error> {
    let Admitted { target, private, .. } = admitted;
    let found = resolve(target, &reach.resolving).await?;
    if found.is_empty() {
        return Err(Error::DestinationNotFound);
    }
    let mut failed = None;
    // The address that was checked is the one connected to: the name isn't resolved again.
    for address in found.iter().filter(|address| may_connect(address.ip(), *private)) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Some(Error::Connect(error)),
        }
    }
    Err(failed.unwrap_or_else(|| {
        let addresses: Vec<String> = found.iter().take(4).map(|address| address.ip().to_string()).collect();
        reach.refused(format!("{target} leads to {}, which is not a global address", addresses.join(", ")));
        Error::DestinationIpProhibited
    }))
}

async fn send(
    admitted: &Admitted,
    reach: &Reach,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Sent, Error> {
    let connect_timeout = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT).min(CONNECT_TIMEOUT);
    let stream = tokio::time::timeout(connect_timeout, connect(admitted, reach)).await;
    let stream = stream.map_err(|_| Error::ConnectionTimeout)??;
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
        let first_byte = options.first_byte_timeout.unwrap_or(Duration::MAX);
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
        (Err(_), Some(Ok(()))) => return Err(Error::ConnectionTerminated),
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
    use super::super::{BURST_TOLD, RefusedUse};
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
        (Reach::new(Version::of(b"v"), grants(rules), teller), told)
    }

    fn egress(rules: &[EgressRule]) -> Egress {
        Egress::new(reach(rules).0)
    }

    #[test]
    fn only_listed_places_are_reached() {
        let rules = [rule("crm.example", 80), rule("::1", 8081), rule("10.0.0.1", 8080)];
        for (uri, allowed) in [
            ("http://crm.example/a?b", true),
            ("http://CRM.Example:80/", true),
            ("http://crm.example@evil.example/", false),
            ("http://user:pass@crm.example/", true),
            ("http://crm.example.evil.example/", false),
            ("http://crm.example:81/", false),
            ("https://crm.example/", false),
            ("http://[::1]:8081/", true),
            ("http://10.0.0.1:8080/", true),
            ("http://10.0.0.1/", false),
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
    fn only_global_addresses_without_a_grant_of_private_ones() {
        let to = |address: &str, private| may_connect(address.parse().unwrap(), private);
        for address in ["8.8.8.8", "193.0.6.139", "2606:4700::1111", "2001:4860::8888"] {
            assert!(to(address, false) && to(address, true), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "240.0.0.1",
            "0.1.2.3",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
        ] {
            assert!(!to(address, false) && to(address, true), "{address}");
        }
        for address in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:0.0.0.0"] {
            assert!(!to(address, true), "{address}");
        }
    }

    #[tokio::test]
    async fn a_turn_is_over_with_the_work_and_not_with_who_waits_for_it() {
        let turns = Arc::new(Semaphore::new(1));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let first = tokio::time::timeout(Duration::ZERO, in_turn(&turns, ended));
        assert!(first.await.is_err(), "it doesn't end");
        assert_eq!(turns.available_permits(), 0, "nobody waits for it any more, but it goes on");
        let second = tokio::time::timeout(Duration::ZERO, in_turn(&turns, async {}));
        assert!(second.await.is_err(), "so there is no turn for another");
        end.send(()).unwrap();
        assert_eq!(in_turn(&turns, async { 7 }).await, Some(7));
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
        assert!(!kept(EgressRule { scheme: Scheme::Https, ..rule("a", 443) }));
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
