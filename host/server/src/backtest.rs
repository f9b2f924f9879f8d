//! `cordboard backtest`: what a version of a flow would have done with contacts that have ended, or one of a scorer with
//! routing decisions.

mod condition;
pub(crate) mod decisions;
pub(crate) mod report;
mod since;

use crate::candidate::CandidateArguments;
use crate::remote::{HostArguments, text};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use condition::Condition;
use cordboard_client::{Client, ClientError, encoded};
use cordboard_core::time::Timestamp;
use serde_json::{Value, json};
use since::Moment;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LOOKS_EVERY: Duration = Duration::from_millis(300);

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    candidate: CandidateArguments,
    /// Contacts that came, decisions that were made, since: a span before now (30m, 12h, 7d, 2w), a day (2026-01-31, in UTC) or a time (RFC 3339).
    #[arg(long, value_name = "SPAN|TIME")]
    since: Moment,
    /// Before: the same.
    #[arg(long, value_name = "SPAN|TIME")]
    until: Option<Moment>,
    /// Contacts that held a place in this queue, decisions for it.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// Contacts that came through this entry point; of flows alone.
    #[arg(long, value_name = "NAME")]
    entry_point: Option<String>,
    /// No more contacts or decisions than so many, newest first.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: u64,
    /// Ends with 1 if this holds of the report: FIGURE<NUMBER, also with <=, >, >=. Figures are agreement and share, in
    /// percent, and the numbers of contacts (or decisions), compared, agreed, diverged, failed, skipped. Several: if one of
    /// them holds.
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<Condition>,
    /// Prints the report as the host has it, for programs.
    #[arg(long)]
    json: bool,
    /// Writes the report, as JSON, to this file as well.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    host: HostArguments,
}

/// False: a condition holds that it is to fail for, or it could not be gone through to the end.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    arguments.candidate.check()?;
    ensure!(
        arguments.candidate.named(),
        "nothing is named to be tested\nnext: --plugin FOLDER|WASM, or --version DIGEST"
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    let (from, until) = (arguments.since.at(now), arguments.until.as_ref().map(|until| until.at(now)));
    ensure!(until.is_none_or(|until| from < until), "--until is not behind --since: no contact can fit");
    let client = arguments.host.client()?;
    let (mut candidate, name) = arguments.candidate.body(&client)?;
    if arguments.candidate.deployment.is_none() {
        let deployment = deployment(&client, &name)?;
        candidate.as_object_mut().map(|candidate| candidate.insert("deployment".into(), deployment.into()));
    }
    let body = json!({
        "candidate": candidate,
        "from": cordboard_admin::format_time(from),
        "until": until.map(cordboard_admin::format_time),
        "queue": arguments.queue,
        "entry_point": arguments.entry_point,
        "limit": arguments.limit,
    });
    let begun = client.post_json("/v1/backtests", &body)?.value;
    let done = watched(&client, begun)?;
    if let Some(file) = &arguments.output {
        std::fs::write(file, serde_json::to_vec_pretty(&done)?).with_context(|| file.display().to_string())?;
    }
    if arguments.json {
        cordboard::say(&serde_json::to_string_pretty(&done)?);
    } else {
        let of_scorer = done.get("decisions").is_some_and(|found| !found.is_null());
        cordboard::say(&if of_scorer { decisions::report(&done) } else { report::report(&done) });
    }
    judged(&done, &arguments.fail_if, arguments.json)
}

/// The deployment that the plugin is called as.
fn deployment(client: &Client, name: &str) -> Result<String> {
    let next = "next: say with --deployment whose contacts are to be gone through; `cordboard plugin list` has them";
    ensure!(!name.is_empty(), "it isn't said which deployment it is to serve\n{next}");
    match client.find(&format!("/v1/deployments/{}", encoded(name)))? {
        Some(_) => Ok(name.to_owned()),
        None => bail!("there is no deployment `{name}`\n{next}"),
    }
}

/// The one line of a terminal that tells how far it is. One that can't be written is nobody's loss.
fn progress(line: &str) {
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "\r{line}\x1b[K").and_then(|()| out.flush());
}

/// Waits until it is over, telling on a terminal how far it is.
fn watched(client: &Client, begun: Value) -> Result<Value> {
    let path = format!("/v1/backtests/{}", encoded(text(&begun, "/id")));
    let terminal = std::io::stderr().is_terminal();
    let mut now = begun;
    while text(&now, "/state") == "running" {
        std::thread::sleep(LOOKS_EVERY);
        now = match client.get(&path) {
            Ok(answer) => answer.value,
            // The host was started again: back-tests are of one run.
            Err(error) if error.is_not_found() => bail!("the host ended meanwhile, and the back-test with it"),
            Err(ClientError::Broken { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if terminal {
            let count = |pointer: &str| now.pointer(pointer).and_then(Value::as_u64);
            let (number, what) = match count("/decisions/decisions") {
                Some(decisions) => (decisions, "decisions"),
                None => (count("/report/contacts").unwrap_or_default(), "contacts"),
            };
            progress(&format!("{number} {what} …"));
        }
    }
    if terminal {
        progress("");
    }
    match text(&now, "/state") {
        "done" | "stopped" => Ok(now),
        "cancelled" => bail!("somebody ended it"),
        _ => bail!("it could not be done: {} ({})", text(&now, "/detail"), text(&now, "/code")),
    }
}

/// Whether none of the conditions holds, and all was gone through.
fn judged(done: &Value, conditions: &[Condition], quiet: bool) -> Result<bool> {
    let mut good = true;
    for condition in conditions {
        let figure = condition.figure(done).with_context(|| format!("the report doesn't say `{condition}`"))?;
        if condition.holds(figure) {
            good = false;
            cordboard::complain(&format!("fails: {condition}, and it is {}", condition.shown(figure)));
        } else if !quiet {
            cordboard::say(&format!("good: not {condition}, it is {}", condition.shown(figure)));
        }
    }
    if text(done, "/state") == "stopped" {
        good = false;
        cordboard::complain(&format!("fails: {}", text(done, "/detail")));
    }
    Ok(good)
}
