//! `cordboard deployment canary` and `promote`.

use super::stages::{Stages, USUAL, Weight};
use super::{as_seen, beside, figures, found, path, plugin};
use crate::plugin::{
    RegistryArguments, Values, Wanted, announce, brought, called, changes, refuse_beside_canary, settled,
};
use crate::remote::{HostArguments, OrderArguments, short, text};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use cordboard_client::Client;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The deployment.
    name: String,
    /// The plugin that is tried: a file NAME.wasm or a plugin's folder (written with a `/`), `oci://REGISTRY/NAME:TAG`, the
    /// name of an uploaded one, or the beginning of its digest. Default: the one built in this folder.
    plugin: Option<String>,
    /// Its share of new contacts in percent, until it is promoted or taken back.
    #[arg(long, value_name = "PERCENT", conflicts_with = "stages")]
    weight: Option<Weight>,
    /// Its shares one after the other, `SHARE[:TIME[:CONTACTS]]`: so long at least, and so many of its contacts over. After
    /// the last it serves alone. Default: the plan's, or 1%:10m:200,10%:10m:200,50%:10m:200,100%:10m:200.
    #[arg(long, value_name = "STAGES")]
    stages: Option<Stages>,
    /// Whether a contact keeps its version (it always does), or whoever calls again gets the same again.
    #[arg(long)]
    sticky: Option<Sticky>,
    /// Guards, rules and the rest of the plan: a JSON file, as `plan` of `PUT /v1/deployments/NAME/canary`.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    order: OrderArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    host: HostArguments,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Sticky {
    /// Each contact by itself.
    Contact,
    /// Whoever calls again.
    Caller,
}

impl Arguments {
    fn plan(&self) -> Result<Value> {
        let mut plan = self.plan.as_deref().map(read).transpose()?.unwrap_or_default();
        let said = match (&self.weight, &self.stages) {
            (Some(Weight(stage)), _) => Some(vec![stage.clone()]),
            (None, Some(Stages(stages))) => Some(stages.clone()),
            (None, None) if !plan.contains_key("stages") => {
                let Stages(usual) = USUAL.parse()?;
                Some(usual)
            }
            (None, None) => None,
        };
        if let Some(stages) = said {
            plan.insert("stages".into(), stages.into());
        }
        if let Some(sticky) = self.sticky {
            let sticky = match sticky {
                Sticky::Contact => "contact",
                Sticky::Caller => "caller",
            };
            plan.insert("sticky".into(), sticky.into());
        }
        Ok(plan.into())
    }
}

fn read(file: &Path) -> Result<Map<String, Value>> {
    let shown = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(shown)?;
    serde_json::from_str(&text).context("not a JSON object").with_context(shown)
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    // What is written wrong is told before anything is asked or uploaded.
    let (plan, wanted) = (arguments.plan()?, Wanted::of(&arguments.values)?);
    let client = arguments.host.ordering(&arguments.order)?;
    let name = arguments.name.as_str();
    let now = found(&client, name)?;
    refuse_beside_canary(&now.value)?;
    let tried = brought(&client, arguments.plugin.as_deref(), &arguments.registry)?;
    let mut body = beside(&now.value, &wanted, &tried, arguments.order.reason.as_deref());
    body.insert("plan".into(), plan);
    announce(&tried);
    let after = client.put(&format!("{}/canary", path(name)), &Value::Object(body), &as_seen(&now))?.value;
    let canary = after.get("canary").unwrap_or(&Value::Null);
    cordboard::say(&begun(name, &after, canary, &called(&tried)));
    Ok(())
}

fn begun(name: &str, after: &Value, canary: &Value, tried: &str) -> String {
    let plan = canary.get("plan").unwrap_or(&Value::Null);
    let (stable, version) = (short(text(after, "/version")), short(text(canary, "/version")));
    let share = figures::share(after);
    let lines = [
        format!("deployment {name}: tries {tried} on {share} % of new contacts; the others have {stable}"),
        format!("  canary      {version}"),
        format!("  stages      {}", figures::stages(plan)),
        format!("  guards      {}", figures::guards(plan)),
        format!("next: cordboard deployment show {name}"),
    ];
    lines.join("\n")
}

/// Lets the canary serve all new contacts.
pub(super) fn promote(client: &Client, name: &str, why: Option<&str>) -> Result<()> {
    let before = found(client, name)?;
    ensure!(
        !text(&before.value, "/canary/version").is_empty(),
        "deployment {name} has no canary\nnext: begin one with `cordboard deployment canary {name} FILE`, or see what became of \
         the last with `deployment history {name}`"
    );
    let after = client.post(&format!("{}/promote", path(name)), &json!({ "reason": why }), &as_seen(&before))?;
    let serving = plugin(client, text(&after.value, "/plugin"))?;
    cordboard::say(&changes(name, Some(&before.value), &after.value, &serving));
    settled(client, &path(name), Some(&before), after)?;
    cordboard::say(&format!("next: cordboard deployment rollback {name} takes that back"));
    Ok(())
}
