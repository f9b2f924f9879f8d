//! Directories, places outside, scorers, the store, operators, and inputs that make no sense.

use super::Centre;
use super::agenda::Happening;
use cordboard_core::board::{Fetch, Input, LegFailure, LegOffer, LegSource, Rehearsal};
use cordboard_core::decision::{PairScore, ScoreAnswer, ScoreRequest};
use cordboard_core::flow::{Address, FetchError, FetchResponse, LookupError, Profile, Request, RunEnd};
use cordboard_core::ids::{AgentId, ContactId, DecisionId, FetchId, LegId, LookupId, PlayId, RunId, Version};

impl Centre<'_> {
    pub(super) fn look_up(&mut self, lookup: LookupId, version: Version, value: &str, timeout_ms: u32) {
        let random = &mut self.random;
        let mut delay = random.between(5, 400);
        let mut result = if random.chance(700) {
            let fields = vec![("segment".into(), "gold".into()), ("balance".into(), value.into())];
            Ok(Some(Profile { id: value.into(), display_name: Some(format!("Person {value}")), fields }))
        } else {
            Ok(None)
        };
        if random.chance(self.plan.faults.directories) {
            match random.below(6) {
                0 => (delay, result) = (u64::from(timeout_ms), Err(LookupError::Timeout)),
                1 => delay = u64::from(timeout_ms) + random.between(0, 2_000),
                2 => delay = u64::from(timeout_ms),
                3 => result = Err(LookupError::Unavailable("500".into())),
                4 => result = Err(LookupError::Busy),
                _ => {
                    let fields = vec![("big".into(), "x".repeat(8_000)); 80];
                    result = Ok(Some(Profile { id: "big".into(), display_name: None, fields }));
                }
            }
        }
        let version = random.chance(900).then_some(version);
        self.note(delay, Happening::Input(Box::new(Input::LookedUp { lookup, version, result })));
    }

    pub(super) fn fetch(&mut self, wanted: &Fetch) {
        let random = &mut self.random;
        let timeout_ms = u64::from(wanted.timeout_ms);
        let mut delay = random.between(5, 400);
        let mut result = Ok(FetchResponse { status: 200, headers: vec![], body: b"{}".to_vec() });
        if random.chance(self.plan.faults.places) {
            match random.below(8) {
                0 => return,
                1 => delay = timeout_ms + random.between(0, 2_000),
                2 => delay = timeout_ms,
                3 => (delay, result) = (timeout_ms, Err(FetchError::Timeout)),
                4 => result = Err(FetchError::NotGranted),
                5 => result = Err(FetchError::UnknownOutcome),
                6 => result = Err(FetchError::Unavailable("connection refused".into())),
                _ => result = Ok(FetchResponse { status: 200, headers: vec![], body: vec![0; 1 << 20] }),
            }
        }
        let input = Input::Fetched { fetch: wanted.fetch, result };
        if random.chance(self.plan.faults.strays) {
            self.note(delay + 1, Happening::Input(Box::new(input.clone())));
        }
        self.note(delay, Happening::Input(Box::new(input)));
    }

    pub(super) fn score(&mut self, request: &ScoreRequest) {
        let random = &mut self.random;
        let mut delay = random.between(0, 20);
        let mut pair = || PairScore {
            score_milli: (!random.chance(100)).then(|| random.between(0, 5_000) as i64),
            parts: vec![0.5, 1.0],
        };
        let scores = request.contacts.iter().map(|_| request.agents.iter().map(|_| pair()).collect()).collect();
        let mut result = Ok(ScoreAnswer { parts: vec!["skill".into(), "cost".into()], scores });
        if random.chance(self.plan.faults.scorers) {
            match random.below(7) {
                0 => return,
                1 => delay = random.between(1_000, 6_000),
                2 => result = Err("trap".into()),
                3 => result = Ok(ScoreAnswer { parts: vec![], scores: vec![] }),
                4 => {
                    let row = vec![PairScore { score_milli: Some(i64::MAX), parts: vec![f32::NAN] }; 300];
                    result = Ok(ScoreAnswer { parts: vec!["x".into(); 40], scores: vec![row; 40] });
                }
                _ => {
                    // Nobody suits anybody.
                    let row = vec![PairScore { score_milli: None, parts: vec![] }; request.agents.len()];
                    result = Ok(ScoreAnswer { parts: vec![], scores: vec![row; request.contacts.len()] });
                }
            }
        }
        let decision = request.decision;
        self.note(delay, Happening::Input(Box::new(Input::Scored { decision, result })));
    }

    /// A frame that is waited for.
    pub(super) fn store(&mut self, contact: ContactId, frame: u64) {
        let slow = self.random.chance(self.plan.faults.store);
        let delay = if slow { self.random.between(100, 5_000) } else { self.random.between(0, 15) };
        if slow && self.random.chance(200) {
            // Too large for the store, or the like: it is never kept.
            self.note(delay, Happening::Input(Box::new(Input::JournalLost { contact, frame })));
            return;
        }
        self.note(delay, Happening::Stored(contact, frame));
    }

    pub(super) fn store_turns(&mut self, healthy: bool) -> Input {
        self.store_failed = !healthy;
        if !healthy {
            let repair = self.random.between(10, 10_000);
            self.note(repair, Happening::Store(true));
        } else if !self.drained {
            let next = self.random.exponential(self.plan.store_failure_ms);
            self.note(next, Happening::Store(false));
        }
        Input::StoreHealth { healthy, reason: "disk full".into() }
    }

    pub(super) fn operate(&mut self) -> Option<Input> {
        if self.drained {
            return None;
        }
        let next = self.random.exponential(self.plan.operator_ms);
        self.note(next, Happening::Operator);
        let contacts: Vec<ContactId> =
            self.runs.keys().map(|(contact, _)| *contact).chain(self.asleep.keys().copied()).collect();
        match self.random.below(8) {
            0 => Some(Input::EndContact(*self.random.pick(&contacts)?)),
            1 => {
                let name = format!("a{}", self.random.below(4));
                Some(Input::SetAttribute { contact: *self.random.pick(&contacts)?, name, value: "1.5".into() })
            }
            // So much that its journal can't be gone through any more.
            2 if self.random.chance(30) => {
                let contact = *self.random.pick(&contacts)?;
                let value = "x".repeat(8_000);
                for _ in 0..70 {
                    let input = Input::SetAttribute { contact, name: "a1".into(), value: value.clone() };
                    self.agenda.note(self.now, Happening::Input(Box::new(input)));
                }
                None
            }
            2 | 3 => Some(Input::Migrate(*self.random.pick(&contacts)?)),
            _ => {
                let (input, undo) = self.setup.change(self.plan, &mut self.random)?;
                if let Some(undo) = undo {
                    let later = self.random.between(0, 30_000);
                    self.note(later, Happening::Input(Box::new(undo)));
                }
                Some(input)
            }
        }
    }

    /// Instances of flows that wait are to make room.
    pub(super) fn make_room(&mut self) -> Option<Input> {
        if self.drained {
            return None;
        }
        let next = self.random.exponential(self.plan.hibernate_ms);
        self.note(next, Happening::Room);
        let idle_ms = self.random.one([0, 0, 500, 5_000]).unwrap_or(0);
        let at_most = self.random.between(0, 12) as u32;
        Some(Input::Hibernate { idle_ms, at_most })
    }

    /// Something stale, doubled or senseless: it must change nothing that matters.
    pub(super) fn stray(&mut self) -> Option<Input> {
        let random = &mut self.random;
        let legs: Vec<LegId> = self.lines.keys().rev().take(20).copied().collect();
        let some = |random: &mut crate::random::Random| random.pick(&legs).copied().unwrap_or(LegId(0));
        let gone = ContactId(u128::from(random.next()));
        let leg = some(random);
        // A call that goes on must not be told to have ended when nobody ended it: strays are about others.
        let over = self.lines.get(&leg).is_none_or(|line| line.is_over());
        match random.below(22) {
            0 if over => Some(Input::LegAnswered(leg)),
            1 if over => Some(Input::LegEnded { leg, fault: None }),
            2 if over => Some(Input::LegFailed(leg, LegFailure::Declined)),
            3 if over => Some(Input::MediaLost(leg)),
            4 => Some(Input::Digit(leg, '?')),
            5 => Some(Input::PlayFinished { leg, play: PlayId(random.below(1000)) }),
            6 => Some(Input::FlowEnded { contact: gone, run: RunId(1), end: RunEnd::Deadline }),
            7 => {
                let ((contact, run), _) = self.runs.first_key_value()?;
                Some(Input::FlowEnded { contact: *contact, run: RunId(run.0 + 1_000_000), end: RunEnd::Deadline })
            }
            8 => Some(Input::FlowRequested { contact: gone, run: RunId(1), request: Request::Answer }),
            9 => Some(Input::LookedUp { lookup: LookupId(random.below(5_000)), version: None, result: Ok(None) })
                .filter(|_| over),
            10 => Some(Input::Scored { decision: DecisionId(u64::MAX), result: Err("stray".into()) }),
            11 => Some(Input::JournalDurable { contact: gone, frame: u64::MAX }),
            12 => Some(Input::PhoneGone(AgentId::new("nobody").ok()?)),
            13 => Some(Input::LegOffered(LegOffer {
                leg,
                origin: Address::default(),
                dialled: Address { number: Some("1000".into()), ..Address::default() },
                source: LegSource::Trunk("trunk".into()),
            }))
            .filter(|_| !over),
            14 => Some(Input::EndContact(gone)),
            20 => {
                let fetch = FetchId(random.next());
                Some(Input::Fetched { fetch, result: Err(FetchError::Busy) })
            }
            15 => Some(Input::Migrate(gone)),
            16 => Some(Input::Rehearsed { contact: gone, run: RunId(1), result: failed() }),
            17 => {
                let ((contact, run), _) = self.rehearsals.last_key_value()?;
                Some(Input::Rehearsed { contact: *contact, run: RunId(run.0 + 1_000_000), result: failed() })
            }
            // What it said already.
            19 => {
                let told = self.rehearsals.iter().filter(|(_, rehearsing)| rehearsing.has_told());
                let told: Vec<_> = told.map(|(run, _)| *run).collect();
                let (contact, run) = *random.pick(&told)?;
                let agreed = Rehearsal::Agreed { entry: random.below(3), request: Request::Answer };
                Some(Input::Rehearsed { contact, run, result: if random.chance(800) { agreed } else { failed() } })
            }
            // It was told to be gone, and says that it is.
            18 => {
                let (contact, (run, _)) = self.asleep.first_key_value()?;
                Some(Input::FlowEnded { contact: *contact, run: *run, end: RunEnd::Limit("memory".into()) })
            }
            _ => Some(Input::Tick),
        }
    }
}

const fn failed() -> Rehearsal {
    Rehearsal::Failed(RunEnd::Deadline)
}
