//! TLS of outgoing requests: whose certificates count, and what becomes of a handshake that fails.

use crate::error::HostError;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{AlertDescription, ClientConfig, Error as TlsError, RootCertStore};
use wasmtime_wasi_http::Error;

/// Makes TLS connections to whoever has a certificate for the name, from an authority that the system trusts or that
/// the operator named. TLS 1.2 and 1.3; no client certificates, no way round the check.
pub(crate) struct Tls(TlsConnector);

impl Tls {
    /// Authorities of the system's store (or of `SSL_CERT_FILE` and `SSL_CERT_DIR`), and those of a PEM file.
    ///
    /// # Errors
    /// The file can't be read, or holds no certificate of an authority. That the system has none is no error: then only
    /// those of the file count.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, HostError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (taken, unread) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(taken, unread, errors = found.errors.len(), "certificate authorities of the system");
        if let Some(path) = ca_file {
            added(&mut roots, path).map_err(|problem| HostError::Setting { setting: "egress_ca_file", problem })?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions();
        let config = config.map_err(|error| HostError::Tls(error.to_string()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with who has a certificate for `host`.
    pub(super) async fn client(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::Name)?;
        self.0.connect(name, stream).await.map_err(Failure::from)
    }
}

fn added(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let shown = path.display();
    let read = CertificateDer::pem_file_iter(path).map_err(|error| format!("{shown}: {error}"))?;
    let mut any = false;
    for certificate in read {
        let certificate = certificate.map_err(|error| format!("{shown}: {error}"))?;
        roots.add(certificate).map_err(|error| format!("{shown}: {error}"))?;
        any = true;
    }
    if any { Ok(()) } else { Err(format!("{shown}: no PEM certificate in it")) }
}

/// Whether a certificate can be for this host.
pub(super) fn can_be_certified(host: &str) -> bool {
    ServerName::try_from(host).is_ok()
}

/// Why there is no TLS connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// No certificate can be for such a host.
    Name,
    /// The certificate doesn't count: of an unknown authority, for another host, expired.
    Certificate(String),
    /// The other side gave up, and said why.
    Alert(AlertDescription),
    /// The other side doesn't talk TLS, or none that is safe.
    Protocol(String),
    /// The connection broke.
    Broken(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("no certificate can be for this host"),
            Self::Certificate(why) => write!(f, "its certificate doesn't count: {why}"),
            Self::Alert(alert) => write!(f, "it refused the TLS handshake: {alert:?}"),
            Self::Protocol(why) => write!(f, "no TLS handshake: {why}"),
            Self::Broken(error) => write!(f, "the connection broke in the TLS handshake: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let text = |error: &TlsError| crate::guest::shortened(&error.to_string(), 512);
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(TlsError::AlertReceived(alert)) => Self::Alert(*alert),
            Some(error @ (TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented)) => {
                Self::Certificate(text(error))
            }
            Some(error) => Self::Protocol(text(error)),
            None => Self::Broken(error),
        }
    }
}

impl From<Failure> for Error {
    /// As the guest hears of it.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Name => Error::HttpRequestUriInvalid,
            Failure::Certificate(_) => Error::TlsCertificateError,
            Failure::Alert(alert) => {
                Error::TlsAlertReceived { alert_id: Some(alert.into()), alert_message: Some(format!("{alert:?}")) }
            }
            Failure::Protocol(_) => Error::TlsProtocolError,
            Failure::Broken(_) => Error::ConnectionTerminated,
        }
    }
}
