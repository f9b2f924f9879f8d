//! A contact as the board holds it, and what concerns nobody else.

use super::Effect;
use super::ask::Ask;
use super::ledger::Ledger;
use super::migrating::Migration;
use super::out::Out;
use super::rollouts::Part;
use super::speech::Speech;
use super::timers::Timer;
use crate::event::What;
use crate::flow::{
    Address, Channel, ContactError, Profile, Prompt, Reply, Request, SkillRequirement, Treatment, WaitStatus,
};
use crate::ids::{
    AgentId, ContactId, DecisionId, DeploymentName, EntryPointName, FetchId, LegId, LookupId, PlayId, QueueName, RunId,
    ValueId, Version,
};
use crate::record::{ChoiceMade, EndReason, Offer, QueueVisit};
use crate::replay::Entries;
use crate::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Keys kept for the next question; beyond it the oldest is dropped.
pub(super) const MAX_KEYS: usize = 64;
/// Attributes of a contact.
pub(super) const MAX_ATTRIBUTES: usize = 256;
/// Visits, choices and offers of a visit that a record keeps; beyond it the oldest is dropped.
pub(super) const MAX_KEPT: usize = 1000;

/// The person's side of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Came in, unanswered.
    Offered,
    /// We answered; media can't flow yet.
    Answering,
    /// Media can flow.
    Up,
    /// Gone.
    Gone,
}

/// What leads the conversation.
#[derive(Debug)]
pub(super) enum Driver {
    /// A flow.
    Flow(Run),
    /// The safe flow: nothing but the board.
    Safe(SafeStage),
    /// Nothing: the flow is over, a talk goes on.
    Over,
}

/// How far the safe flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SafeStage {
    /// The call is being answered.
    Answering,
    /// The apology is heard.
    Apology,
    /// Waiting for an agent.
    Waiting,
    /// Talking with an agent.
    Talking,
    /// The last words are heard.
    Goodbye,
}

/// A flow's run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    /// The host call that it waits in.
    pub(super) pending: Option<Pending>,
    /// Journal rule 24: how many calls it has made since the person left; none while the person is there.
    pub(super) tidied: Option<u32>,
    pub(super) life: Life,
    /// Since when it is computing; none while it waits, or goes through its journal.
    pub(super) step_since: Option<Timestamp>,
}

/// What there is of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// An instance.
    Awake,
    /// Nothing but the journal, until the pending call returns (journal rule 17).
    Asleep,
    /// An instance that goes through the journal: woken, or as the predecessor of one that failed.
    Resuming(Resume),
}

/// Why a run goes through its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// It slept.
    Woken,
    /// The version after it failed (journal rule 16).
    Predecessor,
}

/// How far down the ladder a contact is (journal rule 16): one descent for each rung, and never back up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rung {
    /// The flow it began with, or what it went over to.
    Own,
    /// The version before the one that failed.
    Predecessor,
    /// The entry point's safe flow.
    SafeFlow,
    /// The board itself.
    Board,
}

/// A host call under way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) entry: u64,
    pub(super) since: Timestamp,
    pub(super) call: Parked,
}

/// What a host call waits for.
#[derive(Debug)]
pub(super) enum Parked {
    /// That its intent is durable (journal rule 8).
    Durable { request: Request, frame: u64 },
    /// That the person is connected.
    Answer,
    /// That the person is connected, to say or ask something then.
    Speech(Speech),
    /// The end of the prompt.
    Say,
    /// An answer.
    Ask(Box<Ask>),
    /// Time.
    Pause,
    /// A directory.
    Lookup { lookup: LookupId, directory: DeploymentName, asked_at: Timestamp },
    /// The store.
    Value { ticket: ValueId },
    /// A place outside.
    Fetch { fetch: FetchId },
    /// An agent, and then the end of the talk.
    Wait { treatment: Option<Treatment> },
}

/// What plays to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// A prompt that something waits for.
    Speech,
    /// What `start-playing` began.
    Background,
    /// A queue's music.
    Music,
    /// The position in the queue.
    Announcement,
}

/// A place in a queue.
#[derive(Debug)]
pub(super) struct Place {
    /// The entry that made it; none: the safe flow took it.
    pub(super) entry: Option<u64>,
    pub(super) queue: QueueName,
    pub(super) queued_at: Timestamp,
    pub(super) priority: i32,
    /// In addition to the queue's.
    pub(super) skills: Vec<SkillRequirement>,
    pub(super) stage: Stage,
    pub(super) offers: Vec<Offer>,
    /// Who missed the last offer, and when.
    pub(super) missed: Option<(AgentId, Timestamp)>,
}

/// How far a place is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Waiting.
    Waiting,
    /// An agent's phone rings.
    Offered { agent: AgentId, leg: LegId, decision: DecisionId, since: Timestamp, picked_up: bool },
    /// Both hear each other.
    Talking { agent: AgentId, leg: LegId, since: Timestamp },
}

/// A contact.
#[derive(Debug)]
pub(super) struct Contact {
    pub(super) id: ContactId,
    pub(super) seed: u64,
    pub(super) origin: Address,
    pub(super) dialled: Address,
    pub(super) entry_point: EntryPointName,
    pub(super) safe_flow: Option<DeploymentName>,
    pub(super) fallback_queue: Option<QueueName>,
    pub(super) deployment: DeploymentName,
    /// What it is pinned to; none if its deployment has nothing to run.
    pub(super) version: Option<Version>,
    /// What it ran before it went over to that.
    pub(super) predecessor: Option<Version>,
    pub(super) rung: Rung,
    /// Under way to another version.
    pub(super) migration: Option<Migration>,
    pub(super) offered_at: Timestamp,
    /// When the flow began.
    pub(super) flow_at: Timestamp,
    pub(super) answered_at: Option<Timestamp>,
    pub(super) leg: LegId,
    pub(super) line: Line,
    pub(super) driver: Driver,
    pub(super) ledger: Ledger,
    pub(super) place: Option<Place>,
    /// How the last place ended, until the flow waits for it.
    pub(super) settled: Option<(u64, WaitStatus)>,
    pub(super) sound: Option<(PlayId, Sound)>,
    /// Keys pressed before a question.
    pub(super) keys: VecDeque<char>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) profile: Option<Profile>,
    pub(super) choices: VecDeque<ChoiceMade>,
    pub(super) visits: VecDeque<QueueVisit>,
    pub(super) versions: Vec<Version>,
    pub(super) stepped_down: Option<String>,
    /// Why it ends, once that is settled.
    pub(super) end: Option<EndReason>,
    /// Its part in a canary of its deployment, on whichever side.
    pub(super) part: Option<Part>,
}

impl Contact {
    pub(super) fn tell(&self, out: &mut Out, what: What) {
        out.tell(Some(self.id), what);
    }

    pub(super) const fn run(&self) -> Option<&Run> {
        match &self.driver {
            Driver::Flow(run) => Some(run),
            Driver::Safe(_) | Driver::Over => None,
        }
    }

    pub(super) const fn run_mut(&mut self) -> Option<&mut Run> {
        match &mut self.driver {
            Driver::Flow(run) => Some(run),
            Driver::Safe(_) | Driver::Over => None,
        }
    }

    /// What the flow waits for.
    pub(super) fn parked(&self) -> Option<&Parked> {
        Some(&self.run()?.pending.as_ref()?.call)
    }

    pub(super) const fn talking(&self) -> bool {
        matches!(&self.place, Some(Place { stage: Stage::Talking { .. }, .. }))
    }

    /// Starts the flow, in a fresh journal segment.
    pub(super) fn start_flow(&mut self, out: &mut Out, version: Version) {
        self.versions.push(version);
        self.ledger.segment(out, version, &self.deployment, self.seed);
        self.flow_at = out.now;
        self.launch(out, version, Life::Awake, None, [].into());
    }

    /// Starts an instance that goes through the journal first. False if the journal isn't there any more, or its last
    /// call never returned.
    pub(super) fn resume(&mut self, out: &mut Out, version: Version, why: Resume) -> bool {
        let Some(past) = self.ledger.past().filter(|_| self.ledger.settled()) else { return false };
        let tidied = self.run().and_then(|run| run.tidied);
        self.launch(out, version, Life::Resuming(why), tidied, past);
        true
    }

    fn launch(&mut self, out: &mut Out, version: Version, life: Life, tidied: Option<u32>, past: Entries) {
        let run = out.run();
        self.version = Some(version);
        self.driver = Driver::Flow(Run { id: run, pending: None, tidied, life, step_since: None });
        if life == Life::Awake {
            self.step_begins(out);
        }
        out.push(Effect::StartFlow {
            contact: self.id,
            run,
            version,
            channel: Channel::Voice,
            origin: self.origin.clone(),
            dialled: self.dialled.clone(),
            seed: self.seed,
            at: self.flow_at,
            past,
        });
    }

    /// Whether it waits in a call that another instance may take over (journal rule 13).
    pub(super) fn waits(&self) -> bool {
        let here = self.run().is_some_and(|run| run.tidied.is_none());
        here && match self.parked() {
            Some(
                Parked::Speech(Speech::Say(_) | Speech::Ask(_))
                | Parked::Say
                | Parked::Ask(_)
                | Parked::Pause
                | Parked::Wait { .. },
            ) => true,
            Some(
                Parked::Speech(Speech::Play { .. })
                | Parked::Durable { .. }
                | Parked::Answer
                | Parked::Lookup { .. }
                | Parked::Value { .. }
                | Parked::Fetch { .. },
            )
            | None => false,
        }
    }

    /// Parks the flow in its call.
    pub(super) fn park(&mut self, out: &mut Out, entry: u64, call: Parked, timeout_ms: Option<u64>) {
        match timeout_ms {
            Some(ms) => out.timers.set(Timer::Call(self.id), out.now.plus_ms(ms)),
            None => out.timers.cancel(&Timer::Call(self.id)),
        }
        let since = out.now;
        if let Some(run) = self.run_mut() {
            run.pending = Some(Pending { entry, since, call });
        }
        if self.migration.is_some() {
            out.parked.insert(self.id);
        }
    }

    /// Returns from the pending call.
    pub(super) fn reply(&mut self, out: &mut Out, reply: Reply) {
        self.reply_kept(out, reply.clone(), reply, None);
    }

    /// Returns from the pending call, with something else in the journal than the flow gets (rule 20), and the
    /// version of whoever answered (rule 6).
    pub(super) fn reply_kept(&mut self, out: &mut Out, reply: Reply, kept: Reply, callee: Option<Version>) {
        if let Some(pending) = self.run_mut().and_then(|run| run.pending.take()) {
            self.answer_call(out, pending.entry, reply, kept, callee);
        }
    }

    /// Returns from a call that was never parked, with what the journal keeps as well.
    pub(super) fn answer(&mut self, out: &mut Out, entry: u64, reply: Reply) {
        self.answer_call(out, entry, reply.clone(), reply, None);
    }

    /// Returns from a call that was never parked.
    pub(super) fn answer_call(
        &mut self,
        out: &mut Out,
        entry: u64,
        reply: Reply,
        kept: Reply,
        callee: Option<Version>,
    ) {
        out.timers.cancel(&Timer::Call(self.id));
        out.timers.cancel(&Timer::Announce(self.id));
        self.ledger.outcome(out, entry, reply.clone(), kept, callee);
        match (self.run().map(|run| (run.id, run.life)), self.version) {
            // Its journal has the reply.
            (Some((_, Life::Asleep)), Some(version)) if self.resume(out, version, Resume::Woken) => {}
            (Some((_, Life::Asleep)), _) => out.lost.push(self.id),
            (Some((run, _)), _) => {
                out.push(Effect::ReplyFlow { contact: self.id, run, entry, at: out.now, reply });
                self.step_begins(out);
            }
            (None, _) => {}
        }
    }

    /// Fails the pending call.
    pub(super) fn fail(&mut self, out: &mut Out, error: ContactError) {
        self.reply(out, Reply::Failed(error));
    }

    /// Plays to the person, in place of what plays. Only while the line is up.
    pub(super) fn play(&mut self, out: &mut Out, sound: Sound, prompt: Prompt, repeat: bool) {
        if self.line != Line::Up {
            return;
        }
        let play = out.play();
        self.sound = Some((play, sound));
        out.push(Effect::Play { leg: self.leg, play, prompt, repeat });
    }

    /// Stops what plays to the person.
    pub(super) fn hush(&mut self, out: &mut Out) {
        if let Some((play, _)) = self.sound.take()
            && self.line == Line::Up
        {
            out.push(Effect::StopPlay { leg: self.leg, play });
        }
    }

    /// Answers the call, if nothing did.
    pub(super) fn pick_up(&mut self, out: &mut Out) {
        if self.line == Line::Offered {
            self.line = Line::Answering;
            out.push(Effect::AnswerLeg(self.leg));
            out.timers.set(Timer::Answering(self.id), out.now.plus_ms(super::ANSWER_TIMEOUT_MS));
        }
    }

    /// Ends the run: nothing more is heard of it.
    pub(super) fn cancel_run(&mut self, out: &mut Out) {
        if let Driver::Flow(run) = &self.driver
            && run.life != Life::Asleep
        {
            out.push(Effect::CancelFlow { contact: self.id, run: run.id });
        }
        self.run_over(out);
    }

    /// The run is over: nothing waits for anything any more.
    pub(super) fn run_over(&mut self, out: &mut Out) {
        self.driver = Driver::Over;
        self.leave_migration(out);
        for timer in [Timer::Call(self.id), Timer::Announce(self.id), Timer::Tidy(self.id)] {
            out.timers.cancel(&timer);
        }
    }

    /// Ended on the way to another version.
    pub(super) fn leave_migration(&mut self, out: &mut Out) {
        if let Some(migration) = &self.migration {
            out.gone.push((self.deployment.clone(), migration.version));
        }
        self.drop_migration(out);
    }

    /// Stays with the version it has.
    pub(super) fn drop_migration(&mut self, out: &mut Out) {
        if let Some(migration) = self.migration.take()
            && let Some(run) = migration.run()
        {
            out.push(Effect::CancelFlow { contact: self.id, run });
            out.freed.push(migration.version);
        }
    }

    /// Keeps what the person chose.
    pub(super) fn keep_choice(&mut self, choice: ChoiceMade) {
        if self.choices.len() >= MAX_KEPT {
            self.choices.pop_front();
        }
        self.choices.push_back(choice);
    }

    /// Keeps a key for the next question.
    pub(super) fn keep_key(&mut self, key: char) {
        if self.keys.len() >= MAX_KEYS {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
    }

    /// Its state in words.
    pub(super) const fn state(&self) -> &'static str {
        match (&self.line, &self.place, &self.driver) {
            (Line::Gone, ..) => "ending",
            (_, Some(Place { stage: Stage::Talking { .. }, .. }), _) => "talking",
            (_, Some(Place { stage: Stage::Offered { .. }, .. }), _) => "offered",
            (_, Some(Place { stage: Stage::Waiting, .. }), _) => "queued",
            (_, None, Driver::Safe(_)) => "safe-flow",
            (Line::Offered | Line::Answering, None, _) => "ringing",
            (Line::Up, None, _) => "flow",
        }
    }
}
