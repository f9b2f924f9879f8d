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
    Stage {
        host,
        flow,
        others: BTreeMap::from([("night".into(), night)]),
        manifests: BTreeMap::new(),
        speech: Arc::new(Estimate),
    }
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
    holds(&stage, &probe("menu", "conversation: [asked: main-menu, hangs_up]\nends: hung-up")).await;
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
    for (fails, call) in [("quota", "store"), ("unavailable", "load"), ("not-granted", "load")] {
        let steps = format!("values_fail: {fails}\nconversation: [refused: {{call: {call}, error: {fails}}}]");
        holds(&stage, &probe("values", &steps)).await;
    }
}

#[tokio::test]
async fn operators_act_from_outside() {
    let stage = stage("probe-flow", &[]).await;
    let ends = "conversation: [asked: main-menu, operator_sets: {vip: 'yes'}, operator_ends]\nends: {reason: ended-by-operator, attributes: {vip: 'yes'}}";
    holds(&stage, &probe("menu", ends)).await;
    holds(
        &stage,
        &probe("menu", &format!("strict: true\n{}", ends.replace("operator_ends", "silent: 1s, operator_ends"))),
    )
    .await;
    // `set` means what the flow does.
    let set = "conversation: [asked: main-menu, operator_sets: {vip: 'yes'}, set: {vip: 'yes'}]\nends: other";
    fails(&stage, &probe("menu", set), "expected  set vip = yes").await;
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
    let drawn = |index: u32, more: &str| {
        format!("queues: [{{name: support}}]\n{more}\nconversation: [drew: {{name: wording, index: {index}}}]")
    };
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
    fails(&stage, &drawn(2, "draws: {wording: 2}"), "but       one of 2 is drawn, counted from 0").await;
    fails(
        &stage,
        "queues: [{name: support}]\ndraws: {wordng: 0}\nconversation: [drew: wording]",
        "but       the flow drew wording alone",
    )
    .await;
}

#[tokio::test]
async fn a_flow_without_end_is_told_as_one() {
    let stage = stage("probe-flow", &[]).await;
    fails(
        &stage,
        &probe("tour-ask", "conversation: [asked: main-menu]\nends: completed"),
        "but       a day has passed, and it goes on",
    )
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

#[tokio::test]
async fn what_the_flow_makes_of_the_last_step_is_seen() {
    let stage = stage("probe-flow", &[]).await;
    for (dials, kind) in [("trap", "trap"), ("err", "guest-error"), ("loop", "deadline")] {
        fails(&stage, &probe(dials, "conversation: []"), &format!("but       FAILS, {kind}")).await;
    }
    let full = "queues: [{name: support, waiting: 2, room: 2}]\nfallback_queue: support\nconversation: [listens]";
    fails(&stage, &probe("queue", full), "but       FAILS, guest-error").await;
}

/// A request of the probe, as its configuration has it, and what becomes of it: the probe tells that in an attribute.
async fn fetches(stage: &Stage, dials: &str, backend: &str, steps: &str) -> Played {
    holds(stage, &probe(dials, &format!("backend: [{backend}]\nconversation: [{steps}]\nends: other"))).await
}

const CRM: &[(&str, &str)] = &[("base", "https://crm.example"), ("token", "hush-hush"), ("timeout-ms", "1000")];

#[tokio::test]
async fn back_ends_answer_late_wrongly_or_not_at_all() {
    let stage = stage("probe-fetch", CRM).await;
    let told = |told: &str| format!("set: {{fetched: '{told}'}}");
    for (dials, row, outcome, attribute, lasted_ms) in [
        ("get-a", "{answers: 404}", "404", "404 0 ", 50),
        ("get-a", "{url: 'https://crm.example/a', answers: {body: hello}}", "200", "200 5 hello", 50),
        (
            "get-a",
            "{url: /crm.*a$/, method: get, answers: {json: {a: [1, true]}}}",
            "200",
            "200 14 {\"a\":[1,true]}",
            50,
        ),
        (
            "get-a",
            "{answers: {headers: {Location: /b, x-other: c, X-Answer: d}}, after: 300ms}",
            "200",
            "200 location=/b x-answer=d 0 ",
            300,
        ),
        ("head-a", "{method: HEAD, answers: {body: hello}}", "200", "200 0 ", 50),
        ("post-a", "{method: GET, answers: 200}, {body: a cord, answers: 201}", "201", "201 0 ", 50),
        ("get-a", "{times: 0, fails: busy}, {answers: 200}", "200", "200 0 ", 50),
        ("get-a", "{fails: busy}", "busy", "FetchError::Busy", 50),
        ("get-a", "{fails: too-large}", "too-large", "FetchError::TooLarge", 50),
        ("post-a", "{fails: unknown-outcome, after: 10ms}", "unknown-outcome", "FetchError::UnknownOutcome", 10),
        ("get-a", "{fails: timeout}", "timeout", "FetchError::Timeout", 1_000),
        ("get-a", "{fails: timeout, after: 700ms}", "timeout", "FetchError::Timeout", 700),
        ("get-a", "{after: 2s, answers: 200}", "timeout", "FetchError::Timeout", 1_000),
        ("get-a", "{fails: unavailable}", "unavailable", "/^FetchError::Unavailable/", 50),
        ("get-a", "{fails: other}", "other", "/^FetchError::Other/", 50),
    ] {
        let steps = format!("fetched: {{url: /crm.example.a$/, outcome: {outcome}}}, {}", told(attribute));
        let played = fetches(&stage, dials, row, &steps).await;
        assert_eq!(played.lasted_ms, lasted_ms, "{row}: {}", text(&played));
        assert!(!text(&played).contains("hush"), "{}", text(&played));
    }
    let large = format!("{{answers: {{body: {}}}}}", "x".repeat((128 << 10) + 1));
    fetches(&stage, "get-a", &large, "fetched: {outcome: too-large}").await;
    let body = "fetched: {method: POST, url: 'https://crm.example/a', body: cord, outcome: 200}";
    fetches(&stage, "post-a", "{answers: 200}", body).await;
    // Whoever hangs up doesn't hear of it.
    let gone =
        "backend: [{after: 1s, answers: 200}]\nconversation: [silent: 100ms, hangs_up, fetched: {outcome: ended}]";
    holds(&stage, &probe("post-a", gone)).await;
    fails(
        &stage,
        &probe("get-a", "strict: true\nbackend: [{answers: 200}]\nconversation: [set: {fetched: /200/}]"),
        "but       fetches GET https://crm.example/a: 200 after 50 ms",
    )
    .await;
}

#[tokio::test]
async fn requests_are_refused_as_on_a_host() {
    let stage = stage("probe-fetch", CRM).await;
    let refused = |error: &str| format!("refused: {{call: fetch, error: {error}}}");
    for (dials, row, error) in [
        ("get-a", "", "not-granted"),
        ("get-a", "{url: 'https://crm.example/b', answers: 200}", "not-granted"),
        ("get-a", "{fails: not-granted}", "not-granted"),
        ("get-a", "{fails: invalid}", "invalid"),
        ("bad-config", "{answers: 200}", "invalid"),
        ("bad-headers", "{answers: 200}", "invalid"),
        ("bad-body", "{answers: 200}", "invalid"),
        ("bad-ftp", "{answers: 200}", "invalid"),
    ] {
        fetches(&stage, dials, row, &refused(error)).await;
    }
    // What the manifest doesn't want isn't granted, whatever the script answers.
    let manifest = |wants: &str| {
        let whole = format!(
            r#"{{"manifest": 1, "name": "probe-fetch", "version": "0.1.0", "world": "cordboard:flow@0.2.0",
                "description": "x", "wants": [{{"capability": "egress", "reason": "x", {wants}}}]}}"#
        );
        Arc::new(cordboard_plugin::Manifest::read(whole.as_bytes()).unwrap())
    };
    for (wants, granted) in [
        (r#""host": "crm.example", "scheme": "https""#, true),
        (r#""host": "*", "scheme": "any", "port": 443"#, true),
        (r#""host": "crm.example""#, false),
        (r#""host": "other.example", "scheme": "https""#, false),
        (r#""host": "crm.example", "scheme": "https", "port": 8443"#, false),
        (r#""host": "crm.example", "scheme": "https", "methods": ["POST"]"#, false),
    ] {
        let manifests = BTreeMap::from([(stage.flow, manifest(wants))]);
        let stage = Stage { manifests, ..stage.clone() };
        let step = if granted { "fetched: {outcome: 200}".into() } else { refused("not-granted") };
        fetches(&stage, "get-a", "{answers: 200}", &step).await;
    }
}

#[tokio::test]
async fn a_place_is_asked_again() {
    let stage = stage("probe-fetch", CRM).await;
    let script = probe(
        "order-end",
        "backend:
  - {method: POST, url: 'https://crm.example/orders', answers: {status: 201, headers: {location: /orders/7}}}
  - {method: GET, url: /orders.7$/, times: 1, after: 700ms, answers: 503}
conversation: [fetched: {method: POST, outcome: 201}, within: 1s, fetched: {url: 'https://crm.example/orders/7', outcome: 503}]",
    );
    holds(&stage, &script).await;
}
