//! Playing a script in virtual time: the real core and the real plugin runtime, and around them nothing but the script.
//!
//! A flow computes between two of its host calls, and then waits. So after each answer the driver waits (in real time)
//! until the flow calls again or ends; only when it waits for the world does virtual time go on, to whatever comes first:
//! what the board wants to do at a time, or what the script has noted. Nothing else has a clock, so the same script gives
//! the same conversation, moment by moment.

mod agenda;
mod backend;
mod deeds;
mod perform;
mod tell;
mod world;

use crate::course::{Course, Difference, Next, Sight};
use crate::language::{Case, DAY_MS};
use crate::moment::{Happened, Moment};
use crate::speech::Speech;
use agenda::{Agenda, Coming};
use cordboard_core::board::{Board, Input};
use cordboard_core::flow::Request;
use cordboard_core::ids::{AgentId, ContactId, LegId, RunId, TenantId, Version};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{FlowHandle, FlowMessage, Manifest, PluginHost};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A flow that computes for longer than this (in real time) between two calls hangs: its CPU time is bounded far below.
const COMPUTES: Duration = Duration::from_secs(60);
/// Messages of a flow that may wait: all its calls are answered one by one, and its log is bounded by its CPU time.
const MESSAGES: usize = 16_384;
/// Seeds tried until the draws are as the script wants them.
const MAX_SEEDS: u64 = 1_000;

/// What scripts are played with.
#[derive(Clone)]
pub struct Stage {
    /// Where the plugins are loaded.
    pub host: PluginHost,
    /// The version of the flow under test, loaded with the case's configuration.
    pub flow: Version,
    /// Versions of other flows, by the deployment's name.
    pub others: BTreeMap<String, Version>,
    /// What versions' manifests want: no other request is answered. One that isn't here may send what it likes.
    pub manifests: BTreeMap<Version, Arc<Manifest>>,
    /// How long prompts are.
    pub speech: Arc<dyn Speech>,
}

/// How a conversation went.
#[derive(Clone, Debug)]
pub struct Played {
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// The first difference; none: all held.
    pub difference: Option<Difference>,
    /// How long it was, in virtual time.
    pub lasted_ms: u64,
    /// CPU time of the flows, in microseconds.
    pub cpu_us: u64,
}

/// Plays a case.
pub async fn play(stage: &Stage, case: &Case) -> Played {
    let mut last = None;
    for seed in (0..MAX_SEEDS).map(|more| case.seed.wrapping_add(more)) {
        let mut drive = Drive::new(stage, case, seed);
        drive.run().await;
        if drive.misdrawn.is_none() {
            drive.all_drawn();
            return drive.played();
        }
        last = Some(drive);
    }
    match last {
        Some(mut drive) => {
            drive.never_drawn();
            drive.played()
        }
        // There is one seed at least.
        None => Drive::new(stage, case, case.seed).played(),
    }
}

/// One conversation under way.
struct Drive<'c> {
    stage: &'c Stage,
    case: &'c Case,
    course: Course<'c>,
    board: Board,
    now: Timestamp,
    agenda: Agenda,
    /// What an effect led to at once.
    at_once: VecDeque<Input>,
    flows: BTreeMap<(ContactId, RunId), FlowHandle>,
    /// Runs that compute: each of them will be heard of.
    computing: BTreeSet<(ContactId, RunId)>,
    sender: mpsc::Sender<FlowMessage>,
    messages: mpsc::Receiver<FlowMessage>,
    caller: Option<ContactId>,
    /// The next contact that comes in is the caller's.
    expects_caller: bool,
    /// Of the caller's record.
    attributes: BTreeMap<String, String>,
    /// The call whose flow is being told about, and what it called.
    called: Option<Request>,
    /// When the request that is under way was sent.
    fetching: Option<Timestamp>,
    /// What plays to the caller, and whether it ends by itself.
    plays: Option<bool>,
    values: BTreeMap<String, String>,
    /// How often each row of a directory has answered.
    answered: Vec<u32>,
    /// How often each row of a back-end has.
    fetched: Vec<u32>,
    /// Agents' calls.
    phones: BTreeMap<LegId, AgentId>,
    /// The agent's call of the talk.
    talk: Option<LegId>,
    /// The deed in hand takes time.
    busy: bool,
    /// The caller listens until nothing is said.
    listening: bool,
    reported: BTreeSet<String>,
    /// What was drawn otherwise than the script wants it.
    misdrawn: Option<String>,
    drawn: BTreeSet<String>,
    /// The caller is gone.
    gone: bool,
    /// The flow failed, and the host stands in for it.
    host_leads: bool,
    /// What is set now is the operator's doing.
    operator_sets: bool,
    cpu_us: u64,
}

/// The caller's call.
const CALLER: LegId = LegId(1);

impl<'c> Drive<'c> {
    fn new(stage: &'c Stage, case: &'c Case, seed: u64) -> Self {
        let (sender, messages) = mpsc::channel(MESSAGES);
        Self {
            stage,
            case,
            course: Course::new(case, Sight::Whole),
            board: Board::new(TenantId::default_tenant(), seed),
            now: case.at,
            agenda: Agenda::default(),
            at_once: VecDeque::new(),
            flows: BTreeMap::new(),
            computing: BTreeSet::new(),
            sender,
            messages,
            caller: None,
            expects_caller: false,
            attributes: BTreeMap::new(),
            called: None,
            fetching: None,
            plays: None,
            values: case.values.clone().unwrap_or_default(),
            answered: vec![0; case.directory.as_ref().map_or(0, Vec::len)],
            fetched: vec![0; case.backend.len()],
            phones: BTreeMap::new(),
            talk: None,
            busy: false,
            listening: false,
            reported: BTreeSet::new(),
            misdrawn: None,
            drawn: BTreeSet::new(),
            gone: false,
            host_leads: false,
            operator_sets: false,
            cpu_us: 0,
        }
    }

    fn since_ms(&self) -> u64 {
        self.now.ms_since(self.case.at)
    }

    /// What the script wants drawn in a certain way has been drawn.
    fn all_drawn(&mut self) {
        if let Some((name, wanted)) = self.case.draws.iter().find(|(name, _)| !self.drawn.contains(*name)) {
            let drawn: Vec<&str> = self.drawn.iter().map(String::as_str).collect();
            let got = match drawn.as_slice() {
                [] => "the flow drew nothing".to_owned(),
                names => format!("the flow drew {} alone", names.join(", ")),
            };
            self.course.wrong_at((wanted.line, wanted.column), format!("a draw for `{name}`"), got);
        }
    }

    /// No seed draws as the script wants it.
    fn never_drawn(&mut self) {
        let name = self.misdrawn.take().unwrap_or_default();
        let place = self.case.draws.get(&name).map_or((1, 1), |wanted| (wanted.line, wanted.column));
        let all: Vec<String> = self.case.draws.iter().map(|(name, wanted)| format!("{name} {}", wanted.what)).collect();
        let got = format!(
            "none of {MAX_SEEDS} seeds from {} on draws so: all of it together is too rare; force less, or try another `seed`",
            self.case.seed
        );
        self.course.wrong_at(place, format!("draws {}", all.join(", ")), got);
    }

    fn happened(&mut self, what: Happened) {
        let at_ms = self.since_ms();
        self.course.happened(Moment { at_ms, what });
    }

    fn played(self) -> Played {
        let lasted_ms = self.since_ms();
        let cpu_us = self.cpu_us;
        let (moments, difference, _) = self.course.into_parts();
        Played { moments, difference, lasted_ms, cpu_us }
    }

    /// Plays it to its end, or to the first difference.
    async fn run(&mut self) {
        self.set_up();
        while self.misdrawn.is_none() {
            if self.computing.is_empty() && self.listening && self.plays != Some(true) {
                self.listening = false;
                self.deed_done();
                continue;
            }
            match self.course.next() {
                Next::Over => return,
                Next::Do(step) if !self.busy => self.deed(step),
                // What the flow makes of the last step belongs to the conversation.
                Next::HangUp | Next::Do(_) | Next::Wait { .. } if !self.computing.is_empty() => {
                    if !self.hear().await {
                        return;
                    }
                }
                Next::HangUp => self.hang_up(),
                Next::Do(_) => self.go_on(DAY_MS),
                Next::Wait { until_ms } => self.go_on(until_ms),
            }
        }
    }

    /// Waits until the flow calls or ends. False if it never does.
    async fn hear(&mut self) -> bool {
        let message = match tokio::time::timeout(COMPUTES, self.messages.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) | Err(_) => {
                self.course.wrong(format!("the flow has not been heard of for {} s", COMPUTES.as_secs()));
                return false;
            }
        };
        match message {
            // What a run that was dropped had still to say is nobody's business.
            FlowMessage::Call { contact, run, request } if self.flows.contains_key(&(contact, run)) => {
                self.computing.remove(&(contact, run));
                self.called = Some(request.clone());
                self.give(Input::FlowRequested { contact, run, request });
            }
            FlowMessage::Ended { contact, run, end, cost, .. } if self.flows.remove(&(contact, run)).is_some() => {
                self.computing.remove(&(contact, run));
                self.cpu_us += cost.cpu_us;
                self.give(Input::FlowEnded { contact, run, end });
            }
            FlowMessage::Log { contact, run, level, text } if self.flows.contains_key(&(contact, run)) => {
                self.happened(Happened::Logged { level: format!("{level:?}").to_lowercase(), text });
            }
            FlowMessage::Call { .. }
            | FlowMessage::Ended { .. }
            | FlowMessage::Log { .. }
            | FlowMessage::Rehearsed { .. } => {}
        }
        true
    }

    /// Lets virtual time go on to what comes next, at the latest until `until_ms`.
    fn go_on(&mut self, until_ms: u64) {
        let (board, agenda) = (self.board.poll_timeout(), self.agenda.next_at());
        let next = match (board, agenda) {
            (Some(board), Some(agenda)) => Some(board.min(agenda)),
            (board, agenda) => board.or(agenda),
        };
        let Some(at) = next else {
            self.course.stuck("nothing more can happen: nobody does anything, and nothing has a time");
            return;
        };
        let at = at.max(self.now);
        if at.ms_since(self.case.at) > until_ms {
            self.course.passed(at.ms_since(self.case.at));
            if self.course.difference().is_none() {
                self.course.stuck("a day has passed");
            }
            return;
        }
        self.now = at;
        // What the board wants at a moment it wants before what comes in then.
        if board.is_some_and(|due| due <= at) {
            self.give(Input::Tick);
        } else if let Some(coming) = self.agenda.pop() {
            self.comes(coming);
        }
    }

    fn comes(&mut self, coming: Coming) {
        match coming {
            Coming::Input(input) | Coming::OfCall(_, input) => self.give(*input),
            Coming::PlayOver(leg, play) => {
                if leg == CALLER {
                    self.plays = None;
                }
                self.give(Input::PlayFinished { leg, play });
            }
            Coming::Key(key, last) => {
                // Done before its consequences.
                if last {
                    self.deed_done();
                }
                self.give(Input::Digit(CALLER, key));
            }
            Coming::Silence => self.deed_done(),
        }
    }

    /// Tells the board, and performs all that it wants at once.
    fn give(&mut self, input: Input) {
        self.at_once.push_back(input);
        while let Some(input) = self.at_once.pop_front() {
            self.board.handle(self.now, input);
            while let Some(effect) = self.board.poll_effect() {
                self.perform(effect);
            }
        }
    }
}
