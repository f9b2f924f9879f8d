//! Requests over TLS: to whom they go, and what becomes of back-ends that can't be trusted, or talk something else.

use crate::common::web::{Web, response};
use crate::common::{granted, host_with, spec_with_egress, version};
use cordboard_core::flow::{LookupError, Profile};
use cordboard_core::ids::Version;
use cordboard_plugin::{EgressBounds, EgressRule, Grants, HostError, LoadSpec, PluginConfig, PluginHost, Scheme};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

type Found = Result<Option<Profile>, LookupError>;

/// A certificate authority of the test's own, with its file.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server's side of TLS, with a certificate for a name or address.
    fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A bank behind such a certificate.
    async fn bank(&self, name: &str) -> Web {
        Web::start_over(Some(self.server(name, |_| ())), |path| {
            Some(match path {
                "/1001" => response("200 OK", b"1001"),
                "/customers/1001" => response("200 OK", br#"{"id": "1001", "name": "Ada Lovelace"}"#),
                "/huge" => response("200 OK", &vec![b'x'; 5 << 20]),
                "/elsewhere" => {
                    b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec()
                }
                // Its end isn't told, neither by a length nor by TLS.
                "/cut" => b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf".to_vec(),
                _ => response("404 Not Found", b""),
            })
        })
        .await
    }
}

fn rule(scheme: Scheme, host: &str, port: u16) -> EgressRule {
    EgressRule { scheme, host: host.into(), port, methods: vec!["GET".into()], private: true }
}

fn settings(ca_file: Option<PathBuf>) -> impl FnOnce(&mut PluginConfig) {
    move |settings| {
        settings.egress_ca_file = ca_file;
        settings.crm_breaker.failures = 100;
    }
}

/// A probe that may ask these places.
async fn directory(ca_file: Option<PathBuf>, rules: &[EgressRule]) -> (PluginHost, Version) {
    let (host, version) = (host_with(settings(ca_file)), version("probe-crm"));
    host.load(version, spec_with_egress("probe-crm", &[], rules)).await.unwrap();
    (host, version)
}

async fn ask(host: &PluginHost, version: Version, kind: &str, value: &str) -> Found {
    host.lookup(version, kind, value, Duration::from_secs(30)).await
}

#[track_caller]
fn unavailable(found: Found, why: &str) {
    match found {
        Err(LookupError::Unavailable(text)) => assert!(text.contains(why), "{text}, expected {why}"),
        other => panic!("{other:?}, expected to be unavailable: {why}"),
    }
}

#[tokio::test]
async fn who_has_a_certificate_for_the_name_is_asked() {
    let authority = Authority::new("ours");
    let (named, numbered) = (authority.bank("localhost").await, authority.bank("127.0.0.1").await);
    let rules = [rule(Scheme::Https, "localhost", named.port), rule(Scheme::Https, "127.0.0.1", numbered.port)];
    let (host, probe) = directory(Some(authority.file()), &rules).await;
    for (place, web) in
        [(format!("localhost:{}", named.port), &named), (format!("127.0.0.1:{}", numbered.port), &numbered)]
    {
        let ada = ask(&host, probe, "https", &format!("{place}/1001")).await.unwrap().unwrap();
        assert_eq!(ada.id, "1001");
        assert_eq!(web.requests(), 1);
        assert_eq!(ask(&host, probe, "https", &format!("{place}/nobody")).await, Ok(None));
    }
    let base = format!("https://localhost:{}", named.port);
    let stock = version("http-crm");
    host.load(stock, spec_with_egress("http-crm", &[("base-url", &base)], &rules)).await.unwrap();
    let ada = ask(&host, stock, "account", "1001").await.unwrap().unwrap();
    assert_eq!(ada.display_name.as_deref(), Some("Ada Lovelace"));
}

#[tokio::test]
async fn what_holds_for_http_holds_for_https() {
    let authority = Authority::new("ours");
    let web = authority.bank("localhost").await;
    let (host, version) = directory(Some(authority.file()), &[rule(Scheme::Https, "localhost", web.port)]).await;
    let place = format!("localhost:{}", web.port);
    unavailable(ask(&host, version, "https", &format!("{place}/huge")).await, "body size exceeds");
    unavailable(ask(&host, version, "https", &format!("{place}/elsewhere")).await, "status 302");
    unavailable(ask(&host, version, "https", &format!("{place}/cut")).await, "broke off");
    assert_eq!(web.requests(), 3);
    unavailable(ask(&host, version, "get", &format!("{place}/1001")).await, "HttpRequestDenied");
    let global = EgressRule { private: false, ..rule(Scheme::Https, "localhost", web.port) };
    assert!(host.grant(version, granted(&[global])).unwrap());
    unavailable(ask(&host, version, "https", &format!("{place}/1001")).await, "IpProhibited");
    assert_eq!(web.requests(), 3);
}

#[tokio::test]
async fn a_certificate_that_does_not_count_is_refused_and_told() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    for (server, why) in [
        (stranger.server("localhost", |_| ()), "UnknownIssuer"),
        // It only says that it is of the same authority.
        (Authority::new("ours").server("localhost", |_| ()), "BadSignature"),
        (authority.server("crm.example", |_| ()), "not valid for name"),
        (authority.server("localhost", expired), "expired"),
    ] {
        let web = Web::start_over(Some(server), |_| Some(response("200 OK", b"1001"))).await;
        let (host, version) = directory(Some(authority.file()), &[rule(Scheme::Https, "localhost", web.port)]).await;
        let mut told = host.refusals().unwrap();
        let place = format!("localhost:{}", web.port);
        unavailable(ask(&host, version, "https", &format!("{place}/1001")).await, "TlsCertificateError");
        assert_eq!(web.requests(), 0, "nothing is sent to it");
        let told = told.recv().await.unwrap();
        assert_eq!(told.capability, "egress");
        assert!(told.detail.starts_with(&format!("https://{place}: its certificate")), "{}", told.detail);
        assert!(told.detail.contains(why), "{}", told.detail);
    }
}

#[tokio::test]
async fn without_the_operators_file_only_the_systems_authorities_count() {
    let authority = Authority::new("ours");
    let web = authority.bank("localhost").await;
    let (host, version) = directory(None, &[rule(Scheme::Https, "localhost", web.port)]).await;
    unavailable(ask(&host, version, "https", &format!("localhost:{}/1001", web.port)).await, "TlsCertificateError");
}

/// What says these bytes to whoever connects, and then waits for them to go.
async fn says(bytes: &'static [u8]) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let gone = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    });
    (port, gone)
}

#[tokio::test]
async fn who_talks_something_else_is_told_from_who_cannot_be_trusted() {
    for (bytes, why) in [
        (&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], "TlsProtocolError"),
        // A fatal alert (RFC 8446 §6.2): the handshake failed.
        (&[21, 3, 3, 0, 2, 2, 40], "TlsAlertReceived"),
    ] {
        let (port, gone) = says(bytes).await;
        let (host, version) = directory(None, &[rule(Scheme::Https, "127.0.0.1", port)]).await;
        unavailable(ask(&host, version, "https", &format!("127.0.0.1:{port}/1001")).await, why);
        gone.await.unwrap();
    }
    let authority = Authority::new("ours");
    let web = authority.bank("127.0.0.1").await;
    let (host, version) = directory(Some(authority.file()), &[rule(Scheme::Http, "127.0.0.1", web.port)]).await;
    unavailable(ask(&host, version, "get", &format!("127.0.0.1:{}/1001", web.port)).await, "");
    assert_eq!(web.requests(), 0, "it doesn't take what isn't encrypted");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    let (port, gone) = says(b"").await;
    let (host, version) = (host_with(settings(None)), version("probe-crm"));
    let bounds = EgressBounds { timeout_ms: 300, ..EgressBounds::default() };
    let grants = Grants { bounds, ..granted(&[rule(Scheme::Https, "127.0.0.1", port)]) };
    host.load(version, LoadSpec { grants, ..spec_with_egress("probe-crm", &[], &[]) }).await.unwrap();
    unavailable(ask(&host, version, "https", &format!("127.0.0.1:{port}/1001")).await, "ConnectionReadTimeout");
    gone.await.unwrap();
}

#[tokio::test]
async fn a_file_without_authorities_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ca.pem");
    for content in
        [None, Some(""), Some("no PEM"), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let started = PluginHost::start(PluginConfig { egress_ca_file: Some(path.clone()), ..PluginConfig::default() });
        match started {
            Err(HostError::Setting { setting: "egress_ca_file", problem }) => {
                assert!(problem.contains("ca.pem"), "{problem}")
            }
            other => panic!("{other:?}"),
        }
    }
}
