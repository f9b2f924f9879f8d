//! What an author's own text tells: a loop that waits for the clock, and sleeping.
//!
//! In a flow the clock stands at the latest call of the host, so a loop that waits for it never ends, and is ended by the
//! limit of a step. This reads lines, not programs: it finds the plain cases, and nothing that goes through a function.

use super::{Finding, Weight};
use crate::lang::{Lang, World};
use crate::project::Project;
use std::path::{Path, PathBuf};

const CLOCKS: [&str; 15] = [
    "Date.now(",
    "new Date(",
    "performance.now(",
    "time.time(",
    "time.monotonic(",
    "time.perf_counter(",
    "datetime.now(",
    "Instant::now(",
    "SystemTime::now(",
    ".elapsed()",
    "clock_gettime(",
    "gettimeofday(",
    "time(NULL)",
    "time(0)",
    "clock()",
];
const SLEEPS: [&str; 6] = ["thread::sleep(", "time.sleep(", "setTimeout(", " sleep(", "usleep(", "nanosleep("];
/// Calls of the host by which time passes.
const PASSES: [&str; 10] = ["pause", "say", "ask", "insist", "wait", "lookup", "fetch", "answer", "load", "store"];
/// So far below its beginning a loop is read.
const LOOP_LINES: usize = 8;
const MAX_DEPTH: usize = 6;

pub(super) fn check(project: &Project) -> Vec<Finding> {
    if !matches!(project.world, World::Flow | World::Scorer) {
        return Vec::new();
    }
    let mut files = Vec::new();
    collect(&project.folder, project.lang, 0, &mut files);
    files.sort();
    let mut findings = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let shown = file.strip_prefix(&project.folder).unwrap_or(&file).to_owned();
        for (line, weight, text) in lines(&text, project.world) {
            findings.push(Finding { weight, place: Some((shown.clone(), line)), text });
        }
    }
    findings
}

fn collect(folder: &Path, lang: Lang, depth: usize, files: &mut Vec<PathBuf>) {
    let suffixes: &[&str] = match lang {
        Lang::Rust => &["rs"],
        Lang::Js => &["js", "mjs"],
        Lang::Ts => &["ts", "js"],
        Lang::Python => &["py"],
        Lang::C => &["c", "h"],
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let left_out = name.starts_with('.')
            || matches!(&*name, "cordboard" | "build" | "target" | "node_modules" | "tests" | "__pycache__");
        if path.is_dir() && !left_out && depth < MAX_DEPTH {
            collect(&path, lang, depth + 1, files);
        } else if path.extension().is_some_and(|suffix| suffixes.iter().any(|one| suffix == *one)) {
            files.push(path);
        }
    }
}

/// Lines that say something, with what.
fn lines(text: &str, world: World) -> Vec<(usize, Weight, String)> {
    let lines: Vec<&str> = text.lines().map(without_comment).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if SLEEPS.iter().any(|call| line.contains(call)) {
            let text = if world == World::Flow {
                "a sleep returns at once, and the person waits for nothing: `pause` of the contact waits"
            } else {
                "a sleep returns at once: a scorer's clock stands still"
            };
            found.push((at + 1, Weight::Warning, text.to_owned()));
        }
        if begins_loop(line) && waits_for_the_clock(&lines, at) {
            let instead = if world == World::Flow { "; `pause` of the contact waits" } else { "" };
            let text = format!(
                "this loop seems to wait for the clock, which stands still until the next call of the host: it would be ended \
                 by the limit `step_cpu_ms`{instead}"
            );
            found.push((at + 1, Weight::Warning, text));
        }
    }
    found
}

fn without_comment(line: &str) -> &str {
    let start = line.trim_start();
    if start.starts_with("//") || start.starts_with('#') && !start.starts_with("#[") || start.starts_with('*') {
        return "";
    }
    line.split("//").next().unwrap_or(line)
}

fn begins_loop(line: &str) -> bool {
    let words = || line.split(|c: char| !c.is_alphanumeric() && c != '_');
    words().any(|word| matches!(word, "while" | "loop")) || line.contains("for (;;)")
}

/// Whether the clock is read in the loop that begins here, and nothing by which time passes is called.
fn waits_for_the_clock(lines: &[&str], at: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(first) = lines.get(at) else { return false };
    let inside = |line: &&&str| line.trim().is_empty() || indent(line) > indent(first);
    let body = lines.iter().skip(at + 1).take(LOOP_LINES).take_while(inside);
    let all: Vec<&str> = std::iter::once(*first).chain(body.copied()).collect();
    let reads = all.iter().any(|line| CLOCKS.iter().any(|call| line.contains(call)));
    let passes = |line: &&str| {
        PASSES.iter().any(|call| line.contains(&format!(".{call}(")) || line.contains(&format!("cb_{call}")))
    };
    reads && !all.iter().any(passes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_that_wait_for_the_clock_are_found() {
        for (text, expected) in [
            ("while time.monotonic() < end:\n    pass", vec![1]),
            ("while (Date.now() < end) {}", vec![1]),
            ("loop {\n    if start.elapsed() > limit {\n        break;\n    }\n}", vec![1]),
            ("for (;;) {\n    if (time(NULL) > end) break;\n}", vec![1]),
            ("while True:\n    contact.say('busy')\n    if time.time() > end:\n        break", vec![]),
            ("loop {\n    contact.pause(1.s())?;\n    if Instant::now() > end { break; }\n}", vec![]),
            ("while left > 0:\n    left -= 1\nnow = time.time()", vec![]),
            ("# while time.time() < end", vec![]),
            ("let meanwhile = Instant::now();", vec![]),
            ("a = 1\ntime.sleep(5)", vec![2]),
            ("std::thread::sleep(five)", vec![1]),
        ] {
            let found: Vec<usize> = lines(text, World::Flow).iter().map(|(line, ..)| *line).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn only_the_authors_own_files_are_read() {
        let room = tempfile::tempdir().unwrap();
        for file in ["app.py", "own/more.py", "cordboard/flow.py", "tests/t.py", "notes.txt"] {
            let path = room.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "time.sleep(1)\n").unwrap();
        }
        let project = |world| Project {
            folder: room.path().to_owned(),
            lang: Lang::Python,
            world,
            version: "0.1.0".into(),
            name: "a".into(),
            debug: false,
        };
        let places: Vec<String> = check(&project(World::Flow)).iter().map(ToString::to_string).collect();
        assert_eq!(places.len(), 2, "{places:?}");
        assert!(places[0].starts_with("warning: app.py:1: a sleep returns at once"), "{places:?}");
        assert_eq!(check(&project(World::Crm)), [], "a crm's clock goes on");
    }
}
