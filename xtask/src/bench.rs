//! Runs the benchmark programs and gathers what they measured in one table.
//!
//! A program prints one figure a line: its name, a number, and whatever is to be said of it (`scorer_us 45.1 per 100
//! agents`). Other lines are shown as they come. All run in the dev profile, which optimises what is measured: so
//! compare within one run, and trust the ratios more than the times.

use crate::{plugins, process, tree::Tree};
use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// A benchmark program: what kind of target, and its name.
const PROGRAMS: [(&str, &str); 4] =
    [("example", "bench"), ("example", "records_bench"), ("example", "media_load"), ("bin", "cordboard-bench")];

/// What a program measured.
#[derive(Debug, PartialEq, Eq)]
struct Figure {
    name: String,
    value: String,
    /// Unit, circumstances.
    remark: String,
}

/// Builds all, runs each, prints the table.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    process::phase("plugins", || plugins::run(tree))?;
    process::phase("build", || tree.build())?;
    let mut measured = Vec::new();
    for (kind, name) in PROGRAMS {
        ensure!(tree.has(kind, name), "the workspace has no {kind} {name}");
        let path = if kind == "example" { format!("examples/{name}") } else { name.to_owned() };
        let figures = process::phase(name, || figures(tree.program(path)))?;
        measured.push((name, figures));
    }
    println!("\n{}", table(&measured));
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

/// The figure in a line: everything before the first word that begins like a number is its name.
fn figure(line: &str) -> Option<Figure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let (name, rest) = words.split_at_checked(at)?;
    let (value, remark) = rest.split_first()?;
    let name = name.join(" ").trim_end_matches([':', '=', '|']).trim_end().to_owned();
    if name.is_empty() {
        return None;
    }
    Some(Figure { name, value: (*value).to_owned(), remark: remark.join(" ") })
}

fn table(measured: &[(&str, Vec<Figure>)]) -> String {
    let all = || measured.iter().flat_map(|(program, figures)| figures.iter().map(move |figure| (*program, figure)));
    let width = |of: fn(&(&str, &Figure)) -> usize| all().map(|row| of(&row)).max().unwrap_or(0);
    let (programs, names, values) = (width(|it| it.0.len()), width(|it| it.1.name.len()), width(|it| it.1.value.len()));
    let row = |(program, it): (&str, &Figure)| {
        let line = format!("{program:programs$}  {:names$}  {:>values$}  {}", it.name, it.value, it.remark);
        line.trim_end().to_owned() + "\n"
    };
    all().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_lines() {
        let found = |line| figure(line).map(|it| (it.name, it.value, it.remark));
        let some = |name: &str, value: &str, remark: &str| Some((name.into(), value.into(), remark.into()));
        assert_eq!(found("scorer_us 45.1 per 100 agents"), some("scorer_us", "45.1", "per 100 agents"));
        assert_eq!(found("host call round trip: 12 us"), some("host call round trip", "12", "us"));
        assert_eq!(found("ratio   2.1x"), some("ratio", "2.1x", ""));
        assert_eq!(found("warming up"), None);
        assert_eq!(found("17 lines"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn the_table_is_aligned() {
        let of = |line| figure(line).unwrap();
        let measured = [("a", vec![of("x 1"), of("long name 22 us")]), ("bb", vec![of("y 3 ms")])];
        assert_eq!(table(&measured), "a   x           1\na   long name  22  us\nbb  y           3  ms\n");
    }
}
