//! A simulated centre: the real board, and around it callers, agents' phones, flows, directories, scorers, a store and
//! operators, all driven by one seed over virtual time.

mod agenda;
mod flows;
mod outside;
mod people;
mod replays;
mod setup;

use crate::plan::Plan;
use crate::random::Random;
use crate::report::{Report, Tally};
use crate::violation::Violation;
use crate::watch::{Broken, Watch, holds};
use agenda::{Agenda, Happening};
use cordboard_core::board::{Board, Effect, Input};
use cordboard_core::flow::{Prompt, PromptPart};
use cordboard_core::ids::{AgentId, ContactId, LegId, RunId, TenantId};
use cordboard_core::time::Timestamp;
use flows::{Act, Flow, Names};
use people::Line;
use replays::Rehearsing;
use setup::Setup;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// 2026-03-02T08:00:00Z.
const MORNING: Timestamp = Timestamp::from_ms(1_772_438_400_000);
/// Inputs that a violation shows.
const KEPT: usize = 24;

pub(crate) struct Centre<'a> {
    plan: &'a Plan,
    seed: u64,
    began: Instant,
    random: Random,
    now: Timestamp,
    step: u64,
    board: Board,
    watch: Watch,
    tally: Tally,
    /// Changes what the watch sees of a step's effects: to show that it would notice.
    tamper: &'a mut dyn FnMut(&mut Vec<Effect>),
    agenda: Agenda,
    setup: Setup,
    names: Names,
    lines: BTreeMap<LegId, Line>,
    registered: BTreeSet<AgentId>,
    runs: BTreeMap<(ContactId, RunId), Flow>,
    /// Flows whose instances were dropped while they wait.
    asleep: BTreeMap<ContactId, (RunId, Flow)>,
    /// Flows that failed: their predecessors go through what they did.
    failed: BTreeMap<ContactId, Flow>,
    rehearsals: BTreeMap<(ContactId, RunId), Rehearsing>,
    /// What a flow was told that it can't have been.
    broken: Option<Broken>,
    store_failed: bool,
    drained: bool,
    legs: u64,
    arrived: u32,
    recent: VecDeque<(Timestamp, Input)>,
}

impl<'a> Centre<'a> {
    pub(crate) fn new(seed: u64, plan: &'a Plan, tamper: &'a mut dyn FnMut(&mut Vec<Effect>)) -> Self {
        let mut random = Random::new(seed);
        let setup = Setup::new(plan, &mut random);
        Self {
            plan,
            seed,
            began: Instant::now(),
            board: Board::new(TenantId::default_tenant(), random.next()),
            random,
            now: MORNING,
            step: 0,
            watch: Watch::new(),
            tally: Tally::default(),
            tamper,
            agenda: Agenda::default(),
            names: Names {
                queues: setup.queues.iter().map(|queue| queue.name.to_string()).collect(),
                flows: setup.deployments.iter().take(3).map(|deployment| deployment.name.to_string()).collect(),
            },
            setup,
            lines: BTreeMap::new(),
            registered: BTreeSet::new(),
            runs: BTreeMap::new(),
            asleep: BTreeMap::new(),
            failed: BTreeMap::new(),
            rehearsals: BTreeMap::new(),
            broken: None,
            store_failed: false,
            drained: false,
            legs: 0,
            arrived: 0,
            recent: VecDeque::new(),
        }
    }

    /// The whole day.
    pub(crate) fn run(mut self) -> Result<Report, Box<Violation>> {
        for input in self.setup.inputs() {
            self.take(input)?;
        }
        self.begin();
        while let Some(at) = self.next_at() {
            self.now = self.now.max(at);
            // What the board wants at a moment it wants before what comes in then: so it does within one input, too.
            let board = self.board.poll_timeout().is_some_and(|due| due <= at);
            let input = if board { Some(Input::Tick) } else { self.agenda.pop().and_then(|what| self.happen(what)) };
            if let Some(input) = input {
                self.take(input)?;
                if self.random.chance(self.plan.faults.strays)
                    && let Some(stray) = self.stray()
                {
                    self.take(stray)?;
                }
            }
        }
        self.end()
    }

    fn begin(&mut self) {
        self.note(0, Happening::Arrive);
        for agent in self.setup.agents.clone() {
            let comes = self.random.below(20_000);
            self.note(comes, Happening::Agent(agent.id));
        }
        if self.plan.operator_ms > 0 {
            self.note(self.plan.operator_ms, Happening::Operator);
        }
        if self.plan.hibernate_ms > 0 {
            self.note(self.plan.hibernate_ms, Happening::Room);
        }
        if self.plan.store_failure_ms > 0 {
            self.note(self.plan.store_failure_ms, Happening::Store(false));
        }
    }

    /// When the world or the board does something next; none when both are at rest.
    fn next_at(&self) -> Option<Timestamp> {
        match (self.agenda.next_at(), self.board.poll_timeout()) {
            (Some(world), Some(board)) => Some(world.min(board)),
            (world, board) => world.or(board),
        }
    }

    fn note(&mut self, after_ms: u64, what: Happening) {
        // Not everything happens on the millisecond.
        let at = Timestamp(self.now.plus_ms(after_ms).0 + self.random.below(1_000));
        self.agenda.note(at, what);
    }

    fn happen(&mut self, what: Happening) -> Option<Input> {
        match what {
            Happening::Arrive => Some(self.arrive()),
            Happening::Caller(leg, act) => self.caller_acts(leg, act),
            Happening::Phone(leg, act) => self.phone_acts(leg, act),
            Happening::Flow(contact, run) => self.flow_goes_on(contact, run),
            Happening::Agent(agent) => Some(self.agent_moves(agent)),
            Happening::Stored(contact, frame) => {
                (!self.store_failed).then_some(Input::JournalDurable { contact, frame })
            }
            Happening::Store(healthy) => Some(self.store_turns(healthy)),
            Happening::Lost(contact, run) => self.lose_instance(contact, run),
            Happening::Rehearsed(contact, run) => self.rehearsed(contact, run),
            Happening::Room => self.make_room(),
            Happening::Operator => self.operate(),
            Happening::Input(input) => Some(*input),
            Happening::Drain => {
                self.drained = true;
                // Not everybody has the patience to wait for the last call.
                if self.random.chance(300) {
                    let later = self.random.exponential(20_000);
                    self.note(later, Happening::Input(Box::new(Input::Shutdown)));
                }
                Some(Input::Drain)
            }
        }
    }

    fn flow_goes_on(&mut self, contact: ContactId, run: RunId) -> Option<Input> {
        let flow = self.runs.get_mut(&(contact, run))?;
        let act = flow.next(&self.names, &mut self.random);
        if self.random.chance(self.plan.faults.flows / 50) {
            let later = self.random.below(3_000);
            self.note(later, Happening::Lost(contact, run));
        }
        match act {
            Act::Call(request) => Some(Input::FlowRequested { contact, run, request }),
            Act::Nothing => None,
            Act::End(end) => {
                if let Some(flow) = self.runs.remove(&(contact, run)) {
                    self.failed.insert(contact, flow);
                }
                Some(Input::FlowEnded { contact, run, end })
            }
        }
    }

    /// Hands the board an input, performs what it wants, and checks.
    fn take(&mut self, input: Input) -> Result<(), Box<Violation>> {
        self.step += 1;
        if self.recent.len() >= KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back((self.now, input.clone()));
        self.board.handle(self.now, input.clone());
        let mut effects: Vec<Effect> = std::iter::from_fn(|| self.board.poll_effect()).collect();
        for effect in &effects {
            self.perform(&input, effect);
        }
        (self.tamper)(&mut effects);
        let mut held = self.watch.step(self.now, &input, &effects);
        if held.is_ok() {
            held = self.broken.take().map_or(Ok(()), Err);
        }
        for effect in &effects {
            self.tally.effect(self.now, effect);
        }
        if held.is_ok() && self.step.is_multiple_of(u64::from(self.plan.inspect_every.max(1))) {
            held = self.watch.inspect(&self.board);
        }
        if held.is_ok() {
            held =
                holds(self.step < self.plan.max_steps, "the centre comes to rest", || format!("{} steps", self.step));
        }
        held.map_err(|broken| self.violation(broken))
    }

    fn perform(&mut self, input: &Input, effect: &Effect) {
        match effect {
            Effect::StartFlow { contact, run, past, .. } => self.start_flow(*contact, *run, past.clone()),
            Effect::Rehearse(wanted) => self.rehearse(wanted),
            Effect::RehearseOn { contact, run, past } => self.rehearse_on(*contact, *run, past.clone()),
            Effect::TakeOver { contact, run } => self.take_over(*contact, *run),
            Effect::ReplyFlow { contact, run, entry, at, reply } => {
                if let Some(flow) = self.runs.get_mut(&(*contact, *run)) {
                    flow.replied(*entry, *at, reply.clone());
                    self.flow_soon(*contact, *run);
                }
            }
            Effect::CancelFlow { contact, run } => self.cancel_flow(*contact, *run, input),
            Effect::KeepRecord(record) => {
                self.asleep.remove(&record.id);
                self.failed.remove(&record.id);
            }
            Effect::AnswerLeg(leg) => self.caller_answered(*leg),
            Effect::RejectLeg { leg, .. } | Effect::RedirectLeg { leg, .. } | Effect::HangUpLeg(leg) => {
                self.line_over(*leg)
            }
            Effect::CallAgent { leg, agent, timeout_ms, .. } => self.phone_rings(*leg, agent, *timeout_ms),
            Effect::Play { leg, play, prompt, repeat } => self.plays(*leg, *play, length_ms(prompt), *repeat),
            Effect::StopPlay { leg, play } => self.play_stopped(*leg, *play),
            Effect::Lookup { lookup, version, value, timeout_ms, .. } => {
                self.look_up(*lookup, *version, value, *timeout_ms);
            }
            Effect::Fetch(wanted) => self.fetch(wanted),
            // Nothing is kept here: what was stored is forgotten.
            Effect::LoadValue { ticket, contact, .. } => {
                let input = Input::ValueLoaded { contact: *contact, ticket: *ticket, result: Ok(None) };
                self.note(1, Happening::Input(Box::new(input)));
            }
            Effect::StoreValue { ticket, contact, .. } => {
                let input = Input::ValueStored { contact: *contact, ticket: *ticket, result: Ok(()) };
                self.note(1, Happening::Input(Box::new(input)));
            }
            Effect::Score(request) => self.score(request),
            Effect::Journal { contact, frame, sync: true, .. } => self.store(*contact, *frame),
            Effect::Journal { sync: false, .. }
            | Effect::RingLeg(_)
            | Effect::Bridge(..)
            | Effect::Unbridge(..)
            | Effect::KeepDecision(_)
            | Effect::Tell(_)
            | Effect::RolloutStepped(..)
            | Effect::UnloadVersion(_)
            | Effect::Drained => {}
        }
    }

    fn flow_soon(&mut self, contact: ContactId, run: RunId) {
        let thinks = if self.random.chance(20) { self.random.between(20, 2_000) } else { self.random.below(5) };
        self.note(thinks, Happening::Flow(contact, run));
    }

    /// Everything is at rest.
    fn end(mut self) -> Result<Report, Box<Violation>> {
        let rest = self.watch.inspect(&self.board).and_then(|()| self.watch.at_rest());
        let timers = self.board.poll_timeout();
        let rest = rest.and_then(|()| holds(timers.is_none(), "no timer is left in the end", || format!("{timers:?}")));
        rest.map_err(|broken| self.violation(broken))?;
        Ok(self.tally.report(self.seed, self.step, self.now.since(MORNING), self.began.elapsed()))
    }

    fn violation(&self, broken: Broken) -> Box<Violation> {
        let recent = self.recent.iter().map(|(at, input)| format!("{at} {input:?}")).collect();
        Box::new(Violation { seed: self.seed, step: self.step, at: self.now, broken, recent })
    }
}

fn length_ms(prompt: &Prompt) -> u64 {
    let part = |part: &PromptPart| match part {
        PromptPart::Text(text) => 40 * text.len() as u64,
        PromptPart::PauseMs(ms) => u64::from(*ms),
        PromptPart::Recording(_)
        | PromptPart::Number(_)
        | PromptPart::Digits(_)
        | PromptPart::Money { .. }
        | PromptPart::Date { .. } => 500,
    };
    prompt.0.iter().map(part).sum()
}
