//! Outgoing requests of crm plugins: only to the places that the operator lists, to the address that was checked, of
//! bounded size and number. The host follows no redirects; a guest that follows one is checked again.

use crate::config::{EgressRule, Scheme};
use crate::error::LoadError;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::http::uri::Scheme as UriScheme;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// Bounds of one request and its response, in bytes.
const MAX_REQUEST_BYTES: usize = 1 << 20;
const MAX_RESPONSE_BYTES: usize = 4 << 20;
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 100;
/// Requests of one look-up: at once, and in all.
const MAX_AT_ONCE: usize = 4;
const MAX_REQUESTS: u32 = 32;
/// A connection that takes longer isn't worth waiting for; the look-up's own deadline is usually nearer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether rules can be kept.
pub(crate) fn check_rules(rules: &[EgressRule]) -> Result<(), LoadError> {
    let wrong = |rule: &EgressRule, problem| Err(LoadError::Egress { rule: rule.clone(), problem });
    for rule in rules {
        if rule.scheme == Scheme::Https {
            return wrong(rule, "https isn't available yet; put a TLS proxy beside the host, or use http");
        }
        if rule.host.is_empty() || rule.host.len() > 253 || rule.port == 0 {
            return wrong(rule, "the host isn't of 1 to 253 bytes, or the port is 0");
        }
    }
    Ok(())
}

/// The requests of one look-up.
pub(crate) struct Egress {
    rules: Arc<[EgressRule]>,
    resolving: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
    requests: u32,
}

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl Egress {
    /// `resolving` has a permit for each name that may be resolved at once: it is the directory's, not the look-up's.
    pub(crate) fn new(rules: Arc<[EgressRule]>, resolving: Arc<Semaphore>) -> Self {
        Self { rules, resolving, at_once: Arc::new(Semaphore::new(MAX_AT_ONCE)), requests: 0 }
    }

    fn admit(&mut self, method: &Method, uri: &Uri) -> Result<Target, Error> {
        self.requests += 1;
        if self.requests > MAX_REQUESTS {
            return Err(Error::ConnectionLimitReached);
        }
        if [Method::CONNECT, Method::TRACE].contains(method) {
            return Err(Error::HttpRequestDenied);
        }
        let target = target(uri).ok_or(Error::HttpRequestUriInvalid)?;
        if self.rules.iter().any(|rule| target.is(rule)) {
            return Ok(target);
        }
        tracing::warn!(host = %target.host, port = target.port, "a crm plugin asked for a place it may not reach");
        Err(Error::HttpRequestDenied)
    }
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
        let (at_once, resolving) = (Arc::clone(&self.at_once), Arc::clone(&self.resolving));
        Box::new(async move {
            let target = admitted?;
            // One that waits here is bounded by the look-up's deadline.
            let _turn = at_once.acquire_owned().await.map_err(|_| Error::ConnectionLimitReached)?;
            send(target, &resolving, request, options.unwrap_or_default()).await
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

    /// Whether to connect to an address the name resolved to. A name must not lead to this machine, or to a cloud's
    /// metadata service: whoever controls the name would decide (DNS rebinding). Written out, such an address is the
    /// operator's will.
    fn may_connect(&self, address: IpAddr) -> bool {
        if self.host.parse::<IpAddr>().is_ok() || self.host.eq_ignore_ascii_case("localhost") {
            return true;
        }
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                !(v4.is_loopback()
                    || v4.is_link_local()
                    || v4.is_unspecified()
                    || v4.is_multicast()
                    || v4.is_broadcast())
            }
            IpAddr::V6(v6) => {
                !(v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast())
            }
        }
    }
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

async fn connect(target: &Target, resolving: &Arc<Semaphore>) -> Result<TcpStream, Error> {
    let found = resolve(target, resolving).await?;
    if found.is_empty() {
        return Err(Error::DestinationNotFound);
    }
    let mut failed = Error::DestinationIpProhibited;
    // The address that was checked is the one connected to: the name isn't resolved again.
    for address in found.into_iter().filter(|address| target.may_connect(address.ip())) {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Error::Connect(error),
        }
    }
    Err(failed)
}

async fn send(
    target: Target,
    resolving: &Arc<Semaphore>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Sent, Error> {
    let connect_timeout = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT).min(CONNECT_TIMEOUT);
    let stream = tokio::time::timeout(connect_timeout, connect(&target, resolving)).await;
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
        let sending = sender.send_request(outgoing(request)?);
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
    Ok((incoming(response), Box::new(driver)))
}

/// The request in origin form (RFC 9112 §3.2.1), its body bounded.
fn outgoing(request: Request<WasiBody>) -> Result<Request<Limited<WasiBody>>, Error> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(Request::from_parts(head, Limited::new(body, MAX_REQUEST_BYTES)))
}

fn incoming(response: Response<Incoming>) -> Response<WasiBody> {
    response.map(|body| {
        let body = Limited::new(body, MAX_RESPONSE_BYTES).map_err(|error| {
            if error.is::<LengthLimitError>() {
                return Error::HttpResponseBodySize(Some(MAX_RESPONSE_BYTES as u64));
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
    use super::*;

    fn rule(host: &str, port: u16) -> EgressRule {
        EgressRule { scheme: Scheme::Http, host: host.into(), port }
    }

    fn egress(rules: &[EgressRule]) -> Egress {
        Egress::new(Arc::from(rules), Arc::new(Semaphore::new(1)))
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
    fn a_name_must_not_lead_to_this_machine() {
        let to = |host: &str, address: &str| {
            Target { scheme: Scheme::Http, host: host.into(), port: 80 }.may_connect(address.parse().unwrap())
        };
        assert!(to("crm.example", "10.1.2.3") && to("crm.example", "2001:db8::1"));
        for address in ["127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "::ffff:127.0.0.1", "224.0.0.1"] {
            assert!(!to("crm.example", address), "{address}");
        }
        assert!(to("127.0.0.1", "127.0.0.1") && to("localhost", "::1"));
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
    fn requests_are_counted_and_methods_limited() {
        let mut egress = egress(&[rule("a", 80)]);
        let uri: Uri = "http://a/".parse().unwrap();
        assert!(egress.admit(&Method::CONNECT, &uri).is_err());
        for _ in 1..MAX_REQUESTS {
            assert!(egress.admit(&Method::POST, &uri).is_ok());
        }
        assert!(matches!(egress.admit(&Method::POST, &uri), Err(Error::ConnectionLimitReached)));
    }

    #[test]
    fn rules_that_cannot_be_kept_are_refused() {
        assert!(check_rules(&[rule("a", 80)]).is_ok());
        assert!(check_rules(&[rule("", 80)]).is_err());
        assert!(check_rules(&[rule("a", 0)]).is_err());
        assert!(check_rules(&[EgressRule { scheme: Scheme::Https, host: "a".into(), port: 443 }]).is_err());
    }
}
