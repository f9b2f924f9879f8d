//! What can be known of a plugin before it is uploaded. Whether a host takes it is the host's to say (its own verification);
//! here is what its author should know beyond that.

mod component;
mod source;

pub use component::{Facts, inspect};

use crate::lang::World;
use crate::project::Project;
use std::fmt;
use std::path::PathBuf;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A host refuses it, or it can't work.
    Error,
    /// It will surprise somebody.
    Warning,
    /// Worth knowing.
    Note,
}

/// Something an author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// In which file, and which line of it from 1 on.
    pub place: Option<(PathBuf, usize)>,
    /// What it is, and what to do.
    pub text: String,
}

impl Finding {
    /// One about the component as a whole.
    pub fn new(weight: Weight, text: impl Into<String>) -> Self {
        Self { weight, place: None, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Error => "error",
            Weight::Warning => "warning",
            Weight::Note => "note",
        };
        match &self.place {
            Some((file, line)) => write!(f, "{weight}: {}:{line}: {}", file.display(), self.text),
            None => write!(f, "{weight}: {}", self.text),
        }
    }
}

/// The limits that a plugin has where nobody says anything, as far as a component's structure tells of them.
const DEFAULTS: [(&str, u64); 4] =
    [("memory_mib", 64), ("max_core_instances", 60), ("max_tables", 40), ("max_table_elements", 20_000)];

/// As much of a manifest as is compared.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Manifest {
    world: String,
    wants: Vec<Want>,
    limits: std::collections::BTreeMap<String, u64>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Want {
    capability: String,
}

/// Goes through a component's facts, its manifest's text and, where there is a project, its sources. Most weighty first.
pub fn look_through(facts: &Facts, manifest: Option<&str>, project: Option<&Project>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match manifest.map(serde_json::from_str::<Manifest>) {
        Some(Ok(manifest)) => {
            let whole_world = project.is_some_and(|project| project.lang.imports_whole_world());
            compare(facts, &manifest, whole_world, &mut findings);
        }
        Some(Err(error)) => findings.push(Finding::new(Weight::Error, format!("manifest.json: {error}"))),
        None => {
            let text = "there is no manifest: it can want nothing, and any configuration is taken";
            findings.push(Finding::new(Weight::Note, text));
            limits(facts, &Manifest::default(), &mut findings);
        }
    }
    clocks(facts, &mut findings);
    if let Some(project) = project {
        findings.extend(source::check(project));
    }
    findings.sort_by(|a, b| (a.weight, &a.place).cmp(&(b.weight, &b.place)));
    findings
}

fn compare(facts: &Facts, manifest: &Manifest, whole_world: bool, findings: &mut Vec<Finding>) {
    match &facts.contract {
        Some(contract) if *contract != manifest.world => {
            let text = format!(
                "the component is made for {contract}, and manifest.json says {}: build it again, or correct `world`",
                manifest.world
            );
            findings.push(Finding::new(Weight::Error, text));
        }
        _ => {}
    }
    let wants = |capability: &str| manifest.wants.iter().any(|want| want.capability == capability);
    let fetches = facts.calls("fetch") && !facts.calls_everything();
    let sends = fetches || facts.imports.iter().any(|name| name.starts_with("wasi:http/outgoing-handler@"));
    if sends && !wants("egress") {
        let text = "it can send requests, and its manifest wants no `egress`: every request will be refused; name the place \
                    in `wants`, or leave requests out";
        // Where the language imports all that there is, that says little.
        let weight = if whole_world { Weight::Note } else { Weight::Warning };
        findings.push(Finding::new(weight, text));
    }
    if facts.calls("load") || facts.calls("store") {
        if !wants("stored-values") && !facts.calls_everything() {
            let text = "it loads or stores values, and its manifest doesn't want `stored-values`: every such call will be \
                        refused; add it to `wants`";
            findings.push(Finding::new(Weight::Warning, text));
        }
    } else if wants("stored-values") {
        findings.push(Finding::new(Weight::Note, "its manifest wants `stored-values`, and nothing of it uses them"));
    }
    limits(facts, manifest, findings);
}

fn limits(facts: &Facts, manifest: &Manifest, findings: &mut Vec<Finding>) {
    let needed = [facts.memory_mib(), facts.core_instances, facts.tables, facts.table_elements];
    for ((name, default), needed) in DEFAULTS.into_iter().zip(needed) {
        let has = manifest.limits.get(name).copied();
        if needed > has.unwrap_or(default) {
            let text = format!(
                "it begins with {needed} of `{name}`, and has {}: the operator must give it more at its deployment, \
                 `\"limits\": {{\"{name}\": {}}}`",
                has.unwrap_or(default),
                needed.next_multiple_of(8)
            );
            findings.push(Finding::new(Weight::Error, text));
        } else if name == "memory_mib" && needed * 10 > has.unwrap_or(default) * 8 {
            let text = format!("it begins with {needed} MiB of memory, and may have {}", has.unwrap_or(default));
            findings.push(Finding::new(Weight::Warning, text));
        }
    }
}

/// What its imports tell of clocks: that it can read them, never whether it waits for one.
fn clocks(facts: &Facts, findings: &mut Vec<Finding>) {
    let reads = facts.imports.iter().any(|name| name.starts_with("wasi:clocks/"));
    let stands = matches!(facts.world(), Some(World::Flow | World::Scorer));
    if reads && stands {
        let text = "it imports clocks, as most standard libraries do; from the component alone it can't be told whether it \
                    waits for one. Its clock stands still between two calls of the host";
        findings.push(Finding::new(Weight::Note, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            bytes: 1000,
            contract: Some("cordboard:flow@0.1.0".into()),
            imports: vec!["cordboard:flow/conversation@0.1.0".into()],
            memory_bytes: 2 << 20,
            core_instances: 3,
            tables: 1,
            table_elements: 40,
            ..Facts::default()
        }
    }

    fn texts(facts: &Facts, manifest: &str) -> Vec<String> {
        look_through(facts, Some(manifest), None).iter().map(ToString::to_string).collect()
    }

    const MANIFEST: &str = r#"{"world": "cordboard:flow@0.1.0"}"#;

    #[test]
    fn a_plugin_in_order_has_no_findings() {
        assert_eq!(texts(&facts(), MANIFEST), [""; 0]);
    }

    #[test]
    fn what_does_not_fit_is_found() {
        let found = texts(&facts(), r#"{"world": "cordboard:flow@0.2.0"}"#);
        assert!(found[0].starts_with("error: the component is made for cordboard:flow@0.1.0"), "{found:?}");
        assert!(texts(&facts(), "{")[0].starts_with("error: manifest.json: "));
        let large = Facts { memory_bytes: 65 << 20, core_instances: 61, ..facts() };
        let found = texts(&large, MANIFEST);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("\"memory_mib\": 72"), "{found:?}");
        let asked = r#"{"world": "cordboard:flow@0.1.0", "limits": {"memory_mib": 128, "max_core_instances": 61}}"#;
        assert_eq!(texts(&large, asked), [""; 0]);
        let near = Facts { memory_bytes: 60 << 20, ..facts() };
        assert!(texts(&near, MANIFEST)[0].starts_with("warning: it begins with 60 MiB"));
    }

    #[test]
    fn capabilities_are_wanted_where_they_are_used() {
        let crm = |wants: &str| format!(r#"{{"world": "cordboard:crm@0.1.0", "wants": [{wants}]}}"#);
        let sends = Facts {
            contract: Some("cordboard:crm@0.1.0".into()),
            imports: vec!["wasi:http/outgoing-handler@0.2.12".into()],
            ..facts()
        };
        assert!(texts(&sends, &crm(""))[0].contains("wants no `egress`"));
        assert_eq!(texts(&sends, &crm(r#"{"capability": "egress", "host": "*"}"#)), [""; 0]);
        let fetches = Facts { calls: vec!["fetch".into(), "say".into()], ..facts() };
        assert!(texts(&fetches, MANIFEST)[0].starts_with("warning: it can send requests"));
        let stores = Facts { calls: vec!["say".into(), "store".into()], ..facts() };
        assert!(texts(&stores, MANIFEST)[0].contains("`stored-values`"));
        let all = Facts { calls: (0..22).map(|n| format!("call-{n}")).chain(["store".into()]).collect(), ..facts() };
        assert_eq!(texts(&all, MANIFEST), [""; 0], "an interpreter imports everything, whatever is used");
        let wants = r#"{"world": "cordboard:flow@0.1.0", "wants": [{"capability": "stored-values"}]}"#;
        assert!(texts(&facts(), wants)[0].starts_with("note: its manifest wants `stored-values`"));
    }

    #[test]
    fn clocks_are_noted_where_they_stand_still() {
        let reads = Facts { imports: vec!["wasi:clocks/monotonic-clock@0.2.3".into()], ..facts() };
        assert!(texts(&reads, MANIFEST)[0].starts_with("note: it imports clocks"));
        let crm = Facts { contract: Some("cordboard:crm@0.1.0".into()), ..reads };
        assert_eq!(texts(&crm, r#"{"world": "cordboard:crm@0.1.0"}"#), [""; 0]);
    }
}
