//! Plugins as people name them.

use crate::remote::{one_line, short, text};
use anyhow::{Result, bail};
use serde_json::Value;

/// What a plugin is called, with its version: `greeter 0.2.0 (3f2a1b2c4d5e)`.
pub(crate) fn called(plugin: &Value) -> String {
    let name = match text(plugin, "/name") {
        "" => "a plugin without a name",
        name => name,
    };
    let version = one_line(text(plugin, "/manifest/version"));
    let digest = short(text(plugin, "/digest"));
    if version.is_empty() { format!("{name} ({digest})") } else { format!("{name} {version} ({digest})") }
}

/// The digits that a digest is known by, at the least.
const MIN_DIGITS: usize = 8;

/// The plugin that is meant: by its name the one that was uploaded last, or by the beginning of its digest.
pub(super) fn meant<'p>(plugins: &'p [Value], what: &str) -> Result<&'p Value> {
    let named = plugins.iter().filter(|plugin| text(plugin, "/name") == what);
    if let Some(last) = named.max_by_key(|plugin| text(plugin, "/uploaded_at")) {
        return Ok(last);
    }
    let is_digits = what.len() >= MIN_DIGITS && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found = plugins.iter().filter(|plugin| is_digits && text(plugin, "/digest").starts_with(what));
    match (found.next(), found.next()) {
        (Some(plugin), None) => Ok(plugin),
        (Some(_), Some(_)) => bail!("several plugins begin with `{what}`\nnext: say more digits"),
        (None, _) => {
            let mut names: Vec<&str> = plugins.iter().map(|plugin| text(plugin, "/name")).collect();
            names.dedup();
            let there =
                if names.is_empty() { "there is none".into() } else { format!("there is {}", names.join(", ")) };
            bail!("the host has no plugin `{what}`; {there}\nnext: bring it with `cordboard plugin push`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plugin_is_meant_by_its_name_or_the_beginning_of_its_digest() {
        let plugin = |name: &str, digest: &str, at: &str| json!({ "name": name, "digest": digest, "uploaded_at": at });
        let plugins = [
            plugin("a", "1111111122222222", "2026-01-01T00:00:00.000000Z"),
            plugin("a", "1111111133333333", "2026-01-02T00:00:00.000000Z"),
            plugin("deadbeef", "4444444444444444", "2026-01-01T00:00:00.000000Z"),
        ];
        let digest =
            |what: &str| meant(&plugins, what).map(|plugin| text(plugin, "/digest")).map_err(|e| e.to_string());
        assert_eq!(digest("a"), Ok("1111111133333333"));
        assert_eq!(digest("111111112"), Ok("1111111122222222"));
        assert_eq!(digest("deadbeef"), Ok("4444444444444444"));
        assert!(digest("11111111").unwrap_err().contains("more digits"));
        assert!(digest("1111111").unwrap_err().contains("there is a, deadbeef"));
        assert!(digest("b").unwrap_err().contains("plugin push"));
        assert!(meant(&[], "b").unwrap_err().to_string().contains("there is none"));
    }
}
