//! `cordboard plugin grant`: what plugins of a name may use of what they want.

use crate::remote::{HostArguments, list, text};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use cordboard_client::{Answer, Client, Expected, encoded};
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin's name: what is granted holds for every version of it, from the next use on.
    name: String,
    /// A place that requests may go to: `[GET,POST ]http://HOST:PORT`. GET alone where no method is named.
    #[arg(long, value_name = "PLACE")]
    egress: Vec<String>,
    /// Places of `--egress` may be on this machine or in a private network.
    #[arg(long, requires = "egress")]
    private: bool,
    /// Room for stored values: so many keys, and so many bytes of keys and values.
    #[arg(long, value_name = "KEYS,BYTES")]
    stored_values: Option<String>,
    /// What the manifest of its latest version wants, as far as that says which.
    #[arg(long)]
    wanted: bool,
    /// Takes everything back.
    #[arg(long, conflicts_with_all = ["egress", "stored_values", "wanted"])]
    revoke: bool,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let places = arguments.egress.iter().map(|given| place(given, arguments.private)).collect::<Result<Vec<_>>>()?;
    let room = arguments.stored_values.as_deref().map(room).transpose()?;
    let client = arguments.host.client()?;
    let name = arguments.name.as_str();
    let path = path(name);
    if arguments.revoke {
        client.delete(&path)?;
        cordboard::say(&format!("{name}: may use nothing any more"));
        return Ok(());
    }
    let plugin = if arguments.wanted { Some(latest(&client, name)?) } else { None };
    if plugin.is_none() && places.is_empty() && room.is_none() {
        return show(&client, name);
    }
    if let Some(plugin) = &plugin {
        as_wanted(&client, plugin)?.iter().for_each(|line| cordboard::say(line));
    }
    if !places.is_empty() || room.is_some() {
        let now = client.find(&path)?;
        put(&client, name, now.as_ref(), places, room)?;
    }
    show(&client, name)
}

fn path(name: &str) -> String {
    format!("/v1/plugins/{}/grants", encoded(name))
}

fn latest(client: &Client, name: &str) -> Result<Value> {
    let all = client.get("/v1/plugins")?.value;
    Ok(super::named::meant(list(&all, "/plugins"), name)?.clone())
}

/// Grants what a plugin's manifest wants, as far as it says which. What was granted stays. What became of it, line by line.
pub(super) fn as_wanted(client: &Client, plugin: &Value) -> Result<Vec<String>> {
    let (places, room, open) = definite(plugin);
    let name = text(plugin, "/name");
    let mut lines: Vec<String> = places.iter().map(|place| format!("  granted     {}", shown(place))).collect();
    if !places.is_empty() || room.is_some() {
        let now = client.find(&path(name))?;
        if let Some(room) = &room {
            lines.push(format!("  granted     {} stored values, {} bytes", room["keys"], room["bytes"]));
        }
        put(client, name, now.as_ref(), places, room)?;
    }
    lines.extend(
        open.iter().map(|reason| format!("  not granted which place it is, its manifest doesn't say ({reason})")),
    );
    Ok(lines)
}

/// Of what a manifest wants: places that it names, room for stored values, and the reasons of places that it leaves open.
fn definite(plugin: &Value) -> (Vec<Value>, Option<Value>, Vec<String>) {
    let (mut places, mut room, mut open) = (Vec::new(), None, Vec::new());
    for want in list(plugin, "/manifest/wants") {
        match text(want, "/capability") {
            "egress" => {
                let scheme = if text(want, "/scheme").is_empty() { "http" } else { text(want, "/scheme") };
                let port = want.get("port").and_then(Value::as_u64);
                match port.filter(|_| text(want, "/host") != "*" && scheme != "any") {
                    Some(port) => places.push(json!({ "scheme": scheme, "host": text(want, "/host"), "port": port,
                        "methods": want.get("methods").cloned().unwrap_or_else(|| json!(["GET"])) })),
                    None => open.push(text(want, "/reason").to_owned()),
                }
            }
            "stored-values" => room = Some(json!({ "keys": want["keys"], "bytes": want["bytes"] })),
            _ => {}
        }
    }
    (places, room, open)
}

/// `GET,POST https://crm.example:443`.
fn place(given: &str, private: bool) -> Result<Value> {
    let wrong = || format!("--egress: `{given}` is not [METHODS ]http://HOST:PORT");
    let (methods, url) = given.trim().rsplit_once(' ').unwrap_or(("GET", given.trim()));
    let (scheme, rest) = url.split_once("://").with_context(wrong)?;
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':').with_context(wrong)?;
    let port: u16 = port.parse().ok().with_context(wrong)?;
    ensure!(matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/'), "{}", wrong());
    let methods: Vec<String> = methods.split(',').map(|method| method.trim().to_uppercase()).collect();
    let mut place = json!({ "scheme": scheme, "host": host, "port": port, "methods": methods });
    if private && let Some(place) = place.as_object_mut() {
        place.insert("private".into(), true.into());
    }
    Ok(place)
}

fn room(given: &str) -> Result<Value> {
    let wrong = || format!("--stored-values: `{given}` is not KEYS,BYTES");
    let (keys, bytes) = given.split_once(',').with_context(wrong)?;
    let number = |text: &str| text.trim().parse::<u64>().ok().with_context(wrong);
    Ok(json!({ "keys": number(keys)?, "bytes": number(bytes)? }))
}

/// What is granted then: of a place, what was granted before counts no more, but that it may be private.
fn merged(now: Option<&Value>, places: Vec<Value>, room: Option<Value>) -> Value {
    let mut egress: Vec<Value> = now.map(|now| list(now, "/egress").to_vec()).unwrap_or_default();
    let same = |a: &Value, b: &Value| ["scheme", "host", "port"].iter().all(|key| a.get(*key) == b.get(*key));
    for mut place in places {
        match egress.iter_mut().find(|known| same(known, &place)) {
            Some(known) => {
                let private = known.get("private").cloned().unwrap_or(Value::Bool(false));
                if let Some(place) = place.as_object_mut() {
                    place.entry("private").or_insert(private);
                }
                *known = place;
            }
            None => egress.push(place),
        }
    }
    let kept = |key: &str| now.and_then(|now| now.get(key)).cloned();
    let stored = room.or_else(|| kept("stored_values")).unwrap_or_default();
    json!({ "egress": egress, "stored_values": stored, "bounds": kept("bounds").unwrap_or_else(|| json!({})) })
}

fn put(client: &Client, name: &str, now: Option<&Answer>, places: Vec<Value>, room: Option<Value>) -> Result<()> {
    let body = merged(now.map(|now| &now.value), places, room);
    let expected = now.and_then(Answer::expected).unwrap_or(Expected::Absent);
    client.put(&path(name), &body, &expected)?;
    Ok(())
}

fn shown(place: &Value) -> String {
    let methods: Vec<&str> = list(place, "/methods").iter().filter_map(Value::as_str).collect();
    let private = if place.get("private") == Some(&Value::Bool(true)) { ", private addresses too" } else { "" };
    format!(
        "{} {}://{}:{}{private}",
        methods.join(","),
        text(place, "/scheme"),
        text(place, "/host"),
        place.get("port").unwrap_or(&Value::Null)
    )
}

/// What is granted to a name, and what its latest version wants.
fn show(client: &Client, name: &str) -> Result<()> {
    let plugin = latest(client, name)?;
    let granted = client.find(&path(name))?.map(|granted| granted.value).unwrap_or_default();
    let mut lines = vec![format!("{name} may use")];
    lines.extend(list(&granted, "/egress").iter().map(|place| format!("  {}", shown(place))));
    if let Some(room) = granted.get("stored_values").filter(|room| room.is_object()) {
        lines.push(format!("  {} stored values, {} bytes", room["keys"], room["bytes"]));
    }
    if lines.len() == 1 {
        lines.push("  nothing of what takes a grant".into());
    }
    let wants = list(&plugin, "/manifest/wants");
    if !wants.is_empty() {
        lines.push("its manifest wants".into());
    }
    for want in wants {
        let what = match text(want, "/capability") {
            "egress" => {
                let methods: Vec<&str> = list(want, "/methods").iter().filter_map(Value::as_str).collect();
                let port = want.get("port").map_or("*".to_owned(), Value::to_string);
                let scheme = match text(want, "/scheme") {
                    "" => "http",
                    "any" => "http(s)",
                    scheme => scheme,
                };
                let methods = if methods.is_empty() { "GET".to_owned() } else { methods.join(",") };
                format!("{methods} {scheme}://{}:{port}", text(want, "/host"))
            }
            other => other.to_owned(),
        };
        lines.push(format!("  {what} ({})", text(want, "/reason")));
    }
    cordboard::say(&lines.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let expected = json!({ "scheme": "https", "host": "crm.example", "port": 443, "methods": ["GET", "POST"] });
        assert_eq!(place("get,POST https://crm.example:443/", false).unwrap(), expected);
        assert_eq!(place("http://127.0.0.1:80", true).unwrap()["private"], true);
        assert_eq!(place("http://[::1]:80", true).unwrap()["host"], "[::1]");
        for wrong in
            ["", "crm.example:443", "http://crm.example", "ftp://x:1", "http://x:y", "http://x/y:1", "http://:1"]
        {
            assert!(place(wrong, false).unwrap_err().to_string().contains("is not [METHODS ]"), "{wrong}");
        }
        assert_eq!(room("10, 2000").unwrap(), json!({ "keys": 10, "bytes": 2000 }));
        assert!(room("10").is_err() && room("a,b").is_err());
    }

    #[test]
    fn what_was_granted_stays() {
        let now = json!({ "egress": [{ "scheme": "http", "host": "a", "port": 1, "methods": ["GET"], "private": true }],
            "stored_values": { "keys": 1, "bytes": 2 }, "bounds": { "at_once": 3 }, "revision": 4, "plugin": "p" });
        let places = vec![place("POST http://a:1", false).unwrap(), place("https://b:2", false).unwrap()];
        let body = merged(Some(&now), places, None);
        assert_eq!(
            body["egress"][0],
            json!({ "scheme": "http", "host": "a", "port": 1, "methods": ["POST"], "private": true })
        );
        assert_eq!(body["egress"].as_array().unwrap().len(), 2);
        assert_eq!((&body["stored_values"], &body["bounds"]), (&now["stored_values"], &now["bounds"]));
        assert_eq!(merged(None, vec![], Some(json!({ "keys": 1, "bytes": 1 })))["egress"], json!([]));
    }

    #[test]
    fn only_what_a_manifest_names_can_be_granted_unseen() {
        let plugin = json!({ "manifest": { "wants": [
            { "capability": "egress", "host": "*", "reason": "any" },
            { "capability": "egress", "host": "a", "port": 1, "scheme": "any", "reason": "either" },
            { "capability": "egress", "host": "b", "port": 2, "methods": ["PUT"], "reason": "this" },
            { "capability": "stored-values", "keys": 3, "bytes": 4, "reason": "keeps" },
        ] } });
        let (places, room, open) = definite(&plugin);
        assert_eq!(places, [json!({ "scheme": "http", "host": "b", "port": 2, "methods": ["PUT"] })]);
        assert_eq!(room, Some(json!({ "keys": 3, "bytes": 4 })));
        assert_eq!(open, ["any", "either"]);
    }
}
