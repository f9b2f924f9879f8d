//! Every test, foreign phones included.

mod peers;
mod tally;

use crate::{openapi, plugins, process, tree::Tree};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::process::{ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use tally::Tally;

/// What is to be tested.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Leave out what needs SIPp and baresip.
    without_peers: bool,
    /// How long the tests may run, once all is built. Then whatever hangs is ended, and that is a failure.
    limit: Duration,
}

impl Options {
    pub(crate) fn read(words: &[&str]) -> Result<Self> {
        let mut options = Self { without_peers: false, limit: Duration::from_secs(25 * 60) };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--without-peers" => options.without_peers = true,
                "--limit-min" => {
                    let minutes = words.next().and_then(|number| number.parse::<u64>().ok());
                    options.limit = Duration::from_secs(60 * minutes.context("--limit-min needs a number of minutes")?);
                }
                other => bail!("`test` knows no {other}"),
            }
        }
        Ok(options)
    }
}

/// Builds all and runs every test. The last line is `N passed, N failed`.
pub(crate) fn run(tree: &Tree, options: &Options) -> Result<ExitCode> {
    let started = Instant::now();
    let tally = match all(tree, options) {
        Ok(tally) => tally,
        Err(error) => {
            println!("\n{error:#}");
            // What can't even be built or fetched is one failure: there is nothing to count.
            Tally { failed: 1, ..Tally::default() }
        }
    };
    println!("\n== all: {}", process::minutes(started.elapsed()));
    if tally.ignored > 0 {
        println!("{} ignored", tally.ignored);
    }
    if options.without_peers {
        println!("NOT TESTED: anything against foreign phones (SIPp, baresip); {} tests left out", tally.left_out);
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn all(tree: &Tree, options: &Options) -> Result<Tally> {
    process::phase("foreign phones", || peers::provide(options.without_peers))?;
    process::phase("plugins", || plugins::run(tree))?;
    process::phase("programs", || tree.build())?;
    // What comes first fails first, but the tests are run all the same: one run tells everything.
    let document = process::phase("openapi", || openapi::compare(tree));
    process::phase("test programs", || process::run(tree.cargo().args(["test", "--workspace", "--no-run"])))?;
    let mut tally = process::phase("tests", || tests(tree, options))?;
    if let Err(error) = document {
        println!("\n{error:#}");
        tally.failed += 1;
    }
    Ok(tally)
}

fn tests(tree: &Tree, options: &Options) -> Result<Tally> {
    let mut cargo = tree.cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    tree.point(&mut cargo);
    if options.without_peers {
        // The tests' names say whom they need.
        cargo.args(["--", "--skip", "sipp", "--skip", "baresip"]).env("CORDBOARD_WITHOUT_PEERS", "1");
    }
    let text = process::shown(&cargo);
    println!("$ {text}");
    let mut child = cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context(text)?;
    let output = child.stdout.take().context("no standard output")?;
    let (lines, received) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens once the time is over.
            let _ = lines.send(line);
        }
    });
    let until = Instant::now() + options.limit;
    let mut tally = Tally::default();
    loop {
        match received.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                tally.take(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!(
                    "\nthe tests did not end within {}; those that run are ended",
                    process::minutes(options.limit)
                );
                process::end_with_children(child.id());
                tally.failed += 1;
                break;
            }
        }
    }
    let status = child.wait()?;
    tally.settle(status.success());
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = |words: &[&str]| Options::read(words);
        assert_eq!(read(&[]).unwrap(), Options { without_peers: false, limit: Duration::from_secs(1_500) });
        let both = read(&["--limit-min", "3", "--without-peers"]).unwrap();
        assert_eq!(both, Options { without_peers: true, limit: Duration::from_secs(180) });
        assert!(read(&["--limit-min"]).is_err());
        assert!(read(&["--limit-min", "soon"]).is_err());
        assert!(read(&["extra"]).is_err());
    }
}
