//! Components that someone uploads: what is taken, and why the rest is refused.

use crate::common::{guest, host, spec, version};
use cordboard_plugin::{LoadError, LoadSpec, UploadError, World, verify};
use wasmparser::{Parser, Payload};

const MAX_BYTES: usize = 64 << 20;
const GUESTS: [(&str, World); 10] = [
    ("reception", World::Flow),
    ("skills-scorer", World::Scorer),
    ("http-crm", World::Crm),
    ("probe-flow", World::Flow),
    ("probe-scorer", World::Scorer),
    ("probe-crm", World::Crm),
    ("probe-dialer", World::Dialer),
    ("probe-inspector", World::Inspector),
    ("probe-tour", World::Flow),
    ("probe-fetch", World::Flow),
];
/// Those of the second version of their world.
const SECOND: [&str; 3] = ["reception", "probe-tour", "probe-fetch"];

/// The component with every `from` replaced by `to` of the same length: all offsets stay.
fn renamed(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut renamed = component.to_vec();
    let mut found = 0;
    for at in 0..renamed.len().saturating_sub(from.len()) {
        if renamed[at..].starts_with(from.as_bytes()) {
            renamed[at..at + from.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from} isn't in it");
    renamed
}

#[test]
fn every_guest_is_what_it_says() {
    for (name, world) in GUESTS {
        let component = guest(name);
        let info = verify(&component, MAX_BYTES).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((info.world, info.size_bytes), (world, component.len() as u64), "{name}");
        let version = if SECOND.contains(&name) { "0.2.0" } else { "0.1.0" };
        assert_eq!(info.contract, format!("cordboard:{world}@{version}"));
        assert!(component.len() < 400 << 10, "{name} has {} bytes", component.len());
    }
}

#[tokio::test]
async fn every_stock_plugin_loads() {
    let host = host();
    for (name, world) in &GUESTS[..3] {
        let info = host.load(version(name), spec(name, &[])).await.unwrap();
        assert_eq!(info.world, *world);
    }
    assert_eq!(host.loaded().len(), 3);
}

#[test]
fn other_worlds_and_versions_are_told_what_is_known() {
    let flow = guest("probe-flow");
    let other = renamed(&flow, "cordboard:flow/guest@0.1.0", "cordboard:fire/guest@0.1.0");
    let Err(UploadError::UnknownWorld { found, known }) = verify(&other, MAX_BYTES) else { panic!() };
    assert_eq!((found.as_str(), known.len()), ("cordboard:fire/guest@0.1.0", 6));
    let newer = renamed(&flow, "cordboard:flow/guest@0.1.0", "cordboard:flow/guest@0.9.0");
    assert!(matches!(verify(&newer, MAX_BYTES), Err(UploadError::UnknownVersion { .. })));
    let none = renamed(&flow, "cordboard:flow/guest@0.1.0", "somebody:else/guest@0.1.00");
    assert!(verify(&none, MAX_BYTES).is_err());
}

#[test]
fn what_a_world_may_not_have_is_named() {
    let foreign = renamed(&guest("probe-flow"), "wasi:config/store@", "wasi:secret/store@");
    let Err(UploadError::ForbiddenImports { world, imports }) = verify(&foreign, MAX_BYTES) else { panic!() };
    assert_eq!(world, World::Flow);
    assert_eq!(imports, ["wasi:secret/store@0.2.0-rc.1"]);
    let sending = include_bytes!("../../fuzz/corpus/verify/bad-http-in-flow");
    assert!(matches!(verify(sending, MAX_BYTES), Err(UploadError::ForbiddenImports { world: World::Flow, .. })));
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    for (name, _) in GUESTS {
        let component = guest(name);
        let mut cuts: Vec<u64> = (0..64).collect();
        for payload in Parser::new(0).parse_all(&component) {
            let range = match &payload.unwrap() {
                Payload::End(at) => *at..*at,
                payload => payload.as_section().map_or(0..0, |(_, range)| range),
            };
            cuts.extend([range.start.saturating_sub(1), range.start, range.start + 1]);
            cuts.extend([range.end.saturating_sub(1), range.end, range.end + 1]);
        }
        cuts.sort_unstable();
        cuts.dedup();
        let whole = verify(&component, MAX_BYTES).unwrap();
        for cut in cuts.into_iter().map(|cut| cut as usize).filter(|cut| *cut < component.len()) {
            // Only custom sections (names, producers) may be missing.
            match verify(&component[..cut], MAX_BYTES) {
                Ok(info) => assert_eq!((info.contract, info.imports), (whole.contract.clone(), whole.imports.clone())),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        assert!(verify(&component[..component.len() / 2], MAX_BYTES).is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_refused_component_is_not_compiled() {
    let host = host();
    let load = |component: Vec<u8>| {
        let spec = LoadSpec { component: component.into(), ..spec("probe-flow", &[]) };
        host.load(version("x"), spec)
    };
    for body in [b"".to_vec(), b"<html>".to_vec(), b"\0asm\x01\0\0\0".to_vec(), guest("reception")[..5000].to_vec()] {
        assert!(matches!(load(body).await, Err(LoadError::Refused(_))));
    }
    // Exports the right name, with nothing behind it.
    let hollow = include_bytes!("../../fuzz/corpus/verify/good-flow").to_vec();
    assert!(verify(&hollow, MAX_BYTES).is_ok());
    assert!(matches!(load(hollow).await, Err(LoadError::Contract(_))));
    assert!(host.loaded().is_empty());
}
