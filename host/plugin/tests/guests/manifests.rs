//! The manifests beside the stock plugins say what the components are, and the fuzzer's corpus of manifests is replayed.

use crate::common::{corpus, guest};
use cordboard_plugin::{Manifest, Want, verify};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn stock() -> Vec<(String, Vec<u8>)> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let named = |folder: PathBuf| {
        let manifest = std::fs::read(folder.join("manifest.json"));
        (folder.file_name().unwrap().to_string_lossy().into_owned(), manifest.unwrap())
    };
    std::fs::read_dir(plugins).unwrap().map(|entry| named(entry.unwrap().path())).collect()
}

#[test]
fn every_stock_plugin_has_one() {
    let stock = stock();
    assert!(stock.len() >= 3, "{} plugins", stock.len());
    for (name, manifest) in stock {
        let manifest = Manifest::read(&manifest).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((manifest.name.as_str(), manifest.version.as_str()), (name.as_str(), env!("CARGO_PKG_VERSION")));
        manifest.matches(&verify(&guest(&name), 64 << 20).unwrap().contract).unwrap();
        assert!(!manifest.description.is_empty() && manifest.config.values().all(|key| !key.description.is_empty()));
    }
}

#[test]
fn the_directory_wants_the_place_that_is_configured_and_nothing_else() {
    let (_, manifest) = stock().into_iter().find(|(name, _)| name == "http-crm").unwrap();
    let manifest = Manifest::read(&manifest).unwrap();
    assert!(matches!(manifest.wants.as_slice(), [Want::Egress { host, .. }] if host == "*"));
    let config = |keys: &[(&str, &str)]| -> BTreeMap<String, String> {
        keys.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    };
    assert!(manifest.check_config(&config(&[("base-url", "http://a:1"), ("by-email-path", "/{value}")])).is_ok());
    assert!(manifest.check_config(&config(&[("token", "x")])).is_err());
}

#[test]
fn the_corpus_is_judged_as_it_is_named() {
    let corpus = corpus("fuzz/corpus/manifest");
    for (name, body) in &corpus {
        let verdict = Manifest::read(body);
        assert!(!name.starts_with("good-") || verdict.is_ok(), "{name} was refused: {verdict:?}");
        assert!(!name.starts_with("bad-") || verdict.is_err(), "{name} was taken");
    }
    assert!(corpus.len() >= 20, "{} inputs", corpus.len());
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(pick in any::<prop::sample::Index>(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let corpus = corpus("fuzz/corpus/manifest");
        let mut body = pick.get(&corpus).1.clone();
        for (at, byte) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        if let Ok(manifest) = Manifest::read(&body) {
            // What is taken is within its bounds.
            prop_assert!(cordboard_plugin::is_plugin_name(&manifest.name));
            prop_assert!(manifest.wants.iter().all(|want| (1..=512).contains(&want.reason().len())));
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[\\{\\}\\[\\]\":,a-z0-9 ]{0,200}") {
        let _verdict = Manifest::read(text.as_bytes());
    }
}
