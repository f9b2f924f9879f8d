//! What can go wrong for an author, each with what to do next.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What went wrong, in words for the plugin's author.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// No such language or world.
    #[error("there is no {what} `{got}`; there are {known}")]
    Unknown {
        /// `language` or `world`.
        what: &'static str,
        /// What was asked for.
        got: String,
        /// What there is.
        known: String,
    },
    /// A plugin can't be called so.
    #[error("`{name}` can't name a plugin: {why}\nnext: choose a name such as `greeter` or `night-desk`")]
    Name {
        /// What was asked for.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// Something is there already.
    #[error("{} is there already, and nothing was written\nnext: choose another name, or remove it", .0.display())]
    Exists(PathBuf),
    /// There is no plugin in the folder.
    #[error(
        "{} is no plugin's folder: it has no plugin.toml\n\
         next: go to one, or begin one with `cordboard plugin new --world flow --lang rust NAME`",
        .0.display()
    )]
    NoProject(PathBuf),
    /// A file of the project isn't what it must be.
    #[error("{}: {problem}\nnext: put it right, and run this again", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A tool that can't be fetched is missing, or is too old.
    #[error("{what}\nnext: {next}")]
    Missing {
        /// What is missing.
        what: String,
        /// How it is had.
        next: String,
    },
    /// A tool failed.
    #[error("{output}\n\n{what} failed: `{command}`\nnext: {next}")]
    Tool {
        /// What was done.
        what: String,
        /// The command.
        command: String,
        /// What it printed.
        output: String,
        /// What to do.
        next: String,
    },
    /// What is to be looked at is no component.
    #[error("{} is no component: {why}\nnext: make one with `cordboard plugin build`", file.display())]
    NoComponent {
        /// Which file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// The system says no.
    #[error("{}", path.display())]
    Io {
        /// To what.
        path: PathBuf,
        /// What it says, and what to do.
        source: std::io::Error,
    },
}

impl AuthorError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| {
            let text = format!("{source}\nnext: {}", next(source.kind()));
            Self::Io { path: path.to_owned(), source: std::io::Error::new(source.kind(), text) }
        }
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { file: path.to_owned(), problem: problem.into() }
    }
}

/// What to do when the system says no.
fn next(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "look at the path: there is nothing",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "get the right to write there, or go to another folder; nothing was left half done"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room, and run this again; nothing was left half done"
        }
        _ => "put that right, and run this again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn what_the_system_says_comes_with_the_next_step() {
        for (kind, expected) in [
            (ErrorKind::NotFound, "look at the path"),
            (ErrorKind::PermissionDenied, "get the right to write there"),
            (ErrorKind::StorageFull, "make room"),
            (ErrorKind::Other, "put that right"),
        ] {
            let error = AuthorError::io(Path::new("here"))(kind.into());
            let said = error.source().map(ToString::to_string).unwrap_or_default();
            assert!(said.contains(&format!("next: {expected}")), "{said}");
            assert_eq!(error.to_string(), "here");
        }
    }
}
