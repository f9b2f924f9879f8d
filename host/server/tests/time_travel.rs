//! Contacts gone through again: step by step, and by versions that might have served them. Real calls, then the commands.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::tour::{SOON, called, served, tour as centre};
use cordboard_trial::{Centre, SUPPORT, Terminal, Wire, plugin};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// Someone who goes back.
struct Traveller<'c> {
    terminal: Terminal<'c>,
    probe: String,
}

impl<'c> Traveller<'c> {
    fn new(centre: &'c Centre) -> Result<Self> {
        let probe = plugin("probe-flow")?.to_str().context("a path")?.to_owned();
        Ok(Self { terminal: Terminal::new(centre)?, probe })
    }

    fn home(&self) -> &Path {
        self.terminal.home()
    }

    fn types(&self, words: &[&str], code: i32, says: &[&str]) -> Result<String> {
        self.terminal.ends(words, code, says)
    }

    /// What it says to commands on its standard input.
    fn steps(&self, words: &[&str], commands: &str) -> Result<String> {
        let mut child = self.terminal.command(words)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("its input")?.write_all(commands.as_bytes())?;
        Ok(String::from_utf8(child.wait_with_output()?.stdout)?)
    }

    /// `cordboard backtest` of the probe in a mode, for the tour.
    fn tests(&self, mode: &str, more: &[&str], code: i32, says: &[&str]) -> Result<String> {
        let mode = format!("mode={mode}");
        let words = ["backtest", "--plugin", &self.probe, "--deployment", "tour", "--since", "1h", "--config", &mode];
        self.types(&[&words, more].concat(), code, says)
    }
}

fn compare(centre: &Centre, contact: &str, body: &Value) -> Result<Value> {
    centre.api.post(&format!("/v1/contacts/{contact}/compare"), body)
}

#[test]
fn a_contact_is_stepped_through_and_another_version_parts_where_it_does() -> Result<()> {
    let (centre, version) = centre()?;
    let terminal = Traveller::new(&centre)?;
    let mut events = centre.events()?;
    let contact = called(&centre, &mut events, "tour-ask", &["1", "9"])?;
    let probe = terminal.probe.as_str();

    // Itself: each step with what was called, told, logged and known.
    let whole = terminal.types(&["contact", "replay", &contact], 0, &["does the same in all", &version[..12]])?;
    let parts = [
        "log        info  tour: begins",
        "calls      answer",
        "attribute  tour = tour-ask",
        "calls      ask {",
        "is told    answer {\"kind\":\"choice\",\"value\":\"balance\"}",
        "log        info  tour: plain was answered",
        "attribute  chose = balance",
        "attribute  chose = end",
        "its end",
        "closed     other",
    ];
    let found = parts.map(|part| whole.find(part));
    ensure!(found.iter().all(Option::is_some) && found.is_sorted(), "{found:?} in:\n{whole}");
    let stepped = terminal.steps(&["contact", "replay", "last", "--step"], "n\nn\np\n1\np\nwhat\n")?;
    let order: Vec<&str> =
        stepped.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.get(..3)).collect();
    ensure!(order == ["[1 ", "[2 ", "[3 ", "[2 ", "[1 "] && stepped.contains("there is no such step"), "{stepped}");

    // Another: up to its first difference, which is the question at entry 2.
    let swapped = ["contact", "replay", &contact, "--plugin", probe, "--config", "mode=swapped"];
    let shown = terminal.types(&swapped, 0, &["does something else at entry 2 of", "1 → balance", "2 → balance"])?;
    let (step, parts) = (shown.find("entry 2, version"), shown.find("PARTS HERE"));
    ensure!(step.is_some() && step < parts && shown.contains("nobody knows"), "{shown}");
    let more = ["contact", "replay", &contact, "--plugin", probe, "--config", "mode=more", "--json"];
    let more: Value = serde_json::from_str(&terminal.types(&more, 0, &[])?)?;
    let run = &more["comparison"]["runs"][0];
    ensure!(run["outcome"] == "diverged" && run["entry"] == 3, "what it sets is another value: {run}");
    ensure!(run["logs"][0]["text"] == "tour: begins" && run["reworded"][0]["request"] == "ask", "{run}");
    ensure!(run["call"]["args"] == json!({ "name": "answered-by", "value": "more" }), "{run}");
    for (mode, kind) in [("trap", "trap"), ("loop", "deadline"), ("trap-after-key", "trap")] {
        let mode = format!("mode={mode}");
        let words = ["contact", "replay", &contact, "--plugin", probe, "--config", &mode];
        terminal.types(&words, 0, &["fails behind", kind, "PARTS HERE"])?;
    }
    // It was never deployed, and is gone from memory.
    let loaded = centre.api.get("/v1/status")?["loaded"].as_array().map_or(0, Vec::len);
    ensure!(loaded == 2, "{loaded} are loaded, two are deployed");
    ensure!(centre.api.get("/v1/deployments/tour")?["version"] == version, "what is compared is not deployed");

    // Kept, it needs no host.
    let (kept, twice) = (["contact", "replay", &contact, "--save", "kept.json"], "kept.json");
    terminal.types(&kept, 0, &["kept in kept.json"])?;
    terminal.types(&kept, 1, &["next: name a new file"])?;
    let alone = terminal
        .terminal
        .command(&["contact", "replay", twice])?
        .env("CORDBOARD_HOST", "http://127.0.0.1:9")
        .output()?;
    ensure!(String::from_utf8_lossy(&alone.stdout) == whole, "it is another one");
    let here =
        ["contact", "replay", twice, "--plugin", probe, "--config", "mode=swapped", "--host", "http://127.0.0.1:9"];
    let local = terminal.types(&here, 0, &["does something else at entry 2 of", "PARTS HERE"])?;
    // The digest differs only by the limits that the host was set up with.
    let body = |text: &str| text.split_once("[1 of").map(|(_, rest)| rest.to_owned());
    ensure!(body(&local) == body(&shown), "here: {local}\nthere: {shown}");
    terminal.types(&["contact", "replay", twice, "--version", &version], 1, &["next: --plugin"])?;
    std::fs::write(terminal.home().join("other.json"), "{}")?;
    terminal.types(&["contact", "replay", "other.json"], 1, &["next: keep it again"])?;
    Ok(())
}

#[test]
fn what_cannot_be_gone_through_is_told_why() -> Result<()> {
    let (centre, version) = centre()?;
    let terminal = Traveller::new(&centre)?;
    let mut events = centre.events()?;
    let contact = called(&centre, &mut events, "tour-ask", &["9"])?;
    let refused = |body: Value, status: u16, code: &str| -> Result<()> {
        let path = format!("/v1/contacts/{contact}/compare");
        let answer = centre.api.try_post(&path, "application/json", body.to_string().as_bytes())?;
        let problem = answer.err().with_context(|| format!("{body} is taken"))?;
        ensure!((problem.status, problem.code()) == (status, code), "{body}: {problem:?}");
        Ok(())
    };
    let probe = centre.api.upload("probe-flow")?;
    let scorer = centre.api.upload("skills-scorer")?;
    let nobody = "ab".repeat(32);
    refused(json!({ "plugin": scorer }), 422, "not-a-flow")?;
    refused(json!({ "plugin": nobody }), 404, "not-found")?;
    refused(json!({ "version": nobody }), 404, "not-found")?;
    refused(json!({ "plugin": probe, "deployment": "elsewhere" }), 422, "other-deployment")?;
    refused(json!({ "plugin": probe, "config": { "": "x" } }), 422, "out-of-bounds")?;
    // A version that once was.
    let again = compare(&centre, &contact, &json!({ "version": version }))?;
    ensure!(again["candidate"] == version.as_str() && again["runs"][0]["outcome"] == "agreed", "{again}");
    terminal.types(&["contact", "replay", &contact, "--config", "a=b"], 1, &["next: --plugin"])?;

    // In progress: as far as it is, and nothing of it is touched.
    let wire = Wire::open(centre.host.sip(), "+15550002")?;
    let mut call = wire.call("tour-ask")?;
    call.answered(SOON)?;
    let running = events.call_of("+15550002", SOON)?;
    events.wait_for("contact.asked", &running, SOON)?;
    let asked = |steps: &Value| steps["flows"][0]["steps"].as_array().is_some_and(|steps| steps.len() >= 3);
    centre.api.until(&format!("/v1/contacts/{running}/steps"), SOON, asked)?;
    terminal.types(&["contact", "replay", &running], 0, &["it waits to the end", "in progress: more may follow"])?;
    call.rtp.press("9");
    events.wait_for("contact.ended", &running, SOON)?;

    terminal.types(&["contact", "replay", "01M0000000000000000000000Z"], 1, &["404 not-found"])?;
    centre.api.post(&format!("/v1/contacts/{contact}/erase"), &Value::Null)?;
    refused(json!({}), 410, "erased")?;
    terminal.types(&["contact", "replay", &contact], 1, &["410 erased"])?;
    Ok(())
}

#[test]
fn a_back_test_tells_what_a_version_would_have_done() -> Result<()> {
    let (centre, _) = centre()?;
    let terminal = Traveller::new(&centre)?;
    let mut events = centre.events()?;
    let first = called(&centre, &mut events, "tour-ask", &["1"])?;
    called(&centre, &mut events, "tour-ask", &["1", "9"])?;
    let queued = called(&centre, &mut events, "tour-queue", &[])?;
    called(&centre, &mut events, "tour-pause", &[])?;
    let erased = called(&centre, &mut events, "tour-ask", &["9"])?;
    centre.api.post(&format!("/v1/contacts/{erased}/erase"), &Value::Null)?;

    // The same version: all agrees. Conditions decide how the command ends.
    let good = ["--fail-if", "agreement<100%", "--fail-if", "compared<3"];
    let says =
        ["5 contacts since", "agreed          3, 100 %", "other-deployment 1", "erased 1", "good: not agreement<100%"];
    terminal.tests("plain", &good, 0, &says)?;
    terminal.tests("plain", &["--fail-if", "skipped>1"], 1, &["fails: skipped>1, and it is 2"])?;
    terminal.tests("plain", &["--queue", SUPPORT], 0, &["1 contacts since", "in queue support"])?;
    terminal.tests("plain", &["--limit", "2"], 0, &["2 contacts since", "compared        0"])?;
    terminal.tests("plain", &["--until", "1m"], 0, &["0 contacts since"])?;
    terminal.tests(
        "plain",
        &["--until", "1m", "--fail-if", "agreement<1%"],
        1,
        &["fails: agreement<1%, and it is 0%"],
    )?;

    // Another one: where, how often, and for whom; the same each time.
    let report = terminal.home().join("report.json");
    let output = ["--fail-if", "agreement<99%", "--output", report.to_str().context("a path")?];
    let says = [
        "diverged        2",
        "expected ask main-menu, got it with other arguments",
        "entry 2: expected ask main-menu (1 → balance",
    ];
    terminal.tests("swapped", &output, 1, &says)?;
    let kept = || -> Result<Value> { Ok(serde_json::from_slice(&std::fs::read(&report)?)?) };
    let before = kept()?["report"].clone();
    ensure!(before["differences"][0]["contacts"] == 2 && before["agreed"] == 1, "{before}");
    let examples: Vec<&str> = before["differences"][0]["examples"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|e| e["contact"].as_str())
        .collect();
    ensure!(
        examples.last() == Some(&first.as_str()) && !examples.contains(&queued.as_str()),
        "newest first: {examples:?}"
    );
    terminal.tests("swapped", &output, 1, &[])?;
    ensure!(kept()?["report"] == before, "it is another report");

    // One that fails, and one that loops: the contacts don't care, and the host goes on.
    terminal.tests("trap-after-key", &[], 0, &["failed          2", "trap behind ask main-menu"])?;
    terminal.tests("loop", &["--limit", "3", "--fail-if", "failed>0"], 1, &["deadline before the first call"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scorer_makes_decisions_again_and_says_who_would_have_been_served_by_whom() -> Result<()> {
    let (centre, _) = centre()?;
    let scorer = centre.api.upload("skills-scorer")?;
    centre.api.deploy("skills", &scorer, json!({}), &[])?;
    let needs = json!([{ "name": "billing", "min_level": 1 }]);
    centre.queue(SUPPORT, json!({ "scorer": "skills", "skills": needs }))?;
    let ada = centre.agent("201", "Ada", json!({ "billing": 9 }), None).await?;
    let ben = centre.agent("202", "Ben", json!({ "billing": 2 }), None).await?;
    let terminal = Traveller::new(&centre)?;
    let mut events = centre.events()?;
    let first = served(&centre, &mut events, "201", &ada).await?;
    let second = served(&centre, &mut events, "201", &ada).await?;
    let tests = |name: &str, more: &[&str], code: i32, says: &[&str]| -> Result<String> {
        let file = plugin(name)?;
        let words = ["backtest", "--plugin", file.to_str().context("a path")?, "--deployment", "skills"];
        terminal.types(&[&words[..], &["--since", "1h"], more].concat(), code, says)
    };

    // Itself.
    let same = ["compared        2, 100 % of them", "agreed          2, 100 %; in 2 of them all scores are the same"];
    tests("skills-scorer", &["--fail-if", "agreement<100%"], 0, &same)?;

    // Another: who would have been served by whom, the same each time; with a queue in which nothing was decided.
    let report = terminal.home().join("report.json");
    let output = ["--config", "weights=skill:-2", "--output", report.to_str().context("a path")?];
    let fails = ["--fail-if", "agreement<99%"];
    let says = ["diverged        2", "2  in support: served by others", "201, would be 202", "it is 0%"];
    tests("skills-scorer", &[&output[..], &fails[..]].concat(), 1, &says)?;
    let kept = || -> Result<Value> { Ok(serde_json::from_slice(&std::fs::read(&report)?)?) };
    let before = kept()?["decisions"].clone();
    let example = &before["differences"][0]["examples"][0];
    let change = &example["changes"][0];
    ensure!(change["contact"] == second.as_str() && before["by_another"] == 2, "newest first: {before}");
    ensure!((&change["recorded"], &change["candidate"]) == (&json!("201"), &json!("202")), "{before}");
    let decisions = centre.api.get(&format!("/v1/contacts/{second}/decisions"))?;
    ensure!(decisions["decisions"][0]["id"] == example["decision"], "{decisions} {example}");
    ensure!(decisions["decisions"][0]["decided_at"] == example["at"], "{decisions} {example}");
    ensure!(before["recorded"] == before["candidate"], "each for itself, they had waited as long: {before}");
    tests("skills-scorer", &output, 0, &[])?;
    ensure!(kept()?["decisions"] == before, "it is another report");
    tests("skills-scorer", &["--queue", "nowhere", "--fail-if", "decisions<1"], 1, &["fails: decisions<1"])?;

    // One that fails, and one that asks for what decisions don't have.
    let trap = ["--config", "behaviour=trap", "--fail-if", "failed>1"];
    tests("probe-scorer", &trap, 1, &["failed          2", "2  trap", "e.g. decision"])?;
    tests("skills-scorer", &["--entry-point", "tour"], 2, &["422 invalid-body"])?;
    let probe = terminal.probe.as_str();
    terminal.types(
        &["backtest", "--plugin", probe, "--deployment", "skills", "--since", "1h"],
        2,
        &["422 not-a-scorer"],
    )?;

    // What can't be made again: nobody scored it, the scorer failed, the person is erased.
    centre.queue(SUPPORT, json!({ "skills": needs }))?;
    served(&centre, &mut events, "202", &ben).await?;
    centre.queue(SUPPORT, json!({ "scorer": "skills", "skills": needs }))?;
    let failing = centre.api.upload("probe-scorer")?;
    centre.api.deploy("skills", &failing, json!({ "behaviour": "trap" }), &[])?;
    served(&centre, &mut events, "201", &ada).await?;
    centre.api.deploy("skills", &scorer, json!({}), &[])?;
    centre.api.post(&format!("/v1/contacts/{first}/erase"), &json!({}))?;
    let skipped =
        ["4 decisions", "compared        1, 25 % of them", "skipped         3: erased 1, fallback 1, no-scorer 1"];
    tests("skills-scorer", &[], 0, &skipped)?;
    let loaded = |status: &Value| status["loaded"].as_array().is_some_and(|loaded| loaded.len() == 3);
    centre.api.until("/v1/status", SOON, loaded)?;
    Ok(())
}

#[test]
fn a_back_test_that_cannot_be_made_ends_with_2_and_one_that_runs_can_be_ended() -> Result<()> {
    let (centre, _) = centre()?;
    let terminal = Traveller::new(&centre)?;
    let mut events = centre.events()?;
    for _ in 0..3 {
        called(&centre, &mut events, "tour-ask", &["9"])?;
    }
    let probe = terminal.probe.as_str();
    let scorer = plugin("skills-scorer")?;
    let scorer = scorer.to_str().context("a path")?;
    let newer = terminal.home().join("newer.wasm");
    std::fs::write(&newer, of_newer_contract(&std::fs::read(probe)?)?)?;
    let newer = newer.to_str().context("a path")?;
    for (words, says) in [
        (&["--plugin", scorer, "--deployment", "tour", "--since", "1h"][..], "422 not-a-flow"),
        (&["--plugin", newer, "--deployment", "tour", "--since", "1h"], "0.9.0"),
        (&["--plugin", probe, "--since", "1h"], "next: say with --deployment"),
        (&["--plugin", probe, "--deployment", "nobody", "--since", "1h"], "404 not-found"),
        (&["--since", "1h"], "next: --plugin"),
        (&["--plugin", probe, "--since", "sometimes"], "neither a span"),
        (&["--plugin", probe, "--since", "1h", "--fail-if", "agreement"], "agreement<99%"),
        (&["--plugin", probe, "--since", "1h", "--until", "2h"], "no contact can fit"),
        (&["--plugin", probe, "--since", "1h", "--host", "http://127.0.0.1:9"], "can't be reached"),
    ] {
        terminal.types(&[&["backtest"], words].concat(), 2, &[says])?;
    }

    // Each of them loops for seconds.
    let digest = centre.api.upload("probe-flow")?;
    let candidate = json!({ "plugin": digest, "deployment": "tour", "config": { "mode": "loop" } });
    let body = json!({ "candidate": candidate, "from": "2026-01-01T00:00:00Z" });
    let begin = || centre.api.try_post("/v1/backtests", "application/json", body.to_string().as_bytes());
    let paths: Vec<String> = (0..2)
        .map(|_| {
            let begun = begin()?.map_err(|problem| anyhow::anyhow!("{problem:?}"))?;
            ensure!(begun["state"] == "running", "{begun}");
            Ok(format!("/v1/backtests/{}", begun["id"].as_str().unwrap_or_default()))
        })
        .collect::<Result<_>>()?;
    ensure!(begin()?.is_err_and(|problem| (problem.status, problem.code()) == (503, "busy")), "a third one runs");
    for path in &paths {
        let ended = centre.api.try_delete(path)?;
        ensure!(ended.is_ok(), "{ended:?}");
        ensure!(centre.api.get(path)?["state"] == "cancelled", "it goes on");
        // Once more: it is forgotten.
        ensure!(centre.api.try_delete(path)?.is_ok() && centre.api.try_get(path)?.is_err(), "it is kept");
    }
    let unloaded = |status: &Value| status["loaded"].as_array().is_some_and(|loaded| loaded.len() == 2);
    centre.api.until("/v1/status", SOON, unloaded)?;
    // One that runs when the host stops holds nothing up.
    ensure!(begin()?.is_ok(), "it can be begun again");
    centre.host.stop()?;
    Ok(())
}

/// The same, for a contract that no host knows.
fn of_newer_contract(component: &[u8]) -> Result<Vec<u8>> {
    let (known, newer) = (b"cordboard:flow/guest@0.1.0", b"cordboard:flow/guest@0.9.0");
    let mut bytes = component.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(known)).collect();
    ensure!(!places.is_empty(), "the contract's name isn't there");
    places.into_iter().for_each(|at| bytes[at..at + known.len()].copy_from_slice(newer));
    Ok(bytes)
}
