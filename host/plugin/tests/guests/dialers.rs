//! Dialers: what they propose stays a proposal, and everything that can't be used is named.

use crate::common::web::{Web, response};
use crate::common::{BEGIN, host, spec, version};
use cordboard_core::ids::Version;
use cordboard_plugin::{
    AskError, Attempt, DialInput, EgressRule, Figures, Grants, Lead, LoadSpec, Mode, NextTry, Outcome, PluginHost,
    Proposal, Scheme,
};
use std::sync::Arc;

fn columns() -> Arc<[String]> {
    Arc::from(["value".to_owned(), "age".to_owned()])
}

fn lead(id: &str, value: f32) -> Lead {
    Lead {
        id: id.into(),
        numbers: vec![value, f32::NAN],
        attempts: 2,
        latest: vec![Attempt { at: BEGIN, local_minute: 540, local_weekday: 4, outcome: Outcome::Busy, talked_ms: 0 }],
        local_minute: 600,
        local_weekday: 4,
        promised: None,
    }
}

fn input() -> DialInput {
    let figures = Figures {
        now: BEGIN,
        mode: Mode::Predictive,
        ratio: None,
        agents_ready: 3,
        agents_talking: 5,
        agents_wrapping_up: 1,
        agents_expected: 0.5,
        ringing: 1,
        waiting: 0,
        lines_free: 10,
        most: 3,
        answer_rate: Some(0.4),
        ring_time_ms: 12_000,
        handle_time_ms: 180_000,
        abandon_rate: 0.01,
        abandon_cap: 0.03,
        leads_ready: 4,
    };
    let leads = vec![lead("a", 1.0), lead("b", 4.0), lead("c", 3.0), lead("d", 2.0)];
    DialInput { columns: columns(), figures, leads }
}

async fn dialer(behaviour: &str) -> (PluginHost, Version) {
    let (host, version) = (host(), version(behaviour));
    host.load(version, spec("probe-dialer", &[("behaviour", behaviour)])).await.unwrap();
    (host, version)
}

async fn proposed(behaviour: &str) -> Result<Proposal, AskError> {
    let (host, version) = dialer(behaviour).await;
    host.dial(version, input()).await
}

#[tokio::test]
async fn leads_come_back_in_the_order_proposed_by_an_instance_that_is_kept() {
    let (host, version) = dialer("").await;
    let first = host.dial(version, input()).await.unwrap();
    assert_eq!((first.dial, first.order.as_slice(), first.again_ms), (2, [1, 2, 3, 0].as_slice(), 1000));
    assert_eq!(first.reasons, [("calls".to_owned(), 1.0), ("free".to_owned(), 3.0)]);
    assert_eq!(host.dial(version, input()).await.unwrap().reasons[0].1, 2.0, "the same instance");
    let renamed = DialInput { columns: Arc::from(["value".to_owned(), "tier".to_owned()]), ..input() };
    assert_eq!(host.dial(version, renamed).await.unwrap().reasons[0].1, 1.0, "configured anew");
}

#[tokio::test]
async fn a_proposal_never_goes_beyond_what_the_host_would_start() {
    assert_eq!(proposed("greedy").await.unwrap().dial, 3);
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    assert!(matches!(proposed("invent").await, Err(AskError::WrongCount { what: "leads", .. })));
    assert!(matches!(proposed("twice").await, Err(AskError::Contract(text)) if text.contains("`b`")));
    assert_eq!(proposed("nan").await, Err(AskError::NotFinite("reason")));
    assert!(matches!(proposed("reasons").await, Err(AskError::WrongCount { what: "reasons", .. })));
    assert!(matches!(proposed("never-again").await, Err(AskError::Contract(_))));
    assert!(matches!(proposed("trap").await, Err(AskError::Trap(_))));
    assert!(matches!(proposed("refuse").await, Err(AskError::Refused(text)) if text.contains("no model")));
    for behaviour in ["unconfigurable", "unknown-column", "many-reasons"] {
        assert!(matches!(proposed(behaviour).await, Err(AskError::Configure(_))), "{behaviour}");
    }
}

#[tokio::test]
async fn one_that_loops_or_waits_for_ever_is_ended() {
    assert_eq!(proposed("slow").await, Err(AskError::Deadline(200)), "of CPU time");
    let host = crate::common::host_with(|settings| settings.asked_deadline_ms = 300);
    let version = version("wait");
    host.load(version, spec("probe-dialer", &[("behaviour", "wait")])).await.unwrap();
    assert_eq!(host.dial(version, input()).await, Err(AskError::Deadline(300)), "of wall time");
}

#[tokio::test]
async fn the_next_try_depends_on_how_the_last_one_ended() {
    let (host, version) = dialer("").await;
    let next = async |outcome| {
        let latest = vec![Attempt { outcome, ..lead("a", 1.0).latest[0].clone() }];
        host.retry(version, columns(), Lead { latest, ..lead("a", 1.0) }, BEGIN).await
    };
    assert_eq!(next(Outcome::Busy).await, Ok(NextTry::AfterMs(120_000)));
    assert_eq!(next(Outcome::Machine).await, Ok(NextTry::AfterMs(3_600_000)));
    assert!(matches!(next(Outcome::Unreachable("404".into())).await, Ok(NextTry::Never(_))));
    let untried = Lead { latest: vec![], ..lead("a", 1.0) };
    assert!(matches!(host.retry(version, columns(), untried, BEGIN).await, Err(AskError::Input(_))));
    let (host, version) = dialer("soon").await;
    assert!(matches!(host.retry(version, columns(), lead("a", 1.0), BEGIN).await, Err(AskError::Contract(_))));
}

#[tokio::test]
async fn its_requests_need_a_grant_which_holds_from_one_call_to_the_next() {
    let web = Web::start(|_| Some(response("200 OK", b"model"))).await;
    let (host, version) = (host(), version("ask"));
    let place = format!("127.0.0.1:{}/", web.port);
    let asking = spec("probe-dialer", &[("behaviour", "ask"), ("place", &place)]);
    host.load(version, asking).await.unwrap();
    let mut refusals = host.refusals().unwrap();
    assert!(matches!(host.dial(version, input()).await, Err(AskError::Refused(text)) if text.contains("Denied")));
    let told = refusals.recv().await.unwrap();
    assert_eq!((told.version, told.capability), (version, "egress"));
    assert_eq!(told.detail, format!("GET http://127.0.0.1:{}", web.port));
    let (host_name, port, methods) = ("127.0.0.1".into(), web.port, vec!["GET".into()]);
    let rule = EgressRule { scheme: Scheme::Http, host: host_name, port, methods, private: true };
    let granted = Grants { egress: vec![rule], ..Grants::default() };
    assert!(host.grant(version, granted).unwrap());
    for _ in 0..40 {
        host.dial(version, input()).await.unwrap();
    }
    assert!(host.grant(version, Grants::default()).unwrap());
    assert!(host.dial(version, input()).await.is_err());
    assert_eq!(web.requests(), 40, "each call has its own count of requests");
}

#[tokio::test]
async fn versions_of_other_worlds_are_not_asked() {
    let host = host();
    let scorer = version("scorer");
    host.load(scorer, spec("probe-scorer", &[])).await.unwrap();
    assert_eq!(host.dial(scorer, input()).await, Err(AskError::NotLoaded));
    assert_eq!(host.dial(version("nowhere"), input()).await, Err(AskError::NotLoaded));
    let dialer = version("dialer");
    let spec: LoadSpec = spec("probe-dialer", &[]);
    assert_eq!(host.load(dialer, spec).await.unwrap().contract, "cordboard:dialer@0.1.0");
    assert_eq!(host.loaded().len(), 2);
}
