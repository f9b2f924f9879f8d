//! Guests that were compiled for a released version of the contract run for ever, whatever is added to it.
//!
//! The components are those of `host/plugin/guests/`, stripped, as they were at the release. They are never built again.

use crate::common::{BEGIN, Run, host, start, version};
use cordboard_core::flow::{
    Answer, FetchResponse, HeaderValue, LookupError, Place, Profile, Reply, Request, RunEnd, Talk, TalkEnd, WaitStatus,
};
use cordboard_core::ids::{AgentId, ContactId, Version};
use cordboard_plugin as p;
use cordboard_plugin::{Grants, Limits, LoadSpec, PluginHost, World};
use std::path::Path;
use std::time::Duration;

async fn loaded(name: &str, world: World) -> (PluginHost, Version) {
    loaded_of("0.1.0", name, world).await
}

async fn loaded_of(contract: &str, name: &str, world: World) -> (PluginHost, Version) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/contract-{contract}/{name}.wasm"));
    let component = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(component.len() < 150 << 10, "{name} has {} bytes", component.len());
    let limits = Limits { calls_per_second: 100_000, ..Limits::default() };
    let spec = LoadSpec { component: component.into(), config: vec![], limits, grants: Grants::default() };
    let (host, version) = (host(), version(name));
    let info = host.load(version, spec).await.unwrap();
    assert_eq!((info.world, info.contract), (world, format!("cordboard:{world}@{contract}")));
    (host, version)
}

/// What the board answered when it was recorded.
fn recorded(request: &Request) -> Reply {
    let place = Place { position: 2, waiting: 3, estimate_ms: Some(9000), waited_ms: 60_000 };
    let agent: AgentId = "101".parse().unwrap();
    match request {
        Request::Attribute(_) => Reply::Attribute(Some("gold".into())),
        Request::Lookup { .. } => Reply::Profile(Some(Profile {
            id: "1001".into(),
            display_name: Some("Ada".into()),
            fields: vec![("balance".into(), "12".into())],
        })),
        Request::Fetch { .. } => {
            let headers = vec![("location".into(), "/notes/7".into())];
            Reply::Fetched(FetchResponse { status: 201, headers, body: b"kept".to_vec() })
        }
        Request::LoadValue(_) => Reply::Value(Some("41".into())),
        Request::Ask(_) => Reply::Answer(Answer::Choice("sales".into())),
        Request::Choose { .. } => Reply::Chosen(1),
        Request::Enqueue(_) => Reply::Enqueued,
        Request::Wait { treatment: Some(_), .. } => Reply::Waited(WaitStatus::StillWaiting(place)),
        Request::Wait { treatment: None, .. } => {
            Reply::Waited(WaitStatus::Talked(Talk { agent, talked_ms: 7000, ended_by: TalkEnd::Person }))
        }
        _ => Reply::Done,
    }
}

#[tokio::test]
async fn a_flow_of_0_1_0_makes_every_call() {
    let (host, version) = loaded("flow", World::Flow).await;
    let ran = Run::new(&host, version, start("tour", 1)).finish(recorded).await;
    assert_eq!(ran.returned(), "toured");
    for (what, expect) in [
        ("attribute", r#"Some("gold")"#),
        ("answer", "Ok(())"),
        ("say", "Ok(())"),
        ("ask", r#"Ok(Answer::Choice("sales"))"#),
        ("choose", "Ok(1)"),
    ] {
        assert_eq!(ran.reported(what), expect, "{what}");
    }
    for (what, part) in [
        ("lookup", "balance"),
        ("wait-with", "position: 2, waiting: 3, estimate-ms: Some(9000), waited-ms: 60000"),
        ("wait", r#"agent: "101", talked-ms: 7000"#),
    ] {
        assert!(ran.reported(what).contains(part), "{what}: {}", ran.reported(what));
    }
    let kinds = ran.requests.iter().filter(|request| !matches!(request, Request::SetAttribute(..)));
    let kinds: Vec<String> = kinds.map(|request| format!("{request:?}").chars().take(5).collect()).collect();
    assert_eq!(
        kinds,
        [
            "Attri", "Ring", "Answe", "Say(P", "Start", "Looku", "StopP", "Ask(Q", "Pause", "Choos", "Enque", "Wait ",
            "Wait ", "Leave", "Conti", "Redir", "Rejec", "End(C"
        ]
    );
}

#[tokio::test]
async fn a_flow_of_0_2_0_makes_every_call() {
    let (host, version) = loaded_of("0.2.0", "flow", World::Flow).await;
    let ran = Run::new(&host, version, start("tour", 1)).finish(recorded).await;
    assert_eq!(ran.returned(), "toured");
    for (what, part) in [
        ("fetch", "status: 201"),
        ("fetch", r#"name: "location", value: "/notes/7""#),
        ("fetch", "body: [107, 101, 112, 116]"),
        ("load", r#"Ok(Some("41"))"#),
        ("store", "Ok(())"),
        ("lookup", "balance"),
        ("wait", r#"agent: "101", talked-ms: 7000"#),
    ] {
        assert!(ran.reported(what).contains(part), "{what}: {}", ran.reported(what));
    }
    let sent = ran.requests.iter().find(|request| matches!(request, Request::Fetch { .. }));
    let Some(Request::Fetch { request, timeout_ms: 1000 }) = sent else { panic!("{sent:?}") };
    let secret = HeaderValue::Config { prefix: "Bearer ".into(), key: "token".into() };
    assert_eq!(request.headers[1], ("authorization".into(), secret));
    let kinds: Vec<&str> = ran.requests.iter().map(Request::name).filter(|name| *name != "set-attribute").collect();
    assert_eq!(
        kinds,
        [
            "attribute",
            "ring",
            "answer",
            "say",
            "start-playing",
            "lookup",
            "fetch",
            "load",
            "store",
            "stop-playing",
            "ask",
            "pause",
            "choose",
            "enqueue",
            "wait",
            "wait",
            "leave",
            "continue-as",
            "redirect",
            "reject",
            "end"
        ]
    );
}

#[tokio::test]
async fn a_flow_of_0_1_0_ends_when_its_person_is_gone() {
    let (host, version) = loaded("flow", World::Flow).await;
    let ended = |_: &Request| Reply::Failed(cordboard_core::flow::ContactError::Ended);
    let ran = Run::new(&host, version, start("tour", 1)).finish(ended).await;
    assert_eq!(ran.end, RunEnd::GuestError("ContactError::Ended".into()));
}

#[tokio::test]
async fn a_scorer_of_0_1_0_scores() {
    let (host, version) = loaded("scorer", World::Scorer).await;
    let input = p::ScoreInput {
        contact_columns: ["a".to_owned()].into(),
        agent_columns: ["x".to_owned()].into(),
        contacts: vec![vec![2.0]],
        agents: vec![1.5, -1.0],
        agent_count: 2,
        with_parts: true,
    };
    let scored = host.score(version, input).await.unwrap();
    assert_eq!((scored.rows[0].scores.as_slice(), scored.part_names.len()), ([Some(3000), None].as_slice(), 2));
}

#[tokio::test]
async fn a_directory_of_0_1_0_answers() {
    let (host, version) = loaded("crm", World::Crm).await;
    let ask = async |kind| host.lookup(version, kind, "127.0.0.1:1/", Duration::from_secs(30)).await;
    assert_eq!(ask("email").await, Err(LookupError::Unsupported("email".into())));
    assert!(matches!(ask("get").await, Err(LookupError::Unavailable(text)) if text.contains("RequestDenied")));
}

#[tokio::test]
async fn a_dialer_of_0_1_0_proposes() {
    let (host, version) = loaded("dialer", World::Dialer).await;
    let columns: std::sync::Arc<[String]> = ["value".to_owned()].into();
    let figures = p::Figures {
        now: BEGIN,
        mode: p::Mode::Progressive,
        ratio: Some(1.5),
        agents_ready: 2,
        agents_talking: 0,
        agents_wrapping_up: 0,
        agents_expected: 0.0,
        ringing: 0,
        waiting: 0,
        lines_free: 5,
        most: 5,
        answer_rate: None,
        ring_time_ms: 0,
        handle_time_ms: 0,
        abandon_rate: 0.0,
        abandon_cap: 0.03,
        leads_ready: 2,
    };
    let latest =
        vec![p::Attempt { at: BEGIN, local_minute: 1, local_weekday: 1, outcome: p::Outcome::Busy, talked_ms: 0 }];
    let lead = |id: &str, value| p::Lead {
        id: id.into(),
        numbers: vec![value],
        attempts: 1,
        latest: latest.clone(),
        local_minute: 1,
        local_weekday: 1,
        promised: Some(BEGIN),
    };
    let leads = vec![lead("a", 1.0), lead("b", 2.0)];
    let input = p::DialInput { columns: columns.clone(), figures, leads };
    let proposal = host.dial(version, input).await.unwrap();
    assert_eq!((proposal.dial, proposal.order), (2, vec![1, 0]));
    assert_eq!(host.retry(version, columns, lead("a", 1.0), BEGIN).await, Ok(p::NextTry::AfterMs(60_000)));
}

#[tokio::test]
async fn an_inspector_of_0_1_0_inspects() {
    let (host, version) = loaded("inspector", World::Inspector).await;
    let talk = p::Talk {
        offered: ["tier".to_owned()].into(),
        contact: ContactId(1),
        language: None,
        queue: None,
        agent: None,
        attributes: vec![None],
    };
    let turn = p::Turn {
        index: 0,
        speaker: p::Speaker::Other("expert".into()),
        began_ms: 0,
        ended_ms: 1,
        text: "I promise".into(),
        confidence: None,
        voice: None,
    };
    let found = host.inspect(version, talk.clone(), vec![turn.clone()], 0).await.unwrap();
    assert_eq!(found.findings[0].span, Some((2, 9)));
    let summary = host.summarise(version, talk, vec![turn], found.findings).await.unwrap();
    assert_eq!(summary.parts, [("promises".to_owned(), Some(99.0))]);
}
