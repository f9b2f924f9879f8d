//! What comes over the wire and is no call: the host stays well, and the next call is served.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, Stream, Wire, tried};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// Enough to fill every table that isn't bounded by the admission, and little for two cores.
const FLOOD: usize = 1_500;

fn a_normal_call(centre: &Centre, events: &mut Stream) -> Result<()> {
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    call.rtp.press("1");
    events.wait(SOON, |told| told.contact() == contact && told.text("/text").starts_with("Your balance"))?;
    call.hang_up()
}

#[test]
fn a_flood_without_ack_does_not_keep_others_out() -> Result<()> {
    let options = HostOptions { sip: "calls_per_second = 50\nmax_calls = 100".into(), ..HostOptions::default() };
    let mut centre = Centre::start(options)?;
    centre.set_up()?;
    let wire = Wire::open(centre.host.sip(), "+15550007")?;
    // Each INVITE opens a dialog at most; nothing is ever acknowledged.
    for _ in 0..FLOOD {
        wire.call(RECEPTION)?;
    }
    centre.alive()?;
    // Refused calls cost nothing that lasts; those that were let in are given up after timer H, 32 s.
    let mut events = centre.events()?;
    tried(Duration::from_secs(90), || a_normal_call(&centre, &mut events))?;
    let metrics = centre.api.get("/metrics")?;
    let text = metrics.as_str().unwrap_or_default();
    let refused = text.lines().find(|line| line.starts_with("cordboard_sip_total") && line.contains("refused_"));
    ensure!(refused.is_some(), "refusals are counted: {text}");
    centre.alive()
}

#[test]
fn malformed_messages_are_answered_or_dropped() -> Result<()> {
    let mut centre = Centre::ready()?;
    let wire = Wire::open(centre.host.sip(), "+15550007")?;
    for datagram in datagrams(centre.host.sip())? {
        wire.send(&datagram)?;
        // Whatever is answered is read, so that our own socket doesn't fill up; it may be no text.
        let _ = wire.receive(Duration::from_millis(5));
    }
    centre.alive()?;
    a_normal_call(&centre, &mut centre.events()?)
}

/// Messages that no peer of ours would send, and the torture tests of RFC 4475 where the signalling room keeps them.
fn datagrams(host: std::net::SocketAddr) -> Result<Vec<Vec<u8>>> {
    let invite = format!(
        "INVITE sip:100@{host} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:x@h>;tag=1\r\n\
         To: <sip:100@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:x@127.0.0.1:9>\r\n"
    );
    let mut all: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0; 1_000],
        vec![0xff; 60_000],
        b"\r\n\r\n".to_vec(),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        format!("{invite}Content-Length: 999999\r\n\r\nshort").into_bytes(),
        format!("{invite}Content-Length: -1\r\n\r\n").into_bytes(),
        format!("{invite}Content-Type: application/sdp\r\nContent-Length: 7\r\n\r\nnonsens").into_bytes(),
        format!("{invite}X: {}\r\n\r\n", "x".repeat(30_000)).into_bytes(),
        format!("{}{invite}", "Via: ".repeat(5_000)).into_bytes(),
        invite.replace("sip:100@", "sip:\u{0}@").into_bytes(),
    ];
    all.extend((1..invite.len()).step_by(7).map(|length| invite.as_bytes().iter().take(length).copied().collect()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip/tests/rfc4475");
    let files = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut count = 0;
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            all.push(torture(&std::fs::read_to_string(&path)?)?);
            count += 1;
        }
    }
    ensure!(count >= 40, "{} has {count} messages", folder.display());
    Ok(all)
}

/// The octets of a fixture, whose form its folder's README tells.
fn torture(text: &str) -> Result<Vec<u8>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let body = octets(body)?;
    let mut message = octets(&head.replace("<length>", &body.len().to_string()))?;
    message.extend(b"\r\n\r\n");
    message.extend(body);
    Ok(message)
}

fn octets(mut text: &str) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    while let Some((before, tag)) = text.split_once('<') {
        octets.extend(before.replace('\n', "\r\n").bytes());
        text = if let Some((digits, after)) = tag.strip_prefix("hex>").and_then(|tag| tag.split_once("</hex>")) {
            octets.extend(hex::decode(digits)?);
            after
        } else if let Some((count, tag)) = tag.strip_prefix("repeat ").and_then(|tag| tag.split_once('>')) {
            let (repeated, after) = tag.split_once("</repeat>").context("an open <repeat>")?;
            octets.extend(repeated.repeat(count.parse()?).bytes());
            after
        } else {
            octets.push(b'<');
            tag
        };
    }
    octets.extend(text.replace('\n', "\r\n").bytes());
    Ok(octets)
}
