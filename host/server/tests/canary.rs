//! Canaries under real calls: bad ones are taken back by themselves, hardly anybody notices, and nobody is dropped; good ones
//! go on to everybody.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, anyhow, ensure};
use cordboard_trial::{Centre, HostOptions, SUPPORT, Stream, Told, Wire, millis, tried};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// After so long people press their last key again.
const PATIENCE: Duration = Duration::from_secs(5);
const NAME: &str = "/v1/deployments/tour";
/// People who call again and again.
const CALLERS: u32 = 40;
/// Whoever is served before the canary begins.
const BEFORE: u32 = 100;
/// Calls of a story. More with `CORDBOARD_CALLS`.
const CALLS: u32 = 1_500;

fn calls() -> u32 {
    std::env::var("CORDBOARD_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(CALLS)
}

/// A centre whose probe is deployed as `tour`; its digest.
fn centre() -> Result<(Centre, String)> {
    let sip = "calls_per_second = 1000\n".into();
    let centre = Centre::start(HostOptions { sip, ..HostOptions::default() })?;
    centre.queue(SUPPORT, json!({}))?;
    let digest = centre.api.upload("probe-flow")?;
    centre.api.put(NAME, json!({ "plugin": digest, "config": { "mode": "plain" } }))?;
    centre.entry_point("tour", &["tour-ask"], "tour")?;
    Ok((centre, digest))
}

fn stage(canary: f64, for_s: Option<u64>, contacts: Option<u32>) -> Value {
    json!({ "weights": { "stable": 100.0 - canary, "canary": canary }, "for_s": for_s, "contacts": contacts })
}

fn begin(centre: &Centre, digest: &str, mode: &str, plan: &Value) -> Result<String> {
    let body =
        json!({ "plugin": digest, "config": { "mode": mode }, "limits": { "step_cpu_ms": 5_000 }, "plan": plan });
    let deployment = centre.api.put(&format!("{NAME}/canary"), body)?;
    Ok(deployment["canary"]["version"].as_str().context("a canary")?.to_owned())
}

/// What was heard of contacts so far: who got which version, and who was asked.
#[derive(Default)]
struct Heard {
    /// By the caller's number: the latest contact and its version.
    offered: BTreeMap<String, (String, String)>,
    asked: BTreeSet<String>,
    versions: BTreeMap<String, u32>,
    ended: BTreeMap<String, u32>,
    steps: Vec<Told>,
}

impl Heard {
    fn take(&mut self, told: &Told) {
        match told.kind() {
            "contact.offered" => {
                let version = told.text("/version").to_owned();
                *self.versions.entry(version.clone()).or_default() += 1;
                self.offered.insert(told.text("/origin/number").to_owned(), (told.contact().to_owned(), version));
            }
            "contact.asked" => {
                self.asked.insert(told.contact().to_owned());
            }
            "contact.ended" => *self.ended.entry(told.text("/reason").to_owned()).or_default() += 1,
            "deployment.stepped" => self.steps.push(told.clone()),
            _ => {}
        }
    }

    fn step(&self, kind: &str) -> Option<&Told> {
        self.steps.iter().find(|told| told.text("/kind") == kind)
    }
}

/// People who call, and what is heard of it.
struct Crowd {
    /// What served before.
    stable: String,
    /// Whether people hang up in the menu of anything else.
    annoyed: bool,
    heard: Mutex<Heard>,
    calls: AtomicU32,
    stopped: AtomicBool,
}

impl Crowd {
    fn heard<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn until<T>(&self, what: &'static str, look: impl Fn(&Heard) -> Option<T>) -> Result<T> {
        tried(SOON, || self.heard(&look).context(what))
    }

    fn listen(&self, stream: &mut Stream) {
        while !self.stopped.load(Ordering::Relaxed) {
            let told = stream.take();
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            told.iter().for_each(|told| heard.take(told));
            drop(heard);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Calls while there are calls to be made: two keys, and the flow ends.
    fn call(&self, sip: SocketAddr, number: &str) -> Result<()> {
        let wire = Wire::open(sip, number)?;
        let mut last = String::new();
        while self.calls.fetch_add(1, Ordering::Relaxed) < calls() {
            let mut call = wire.call("tour-ask")?;
            call.answered(SOON)?;
            let next = |heard: &Heard| heard.offered.get(number).filter(|(contact, _)| *contact != last).cloned();
            let (contact, version) = self.until("the contact", next)?;
            if self.annoyed && version != self.stable {
                self.until("the question", |heard| heard.asked.contains(&contact).then_some(()))?;
                call.hang_up()?;
            } else {
                call.rtp.press("19");
                // On a machine as busy as this a key may be lost on its way.
                let mut ended = call.until_ended(PATIENCE);
                for _ in 0..10 {
                    if ended.is_err() {
                        call.rtp.press("9");
                        ended = call.until_ended(PATIENCE);
                    }
                }
                ended?;
            }
            last = contact;
        }
        Ok(())
    }

    /// What `act` does while everybody calls, and what was heard when all are done.
    fn while_calling<T>(&self, centre: &Centre, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut stream = centre.events()?;
        let sip = centre.host.sip();
        std::thread::scope(|scope| {
            let listening = scope.spawn(|| self.listen(&mut stream));
            let numbers = (0..CALLERS).map(|n| format!("+1558{n:06}"));
            let callers: Vec<_> = numbers.map(|number| scope.spawn(move || self.call(sip, &number))).collect();
            let done = act();
            if done.is_err() {
                self.calls.store(calls(), Ordering::Relaxed);
            }
            let ended: Result<Vec<()>> = callers
                .into_iter()
                .map(|caller| caller.join().unwrap_or_else(|_| Err(anyhow!("a caller panicked"))))
                .collect();
            // Every contact's end is heard.
            let all = ended.and_then(|_| {
                let over = |heard: &Heard| heard.ended.values().sum::<u32>() == heard.versions.values().sum::<u32>();
                self.until("the last contact's end", |heard| over(heard).then_some(()))
            });
            self.stopped.store(true, Ordering::Relaxed);
            let _ = listening.join();
            let done = done?;
            all.map(|()| done)
        })
    }
}

fn crowd(centre: &Centre, annoyed: bool) -> Result<Crowd> {
    let stable = centre.api.get(NAME)?["version"].as_str().context("a version")?.to_owned();
    let (calls, stopped) = (AtomicU32::new(0), AtomicBool::new(false));
    Ok(Crowd { stable, annoyed, heard: Mutex::default(), calls, stopped })
}

/// One story at a time: what is told of each is how fast it is on a machine of its own.
static TURN: Mutex<()> = Mutex::new(());

/// People call; when enough were served, a bad canary begins for 5 % of them.
fn bad(mode: &str, guards: &Value, measure: &str, annoyed: bool) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut centre, digest) = centre()?;
    let crowd = crowd(&centre, annoyed)?;
    let plan = json!({ "stages": [stage(5.0, None, None)], "guards": guards });
    let (version, taken_back) = crowd.while_calling(&centre, || {
        crowd.until("some contacts", |heard| (heard.ended.values().sum::<u32>() >= BEFORE).then_some(()))?;
        let version = begin(&centre, &digest, mode, &plan)?;
        let step = crowd.until("the step back", |heard| heard.step("canary-rolled-back").cloned())?;
        Ok((version, step))
    })?;
    centre.alive()?;
    let (touched, all) =
        crowd.heard(|heard| (heard.versions.get(&version).copied().unwrap_or(0), heard.versions.values().sum::<u32>()));
    // The first that the canary got, and the end of what it did to anybody.
    let begun = crowd.heard(|heard| heard.step("canary-begun").map(|told| told.event["time"].clone()));
    let begun = millis(begun.context("the beginning")?.as_str().unwrap_or_default())?;
    let over = millis(taken_back.event["time"].as_str().unwrap_or_default())?;
    let ended = crowd.heard(|heard| heard.ended.clone());
    let history = centre.api.get(&format!("{NAME}/history"))?;
    let why = &history["steps"][0]["why"];
    eprintln!(
        "{mode}: taken back after {} ms, {touched} of {all} contacts touched; {}; ends: {ended:?}",
        over - begun,
        why.as_str().unwrap_or_default(),
    );
    ensure!(touched * 100 <= all, "{touched} of {all} contacts had it");
    // Nobody was dropped: calls end as flows end them, or as annoyed people do.
    let by_itself = ended.get("other").copied().unwrap_or(0);
    let annoyed = ended.get("hung-up").copied().unwrap_or(0);
    ensure!(by_itself + annoyed == all && annoyed <= if annoyed > 0 { touched } else { 0 }, "{ended:?}");
    ensure!(why.as_str().unwrap_or_default().starts_with(measure), "{history}");
    let figures = &history["steps"][0]["figures"];
    ensure!(figures["canary_contacts"].as_u64() >= Some(4), "{figures}");
    let deployment = centre.api.get(NAME)?;
    ensure!(deployment["canary"].is_null() && deployment["version"] == crowd.stable.as_str(), "{deployment}");
    Ok(())
}

#[test]
fn a_canary_that_traps_at_its_menu_is_taken_back() -> Result<()> {
    bad(
        "trap-after-key",
        &json!([{ "figure": "traps" }, { "figure": "descents" }, { "figure": "hang-ups" }]),
        "traps",
        false,
    )
}

#[test]
fn a_canary_that_is_slow_is_taken_back() -> Result<()> {
    let guards = json!([{ "figure": "step-latency", "times": 2, "at_least_ms": 10 }, { "figure": "traps" }]);
    bad("slow-after-key", &guards, "step-latency", false)
}

#[test]
fn a_canary_that_annoys_people_is_taken_back() -> Result<()> {
    let guards = json!([{ "figure": "hang-ups", "question": "main-menu", "worse_by": 2 }]);
    bad("plain", &guards, "hang-ups in `main-menu`", true)
}
