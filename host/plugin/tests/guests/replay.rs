//! Journals gone through by real guests: journal rules 2, 4 and 10 to 17, on the plugin host's side.

use crate::common::{BEGIN, Run, agreeable, flow_host, host, host_with, spec, start, until, version};
use cordboard_core::board::Rehearsal;
use cordboard_core::flow::{Answer, FlowEnd, Reply, Request, RunEnd, WaitStatus};
use cordboard_core::ids::Version;
use cordboard_core::journal::Entry;
use cordboard_core::replay::Entries;
use cordboard_plugin::{FlowStart, PluginHost};
use std::sync::Arc;

/// A host with the probe, in several versions.
async fn tours(host: &PluginHost, modes: &[&str]) -> Vec<Version> {
    let mut versions = Vec::new();
    for mode in modes {
        let version = version(mode);
        host.load(version, spec("probe-flow", &[("mode", mode)])).await.unwrap();
        versions.push(version);
    }
    versions
}

fn board(request: &Request) -> Reply {
    match request {
        Request::Ask(_) => Reply::Answer(Answer::Choice("balance".into())),
        other => agreeable(other),
    }
}

/// Runs a flow for so many calls and gives what was said, the last call pending.
async fn journal(host: &PluginHost, version: Version, behaviour: &str, calls: usize) -> Vec<Arc<Entry>> {
    let mut run = Run::new(host, version, start(behaviour, 1));
    let mut entries = Vec::new();
    for entry in 0..calls as u64 {
        let request = run.call().await;
        let at = BEGIN.plus_ms(1000 * (entry + 1));
        let last = entry + 1 == calls as u64;
        let outcome = (!last).then(|| (at, board(&request), None));
        entries.push(Arc::new(Entry::Call { at, request: request.clone(), outcome }));
        if !last {
            run.reply(board(&request));
        }
    }
    entries
}

/// The same, and the last call has returned as well.
fn returned(mut entries: Vec<Arc<Entry>>, reply: Reply) -> Entries {
    if let Some(Entry::Call { at, outcome, .. }) = entries.last_mut().map(Arc::make_mut) {
        *outcome = Some((*at, reply, None));
    }
    entries.into()
}

fn begin(behaviour: &str, run: u64, past: impl Into<Entries>) -> FlowStart {
    FlowStart { past: past.into(), ..start(behaviour, run) }
}

fn chose(id: &str) -> Reply {
    Reply::Answer(Answer::Choice(id.into()))
}

#[tokio::test]
async fn rule_13_a_version_that_agrees_takes_over_the_pending_call() {
    let host = host();
    let [plain, more] = tours(&host, &["plain", "more"]).await[..] else { panic!("two versions") };
    for stop in ["say", "ask", "pause", "queue", "digits"] {
        let behaviour = format!("tour-{stop}");
        let calls = if stop == "queue" { 4 } else { 3 };
        let past = journal(&host, plain, &behaviour, calls).await;
        let (mut run, result) = Run::rehearse(&host, more, begin(&behaviour, 2, past)).await;
        let Rehearsal::Agreed { entry, .. } = result else { panic!("{stop}: {result:?}") };
        assert_eq!(entry, calls as u64 - 1, "{stop}");
        run.handle.take_over();
        let reply = match stop {
            "ask" => chose("card"),
            "digits" => Reply::Answer(Answer::Silence),
            "queue" => Reply::Waited(WaitStatus::Lost("closed".into())),
            _ => Reply::Done,
        };
        run.answer(entry, reply);
        assert!(matches!(run.call().await, Request::SetAttribute(..) | Request::Ask(_)), "{stop}: it is live");
        // Journal rule 2: what was logged before is not logged again.
        let expected: &[&str] = if stop == "ask" { &["tour: more was answered"] } else { &[] };
        assert_eq!(run.lines(), expected, "{stop}");
    }
}

#[tokio::test]
async fn rule_11_keys_that_mean_something_else_diverge() {
    let host = host();
    let [plain, swapped] = tours(&host, &["plain", "swapped"]).await[..] else { panic!("two versions") };
    let past = journal(&host, plain, "tour-ask", 3).await;
    let (_, result) = Run::rehearse(&host, swapped, begin("tour-ask", 2, past.clone())).await;
    let Rehearsal::Diverged(what) = result else { panic!("{result:?}") };
    assert_eq!(what.entry, 2);
    assert_eq!(
        what.to_string(),
        "entry 2: expected ask main-menu (1 → balance, 2 → agent, 9 → end), got ask main-menu (2 → balance, 1 → agent, \
         9 → end)"
    );
    let anew = FlowStart { ask_anew: true, ..begin("tour-ask", 3, past) };
    let (_, result) = Run::rehearse(&host, swapped, anew).await;
    assert!(matches!(result, Rehearsal::Agreed { entry: 2, .. }), "a deployment may ask anew");
}

#[tokio::test]
async fn rule_14_a_rehearsal_goes_on_over_what_came_since() {
    let host = host();
    let [plain, more] = tours(&host, &["plain", "more"]).await[..] else { panic!("two versions") };
    let all = journal(&host, plain, "tour-ask", 6).await;
    let mut first: Vec<_> = all[..3].to_vec();
    if let Entry::Call { outcome, .. } = Arc::make_mut(&mut first[2]) {
        *outcome = None;
    }
    let (mut run, result) = Run::rehearse(&host, more, begin("tour-ask", 2, first)).await;
    assert!(matches!(result, Rehearsal::Agreed { entry: 2, .. }), "{result:?}");
    run.handle.rehearse_on(all.into());
    // Its own answers to the key are attributes with its own name: there it parts.
    let Rehearsal::Diverged(what) = run.rehearsed().await else { panic!("another attribute") };
    assert_eq!((what.entry, what.expected.as_str()), (3, "set-attribute answered-by = plain"));
    assert!(run.gone().await, "nothing more comes of it");
}

#[tokio::test]
async fn rule_14_a_version_that_fails_in_its_rehearsal_is_dropped() {
    let host = host_with(|settings| settings.replay_cpu_ms = 100);
    let [plain, spins, hogs, traps] = tours(&host, &["plain", "loop", "hog", "trap"]).await[..] else {
        panic!("four versions")
    };
    let past: Entries = journal(&host, plain, "tour-pause", 3).await.into();
    for (version, expected) in [(spins, "Deadline"), (hogs, "Limit"), (traps, "Trap")] {
        let (_, result) = Run::rehearse(&host, version, begin("tour-pause", 2, past.clone())).await;
        let Rehearsal::Failed(end) = result else { panic!("{expected}: {result:?}") };
        assert!(format!("{end:?}").starts_with(expected), "{end:?}");
    }
    until("nothing is left of them", || host.loaded().iter().all(|version| version.live_instances == 0)).await;
}

#[tokio::test]
async fn a_cancelled_rehearsal_leaves_nothing_behind() {
    let host = host();
    let [plain] = tours(&host, &["plain"]).await[..] else { panic!("a version") };
    let past = journal(&host, plain, "tour-pause", 3).await;
    let (run, result) = Run::rehearse(&host, plain, begin("tour-pause", 2, past)).await;
    assert!(matches!(result, Rehearsal::Agreed { .. }));
    run.handle.cancel();
    until("its instance is gone", || host.loaded()[0].live_instances == 0).await;
    run.handle.take_over();
    drop(run.handle);
    assert_eq!(host.flow_memory(), 0);
}

#[tokio::test]
async fn rule_17_an_instance_is_made_anew_where_it_was() {
    let host = host();
    let [plain] = tours(&host, &["plain"]).await[..] else { panic!("a version") };
    let past = returned(journal(&host, plain, "tour-ask", 3).await, chose("end"));
    let ran = Run::new(&host, plain, begin("tour-ask", 2, past)).finish(board).await;
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Other("plain".into())));
    assert_eq!(ran.reported("chose"), "end");
    assert_eq!(ran.lines.len(), 1, "only what is new is logged: {:?}", ran.lines);
}

#[tokio::test]
async fn rule_4_clock_and_random_numbers_are_the_same_again() {
    let (host, version) = flow_host().await;
    let whole = Run::new(&host, version, start("clock", 1)).finish(agreeable).await.requests;
    for calls in 1..whole.len() {
        let past = returned(journal(&host, version, "clock", calls).await, Reply::Done);
        let again = Run::new(&host, version, begin("clock", 2, past)).finish(agreeable).await;
        assert_eq!(again.requests, whole[calls..], "after {calls} calls");
    }
}

#[tokio::test]
async fn rule_16_a_predecessor_that_does_something_else_diverges() {
    let host = host();
    let [plain, swapped] = tours(&host, &["plain", "swapped"]).await[..] else { panic!("two versions") };
    let past = returned(journal(&host, plain, "tour-ask", 3).await, chose("balance"));
    let ran = Run::new(&host, swapped, begin("tour-ask", 2, past)).finish(board).await;
    assert!(matches!(&ran.end, RunEnd::Diverged(what) if what.entry == 2), "{:?}", ran.end);
    assert_eq!(ran.requests, [], "nothing of it was heard");
}

#[tokio::test]
async fn rule_16_a_flow_that_ends_early_diverges_as_well() {
    let (host, version) = flow_host().await;
    let past = returned(journal(&host, version, "5", 5).await, Reply::Attribute(None));
    let ran = Run::new(&host, version, begin("2", 2, past)).finish(agreeable).await;
    let RunEnd::Diverged(what) = ran.end else { panic!("{:?}", ran.end) };
    assert_eq!((what.entry, what.got.as_str()), (2, "the flow returns"));
}

#[tokio::test]
async fn a_rehearsal_beyond_its_past_stops_there() {
    let host = host();
    let [plain] = tours(&host, &["plain"]).await[..] else { panic!("a version") };
    let past = returned(journal(&host, plain, "tour-ask", 3).await, chose("balance"));
    let (_, result) = Run::rehearse(&host, plain, begin("tour-ask", 2, past)).await;
    let next = Request::SetAttribute("answered-by".into(), "plain".into());
    assert_eq!(result, Rehearsal::Agreed { entry: 3, request: next });
}

#[tokio::test]
async fn without_room_a_flow_is_not_started() {
    let host = host_with(|settings| settings.max_flow_instances = 1);
    let [plain] = tours(&host, &["plain"]).await[..] else { panic!("a version") };
    let mut first = Run::new(&host, plain, start("tour-pause", 1));
    first.call().await;
    let second = Run::new(&host, plain, start("tour-pause", 2)).finish(agreeable).await;
    assert!(matches!(second.end, RunEnd::NoRoom(_)), "{:?}", second.end);
    // A rehearsal has room of its own, and its place is among the flows once that is free.
    let past = journal_of(&mut first).await;
    let (mut run, result) = Run::rehearse(&host, plain, begin("tour-pause", 3, past)).await;
    assert!(matches!(result, Rehearsal::Agreed { entry: 2, .. }), "{result:?}");
    first.handle.cancel();
    run.handle.take_over();
    run.answer(2, Reply::Done);
    assert!(matches!(run.call().await, Request::Ask(_)));
    until("one instance", || host.flow_instances() == 1).await;
}

/// Of a run that has made its first call: on to its third.
async fn journal_of(run: &mut Run) -> Vec<Arc<Entry>> {
    let mut entries = Vec::new();
    let mut request = Request::Answer;
    for entry in 0..2 {
        let at = BEGIN.plus_ms(1000 * (entry + 1));
        run.reply(Reply::Done);
        entries.push(Arc::new(Entry::Call { at, request, outcome: Some((at, Reply::Done, None)) }));
        request = run.call().await;
    }
    entries.push(Arc::new(Entry::Call { at: BEGIN, request, outcome: None }));
    entries
}
