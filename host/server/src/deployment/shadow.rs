//! `cordboard deployment shadow`.

use super::{as_seen, beside, found, path};
use crate::backtest::{decisions, report};
use crate::plugin::{RegistryArguments, Values, Wanted, announce, brought, called};
use crate::remote::{HostArguments, OrderArguments, number, one_line, short, text};
use anyhow::{Result, ensure};
use clap::Args;
use cordboard_client::{Client, encoded};
use serde_json::Value;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The deployment: of a flow or a scorer.
    name: String,
    /// The plugin that goes through it: a file NAME.wasm or a plugin's folder (written with a `/`),
    /// `oci://REGISTRY/NAME:TAG`, the name of an uploaded one, or the beginning of its digest. Default: the one built in
    /// this folder.
    plugin: Option<String>,
    /// Ends it, having told what it came to.
    #[arg(long, conflicts_with_all = ["plugin", "config", "limit"])]
    remove: bool,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    order: OrderArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    // What is written wrong is told before anything is asked or uploaded.
    let wanted = Wanted::of(&arguments.values)?;
    let client = arguments.host.ordering(&arguments.order)?;
    let (name, why) = (arguments.name.as_str(), arguments.order.reason.as_deref());
    if arguments.remove {
        return remove(&client, name, why);
    }
    let now = found(&client, name)?;
    let plugin = brought(&client, arguments.plugin.as_deref(), &arguments.registry)?;
    let body = beside(&now.value, &wanted, &plugin, why);
    announce(&plugin);
    let after = client.put(&format!("{}/shadow", path(name)), &Value::Object(body), &as_seen(&now))?.value;
    let what = if text(&after, "/world") == "scorer" { "decision that is made" } else { "contact that has ended" };
    let (plugin, version) = (called(&plugin), short(text(&after, "/shadow/version")));
    cordboard::say(&format!(
        "deployment {name}: {plugin}, as {version}, goes through each {what}, and serves nobody\n\
         next: cordboard deployment show {name} tells what it would have done"
    ));
    Ok(())
}

fn remove(client: &Client, name: &str, why: Option<&str>) -> Result<()> {
    let before = found(client, name)?;
    let shadow = shadow_of(&before.value);
    ensure!(
        shadow.is_some(),
        "deployment {name} has no shadow\nnext: begin one with `cordboard deployment shadow {name} FILE`"
    );
    let why = why.map(|why| format!("?reason={}", encoded(why))).unwrap_or_default();
    client.delete(&format!("{}/shadow{why}", path(name)))?;
    cordboard::say(&format!("deployment {name}: its shadow is ended{}", shadow.map(findings).unwrap_or_default()));
    Ok(())
}

/// A deployment's shadow, if it has one.
pub(super) fn shadow_of(deployment: &Value) -> Option<&Value> {
    deployment.get("shadow").filter(|shadow| !shadow.is_null())
}

/// What a shadow came to: behind its name.
pub(super) fn findings(shadow: &Value) -> String {
    let since = text(shadow, "/since");
    let since = since.get(..19).unwrap_or(since);
    let of_scorer = shadow.get("decisions").is_some_and(|found| !found.is_null());
    let (what, found) = if of_scorer {
        ("decisions", shadow.get("decisions").map(decisions::findings))
    } else {
        ("contacts", shadow.get("contacts").map(report::findings))
    };
    let seen = number(shadow, &format!("/{what}/{what}"));
    let dropped = match number(shadow, "/dropped") {
        0 => String::new(),
        dropped => format!(", {dropped} left out"),
    };
    let failure = match text(shadow, "/failure") {
        "" => String::new(),
        failure => format!("\n  failed      it could not be loaded: {}", one_line(failure)),
    };
    format!(": {seen} {what} since {since}Z{dropped}{failure}{}", found.unwrap_or_default())
}
