//! `cordboard phone`: a softphone on the command line.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use cordboard::say;
use cordboard_phone::{CallEnd, Phone, PhoneCall, PhoneConfig, Step, parse, run_script};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    #[arg(long, default_value = "phone")]
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
    /// The same from a file.
    #[arg(long, conflicts_with = "steps")]
    script: Option<PathBuf>,
    /// Where to keep what is heard and said.
    #[arg(long)]
    record: Option<PathBuf>,
    /// After so many answered calls the phone stops. 0: never.
    #[arg(long, default_value_t = 0)]
    calls: u32,
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
