//! Hosts behind TLS: whose certificate counts, and whose doesn't.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use cordboard_client::{Client, ClientError, Token};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

/// A host with a certificate of an authority of its own, which answers two connections; its address, and the authority's
/// certificate.
fn host() -> (String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            let mut head = [0; 1024];
            // Whoever doesn't trust it, says nothing.
            if tls.read(&mut head).is_ok_and(|read| read > 0) {
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}");
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (address, authority.pem())
}

const ADDRESS: &str = "CORDBOARD_TRIAL_ADDRESS";
const TEST: &str = "a_certificate_counts_by_the_systems_authorities_or_a_file_of_ones_own";

#[test]
fn a_certificate_counts_by_the_systems_authorities_or_a_file_of_ones_own() {
    let client = |address: &str| Client::new(address, Token::new("a-token-of-the-test").unwrap()).unwrap();
    if let Ok(address) = std::env::var(ADDRESS) {
        // Started by itself, below.
        assert_eq!(client(&address).get("/v1/status").unwrap().status, 200);
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let (address, authority) = host();
    let refused = client(&address).get("/v1/status").unwrap_err();
    assert!(matches!(refused, ClientError::Untrusted { .. }), "{refused:?}");
    assert!(refused.next().contains("SSL_CERT_FILE"));
    let file = room.path().join("authority.pem");
    std::fs::write(&file, authority).unwrap();
    // A variable is for a whole program: this one again.
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let said = again.args(["--exact", TEST]).env("SSL_CERT_FILE", &file).env(ADDRESS, &address).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}
