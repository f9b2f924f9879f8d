//! The demonstration: a whole centre on loopback, set up over the admin API alone, and three real calls through it.
//!
//! What is printed comes from the host's event stream and its API. What is claimed at the end was measured: in the
//! packets, in the recordings, in the order of events. The exit code is 0 only if everything happened.

mod calls;
mod checks;
mod report;
mod stage;
mod timeline;

use anyhow::{Context as _, Result, bail};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("\nThe demonstration broke off: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let out = folder(std::env::args().skip(1))?;
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let checks = runtime.block_on(async {
        let mut stage = stage::Stage::set_up(&out).await?;
        for (title, done) in [
            ("Call 1: a caller serves herself", calls::self_service(&mut stage).await),
            ("Call 2: through the queue to an agent", calls::queue_and_talk(&mut stage).await),
            ("Call 3: a new version in the middle of a call", calls::hot_swap(&mut stage).await),
        ] {
            if let Err(error) = done {
                stage.timeline.print(title);
                stage.checks.failed(title, &format!("{error:#}"));
            }
        }
        stage.strike().await
    })?;
    say(&format!("\nRecordings of what each side heard and said, and the logs: {}", out.display()));
    Ok(checks.print(began.elapsed()))
}

/// Where the recordings go: `--out FOLDER`, else `target/demo`.
fn folder(mut words: impl Iterator<Item = String>) -> Result<PathBuf> {
    let mut out = PathBuf::from("target/demo");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--out" => out = words.next().context("--out needs a folder")?.into(),
            other => bail!("unknown word `{other}`; known: --out FOLDER"),
        }
    }
    std::fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    Ok(std::path::absolute(out)?)
}

/// Prints a line.
fn say(line: &str) {
    // Nobody reads any more: nothing to tell them then.
    let _ = writeln!(std::io::stdout(), "{line}");
}
