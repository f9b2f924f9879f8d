//! The languages and the worlds there are.

use crate::error::AuthorError;
use std::fmt;
use std::str::FromStr;

/// A language that plugins are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lang {
    /// Rust.
    Rust,
    /// JavaScript.
    Js,
    /// TypeScript.
    Ts,
    /// Python.
    Python,
    /// C.
    C,
}

impl Lang {
    /// All of them.
    pub const ALL: [Lang; 5] = [Lang::Rust, Lang::Js, Lang::Ts, Lang::Python, Lang::C];

    /// As it is written on the command line and in `plugin.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Lang::Rust => "rust",
            Lang::Js => "js",
            Lang::Ts => "ts",
            Lang::Python => "python",
            Lang::C => "c",
        }
    }

    /// The file that an author begins with.
    pub const fn source(self) -> &'static str {
        match self {
            Lang::Rust => "src/lib.rs",
            Lang::Js => "main.js",
            Lang::Ts => "main.ts",
            Lang::Python => "app.py",
            Lang::C => "main.c",
        }
    }

    /// Whether its components import all that their world offers, whatever is used: interpreters do.
    pub(crate) const fn imports_whole_world(self) -> bool {
        match self {
            Lang::Js | Lang::Ts | Lang::Python => true,
            Lang::Rust | Lang::C => false,
        }
    }

    /// The folder below `sdk/` that has its SDK.
    pub(crate) const fn sdk(self) -> &'static str {
        match self {
            Lang::Js | Lang::Ts => "js",
            other => other.name(),
        }
    }

    /// Where its templates are, below `sdk/`.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Lang::Rust => "rust/template",
            Lang::Js => "js/template/js",
            Lang::Ts => "js/template/ts",
            Lang::Python => "python/template",
            Lang::C => "c/template",
        }
    }
}

/// A world that plugins are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    /// A conversation.
    Flow,
    /// Who suits whom.
    Scorer,
    /// Who is this person.
    Crm,
    /// How many to call now, and whom first.
    Dialer,
    /// What is remarkable in a talk.
    Inspector,
}

impl World {
    /// All of them.
    pub const ALL: [World; 5] = [World::Flow, World::Scorer, World::Crm, World::Dialer, World::Inspector];

    /// As it is written on the command line, and in `wit/`.
    pub const fn name(self) -> &'static str {
        match self {
            World::Flow => "flow",
            World::Scorer => "scorer",
            World::Crm => "crm",
            World::Dialer => "dialer",
            World::Inspector => "inspector",
        }
    }

    /// The version of its contract that new plugins are written for. The SDKs name it, too: a test holds them to it.
    pub const fn version(self) -> &'static str {
        match self {
            World::Flow => "0.2.0",
            World::Scorer | World::Crm | World::Dialer | World::Inspector => "0.1.0",
        }
    }

    /// As a manifest has it: `cordboard:flow@0.2.0`.
    pub fn contract(self) -> String {
        format!("cordboard:{}@{}", self.name(), self.version())
    }

    /// The folder of its contract: `wit/flow/0.2.0`.
    pub(crate) fn wit(self) -> String {
        format!("wit/{}/{}", self.name(), self.version())
    }
}

fn named<T: Copy>(what: &'static str, text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, AuthorError> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| AuthorError::Unknown {
        what,
        got: text.to_owned(),
        known: all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for Lang {
    type Err = AuthorError;
    fn from_str(text: &str) -> Result<Self, AuthorError> {
        let short = match text {
            "javascript" => "js",
            "typescript" => "ts",
            "py" => "python",
            other => other,
        };
        named("language", short, &Self::ALL, Self::name)
    }
}

impl FromStr for World {
    type Err = AuthorError;
    fn from_str(text: &str) -> Result<Self, AuthorError> {
        named("world", text, &Self::ALL, Self::name)
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_and_worlds_are_known_by_their_names() {
        assert!(Lang::ALL.iter().all(|lang| lang.name().parse::<Lang>().unwrap() == *lang));
        assert!(World::ALL.iter().all(|world| world.name().parse::<World>().unwrap() == *world));
        assert_eq!("typescript".parse::<Lang>().unwrap(), Lang::Ts);
        let go = "go".parse::<Lang>().unwrap_err().to_string();
        assert_eq!(go, "there is no language `go`; there are rust, js, ts, python, c");
        let robot = "robot".parse::<World>().unwrap_err().to_string();
        assert_eq!(robot, "there is no world `robot`; there are flow, scorer, crm, dialer, inspector");
    }
}
