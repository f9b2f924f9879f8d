//! HTTP as everything here speaks it: no redirects, bounded, over TLS where the address says so.

use rustls_native_certs::load_native_certs;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, http::Response};

/// How long a connection may take.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);

/// What a request may take.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// From its beginning to the end of its answer.
    Whole(Duration),
    /// Without a word: of what has no end.
    Silence(Duration),
}

/// An agent for addresses of one scheme. TLS is the program's one stack, with the system's authorities (and those of
/// `SSL_CERT_FILE`), which are only read if it is needed.
pub(crate) fn agent(https: bool, bound: Bound) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // A token goes where it was sent, and nowhere else.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cordboard/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECTS_WITHIN));
    config = match bound {
        Bound::Whole(limit) => config.timeout_global(Some(limit)),
        Bound::Silence(limit) => config.timeout_per_read(Some(limit)),
    };
    if https {
        let found = load_native_certs().certs;
        let certificates: Vec<_> = found.iter().map(|found| Certificate::from_der(found.as_ref()).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(certificates)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        config = config.tls_config(tls.build());
    }
    config.build().into()
}

/// A body of at most so many bytes. None: it is longer.
pub(crate) fn read(response: &mut Response<Body>, max_bytes: u64) -> Result<Option<Vec<u8>>, ureq::Error> {
    let mut bytes = Vec::new();
    response.body_mut().as_reader().take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some(bytes))
}

pub(crate) fn header<'r>(response: &'r Response<Body>, name: &str) -> Option<&'r str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Whether nobody was reached: nothing can have been done.
pub(crate) fn never_arrived(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    use ureq::Timeout::{Connect, Resolve};
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::Tls(_) => true,
        ureq::Error::Timeout(which) => matches!(which, Connect | Resolve),
        ureq::Error::Io(cause) => {
            matches!(cause.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable)
        }
        _ => false,
    }
}

/// Whether someone was reached who has no certificate that counts: nothing was said.
pub(crate) fn is_untrusted(error: &ureq::Error) -> bool {
    let of_tls = match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(cause) => cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()),
        _ => None,
    };
    matches!(of_tls, Some(rustls::Error::InvalidCertificate(_)))
}
