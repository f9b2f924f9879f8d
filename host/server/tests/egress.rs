//! Where a directory may ask: over TLS, only who has a certificate that counts; and only as long as it is granted.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, SUPPORT, Wire};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

const SOON: Duration = Duration::from_secs(30);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Result<Authority> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// TLS in front of a back-end, with a certificate for `localhost` from this authority; its port.
fn front(runtime: &Runtime, authority: &Authority, back_end: &str) -> Result<u16> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, authority)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let back_end = back_end.strip_prefix("http://").context("a back-end over HTTP")?.to_owned();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let port = listener.local_addr()?.port();
    runtime.spawn(async move {
        while let Ok((outside, _)) = listener.accept().await {
            let (acceptor, back_end) = (acceptor.clone(), back_end.clone());
            tokio::spawn(async move {
                let (mut outside, mut inside) = (acceptor.accept(outside).await?, TcpStream::connect(back_end).await?);
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    Ok(port)
}

/// The bank is asked at this port, over TLS.
fn ask_at(centre: &Centre, digest: &Value, port: u16) -> Result<()> {
    let place = json!({ "scheme": "https", "host": "localhost", "port": port, "private": true });
    centre.api.put("/v1/plugins/http-crm/grants", json!({ "egress": [place] }))?;
    let config = json!({ "base-url": format!("https://localhost:{port}") });
    let bank = centre.api.put("/v1/deployments/bank", json!({ "plugin": digest, "config": config }))?;
    ensure!(bank["missing_grants"] == json!([]), "{bank}");
    Ok(())
}

#[test]
fn a_directory_behind_tls_is_asked_if_its_certificate_is_of_an_authority_that_counts() -> Result<()> {
    let (ours, theirs) = (authority("ours")?, authority("theirs")?);
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ours.pem())?;
    let config = format!("[plugins]\negress_ca_file = {:?}\n", file.display().to_string());
    let centre = Centre::start(HostOptions { config, ..HostOptions::default() })?;
    centre.set_up()?;
    let digest = centre.api.get("/v1/deployments/bank")?["plugin"].clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut events = centre.events()?;
    for (issuer, number, outcome) in [(&ours, "+15550001", "found"), (&theirs, "+15550002", "unavailable")] {
        ask_at(&centre, &digest, front(&runtime, issuer, centre.bank.url())?)?;
        let wire = Wire::open(centre.host.sip(), number)?;
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        let contact = events.call_of(number, SOON)?;
        let looked = events.wait_for("contact.looked-up", &contact, SOON)?;
        ensure!(looked.text("/outcome") == outcome, "{}", looked.event);
        if outcome == "unavailable" {
            events.wait_for("contact.queued", &contact, SOON)?;
        }
        call.hang_up()?;
    }
    let refused = events.wait(SOON, |told| told.kind() == "plugin.capability-refused")?;
    ensure!(refused.text("/plugin") == "http-crm" && refused.text("/capability") == "egress", "{}", refused.event);
    ensure!(refused.text("/detail").contains("certificate"), "{}", refused.event);
    let asked: Value = serde_json::from_str(&centre.bank.requests()?)?;
    ensure!(asked["by_phone"] == 1, "whoever is in between is told nothing: {asked}");
    Ok(())
}

#[test]
fn a_grant_taken_back_during_a_look_up_holds_for_the_next_one_and_the_call_goes_on() -> Result<()> {
    let centre = Centre::ready()?;
    let mut events = centre.events()?;
    centre.bank.fault("hang")?;
    // Nobody's number: the caller is asked for an account.
    let number = "+15559999";
    let wire = Wire::open(centre.host.sip(), number)?;
    let mut call = wire.call(RECEPTION)?;
    let requests = || -> Result<Value> { Ok(serde_json::from_str(&centre.bank.requests()?)?) };
    cordboard_trial::tried(SOON, || {
        let asked = requests()?;
        ensure!(asked["by_phone"] == 1, "not asked yet: {asked}");
        Ok(())
    })?;
    ensure!(centre.api.try_delete("/v1/plugins/http-crm/grants")?.is_ok(), "taken back");
    centre.bank.fault("none")?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    let looked = events.wait_for("contact.looked-up", &contact, SOON)?;
    ensure!(looked.text("/outcome") == "unknown", "what was under way goes on: {}", looked.event);
    events.wait_for("contact.asked", &contact, SOON)?;
    events.forget();
    call.rtp.press("1001#");
    let looked = events.wait_for("contact.looked-up", &contact, SOON)?;
    ensure!(looked.text("/outcome") == "unavailable", "{}", looked.event);
    let refused = events.wait(SOON, |told| told.kind() == "plugin.capability-refused")?;
    ensure!(refused.text("/plugin") == "http-crm" && refused.text("/detail").starts_with("GET "), "{}", refused.event);
    let queued = events.wait_for("contact.queued", &contact, SOON)?;
    ensure!(queued.text("/queue") == SUPPORT, "{}", queued.event);
    call.hang_up()?;
    let journal = centre.journal(&contact)?;
    let outcomes: Vec<&Value> =
        journal.iter().filter(|entry| entry["request"] == "lookup").map(|entry| &entry["outcome"]).collect();
    ensure!(outcomes.len() == 2 && outcomes[1]["result"] == "failed", "{outcomes:?}");
    ensure!(requests()?["by_account"] == 0, "the bank was asked all the same");
    let record = centre.record(&contact)?;
    ensure!(record["stepped_down"].is_null(), "the flow answered to its end: {record}");
    Ok(())
}
