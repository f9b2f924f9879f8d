//! Scripts played on the real plugin runtime and the real core. The guests must be built: `cargo xtask plugins`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use cordboard_core::ids::{Digest, Version};
use cordboard_plugin::{Grants, Limits, LoadSpec, PluginConfig, PluginHost};
use cordboard_script::{Estimate, Played, Report, Script, Stage, play};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn component(name: &str) -> Vec<u8> {
    let folder = match std::env::var_os("CORDBOARD_PLUGINS_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins"),
    };
    let path = folder.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask plugins`", path.display()))
}

async fn load(host: &PluginHost, name: &str, config: &[(&str, &str)]) -> Version {
    let component = component(name);
    let version = Digest::of(&[component.as_slice(), format!("{config:?}").as_bytes()].concat());
    let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let limits = Limits { calls_per_second: 1_000_000, ..Limits::default() };
    let spec = LoadSpec { component: component.into(), config, limits, grants: Grants::default() };
    host.load(version, spec).await.unwrap();
    version
}

/// A stage with a flow under test, and reception as the flow `night`.
async fn stage(flow: &str, config: &[(&str, &str)]) -> Stage {
    let host = PluginHost::start(PluginConfig { max_flow_instances: 64, ..PluginConfig::default() }).unwrap();
    let flow = load(&host, flow, config).await;
    let night = load(&host, "reception", &[]).await;
    Stage { host, flow, others: BTreeMap::from([("night".into(), night)]), speech: Arc::new(Estimate) }
}

async fn played(stage: &Stage, script: &str) -> Played {
    let script = Script::read(script).unwrap_or_else(|error| panic!("{error}\n{script}"));
    play(stage, &script.cases[0]).await
}

/// How it went, in words.
fn text(played: &Played) -> String {
    let difference = played.difference.as_ref();
    Report { script: "x.yaml", case: None, moments: &played.moments, difference, lasted_ms: played.lasted_ms }.text()
}

async fn holds(stage: &Stage, script: &str) -> Played {
    let played = played(stage, script).await;
    assert!(played.difference.is_none(), "{script}\n{}", text(&played));
    played
}

async fn fails(stage: &Stage, script: &str, part: &str) {
    let text = text(&played(stage, script).await);
    assert!(text.contains(part), "{script}\n{text}\nhas not: {part}");
}

/// What the probe does is said by the number dialled.
fn probe(dials: &str, rest: &str) -> String {
    format!("caller: {{dials: {dials}}}\n{rest}")
}

#[tokio::test]
async fn prompts_take_their_time_and_keys_cut_them() {
    let stage = stage("probe-flow", &[]).await;
    // Two words, a number and a pause: 2.35 s, and then 5 s of silence.
    let silent = holds(
        &stage,
        &probe("menu", "conversation: [asked: main-menu, listens, within: 5s, chose: silence]\nends: other"),
    )
    .await;
    assert_eq!(silent.lasted_ms, 7_350, "{}", text(&silent));
    let cut = holds(
        &stage,
        &probe(
            "menu",
            "conversation: [asked: main-menu, silent: 1s, presses: 1, chose: sales]\nends: {reason: other, within: 1s}",
        ),
    )
    .await;
    assert_eq!(cut.lasted_ms, 1_000);
    // Pressed before the question is there.
    holds(&stage, &probe("menu", "conversation: [presses: 1, chose: sales]")).await;
    holds(&stage, &probe("menu", "conversation: [asked: main-menu, presses: 7, chose: no-match]")).await;
    fails(
        &stage,
        &probe("menu", "conversation: [asked: main-menu, listens, within: 4s, chose: silence]"),
        "expected  chose answer silence within 4 s",
    )
    .await;
}

#[tokio::test]
async fn a_caller_can_hang_up_at_any_point() {
    let stage = stage("probe-flow", &[]).await;
    holds(&stage, &probe("menu", "conversation: [hangs_up]\nnever: [asked: main-menu]\nends: cancelled")).await;
    holds(&stage, &probe("menu", "conversation: [asked: main-menu, hangs_up]\nfallback_queue: none\nends: hung-up"))
        .await;
    holds(&stage, &probe("menu", "conversation: [asked: main-menu, silent: 2s, hangs_up]\nends: hung-up")).await;
    fails(
        &stage,
        &probe("menu", "conversation: [asked: main-menu, presses: 1, chose: sales, silent: 1s, hangs_up]"),
        "but       the conversation is over",
    )
    .await;
}

#[tokio::test]
async fn secret_digits_stay_secret() {
    let stage = stage("probe-flow", &[]).await;
    let played = holds(
        &stage,
        &probe(
            "secret",
            "conversation: [asked: main-menu, presses: 1234, chose: '***']\nends: {reason: other, detail: '1234'}",
        ),
    )
    .await;
    // The flow itself tells, and the script; the host doesn't.
    let told = played.moments.iter().filter(|moment| moment.what.to_string().contains("1234")).count();
    assert_eq!(told, 2, "{}", text(&played));
}

#[tokio::test]
async fn a_flow_that_fails_steps_down() {
    let stage = stage("probe-flow", &[]).await;
    let host = "steps_down_to: host, hears: something went wrong, queued: default";
    for (dials, kind) in
        [("trap", "trap"), ("loop", "deadline"), ("alloc", "limit"), ("err", "guest-error"), ("flood", "deadline")]
    {
        holds(&stage, &probe(dials, &format!("conversation: [fails: {kind}, {host}]"))).await;
    }
    holds(
        &stage,
        &probe("trap", "safe_flow: night\nconversation: [fails: {text: unreachable}, steps_down_to: safe-flow, hears: Welcome to Cordboard bank]"),
    )
    .await;
    // Without a queue there is nothing but a goodbye.
    holds(&stage, &probe("trap", "queues: []\nconversation: [fails: trap, hears: Goodbye]\nends: failed")).await;
    fails(&stage, &probe("trap", "conversation: [hears: Welcome]"), "but       FAILS, trap").await;
}

#[tokio::test]
async fn agents_answer_refuse_and_leave() {
    let stage = stage("probe-flow", &[]).await;
    let queued = "conversation: [queued: support";
    let agents = |agents: &str, steps: &str| {
        probe("queue", &format!("queues: [{{name: support, rings_for: 5s}}]\nagents: [{agents}]\n{queued}{steps}"))
    };
    let answered = holds(
        &stage,
        &agents(
            "{id: 7001, answers_after: 3s, talks: 20s}",
            ", talks_with: 7001, talk_ended: agent]\nends: {reason: other, detail: '7001'}",
        ),
    )
    .await;
    assert_eq!(answered.lasted_ms, 23_000, "{}", text(&answered));
    holds(&stage, &agents("{id: 7001, rejects_after: 1s}", ", missed_by: 7001, hangs_up]\nends: cancelled")).await;
    let ignored = agents(
        "{id: 7001, ignores: true}",
        ", rings_agent: 7001, within: 5s, missed_by: 7001, hangs_up]\nends: cancelled",
    );
    holds(&stage, &ignored).await;
    holds(
        &stage,
        &agents(
            "{id: 7001, ready: false}",
            ", silent: 1m, agent_ready: 7001, talks_with: 7001, hangs_up, talk_ended: person]",
        ),
    )
    .await;
    holds(
        &stage,
        &agents("{id: 7001}", ", talks_with: 7001, silent: 3s, agent_hangs_up, talk_ended: agent]\nends: other"),
    )
    .await;
    holds(&stage, &agents("", ", silent: 1h, queue_closes: support, left_queue: lost]\nends: failed")).await;
    fails(&stage, &agents("", ", agent_ready: 7009]"), "the script has no agent `7009`").await;
    fails(&stage, &agents("", ", agent_hangs_up]"), "no agent talks with the caller").await;
}

#[tokio::test]
async fn those_who_came_before_are_served_before() {
    let stage = stage("probe-flow", &[]).await;
    let script = probe(
        "queue",
        "queues: [{name: support, waiting: 2}]\nagents: [{id: a, answers_after: 1s, talks: 10s}]\n\
         conversation: [queued: {queue: support, position: 3}, talks_with: a]\nends: {reason: other, within: 40s}",
    );
    let played = holds(&stage, &script).await;
    assert_eq!(played.lasted_ms, 33_000, "three times a second and ten: {}", text(&played));
    let full = "queues: [{name: support, waiting: 2, room: 2}]\nfallback_queue: support\nconversation: [refused: {call: enqueue, error: limit, text: full}, fails: guest-error]";
    holds(&stage, &probe("queue", full)).await;
    holds(&stage, &probe("queue", "conversation: [refused: {call: enqueue, error: invalid}, fails: guest-error]"))
        .await;
}

#[tokio::test]
async fn directories_answer_late_wrongly_or_not_at_all() {
    let stage = stage("probe-flow", &[]).await;
    let directory = |rows: &str, steps: &str| probe("lookup", &format!("directory: [{rows}]\nconversation: [{steps}]"));
    let key = "kind: phone, value: '+4912345'";
    for (rows, outcome, lasted_ms) in [
        ("{answers: {id: a}}", "found", 50),
        ("{kind: email, answers: {id: a}}, {after: 900ms}", "unknown", 900),
        ("{fails: timeout}", "timeout", 1_000),
        ("{after: 3s, answers: {id: a}}", "timeout", 1_000),
        ("{fails: busy}", "busy", 50),
        ("{fails: unavailable, after: 10ms}", "unavailable", 10),
        ("{times: 0, fails: busy}, {answers: {id: b}}", "found", 50),
        ("{directory: other, answers: {id: a}}", "unknown", 50),
        ("", "unknown", 50),
    ] {
        let played = holds(&stage, &directory(rows, &format!("looked_up: {{{key}, outcome: {outcome}}}"))).await;
        assert_eq!(played.lasted_ms, lasted_ms, "{rows}: {}", text(&played));
    }
    holds(&stage, &probe("lookup", "conversation: [looked_up: {kind: phone, outcome: unsupported}]")).await;
}

#[tokio::test]
async fn stored_values_are_the_scripts() {
    let stage = stage("probe-flow", &[]).await;
    let steps = "conversation: [loaded: {key: runs, value: '41'}, stored: {runs: '42'}, removed: nothing]\nends: other";
    holds(&stage, &probe("values", &format!("values: {{runs: 41}}\n{steps}"))).await;
    holds(&stage, &probe("values", "conversation: [refused: {call: load, error: not-granted}]")).await;
    holds(
        &stage,
        &probe(
            "values",
            "values: {}\nvalues_fail: quota\nconversation: [loaded: runs, refused: {call: store, error: quota}]",
        ),
    )
    .await;
}

#[tokio::test]
async fn operators_act_from_outside() {
    let stage = stage("probe-flow", &[]).await;
    let ends = "conversation: [asked: main-menu, operator_sets: {vip: 'yes'}, set: {vip: 'yes'}, operator_ends]\nends: {reason: ended-by-operator, attributes: {vip: 'yes'}}";
    holds(&stage, &probe("menu", ends)).await;
}

#[tokio::test]
async fn the_flow_sees_the_scripts_time() {
    let stage = stage("probe-flow", &[]).await;
    let script = probe(
        "clock",
        "at: 2026-12-24T17:30:00Z\nconversation: [set: {first: '/^.1798133400000000,/'}, set: {slept-s: 3600}]",
    );
    holds(&stage, &script).await;
}

#[tokio::test]
async fn draws_are_as_the_script_wants_them() {
    let stage = stage("probe-tour", &[]).await;
    let drawn = |index: u32, more: &str| format!("{more}\nconversation: [drew: {{name: wording, index: {index}}}]");
    for index in [0, 1] {
        holds(&stage, &drawn(index, &format!("draws: {{wording: {index}}}"))).await;
    }
    // A seed draws the same each time, and not all seeds draw the same.
    let by_seed = |seed: u64| drawn(0, &format!("seed: {seed}"));
    let mut zeros = 0;
    for seed in 1..=20 {
        let first = played(&stage, &by_seed(seed)).await;
        assert_eq!(first.moments, played(&stage, &by_seed(seed)).await.moments);
        zeros += u32::from(first.difference.is_none());
    }
    assert!((1..=12).contains(&zeros), "one of four: {zeros} of 20");
    fails(&stage, &drawn(2, "draws: {wording: 2}"), "was never drawn as the script wants it").await;
}

#[tokio::test]
async fn a_flow_without_end_is_told_as_one() {
    let stage = stage("probe-flow", &[]).await;
    fails(&stage, &probe("tour-ask", "conversation: [asked: main-menu]\nends: completed"), "an end within 1440 min")
        .await;
    fails(&stage, &probe("tour-pause", "conversation: [within: 1m, asked: main-menu]"), "within 60 s").await;
}

#[tokio::test]
async fn the_same_script_gives_the_same_conversation() {
    let stage = stage("reception", &[]).await;
    let script = "directory: [{kind: phone, answers: {id: '1', name: Ada}}]\nagents: [{id: a, talks: 5s}]\n\
                  conversation: [asked: main-menu, presses: 5, asked: main-menu, presses: 0, talks_with: a, asked: survey, presses: 4]";
    let first = holds(&stage, script).await;
    for _ in 0..20 {
        assert_eq!(text(&played(&stage, script).await), text(&first));
        assert_eq!(played(&stage, script).await.moments, first.moments);
    }
}

#[tokio::test]
async fn the_first_difference_is_marked_in_the_conversation() {
    let stage = stage("reception", &[]).await;
    let script = "directory: []\nconversation:\n  - hears: Welcome to the zoo\n  - asked: account-number\n";
    let told = text(&played(&stage, script).await);
    let expected = "\
FAILED  x.yaml
         0.000  caller    +15550100 dials 100
         0.000  flow      lets it ring
         0.050  flow      looks up phone +15550100 in `directory`: unknown after 50 ms
         0.050  host      answers the call
>>>      0.050  flow      says \"Welcome to Cordboard bank. Hello.\"
                expected  hears \"Welcome to the zoo\"  x.yaml:3:5
                but       says \"Welcome to Cordboard bank. Hello.\"
";
    assert!(told.starts_with(expected), "{told}");
}
