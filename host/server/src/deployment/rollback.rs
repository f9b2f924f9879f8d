//! `cordboard deployment rollback`.

use super::{as_seen, found, path, plugin};
use crate::plugin::{changes, settled};
use crate::remote::{list, number, short, text};
use anyhow::{Result, ensure};
use cordboard_client::{Answer, Client, Expected};
use serde_json::{Value, json};

/// Takes a canary back; with a step, or without a canary, lets an earlier state serve again.
pub(crate) fn back(client: &Client, name: &str, to: Option<u64>, why: Option<&str>) -> Result<()> {
    let before = match to {
        // Also of a deployment that was removed.
        Some(_) => client.find(&path(name))?,
        None => Some(found(client, name)?),
    };
    let canary = before.as_ref().map(|before| text(&before.value, "/canary/version")).unwrap_or_default();
    let before = match (canary, to) {
        ("", _) => before,
        (canary, to) => {
            // The canary isn't lost for a step that is none.
            to.map_or(Ok(()), |to| check(client, name, to))?;
            let after = post(client, name, before.as_ref(), json!({ "reason": why }))?;
            let (version, canary) = (short(text(&after.value, "/version")), short(canary));
            cordboard::say(&format!(
                "deployment {name}: its canary {canary} is taken back; {version} serves all new contacts"
            ));
            if to.is_none() {
                cordboard::say(&format!("next: cordboard deployment history {name}"));
                return Ok(());
            }
            Some(after)
        }
    };
    let after = post(client, name, before.as_ref(), json!({ "to": to, "reason": why }))?;
    let serving = plugin(client, text(&after.value, "/plugin"))?;
    cordboard::say(&changes(name, before.as_ref().map(|before| &before.value), &after.value, &serving));
    settled(client, &path(name), before.as_ref(), after)?;
    cordboard::say(&format!("next: cordboard deployment rollback {name} takes that back"));
    Ok(())
}

fn post(client: &Client, name: &str, seen: Option<&Answer>, body: Value) -> Result<Answer> {
    let expected = seen.map_or(Expected::Absent, as_seen);
    Ok(client.post(&format!("{}/rollback", path(name)), &body, &expected)?)
}

/// That there is a state to go back to at this step.
fn check(client: &Client, name: &str, to: u64) -> Result<()> {
    let page = client.get(&format!("{}/history?limit=1&before={}", path(name), to.saturating_add(1)))?.value;
    let step = list(&page, "/steps").first().filter(|step| number(step, "/number") == to);
    ensure!(
        step.is_some_and(|step| step.get("state").is_some_and(|state| !state.is_null())),
        "step {to} of `{name}` is none that can be gone back to\nnext: see which steps there are with `cordboard deployment \
         history {name}`"
    );
    Ok(())
}
