//! What a deployment is to become, and what that changes: nothing here asks anyone.

use super::super::named::called;
use super::{Serving, Values};
use crate::remote::{list, number, short, text};
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What is to be changed of a deployment. The rest stays as it is.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    /// None: it is taken out.
    config: BTreeMap<String, Option<String>>,
    limits: BTreeMap<String, u64>,
    migration: Option<&'static str>,
    ask_anew: Option<bool>,
}

impl Wanted {
    pub(super) fn read(serving: &Serving) -> Result<Self> {
        let migration = match (serving.migrate, serving.pin) {
            (true, _) => Some("migrate"),
            (false, true) => Some("pin"),
            (false, false) => None,
        };
        let ask_anew = if serving.ask_anew { Some(true) } else { serving.pin.then_some(false) };
        Ok(Self { migration, ask_anew, ..Self::of(&serving.values)? })
    }

    /// What values are to be changed, and nothing else.
    pub(crate) fn of(values: &Values) -> Result<Self> {
        let mut config = BTreeMap::new();
        if let Some(path) = &values.config_file {
            let shown = || path.display().to_string();
            let read = std::fs::read_to_string(path).with_context(shown)?;
            let read: BTreeMap<String, String> =
                serde_json::from_str(&read).context("not a JSON object of texts").with_context(shown)?;
            config.extend(read.into_iter().map(|(name, value)| (name, Some(value))));
        }
        for given in &values.config {
            let (name, value) = pair(given).context("--config")?;
            config.insert(name.to_owned(), Some(value.to_owned()));
        }
        config.extend(values.unset.iter().map(|name| (name.clone(), None)));
        let limit = |given: &String| {
            let (name, value) = pair(given).context("--limit")?;
            let number = value.parse().ok().with_context(|| format!("--limit: `{value}` is no whole number"))?;
            Ok((name.to_owned(), number))
        };
        Ok(Self { config, limits: values.limit.iter().map(limit).collect::<Result<_>>()?, ..Self::default() })
    }

    /// The document of a deployment that serves this plugin, made of what there is.
    pub(crate) fn body(&self, now: Option<&Value>, digest: &str) -> Value {
        let kept = |key: &str| now.and_then(|now| now.get(key)).cloned().unwrap_or_default();
        let mut config = match kept("config") {
            Value::Object(config) => config,
            _ => Map::new(),
        };
        for (name, value) in &self.config {
            match value {
                Some(value) => drop(config.insert(name.clone(), value.as_str().into())),
                None => drop(config.remove(name)),
            }
        }
        let mut limits = match kept("limits") {
            Value::Object(limits) => limits,
            _ => Map::new(),
        };
        limits.retain(|_, value| !value.is_null());
        limits.extend(self.limits.iter().map(|(name, value)| (name.clone(), (*value).into())));
        let migration = self.migration.map_or_else(|| kept("migration"), Into::into);
        let ask_anew = self.ask_anew.map_or_else(|| kept("ask_anew"), Into::into);
        json!({
            "plugin": digest,
            "config": config,
            "limits": limits,
            "migration": if migration.is_null() { "pin".into() } else { migration },
            "ask_anew": ask_anew.as_bool().unwrap_or_default(),
        })
    }
}

fn pair(text: &str) -> Result<(&str, &str)> {
    text.split_once('=').filter(|(name, _)| !name.is_empty()).with_context(|| format!("`{text}` is not NAME=…"))
}

/// A document without what isn't said.
fn said(value: &Value, key: &str) -> Map<String, Value> {
    let members = value.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    members.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// Whether a deployment is as wanted, and does.
pub(super) fn is_so(now: &Value, body: &Value) -> bool {
    let alike = |key: &&str| now.get(*key) == body.get(*key);
    let both = |key: &&str| said(now, key) == said(body, key);
    ["plugin", "migration", "ask_anew"].iter().all(alike)
        && ["config", "limits"].iter().all(both)
        && now.get("failure").is_none_or(Value::is_null)
}

/// The names of members that were added, changed or taken out. Values may be secret.
fn members(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let added = after.iter().filter_map(|(name, value)| match before.get(name) {
        None => Some(format!("+{name}")),
        Some(before) => (before != value).then(|| format!("{name} changed")),
    });
    let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("-{name}"));
    added.chain(gone).collect()
}

/// What became of a deployment, line by line. `plugin` is what serves now.
pub(crate) fn changes(name: &str, before: Option<&Value>, after: &Value, plugin: &Value) -> String {
    let was = before.unwrap_or(&Value::Null);
    let mut lines = vec![match before {
        None => format!("deployment {name}: new, serves {}", called(plugin)),
        Some(before) if text(before, "/plugin") == text(after, "/plugin") => {
            format!("deployment {name}: still serves {}", called(plugin))
        }
        Some(before) => {
            format!("deployment {name}: serves {}; before: {}", called(plugin), short(text(before, "/plugin")))
        }
    }];
    for (key, shown) in [("config", "config    "), ("limits", "limits    ")] {
        let changed = members(&said(was, key), &said(after, key));
        if !changed.is_empty() {
            lines.push(format!("  {shown}  {}", changed.join(", ")));
        }
    }
    let (old, new) = (text(was, "/migration"), text(after, "/migration"));
    if old != new && (before.is_some() || new != "pin") {
        let before = if old.is_empty() { String::new() } else { format!("{old} → ") };
        lines.push(format!("  migration   {before}{new}"));
    }
    let (old, new) = (text(was, "/version"), text(after, "/version"));
    if old != new {
        let before = if old.is_empty() { String::new() } else { format!("{} → ", short(old)) };
        lines.push(format!("  version     {before}{}", short(new)));
    }
    lines.join("\n")
}

/// Whether nothing of what was to go over is still on its way.
pub(super) fn all_moved(deployment: &Value) -> bool {
    let of = |name: &str| number(deployment, &format!("/moved/{name}"));
    of("wanted") <= ["migrated", "diverged", "moved_on", "failed", "refused"].into_iter().map(of).sum()
}

/// Contacts in progress, and what became of those that were to go over.
pub(super) fn contacts(deployment: &Value) -> Vec<String> {
    let version = text(deployment, "/version");
    let all: u64 = said(deployment, "contacts").values().filter_map(Value::as_u64).sum();
    let here = number(deployment, &format!("/contacts/{version}"));
    let of = |name: &str| number(deployment, &format!("/moved/{name}"));
    let mut parts = Vec::new();
    if text(deployment, "/migration") == "migrate" && of("wanted") > 0 {
        parts.push(format!("{} of {} went over", of("migrated"), of("wanted")));
        for (name, why) in [
            ("diverged", "did something else before than this version would"),
            ("moved_on", "moved on each time"),
            ("failed", "failed under it"),
            ("refused", "were not tried"),
        ] {
            if of(name) > 0 {
                parts.push(format!("{} {why}", of(name)));
            }
        }
    }
    if all > 0 {
        parts.push(format!("{all} in progress, {here} of them on this version"));
    }
    if parts.is_empty() { Vec::new() } else { vec![format!("  contacts    {}", parts.join("; "))] }
}

/// The command that gives what is missing.
pub(super) fn granting(plugin: &str, deployment: &str, capability: &str, detail: &str) -> String {
    match capability {
        "egress" => {
            // `GET,POST http(s)://HOST:PORT`, with `*` for what the manifest leaves open.
            let (methods, place) = detail.split_once(' ').unwrap_or(("GET", detail));
            let place = place.replace("http(s)", "https").replace("//*", "//HOST").replace(":*", ":PORT");
            format!("cordboard plugin grant {plugin} --egress '{methods} {place}'")
        }
        "stored-values" => format!("cordboard plugin grant {plugin} --wanted"),
        "limits" => {
            // `NAME WANTED, it has GIVEN`.
            let mut words = detail.split([' ', ',']);
            let (name, wanted) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            format!("cordboard plugin deploy {plugin} --deployment {deployment} --limit {name}={wanted}")
        }
        _ => String::new(),
    }
}

/// What makes use of a deployment.
pub(super) fn calling(deployment: &Value, entries: &[Value]) -> String {
    let name = text(deployment, "/name");
    match text(deployment, "/world") {
        "flow" => {
            let entry = entries.iter().find(|entry| text(entry, "/deployment") == name);
            let dialled = entry.and_then(|entry| list(entry, "/numbers").first()).and_then(Value::as_str);
            match dialled {
                Some(number) => format!("cordboard phone --dial {}", number.replace('*', "…")),
                None => format!(
                    "cordboard plugin deploy {} --deployment {name} --number NUMBER",
                    short(text(deployment, "/plugin"))
                ),
            }
        }
        "scorer" => format!("name it as `scorer` of a queue: PUT /v1/queues/NAME with \"scorer\": \"{name}\""),
        "crm" => format!("name it as `default_directory`: PUT /v1/settings with \"default_directory\": \"{name}\""),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(config: &[&str], unset: &[&str], limit: &[&str]) -> Serving {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let values = Values { config: owned(config), unset: owned(unset), limit: owned(limit), ..Values::default() };
        Serving { values, ..Serving::default() }
    }

    #[test]
    fn a_deployment_keeps_what_nobody_changes() {
        let now = json!({ "plugin": "1", "config": { "queue": "a", "greeting": "Hi" }, "migration": "migrate",
            "limits": { "max_calls": 5, "memory_mib": null }, "ask_anew": true, "version": "v", "failure": null });
        let body = |serving: &Serving| Wanted::read(serving).unwrap().body(Some(&now), "2");
        assert_eq!(
            body(&serving(&[], &[], &[])),
            json!({ "plugin": "2", "config": { "queue": "a", "greeting": "Hi" }, "migration": "migrate",
                "limits": { "max_calls": 5 }, "ask_anew": true })
        );
        let changed = body(&serving(&["queue=b=c", "x="], &["greeting"], &["memory_mib=9"]));
        assert_eq!(changed["config"], json!({ "queue": "b=c", "x": "" }));
        assert_eq!(changed["limits"], json!({ "max_calls": 5, "memory_mib": 9 }));
        let pinned = body(&Serving { pin: true, ..Serving::default() });
        assert_eq!((&pinned["migration"], &pinned["ask_anew"]), (&json!("pin"), &json!(false)));
        let new = Wanted::default().body(None, "2");
        assert_eq!(new, json!({ "plugin": "2", "config": {}, "limits": {}, "migration": "pin", "ask_anew": false }));
        assert!(is_so(&now, &Wanted::default().body(Some(&now), "1")));
        assert!(!is_so(&now, &Wanted::default().body(Some(&now), "2")));
        let mut failing = now.clone();
        failing["failure"] = "gone".into();
        assert!(!is_so(&failing, &Wanted::default().body(Some(&now), "1")));
    }

    #[test]
    fn what_is_written_wrong_is_told() {
        for (wrong, why) in [
            (serving(&["queue"], &[], &[]), "--config: `queue` is not NAME=…"),
            (serving(&["=x"], &[], &[]), "is not NAME="),
            (serving(&[], &[], &["max_calls=many"]), "--limit: `many` is no whole number"),
        ] {
            let said = format!("{:#}", Wanted::read(&wrong).unwrap_err());
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn what_changed_is_told_without_values() {
        let plugin = json!({ "name": "greeter", "digest": "2222222222222222", "manifest": { "version": "0.2.0" } });
        let before = json!({ "plugin": "1111111111111111", "config": { "token": "old", "a": "1" }, "limits": {},
            "migration": "pin", "version": "aaaaaaaaaaaaaaaa" });
        let after = json!({ "plugin": "2222222222222222", "config": { "token": "secret", "b": "1" }, "limits": { "max_calls": 1 },
            "migration": "migrate", "version": "bbbbbbbbbbbbbbbb" });
        let told = changes("front", Some(&before), &after, &plugin);
        let expected = "deployment front: serves greeter 0.2.0 (222222222222); before: 111111111111\n  \
            config      +b, token changed, -a\n  limits      +max_calls\n  migration   pin → migrate\n  \
            version     aaaaaaaaaaaa → bbbbbbbbbbbb";
        assert_eq!(told, expected);
        let told = changes("front", None, &before, &plugin);
        assert_eq!(
            told,
            "deployment front: new, serves greeter 0.2.0 (222222222222)\n  config      +a, +token\n  version     aaaaaaaaaaaa"
        );
    }

    #[test]
    fn contacts_are_told_as_far_as_there_are_any() {
        let deployment = json!({ "version": "v", "migration": "migrate", "contacts": { "v": 2, "u": 1 },
            "moved": { "wanted": 3, "migrated": 2, "diverged": 1, "moved_on": 0, "failed": 0, "refused": 0 } });
        assert!(all_moved(&deployment));
        let told = "  contacts    2 of 3 went over; 1 did something else before than this version would; \
            3 in progress, 2 of them on this version";
        assert_eq!(contacts(&deployment), [told]);
        let waiting = json!({ "moved": { "wanted": 1 } });
        assert!(!all_moved(&waiting) && contacts(&waiting).is_empty());
    }

    #[test]
    fn what_is_missing_comes_with_its_command() {
        for (capability, detail, command) in [
            ("egress", "GET http://*:*", "cordboard plugin grant p --egress 'GET http://HOST:PORT'"),
            (
                "egress",
                "GET,POST http(s)://crm.example:443",
                "cordboard plugin grant p --egress 'GET,POST https://crm.example:443'",
            ),
            ("stored-values", "10 keys", "cordboard plugin grant p --wanted"),
            ("limits", "max_calls 500, it has 100", "cordboard plugin deploy p --deployment d --limit max_calls=500"),
        ] {
            assert_eq!(granting("p", "d", capability, detail), command);
        }
    }
}
