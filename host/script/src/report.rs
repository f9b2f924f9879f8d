//! How a conversation went, for people and for programs.

use crate::course::Difference;
use crate::moment::Moment;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How a conversation went.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The script's file, as it was named.
    pub script: &'a str,
    /// The case's name; none if the script has no cases.
    pub case: Option<&'a str>,
    /// What happened.
    pub moments: &'a [Moment],
    /// The first difference; none: all held.
    pub difference: Option<&'a Difference>,
    /// How long it was, in its own time.
    pub lasted_ms: u64,
}

/// A time as timelines show it: seconds, to the millisecond.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Control characters would play tricks on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

fn line(out: &mut String, mark: &str, moment: &Moment) {
    let text = printable(&moment.what.to_string());
    for (at, line) in text.lines().enumerate() {
        // Writing to a text doesn't fail.
        let _ = match at {
            0 => writeln!(out, "{mark:>3} {:>10}  {:<8}  {line}", seconds(moment.at_ms), moment.what.who()),
            _ => writeln!(out, "{:>3} {:>10}  {:<8}  {line}", "", "", ""),
        };
    }
}

/// What happened, a line for each moment.
pub fn timeline(moments: &[Moment]) -> String {
    let mut out = String::new();
    moments.iter().for_each(|moment| line(&mut out, "", moment));
    out
}

impl Report<'_> {
    /// Whether all expectations held.
    pub const fn held(&self) -> bool {
        self.difference.is_none()
    }

    fn title(&self) -> String {
        self.case.map_or_else(|| self.script.to_owned(), |case| format!("{}: {case}", self.script))
    }

    /// One line if all held; else the conversation, the first difference marked.
    pub fn text(&self) -> String {
        let Some(difference) = self.difference else {
            return format!("ok      {}  ({} s)\n", self.title(), seconds(self.lasted_ms));
        };
        let mut out = format!("FAILED  {}\n", self.title());
        let place =
            difference.place.map_or(String::new(), |(line, column)| format!("  {}:{line}:{column}", self.script));
        let explain = |out: &mut String| {
            let _ = writeln!(out, "    {:>10}  expected  {}{place}", "", printable(&difference.expected));
            let _ = writeln!(out, "    {:>10}  but       {}", "", printable(&difference.got).replace('\n', " "));
        };
        for (at, moment) in self.moments.iter().enumerate() {
            let marked = difference.moment == Some(at);
            line(&mut out, if marked { ">>>" } else { "" }, moment);
            if marked {
                explain(&mut out);
            }
        }
        if difference.moment.is_none() {
            out.push_str(">>>\n");
            explain(&mut out);
        }
        out
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let moments: Vec<Value> = self
            .moments
            .iter()
            .map(|moment| {
                let (who, text) = (moment.what.who().to_string(), moment.what.to_string());
                json!({ "at_ms": moment.at_ms, "who": who, "text": text })
            })
            .collect();
        let difference = self.difference.map(|difference| {
            json!({
                "line": difference.place.map(|(line, _)| line),
                "column": difference.place.map(|(_, column)| column),
                "expected": difference.expected,
                "got": difference.got,
                "moment": difference.moment,
            })
        });
        json!({
            "script": self.script,
            "case": self.case,
            "passed": self.held(),
            "lasted_ms": self.lasted_ms,
            "difference": difference,
            "transcript": moments,
        })
    }
}
