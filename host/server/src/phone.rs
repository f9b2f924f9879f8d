//! `cordboard phone`: a softphone on the command line.

mod api;
mod conversation;
mod unseen;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use cordboard::say;
use cordboard_client::{Client, Token, hosts};
use cordboard_phone::{CallEnd, Phone, PhoneCall, PhoneConfig, Step, parse, run_script};
use cordboard_script::{Case, Report, Script, timeline};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who the phone is, unless it is told.
const DEFAULT_USER: &str = "phone";

/// What the phone is and does.
#[derive(Args)]
pub(crate) struct PhoneArguments {
    /// The switchboard.
    #[arg(long, default_value = "127.0.0.1:5060")]
    server: SocketAddr,
    /// Where the phone listens; port 0: any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// The user part of its address: an agent's id to register as one.
    #[arg(long, default_value = DEFAULT_USER)]
    user: String,
    /// The name it shows.
    #[arg(long)]
    name: Option<String>,
    /// Registers with this password.
    #[arg(long, env = "CORDBOARD_PHONE_PASSWORD")]
    password: Option<String>,
    /// Calls this number; without it the phone answers calls until it is stopped.
    #[arg(long)]
    dial: Option<String>,
    /// What to do in a call, step by step: `answered 5s; quiet 700ms 20s; press 1; wait 5s; hang-up`.
    #[arg(long, default_value = "answered 30s; ended 3600s")]
    steps: String,
    /// The same from a file; or a conversation script (`.yaml`), which is played as real calls.
    #[arg(long, conflicts_with = "steps")]
    script: Option<PathBuf>,
    /// Of a conversation script: only the case of this name.
    #[arg(long, requires = "script")]
    case: Option<String>,
    /// Of a conversation script: the centre's admin API, to check what can't be heard; its URL, or its name in client.toml.
    #[arg(long, requires = "script", value_name = "URL|NAME")]
    api: Option<String>,
    /// The admin token. Where nothing names one, it is found as that of `cordboard plugin`.
    #[arg(long, requires = "api")]
    token: Option<String>,
    /// A file with the admin token.
    #[arg(long, requires = "api", conflicts_with = "token", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where to keep what is heard and said.
    #[arg(long)]
    record: Option<PathBuf>,
    /// After so many answered calls the phone stops. 0: never.
    #[arg(long, default_value_t = 0)]
    calls: u32,
}

impl PhoneArguments {
    /// Whether its script is a conversation script.
    pub(crate) fn plays_conversations(&self) -> bool {
        let is_yaml = |path: &Path| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        self.script.as_deref().is_some_and(is_yaml)
    }

    fn api(&self) -> Result<Option<Client>> {
        let Some(api) = &self.api else { return Ok(None) };
        if let Some(token) = self.token.as_deref().filter(|_| self.token_file.is_none()) {
            let token = Token::new(token).context("--token is no token: 16 to 256 visible characters")?;
            return Ok(Some(Client::new(api, token)?));
        }
        let flags = hosts::Flags { host: Some(api.clone()), token_file: self.token_file.clone(), operator: None };
        Ok(Some(hosts::find(&flags, &hosts::Surroundings::here())?))
    }
}

/// Plays a conversation script as real calls, a case after the other. True if all that could be checked held.
pub(crate) fn play(arguments: &PhoneArguments) -> Result<bool> {
    let Some(path) = &arguments.script else { bail!("--script is missing") };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| shown.clone())?;
    let script = Script::read(&text)
        .map_err(|error| anyhow::anyhow!("{shown}:{}:{}: {}", error.line, error.column, error.reason))?;
    let wanted = |case: &&Case| arguments.case.is_none() || case.name == arguments.case;
    let cases: Vec<&Case> = script.cases.iter().filter(wanted).collect();
    ensure!(!cases.is_empty(), "{shown}: there is no case `{}`", arguments.case.as_deref().unwrap_or_default());
    let api = arguments.api()?;
    if api.is_none() {
        say("without --api, what is said, looked up, set and routed is not checked: only that something is heard");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let held = runtime.block_on(async {
        let mut held = true;
        for case in cases {
            held &= call(arguments, &shown, case, api.as_ref()).await?;
        }
        anyhow::Ok(held)
    });
    // A thread may still read the centre's events.
    runtime.shutdown_background();
    held
}

/// One case, as one call.
async fn call(arguments: &PhoneArguments, script: &str, case: &Case, api: Option<&Client>) -> Result<bool> {
    // Who the phone is, unless it was told.
    let number = match case.caller.origin.number.as_deref() {
        Some(number) if arguments.user == DEFAULT_USER => number,
        Some(_) | None => &arguments.user,
    };
    let phone = Phone::start(PhoneConfig {
        bind: arguments.bind,
        server: arguments.server,
        user: number.to_owned(),
        display_name: arguments.name.clone().or_else(|| case.caller.origin.display_name.clone()),
        password: arguments.password.clone(),
        recordings: arguments.record.clone(),
    })
    .await?;
    let played = Box::pin(conversation::play(&phone, number, case, api)).await;
    phone.stop().await;
    let conversation::Played { moments, difference, unchecked } = played?;
    let lasted_ms = moments.last().map_or(0, |moment| moment.at_ms);
    let (case, difference) = (case.name.as_deref(), difference.as_ref());
    let report = Report { script, case, moments: &moments, difference, lasted_ms };
    say(report.text().trim_end());
    if report.held() && api.is_none() {
        // With the centre's events it was told as it happened.
        say(timeline(&moments).trim_end());
    }
    for unchecked in unchecked {
        say(&format!("        not checked: {unchecked}"));
    }
    Ok(report.held())
}

/// Runs the phone.
pub(crate) fn run(arguments: &PhoneArguments) -> Result<()> {
    let text = match &arguments.script {
        Some(path) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => arguments.steps.clone(),
    };
    let steps = parse(&text).with_context(|| match &arguments.script {
        Some(path) => path.display().to_string(),
        None => "--steps".into(),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = act(arguments, &steps) => done,
            signal = tokio::signal::ctrl_c() => Ok(signal?),
        }
    })
}

async fn act(arguments: &PhoneArguments, steps: &[Step]) -> Result<()> {
    let phone = Phone::start(PhoneConfig {
        bind: arguments.bind,
        server: arguments.server,
        user: arguments.user.clone(),
        display_name: arguments.name.clone(),
        password: arguments.password.clone(),
        recordings: arguments.record.clone(),
    })
    .await?;
    if arguments.password.is_some() {
        phone.register(Duration::from_secs(300)).await?;
        say(&format!("registered as {}", arguments.user));
    }
    if let Some(number) = &arguments.dial {
        let call = phone.dial(number)?;
        say(&format!("calling {number}"));
        let done = follow(&call, steps).await;
        phone.stop().await;
        return done;
    }
    let mut answered = 0;
    while arguments.calls == 0 || answered < arguments.calls {
        let Some(call) = phone.incoming(Duration::from_secs(3_600)).await else { continue };
        say(&format!("{} is calling", call.peer()));
        call.answer();
        answered += 1;
        if let Err(error) = follow(&call, steps).await {
            say(&format!("{error:#}"));
        }
    }
    phone.stop().await;
    Ok(())
}

async fn follow(call: &PhoneCall, steps: &[Step]) -> Result<()> {
    run_script(call, steps, |done| say(&format!("{:>8.3} s  {:?}", done.at.as_secs_f64(), done.step))).await?;
    match call.ended(Duration::ZERO).await {
        Some(CallEnd::Refused { code, reason }) => bail!("the call was refused: {code} {reason}"),
        Some(CallEnd::Broken(why)) => bail!("the call broke: {why}"),
        Some(CallEnd::Cancelled | CallEnd::RemoteHungUp | CallEnd::HungUp) => Ok(()),
        None => {
            call.hang_up();
            Ok(())
        }
    }
}
