//! The plugin host that scripts are played with.

use super::{Config, Plugin};
use crate::serve::COMPILE;
use anyhow::{Context as _, Result, ensure};
use cordboard_core::ids::{Digest, Version};
use cordboard_core::limits::LimitValues;
use cordboard_plugin::{Compiler, Grants, Limits, LoadSpec, PluginConfig, PluginHost, World};
use cordboard_script::{Speech, Stage};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn processors() -> u32 {
    std::thread::available_parallelism().map_or(2, |count| u32::try_from(count.get()).unwrap_or(2))
}

/// A host for so many conversations at once, which keeps what it compiles.
pub(super) fn start(cache: Option<PathBuf>, jobs: u32) -> Result<PluginHost> {
    let threads = usize::try_from(processors()).unwrap_or(2);
    let config = PluginConfig {
        guest_threads: threads,
        // One that ends may still be there when the next begins.
        max_flow_instances: jobs * 2 + 16,
        artefact_dir: cache.or_else(user_cache),
        compiler: Compiler::this_program(&[COMPILE]),
        ..PluginConfig::default()
    };
    PluginHost::start(config).context("the plugin host can't start")
}

fn user_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let base = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(base.join("cordboard").join("simulate"))
}

/// What a plugin may use: as on a host with its defaults, but for what is counted in real time, which virtual time knows
/// nothing of: calls and lines of log a second.
fn limits(plugin: &Plugin) -> Limits {
    const NONE: u32 = 10_000_000;
    let host = LimitValues::default();
    let wanted = host.in_force(&plugin.manifest.limits, &host);
    let wanted = Limits { step_cpu_ms: None, ..Limits::from(&wanted) };
    Limits { calls_per_second: NONE, log_lines_per_second: NONE, log_bytes_per_second: 10 * NONE, ..wanted }
}

async fn load(host: &PluginHost, plugin: &Plugin, config: Config) -> Result<Version> {
    let shown = plugin.path.display();
    let name = serde_json::to_string(&config)?;
    let version = Digest::of(&[&Digest::of(&plugin.component).0, name.as_bytes()].concat());
    let component = Arc::clone(&plugin.component);
    let spec = LoadSpec { component, config, limits: limits(plugin), grants: Grants::default() };
    let info = host.load(version, spec).await.with_context(|| shown.to_string())?;
    ensure!(info.world == World::Flow, "{shown}: this is a {}, and scripts are for flows", info.world);
    // A component alone says nothing of itself.
    if !plugin.manifest.world.is_empty() {
        plugin.manifest.matches(&info.contract).with_context(|| format!("{shown}: its manifest"))?;
    }
    Ok(version)
}

/// A stage for each configuration.
pub(super) async fn stages(
    host: &PluginHost,
    plugin: &Plugin,
    others: &BTreeMap<String, Plugin>,
    configs: &[Config],
    speech: Arc<dyn Speech>,
) -> Result<BTreeMap<Config, Stage>> {
    let (mut versions, mut manifests) = (BTreeMap::new(), BTreeMap::new());
    for (name, plugin) in others {
        let version = load(host, plugin, Config::new()).await?;
        manifests.insert(version, Arc::new(plugin.manifest.clone()));
        versions.insert(name.clone(), version);
    }
    let manifest = Arc::new(plugin.manifest.clone());
    let mut stages = BTreeMap::new();
    for config in configs {
        if !stages.contains_key(config) {
            let flow = load(host, plugin, config.clone()).await?;
            let (host, others, speech) = (host.clone(), versions.clone(), Arc::clone(&speech));
            manifests.insert(flow, Arc::clone(&manifest));
            stages.insert(config.clone(), Stage { host, flow, others, manifests: manifests.clone(), speech });
        }
    }
    Ok(stages)
}
