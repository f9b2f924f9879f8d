//! What an artefact consists of: the layout of the CNCF's Wasm working group ("Wasm OCI Artifact layout"), with the plugin's
//! own manifest and signature as annotations, so that the one layer is the component and every tool for components can pull
//! it.

use super::{OciError, Reference, digest};
use crate::tame;
use serde_json::{Map, Value, json};

pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";
const MANIFEST: &str = "dev.cordboard.manifest";
const SIGNATURE: &str = "dev.cordboard.signature";

/// A plugin as an artefact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artefact {
    /// The component.
    pub component: Vec<u8>,
    /// The plugin's manifest, if it has one.
    pub manifest: Option<String>,
    /// The signature of both.
    pub signature: Option<String>,
    /// Interfaces that the component exports, for tools that read artefacts without pulling them.
    pub exports: Vec<String>,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// `name` and `version` of the manifest, as other tools show them.
    pub title: Option<(String, String)>,
}

impl Artefact {
    /// The configuration and the manifest that are pushed beside the component. The same plugin has the same ones: the time
    /// of its making isn't told.
    pub(super) fn documents(&self) -> (Vec<u8>, Vec<u8>) {
        let layer = digest(&self.component);
        let config = json!({
            "created": "1970-01-01T00:00:00Z", "author": null, "architecture": "wasm", "os": "wasip2",
            "layerDigests": [layer],
            "component": { "exports": self.exports, "imports": self.imports, "target": null },
        });
        let config = config.to_string().into_bytes();
        let mut annotations = Map::new();
        if let Some((name, version)) = &self.title {
            annotations.insert("org.opencontainers.image.title".into(), name.as_str().into());
            annotations.insert("org.opencontainers.image.version".into(), version.as_str().into());
        }
        for (name, text) in [(MANIFEST, &self.manifest), (SIGNATURE, &self.signature)] {
            if let Some(text) = text {
                annotations.insert(name.into(), text.as_str().into());
            }
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": { "mediaType": CONFIG_TYPE, "digest": digest(&config), "size": config.len() },
            "layers": [{ "mediaType": LAYER_TYPE, "digest": layer, "size": self.component.len() }],
            "annotations": annotations,
        });
        (config, manifest.to_string().into_bytes())
    }
}

/// The one layer of an artefact, and what stands beside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) digest: String,
    pub(super) bytes: u64,
    pub(super) manifest: Option<String>,
    pub(super) signature: Option<String>,
}

/// Reads the manifest of an artefact.
pub(super) fn described(reference: &Reference, bytes: &[u8]) -> Result<Described, OciError> {
    let wrong = |why: String| OciError::NotWasm { reference: reference.to_string(), why };
    let read: Value = serde_json::from_slice(bytes).map_err(|_| wrong("its manifest is no JSON".into()))?;
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(tame);
    if read.get("manifests").is_some() {
        return Err(wrong("it is an index of several".into()));
    }
    let config = text(&read, "/config/mediaType").unwrap_or_else(|| "of no type".into());
    if config != CONFIG_TYPE {
        return Err(wrong(format!("its configuration is {config}, not {CONFIG_TYPE}")));
    }
    let layers = read.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [layer] = layers else { return Err(wrong(format!("it has {} layers, not one", layers.len()))) };
    let kind = text(layer, "/mediaType").unwrap_or_else(|| "of no type".into());
    if kind != LAYER_TYPE {
        return Err(wrong(format!("its layer is {kind}, not {LAYER_TYPE}")));
    }
    let digest = text(layer, "/digest").filter(|digest| {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    let annotation = |name: &str| {
        let found = read.get("annotations").and_then(|annotations| annotations.get(name));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    Ok(Described {
        digest: digest.ok_or_else(|| wrong("its layer has no sha256 digest".into()))?,
        bytes: layer.get("size").and_then(Value::as_u64).ok_or_else(|| wrong("its layer has no size".into()))?,
        manifest: annotation(MANIFEST),
        signature: annotation(SIGNATURE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        Reference::read("oci://r.example/greeter:1").unwrap()
    }

    fn changed(change: impl FnOnce(&mut Value)) -> String {
        let (_, manifest) = Artefact { component: b"wasm".to_vec(), ..Artefact::default() }.documents();
        let mut read: Value = serde_json::from_slice(&manifest).unwrap();
        change(&mut read);
        described(&reference(), read.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_pushed_can_be_read_and_is_the_same_each_time() {
        let artefact = Artefact {
            component: b"wasm".to_vec(),
            manifest: Some("{\"name\": \"greeter\"}\n".into()),
            signature: Some("{}".into()),
            exports: vec!["cordboard:flow/guest@0.1.0".into()],
            imports: Vec::new(),
            title: Some(("greeter".into(), "0.1.0".into())),
        };
        let (config, manifest) = artefact.documents();
        assert_eq!(artefact.documents(), (config.clone(), manifest.clone()));
        let read = described(&reference(), &manifest).unwrap();
        assert_eq!((read.digest, read.bytes), (digest(b"wasm"), 4));
        assert_eq!((read.manifest, read.signature), (artefact.manifest, artefact.signature));
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["layerDigests"], json!([digest(b"wasm")]));
        assert_eq!(config["component"]["exports"], json!(["cordboard:flow/guest@0.1.0"]));
    }

    #[test]
    fn what_is_no_component_is_told() {
        let layer = json!({ "mediaType": LAYER_TYPE, "digest": digest(b""), "size": 0 });
        for (said, why) in [
            (changed(|read| read["layers"] = json!([layer, layer])), "it has 2 layers"),
            (changed(|read| read["layers"] = json!([])), "it has 0 layers"),
            (
                changed(|read| read["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into()),
                "its configuration is",
            ),
            (
                changed(|read| read["layers"][0]["mediaType"] = "application/gzip".into()),
                "its layer is application/gzip",
            ),
            (changed(|read| read["layers"][0]["digest"] = "sha256:x".into()), "no sha256 digest"),
            (changed(|read| read["layers"][0]["size"] = Value::Null), "no size"),
            (changed(|read| *read = json!({ "manifests": [] })), "an index"),
            (changed(|read| *read = json!(1)), "of no type"),
        ] {
            assert!(said.contains(why), "{said}");
        }
        assert!(described(&reference(), b"<html>").unwrap_err().to_string().contains("no JSON"));
    }
}
