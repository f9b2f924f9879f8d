//! Plugins and deployments.

use super::keeping::{not_found, store};
use super::version::{check, grants, load_spec, version, world_name, world_named, world_of};
use super::{HostCentre, malformed};
use crate::documents::{DeploymentDocument, EntryPointDocument, PluginDocument, QueueDocument, VersionDocument};
use crate::holds::Hold;
use bytes::Bytes;
use cordboard_admin::{Deployment, DeploymentSpec, Expected, Plugin, Refusal, Revised};
use cordboard_core::board::Input;
use cordboard_core::config::{self, EntryPoint, Queue, World};
use cordboard_core::ids::{DeploymentName, Digest, Version};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{LoadError, UploadError};
use cordboard_store::DocumentKind;
use std::sync::Arc;
use tracing::info;

impl HostCentre {
    pub(super) async fn upload_plugin(&self, name: Option<String>, component: Bytes) -> Result<Plugin, Refusal> {
        let (plugins, bytes) = (self.parts.plugins.clone(), component.clone());
        let verified = tokio::task::spawn_blocking(move || plugins.verify(&bytes)).await;
        let info = verified.map_err(|lost| Refusal::Internal(lost.to_string()))?.map_err(upload_refused)?;
        let _turn = self.turn().await;
        let digest = self.parts.rooms.blobs.put(&self.parts.tenant, component.into()).await.map_err(store)?;
        let key = digest.to_string();
        let before = self.keeping.get::<PluginDocument>(DocumentKind::Plugin, &key).await?;
        let document = match before {
            // The same again: as it was, with the newer name if one is given.
            Some(before) => PluginDocument { name: name.or(before.value.name.clone()), ..before.value },
            None => PluginDocument {
                digest: key.clone(),
                name,
                label: None,
                world: world_name(world_of(info.world)).into(),
                contract: info.contract,
                imports: info.imports,
                size_bytes: info.size_bytes,
                uploaded_ms: self.parts.clock.now().as_ms(),
            },
        };
        self.keeping.put(DocumentKind::Plugin, &key, &document, Expected::Any).await?;
        info!(plugin = %digest.short(), name = document.name, world = document.world, "plugin uploaded");
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
        let users: Vec<String> = self
            .kept_deployments()
            .await?
            .into_iter()
            .filter(|(_, kept)| kept.value.1.plugin == digest)
            .map(|(name, _)| name.to_string())
            .collect();
        if !users.is_empty() {
            let by = format!("deployments {}", users.join(", "));
            return Err(Refusal::InUse { what: "plugin", name: digest.to_string(), by });
        }
        // The component stays: journals of contacts that it served may be replayed with it.
        self.keeping.delete(DocumentKind::Plugin, &digest.to_string(), Expected::Any).await
    }

    /// Every deployment as kept, by name.
    pub(super) async fn kept_deployments(
        &self,
    ) -> Result<Vec<(DeploymentName, Revised<(World, DeploymentSpec)>)>, Refusal> {
        let kept = self.keeping.list::<DeploymentDocument>(DocumentKind::Deployment).await?;
        kept.into_iter()
            .map(|(name, kept)| {
                let value = kept.value.read().ok_or_else(|| malformed(format!("deployment {name}")))?;
                Ok((name.parse().map_err(malformed)?, Revised { value, revision: kept.revision }))
            })
            .collect()
    }

    async fn kept_deployment(
        &self,
        name: &DeploymentName,
    ) -> Result<Option<Revised<(World, DeploymentSpec)>>, Refusal> {
        let kept = self.keeping.get::<DeploymentDocument>(DocumentKind::Deployment, name.as_str()).await?;
        kept.map(|kept| {
            let value = kept.value.read().ok_or_else(|| malformed(format!("deployment {name}")))?;
            Ok(Revised { value, revision: kept.revision })
        })
        .transpose()
    }

    pub(super) async fn all_deployments(&self) -> Result<Vec<Revised<Deployment>>, Refusal> {
        let views = self.parts.board.ask(|board| board.deployments()).await?;
        let kept = self.kept_deployments().await?;
        Ok(kept.into_iter().map(|(name, kept)| self.deployment_of(name, kept, &views)).collect())
    }

    pub(super) async fn one_deployment(&self, name: &DeploymentName) -> Result<Revised<Deployment>, Refusal> {
        let kept = self.kept_deployment(name).await?.ok_or_else(|| not_found("deployment", name))?;
        let views = self.parts.board.ask(|board| board.deployments()).await?;
        Ok(self.deployment_of(name.clone(), kept, &views))
    }

    fn deployment_of(
        &self,
        name: DeploymentName,
        kept: Revised<(World, DeploymentSpec)>,
        views: &[cordboard_core::board::DeploymentView],
    ) -> Revised<Deployment> {
        let (world, spec) = kept.value;
        let view = views.iter().find(|view| view.deployment.name == name);
        let value = Deployment {
            version: version(&spec, self.parts.limits),
            failure: self.failures().get(&name).cloned(),
            contacts: view.map(|view| view.contacts.clone()).unwrap_or_default(),
            previous: view.and_then(|view| view.deployment.previous),
            moved: view.map(|view| view.migration).unwrap_or_default(),
            name,
            world,
            spec,
        };
        Revised { value, revision: kept.revision }
    }

    /// Compiles, tries, keeps, and lets it serve.
    pub(super) async fn deploy(
        &self,
        name: DeploymentName,
        spec: DeploymentSpec,
        expected: Expected,
    ) -> Result<Revised<Deployment>, Refusal> {
        let plugin = self.keeping.get::<PluginDocument>(DocumentKind::Plugin, &spec.plugin.to_string()).await?;
        let plugin = plugin.ok_or_else(|| not_found("plugin", spec.plugin))?.value;
        let world = world_named(&plugin.world).ok_or_else(|| malformed("a plugin of no world"))?;
        check(&spec, world)?;
        let new = version(&spec, self.parts.limits);
        // From here on nobody unloads it, until the board knows of it.
        let hold = self.parts.holds.hold(new);
        let done = self.deploy_held(&name, world, spec, new, expected).await;
        drop(hold);
        self.unload_if_unneeded(new).await;
        done?;
        self.one_deployment(&name).await
    }

    async fn deploy_held(
        &self,
        name: &DeploymentName,
        world: World,
        spec: DeploymentSpec,
        new: Version,
        expected: Expected,
    ) -> Result<(), Refusal> {
        let component = self.component(spec.plugin).await?;
        let load = load_spec(&spec, component, self.parts.limits)?;
        let egress = load.grants.clone();
        self.parts.plugins.load(new, load).await.map_err(load_refused)?;
        let _turn = self.turn().await;
        let mut granted_before = None;
        let mut previous = None;
        for (other, kept) in self.kept_deployments().await? {
            let (other_world, other_spec) = &kept.value;
            let same = version(other_spec, self.parts.limits) == new;
            if other == *name {
                if *other_world != world {
                    let detail = format!("`{name}` is a {} deployment", world_name(*other_world));
                    return Err(Refusal::Invalid { code: "world-changed", detail });
                }
                granted_before = same.then(|| other_spec.clone());
                previous =
                    if same { self.previous_of(name).await? } else { Some(version(other_spec, self.parts.limits)) };
            } else if same && other_spec.egress != spec.egress {
                // One version has one allow-list in memory.
                let detail =
                    format!("`{other}` serves the same version with other egress: tell them apart by a config entry");
                return Err(Refusal::Invalid { code: "egress-differs", detail });
            }
        }
        // What was loaded before may have been granted something else.
        if world == World::Crm {
            self.parts.plugins.grant(new, egress).map_err(load_refused)?;
        }
        // What journals name must be found again, also if the deployment is gone by then.
        let made_of = VersionDocument::of(world, &spec, self.parts.limits);
        self.keeping.put(DocumentKind::Version, &new.to_string(), &made_of, Expected::Any).await?;
        let document = DeploymentDocument::of(name.as_str(), world, &spec, previous);
        let kept = self.keeping.put(DocumentKind::Deployment, name.as_str(), &document, expected).await;
        if let (Err(_), Some(before)) = (&kept, granted_before.filter(|_| world == World::Crm)) {
            // It is as it was; so is what it may reach. That was granted once, so it can be again.
            let _ = self.parts.plugins.grant(new, grants(&before)?);
        }
        kept?;
        self.failures().remove(name);
        let previous = previous.filter(|_| world == World::Flow);
        let (migration, ask_anew) = (spec.migration, spec.ask_anew);
        let deployment = config::Deployment { name: name.clone(), world, version: new, previous, migration, ask_anew };
        self.parts.board.tell(Input::PutDeployment(deployment)).await?;
        // Seen by the board before the hold goes.
        self.parts.board.ask(|_| ()).await?;
        Ok(())
    }

    async fn previous_of(&self, name: &DeploymentName) -> Result<Option<Version>, Refusal> {
        let kept = self.keeping.get::<DeploymentDocument>(DocumentKind::Deployment, name.as_str()).await?;
        Ok(kept.and_then(|kept| kept.value.previous()))
    }

    /// Loads what a version is made of, if it isn't loaded; the hold keeps it so.
    pub(super) async fn load_version(&self, version: Version) -> Result<Hold, Refusal> {
        let hold = self.parts.holds.hold(version);
        let kept = self.keeping.get::<VersionDocument>(DocumentKind::Version, &version.to_string()).await?;
        let gone = || Refusal::NotNow(format!("nothing is known of the version {version} any more"));
        let spec = kept.and_then(|kept| kept.value.read()).ok_or_else(gone)?;
        let load = load_spec(&spec, self.component(spec.plugin).await?, self.parts.limits)?;
        self.parts.plugins.load(version, load).await.map_err(load_refused)?;
        Ok(hold)
    }

    /// A component's bytes.
    async fn component(&self, digest: Digest) -> Result<Arc<[u8]>, Refusal> {
        let bytes = self.parts.rooms.blobs.get(&self.parts.tenant, &digest).await.map_err(store)?;
        bytes.map(Into::into).ok_or_else(|| Refusal::Internal(format!("the component {digest} is gone from the disk")))
    }

    /// What the board wanted unloaded while it was held, or what nothing came to serve.
    pub(super) async fn unload_if_unneeded(&self, version: Version) {
        // Nobody deploys it meanwhile.
        let _turn = self.turn().await;
        let needed = self.parts.board.ask(move |board| board.needs(version));
        if needed.await == Ok(false) {
            self.parts.holds.unless_held(version, || {
                self.parts.plugins.unload(version);
            });
        }
    }

    pub(super) async fn undeploy(&self, name: &DeploymentName, expected: Expected) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        self.kept_deployment(name).await?.ok_or_else(|| not_found("deployment", name))?;
        if let Some(by) = self.who_names(name).await? {
            return Err(Refusal::InUse { what: "deployment", name: name.to_string(), by });
        }
        self.keeping.delete(DocumentKind::Deployment, name.as_str(), expected).await?;
        self.failures().remove(name);
        Ok(self.parts.board.tell(Input::RemoveDeployment(name.clone())).await?)
    }

    /// The first thing found that names this deployment.
    async fn who_names(&self, name: &DeploymentName) -> Result<Option<String>, Refusal> {
        for (entry, kept) in self.keeping.list::<EntryPointDocument>(DocumentKind::EntryPoint).await? {
            if EntryPoint::try_from(kept.value).map_err(malformed)?.deployment == *name {
                return Ok(Some(format!("entry point {entry}")));
            }
        }
        for (queue, kept) in self.keeping.list::<QueueDocument>(DocumentKind::Queue).await? {
            if Queue::try_from(kept.value).map_err(malformed)?.scorer.as_ref() == Some(name) {
                return Ok(Some(format!("queue {queue}")));
            }
        }
        let settings = self.kept_settings().await?.value;
        Ok((settings.default_directory.as_ref() == Some(name)).then(|| "the settings".to_owned()))
    }

    /// That a deployment of this world is there.
    pub(super) async fn require_deployment(
        &self,
        name: &DeploymentName,
        world: World,
        code: &'static str,
    ) -> Result<(), Refusal> {
        match self.kept_deployment(name).await? {
            Some(kept) if kept.value.0 == world => Ok(()),
            Some(kept) => {
                let (is, wanted) = (world_name(kept.value.0), world_name(world));
                Err(Refusal::Invalid { code, detail: format!("`{name}` is a {is} deployment, not a {wanted} one") })
            }
            None => Err(Refusal::Invalid { code, detail: format!("there is no deployment `{name}`") }),
        }
    }
}

fn read_plugin(
    kept: PluginDocument,
    deployments: &[(DeploymentName, Revised<(World, DeploymentSpec)>)],
) -> Result<Plugin, Refusal> {
    let digest: Digest = kept.digest.parse().map_err(malformed)?;
    let serving = deployments.iter().filter(|(_, kept)| kept.value.1.plugin == digest);
    Ok(Plugin {
        digest,
        name: kept.name,
        world: world_named(&kept.world).ok_or_else(|| malformed("a plugin of no world"))?,
        contract: kept.contract,
        imports: kept.imports,
        size_bytes: kept.size_bytes,
        uploaded_at: Timestamp::from_ms(kept.uploaded_ms),
        deployments: serving.map(|(name, _)| name.clone()).collect(),
    })
}

fn upload_refused(error: UploadError) -> Refusal {
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

fn load_refused(error: LoadError) -> Refusal {
    let code = match error {
        LoadError::Refused(error) => return upload_refused(error),
        LoadError::Limit { .. } => "out-of-bounds",
        LoadError::Egress { .. } => "invalid-egress",
        LoadError::Compile(_) => "compile-failed",
        LoadError::Contract(_) => "contract-mismatch",
        LoadError::Trial(_) => "trial-failed",
        LoadError::CompileTimeout { .. } => "compile-timeout",
        LoadError::CompileLimit(_) => "compile-limit",
        LoadError::CompilerDied(_) => "compiler-died",
        LoadError::CompilerStart(cause) => {
            return Refusal::Internal(format!("the compiler can't be started: {cause}"));
        }
        LoadError::CompilerAnswer(_) | LoadError::Lost => return Refusal::Internal(error.to_string()),
    };
    Refusal::Invalid { code, detail: error.to_string() }
}
