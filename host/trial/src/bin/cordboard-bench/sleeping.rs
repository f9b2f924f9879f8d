//! Calls that wait in a menu of a flow in Python: what the host holds for each while all sleep, and how long the first step
//! after a key takes, as the event stream tells.

use crate::{SOON, dial, resident_kib, say};
use anyhow::{Context as _, Result};
use cordboard_trial::{Centre, HostOptions};
use serde_json::{Value, json};
use std::time::Duration;

const CALLS: usize = 150;

/// Measures it with a host of its own.
pub(crate) async fn measure() -> Result<()> {
    let options = HostOptions {
        config: "[plugins]\nhibernate_after_s = 1\ncompile_timeout_s = 1200\n".into(),
        sip: "calls_per_second = 1000".into(),
        ..HostOptions::default()
    };
    let centre = Centre::start(options)?;
    let before = resident_kib(centre.host.pid())?;
    let python = centre.api.upload("probe-python")?;
    centre.api.deploy("python", &python, json!({}), &[])?;
    let code = resident_kib(centre.host.pid())?.saturating_sub(before);
    centre.api.put("/v1/entry-points/python", json!({ "numbers": ["100"], "deployment": "python" }))?;
    let mut events = centre.events()?;
    let phone = centre.caller("+15550001", None, None).await?;
    let mut calls = Vec::new();
    let mut grown = Vec::new();
    // Twice: what those hold who were awake at once at most is kept by the allocator, however many come later.
    for _ in 0..2 {
        for _ in 0..CALLS {
            let (call, _) = dial(&phone).await?;
            let contact = events.call_of("+15550001", SOON)?;
            calls.push((call, contact));
        }
        centre.api.until("/v1/status", SOON, asleep)?;
        grown.push(resident_kib(centre.host.pid())?.saturating_sub(before + code));
    }
    let (first, both) = (grown.first().copied().unwrap_or(0), grown.last().copied().unwrap_or(0));
    let each = both.saturating_sub(first) as f64 / CALLS as f64;
    say(&format!(
        "memory per sleeping call in Python: {each:.0} KiB (resident, media included; {CALLS} calls after {CALLS} others, which with what the allocator kept of their instances held {} MiB; code {} MiB once)",
        first / 1024,
        code / 1024
    ));
    let mut steps = Vec::new();
    for (call, contact) in &calls {
        call.press("1");
        let chose = events.wait(SOON, |told| told.contact() == contact && told.text("/answer") == "balance")?;
        let step = events.wait(SOON, |told| told.contact() == contact && told.text("/name") == "chose")?;
        steps.push(step.read_at.saturating_duration_since(chose.read_at));
    }
    steps.sort();
    let at = |percent: usize| steps.get((steps.len() * percent / 100).min(steps.len() - 1)).context("no steps");
    let ms = |time: &Duration| time.as_secs_f64() * 1000.0;
    say(&format!(
        "first step of a sleeping call in Python: p50 {:.1} ms, p99 {:.1} ms ({} calls, from the answer to the flow's next call)",
        ms(at(50)?),
        ms(at(99)?),
        steps.len()
    ));
    for (call, _) in calls {
        call.hang_up();
    }
    centre.api.until("/v1/status", SOON, |status| status.get("contacts") == Some(&Value::from(0)))?;
    centre.host.stop()
}

/// Whether nobody has an instance.
fn asleep(status: &Value) -> bool {
    let loaded = status.get("loaded").and_then(Value::as_array);
    loaded.is_some_and(|loaded| loaded.iter().all(|version| version.get("uses") == Some(&json!(0))))
}
