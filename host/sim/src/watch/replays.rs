//! Versions that go through a journal: what they are given is the journal, they take over only a call that waits, and
//! nobody comes back up the ladder.

use super::{Held, Pending, Run, Watch, Watched, holds};
use cordboard_core::board::{Rehearsal, Rehearse};
use cordboard_core::event::What;
use cordboard_core::flow::Request;
use cordboard_core::ids::{ContactId, RunId, Version};
use cordboard_core::journal::{Entry, Journal};
use cordboard_core::replay::{self, Entries};
use cordboard_core::time::Timestamp;

pub(super) const SEGMENT: &str = "a version's calls are in its segment";
/// At once: each takes the room of an instance.
pub(super) const MAX_REHEARSALS: usize = 32;
/// A longer journal is not gone through again.
const MAX_PAST_BYTES: usize = 512 << 10;
const PAST: &str = "what is gone through is the journal";
const WAITS: &str = "another version is tried only while the contact waits";
const ONE: &str = "a contact has one rehearsal at a time";
const LADDER: &str = "nobody comes back up the ladder";

/// Another version, beside the contact's run.
#[derive(Clone, Debug)]
pub(super) struct Rehearsing {
    run: RunId,
    pub(super) version: Version,
    ask_anew: bool,
    /// It has not said yet how it went.
    awaited: bool,
    /// Where it came to wait, with the input in hand.
    agreed: Option<(u64, Request)>,
}

impl Watched {
    /// Whether it keeps a version loaded that it is not pinned to.
    pub(super) fn holds(&self, version: Version) -> bool {
        self.predecessor == Some(version) || self.rehearsal.as_ref().is_some_and(|of| of.version == version)
    }

    /// Whether another version could be tried now, with room for it or not, and isn't.
    pub(super) fn could_rehearse(&self, room: bool) -> bool {
        self.waits_in().is_some() && self.rehearsal.as_ref().map_or(room, |rehearsal| !rehearsal.awaited)
    }

    /// The call that it waits in, if another version may take that over.
    fn waits_in(&self) -> Option<&Pending> {
        let such = |pending: &&Pending| {
            matches!(pending.request, Request::Say(_) | Request::Ask(_) | Request::Pause { .. } | Request::Wait { .. })
        };
        self.pending.as_ref().filter(such).filter(|_| self.gone.is_none() && self.run.is_some())
    }
}

impl Watch {
    pub(super) fn rehearsed(&mut self, id: ContactId, run: RunId, result: &Rehearsal) {
        let current = self.contacts.get_mut(&id).and_then(|contact| contact.rehearsal.as_mut());
        match current.filter(|rehearsal| rehearsal.run == run && rehearsal.awaited) {
            Some(rehearsal) => {
                rehearsal.awaited = false;
                if let Rehearsal::Agreed { entry, request } = result {
                    rehearsal.agreed = Some((*entry, request.clone()));
                }
            }
            None => self.stale = Some((id, run)),
        }
    }

    pub(super) fn rehearsals(&self) -> usize {
        self.contacts.values().filter(|contact| contact.rehearsal.is_some()).count()
    }

    /// After each input.
    pub(super) fn told_all(&mut self) -> Held {
        for id in std::mem::take(&mut self.returned) {
            let Some(watched) = self.contacts.get_mut(&id) else { continue };
            let silent = watched.run.as_ref().is_some_and(|run| run.calling) && watched.pending.is_none();
            holds(!silent, "a flow's call gets one reply", || format!("{id}: none, asleep: {}", watched.asleep))?;
        }
        for (id, watched) in &mut self.contacts {
            let begun = watched.begun && watched.run.is_some();
            holds(!begun, "a run begins with its segment", || format!("{id}: a segment, and no run"))?;
            watched.begun = false;
            if let Some(rehearsal) = &mut watched.rehearsal {
                rehearsal.agreed = None;
            }
        }
        Ok(())
    }

    pub(super) fn start(&mut self, id: ContactId, run: RunId, version: Version, past: &Entries) -> Held {
        self.usable(version)?;
        let watched = self.live(id)?;
        let woken = std::mem::take(&mut watched.asleep);
        let before = watched.version.replace(version);
        let tidied = watched.run.as_ref().filter(|_| woken).map_or(0, |run| run.tidied);
        let other = watched.run.replace(Run { id: run, calling: false, tidied });
        let one = woken || other.is_none();
        holds(one, "a contact has one run at a time", || format!("{id}: {other:?}, {run}"))?;
        let pending = watched.pending.clone();
        holds(pending.is_none(), "a flow starts when nothing is pending", || format!("{id}: {pending:?}"))?;
        same_past(id, &watched.journal, past)?;
        let rung = watched.rung;
        if std::mem::take(&mut watched.begun) {
            let segment = watched.journal.segments.last().map(|segment| segment.version);
            watched.predecessor = None;
            let fresh = segment == Some(version) && past.is_empty() && !woken;
            return holds(fresh, "a run begins with its segment", || format!("{id}: {segment:?}"));
        }
        if woken {
            return holds(before == Some(version), "who sleeps is woken by the same version", || format!("{id}"));
        }
        // The predecessor, whose segment begins when it has gone through the journal.
        watched.predecessor = None;
        watched.rung = 1;
        watched.segment_due = Some(version);
        holds(rung == 0 && before != Some(version), LADDER, || format!("{id}: from {rung} to the version before"))
    }

    pub(super) fn segment(&mut self, id: ContactId, version: Version) -> Held {
        let watched = self.live(id)?;
        match watched.segment_due.take() {
            Some(due) => holds(due == version, SEGMENT, || format!("{id}: a segment of {}", version.short())),
            None => {
                let twice = std::mem::replace(&mut watched.begun, true);
                holds(!twice, SEGMENT, || format!("{id}: two segments for one run"))
            }
        }
    }

    pub(super) fn cancelled(&mut self, id: ContactId, run: RunId) -> Held {
        let rehearsal = self.contacts.get_mut(&id).map(|watched| &mut watched.rehearsal);
        if rehearsal.is_some_and(|of| of.take_if(|rehearsal| rehearsal.run == run).is_some()) {
            return Ok(());
        }
        // Nobody waits for it any more.
        if self.stale.take_if(|stale| *stale == (id, run)).is_some() {
            return Ok(());
        }
        let hibernating = self.hibernating;
        let watched = self.live(id)?;
        let fit = watched.run.as_ref().is_some_and(|current| current.id == run) && !watched.asleep;
        let current = watched.run.clone();
        holds(fit, "a run that is there is cancelled once", || format!("{id}: {run}, {current:?}"))?;
        if hibernating {
            let free = watched.waits_in().is_some() && watched.rehearsal.is_none();
            watched.asleep = true;
            return holds(free, "only who waits sleeps", || format!("{id}: {current:?}"));
        }
        watched.run = None;
        Ok(())
    }

    pub(super) fn rehearse(&mut self, wanted: &Rehearse) -> Held {
        self.usable(wanted.version)?;
        let id = wanted.contact;
        let rehearsing = Rehearsing {
            run: wanted.run,
            version: wanted.version,
            ask_anew: wanted.ask_anew,
            awaited: true,
            agreed: None,
        };
        let other = self.live(id)?.rehearsal.replace(rehearsing);
        holds(other.is_none(), ONE, || format!("{id}: {other:?}"))?;
        let all = self.rehearsals();
        holds(all <= MAX_REHEARSALS, "so many rehearsals at once", || format!("{all}"))?;
        self.may_rehearse(id, wanted.version, &wanted.past)
    }

    pub(super) fn rehearse_on(&mut self, id: ContactId, run: RunId, past: &Entries) -> Held {
        let rehearsal = self.live(id)?.rehearsal.as_mut().filter(|rehearsal| rehearsal.run == run);
        let Some(rehearsal) = rehearsal else { return holds(false, ONE, || format!("{id}: none goes on")) };
        let agreed = !std::mem::replace(&mut rehearsal.awaited, true);
        let version = rehearsal.version;
        holds(agreed, "a rehearsal goes on after it agreed", || id.to_string())?;
        self.may_rehearse(id, version, past)
    }

    fn may_rehearse(&mut self, id: ContactId, version: Version, past: &Entries) -> Held {
        let watched = self.live(id)?;
        let waits = watched.waits_in().is_some();
        let (rung, own) = (watched.rung, watched.version);
        holds(waits, WAITS, || format!("{id}: {:?}", watched.pending))?;
        holds(rung == 0 && own != Some(version), LADDER, || format!("{id}: rehearses on rung {rung}"))?;
        same_past(id, &watched.journal, past)?;
        self.serves(id, version)
    }

    /// A contact goes over to nothing but what its deployment serves.
    fn serves(&mut self, id: ContactId, version: Version) -> Held {
        let deployment = self.live(id)?.journal.segments.last().map(|segment| segment.deployment.clone());
        let deployment = deployment.and_then(|name| self.deployments.get(&name));
        holds(
            deployment.is_some_and(|found| found.serves(version)),
            "a contact goes over to what its deployment serves",
            || format!("{id}: {}, not {:?}", version.short(), deployment.map(|found| found.version.short())),
        )
    }

    pub(super) fn take_over(&mut self, id: ContactId, run: RunId) -> Held {
        let watched = self.live(id)?;
        let detail = format!("{id}: {:?} for {:?}", watched.rehearsal, watched.pending);
        let rehearsal = watched.rehearsal.take().filter(|rehearsal| rehearsal.run == run);
        let Some((rehearsal, (entry, request))) = rehearsal.and_then(|mut of| of.agreed.take().map(|at| (of, at)))
        else {
            return holds(false, "who takes over has just agreed", || detail);
        };
        let old = watched.run.replace(Run { id: run, calling: true, tidied: 0 });
        let asleep = std::mem::take(&mut watched.asleep);
        let alone = old.is_none() || asleep;
        holds(alone, "a contact has one run at a time", || format!("{id}: {old:?}, {run}"))?;
        let agreement = watched.waits_in().filter(|pending| pending.entry == entry).map(|pending| {
            let anew = replay::pending(&pending.request, &request);
            anew == replay::Pending::Agrees || (anew == replay::Pending::AsksAnew && rehearsal.ask_anew)
        });
        holds(agreement == Some(true), WAITS, || detail)?;
        let rung = watched.rung;
        holds(rung == 0, LADDER, || format!("{id}: goes over on rung {rung}"))?;
        if let (Some(Pending { request: Request::Ask(heard), .. }), Request::Ask(question)) =
            (&mut watched.pending, &request)
        {
            // The next key is waited for as long as the new one says.
            heard.key_timeout_ms = heard.key_timeout_ms.max(question.key_timeout_ms);
            heard.silence_timeout_ms = heard.silence_timeout_ms.max(question.silence_timeout_ms);
        }
        watched.predecessor = watched.version.replace(rehearsal.version);
        watched.segment_due = Some(rehearsal.version);
        self.serves(id, rehearsal.version)
    }

    pub(super) fn asked_anew(&mut self, id: ContactId, entry: u64, at: Timestamp, request: Request) -> Held {
        let watched = self.live(id)?;
        let pending = watched.pending.as_mut().filter(|pending| pending.entry == entry);
        let Some(pending) = pending else { return holds(false, WAITS, || format!("{id}: {entry} is asked anew")) };
        (pending.request, pending.since) = (request, at);
        watched.pressed.clear();
        Ok(())
    }

    pub(super) fn descended(&mut self, id: ContactId, what: &What) -> Held {
        let watched = self.live(id)?;
        let (rung, due) = (watched.rung, watched.segment_due);
        match what {
            What::Descended { rung: "predecessor", version, .. } => {
                holds(rung == 1 && due == Some(*version), LADDER, || format!("{id}: from {rung} to the version before"))
            }
            What::Descended { .. } => {
                watched.rung = 2;
                watched.segment_due = None;
                holds(rung < 2, LADDER, || format!("{id}: from {rung} to the safe flow"))
            }
            What::SteppedDown { .. } => {
                watched.rung = 3;
                watched.segment_due = None;
                let run = watched.run.clone();
                holds(rung < 3 && run.is_none(), LADDER, || format!("{id}: from {rung} to the board, {run:?}"))
            }
            // Nobody can wake it any more.
            What::FlowEnded { .. } if watched.asleep => {
                (watched.asleep, watched.run) = (false, None);
                let long = watched.pending.is_none() && watched.bytes > MAX_PAST_BYTES;
                let bytes = watched.bytes;
                holds(long, "who sleeps is woken when its call returns", || format!("{id}: {bytes} bytes"))
            }
            What::Migrated { to, .. } => {
                let version = watched.version;
                holds(version == Some(*to) && due.is_none(), SEGMENT, || format!("{id}: {version:?}, {due:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// Secrets are in one and not in the other (journal rule 20).
fn same_past(id: ContactId, journal: &Journal, past: &Entries) -> Held {
    let same = |kept: &Entry, told: &Entry| match (kept, told) {
        (
            Entry::Call { at, request: Request::Ask(question), outcome: Some((returned, ..)) },
            Entry::Call { at: told_at, request: Request::Ask(told), outcome: Some((told_returned, ..)) },
        ) if question.secret => at == told_at && question == told && returned == told_returned,
        _ => kept == told,
    };
    let equal = journal.entries.len() == past.len();
    let equal = equal && journal.entries.iter().zip(past.iter()).all(|(kept, told)| same(kept, told));
    holds(equal, PAST, || {
        let (kept, told) = (journal.entries.len(), past.len());
        format!("{id}: {told} entries, not {kept}: {past:?}, not {:?}", journal.entries)
    })
}
