//! The board, one behaviour a file. [`Desk`] drives it and keeps all that it wanted.

mod agents;
mod continuing;
mod entry;
mod fetches;
mod journal;
mod ladder;
mod matching;
mod migrating;
mod offers;
mod queues;
mod random;
mod rollouts;
mod safe;
mod scoring;
mod sleeping;
mod speech;
mod talks;
mod tidying;
mod values;
mod versions;

use super::{Board, Effect, Input, LegOffer, LegSource};
use crate::agent::{AgentState, WantedState};
use crate::config::{Agent, Deployment, EntryPoint, Queue, Settings, World};
use crate::decision::{Decision, ScoreRequest};
use crate::event::What;
use crate::flow::{
    Address, ContactError, FlowEnd, Prompt, PromptPart, QueueRequest, Reply, Request, RunEnd, SkillRequirement,
    WaitStatus,
};
use crate::ids::{
    AgentId, ContactId, DeploymentName, Digest, EntryPointName, LegId, PlayId, QueueName, RunId, TenantId, Version,
};
use crate::journal::{Entry, External, Journal};
use crate::record::{ContactRecord, EndReason};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// A board, the time, and all that it wanted.
pub(super) struct Desk {
    pub(super) board: Board,
    pub(super) now: Timestamp,
    /// Since the last look.
    pub(super) effects: Vec<Effect>,
    pub(super) journals: BTreeMap<ContactId, Vec<Vec<u8>>>,
    pub(super) records: Vec<ContactRecord>,
    pub(super) decisions: Vec<Decision>,
    /// The store answers at once.
    pub(super) durable: bool,
    next_leg: u64,
}

/// A call that came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) id: ContactId,
    pub(super) leg: LegId,
    pub(super) run: RunId,
}

pub(super) fn version(n: u8) -> Version {
    Digest([n; 32])
}

pub(super) fn agent_id(id: &str) -> AgentId {
    AgentId::new(id).unwrap()
}

pub(super) fn queue_name(name: &str) -> QueueName {
    QueueName::new(name).unwrap()
}

pub(super) fn deployment_name(name: &str) -> DeploymentName {
    DeploymentName::new(name).unwrap()
}

pub(super) fn queue(name: &str) -> Queue {
    Queue {
        name: queue_name(name),
        skills: vec![],
        scorer: None,
        offer_timeout_ms: 20_000,
        wrap_up_ms: 0,
        max_waiting: 100,
        music: Some("hold music".into()),
        service_level_ms: 20_000,
    }
}

pub(super) fn agent(id: &str, skills: &[(&str, u8)]) -> Agent {
    Agent {
        id: agent_id(id),
        name: id.into(),
        skills: skills.iter().map(|(skill, level)| ((*skill).into(), *level)).collect(),
        attributes: BTreeMap::new(),
        queues: vec![],
        auto_ready: true,
    }
}

pub(super) fn deployment(name: &str, world: World, n: u8) -> Deployment {
    Deployment::new(deployment_name(name), world, version(n))
}

pub(super) fn entry_point(name: &str, numbers: &[&str]) -> EntryPoint {
    EntryPoint {
        name: EntryPointName::new(name).unwrap(),
        numbers: numbers.iter().map(|number| (*number).into()).collect(),
        deployment: deployment_name("reception"),
        safe_flow: None,
        fallback_queue: Some(queue_name("support")),
    }
}

pub(super) fn text(text: &str) -> Prompt {
    Prompt(vec![PromptPart::Text(text.into())])
}

pub(super) fn need(name: &str, min_level: u8) -> SkillRequirement {
    SkillRequirement { name: name.into(), min_level }
}

pub(super) fn enqueue(queue: &str, priority: i32) -> Request {
    Request::Enqueue(QueueRequest { queue: queue.into(), priority, skills: vec![] })
}

pub(super) fn wait(waiting: u64, timeout_ms: u32) -> Request {
    Request::Wait { waiting, treatment: None, timeout_ms }
}

pub(super) fn failed(error: ContactError) -> Reply {
    Reply::Failed(error)
}

impl Desk {
    /// A centre: number 100 → flow `reception` (version 1), queue `support`.
    pub(super) fn new() -> Self {
        let mut desk = Self::empty(7);
        desk.give(Input::PutDeployment(deployment("reception", World::Flow, 1)));
        desk.give(Input::PutQueue(queue("support")));
        desk.give(Input::PutEntryPoint(entry_point("main", &["100"])));
        desk.effects.clear();
        desk
    }

    pub(super) fn empty(seed: u64) -> Self {
        Self {
            board: Board::new(TenantId::default_tenant(), seed),
            now: Timestamp::from_ms(1_700_000_000_000),
            effects: vec![],
            journals: BTreeMap::new(),
            records: vec![],
            decisions: vec![],
            durable: true,
            next_leg: 1,
        }
    }

    /// Gives an input and keeps what it leads to.
    pub(super) fn give(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.board.handle(self.now, input);
            while let Some(effect) = self.board.poll_effect() {
                match &effect {
                    Effect::Journal { contact, frame, bytes, sync } => {
                        let frames = self.journals.entry(*contact).or_default();
                        assert_eq!(*frame, frames.len() as u64, "frames are numbered one by one");
                        frames.push(bytes.clone());
                        if *sync && self.durable {
                            inputs.push_back(Input::JournalDurable { contact: *contact, frame: *frame });
                        }
                    }
                    Effect::KeepRecord(record) => {
                        let journal = self.journal(record.id);
                        assert!(journal.closed.is_some(), "a record follows a closed journal");
                        assert_eq!(journal.total_entries(), record.journal_entries);
                        self.records.push((**record).clone());
                    }
                    Effect::KeepDecision(decision) => self.decisions.push((**decision).clone()),
                    _ => {}
                }
                self.effects.push(effect);
            }
        }
    }

    /// Lets time pass, step by step.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        while let Some(at) = self.board.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.give(Input::Tick);
        }
        self.now = until;
    }

    pub(super) fn journal(&self, id: ContactId) -> Journal {
        Journal::from_frames(self.journals[&id].iter().map(Vec::as_slice)).unwrap()
    }

    /// Who was it, and what was done to it from outside.
    pub(super) fn externals(&self, id: ContactId) -> Vec<External> {
        let journal = self.journal(id);
        let acts = journal.entries.iter().filter_map(|entry| match entry {
            Entry::External { act, .. } => Some(act.clone()),
            Entry::Call { .. } => None,
        });
        acts.collect()
    }

    /// What was wanted since the last look.
    pub(super) fn taken(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What was told since the last look, which stays.
    pub(super) fn told(&self) -> Vec<&What> {
        self.effects
            .iter()
            .filter_map(|effect| if let Effect::Tell(event) = effect { Some(&event.what) } else { None })
            .collect()
    }

    pub(super) fn offer_leg(&mut self, from: &str, to: &str) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        let address = |number: &str| Address {
            uri: format!("sip:{number}@test"),
            number: Some(number.into()),
            display_name: None,
        };
        let source = LegSource::Trunk("trunk".into());
        self.give(Input::LegOffered(LegOffer { leg, origin: address(from), dialled: address(to), source }));
        leg
    }

    /// A call to the flow.
    pub(super) fn call(&mut self) -> Call {
        let leg = self.offer_leg("555", "100");
        let started = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::StartFlow { contact, run, .. } => Some((*contact, *run)),
            _ => None,
        });
        let (id, run) = started.expect("a flow was started");
        Call { id, leg, run }
    }

    /// A call that was answered.
    pub(super) fn answered_call(&mut self) -> Call {
        let call = self.call();
        self.request(call, Request::Answer);
        self.give(Input::LegAnswered(call.leg));
        assert_eq!(self.reply(call), Some(Reply::Done));
        call
    }

    /// The flow calls; the reply, if there is one at once.
    pub(super) fn request(&mut self, call: Call, request: Request) -> Option<Reply> {
        self.taken();
        self.give(Input::FlowRequested { contact: call.id, run: call.run, request });
        self.reply(call)
    }

    /// The latest reply since the last look.
    pub(super) fn reply(&self, call: Call) -> Option<Reply> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::ReplyFlow { contact, reply, .. } if *contact == call.id => Some(reply.clone()),
            _ => None,
        })
    }

    /// The number of the last entry.
    pub(super) fn last_entry(&self, call: Call) -> u64 {
        self.journal(call.id).entries.len() as u64 - 1
    }

    /// Takes a place, and gives its handle.
    pub(super) fn enqueue(&mut self, call: Call, priority: i32) -> u64 {
        assert_eq!(self.request(call, enqueue("support", priority)), Some(Reply::Enqueued));
        let enqueues = |entry: &Entry| matches!(entry, Entry::Call { request: Request::Enqueue(_), .. });
        self.journal(call.id).entries.iter().rposition(enqueues).unwrap() as u64
    }

    pub(super) fn returns(&mut self, call: Call, end: FlowEnd) {
        self.give(Input::FlowEnded { contact: call.id, run: call.run, end: RunEnd::Returned(end) });
    }

    pub(super) fn fails(&mut self, call: Call, end: RunEnd) {
        self.give(Input::FlowEnded { contact: call.id, run: call.run, end });
    }

    pub(super) fn hang_up(&mut self, leg: LegId) {
        self.give(Input::LegEnded { leg, fault: None });
    }

    /// What plays to a leg now or was played last.
    pub(super) fn playing(&self, leg: LegId) -> Option<(PlayId, Prompt)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Play { leg: to, play, prompt, .. } if *to == leg => Some((*play, prompt.clone())),
            _ => None,
        })
    }

    /// What plays comes to its end.
    pub(super) fn played(&mut self, leg: LegId) {
        let (play, _) = self.playing(leg).expect("something plays");
        self.give(Input::PlayFinished { leg, play });
    }

    /// Sets up an agent whose phone is registered.
    pub(super) fn seat(&mut self, agent: Agent) {
        let id = agent.id.clone();
        self.give(Input::PutAgent(agent));
        self.give(Input::PhoneRegistered(id));
    }

    pub(super) fn wants(&mut self, id: &str, wanted: WantedState) {
        self.give(Input::AgentWants(agent_id(id), wanted));
    }

    pub(super) fn state(&self, id: &str) -> AgentState {
        self.board.agents().into_iter().find(|view| view.agent.id.as_str() == id).unwrap().state
    }

    /// Whose phones were rung since the last look, and the calls.
    pub(super) fn rung(&self) -> Vec<(AgentId, ContactId, LegId)> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::CallAgent { leg, agent, contact, .. } => Some((agent.clone(), *contact, *leg)),
                _ => None,
            })
            .collect()
    }

    /// The scores that were asked for last.
    pub(super) fn score_request(&self) -> Option<ScoreRequest> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Score(request) => Some(request.clone()),
            _ => None,
        })
    }

    /// A call that talks with the agent `ada`. The place's handle, and the agent's call.
    pub(super) fn talk(&mut self) -> (Call, u64, LegId) {
        self.seat(agent("ada", &[]));
        let call = self.answered_call();
        let place = self.enqueue(call, 0);
        let leg = self.rung()[0].2;
        self.give(Input::LegAnswered(leg));
        (call, place, leg)
    }

    /// Who was to be rehearsed since the last look, and as which runs.
    pub(super) fn rehearsals(&self) -> Vec<(ContactId, RunId)> {
        let found = self.effects.iter().filter_map(|effect| match effect {
            Effect::Rehearse(wanted) => Some((wanted.contact, wanted.run)),
            _ => None,
        });
        found.collect()
    }

    pub(super) fn record(&self, call: Call) -> &ContactRecord {
        let mut found = self.records.iter().filter(|record| record.id == call.id);
        let record = found.next().expect("a record");
        assert!(found.next().is_none(), "exactly one record");
        record
    }

    pub(super) fn settings(&mut self, settings: Settings) {
        self.give(Input::PutSettings(settings));
    }

    /// Whether this effect was wanted since the last look.
    pub(super) fn wanted(&self, is: impl Fn(&Effect) -> bool) -> bool {
        self.effects.iter().any(is)
    }

    pub(super) fn end_reason(&self, call: Call) -> EndReason {
        self.record(call).end.clone()
    }
}

pub(super) fn waited(reply: Option<Reply>) -> WaitStatus {
    match reply {
        Some(Reply::Waited(status)) => status,
        other => panic!("no wait's end: {other:?}"),
    }
}
