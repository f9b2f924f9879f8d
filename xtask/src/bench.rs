//! Runs the benchmark programs and gathers what they measured in one table.
//!
//! A program prints a line for each thing measured, `NAME: FIGURES` or `NAME FIGURES`: `scorer_us 45.1 per 100 agents`,
//! `a page of records: p50 0.2 ms, p99 1.1 ms`. Other lines are shown as they come. All run in the dev profile, which optimises what is measured: so
//! compare within one run, and trust the ratios more than the times.

use crate::{plugins, process, python, tree::Tree};
use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// A benchmark program: what kind of target, and its name.
const PROGRAMS: [(&str, &str); 7] = [
    ("example", "bench"),
    ("example", "conversations"),
    ("example", "records_bench"),
    ("example", "backtests"),
    ("example", "canaries"),
    ("example", "media_load"),
    ("bin", "cordboard-bench"),
];

/// What a program measured.
#[derive(Debug, PartialEq, Eq)]
struct Figure {
    name: String,
    /// With unit and circumstances.
    figures: String,
}

/// Builds all, runs each, prints the table.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    process::phase("plugins", || plugins::run(tree))?;
    process::phase("plugins in Python", || python::run(tree, "the benchmarks need it"))?;
    process::phase("build", || tree.build())?;
    let (there, missing): (Vec<_>, Vec<_>) = PROGRAMS.into_iter().partition(|(kind, name)| tree.has(kind, name));
    let mut measured = Vec::new();
    for (kind, name) in there {
        let path = if kind == "example" { format!("examples/{name}") } else { name.to_owned() };
        let figures = process::phase(name, || figures(tree.program(path)))?;
        measured.push((name, figures));
    }
    println!("\n{}", table(&measured));
    for (kind, name) in missing {
        println!("NOT MEASURED: the workspace has no {kind} {name}");
    }
    Ok(())
}

fn figures(mut program: Command) -> Result<Vec<Figure>> {
    let text = process::shown(&program);
    let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| text.clone())?;
    let output = child.stdout.take().context("no standard output")?;
    let mut figures = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line.with_context(|| text.clone())?;
        println!("{line}");
        figures.extend(figure(&line));
    }
    let status = child.wait()?;
    ensure!(status.success(), "`{text}` ended with {status}");
    Ok(figures)
}

/// The figure in a line: behind the last colon, or else from the first word on that begins like a number.
fn figure(line: &str) -> Option<Figure> {
    let digit = |c: char| c.is_ascii_digit();
    let (name, figures) = match line.rsplit_once(": ") {
        Some((name, figures)) if figures.contains(digit) => (name, figures),
        _ => {
            let starts = line.split_inclusive(char::is_whitespace).scan(0, |at, word| {
                *at += word.len();
                Some((*at - word.len(), word))
            });
            let (at, _) = starts.into_iter().find(|(_, word)| word.starts_with(digit))?;
            line.split_at_checked(at)?
        }
    };
    let (name, figures) = (name.trim(), figures.trim());
    if name.is_empty() { None } else { Some(Figure { name: name.into(), figures: figures.into() }) }
}

fn table(measured: &[(&str, Vec<Figure>)]) -> String {
    let all = || measured.iter().flat_map(|(program, figures)| figures.iter().map(move |figure| (*program, figure)));
    let programs = all().map(|(program, _)| program.len()).max().unwrap_or(0);
    let names = all().map(|(_, figure)| figure.name.len()).max().unwrap_or(0);
    all().map(|(program, it)| format!("{program:programs$}  {:names$}  {}\n", it.name, it.figures)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_lines() {
        let found = |line| figure(line).map(|it| (it.name, it.figures));
        let some = |name: &str, figures: &str| Some((name.into(), figures.into()));
        assert_eq!(found("scorer_us 45.1 per 100 agents"), some("scorer_us", "45.1 per 100 agents"));
        assert_eq!(found("host call round trip: 12 us"), some("host call round trip", "12 us"));
        assert_eq!(
            found("1000 records, a queue: p50 1 ms, p99 2 ms"),
            some("1000 records, a queue", "p50 1 ms, p99 2 ms")
        );
        assert_eq!(found("frames_late <= 100 us: 7"), some("frames_late <= 100 us", "7"));
        assert_eq!(found("  ratio   2.1x"), some("ratio", "2.1x"));
        assert_eq!(found("warming up"), None);
        assert_eq!(found("17 lines"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn the_table_is_aligned() {
        let of = |line| figure(line).unwrap();
        let measured = [("a", vec![of("x 1"), of("long name 22 us")]), ("bb", vec![of("y 3 ms")])];
        assert_eq!(table(&measured), "a   x          1\na   long name  22 us\nbb  y          3 ms\n");
    }
}
