//! `cordboard plugin list`.

use crate::remote::{HostArguments, columns, list, one_line, or_dash, short, text};
use anyhow::Result;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only plugins of this name.
    name: Option<String>,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let client = arguments.host.client()?;
    let (plugins, deployments) = (client.get("/v1/plugins")?.value, client.get("/v1/deployments")?.value);
    let is_meant = |plugin: &&Value| arguments.name.as_deref().is_none_or(|name| text(plugin, "/name") == name);
    let found: Vec<&Value> = list(&plugins, "/plugins").iter().filter(is_meant).collect();
    if found.is_empty() {
        let what = arguments.name.as_ref().map_or_else(|| "no plugins".into(), |name| format!("no plugin `{name}`"));
        cordboard::say(&format!("{what} on {}\nnext: cordboard plugin push", client.host()));
    } else {
        cordboard::say(&table(&found, list(&deployments, "/deployments")));
    }
    Ok(())
}

fn table(plugins: &[&Value], deployments: &[Value]) -> String {
    let mut rows = vec![["NAME", "WORLD", "VERSION", "DIGEST", "SERVES"].map(str::to_owned)];
    for plugin in plugins {
        let digest = text(plugin, "/digest");
        let serving = deployments.iter().filter(|deployment| text(deployment, "/plugin") == digest);
        let serves: Vec<String> = serving.map(serves).collect();
        rows.push([
            or_dash(text(plugin, "/name")),
            text(plugin, "/world").to_owned(),
            or_dash(&one_line(text(plugin, "/manifest/version"))),
            short(digest).to_owned(),
            or_dash(&serves.join(", ")),
        ]);
    }
    columns(&rows).join("\n")
}

/// A deployment with its contacts in progress.
fn serves(deployment: &Value) -> String {
    let name = text(deployment, "/name");
    let contacts = deployment.get("contacts").and_then(Value::as_object);
    let all: u64 = contacts.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    let version = text(deployment, "/version");
    let here = deployment.pointer(&format!("/contacts/{version}")).and_then(Value::as_u64).unwrap_or_default();
    let failure = if text(deployment, "/failure").is_empty() { "" } else { "; it could not be loaded" };
    let contacts = match (here, all - here.min(all)) {
        (0, 0) => String::new(),
        (here, 0) => format!(" ({here} in progress)"),
        (here, older) => format!(" ({here} in progress, {older} on versions before)"),
    };
    format!("{name}{contacts}{failure}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plugins_are_listed_with_where_they_serve() {
        let plugin = |name: Value, digest: &str, manifest: Value| json!({ "name": name, "world": "flow", "digest": digest, "manifest": manifest });
        let plugins = [
            plugin(json!("greeter"), "1111111111111111", json!({ "version": "0.1.0" })),
            plugin(Value::Null, "2222222222222222", Value::Null),
        ];
        let deployments = [
            json!({ "name": "front", "plugin": "1111111111111111", "version": "v", "contacts": { "v": 2, "u": 1 } }),
            json!({ "name": "back", "plugin": "1111111111111111", "version": "w", "contacts": {}, "failure": "gone" }),
        ];
        let shown = table(&plugins.iter().collect::<Vec<_>>(), &deployments);
        let expected = "\
NAME     WORLD  VERSION  DIGEST        SERVES
greeter  flow   0.1.0    111111111111  front (2 in progress, 1 on versions before), back; it could not be loaded
-        flow   -        222222222222  -";
        assert_eq!(shown, expected);
    }
}
