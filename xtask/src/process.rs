//! Children: run, named in full when they fail.

use anyhow::{Context as _, Result, bail, ensure};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs it with our output; it must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let text = shown(command);
    println!("$ {text}");
    let status = command.stdin(Stdio::null()).status().with_context(|| text.clone())?;
    ensure!(status.success(), "`{text}` ended with {status}");
    Ok(())
}

/// Runs it and takes its output; it must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let text = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| text.clone())?;
    if !output.status.success() {
        bail!("`{text}` ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).with_context(|| text)
}

/// Whether there is such a program: a path, or a name found along `PATH`.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Joining an absolute path gives that path.
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A part of the work under a heading; says how long it took, also when it fails.
pub(crate) fn phase<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("\n== {name}");
    let started = Instant::now();
    let done = work();
    println!("== {name}: {}", minutes(started.elapsed()));
    done
}

/// `2 min 5 s`.
pub(crate) fn minutes(time: Duration) -> String {
    format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
}

/// Ends a process and everything below it, by pid, where `/proc` tells who is below whom.
pub(crate) fn end_with_children(pid: u32) {
    let mut found = vec![pid];
    let parents = parents();
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        at += 1;
    }
    let words = found.iter().map(u32::to_string);
    // Gone already is as good.
    let _ = Command::new("kill").arg("-KILL").args(words).stderr(Stdio::null()).status();
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parent(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// The parent in a line of `/proc/PID/stat`: the second word after the name, which may hold spaces and brackets.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_in_full() {
        let error = run(Command::new("false").arg("--why")).unwrap_err().to_string();
        assert!(error.starts_with("`false --why` ended with exit status: 1"), "{error}");
    }

    #[test]
    fn programs_are_found_along_the_path() {
        assert!(exists("sh"));
        assert!(exists("/bin/sh"));
        assert!(!exists("no-such-program"));
    }

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent("17 (a) b (c) S 4 17 17 0"), Some(4));
        assert_eq!(parent("17 (a"), None);
    }

    #[test]
    fn a_tree_of_processes_ends() {
        let mut child =
            Command::new("sh").args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        let below: u32 = line.trim().parse().unwrap();
        end_with_children(child.id());
        assert!(!child.wait().unwrap().success());
        // Its end closes the pipe, which the sleeping one held too.
        assert_eq!(std::io::Read::read_to_end(&mut output, &mut Vec::new()).unwrap(), 0);
        assert!(!std::path::Path::new(&format!("/proc/{below}/exe")).exists());
    }
}
