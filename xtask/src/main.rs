//! `cargo xtask COMMAND`: everything that is done with this repository, other than writing it.
//!
//! It depends on next to nothing, so that it is built in seconds and never has a part in what it builds.
#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]

mod bench;
mod contract;
mod debian;
mod demo;
mod openapi;
mod plugins;
mod process;
mod python;
mod setup;
mod test;
mod tidy;
mod tree;

use anyhow::{Result, bail};
use std::process::ExitCode;
use tree::Tree;

const USAGE: &str = "\
cargo xtask COMMAND

  demo                     builds all and plays three real calls, with a timeline
  test [--without-peers] [--without-python] [--limit-min N]
                           every test, those with foreign phones and plugins in Python included; without
                           them only if that is said
  setup                    fetches what the builds need beyond cargo, or names it
  plugins [--python]       builds the plugins to target/plugins; with it, also what only tests and bench need
  bench                    measures the hot paths, as costs per unit and ratios
  openapi [--check]        writes host/admin/openapi.json, or compares it
  contract                 writes docs/contract, the reference made of the WIT texts; tidy compares it
  tidy                     holds the house rules against the tree
  fmt-check                is the code formatted?
  freeze                   records the WIT folders that are new; those recorded never change";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<ExitCode> {
    let (command, options) = match words.split_first() {
        None | Some((&("help" | "--help" | "-h"), _)) => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        Some((command, options)) => (*command, options),
    };
    let allowed: &[&str] = match command {
        "test" => &["--without-peers", "--without-python", "--limit-min"],
        "openapi" => &["--check"],
        "plugins" => &["--python"],
        _ => &[],
    };
    if let Some(unknown) = options.iter().find(|word| word.starts_with('-') && !allowed.contains(*word)) {
        bail!("unknown option {unknown}\n\n{USAGE}");
    }
    let tree = Tree::find()?;
    match command {
        "demo" => return demo::run(&tree),
        "test" => return test::run(&tree, &test::Options::read(options)?),
        "setup" => setup::run()?,
        "plugins" => {
            plugins::run(&tree)?;
            if options.contains(&"--python") {
                python::run(&tree, "or leave out --python")?;
            }
        }
        "bench" => bench::run(&tree)?,
        "openapi" if options.contains(&"--check") => openapi::check(&tree)?,
        "openapi" => openapi::write(&tree)?,
        "contract" => contract::write(&tree)?,
        "tidy" => return tidy::run(&tree),
        "fmt-check" => process::run(tree.cargo().args(["fmt", "--all", "--check"]))?,
        "freeze" => tidy::freeze(&tree)?,
        unknown => bail!("unknown command {unknown}\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
