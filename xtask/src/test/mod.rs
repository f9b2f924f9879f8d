//! Every test, foreign phones included.

mod peers;
mod tally;

use crate::{openapi, plugins, process, python, tree::Tree};
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
    /// Leave out what needs Python and its packages.
    without_python: bool,
    /// How long the tests may run, once all is built. Then whatever hangs is ended, and that is a failure.
    limit: Duration,
}

impl Options {
    pub(crate) fn read(words: &[&str]) -> Result<Self> {
        let mut options = Self { without_peers: false, without_python: false, limit: Duration::from_secs(25 * 60) };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--without-peers" => options.without_peers = true,
                "--without-python" => options.without_python = true,
                "--limit-min" => {
                    let minutes = words.next().and_then(|number| number.parse::<u64>().ok());
                    options.limit = Duration::from_secs(60 * minutes.context("--limit-min needs a number of minutes")?);
                }
                other => bail!("`test` knows no {other}"),
            }
        }
        Ok(options)
    }

    /// Words in the names of tests that are left out.
    fn left_out(&self) -> Vec<&'static str> {
        let peers = if self.without_peers { ["sipp", "baresip", "docker_registry"].as_slice() } else { &[] };
        let python = if self.without_python { ["in_python", "by_zig"].as_slice() } else { &[] };
        [peers, python].concat()
    }
}

/// Provides something, unless it is said that it is to be done without. On CI it can't be.
fn unless(without: bool, option: &str, provide: impl FnOnce() -> Result<()>) -> Result<()> {
    if !without {
        return provide();
    }
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        bail!("{option} is not for CI: there, a test that is left out is a failure");
    }
    println!("left out, as asked");
    Ok(())
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
    let without = [
        (options.without_peers, "against foreign phones (SIPp, baresip) and a registry"),
        (options.without_python, "with plugins in Python"),
    ];
    for (_, what) in without.into_iter().filter(|(without, _)| *without) {
        println!("NOT TESTED: anything {what}; {} tests left out in all", tally.left_out);
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn all(tree: &Tree, options: &Options) -> Result<Tally> {
    process::phase("foreign phones", || unless(options.without_peers, "--without-peers", peers::provide))?;
    process::phase("plugins", || plugins::run(tree))?;
    process::phase("plugins in Python", || {
        unless(options.without_python, "--without-python", || {
            python::run(tree, "or test less: cargo xtask test --without-python")
        })
    })?;
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
    let left_out = options.left_out();
    if !left_out.is_empty() {
        // The tests' names say what they need.
        cargo.arg("--").args(left_out.iter().flat_map(|word| ["--skip", word]));
    }
    if options.without_peers {
        cargo.env("CORDBOARD_WITHOUT_PEERS", "1");
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
        let all = read(&[]).unwrap();
        let limit = Duration::from_secs(1_500);
        assert_eq!(all, Options { without_peers: false, without_python: false, limit });
        assert_eq!(all.left_out(), [""; 0]);
        let both = read(&["--limit-min", "3", "--without-peers"]).unwrap();
        let limit = Duration::from_secs(180);
        assert_eq!(both, Options { without_peers: true, without_python: false, limit });
        assert_eq!(both.left_out(), ["sipp", "baresip", "docker_registry"]);
        assert_eq!(read(&["--without-python"]).unwrap().left_out(), ["in_python", "by_zig"]);
        assert!(read(&["--limit-min"]).is_err());
        assert!(read(&["--limit-min", "soon"]).is_err());
        assert!(read(&["extra"]).is_err());
    }
}
