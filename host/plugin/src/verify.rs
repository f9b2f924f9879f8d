//! Is this a plugin for this host? Cheap checks of the structure, before anything is compiled.

use crate::error::UploadError;
use cordboard_core::ids::Digest;
use std::fmt;
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload, Validator};

/// The worlds a plugin can be made for.
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

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            World::Flow => "flow",
            World::Scorer => "scorer",
            World::Crm => "crm",
            World::Dialer => "dialer",
            World::Inspector => "inspector",
        })
    }
}

/// What a component is, as far as its structure tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginInfo {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its world.
    pub world: World,
    /// Its package and version, e.g. `cordboard:flow@0.1.0`.
    pub contract: String,
    /// What it imports, sorted.
    pub imports: Vec<String>,
    /// Its size.
    pub size_bytes: u64,
}

/// A released version of a world.
struct Contract {
    world: World,
    package: &'static str,
    version: &'static str,
    /// Its own interfaces a guest may import.
    interfaces: &'static [&'static str],
    requests: Requests,
}

/// How a plugin sends requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Requests {
    /// It can't.
    None,
    /// By a call of its own contract.
    Calls,
    /// Through `wasi:http`.
    Http,
}

/// Whether plugins of a contract may send requests at all.
pub(crate) fn sends_requests(contract: &str) -> bool {
    let of = |known: &&Contract| contract.strip_prefix(known.package) == Some(&format!("@{}", known.version));
    CONTRACTS.iter().find(of).is_some_and(|known| known.requests != Requests::None)
}

const CONTRACTS: [Contract; 6] = [
    Contract {
        world: World::Flow,
        package: "cordboard:flow",
        version: "0.1.0",
        interfaces: &["types", "conversation"],
        requests: Requests::None,
    },
    Contract {
        world: World::Flow,
        package: "cordboard:flow",
        version: "0.2.0",
        interfaces: &["types", "conversation"],
        requests: Requests::Calls,
    },
    Contract {
        world: World::Scorer,
        package: "cordboard:scorer",
        version: "0.1.0",
        interfaces: &["types"],
        requests: Requests::None,
    },
    Contract {
        world: World::Crm,
        package: "cordboard:crm",
        version: "0.1.0",
        interfaces: &["types"],
        requests: Requests::Http,
    },
    Contract {
        world: World::Dialer,
        package: "cordboard:dialer",
        version: "0.1.0",
        interfaces: &["types"],
        requests: Requests::Http,
    },
    Contract {
        world: World::Inspector,
        package: "cordboard:inspector",
        version: "0.1.0",
        interfaces: &["types"],
        requests: Requests::Http,
    },
];

/// What standard libraries drag in; all of it inert (no environment, files or sockets).
const WASI: [(&str, &[&str]); 6] = [
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["wall-clock", "monotonic-clock"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    ("wasi:filesystem", &["types", "preopens"]),
    (
        "wasi:sockets",
        &["network", "instance-network", "tcp", "tcp-create-socket", "udp", "udp-create-socket", "ip-name-lookup"],
    ),
];
const WASI_HTTP: (&str, &[&str]) = ("wasi:http", &["types", "outgoing-handler"]);
/// Proposals, at the one version the contract pins.
const PROPOSALS: [&str; 2] = ["wasi:config/store@0.2.0-rc.1", "wasi:logging/logging@0.1.0-draft"];
/// WASI 0.2 up to this patch level.
const WASI_PATCH: u32 = 12;

const MAX_IMPORTS: usize = 128;
const MAX_EXPORTS: usize = 32;
const MAX_NESTED: usize = 256;
const MAX_DEPTH: usize = 16;
const MAX_NAMES_SHOWN: usize = 32;
const MAX_NAME_BYTES: usize = 256;

/// Checks that `component` is a plugin for this host: of at most `max_bytes`, a valid component, exporting the guest
/// interface of exactly one known world at a known version, importing only what that world may have.
///
/// A service uses [`PluginHost::verify`](crate::PluginHost::verify), which has bounds in time and memory.
///
/// # Errors
/// What is wrong, in words for the plugin's author.
pub fn verify(component: &[u8], max_bytes: usize) -> Result<PluginInfo, UploadError> {
    let info = inspect(component, max_bytes)?;
    validate(component).map_err(UploadError::Malformed)?;
    Ok(info)
}

/// The part of [`verify`] that tells what a component is. What it is made of may still be invalid.
pub(crate) fn inspect(component: &[u8], max_bytes: usize) -> Result<PluginInfo, UploadError> {
    if component.len() > max_bytes {
        return Err(UploadError::TooLarge { bytes: component.len(), max: max_bytes });
    }
    let outside = outside(component)?;
    let contract = contract(&outside.exports)?;
    let mut forbidden: Vec<String> =
        outside.imports.iter().filter(|name| !allowed(contract, name)).map(|name| shown(name)).collect();
    if !forbidden.is_empty() {
        forbidden.truncate(MAX_NAMES_SHOWN);
        return Err(UploadError::ForbiddenImports { world: contract.world, imports: forbidden });
    }
    Ok(PluginInfo {
        digest: Digest::of(component),
        world: contract.world,
        contract: format!("{}@{}", contract.package, contract.version),
        imports: outside.imports,
        size_bytes: component.len() as u64,
    })
}

/// The other part: whether all of it is valid, or why not. It goes through every function and every type, and what is
/// made for it can take it any time and any memory.
pub(crate) fn validate(component: &[u8]) -> Result<(), String> {
    Validator::new().validate_all(component).map(drop).map_err(|error| error.to_string())
}

/// What a component shows to the outside.
struct Outside {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn malformed(error: wasmparser::BinaryReaderError) -> UploadError {
    UploadError::Malformed(error.to_string())
}

fn bounded(what: &'static str, count: usize, max: usize) -> Result<(), UploadError> {
    if count > max { Err(UploadError::TooMany { what, max }) } else { Ok(()) }
}

fn outside(component: &[u8]) -> Result<Outside, UploadError> {
    if !component.starts_with(b"\0asm") {
        return Err(UploadError::NotWasm);
    }
    let mut found = Outside { imports: Vec::new(), exports: Vec::new() };
    let (mut depth, mut nested) = (0_usize, 0_usize);
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(UploadError::CoreModule),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                (depth, nested) = (depth + 1, nested + 1);
                bounded("levels of nesting", depth, MAX_DEPTH)?;
                bounded("modules and components inside", nested, MAX_NESTED)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                bounded("imports", found.imports.len() + section.count() as usize, MAX_IMPORTS)?;
                for import in section {
                    found.imports.push(import.map_err(malformed)?.name.full_name().into_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                bounded("exports", found.exports.len() + section.count() as usize, MAX_EXPORTS)?;
                for export in section {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Instance {
                        found.exports.push(export.name.full_name().into_owned());
                    }
                }
            }
            _ => {}
        }
    }
    found.imports.sort();
    Ok(found)
}

/// `package/interface@version`, taken apart.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (path, version) = name.split_once('@')?;
    let (package, interface) = path.rsplit_once('/')?;
    Some((package, interface, version))
}

fn contract(exports: &[String]) -> Result<&'static Contract, UploadError> {
    let known = || CONTRACTS.iter().map(|c| format!("{}/guest@{}", c.package, c.version)).collect::<Vec<_>>();
    let is_guest = |name: &str| {
        parts(name).is_some_and(|(package, interface, _)| package.starts_with("cordboard:") && interface == "guest")
    };
    let mut guests = exports.iter().filter(|name| is_guest(name));
    let Some(found) = guests.next() else {
        let exports = exports.iter().map(|name| shown(name)).collect();
        return Err(UploadError::NoWorld { exports, known: known() });
    };
    if guests.next().is_some() {
        let found = exports.iter().filter(|name| is_guest(name)).map(|name| shown(name)).collect();
        return Err(UploadError::SeveralWorlds { found });
    }
    let (package, _, version) = parts(found).unwrap_or_default();
    let mut same_package = CONTRACTS.iter().filter(|contract| contract.package == package).peekable();
    if same_package.peek().is_none() {
        return Err(UploadError::UnknownWorld { found: shown(found), known: known() });
    }
    same_package
        .find(|contract| contract.version == version)
        .ok_or_else(|| UploadError::UnknownVersion { found: shown(found), known: known() })
}

fn allowed(contract: &Contract, import: &str) -> bool {
    if PROPOSALS.contains(&import) {
        return true;
    }
    let Some((package, interface, version)) = parts(import) else { return false };
    if package == contract.package {
        return version == contract.version && contract.interfaces.contains(&interface);
    }
    let http = (contract.requests == Requests::Http).then_some(WASI_HTTP);
    let of_package = WASI.into_iter().chain(http).find(|(name, _)| *name == package);
    let patch = version.strip_prefix("0.2.").and_then(|patch| patch.parse::<u32>().ok());
    of_package.is_some_and(|(_, interfaces)| interfaces.contains(&interface))
        && patch.is_some_and(|patch| patch <= WASI_PATCH)
}

/// A name out of a component, short enough for an error.
fn shown(name: &str) -> String {
    crate::guest::shortened(name, MAX_NAME_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_world_may_import() {
        let [flow, second, scorer, crm, dialer, inspector] = &CONTRACTS;
        for (contract, import, expected) in [
            (flow, "cordboard:flow/conversation@0.1.0", true),
            (flow, "cordboard:flow/conversation@0.2.0", false),
            (second, "cordboard:flow/conversation@0.2.0", true),
            (second, "cordboard:flow/conversation@0.1.0", false),
            (second, "wasi:http/outgoing-handler@0.2.12", false),
            (flow, "cordboard:flow/guest@0.1.0", false),
            (scorer, "cordboard:flow/conversation@0.1.0", false),
            (flow, "wasi:config/store@0.2.0-rc.1", true),
            (flow, "wasi:config/store@0.2.0-rc.2", false),
            (flow, "wasi:logging/logging@0.1.0-draft", true),
            (flow, "wasi:clocks/monotonic-clock@0.2.3", true),
            (flow, "wasi:clocks/monotonic-clock@0.2.12", true),
            (flow, "wasi:clocks/monotonic-clock@0.2.13", false),
            (flow, "wasi:clocks/monotonic-clock@0.3.0", false),
            (flow, "wasi:http/outgoing-handler@0.2.12", false),
            (crm, "wasi:http/outgoing-handler@0.2.12", true),
            (crm, "wasi:http/incoming-handler@0.2.12", false),
            (dialer, "wasi:http/outgoing-handler@0.2.12", true),
            (inspector, "wasi:http/types@0.2.12", true),
            (scorer, "wasi:http/types@0.2.12", false),
            (dialer, "cordboard:inspector/types@0.1.0", false),
            (flow, "wasi:keyvalue/store@0.2.0", false),
            (flow, "wasi:nn/graph@0.2.0", false),
            (flow, "run", false),
            (flow, "a:b/c", false),
        ] {
            assert_eq!(allowed(contract, import), expected, "{} importing {import}", contract.world);
        }
    }

    #[test]
    fn which_world_a_component_is_made_for() {
        let of = |exports: &[&str]| {
            contract(&exports.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).map(|found| found.world)
        };
        assert_eq!(of(&["cordboard:flow/guest@0.1.0"]), Ok(World::Flow));
        assert_eq!(of(&["cordboard:flow/guest@0.2.0"]), Ok(World::Flow));
        assert_eq!(of(&["wasi:cli/run@0.2.0", "cordboard:crm/guest@0.1.0"]), Ok(World::Crm));
        assert!(matches!(of(&["wasi:cli/run@0.2.0"]), Err(UploadError::NoWorld { .. })));
        assert!(matches!(of(&[]), Err(UploadError::NoWorld { .. })));
        assert!(matches!(of(&["cordboard:flow/guest@0.3.0"]), Err(UploadError::UnknownVersion { .. })));
        assert!(matches!(of(&["cordboard:robot/guest@0.1.0"]), Err(UploadError::UnknownWorld { .. })));
        let two = of(&["cordboard:flow/guest@0.1.0", "cordboard:crm/guest@0.1.0"]);
        assert!(matches!(two, Err(UploadError::SeveralWorlds { .. })));
    }

    #[test]
    fn which_contract_has_requests() {
        for (contract, expected) in [
            ("cordboard:flow@0.1.0", false),
            ("cordboard:flow@0.2.0", true),
            ("cordboard:flow@0.20.0", false),
            ("cordboard:scorer@0.1.0", false),
            ("cordboard:crm@0.1.0", true),
            ("", false),
        ] {
            assert_eq!(sends_requests(contract), expected, "{contract}");
        }
    }

    #[test]
    fn bodies_that_are_no_component() {
        assert_eq!(verify(b"", 100), Err(UploadError::NotWasm));
        assert_eq!(verify(b"PK\x03\x04 a zip file", 100), Err(UploadError::NotWasm));
        assert_eq!(verify(b"\0asm\x01\0\0\0", 100), Err(UploadError::CoreModule));
        assert_eq!(verify(&[0; 101], 100), Err(UploadError::TooLarge { bytes: 101, max: 100 }));
        assert!(matches!(verify(b"\0asm", 100), Err(UploadError::Malformed(_))));
        assert!(matches!(verify(b"\0asm\x0d\0\x01\0\x0b\xff\xff\xff\xff\x0f", 100), Err(UploadError::Malformed(_))));
        assert!(matches!(verify(b"\0asm\x0d\0\x01\0", 100), Err(UploadError::NoWorld { .. })));
    }
}
