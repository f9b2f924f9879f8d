//! Plugins: components with their manifests and signatures, and what is granted to their names.

use super::deploying::load_refused;
use super::keeping::{not_found, store};
use super::version::{Deployed, ManifestText, world_name, world_named, world_of};
use super::{HostCentre, malformed};
use crate::documents::{GrantDocument, PluginDocument};
use bytes::Bytes;
use cordboard_admin::{Expected, Grant, Plugin, Refusal, Revised, Signer, Upload};
use cordboard_core::ids::{DeploymentName, Digest};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{
    EgressBounds, EgressRule, Granted, LoadError, ManifestError, Quota, Scheme, UploadError, is_plugin_name,
};
use cordboard_store::DocumentKind;
use tracing::{info, warn};

impl HostCentre {
    pub(super) async fn upload_plugin(&self, name: Option<String>, upload: Upload) -> Result<Plugin, Refusal> {
        let Upload { component, manifest, signature } = upload;
        let info = self.parts.plugins.verify(component.as_ref().into()).await.map_err(load_refused)?;
        let manifest = manifest_of(manifest)?;
        if manifest.text().is_some() {
            manifest.read().matches(&info.contract).map_err(manifest_refused)?;
        }
        let signed_by = self.parts.signatures.check(&info.digest, &manifest.digest(), signature.as_deref())?;
        let _turn = self.turn().await;
        let digest = self.parts.rooms.blobs.put(&self.parts.tenant, component.into()).await.map_err(store)?;
        let key = digest.to_string();
        let before = self.keeping.get::<PluginDocument>(DocumentKind::Plugin, &key).await?.map(|before| before.value);
        let (before_name, before_ms) = before.map(|before| (before.name, before.uploaded_ms)).unzip();
        let named = manifest.text().is_some().then(|| manifest.read().name.clone());
        let document = PluginDocument {
            digest: key.clone(),
            // The same again without a name: as it was.
            name: named.or(name).or(before_name.flatten()),
            label: None,
            world: world_name(world_of(info.world)).into(),
            contract: info.contract,
            imports: info.imports,
            size_bytes: info.size_bytes,
            uploaded_ms: before_ms.unwrap_or_else(|| self.parts.clock.now().as_ms()),
            manifest: manifest.text().map(str::to_owned),
            signed_by,
        };
        self.keeping.put(DocumentKind::Plugin, &key, &document, Expected::Any).await?;
        let signer = document.signed_by.as_ref().map(|by| by.name.as_str());
        info!(plugin = %digest.short(), name = document.name, world = document.world, signer, "plugin uploaded");
        let deployments = self.kept_deployments().await?;
        read_plugin(document, &deployments)
    }

    pub(super) async fn all_plugins(&self) -> Result<Vec<Plugin>, Refusal> {
        let deployments = self.kept_deployments().await?;
        let kept = self.keeping.list::<PluginDocument>(DocumentKind::Plugin).await?;
        let mut plugins: Vec<Plugin> =
            kept.into_iter().map(|(_, kept)| read_plugin(kept.value, &deployments)).collect::<Result<_, _>>()?;
        plugins.sort_by(|a, b| (&a.name, a.digest).cmp(&(&b.name, b.digest)));
        Ok(plugins)
    }

    pub(super) async fn remove_plugin(&self, digest: Digest) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        let mut users = Vec::new();
        for (name, kept) in self.kept_deployments().await? {
            let deployed = &kept.value;
            let mut used = deployed.spec.plugin == digest;
            let beside = deployed.canary.as_ref().map(|canary| canary.version);
            for version in [beside, deployed.shadow].into_iter().flatten() {
                used = used || self.kept_version(version).await?.spec.plugin == digest;
            }
            if used {
                users.push(name.to_string());
            }
        }
        if !users.is_empty() {
            let by = format!("deployments {}", users.join(", "));
            return Err(Refusal::InUse { what: "plugin", name: digest.to_string(), by });
        }
        // The component stays: journals of contacts that it served may be replayed with it.
        self.keeping.delete(DocumentKind::Plugin, &digest.to_string(), Expected::Any).await
    }

    pub(super) async fn grant_of(&self, plugin: &str) -> Result<Revised<Grant>, Refusal> {
        let kept = self.keeping.get::<GrantDocument>(DocumentKind::Grant, plugin).await?;
        let kept = kept.ok_or_else(|| not_found("grants", plugin))?;
        Ok(Revised { value: kept.value.read(), revision: kept.revision })
    }

    /// Keeps what is granted, then lets it hold.
    pub(super) async fn change_grant(
        &self,
        plugin: String,
        grant: Grant,
        expected: Expected,
    ) -> Result<Revised<Grant>, Refusal> {
        let granted = granted(&grant);
        granted.check().map_err(|error| match error {
            LoadError::Egress { .. } => Refusal::Invalid { code: "invalid-egress", detail: error.to_string() },
            other => Refusal::Invalid { code: "out-of-bounds", detail: other.to_string() },
        })?;
        let _turn = self.turn().await;
        if !self.is_known(&plugin).await? {
            return Err(not_found("plugin", plugin));
        }
        let document = GrantDocument::of(&plugin, &grant);
        let revision = self.keeping.put(DocumentKind::Grant, &plugin, &document, expected).await?;
        self.parts.grants.grant(&self.parts.plugins, &plugin, Some(granted));
        info!(plugin, places = grant.egress.len(), "grants changed");
        Ok(Revised { value: grant, revision })
    }

    /// Takes everything back.
    pub(super) async fn remove_grant(&self, plugin: &str, expected: Expected) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        self.keeping.delete(DocumentKind::Grant, plugin, expected).await?;
        self.parts.grants.grant(&self.parts.plugins, plugin, None);
        warn!(plugin, "grants taken back");
        Ok(())
    }

    /// Whether a plugin or a deployment has a manifest of this name.
    async fn is_known(&self, name: &str) -> Result<bool, Refusal> {
        if !is_plugin_name(name) {
            return Ok(false);
        }
        let named =
            |manifest: Option<String>| ManifestText::new(manifest).is_ok_and(|manifest| manifest.read().name == name);
        let plugins = self.keeping.list::<PluginDocument>(DocumentKind::Plugin).await?;
        if plugins.into_iter().any(|(_, kept)| named(kept.value.manifest)) {
            return Ok(true);
        }
        let deployments = self.kept_deployments().await?;
        Ok(deployments.iter().any(|(_, kept)| kept.value.manifest.read().name == name))
    }
}

/// What the plugin room holds a version to.
pub(crate) fn granted(grant: &Grant) -> Granted {
    let defaults = EgressBounds::default();
    let bytes = |given: Option<u32>, default| given.map_or(default, |bytes| bytes as usize);
    let egress = grant.egress.iter().map(|rule| EgressRule {
        scheme: if rule.https { Scheme::Https } else { Scheme::Http },
        host: rule.host.to_ascii_lowercase(),
        port: rule.port,
        methods: rule.methods.clone(),
        private: rule.private,
    });
    Granted {
        egress: egress.collect(),
        bounds: EgressBounds {
            request_bytes: bytes(grant.bounds.request_bytes, defaults.request_bytes),
            response_bytes: bytes(grant.bounds.response_bytes, defaults.response_bytes),
            at_once: grant.bounds.at_once.map_or(defaults.at_once, usize::from),
            timeout_ms: grant.bounds.timeout_ms.unwrap_or(defaults.timeout_ms),
        },
        stored_values: grant.stored_values.map(|(keys, bytes)| Quota { keys, bytes }),
    }
}

fn manifest_of(bytes: Option<Bytes>) -> Result<ManifestText, Refusal> {
    let text = bytes.map(|bytes| String::from_utf8(bytes.into())).transpose();
    let text = text.map_err(|_| manifest_refused(ManifestError::Form("it is no UTF-8".into())))?;
    ManifestText::new(text).map_err(manifest_refused)
}

fn manifest_refused(error: ManifestError) -> Refusal {
    let code = match &error {
        ManifestError::TooLarge(_) => "manifest-too-large",
        ManifestError::Form(_) => "malformed-manifest",
        ManifestError::Newer(_) => "newer-manifest",
        ManifestError::Invalid { .. } => "invalid-manifest",
        ManifestError::World { .. } => "manifest-mismatch",
    };
    Refusal::Invalid { code, detail: error.to_string() }
}

fn read_plugin(kept: PluginDocument, deployments: &[(DeploymentName, Revised<Deployed>)]) -> Result<Plugin, Refusal> {
    let digest: Digest = kept.digest.parse().map_err(malformed)?;
    let serving = deployments.iter().filter(|(_, kept)| kept.value.spec.plugin == digest);
    Ok(Plugin {
        digest,
        name: kept.name,
        world: world_named(&kept.world).ok_or_else(|| malformed("a plugin of no world"))?,
        contract: kept.contract,
        imports: kept.imports,
        size_bytes: kept.size_bytes,
        uploaded_at: Timestamp::from_ms(kept.uploaded_ms),
        deployments: serving.map(|(name, _)| name.clone()).collect(),
        manifest: kept.manifest.map(|text| serde_json::from_str(&text)).transpose().map_err(malformed)?,
        signed_by: kept.signed_by.map(|by| Signer { name: by.name, key: by.key }),
    })
}

pub(super) fn upload_refused(error: UploadError) -> Refusal {
    let code = match &error {
        UploadError::TooLarge { bytes, max } => {
            return Refusal::TooLarge { what: "the component", got: *bytes as u64, limit: *max as u64 };
        }
        UploadError::NotWasm => "not-wasm",
        UploadError::CoreModule => "core-module",
        UploadError::Malformed(_) => "malformed-component",
        UploadError::TooMany { .. } => "too-many",
        UploadError::NoWorld { .. } => "no-world",
        UploadError::SeveralWorlds { .. } => "several-worlds",
        UploadError::UnknownWorld { .. } => "unknown-world",
        UploadError::UnknownVersion { .. } => "unknown-version",
        UploadError::ForbiddenImports { .. } => "forbidden-imports",
    };
    Refusal::Invalid { code, detail: error.to_string() }
}
