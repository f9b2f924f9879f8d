//! Many flows that fail at once, and hosts without room: whoever calls is helped, and nobody else notices.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, SUPPORT, Stream, Told, Wire, WireCall, continuous};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
/// Calls in the large test. More with `CORDBOARD_CALLS`; those that fail do it at once, or in `CORDBOARD_WAVES`. With
/// `CORDBOARD_SOUND=1` none fails: what as many keys at once cost by themselves.
const CALLS: usize = 24;
/// Keys that each of those who don't fail presses beside one wave of those who do.
const ROUNDS: usize = 5;
/// Between two keys of one of them.
const PACE: Duration = Duration::from_millis(500);
/// The numbers of those who fail, with what their flow does after a key.
const FAILING: [(&str, &str); 3] =
    [("tour-ask-1", "loop-after-key"), ("tour-ask-2", "trap-after-key"), ("tour-ask-3", "hog-after-key")];
/// The number of those who don't.
const NEIGHBOUR: &str = "tour-ask";

fn centre(plugins: &str) -> Result<Centre> {
    let config = format!("[plugins]\n{plugins}");
    let sip = "calls_per_second = 1000\n".into();
    let centre = Centre::start(HostOptions { config, sip, ..HostOptions::default() })?;
    centre.queue(SUPPORT, json!({}))?;
    Ok(centre)
}

fn deploy(centre: &Centre, name: &str, numbers: &[&str], mode: &str) -> Result<()> {
    let probe = centre.api.upload("probe-flow")?;
    centre.api.deploy(name, &probe, json!({ "mode": mode }), &[])?;
    centre.entry_point(name, numbers, name)
}

fn wires(centre: &Centre, count: usize) -> Result<Vec<(String, Wire)>> {
    let wire = |n| {
        let number = format!("+1559{n:06}");
        Wire::open(centre.host.sip(), &number).map(|wire| (number, wire))
    };
    (0..count).map(wire).collect()
}

/// A call in the menu, and its contact.
type Held<'a> = (WireCall<'a>, String);

fn in_menu<'a>((number, wire): &'a (String, Wire), events: &mut Stream, to: &str) -> Result<Held<'a>> {
    let mut call = wire.call(to)?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    Ok((call, contact))
}

/// Microseconds within the day.
fn time_us(told: &Told) -> u64 {
    let time = told.event["time"].as_str().unwrap_or_default();
    let digits: String = time.split('T').nth(1).unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u64>().ok()).unwrap_or(0);
    ((number(0, 2) * 60 + number(2, 4)) * 60 + number(4, 6)) * 1_000_000 + number(6, 12)
}

/// From a contact's answers to its flow's next question, as the host's clock has it.
fn steps_us(told: &[Told]) -> Vec<u64> {
    let mut answered = None;
    let mut steps = Vec::new();
    for told in told {
        match (told.kind(), answered) {
            ("contact.chose", _) => answered = Some(time_us(told)),
            ("contact.asked", Some(at)) => {
                steps.push(time_us(told).saturating_sub(at));
                answered = None;
            }
            _ => {}
        }
    }
    steps
}

fn quantile(sample: &[u64], percent: usize) -> u64 {
    let mut sample = sample.to_vec();
    sample.sort_unstable();
    sample.get(sample.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0)
}

fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

#[test]
fn many_that_fail_at_once_reach_the_queue_and_their_neighbours_go_on() -> Result<()> {
    let centre = centre("")?;
    deploy(&centre, "good", &[NEIGHBOUR], "plain")?;
    let sound = from_env("CORDBOARD_SOUND", 0) > 0;
    for (number, mode) in FAILING {
        deploy(&centre, mode, &[number], if sound { "plain" } else { mode })?;
    }
    let count = from_env("CORDBOARD_CALLS", CALLS);
    let wires = wires(&centre, count)?;
    let mut events = centre.events()?;
    let (mut victims, mut neighbours) = (Vec::new(), Vec::new());
    for (n, wire) in wires.iter().enumerate() {
        match FAILING.get(n % 4) {
            Some((number, _)) => victims.push(in_menu(wire, &mut events, number)?),
            None => neighbours.push(in_menu(wire, &mut events, NEIGHBOUR)?),
        }
    }
    let at_once = victims.len().div_ceil(from_env("CORDBOARD_WAVES", 1));
    let waves: Vec<_> = victims.chunks(at_once).collect();
    let quiet = beside(&mut events, &neighbours, &vec![&[][..]; waves.len()])?;
    let busy = beside(&mut events, &neighbours, &waves)?;

    if sound {
        neighbours.append(&mut victims);
    }
    let mut stepped_down = Vec::new();
    for (call, contact) in &mut victims {
        let queued = events.wait_for("contact.queued", contact, SOON)?;
        ensure!(queued.text("/queue") == SUPPORT, "{}", queued.event);
        let told = events.of(contact);
        let at = |kind: &str| told.iter().find(|told| told.kind() == kind).map(time_us).context(kind.to_owned());
        stepped_down.push(at("contact.stepped-down")?.saturating_sub(at("contact.chose")?));
        let view = centre.api.get(&format!("/v1/contacts/{contact}"))?;
        ensure!(view["state"] == "queued", "{view}");
        continuous(&call.rtp.packets())?;
        call.hang_up()?;
    }
    for (call, contact) in &mut neighbours {
        call.hang_up()?;
        let record = centre.record(contact)?;
        ensure!(record["stepped_down"] == Value::Null && record["end"]["reason"] == "hung-up", "{record}");
    }
    eprintln!(
        "{} of {count} failed, {at_once} at once: on the next rung after {} us (median), {} us (the slowest); a neighbour's step \
         took {} us in quiet and {} us then (median), {} us and {} us (p99)",
        victims.len(),
        quantile(&stepped_down, 50),
        quantile(&stepped_down, 100),
        quantile(&quiet, 50),
        quantile(&busy, 50),
        quantile(&quiet, 99),
        quantile(&busy, 99)
    );
    Ok(())
}

/// Lets the callers press keys, one after the other, a few times each beside every wave of those whose flow fails when
/// they press one; what the callers' steps took. What was read before is forgotten.
fn beside(events: &mut Stream, calls: &[Held<'_>], waves: &[&[Held<'_>]]) -> Result<Vec<u64>> {
    events.forget();
    let began = Instant::now();
    let mut pressed = 0;
    for wave in waves {
        wave.iter().for_each(|(call, _)| call.rtp.press("1"));
        for (call, _) in std::iter::repeat_n(calls, ROUNDS).flatten() {
            call.rtp.press("1");
            pressed += 1;
            // People press keys when they like, not all at once: what a step takes would be what all of them take.
            std::thread::sleep((began + PACE * pressed / calls.len() as u32).saturating_duration_since(Instant::now()));
        }
    }
    for (_, contact) in calls {
        let mut left = ROUNDS * waves.len();
        events.wait(SOON, |told| {
            left -= usize::from(told.kind() == "contact.asked" && told.contact() == contact);
            left == 0
        })?;
    }
    Ok(calls.iter().flat_map(|(_, contact)| steps_us(&events.of(contact))).collect())
}

#[test]
fn ten_callers_share_two_instances() -> Result<()> {
    let centre = centre("max_flow_instances = 2\n")?;
    deploy(&centre, "good", &[NEIGHBOUR], "plain")?;
    let wires = wires(&centre, 10)?;
    let mut events = centre.events()?;
    let mut calls = Vec::new();
    for wire in &wires {
        calls.push(in_menu(wire, &mut events, NEIGHBOUR)?);
        // Whoever waits gives its instance back before the next one comes.
        let free = |status: &Value| status["loaded"][0]["uses"].as_u64().is_some_and(|uses| uses < 2);
        centre.api.until("/v1/status", SOON, free)?;
    }
    for (call, contact) in &mut calls {
        call.rtp.press("9");
        let record = centre.record(contact)?;
        ensure!(record["end"]["detail"] == "plain" && record["stepped_down"] == Value::Null, "{record}");
    }
    Ok(())
}

#[test]
fn without_room_for_a_flow_whoever_calls_reaches_the_queue() -> Result<()> {
    let centre = centre("max_flow_instances = 2\n")?;
    deploy(&centre, "good", &["tour-lookup"], "plain")?;
    // Who asks a directory needs the instance: it doesn't sleep.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", silent.local_addr()?);
    let crm = centre.api.upload("http-crm")?;
    centre.api.deploy("slow", &crm, json!({ "base-url": url }), &[&url])?;
    centre.api.put("/v1/settings", centre.settings(json!({ "default_directory": "slow" }))?)?;
    let wires = wires(&centre, 3)?;
    let mut events = centre.events()?;
    let mut calls = Vec::new();
    for (number, wire) in &wires {
        let mut call = wire.call("tour-lookup")?;
        call.answered(SOON)?;
        calls.push((call, events.call_of(number, SOON)?));
    }
    let (call, contact) = &mut calls[2];
    let told = events.wait_for("contact.stepped-down", contact, SOON)?;
    ensure!(told.text("/reason").starts_with("no-room"), "{}", told.event);
    events.wait_for("contact.queued", contact, SOON)?;
    continuous(&call.rtp.packets())
}
