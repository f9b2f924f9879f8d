//! `cordboard deployment list`.

use crate::plugin::called;
use crate::remote::{columns, list, or_dash, short, text};
use anyhow::Result;
use cordboard_client::Client;
use serde_json::{Value, json};

pub(super) fn run(client: &Client) -> Result<()> {
    let (deployments, plugins) = (client.get("/v1/deployments")?.value, client.get("/v1/plugins")?.value);
    let found = list(&deployments, "/deployments");
    if found.is_empty() {
        let next = "next: cordboard plugin push, then cordboard plugin deploy";
        cordboard::say(&format!("no deployments on {}\n{next}", client.host()));
    } else {
        cordboard::say(&table(found, list(&plugins, "/plugins")));
    }
    Ok(())
}

fn table(deployments: &[Value], plugins: &[Value]) -> String {
    let mut rows = vec![["NAME", "WORLD", "VERSION", "PLUGIN", "CONTACTS", "CANARY"].map(str::to_owned)];
    for deployment in deployments {
        let digest = text(deployment, "/plugin");
        let plugin = plugins.iter().find(|plugin| text(plugin, "/digest") == digest);
        let contacts = deployment.get("contacts").and_then(Value::as_object);
        let contacts: u64 = contacts.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
        let failed = if text(deployment, "/failure").is_empty() { "" } else { "; it could not be loaded" };
        rows.push([
            text(deployment, "/name").to_owned(),
            text(deployment, "/world").to_owned(),
            short(text(deployment, "/version")).to_owned(),
            format!("{}{failed}", called(plugin.unwrap_or(&json!({ "digest": digest })))),
            contacts.to_string(),
            or_dash(&canary(deployment)),
        ]);
    }
    columns(&rows).join("\n")
}

fn canary(deployment: &Value) -> String {
    match text(deployment, "/canary/version") {
        "" => String::new(),
        version => format!("{}, {} %", short(version), super::figures::share(deployment)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployments_are_listed_with_their_canaries() {
        let plugins = [json!({ "name": "greeter", "digest": "1111111111111111", "manifest": { "version": "0.1.0" } })];
        let stages = json!([{ "weights": { "canary": 1.0 } }, { "weights": { "canary": 12.5 } }]);
        let deployments = [
            json!({ "name": "front", "world": "flow", "plugin": "1111111111111111", "version": "aaaaaaaaaaaaaaaa",
                "contacts": { "aaaaaaaaaaaaaaaa": 2, "u": 1 },
                "canary": { "version": "bbbbbbbbbbbbbbbb", "stage": 1, "plan": { "stages": stages } } }),
            json!({ "name": "back", "world": "crm", "plugin": "2222222222222222", "version": "cccccccccccccccc", "failure": "x" }),
        ];
        let expected = "\
NAME   WORLD  VERSION       PLUGIN                                                         CONTACTS  CANARY
front  flow   aaaaaaaaaaaa  greeter 0.1.0 (111111111111)                                   3         bbbbbbbbbbbb, 12.5 %
back   crm    cccccccccccc  a plugin without a name (222222222222); it could not be loaded  0         -";
        let shown = table(&deployments, &plugins);
        let lines = |text: &str| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(lines(&shown), lines(expected));
    }
}
