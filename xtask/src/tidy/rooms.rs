//! ARCHITECTURE.md's table of the rooms, held against what cargo says: who may depend on whom, and who alone names a
//! big library.
//!
//! The table is the rule. Its last column is read so: the names of other rooms under `host/` are what a room may
//! depend on, `everything above` are all rows before; `LIBRARY, which no other room names` and `LIBRARY, which only
//! ROOM and ROOM name too` say who may name it. Tests (dev-dependencies) may use any room, but no other's library.

use super::{File, Finding};
use crate::tree::Tree;

const TABLE: &str = "ARCHITECTURE.md";

/// Rooms whose dependencies are few on purpose: the whole list of what they may depend on outside of the workspace.
const FEW: [(&str, &[&str]); 2] = [
    ("host/core", &["postcard", "serde", "sha2", "statrs", "thiserror"]),
    ("xtask", &["anyhow", "serde", "serde_json", "toml"]),
];

/// One dependency, as a package names it.
#[derive(Clone, Debug)]
struct Edge {
    /// The folder of the package that has it.
    from: String,
    name: String,
    dev: bool,
    /// The folder of what it names, if that is one of ours.
    to: Option<String>,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    path: String,
    /// Paths of rooms.
    may_use: Vec<String>,
    libraries: Vec<Library>,
}

#[derive(Debug, PartialEq, Eq)]
struct Library {
    name: String,
    /// Paths of rooms that name it beside this one.
    others: Vec<String>,
}

pub(crate) fn check(tree: &Tree, files: &[File]) -> Vec<Finding> {
    let table = files.iter().find(|file| file.path == TABLE).map_or("", |file| file.text.as_str());
    let rooms = read(table);
    let mut findings = Vec::new();
    let mut edges = Vec::new();
    for package in &tree.packages {
        let from = tree.room(package);
        if room_of(&rooms, &from).is_none() {
            findings.push(Finding::new(&from, 0, format!("this room is not in the table of {TABLE}")));
        }
        for dependency in &package.dependencies {
            let to = tree.packages.iter().find(|it| it.name == dependency.name).map(|it| tree.room(it));
            let dev = dependency.kind.as_deref() == Some("dev");
            edges.push(Edge { from: from.clone(), name: dependency.name.clone(), dev, to });
        }
    }
    findings.extend(edges.iter().flat_map(|edge| judge(&rooms, edge)));
    findings
}

fn judge(rooms: &[Room], edge: &Edge) -> Vec<Finding> {
    let Some(room) = room_of(rooms, &edge.from) else { return Vec::new() };
    let mut findings = Vec::new();
    let mut find = |text: String| findings.push(Finding::new(&format!("{}/Cargo.toml", edge.from), 0, text));
    if let Some(to) = &edge.to {
        let target = room_of(rooms, to).map_or(to.as_str(), |room| room.path.as_str());
        if !edge.dev && !room.may_use.iter().any(|path| path == target) {
            find(format!("{} may not depend on {target} (the table of {TABLE})", room.path));
        }
        return findings;
    }
    for owner in rooms {
        for library in owner.libraries.iter().filter(|library| is_of(&edge.name, &library.name)) {
            let may = owner.path == room.path || library.others.contains(&room.path);
            if !may {
                find(format!("`{}` is named by {} only (the table of {TABLE})", edge.name, owner.path));
            }
        }
    }
    let few = FEW.iter().find(|(path, _)| *path == edge.from);
    if let Some((_, list)) = few.filter(|(_, list)| !edge.dev && !list.contains(&edge.name.as_str())) {
        find(format!("`{}` is not among the few that {} may depend on: {}", edge.name, edge.from, list.join(", ")));
    }
    findings
}

/// `wasmtime-wasi` is of `wasmtime`.
fn is_of(name: &str, library: &str) -> bool {
    name.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The room whose path is the longest start of this folder.
fn room_of<'r>(rooms: &'r [Room], folder: &str) -> Option<&'r Room> {
    let within =
        |room: &&Room| folder.strip_prefix(&room.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    rooms.iter().filter(within).max_by_key(|room| room.path.len())
}

fn read(text: &str) -> Vec<Room> {
    let rows: Vec<(String, &str)> = text.lines().filter_map(row).collect();
    let room = |(at, (path, knows)): (usize, &(String, &str))| {
        let mut may_use = Vec::new();
        for (place, (other, _)) in rows.iter().enumerate().filter(|(place, _)| *place != at) {
            let named = other.strip_prefix("host/").is_some_and(|name| plain(knows).any(|word| word == name));
            if named || (place < at && knows.contains("everything above")) {
                may_use.push(other.clone());
            }
        }
        Room { path: path.clone(), may_use, libraries: libraries(knows) }
    };
    rows.iter().enumerate().map(room).collect()
}

/// Path and last column of a row whose first cell is a path in backticks.
fn row(line: &str) -> Option<(String, &str)> {
    let mut cells = line.strip_prefix("| `")?.trim_end().trim_end_matches('|').split(" | ");
    let path = cells.next()?.trim_end().strip_suffix('`')?.trim_end_matches('/');
    Some((path.to_owned(), cells.nth(1)?.trim()))
}

/// The words outside of backticks.
fn plain(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split('`').step_by(2);
    outside.flat_map(|part| part.split(|c: char| !(c.is_alphanumeric() || c == '-')))
}

fn libraries(knows: &str) -> Vec<Library> {
    let mut found = Vec::new();
    for (at, _) in knows.match_indices(", which ") {
        let before = knows.get(..at).unwrap_or_default();
        let name = before.rsplit(|c: char| c.is_whitespace() || c == ',' || c == ';').next().unwrap_or_default();
        let clause = knows.get(at + 2..).and_then(|rest| rest.split(';').next()).unwrap_or_default();
        let others = clause.split('`').skip(1).step_by(2).map(|path| path.trim_end_matches('/').to_owned()).collect();
        if clause.starts_with("which no other room names") || clause.starts_with("which only ") {
            found.push(Library { name: name.to_owned(), others });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
| room | what | knows |
|---|---|---|
| `wit/` | the contract | nothing |
| `host/core` | the heart of sip | small pure crates |
| `host/plugin` | guests | core's types; wasmtime, which no other room names |
| `host/plugin/guests/` | probes | `wit/` |
| `host/admin` | HTTP | core's types, plugin; axum, which only `host/server` and `examples/` name too |
| `host/server` | all | everything above |
| `examples/` | centres | — |
| `xtask/` | tidy | — |
";

    fn judged(from: &str, name: &str, dev: bool, to: Option<&str>) -> Vec<String> {
        let edge = Edge { from: from.into(), name: name.into(), dev, to: to.map(str::to_owned) };
        judge(&read(TEXT), &edge).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_table_is_read() {
        let rooms = read(TEXT);
        let of = |path: &str| rooms.iter().find(|room| room.path == path).unwrap();
        assert_eq!(of("host/plugin").may_use, ["host/core"]);
        assert_eq!(of("host/admin").may_use, ["host/core", "host/plugin"]);
        assert_eq!(of("host/server").may_use.len(), 5);
        assert_eq!(of("host/plugin/guests").may_use, [""; 0]);
        let axum = Library { name: "axum".into(), others: vec!["host/server".into(), "examples".into()] };
        assert_eq!(of("host/admin").libraries, [axum]);
        assert_eq!(room_of(&rooms, "host/plugin/guests/probe").unwrap().path, "host/plugin/guests");
        assert!(room_of(&rooms, "host/plug").is_none());
    }

    #[test]
    fn rooms_depend_as_the_table_says() {
        assert_eq!(judged("host/admin", "cordboard-core", false, Some("host/core")), [""; 0]);
        assert_eq!(
            judged("host/core", "cordboard-admin", false, Some("host/admin")),
            ["host/core/Cargo.toml: host/core may not depend on host/admin (the table of ARCHITECTURE.md)"]
        );
        assert_eq!(judged("host/core", "cordboard-admin", true, Some("host/admin")), [""; 0]);
        assert_eq!(judged("host/plugin/guests/probe", "cordboard-core", false, Some("host/core")).len(), 1);
    }

    #[test]
    fn libraries_stay_in_their_rooms() {
        assert_eq!(judged("host/plugin", "wasmtime-wasi", false, None), [""; 0]);
        assert_eq!(
            judged("host/admin", "wasmtime-wasi", false, None),
            ["host/admin/Cargo.toml: `wasmtime-wasi` is named by host/plugin only (the table of ARCHITECTURE.md)"]
        );
        assert_eq!(judged("host/server", "wasmtime", true, None).len(), 1);
        assert_eq!(judged("host/server", "axum", false, None), [""; 0]);
        assert_eq!(judged("examples/bank", "axum", false, None), [""; 0]);
        assert_eq!(judged("host/plugin", "axum", false, None).len(), 1);
    }

    #[test]
    fn the_core_and_this_program_depend_on_little() {
        assert_eq!(judged("host/core", "serde", false, None), [""; 0]);
        assert_eq!(judged("host/core", "rand", false, None).len(), 1);
        assert_eq!(judged("host/core", "proptest", true, None), [""; 0]);
        assert_eq!(judged("xtask", "clap", false, None).len(), 1);
    }
}
