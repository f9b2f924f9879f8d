//! Whatever comes in whatever order, the board holds: it never panics, its invariants stay, and it drains.

mod outside;
mod replays;

use super::rollouts::tried;
use super::*;
use crate::board::{LegFailure, agents::Seat, contact::Stage, timers::Timer};
use crate::config::MigrationPolicy;
use crate::decision::{PairScore, ScoreAnswer};
use crate::flow::{Choice, DigitsRule, LookupError, LookupKey, Profile, Question, RejectCause, Treatment, TypeAhead};
use crate::ids::{DecisionId, LookupId};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What is done; the number chooses among what there is.
#[derive(Clone, Debug)]
enum Step {
    Call(u8),
    Leg(u8, u16),
    Key(u16, char),
    Played(u16),
    Request(u16, u8),
    Ended(u16, u8),
    LookedUp(u16, bool),
    Scored(u16, u8),
    Durable(u16),
    Store(bool),
    Agent(u8, u8),
    Document(u8),
    Operator(u16, bool),
    Rehearsed(u16, u8),
    Migrate(u16),
    Hibernate(u8),
    Pass(u32),
    Stale(u8, u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => any::<u8>().prop_map(Step::Call),
        6 => (any::<u8>(), any::<u16>()).prop_map(|(what, leg)| Step::Leg(what, leg)),
        2 => (any::<u16>(), prop::sample::select(vec!['0', '1', '#', 'x'])).prop_map(|(leg, key)| Step::Key(leg, key)),
        4 => any::<u16>().prop_map(Step::Played),
        12 => (any::<u16>(), any::<u8>()).prop_map(|(run, what)| Step::Request(run, what)),
        1 => (any::<u16>(), any::<u8>()).prop_map(|(run, how)| Step::Ended(run, how)),
        2 => (any::<u16>(), any::<bool>()).prop_map(|(lookup, found)| Step::LookedUp(lookup, found)),
        4 => (any::<u16>(), any::<u8>()).prop_map(|(decision, how)| Step::Scored(decision, how)),
        6 => any::<u16>().prop_map(Step::Durable),
        1 => prop::bool::weighted(0.7).prop_map(Step::Store),
        5 => (any::<u8>(), any::<u8>()).prop_map(|(agent, what)| Step::Agent(agent, what)),
        2 => any::<u8>().prop_map(Step::Document),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(contact, end)| Step::Operator(contact, end)),
        4 => (any::<u16>(), any::<u8>()).prop_map(|(run, how)| Step::Rehearsed(run, how)),
        1 => any::<u16>().prop_map(Step::Migrate),
        1 => any::<u8>().prop_map(Step::Hibernate),
        4 => (0u32..40_000).prop_map(Step::Pass),
        1 => (any::<u8>(), any::<u16>()).prop_map(|(what, number)| Step::Stale(what, number)),
    ];
    prop::collection::vec(step, 1..250)
}

/// What the world knows of the board.
struct World_ {
    desk: Desk,
    legs: Vec<LegId>,
    plays: Vec<(LegId, PlayId)>,
    runs: BTreeMap<(ContactId, RunId), bool>,
    /// Rehearsals, and the entry each is to come to while it is awaited.
    rehearsals: BTreeMap<(ContactId, RunId), Option<u64>>,
    lookups: Vec<LookupId>,
    values: Vec<Input>,
    decisions: Vec<(DecisionId, usize, usize)>,
    unsynced: Vec<(ContactId, u64)>,
    begun: BTreeSet<ContactId>,
    drained: usize,
}

fn pick<T: Copy>(from: &[T], number: u16) -> Option<T> {
    from.get(usize::from(number) % from.len().max(1)).copied()
}

impl World_ {
    fn new() -> Self {
        let mut desk = Desk::new();
        desk.durable = false;
        let mut world = Self {
            desk,
            legs: vec![],
            plays: vec![],
            runs: BTreeMap::new(),
            rehearsals: BTreeMap::new(),
            lookups: vec![],
            values: vec![],
            decisions: vec![],
            unsynced: vec![],
            begun: BTreeSet::new(),
            drained: 0,
        };
        for document in 0..8 {
            world.document(document);
        }
        for id in ["ada", "ben", "cy"] {
            world.give(Input::PutAgent(agent(id, &[("billing", 3)])));
            world.give(Input::PhoneRegistered(agent_id(id)));
        }
        world
    }

    fn give(&mut self, input: Input) {
        self.desk.give(input);
        self.look();
    }

    fn look(&mut self) {
        for effect in self.desk.taken() {
            match effect {
                Effect::StartFlow { contact, run, .. } => {
                    self.runs.insert((contact, run), true);
                    self.begun.insert(contact);
                }
                Effect::ReplyFlow { contact, run, .. } => {
                    let ready = self.runs.get_mut(&(contact, run)).expect("a reply to a run that lives");
                    assert!(!*ready, "a reply to an open call");
                    *ready = true;
                }
                Effect::Rehearse(wanted) => {
                    let other = self.rehearsals.keys().any(|(contact, _)| *contact == wanted.contact);
                    assert!(!other, "one rehearsal at a time");
                    let entry = replays::pending(&wanted.past);
                    self.rehearsals.insert((wanted.contact, wanted.run), Some(entry));
                }
                Effect::RehearseOn { contact, run, past } => {
                    let awaited = self.rehearsals.get_mut(&(contact, run)).expect("a rehearsal that is there goes on");
                    assert_eq!(awaited.replace(replays::pending(&past)), None, "it goes on after it agreed");
                }
                Effect::TakeOver { contact, run } => {
                    assert!(self.rehearsals.remove(&(contact, run)).is_some(), "a rehearsal takes over");
                    self.runs.insert((contact, run), false);
                }
                // What is told late of a rehearsal that is gone asks for the same again.
                Effect::CancelFlow { contact, run } if self.rehearsals.remove(&(contact, run)).is_some() => {}
                Effect::CancelFlow { contact, run } => {
                    assert!(self.runs.remove(&(contact, run)).is_some(), "cancelled once, while it lives");
                }
                Effect::CallAgent { leg, .. } => self.legs.push(leg),
                Effect::HangUpLeg(leg) | Effect::RejectLeg { leg, .. } | Effect::RedirectLeg { leg, .. } => {
                    self.legs.retain(|known| *known != leg);
                }
                Effect::Play { leg, play, .. } => self.plays.push((leg, play)),
                Effect::Lookup { lookup, .. } => self.lookups.push(lookup),
                Effect::LoadValue { .. } | Effect::StoreValue { .. } | Effect::Fetch(_) => {
                    self.values.extend(outside::answer(effect));
                }
                Effect::Score(request) => {
                    self.decisions.push((request.decision, request.contacts.len(), request.agents.len()));
                }
                Effect::Journal { contact, frame, sync: true, .. } => self.unsynced.push((contact, frame)),
                Effect::Drained => self.drained += 1,
                _ => {}
            }
        }
        self.check();
    }

    /// What holds after every input.
    fn check(&self) {
        let board = &self.desk.board;
        let contacts = board.contacts();
        let mut served = BTreeSet::new();
        for view in board.agents() {
            if let AgentState::Reserved { contact } | AgentState::OnContact { contact } = &view.state {
                assert!(served.insert(*contact), "two agents on one contact");
                let place = contacts.iter().find(|known| known.id == *contact).and_then(|known| known.place.clone());
                assert_eq!(place.and_then(|place| place.agent), Some(view.agent.id.clone()), "both sides agree");
            }
        }
        let busy = contacts.iter().filter(|view| view.place.as_ref().is_some_and(|place| place.agent.is_some()));
        assert_eq!(busy.count(), served.len());
        let waiting = contacts.iter().filter(|view| matches!(view.state, "queued" | "offered")).count();
        let in_queues: u32 = board.queues().iter().map(|view| view.waiting).sum();
        assert_eq!(waiting, in_queues as usize);
        for version in (1..8).map(version) {
            let pinned = contacts.iter().filter(|view| view.version == Some(version)).count();
            assert_eq!(board.pinned(version) as usize, pinned);
            let loaded = board.loaded().contains(&version);
            assert!(loaded || pinned == 0, "a version that is needed stays loaded");
        }
        assert!(board.legs.len() <= contacts.len() * 2);
        // Without a scorer, nobody waits for whom somebody is ready.
        for contact in board.contacts.values() {
            let Some(place) = contact.place.as_ref().filter(|place| matches!(place.stage, Stage::Waiting)) else {
                continue;
            };
            let line = &board.queues[&place.queue];
            if line.queue.scorer.is_none() && line.deciding.is_none() && place.missed.is_none() {
                let idle = |seat: &&Seat| seat.ready() && seat.serves(&line.queue, &place.skills).is_ok();
                assert!(!board.agents.values().any(|seat| idle(&seat)), "{contact:?}");
            }
        }
    }

    fn live_runs(&self) -> Vec<(ContactId, RunId)> {
        self.runs.iter().filter(|(_, ready)| **ready).map(|(run, _)| *run).collect()
    }

    fn document(&mut self, what: u8) {
        let flow = |n, before| Deployment {
            previous: Some(version(before)),
            migration: if what < 128 { MigrationPolicy::Migrate } else { MigrationPolicy::Pin },
            ask_anew: what & 32 == 0,
            ..deployment("reception", World::Flow, n)
        };
        let input = match what % 24 {
            0 => Input::PutQueue(Queue { scorer: Some(deployment_name("scorer")), ..queue("support") }),
            1 => Input::PutQueue(Queue { wrap_up_ms: 5_000, skills: vec![need("billing", 2)], ..queue("billing") }),
            2 => Input::PutDeployment(deployment("scorer", World::Scorer, 4)),
            3 => Input::PutDeployment(deployment("bank", World::Crm, 5)),
            4 => Input::PutDeployment(deployment("reception", World::Flow, 1)),
            5 => Input::PutSettings(Settings {
                default_queue: Some(queue_name("billing")),
                default_directory: Some(deployment_name("bank")),
                max_contacts: 6,
                ..Settings::default()
            }),
            6 | 16 => Input::PutDeployment(flow(2, 1)),
            17 => Input::PutDeployment(flow(1, 2)),
            18 => Input::PutDeployment(flow(6, 2)),
            19 => Input::PutDeployment(deployment("safe", World::Flow, 7)),
            20..24 => Input::PutDeployment(tried(what)),
            7 => Input::PutEntryPoint(EntryPoint {
                safe_flow: Some(deployment_name("safe")),
                ..entry_point("main", &["1*"])
            }),
            8 => Input::RemoveQueue(queue_name("support")),
            9 => Input::RemoveQueue(queue_name("billing")),
            10 => Input::RemoveDeployment(deployment_name("scorer")),
            11 => Input::RemoveDeployment(deployment_name("reception")),
            12 => Input::RemoveEntryPoint(EntryPointName::new("main").unwrap()),
            13 => Input::PutQueue(Queue { max_waiting: 2, ..queue("support") }),
            14 => Input::PutDeployment(deployment("scorer", World::Scorer, 3)),
            _ => Input::PutAgent(agent("ben", &[("billing", 1)])),
        };
        self.give(input);
    }

    fn request(&self, contact: ContactId, what: u8) -> Request {
        let journal = self.desk.journal(contact);
        let enqueues = |entry: &Entry| matches!(entry, Entry::Call { request: Request::Enqueue(_), .. });
        let place = journal.entries.iter().rposition(enqueues).unwrap_or(0) as u64;
        let question = |secret| Question {
            id: "q".into(),
            prompt: text("?"),
            choices: vec![Choice { id: "a".into(), key: Some('0'), words: vec![] }],
            digits: Some(DigitsRule { min: 2, max: 3, terminator: Some('#') }),
            silence_timeout_ms: 5000,
            key_timeout_ms: 2000,
            type_ahead: if secret { TypeAhead::Flush } else { TypeAhead::Keep },
            secret,
        };
        let treatment = Treatment { music: None, announce_position_every_ms: 5_000 };
        let billing = QueueRequest { queue: "billing".into(), priority: 5, skills: vec![need("billing", 3)] };
        match what % 28 {
            0 => Request::Answer,
            1 => Request::Ring,
            2 => Request::Reject(RejectCause::Busy),
            3 => Request::Redirect("sip:a@b".into()),
            4 | 5 => Request::Say(text("hello")),
            6 => Request::StartPlaying { prompt: text("la"), repeat: true },
            7 => Request::StopPlaying,
            8 => Request::Ask(question(true)),
            9 => Request::Ask(question(false)),
            10 => Request::Pause { duration_ms: 1000 },
            11 => Request::Lookup {
                key: LookupKey { directory: None, kind: "phone".into(), value: "1".into() },
                timeout_ms: 1000,
            },
            12 => Request::Choose { name: "n".into(), weights: vec![1, 2] },
            13 | 14 => enqueue("support", i32::from(what)),
            15 => Request::Enqueue(billing),
            16 | 17 => wait(place, 10_000),
            18 => Request::Wait { waiting: place, treatment: Some(treatment), timeout_ms: 30_000 },
            19 => Request::Leave { waiting: place },
            20 => Request::ContinueAs { deployment: "reception".into(), attributes: vec![("n".into(), "1".into())] },
            21 => Request::SetAttribute("tier".into(), what.to_string()),
            22 => Request::Attribute("tier".into()),
            23 => Request::LoadValue("k".into()),
            24 => Request::StoreValue("k".into(), Some("v".into())),
            25 => outside::fetch(crate::flow::Method::Get),
            26 => outside::fetch(crate::flow::Method::Post),
            _ => Request::End(FlowEnd::Completed),
        }
    }

    fn agent(&mut self, which: u8, what: u8) {
        let id = agent_id(["ada", "ben", "cy", "nobody"][usize::from(which % 4)]);
        self.give(match what % 16 {
            0..=6 => Input::AgentWants(id, WantedState::Ready),
            7 => Input::AgentWants(id, WantedState::NotReady { reason: "break".into() }),
            8 => Input::AgentWants(id, WantedState::SignedOut),
            9..=13 => Input::PhoneRegistered(id),
            14 => Input::PhoneGone(id),
            _ if which < 128 => Input::RemoveAgent(id),
            _ => Input::PutAgent(agent(id.as_str(), &[])),
        });
    }

    fn scored(&mut self, number: u16, how: u8) {
        let Some((decision, contacts, agents)) = pick(&self.decisions, number) else { return };
        self.decisions.retain(|known| known.0 != decision);
        let score = |at: usize| PairScore {
            score_milli: (how % 4 != 1 && !(at + usize::from(how)).is_multiple_of(3)).then_some(i64::from(how)),
            parts: vec![],
        };
        let rows = if how % 4 == 3 { contacts + 1 } else { contacts };
        let scores = (0..rows).map(|row| (0..agents).map(|column| score(row + column)).collect()).collect();
        let result = if how % 4 == 2 { Err("trap".into()) } else { Ok(ScoreAnswer { parts: vec![], scores }) };
        self.give(Input::Scored { decision, result });
    }

    fn leg(&mut self, what: u8, number: u16) {
        let Some(leg) = pick(&self.legs, number) else { return };
        let over = matches!(what % 16, 13 | 14);
        if over {
            self.legs.retain(|known| *known != leg);
        }
        self.give(match what % 16 {
            0..=12 => Input::LegAnswered(leg),
            13 if leg.0 >> 63 == 1 => {
                Input::LegFailed(leg, [LegFailure::NoAnswer, LegFailure::Declined][number as usize % 2])
            }
            13 | 14 => Input::LegEnded { leg, fault: number.is_multiple_of(3).then(|| "reset".into()) },
            _ => Input::MediaLost(leg),
        });
    }

    fn ended(&mut self, number: u16, how: u8) {
        let Some((contact, run)) = pick(&self.live_runs(), number) else { return };
        self.runs.remove(&(contact, run));
        let end = match how % 4 {
            0 => RunEnd::Trap("boom".into()),
            1 => RunEnd::Deadline,
            2 => RunEnd::GuestError("no".into()),
            _ => RunEnd::Returned(FlowEnd::Completed),
        };
        self.give(Input::FlowEnded { contact, run, end });
    }

    fn at_contact(&mut self, number: u16, act: impl FnOnce(ContactId) -> Input) {
        let ids: Vec<_> = self.desk.board.contacts().iter().map(|view| view.id).collect();
        if let Some(contact) = pick(&ids, number) {
            self.give(act(contact));
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Rehearsed(number, how) => self.rehearsed(number, how),
            Step::Migrate(number) => self.at_contact(number, Input::Migrate),
            Step::Hibernate(at_most) => self.hibernate(at_most),
            Step::Call(to) => {
                let leg = self.desk.offer_leg("555", if to < 230 { "100" } else { "112" });
                if !self.desk.wanted(|effect| matches!(effect, Effect::RejectLeg { .. })) {
                    self.legs.push(leg);
                    self.begun.extend(self.desk.board.contacts().iter().map(|view| view.id));
                }
                self.look();
            }
            Step::Leg(what, number) => self.leg(what, number),
            Step::Key(number, key) => {
                if let Some(leg) = pick(&self.legs, number) {
                    self.give(Input::Digit(leg, key));
                }
            }
            Step::Played(number) => {
                if let Some((leg, play)) = pick(&self.plays, number) {
                    self.plays.retain(|known| known.1 != play);
                    self.give(Input::PlayFinished { leg, play });
                }
            }
            Step::Request(number, what) => {
                if let Some((contact, run)) = pick(&self.live_runs(), number) {
                    self.runs.insert((contact, run), false);
                    let request = self.request(contact, what);
                    self.give(Input::FlowRequested { contact, run, request });
                }
            }
            Step::Ended(number, how) => self.ended(number, how),
            Step::LookedUp(number, found) => {
                if !self.values.is_empty() {
                    let answer = self.values.swap_remove(usize::from(number) % self.values.len());
                    self.give(answer);
                }
                if let Some(lookup) = pick(&self.lookups, number) {
                    self.lookups.retain(|known| *known != lookup);
                    let result = if found { Ok(Some(Profile::default())) } else { Err(LookupError::Busy) };
                    self.give(Input::LookedUp { lookup, version: None, result });
                }
            }
            Step::Scored(number, how) => self.scored(number, how),
            Step::Durable(number) => {
                if let Some((contact, frame)) = pick(&self.unsynced, number) {
                    self.unsynced.retain(|known| *known != (contact, frame));
                    self.give(Input::JournalDurable { contact, frame });
                }
            }
            Step::Store(healthy) => self.give(Input::StoreHealth { healthy, reason: "disk".into() }),
            Step::Agent(which, what) => self.agent(which, what),
            Step::Document(what) => self.document(what),
            Step::Operator(number, true) => self.at_contact(number, Input::EndContact),
            Step::Operator(number, false) => self.at_contact(number, |contact| {
                let (name, value) = ("vip".into(), "1".into());
                Input::SetAttribute { contact, name, value }
            }),
            Step::Pass(ms) => {
                self.desk.pass(ms.into());
                self.look();
            }
            Step::Stale(what, number) => self.stale(what, number),
        }
    }

    /// Inputs about what never was or is long gone.
    fn stale(&mut self, what: u8, number: u16) {
        let number = u64::from(number) + 1_000_000;
        let (contact, run, leg) = (ContactId(number.into()), RunId(number), LegId(number | (u64::from(what) << 56)));
        self.give(match what % 12 {
            0 => Input::LegAnswered(leg),
            1 => Input::LegFailed(leg, LegFailure::Unreachable),
            2 => Input::LegEnded { leg, fault: None },
            3 => Input::MediaLost(leg),
            4 => Input::Digit(leg, '1'),
            5 => Input::PlayFinished { leg, play: PlayId(number) },
            6 => Input::FlowRequested { contact, run, request: Request::Answer },
            7 => Input::FlowEnded { contact, run, end: RunEnd::Deadline },
            8 => Input::LookedUp { lookup: LookupId(number), version: None, result: Ok(None) },
            9 => Input::Scored { decision: DecisionId(number), result: Err("?".into()) },
            10 => Input::JournalDurable { contact, frame: 3 },
            _ => Input::EndContact(contact),
        });
    }

    /// Everything ends, in order or at once.
    fn end(&mut self, at_once: bool) {
        self.give(if at_once { Input::Shutdown } else { Input::Drain });
        for leg in std::mem::take(&mut self.legs) {
            if leg.0 >> 63 == 0 {
                self.give(Input::LegEnded { leg, fault: None });
            }
        }
        self.desk.pass(600_000);
        self.look();
        let board = &self.desk.board;
        assert_eq!(board.contact_count(), 0);
        assert_eq!(self.drained, 1);
        assert!(board.legs.is_empty() && board.decisions.is_empty() && board.pins.is_empty());
        assert!(board.holds.is_empty() && self.rehearsals.is_empty(), "no rehearsal is left");
        assert!(board.draining());
        assert!(self.runs.is_empty(), "every run ended or was cancelled");
        assert!(
            board.out.timers.iter().all(|(timer, _)| matches!(timer, Timer::Stage(_))),
            "no timer is left but those of canaries"
        );
        let kept: BTreeSet<_> = self.desk.records.iter().map(|record| record.id).collect();
        assert_eq!(kept.len(), self.desk.records.len(), "one record each");
        assert_eq!(kept, self.begun);
        for id in &kept {
            assert!(self.desk.journal(*id).closed.is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_the_board_holds_and_drains(steps in steps(), at_once in any::<bool>()) {
        let mut world = World_::new();
        for step in steps {
            world.step(step);
        }
        world.end(at_once);
    }
}

#[test]
fn the_same_inputs_lead_to_the_same_effects() {
    let run = || {
        let mut desk = Desk::empty(3);
        desk.give(Input::PutDeployment(deployment("reception", World::Flow, 1)));
        desk.give(Input::PutQueue(queue("support")));
        desk.give(Input::PutEntryPoint(entry_point("main", &["100"])));
        let (call, place, leg) = desk.talk();
        desk.request(call, wait(place, 1000));
        desk.hang_up(leg);
        desk.returns(call, FlowEnd::Completed);
        (format!("{:?}", desk.effects), desk.journals)
    };
    assert_eq!(run(), run());
}
