//! Flows that go through their journal: rehearsals of other versions, flows that are woken, and predecessors.

use super::Centre;
use super::agenda::Happening;
use super::flows::Flow;
use crate::watch::{Broken, Held, holds};
use cordboard_core::board::{Input, Rehearsal, Rehearse};
use cordboard_core::flow::{Request, RunEnd};
use cordboard_core::ids::{ContactId, RunId};
use cordboard_core::journal::Entry;
use cordboard_core::replay::{Divergence, Entries, Past, Step};

const OWN_PAST: &str = "what a flow goes through is what it did and was told";
const WAITS_THERE: &str = "a rehearsal stops where the contact waits";

/// An instance of another version beside the contact's flow.
#[derive(Debug)]
pub(super) struct Rehearsing {
    flow: Flow,
    past: Past,
    /// What it comes to, not told yet.
    result: Option<Rehearsal>,
    /// Wherever it comes to, the contact is further.
    behind: bool,
}

impl Rehearsing {
    pub(super) const fn has_told(&self) -> bool {
        self.result.is_none()
    }
}

impl Centre<'_> {
    pub(super) fn start_flow(&mut self, contact: ContactId, run: RunId, past: Entries) {
        let made = past.iter().any(|entry| matches!(entry.as_ref(), Entry::Call { .. }));
        let (asleep, failed) = (self.asleep.remove(&contact), self.failed.remove(&contact));
        // With nothing to go through it is the safe flow, or another.
        let flow = match asleep.map(|(_, flow)| flow).filter(|_| made) {
            Some(mut flow) => {
                let gone_through = go_through(&mut flow, past);
                self.expect(gone_through);
                flow
            }
            None if made => {
                let Some(mut flow) = failed else { return self.expect(holds(false, OWN_PAST, || contact.to_string())) };
                let gone_through = go_through(&mut flow, past);
                self.expect(gone_through);
                flow.go_on_otherwise(&mut self.random, self.plan.faults.flows);
                flow
            }
            None => Flow::new(&mut self.random, self.plan.faults.flows),
        };
        let diverges = if made { self.plan.faults.flows } else { self.plan.faults.flows / 8 };
        if self.random.chance(diverges) {
            let end = match self.random.below(6) {
                0 => RunEnd::NoRoom("too many instances".into()),
                1 => RunEnd::Trap("unreachable".into()),
                2..=4 if made => RunEnd::Diverged(divergence()),
                _ => RunEnd::NotStarted("no such component".into()),
            };
            self.failed.insert(contact, flow);
            self.note(1, Happening::Input(Box::new(Input::FlowEnded { contact, run, end })));
            return;
        }
        self.runs.insert((contact, run), flow);
        self.flow_soon(contact, run);
    }

    pub(super) fn lose_instance(&mut self, contact: ContactId, run: RunId) -> Option<Input> {
        let flow = self.runs.remove(&(contact, run))?;
        self.failed.insert(contact, flow);
        Some(Input::FlowEnded { contact, run, end: RunEnd::Limit("memory".into()) })
    }

    pub(super) fn rehearse(&mut self, wanted: &Rehearse) {
        let Some(mut flow) = self.flow_of(wanted.contact) else {
            return self.expect(holds(false, "a contact that is rehearsed for has a flow", || format!("{wanted:?}")));
        };
        flow.vary(&mut self.random);
        if self.random.chance(500) {
            flow.go_on_otherwise(&mut self.random, self.plan.faults.flows);
        }
        let past = Past::new(wanted.past.clone(), wanted.ask_anew);
        self.go_on(wanted.contact, wanted.run, Rehearsing { flow, past, result: None, behind: false }, 0, &wanted.past);
    }

    pub(super) fn rehearse_on(&mut self, contact: ContactId, run: RunId, past: Entries) {
        let (Some(mut rehearsing), Some(current)) = (self.rehearsals.remove(&(contact, run)), self.flow_of(contact))
        else {
            return self.expect(holds(false, "a rehearsal that is there goes on", || format!("{contact}, run {run}")));
        };
        rehearsing.past.go_on(past.clone());
        let known = rehearsing.flow.made.len();
        let mut flow = current;
        for (turn, own) in flow.made.iter_mut().zip(&rehearsing.flow.made) {
            turn.request = own.request.clone();
        }
        flow.changed |= rehearsing.flow.changed;
        if flow.made.len() > known {
            flow.vary(&mut self.random);
        }
        rehearsing.flow = flow;
        self.go_on(contact, run, rehearsing, known.saturating_sub(1), &past);
    }

    /// Goes through the journal from a call on.
    fn go_on(&mut self, contact: ContactId, run: RunId, mut rehearsing: Rehearsing, from: usize, past: &Entries) {
        let open = |entry: &std::sync::Arc<Entry>| matches!(entry.as_ref(), Entry::Call { outcome: None, .. });
        let pending = past.iter().rposition(open).unwrap_or_default() as u64;
        let honest = self.random.chance(500);
        let Rehearsing { flow, past, behind, .. } = &mut rehearsing;
        let mut result = compare(flow, past, from, pending);
        let last = flow.made.last().map(|turn| turn.request.clone());
        if let (Ok(Rehearsal::Diverged(what)), Some(request)) = (&result, last)
            && what.entry == pending
            && !honest
        {
            // The board sees for itself.
            result = Ok(Rehearsal::Agreed { entry: pending, request });
        }
        let random = &mut self.random;
        let mut delay = if random.chance(100) { random.between(0, 20_000) } else { random.below(300) };
        let result = match result {
            Ok(result) => result,
            Err(broken) => return self.expect(Err(broken)),
        };
        let further = Rehearsal::Agreed { entry: pending.wrapping_sub(1), request: Request::Pause { duration_ms: 1 } };
        // Who diverged won't go on, and says so.
        let agreed = matches!(result, Rehearsal::Agreed { .. });
        let result = if *behind && agreed {
            Some(further)
        } else if random.chance(self.plan.faults.rehearsals) {
            match random.below(6) {
                0 => Some(Rehearsal::Diverged(divergence())),
                1 => Some(Rehearsal::Failed(RunEnd::Trap("unreachable".into()))),
                2 => Some(Rehearsal::Failed(RunEnd::Returned(cordboard_core::flow::FlowEnd::Completed))),
                3 => None,
                4 if agreed => {
                    *behind = true;
                    Some(further)
                }
                _ => {
                    delay = random.between(1_000, 30_000);
                    Some(result)
                }
            }
        } else {
            Some(result)
        };
        rehearsing.result = result;
        self.rehearsals.insert((contact, run), rehearsing);
        self.note(delay, Happening::Rehearsed(contact, run));
    }

    pub(super) fn rehearsed(&mut self, contact: ContactId, run: RunId) -> Option<Input> {
        let result = self.rehearsals.get_mut(&(contact, run))?.result.take()?;
        Some(Input::Rehearsed { contact, run, result })
    }

    pub(super) fn take_over(&mut self, contact: ContactId, run: RunId) {
        self.asleep.remove(&contact);
        match self.rehearsals.remove(&(contact, run)) {
            Some(rehearsing) => {
                let mut flow = rehearsing.flow;
                flow.changed = false;
                self.runs.insert((contact, run), flow);
            }
            None => self.expect(holds(false, "a rehearsal takes over", || format!("{contact}, run {run}"))),
        }
    }

    pub(super) fn cancel_flow(&mut self, contact: ContactId, run: RunId, input: &Input) {
        if let Some(rehearsing) = self.rehearsals.remove(&(contact, run)) {
            // It may just have come there.
            if let Some(result) = rehearsing.result
                && self.random.chance(200)
            {
                let late = self.random.below(40);
                self.note(late, Happening::Input(Box::new(Input::Rehearsed { contact, run, result })));
            }
        } else if let Some(flow) = self.runs.remove(&(contact, run))
            && matches!(input, Input::Hibernate { .. })
        {
            self.asleep.insert(contact, (run, flow));
        }
    }

    /// The contact's flow, awake or asleep.
    fn flow_of(&self, contact: ContactId) -> Option<Flow> {
        let mut runs = self.runs.range((contact, RunId(0))..=(contact, RunId(u64::MAX)));
        runs.next().map(|(_, flow)| flow).or_else(|| self.asleep.get(&contact).map(|(_, flow)| flow)).cloned()
    }

    /// Keeps the first rule that was broken.
    fn expect(&mut self, held: Held) {
        if let Err(broken) = held {
            self.broken.get_or_insert(broken);
        }
    }
}

/// A flow goes through its journal to its end: its latest call, if it was pending, has returned meanwhile.
fn go_through(flow: &mut Flow, past: Entries) -> Held {
    let mut past = Past::new(past, false);
    let mut returned = None;
    for turn in &flow.made {
        let step = past.call(&turn.request);
        let detail = || format!("{turn:?}, {step:?}");
        holds(returned.is_none(), OWN_PAST, detail)?;
        let Step::Returned { entry, at, reply } = &step else { return holds(false, OWN_PAST, detail) };
        match &turn.reply {
            Some(told) => holds(*told == (*entry, *at, reply.clone()), OWN_PAST, detail)?,
            None => returned = Some((*entry, *at, reply.clone())),
        }
    }
    holds(past.call(&Request::StopPlaying) == Step::Live, OWN_PAST, || format!("there is more: {past:?}"))?;
    if let Some((entry, at, reply)) = returned {
        flow.replied(entry, at, reply);
    }
    Ok(())
}

/// Another version goes through a journal, from a call on, to the pending one.
fn compare(flow: &Flow, past: &mut Past, from: usize, pending: u64) -> Result<Rehearsal, Broken> {
    let broken = |invariant, detail: String| Err(Broken { invariant, detail });
    let mut turns = flow.made.iter().skip(from).peekable();
    while let Some(turn) = turns.next() {
        let step = past.call(&turn.request);
        let detail = format!("{turn:?}, {step:?}");
        match (step, &turn.reply) {
            (Step::Returned { entry, at, reply }, Some(told)) if *told == (entry, at, reply.clone()) => {}
            (Step::Pending { entry }, None) if turns.peek().is_none() && entry == pending => {
                return Ok(Rehearsal::Agreed { entry, request: turn.request.clone() });
            }
            (Step::Diverged(what), _) if flow.changed => return Ok(Rehearsal::Diverged(what)),
            (Step::Returned { .. } | Step::Diverged(_), _) => return broken(OWN_PAST, detail),
            (Step::Pending { .. } | Step::Live, _) => return broken(WAITS_THERE, detail),
        }
    }
    broken(WAITS_THERE, format!("{:?}", flow.made.last()))
}

fn divergence() -> Divergence {
    Divergence { entry: 0, expected: "answer".into(), got: "ring".into() }
}
