//! `cordboard plugin deploy`: an uploaded plugin serves, under a deployment's name, at an entry point if that is asked for.
//!
//! All that can be refused is looked at first. A change is of what was seen (`If-Match`): where someone else was quicker,
//! nothing is done.

mod plan;

use super::named::{called, meant};
use super::registry::{self, RegistryArguments};
use super::{grant, push::Packed};
use crate::remote::{HostArguments, OrderArguments, list, short, text};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use cordboard_author::Project;
use cordboard_client::oci::Reference;
use cordboard_client::{Answer, Client, Expected, encoded};
pub(crate) use plan::Wanted;
pub(crate) use plan::changes;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So long contacts in progress are watched going over.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
/// What a host compiles for more than a few seconds.
const LARGE_BYTES: u64 = 4 << 20;
const LOOKS_EVERY: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin: its name (of those the one uploaded last), the beginning of its digest, a file NAME.wasm, or
    /// `oci://REGISTRY/NAME:TAG`; the last two are uploaded first. Default: the one built in this folder.
    plugin: Option<String>,
    #[command(flatten)]
    serving: Serving,
    #[command(flatten)]
    order: OrderArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    host: HostArguments,
}

/// Under which name, with what, and where.
#[derive(Args, Clone, Default)]
pub(super) struct Serving {
    /// The deployment. Default: that of `--entry-point`, else one called as the plugin.
    #[arg(long, value_name = "NAME")]
    deployment: Option<String>,
    /// The entry point whose callers it answers.
    #[arg(long, value_name = "NAME")]
    entry_point: Option<String>,
    /// The numbers of that entry point, which is made if it isn't there; called as the deployment if it isn't named.
    #[arg(long = "number", value_name = "NUMBER")]
    numbers: Vec<String>,
    #[command(flatten)]
    values: Values,
    /// Contacts in progress go over to it, now and with later versions.
    #[arg(long, conflicts_with = "pin")]
    pub(super) migrate: bool,
    /// Contacts in progress stay with their version, now and with later ones.
    #[arg(long)]
    pub(super) pin: bool,
    /// With `--migrate`: an open question that it asks otherwise is asked anew.
    #[arg(long, requires = "migrate")]
    ask_anew: bool,
    /// Grants what its manifest wants, as far as the manifest says which.
    #[arg(long)]
    grant: bool,
}

/// What a version reads and may use. What isn't said stays as it is.
#[derive(Args, Clone, Default)]
pub(crate) struct Values {
    /// A value of its configuration. Others stay as they are.
    #[arg(long, value_name = "NAME=VALUE")]
    config: Vec<String>,
    /// Values of its configuration from a JSON object, under those of `--config`.
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Takes a value out of its configuration.
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    /// A limit, as `limits` of a deployment names it.
    #[arg(long, value_name = "NAME=NUMBER")]
    limit: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    // What is written wrong is told before anything is asked.
    let wanted = arguments.serving.wanted()?;
    let client = arguments.host.ordering(&arguments.order)?;
    let plugin = brought(&client, arguments.plugin.as_deref(), &arguments.registry)?;
    arguments.serving.serve(&client, &plugin, &wanted, arguments.order.reason.as_deref())
}

/// The plugin that is meant, on the host: what is elsewhere is uploaded.
pub(crate) fn brought(client: &Client, what: Option<&str>, registry: &RegistryArguments) -> Result<Value> {
    let (packed, from) = match what {
        Some(what) if what.starts_with("oci://") => {
            let reference = Reference::read(what)?;
            let (packed, digest) = registry::pull(&reference, registry)?;
            (packed, format!("{reference}: {digest}\n"))
        }
        // No name of a plugin looks like that.
        Some(what) if what == "." || what.ends_with(".wasm") || what.contains('/') => {
            (Packed::read(Path::new(what), None, None)?, String::new())
        }
        what => return chosen(client, what),
    };
    let uploaded = packed.upload(client)?.value;
    cordboard::say(&format!("{from}{} is on {}", called(&uploaded), client.host()));
    Ok(uploaded)
}

/// The plugin that is meant, as the host has it.
fn chosen(client: &Client, what: Option<&str>) -> Result<Value> {
    if let Some(what) = what {
        let all = client.get("/v1/plugins")?.value;
        return Ok(meant(list(&all, "/plugins"), what)?.clone());
    }
    let component = Project::open(Path::new("."))?.component();
    ensure!(component.is_file(), "nothing is built here\nnext: cordboard plugin build && cordboard plugin push");
    let digest = cordboard_core::ids::Digest::of(&std::fs::read(&component)?);
    let found = client.find(&format!("/v1/plugins/{digest}"))?;
    let answer = found
        .with_context(|| format!("what is built here isn't on {} yet\nnext: cordboard plugin push", client.host()))?;
    Ok(answer.value)
}

/// An entry point as it is, and as it is to be.
struct Entry {
    name: String,
    now: Option<Answer>,
    numbers: Vec<String>,
}

impl Serving {
    /// What is to be changed.
    pub(super) fn wanted(&self) -> Result<Wanted> {
        Wanted::read(self)
    }

    /// Lets a plugin serve, and tells what changed.
    fn serve(&self, client: &Client, plugin: &Value, wanted: &Wanted, why: Option<&str>) -> Result<()> {
        let named = |name: &str| client.find(&format!("/v1/entry-points/{}", encoded(name)));
        let of_entry = self.entry_point.as_deref().map(named).transpose()?.flatten();
        let answering = of_entry.as_ref().map(|entry| text(&entry.value, "/deployment"));
        let name = self.deployment.as_deref().or(answering).unwrap_or(text(plugin, "/name")).to_owned();
        ensure!(!name.is_empty(), "the plugin has no name\nnext: name the deployment with --deployment");
        let entry = self.entry(client, plugin, &name, of_entry)?;
        let path = format!("/v1/deployments/{}", encoded(&name));
        let now = client.find(&path)?;
        let body = wanted.body(now.as_ref().map(|now| &now.value), text(plugin, "/digest"));
        let after = match &now {
            Some(now) if plan::is_so(&now.value, &body) => {
                cordboard::say(&format!("deployment {name}: {} serves there already, as asked", called(plugin)));
                now.clone()
            }
            _ => {
                now.as_ref().map_or(Ok(()), |now| refuse_beside_canary(&now.value))?;
                let expected = now.as_ref().and_then(Answer::expected).unwrap_or(Expected::Absent);
                announce(plugin);
                let why = why.map(|why| format!("?reason={}", encoded(why))).unwrap_or_default();
                let after = client.put(&format!("{path}{why}"), &body, &expected)?;
                cordboard::say(&plan::changes(&name, now.as_ref().map(|now| &now.value), &after.value, plugin));
                settled(client, &path, now.as_ref(), after)?
            }
        };
        if self.grant {
            grant::as_wanted(client, plugin)?.iter().for_each(|line| cordboard::say(line));
        }
        if let Some(entry) = entry {
            entry.put(client, &name)?;
        }
        told(client, plugin, &path, &after)
    }

    /// The entry point that is to be changed, if one is.
    fn entry(&self, client: &Client, plugin: &Value, deployment: &str, found: Option<Answer>) -> Result<Option<Entry>> {
        if self.entry_point.is_none() && self.numbers.is_empty() {
            return Ok(None);
        }
        let world = text(plugin, "/world");
        ensure!(
            world == "flow",
            "callers are answered by flows, and this is a {world}\nnext: leave --entry-point and --number out"
        );
        let name = self.entry_point.as_deref().unwrap_or(deployment).to_owned();
        let now = match self.entry_point {
            Some(_) => found,
            None => client.find(&format!("/v1/entry-points/{}", encoded(&name)))?,
        };
        let numbers = match (&now, self.numbers.as_slice()) {
            (Some(now), []) => list(&now.value, "/numbers").iter().filter_map(Value::as_str).map(Into::into).collect(),
            (None, []) => bail!(
                "there is no entry point `{name}`\nnext: say which numbers it has, and it is made: --number NUMBER"
            ),
            (_, numbers) => numbers.to_vec(),
        };
        Ok(Some(Entry { name, now, numbers }))
    }
}

impl Entry {
    fn put(&self, client: &Client, deployment: &str) -> Result<()> {
        let Self { name, now, numbers } = self;
        let shown = numbers.join(", ");
        let kept = |key: &str| now.as_ref().and_then(|now| now.value.get(key)).cloned().unwrap_or_default();
        let body = json!({ "numbers": numbers, "deployment": deployment, "safe_flow": kept("safe_flow"),
            "fallback_queue": kept("fallback_queue") });
        let same = |key: &str| now.as_ref().is_some_and(|now| now.value.get(key) == body.get(key));
        let is_so = same("numbers") && same("deployment");
        if is_so {
            return Ok(());
        }
        let expected = now.as_ref().and_then(Answer::expected).unwrap_or(Expected::Absent);
        client.put(&format!("/v1/entry-points/{}", encoded(name)), &body, &expected)?;
        cordboard::say(&format!("entry point {name}: {shown} → {deployment}"));
        Ok(())
    }
}

/// Tells that what follows takes its time.
pub(crate) fn announce(plugin: &Value) {
    if plugin.get("size_bytes").and_then(Value::as_u64).is_some_and(|bytes| bytes > LARGE_BYTES) {
        cordboard::complain("the host compiles it; of a component as large as this that takes up to a minute");
    }
}

/// # Errors
/// There is a canary: nothing else is deployed beside it.
pub(crate) fn refuse_beside_canary(deployment: &Value) -> Result<()> {
    let (name, canary) = (text(deployment, "/name"), text(deployment, "/canary/version"));
    ensure!(
        canary.is_empty(),
        "deployment {name} has a canary, {}, and there is one at a time\nnext: see how it does with `cordboard deployment show \
         {name}`, then let it serve alone with `deployment promote {name}`, or take it back with `deployment rollback {name}`",
        short(canary)
    );
    Ok(())
}

/// Waits for the contacts in progress that go over, and tells what became of them.
pub(crate) fn settled(client: &Client, path: &str, before: Option<&Answer>, after: Answer) -> Result<Answer> {
    let migrates = text(&after.value, "/migration") == "migrate";
    let is_new = before.is_some_and(|before| text(&before.value, "/version") != text(&after.value, "/version"));
    let mut seen = after;
    if migrates && is_new {
        let until = Instant::now() + SETTLES_WITHIN;
        while !plan::all_moved(&seen.value) && Instant::now() < until {
            std::thread::sleep(LOOKS_EVERY);
            seen = client.get(path)?;
        }
    }
    for line in plan::contacts(&seen.value) {
        cordboard::say(&line);
    }
    Ok(seen)
}

/// What is missing, and the next command.
fn told(client: &Client, plugin: &Value, path: &str, after: &Answer) -> Result<()> {
    // Grants may have come since.
    let deployment = client.find(path)?.unwrap_or_else(|| after.clone()).value;
    let (name, plugin_name) = (text(&deployment, "/name"), text(plugin, "/name"));
    let mut next = Vec::new();
    for missing in list(&deployment, "/missing_grants") {
        let (detail, reason) = (text(missing, "/detail"), text(missing, "/reason"));
        let capability = text(missing, "/capability");
        cordboard::say(&format!("  missing     {capability}: {detail} ({reason})"));
        next.push(plan::granting(plugin_name, name, capability, detail));
    }
    if next.is_empty() {
        let entries = client.get("/v1/entry-points")?.value;
        next.push(plan::calling(&deployment, list(&entries, "/entry_points")));
    }
    for step in next.iter().filter(|step| !step.is_empty()) {
        cordboard::say(&format!("next: {step}"));
    }
    Ok(())
}

/// Uploads what a folder has, and lets it serve: for who does both at once.
pub(super) fn push_and_serve(
    client: &Client,
    packed: &Packed,
    serving: &Serving,
    wanted: &Wanted,
    why: &str,
) -> Result<()> {
    let uploaded = packed.upload(client)?.value;
    serving.serve(client, &uploaded, wanted, Some(why))
}
