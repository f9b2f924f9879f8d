//! Tools: their output is shown only when they fail, and then with what to do next.

use crate::error::AuthorError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// More of a tool's output than this nobody reads.
const MAX_SHOWN_BYTES: usize = 16 << 10;

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs a tool. Returns what it printed on standard output.
pub(crate) fn run(what: &str, command: &mut Command, next: &str) -> Result<String, AuthorError> {
    let text = shown(command);
    let failed = |output: String| AuthorError::Tool { what: what.into(), command: text, output, next: next.into() };
    match command.stdin(Stdio::null()).output() {
        Err(error) => Err(failed(error.to_string())),
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let both = [output.stdout, output.stderr].concat();
            Err(failed(last(String::from_utf8_lossy(&both).trim())))
        }
    }
}

/// The end of a text, which has what failed.
fn last(text: &str) -> String {
    let mut from = text.len().saturating_sub(MAX_SHOWN_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default().to_owned()
}

/// Whether it can be run, and succeeds; what it printed.
pub(crate) fn answer(program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Tells an author what takes a while, on standard error.
pub(crate) fn tell(line: &str) {
    use std::io::Write as _;
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A folder that is filled beside its place and put there as a whole: nobody ever sees a part of it.
pub(crate) struct Fresh {
    beside: PathBuf,
    done: bool,
}

impl Fresh {
    /// For this place.
    pub(crate) fn beside(place: &Path) -> Result<Self, AuthorError> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let beside = place.with_file_name(format!(".{name}.new-{}", std::process::id()));
        // Of the folder that was asked for, not of what stands in for it meanwhile.
        let folder = place.parent().unwrap_or(place);
        std::fs::create_dir_all(&beside).map_err(AuthorError::io(folder))?;
        Ok(Self { beside, done: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.beside
    }

    /// Puts it there. Somebody who was quicker is as good.
    pub(crate) fn put(mut self, place: &Path) -> Result<(), AuthorError> {
        match std::fs::rename(&self.beside, place) {
            Ok(()) => {
                self.done = true;
                Ok(())
            }
            Err(_) if place.is_dir() => Ok(()),
            Err(error) => Err(AuthorError::io(place)(error)),
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.done {
            // What can't be removed is in nobody's way.
            let _ = std::fs::remove_dir_all(&self.beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_fails_is_shown_with_its_output_and_the_next_step() {
        let mut command = Command::new("sh");
        let failed = run("the test", command.args(["-c", "echo out; echo err >&2; exit 3"]), "do better").unwrap_err();
        let text = failed.to_string();
        assert!(text.starts_with("out\nerr\n\nthe test failed: `sh -c"), "{text}");
        assert!(text.ends_with("next: do better"), "{text}");
        assert_eq!(run("the test", Command::new("sh").args(["-c", "echo out"]), "").unwrap(), "out\n");
        assert!(
            run("it", &mut Command::new("no-such-tool"), "get it").unwrap_err().to_string().contains("no-such-tool")
        );
        assert_eq!(last(&"ä".repeat(MAX_SHOWN_BYTES)).len(), MAX_SHOWN_BYTES);
    }

    #[test]
    fn a_folder_is_put_as_a_whole_or_not_at_all() {
        let room = tempfile::tempdir().unwrap();
        let place = room.path().join("tool");
        let fresh = Fresh::beside(&place).unwrap();
        std::fs::write(fresh.path().join("a"), "a").unwrap();
        drop(fresh);
        assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0);
        let (first, second) = (Fresh::beside(&place).unwrap(), Fresh::beside(&place).unwrap());
        std::fs::write(first.path().join("a"), "a").unwrap();
        first.put(&place).unwrap();
        second.put(&place).unwrap();
        assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 1);
    }
}
