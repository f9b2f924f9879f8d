//! `cordboard deployment`: what serves under which name, what was done with it, and what is tried beside it or goes
//! through what it does.

mod canary;
mod figures;
mod history;
mod list;
pub(crate) mod rollback;
mod shadow;
mod show;
mod stages;

use crate::plugin::{Wanted, called};
use crate::remote::{HostArguments, OrderArguments, text};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use cordboard_client::{Answer, Client, Expected, encoded};
use serde_json::{Map, Value, json};

#[derive(Subcommand)]
pub(crate) enum DeploymentCommand {
    /// Lists what serves under which name.
    List(ListArguments),
    /// One deployment: its version, its contacts, what it misses; its canary and its shadow, and how those do.
    Show(ShowArguments),
    /// What was done with it, newest first: when, by whom, why, and what was counted at that moment. Also if it is removed.
    History(history::Arguments),
    /// Takes the canary back that runs; without one lets an earlier state serve again.
    Rollback(RollbackArguments),
    /// Tries another version on a part of the new contacts, in stages, as long as its guards hold.
    Canary(Box<canary::Arguments>),
    /// Lets the canary serve all new contacts, whatever stage it is in.
    Promote(PromoteArguments),
    /// Lets another version go through what the deployment does, once that is done, and tells what it would have done.
    ///
    /// It serves nobody. Of a flow it goes through each contact that has ended, of a scorer it makes each decision again.
    Shadow(Box<shadow::Arguments>),
}

#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    host: HostArguments,
}

#[derive(Args)]
pub(crate) struct ShowArguments {
    /// The deployment.
    name: String,
    #[command(flatten)]
    host: HostArguments,
}

#[derive(Args)]
pub(crate) struct RollbackArguments {
    /// The deployment.
    name: String,
    /// The step of its history since which it was what it is to be again. Default: the latest state with another version.
    #[arg(long, value_name = "STEP")]
    to: Option<u64>,
    #[command(flatten)]
    order: OrderArguments,
    #[command(flatten)]
    host: HostArguments,
}

#[derive(Args)]
pub(crate) struct PromoteArguments {
    /// The deployment.
    name: String,
    #[command(flatten)]
    order: OrderArguments,
    #[command(flatten)]
    host: HostArguments,
}

pub(crate) fn run(command: &DeploymentCommand) -> Result<()> {
    match command {
        DeploymentCommand::List(arguments) => list::run(&arguments.host.client()?),
        DeploymentCommand::Show(arguments) => show::run(&arguments.host.client()?, &arguments.name),
        DeploymentCommand::History(arguments) => history::run(arguments),
        DeploymentCommand::Rollback(RollbackArguments { name, to, order, host }) => {
            rollback::back(&host.ordering(order)?, name, *to, order.reason.as_deref())
        }
        DeploymentCommand::Canary(arguments) => canary::run(arguments),
        DeploymentCommand::Promote(PromoteArguments { name, order, host }) => {
            canary::promote(&host.ordering(order)?, name, order.reason.as_deref())
        }
        DeploymentCommand::Shadow(arguments) => shadow::run(arguments),
    }
}

/// Another version of a deployment, as the host takes it: with what the deployment has where nothing else is said.
fn beside(now: &Value, wanted: &Wanted, plugin: &Value, why: Option<&str>) -> Map<String, Value> {
    let as_deployed = wanted.body(Some(now), text(plugin, "/digest"));
    let member = |name: &str| (name.to_owned(), as_deployed.get(name).cloned().unwrap_or_default());
    [member("plugin"), member("config"), member("limits"), ("reason".to_owned(), json!(why))].into_iter().collect()
}

fn path(name: &str) -> String {
    format!("/v1/deployments/{}", encoded(name))
}

/// A deployment as it is.
fn found(client: &Client, name: &str) -> Result<Answer> {
    client.find(&path(name))?.with_context(|| {
        format!(
            "there is no deployment `{name}` on {}\nnext: see which there are with `cordboard deployment list`",
            client.host()
        )
    })
}

/// What a change of it expects.
fn as_seen(deployment: &Answer) -> Expected {
    deployment.expected().unwrap_or(Expected::Absent)
}

/// An uploaded plugin. One that was removed serves all the same.
fn plugin(client: &Client, digest: &str) -> Result<Value> {
    let found = client.find(&format!("/v1/plugins/{}", encoded(digest)))?;
    Ok(found.map_or_else(|| json!({ "digest": digest }), |found| found.value))
}

/// What a deployment's plugin, its canary's or its shadow's, is called.
fn plugin_called(client: &Client, value: &Value) -> Result<String> {
    Ok(called(&plugin(client, text(value, "/plugin"))?))
}
