//! One of each.

use cordboard_admin::{
    Backtest, BacktestSpec, BacktestState, Candidate, CandidateOf, Comparison, Contact, Findings, Plugin, Refusal,
    RunAgain, Went,
};
use cordboard_core::backtest::{Compared, Skip, Tally};
use cordboard_core::board::{ContactView, PlaceView};
use cordboard_core::config::World;
use cordboard_core::decision::{AgentRow, Columns, ContactRow, Decision, Grounds, LeftOut, PairScore, ScoredBy};
use cordboard_core::flow::*;
use cordboard_core::history::{Operator, Step, StepKind};
use cordboard_core::ids::{
    AgentId, ContactId, DecisionId, DeploymentName, Digest, EntryPointName, QueueName, TenantId,
};
use cordboard_core::note::{FailedRun, LogLevel, Note, NoteKind, RunCost, SourceLine, StackFrame};
use cordboard_core::record::{
    ChoiceMade, ContactRecord, EndReason, Offer, OfferResult, Personal, QueueVisit, VisitOutcome,
};
use cordboard_core::replay::{Divergence, Parting, Seen, SeenLine, Verdict};
use cordboard_core::rescoring::{self, Recorded};
use cordboard_core::time::Timestamp;

/// 2026-01-31T09:30:00Z, and so many milliseconds.
pub(crate) const fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(1_769_851_800_000 + ms)
}

/// The n-th contact: later ones have larger numbers.
pub(crate) const fn contact(n: u64) -> ContactId {
    ContactId(((1_769_851_800_000 + n as u128) << 80) | n as u128)
}

pub(crate) fn agent(id: &str) -> AgentId {
    AgentId::new(id).unwrap()
}

pub(crate) fn queue(name: &str) -> QueueName {
    QueueName::new(name).unwrap()
}

pub(crate) fn deployment(name: &str) -> DeploymentName {
    DeploymentName::new(name).unwrap()
}

pub(crate) fn entry_point(name: &str) -> EntryPointName {
    EntryPointName::new(name).unwrap()
}

pub(crate) fn address(number: &str) -> Address {
    let uri = format!("sip:{number}@192.0.2.7");
    Address { uri, number: Some(number.into()), display_name: Some("Ada \"L\"".into()) }
}

pub(crate) fn step(number: u64, why: Option<String>) -> Step {
    Step {
        deployment: deployment("reception"),
        number,
        at: at(number),
        by: Operator::client("ann").unwrap(),
        kind: StepKind::Deployed,
        why,
        from: None,
        to: Some(Digest::of(b"v1")),
        revision: Some(number),
        figures: Some("{\"calls\":3}".into()),
    }
}

pub(crate) fn plugin(component: &[u8]) -> Plugin {
    Plugin {
        digest: Digest::of(component),
        name: None,
        world: World::Flow,
        contract: "cordboard:flow@0.1.0".into(),
        imports: vec!["cordboard:flow/contact@0.1.0".into()],
        size_bytes: component.len() as u64,
        uploaded_at: at(0),
        deployments: vec![deployment("reception")],
        manifest: None,
        signed_by: None,
    }
}

fn visit() -> QueueVisit {
    let offer = |who: &str, result| Offer { agent: agent(who), at: at(200), decision: DecisionId(7), result };
    QueueVisit {
        queue: queue("support"),
        queued_at: at(100),
        offers: vec![offer("bob", OfferResult::TimedOut), offer("eve", OfferResult::Answered)],
        connected_at: Some(at(300)),
        left_at: at(900),
        outcome: VisitOutcome::Answered { agent: agent("eve"), talked_ms: 600 },
    }
}

pub(crate) fn view(n: u64) -> ContactView {
    ContactView {
        id: contact(n),
        channel: Channel::Voice,
        state: "queued",
        entry_point: entry_point("main"),
        origin: address("100"),
        dialled: address("200"),
        deployment: deployment("reception"),
        version: Some(Digest::of(b"v1")),
        offered_at: at(n),
        answered_at: Some(at(n + 5)),
        place: Some(PlaceView { queue: queue("sales"), queued_at: at(n + 10), position: Some(1), agent: None }),
        visits: vec![visit()],
        choices: vec![ChoiceMade { at: at(20), question: "menu".into(), answer: "agent".into() }],
        attributes: [("tier".to_owned(), "gold".to_owned())].into(),
        versions: vec![Digest::of(b"v1")],
        migrating_to: None,
        asleep: false,
        stepped_down: None,
        journal_entries: 12,
        journal_durable: true,
    }
}

pub(crate) fn record(n: u64) -> ContactRecord {
    ContactRecord {
        id: contact(n),
        tenant: TenantId::default_tenant(),
        channel: Channel::Voice,
        entry_point: Some(entry_point("main")),
        origin: address("100"),
        dialled: address("200"),
        offered_at: at(n),
        answered_at: Some(at(n + 5)),
        ended_at: at(n + 1000),
        end: EndReason::Rejected("busy".into()),
        visits: vec![
            visit(),
            QueueVisit { outcome: VisitOutcome::Lost("gone".into()), connected_at: None, offers: vec![], ..visit() },
        ],
        choices: vec![ChoiceMade { at: at(20), question: "menu".into(), answer: "agent".into() }],
        attributes: [("tier".to_owned(), "gold".to_owned())].into(),
        versions: vec![Digest::of(b"v1"), Digest::of(b"v2")],
        stepped_down: Some("trap".into()),
        journal_entries: 12,
        journal_durable: false,
        personal: Personal::Kept,
    }
}

/// Two contacts, two agents, two parts; the second contact refuses the first agent.
pub(crate) fn decision(id: u64) -> Decision {
    let score = |milli: Option<i64>, parts: &[f32]| PairScore { score_milli: milli, parts: parts.to_vec() };
    Decision {
        id: DecisionId(id),
        asked_at: at(100),
        decided_at: at(101),
        queue: queue("support"),
        scored_by: ScoredBy::Fallback { version: Digest::of(b"s"), reason: "deadline".into() },
        columns: Columns {
            contact: ["waited_s".to_owned()].into(),
            agent: ["billing".to_owned(), "idle_s".to_owned()].into(),
        },
        contacts: vec![
            ContactRow { contact: contact(1), values: vec![1.5] },
            ContactRow { contact: contact(2), values: vec![f32::NAN] },
        ],
        agents: vec![
            AgentRow { agent: agent("bob"), values: vec![7.0, 0.1] },
            AgentRow { agent: agent("eve"), values: vec![f32::NAN, f32::INFINITY] },
        ],
        parts: vec!["skill".into(), "idle".into()],
        scores: vec![
            score(Some(875), &[0.8, 0.075]),
            score(Some(-1), &[0.0, -0.001]),
            score(None, &[]),
            score(Some(500), &[0.5, f32::NAN]),
        ],
        assigned: vec![(contact(1), agent("bob"))],
        left_out: vec![
            (agent("kim"), LeftOut::State("wrap-up")),
            (agent("lee"), LeftOut::Skill("billing".into())),
            (agent("max"), LeftOut::Queue),
            (agent("zoe"), LeftOut::MissedOffer),
        ],
        grounds: None,
    }
}

/// Every host call, and what it returned.
pub(crate) fn calls() -> Vec<(Request, Option<Reply>)> {
    let prompt = Prompt(vec![
        PromptPart::Text("Hello".into()),
        PromptPart::Recording("ring".into()),
        PromptPart::Number(-5),
        PromptPart::Digits("12".into()),
        PromptPart::Money { minor: 1250, currency: "EUR".into() },
        PromptPart::Date { year: 2026, month: 1, day: 31 },
        PromptPart::PauseMs(100),
    ]);
    let question = Question {
        id: "pin".into(),
        prompt: prompt.clone(),
        choices: vec![Choice { id: "help".into(), key: Some('*'), words: vec!["help".into()] }],
        digits: Some(DigitsRule { min: 4, max: 4, terminator: Some('#') }),
        silence_timeout_ms: 5000,
        key_timeout_ms: 2000,
        type_ahead: TypeAhead::Flush,
        secret: true,
    };
    let ask = |answer| (Request::Ask(question.clone()), Some(Reply::Answer(answer)));
    let fields = vec![("tier".to_owned(), "gold".to_owned())];
    let profile = Profile { id: "7".into(), display_name: Some("Ada".into()), fields };
    let key = LookupKey { directory: Some(deployment("bank")), kind: "phone".into(), value: "100".into() };
    let lookup = |reply| (Request::Lookup { key: key.clone(), timeout_ms: 900 }, Some(reply));
    let place = Place { position: 2, waiting: 3, estimate_ms: None, waited_ms: 10 };
    let talk = |ended_by| WaitStatus::Talked(Talk { agent: agent("eve"), talked_ms: 600, ended_by });
    let treatment = Some(Treatment { music: None, announce_position_every_ms: 0 });
    let wait = |status| {
        (Request::Wait { waiting: 3, treatment: treatment.clone(), timeout_ms: 500 }, Some(Reply::Waited(status)))
    };
    let skills = vec![SkillRequirement { name: "billing".into(), min_level: 2 }];
    let failed = |error| Some(Reply::Failed(error));
    vec![
        (Request::Attribute("tier".into()), Some(Reply::Attribute(None))),
        (Request::SetAttribute("tier".into(), "gold".into()), Some(Reply::Done)),
        (Request::Ring, Some(Reply::Done)),
        (Request::Answer, Some(Reply::Done)),
        (Request::Reject(RejectCause::Busy), failed(ContactError::NotNow("answered".into()))),
        (Request::Redirect("tel:100".into()), failed(ContactError::Ended)),
        (Request::Say(prompt.clone()), Some(Reply::Done)),
        (Request::StartPlaying { prompt, repeat: true }, failed(ContactError::TakenOver)),
        (Request::StopPlaying, failed(ContactError::InterruptedConnected)),
        ask(Answer::SecretDigits(4)),
        ask(Answer::Choice("help".into())),
        ask(Answer::Silence),
        ask(Answer::NoMatch("9".into())),
        (Request::Pause { duration_ms: 10 }, failed(ContactError::Limit("time".into()))),
        lookup(Reply::Profile(Some(profile))),
        lookup(Reply::Profile(None)),
        lookup(Reply::LookupFailed(LookupError::Timeout)),
        lookup(Reply::LookupFailed(LookupError::Unavailable("down".into()))),
        (Request::Choose { name: "ab".into(), weights: vec![1, 2] }, Some(Reply::Chosen(1))),
        (Request::Enqueue(QueueRequest { queue: "support".into(), priority: -1, skills }), Some(Reply::Enqueued)),
        wait(talk(TalkEnd::Agent)),
        wait(talk(TalkEnd::Other("fault".into()))),
        wait(WaitStatus::StillWaiting(place)),
        wait(WaitStatus::Lost("gone".into())),
        (Request::Leave { waiting: 3 }, Some(Reply::Done)),
        (
            Request::ContinueAs { deployment: "night".into(), attributes: vec![("a".into(), "b".into())] },
            failed(ContactError::Invalid("no".into())),
        ),
        (Request::End(FlowEnd::Failed("tired".into())), None),
    ]
}

/// Requests to places outside.
pub(crate) fn fetches() -> Vec<(Request, Option<Reply>)> {
    let secret = HeaderValue::Config { prefix: "Bearer ".into(), key: "token".into() };
    let headers = vec![("accept".into(), HeaderValue::Text("text/plain".into())), ("authorization".into(), secret)];
    let (url, body) = ("https://crm.example/notes".into(), Some(b"called".to_vec()));
    let request = FetchRequest { method: Method::Post, url, headers, body, wanted_headers: vec!["location".into()] };
    let fetch = |reply| (Request::Fetch { request: request.clone(), timeout_ms: 900 }, Some(reply));
    let headers = vec![("location".into(), "/notes/7".into())];
    vec![
        fetch(Reply::Fetched(FetchResponse { status: 201, headers, body: vec![0xff, 0] })),
        fetch(Reply::FetchFailed(FetchError::NotGranted)),
        fetch(Reply::FetchFailed(FetchError::Unavailable("refused".into()))),
    ]
}

/// A line, a failure with lines of its text, and what it used.
pub(crate) fn notes() -> Vec<Note> {
    let line = SourceLine { function: Some("menu::choose".into()), file: "src/menu.rs".into(), line: 7, column: 3 };
    let stack = vec![
        StackFrame { function: "rust_panic".into(), offset: Some(90), lines: Vec::new() },
        StackFrame { function: "menu::run".into(), offset: Some(70), lines: vec![line] },
    ];
    let cost = RunCost { cpu_us: 1500, steps: 9, peak_memory_bytes: 1 << 20 };
    let kinds = [
        NoteKind::Log { level: LogLevel::Warn, text: "no such account".into() },
        NoteKind::Failed(FailedRun { kind: "trap".into(), detail: "unreachable".into(), stack }),
        NoteKind::Used { cost, runs: 2, dropped: 3 },
    ];
    (0..).zip(kinds).map(|(ms, kind)| Note { at: at(ms), version: Digest([4; 32]), kind }).collect()
}

/// Those of a contact: it has some once it has ended.
pub(crate) fn notes_of(contact: Contact) -> Result<Vec<Note>, Refusal> {
    match contact {
        Contact::Ended(record) if record.personal == Personal::Erased => Err(Refusal::Erased("it is erased".into())),
        Contact::Ended(_) => Ok(notes()),
        Contact::Live(_) => Ok(Vec::new()),
    }
}

/// A dump, where a flow failed.
pub(crate) fn dump_of(notes: &[Note]) -> Result<Vec<u8>, Refusal> {
    if notes.is_empty() { Err(Refusal::NotNow("no flow failed".into())) } else { Ok(b"\0asm\x01\0\0\0".to_vec()) }
}

/// A run of each kind.
pub(crate) fn comparison_of(contact: ContactId, candidate: Option<Candidate>) -> Result<Comparison, Refusal> {
    let run = |flow, went| RunAgain {
        flow,
        deployment: deployment("reception"),
        version: Digest::of(b"v1"),
        entries: 9,
        went,
    };
    let went = |verdict| Ok(Went { reached: 3, substituted: 1, verdict, seen: seen() });
    let Some(candidate) = candidate else {
        let agreed = went(Verdict::Agreed { beyond: Some("say".into()) });
        return Ok(Comparison { contact, candidate: None, runs: vec![run(0, agreed), run(1, Err("gone".into()))] });
    };
    if candidate.deployment.is_some_and(|name| name.as_str() == "other") {
        return Err(Refusal::Invalid { code: "other-deployment", detail: "none of it ran".into() });
    }
    let what = Divergence { entry: 3, expected: "ring".into(), got: "answer".into() };
    let parted = went(Verdict::Parted(Parting { what, expected: "ring".into(), got: "answer".into() }));
    let (kind, detail) = ("trap", "unreachable".into());
    let failed = went(Verdict::Failed { entry: 3, kind, detail, after: Some("ask menu".into()), as_before: true });
    Ok(Comparison { contact, candidate: Some(Digest::of(b"v2")), runs: vec![run(0, parted), run(1, failed)] })
}

fn seen() -> Seen {
    Seen {
        unlike: Some(Request::Answer),
        lines: vec![SeenLine { entry: 2, level: LogLevel::Info, text: "on its way".into() }],
        lines_dropped: 1,
        reworded: vec![(1, Request::Say(Prompt(vec![PromptPart::Text("Hello.".into())])))],
    }
}

/// One that is done, with one of each.
pub(crate) fn backtest(spec: BacktestSpec) -> Backtest {
    let CandidateOf::Plugin(plugin) = spec.candidate.of else { panic!("a plugin") };
    let scorer = spec.candidate.deployment.as_ref().is_some_and(|name| name.as_str() == "skills");
    Backtest {
        id: 7,
        version: Digest::of(b"v2"),
        plugin,
        deployment: spec.candidate.deployment.expect("it is named"),
        filter: spec.filter,
        limit: spec.limit,
        state: BacktestState::Done,
        began_at: at(0),
        ended_at: Some(at(900)),
        findings: if scorer { Findings::Decisions(rescored()) } else { Findings::Contacts(tally()) },
    }
}

/// One of each.
pub(crate) fn tally() -> Tally {
    let mut tally = Tally::default();
    let compared = |verdict| Compared { flow: 0, entries: 10, reached: 4, substituted: 1, verdict };
    let what = Divergence { entry: 4, expected: "ask menu (1 → a)".into(), got: "ask menu (1 → b)".into() };
    let (kind, detail) = ("trap", "unreachable".into());
    tally.add(contact(3), vec![compared(Verdict::Agreed { beyond: Some("say".into()) })]);
    tally.add(
        contact(2),
        vec![compared(Verdict::Parted(Parting { what, expected: "ask menu".into(), got: "ask menu".into() }))],
    );
    tally.add(contact(1), vec![compared(Verdict::Failed { entry: 4, kind, detail, after: None, as_before: true })]);
    tally.skip(Skip::Erased);
    tally
}

/// A decision in which another agent is chosen, one at which the scorer fails, and one that no scorer made.
fn rescored() -> rescoring::Tally {
    let scorer = DeploymentName::new("skills").expect("a name");
    let scored_by = ScoredBy::Plugin(Digest::of(b"s"));
    let grounds = Some(Grounds { scorer: scorer.clone(), ranks: vec![0, 1], unfit: Vec::new() });
    let assigned = vec![(contact(1), agent("bob")), (contact(2), agent("eve"))];
    let made = Decision { scored_by, grounds, assigned, ..decision(3) };
    let recorded = Recorded::new(&made, &scorer).expect("it can be made again");
    let mut tally = rescoring::Tally::default();
    let scores = [vec![None, Some(1)], vec![Some(2), None]];
    tally.add(&recorded, recorded.compare(&scores).expect("its shape"));
    tally.fail(&recorded, "trap", "unreachable".into());
    tally.skip(rescoring::Skip::NoScorer);
    tally
}
