//! `cordboard contact`: what became of contacts, for whoever wrote their flows.

mod replay;
mod show;

use crate::remote::{HostArguments, list, one_line, text};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use cordboard_client::{Client, ClientError, encoded};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum ContactCommand {
    /// The latest contacts, those in progress among them.
    List(ListArguments),
    /// One contact: each step of its flow with its times, what it logged, where it failed, and what it used.
    Show(ShowArguments),
    /// Time travel: goes through a contact again, forward and back, step by step, and shows where another version would part from it.
    Replay(Box<replay::Arguments>),
    /// A core dump of a contact's flow as it was when it failed last: the version goes through the journal once more.
    CoreDump(DumpArguments),
}

#[derive(Args)]
pub(crate) struct ListArguments {
    /// How many, up to 200.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    #[command(flatten)]
    host: HostArguments,
}

#[derive(Args)]
pub(crate) struct ShowArguments {
    /// Which, as `contact list` has it; or `last`.
    id: String,
    #[command(flatten)]
    host: HostArguments,
}

#[derive(Args)]
pub(crate) struct DumpArguments {
    /// Which, as `contact list` has it; or `last`.
    id: String,
    /// A new file for the dump.
    file: PathBuf,
    #[command(flatten)]
    host: HostArguments,
}

pub(crate) fn run(command: &ContactCommand) -> Result<()> {
    match command {
        ContactCommand::List(arguments) => all(arguments),
        ContactCommand::Show(arguments) => one(arguments),
        ContactCommand::Replay(arguments) => replay::run(arguments),
        ContactCommand::CoreDump(arguments) => dump(arguments),
    }
}

fn all(arguments: &ListArguments) -> Result<()> {
    let client = arguments.host.client()?;
    let found = client.get(&format!("/v1/contacts?limit={}", arguments.limit))?.value;
    let contacts = list(&found, "/contacts");
    if contacts.is_empty() {
        cordboard::say(&format!("no contacts on {}\nnext: call it, e.g. with `cordboard phone`", client.host()));
        return Ok(());
    }
    let row = |contact: &Value| {
        let end = text(contact, "/end/reason");
        let state = if end.is_empty() { text(contact, "/state") } else { end };
        let (from, to) = (text(contact, "/origin/number"), text(contact, "/dialled/number"));
        let (id, at) = (text(contact, "/id"), text(contact, "/offered_at"));
        one_line(&format!("{id}  {}  {from:16} {to:12} {state}", at.get(..19).unwrap_or(at)))
    };
    cordboard::say(&contacts.iter().map(row).collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// The contact that is meant.
fn meant(client: &Client, id: &str) -> Result<String> {
    if id != "last" {
        return Ok(id.to_owned());
    }
    let found = client.get("/v1/contacts?limit=1")?.value;
    match list(&found, "/contacts").first() {
        Some(contact) => Ok(text(contact, "/id").to_owned()),
        None => bail!("no contacts on {}\nnext: call it, e.g. with `cordboard phone`", client.host()),
    }
}

fn one(arguments: &ShowArguments) -> Result<()> {
    let client = arguments.host.client()?;
    let path = format!("/v1/contacts/{}", encoded(&meant(&client, &arguments.id)?));
    let contact = client.get(&path)?.value;
    // A contact that is erased, or whose journal is damaged, has the rest all the same.
    let part = |what: &str| match client.get(&format!("{path}/{what}")) {
        Ok(answer) => Ok(Ok(answer.value)),
        Err(ClientError::Refused { problem, .. }) if matches!(problem.status, 409 | 410) => Ok(Err(problem.detail)),
        Err(error) => Err(error),
    };
    let journal = part("journal")?;
    let (logs, diagnostics) = (part("logs")?.unwrap_or(json!({})), part("diagnostics")?.unwrap_or(json!({})));
    cordboard::say(&show::show(&show::Told { contact, journal, logs, diagnostics }));
    Ok(())
}

fn dump(arguments: &DumpArguments) -> Result<()> {
    let DumpArguments { id, file, host } = arguments;
    if file.exists() {
        bail!("{} is there already\nnext: name a new file", file.display());
    }
    let client = host.client()?;
    let id = meant(&client, id)?;
    let bytes = client.post_for_bytes(&format!("/v1/contacts/{}/core-dump", encoded(&id)))?;
    std::fs::write(file, &bytes).with_context(|| file.display().to_string())?;
    cordboard::say(&format!("{}: {} KiB, in the form of wasm core dumps", file.display(), bytes.len().div_ceil(1024)));
    Ok(())
}
