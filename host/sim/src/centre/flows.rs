//! Flows, played as the plugin host would: one call at a time, each after the reply to the one before.

use crate::random::Random;
use cordboard_core::flow::{
    Answer, Choice, ContactError, DigitsRule, FetchRequest, FlowEnd, LookupError, LookupKey, Method, Prompt,
    PromptPart, Question, QueueRequest, RejectCause, Reply, Request, RunEnd, SkillRequirement, Treatment, TypeAhead,
    WaitStatus,
};
use cordboard_core::time::Timestamp;
use std::collections::VecDeque;

/// What a flow does next.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Call(Request),
    End(RunEnd),
    /// Computes for ever. The host's deadline is not part of this centre.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ring,
    Answer,
    Say,
    Play,
    Hush,
    Menu,
    Digits,
    Lookup,
    Fetch,
    Set,
    Get,
    Choose,
    Pause,
    Enqueue,
    Wait,
    Leave,
    Continue,
    Reject,
    Redirect,
    End,
    Bad,
    Fail,
    Never,
    Return,
}

/// A host call, and its entry, time and reply once it returned.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) request: Request,
    pub(super) reply: Option<(u64, Timestamp, Reply)>,
}

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// What it did and was told.
    pub(super) made: Vec<Turn>,
    /// Its version asks something else than the one before it did: what was answered meanwhile may part them.
    pub(super) changed: bool,
    phases: VecDeque<Phase>,
    reply: Option<(u64, Reply)>,
    place: Option<u64>,
    patience: u32,
    tidying: bool,
}

/// What flows may name.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) queues: Vec<String>,
    pub(super) flows: Vec<String>,
}

impl Flow {
    /// A flow of some kind; a broken one with this chance out of a thousand.
    pub(super) fn new(random: &mut Random, broken: u32) -> Self {
        use Phase as P;
        let queue: &[P] = &[P::Lookup, P::Say, P::Enqueue, P::Wait];
        let mut phases: VecDeque<P> = match random.below(10) {
            0 => [P::Ring, P::Answer, P::Say, P::Lookup, P::Menu, P::Say, P::Return].into(),
            1 => [P::Answer, P::Digits, P::Set, P::Fetch, P::Get, P::Say, P::End, P::Return].into(),
            2 => [P::Play, P::Lookup, P::Fetch, P::Hush, P::Pause, P::Choose, P::Menu, P::Return].into(),
            3 => [P::Ring, P::Enqueue, P::Wait, P::Return].into(),
            4 => [P::Answer, P::Enqueue, P::Fetch, P::Wait, P::Menu, P::Digits, P::Return].into(),
            5 => [P::Say, P::Set, P::Continue, P::Return].into(),
            6 if random.chance(300) => [P::Ring, P::Reject, P::Redirect, P::Return].into(),
            7 if random.chance(300) => [P::Redirect, P::Say, P::Return].into(),
            _ => queue.iter().copied().chain([P::Set, P::Return]).collect(),
        };
        if random.chance(broken) {
            let at = usize::try_from(random.below(phases.len() as u64)).unwrap_or(0);
            match random.below(6) {
                0 => phases.insert(at, P::Never),
                1 => phases.insert(at, P::Bad),
                2 => (0..random.between(20, 120)).for_each(|_| phases.insert(at, P::Get)),
                // Returns while it holds a place.
                3 => phases = queue.iter().copied().take(3).chain([P::Return]).collect(),
                _ => phases.insert(at, P::Fail),
            }
        }
        Self { made: vec![], changed: false, phases, reply: None, place: None, patience: 0, tidying: false }
    }

    pub(super) fn replied(&mut self, entry: u64, at: Timestamp, reply: Reply) {
        if let Some(turn) = self.made.last_mut() {
            turn.reply = Some((entry, at, reply.clone()));
        }
        self.reply = Some((entry, reply));
    }

    /// The next thing that the flow does.
    pub(super) fn next(&mut self, names: &Names, random: &mut Random) -> Act {
        if let Some((entry, reply)) = self.reply.take() {
            self.react(entry, reply, random);
        }
        loop {
            let phase = self.phases.pop_front().unwrap_or(Phase::Return);
            if let Some(act) = self.act(phase, names, random) {
                if let Act::Call(request) = &act {
                    self.made.push(Turn { request: request.clone(), reply: None });
                }
                return act;
            }
        }
    }

    /// Another version of it, which makes the latest call in its own way.
    pub(super) fn vary(&mut self, random: &mut Random) {
        let Some(turn) = self.made.last_mut() else { return };
        match &mut turn.request {
            Request::Say(words) => *words = prompt(random),
            Request::Pause { duration_ms } => *duration_ms = random.between(0, 9_000) as u32,
            Request::Wait { timeout_ms, .. } => *timeout_ms = random.between(100, 60_000) as u32,
            Request::Fetch { timeout_ms, .. } => *timeout_ms = random.between(100, 5_000) as u32,
            Request::Ask(question) => {
                question.prompt = prompt(random);
                question.silence_timeout_ms = random.between(100, 8_000) as u32;
                let card = Choice { id: "card".into(), key: Some('7'), words: vec![] };
                match random.below(6) {
                    0..=2 if !question.choices.contains(&card) => {
                        self.changed = true;
                        question.choices.push(card);
                    }
                    3 => {
                        // The keys mean something else.
                        self.changed = true;
                        let mut keys: Vec<_> = question.choices.iter().map(|choice| choice.key).collect();
                        keys.rotate_left(1);
                        question.choices.iter_mut().zip(keys).for_each(|(choice, key)| choice.key = key);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// What it goes on with is another version's.
    pub(super) fn go_on_otherwise(&mut self, random: &mut Random, broken: u32) {
        self.phases = Self::new(random, broken).phases;
    }

    fn react(&mut self, entry: u64, reply: Reply, random: &mut Random) {
        match reply {
            Reply::Failed(ContactError::Ended | ContactError::TakenOver) | Reply::LookupFailed(LookupError::Ended) => {
                self.tidy(random);
            }
            Reply::Failed(ContactError::InterruptedConnected) => self.phases.push_front(Phase::Wait),
            Reply::Answer(Answer::Choice(id)) if id == "agent" && self.place.is_none() => {
                self.phases.push_front(Phase::Wait);
                self.phases.push_front(Phase::Enqueue);
            }
            Reply::Answer(Answer::Silence | Answer::NoMatch(_)) if self.patience < 2 => {
                self.patience += 1;
                self.phases.push_front(Phase::Menu);
            }
            Reply::Enqueued => self.place = Some(entry),
            Reply::Waited(WaitStatus::StillWaiting(_)) => {
                let next =
                    random.one([Phase::Wait, Phase::Wait, Phase::Say, Phase::Digits, Phase::Pause, Phase::Leave]);
                self.phases.push_front(Phase::Wait);
                self.phases.push_front(next.unwrap_or(Phase::Wait));
            }
            Reply::Waited(WaitStatus::Talked(_)) => self.place = None,
            Reply::Waited(WaitStatus::Lost(_)) => {
                self.place = None;
                if self.patience < 3 {
                    self.patience += 1;
                    self.phases.push_front(Phase::Wait);
                    self.phases.push_front(Phase::Enqueue);
                }
            }
            Reply::Done
            | Reply::Failed(_)
            | Reply::Attribute(_)
            | Reply::Answer(_)
            | Reply::Profile(_)
            | Reply::LookupFailed(_)
            | Reply::Chosen(_)
            | Reply::Value(_)
            | Reply::ValueFailed(_)
            | Reply::Fetched(_)
            | Reply::FetchFailed(_) => {}
        }
    }

    /// The person is gone: what flows do with their last seconds.
    fn tidy(&mut self, random: &mut Random) {
        use Phase as P;
        if std::mem::replace(&mut self.tidying, true) {
            return;
        }
        self.phases = match random.below(8) {
            0 => [P::Set, P::Get, P::End, P::Return].into(),
            1 => [P::Say, P::Enqueue, P::Wait, P::Leave, P::Return].into(),
            2 => [P::Never].into(),
            3 => vec![P::Set; 40].into(),
            4 => [P::Fail].into(),
            _ => [P::Return].into(),
        };
    }

    fn act(&mut self, phase: Phase, names: &Names, random: &mut Random) -> Option<Act> {
        Some(Act::Call(match phase {
            Phase::Ring => Request::Ring,
            Phase::Answer => Request::Answer,
            Phase::Say => Request::Say(prompt(random)),
            Phase::Play => Request::StartPlaying { prompt: prompt(random), repeat: random.chance(500) },
            Phase::Hush => Request::StopPlaying,
            Phase::Menu => Request::Ask(question(random, false)),
            Phase::Digits => Request::Ask(question(random, true)),
            Phase::Lookup => lookup(random),
            Phase::Fetch => fetch(random),
            Phase::Set => Request::SetAttribute(format!("a{}", random.below(4)), random.below(100).to_string()),
            Phase::Get => Request::Attribute(format!("a{}", random.below(5))),
            Phase::Choose => Request::Choose { name: "greeting".into(), weights: vec![1, 0, 3] },
            Phase::Pause => Request::Pause { duration_ms: random.between(0, 4_000) as u32 },
            Phase::Enqueue => Request::Enqueue(queue_request(names, random)),
            Phase::Wait => wait(self.place?, random),
            Phase::Leave => Request::Leave { waiting: self.place.take()? },
            Phase::Continue => Request::ContinueAs {
                deployment: random.pick(&names.flows).cloned().unwrap_or_default(),
                attributes: vec![("from".into(), random.below(9).to_string())],
            },
            Phase::Reject => Request::Reject(random.one([RejectCause::Busy, RejectCause::Forbidden])?),
            Phase::Redirect => Request::Redirect("sip:elsewhere@example.net".into()),
            Phase::End => Request::End(end(random)),
            Phase::Bad => bad(random)?,
            Phase::Fail => return Some(Act::End(failure(random)?)),
            Phase::Never => return Some(Act::Nothing),
            Phase::Return => return Some(Act::End(RunEnd::Returned(end(random)))),
        }))
    }
}

fn prompt(random: &mut Random) -> Prompt {
    let parts = (0..random.between(1, 3)).map(|_| PromptPart::Text("x".repeat(random.below(40) as usize)));
    Prompt(parts.collect())
}

fn question(random: &mut Random, digits: bool) -> Question {
    let choice = |id: &str, key| Choice { id: id.into(), key: Some(key), words: vec![] };
    Question {
        id: if digits { "account" } else { "menu" }.into(),
        prompt: prompt(random),
        choices: vec![choice("balance", '1'), choice("agent", '0'), choice("more", '*')],
        digits: digits.then_some(DigitsRule { min: 2, max: 4, terminator: Some('#') }),
        silence_timeout_ms: random.between(100, 8_000) as u32,
        key_timeout_ms: random.between(100, 3_000) as u32,
        type_ahead: if random.chance(500) { TypeAhead::Keep } else { TypeAhead::Flush },
        secret: digits && random.chance(500),
    }
}

fn lookup(random: &mut Random) -> Request {
    let key = LookupKey { directory: None, kind: "phone".into(), value: random.below(1000).to_string() };
    Request::Lookup { key, timeout_ms: random.between(100, 5_000) as u32 }
}

fn fetch(random: &mut Random) -> Request {
    let method = random.one([Method::Get, Method::Post, Method::Post, Method::Delete]).unwrap_or(Method::Get);
    let body = method.acts().then(|| b"{}".to_vec());
    let to = request_to(&format!("https://crm.example/people/{}", random.below(1000)));
    Request::Fetch { request: FetchRequest { method, body, ..to }, timeout_ms: random.between(100, 5_000) as u32 }
}

fn queue_request(names: &Names, random: &mut Random) -> QueueRequest {
    let queue =
        if random.chance(30) { "nowhere".into() } else { random.pick(&names.queues).cloned().unwrap_or_default() };
    let skill = SkillRequirement { name: format!("s{}", random.below(3)), min_level: random.between(1, 3) as u8 };
    QueueRequest {
        queue,
        priority: random.one([0, 0, 0, 10, -10]).unwrap_or(0),
        skills: if random.chance(300) { vec![skill] } else { vec![] },
    }
}

fn wait(waiting: u64, random: &mut Random) -> Request {
    let music = random.chance(500).then(|| "calm".into());
    let treatment = random
        .chance(700)
        .then(|| Treatment { music, announce_position_every_ms: random.one([0, 5_000, 20_000]).unwrap_or(0) });
    Request::Wait { waiting, treatment, timeout_ms: random.between(100, 60_000) as u32 }
}

fn end(random: &mut Random) -> FlowEnd {
    match random.below(4) {
        0 => FlowEnd::Failed("no answer".into()),
        1 => FlowEnd::Other("test".into()),
        _ => FlowEnd::Completed,
    }
}

/// Beyond the contract's bounds, or of a place that isn't held.
fn bad(random: &mut Random) -> Option<Request> {
    random.one([
        Request::Say(Prompt(vec![])),
        Request::Wait { waiting: u64::MAX, treatment: None, timeout_ms: 1_000 },
        Request::Wait { waiting: 0, treatment: None, timeout_ms: 0 },
        Request::Leave { waiting: 77 },
        Request::Choose { name: String::new(), weights: vec![0] },
        Request::Redirect("file:///etc/passwd".into()),
        Request::SetAttribute("big".into(), "x".repeat(8_193)),
        Request::ContinueAs { deployment: "no such flow".into(), attributes: vec![] },
        Request::Pause { duration_ms: u32::MAX },
        Request::Fetch { request: request_to("ftp://crm.example/"), timeout_ms: 1_000 },
    ])
}

fn request_to(url: &str) -> FetchRequest {
    FetchRequest { method: Method::Post, url: url.into(), headers: vec![], body: None, wanted_headers: vec![] }
}

fn failure(random: &mut Random) -> Option<RunEnd> {
    random.one([
        RunEnd::Trap("unreachable".into()),
        RunEnd::GuestError("went wrong".into()),
        RunEnd::Deadline,
        RunEnd::Limit("memory".into()),
    ])
}
