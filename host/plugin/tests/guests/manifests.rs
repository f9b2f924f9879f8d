//! The manifests beside the stock plugins say what the components are.

use crate::common::guest;
use cordboard_plugin::verify;
use std::path::Path;
use toml::{Table, Value};

const KEYS: [&str; 6] = ["name", "version", "world", "description", "capabilities", "config"];
const CONFIG_KEYS: [&str; 4] = ["doc", "default", "required", "secret"];

fn text<'a>(manifest: &'a Table, key: &str) -> &'a str {
    manifest.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("`{key}` is missing, or no text"))
}

#[test]
fn every_stock_plugin_has_one() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let mut count = 0;
    for entry in std::fs::read_dir(plugins).unwrap() {
        let folder = entry.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let manifest = std::fs::read_to_string(folder.path().join("plugin.toml")).unwrap();
        let manifest: Table = manifest.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(manifest.keys().all(|key| KEYS.contains(&key.as_str())), "{name} has another key");
        assert_eq!(text(&manifest, "name"), name);
        assert_eq!(text(&manifest, "version"), env!("CARGO_PKG_VERSION"), "{name}");
        assert_eq!(text(&manifest, "world"), verify(&guest(&name), 64 << 20).unwrap().contract, "{name}");
        assert!(!text(&manifest, "description").is_empty());
        for capability in manifest["capabilities"].as_array().unwrap() {
            let capability = capability.as_table().unwrap();
            assert!(!text(capability, "name").is_empty() && !text(capability, "reason").is_empty(), "{name}");
        }
        for (key, of) in manifest["config"].as_table().unwrap() {
            let of = of.as_table().unwrap();
            assert!(!text(of, "doc").is_empty(), "{name}: {key}");
            assert!(of.keys().all(|key| CONFIG_KEYS.contains(&key.as_str())), "{name}: {key}");
        }
        count += 1;
    }
    assert!(count >= 3, "{count} plugins");
}
