//! Contacts: each begins once, ends once, and leaves a record that its journal agrees with. Their flows' calls get one
//! reply each. Versions are there as long as somebody needs them.

use super::{Held, Leg, Pending, Waits, Watch, Watched, holds};
use cordboard_core::board::Effect;
use cordboard_core::event::What;
use cordboard_core::flow::{Address, ContactError, LookupError, Reply, Request};
use cordboard_core::ids::{ContactId, Version};
use cordboard_core::journal::Journal;
use cordboard_core::record::{EndReason, OfferResult};
use std::cmp::Reverse;

/// As many as a record has, at most.
const KEPT_CHOICES: usize = 1000;

impl Watch {
    pub(super) fn begun(&mut self, id: ContactId, dialled: &Address) -> Held {
        let leg = self.offered.take();
        let emergency = |number| self.settings.emergency_numbers.contains(number);
        let allowed = !dialled.number.as_ref().is_some_and(emergency);
        let room = self.contacts.len() < self.settings.max_contacts as usize;
        holds(allowed && room, "contacts are taken within the settings", || format!("{dialled:?}, {room}"))?;
        let fresh = !self.contacts.contains_key(&id) && !self.ended.contains(&id);
        let taken = !self.draining && !self.unhealthy;
        holds(fresh && taken, "a contact begins once, while contacts are taken", || id.to_string())?;
        let Some(leg) = leg else { return holds(false, "a contact begins with a call", || id.to_string()) };
        self.legs.insert(leg, Leg::new(id, None, self.now));
        self.contacts.insert(
            id,
            Watched {
                leg,
                journal: Journal::default(),
                frames: 0,
                bytes: 0,
                durable: 0,
                released: false,
                pending: None,
                pressed: String::new(),
                run: None,
                asleep: false,
                version: None,
                predecessor: None,
                rehearsal: None,
                rung: 0,
                begun: false,
                segment_due: None,
                continuing: false,
                stepped_down: false,
                gone: None,
                settled: None,
                waits: None,
                place: None,
                popped: None,
                agent_leg: None,
                recorded: None,
            },
        );
        Ok(())
    }

    pub(super) fn flow(&mut self, effect: &Effect) -> Held {
        match effect {
            Effect::StartFlow { contact, run, version, past, .. } => self.start(*contact, *run, *version, past),
            Effect::ReplyFlow { contact, run, entry, reply, .. } => self.reply(*contact, *run, *entry, reply),
            Effect::CancelFlow { contact, run } => self.cancelled(*contact, *run),
            _ => Ok(()),
        }
    }

    fn reply(&mut self, id: ContactId, run: cordboard_core::ids::RunId, entry: u64, reply: &Reply) -> Held {
        let watched = self.live(id)?;
        let calling = watched.run.as_mut().filter(|current| current.id == run);
        let called = calling.is_some_and(|run| std::mem::take(&mut run.calling));
        holds(called, "a flow's call gets one reply", || format!("{id}, run {run}: {reply:?}"))?;
        let Some(cordboard_core::journal::Entry::Call { request, outcome, .. }) =
            usize::try_from(entry).ok().and_then(|entry| watched.journal.entries.get(entry))
        else {
            // Refused without an entry: the journal is full.
            let refused = matches!(reply, Reply::Failed(ContactError::Limit(_) | ContactError::Invalid(_)));
            return holds(refused, "a reply is an entry's outcome", || format!("{id}: {entry}, {reply:?}"));
        };
        let kept = outcome.as_ref().map(|(_, kept, _)| kept);
        let secret = matches!(request, Request::Ask(question) if question.secret);
        holds(secret || kept == Some(reply), "the flow is told what the journal keeps", || {
            format!("{id}: entry {entry} has {kept:?}, the flow {reply:?}")
        })?;
        holds(fits(request, reply), "a reply fits its call", || format!("{id}: {} got {reply:?}", request.name()))
    }

    pub(super) fn record(&mut self, record: &cordboard_core::record::ContactRecord) -> Held {
        let id = record.id;
        let watched = self.live(id)?;
        let twice = watched.recorded.replace(record.end.clone());
        holds(twice.is_none(), "a contact has one record", || format!("{id}: {twice:?}"))?;
        let journal = watched.journal.clone();
        let closed = journal.closed.as_ref().map(|(_, reason)| reason.as_str());
        holds(closed == Some(record.end.code()), "the journal is closed with the record's end", || {
            format!("{id}: {closed:?}, {}", record.end.code())
        })?;
        holds(journal.total_entries() == record.journal_entries, "the record counts the journal's entries", || {
            format!("{id}: {} in the journal, {} in the record", journal.total_entries(), record.journal_entries)
        })?;
        let from_journal = cordboard_core::journal::interrupted(&journal);
        let Some(told) = from_journal else {
            return holds(false, "a record can be made of a journal", || id.to_string());
        };
        let detail = || format!("{id}: the journal says {told:?}, the record {record:?}");
        let who = told.id == id && told.origin == record.origin && told.dialled == record.dialled;
        holds(who && told.offered_at == record.offered_at, "the journal knows who it was", detail)?;
        // A record keeps the latest of very many.
        let many = told.choices.len().saturating_sub(KEPT_CHOICES);
        let chosen = told.choices.iter().skip(many).map(|choice| (&choice.question, &choice.answer));
        let same = chosen.eq(record.choices.iter().map(|choice| (&choice.question, &choice.answer)));
        holds(same, "the journal knows the record's choices", detail)?;
        holds(told.versions == without_repeats(&record.versions), "the journal knows the record's versions", detail)?;
        holds(told.attributes == record.attributes, "the journal knows the record's attributes", detail)?;
        holds(told.stepped_down == record.stepped_down, "the journal knows how the flow failed", detail)
    }

    /// The contact's end was told: nothing of it is left.
    pub(super) fn over(&mut self, id: ContactId, reason: &EndReason) -> Held {
        let watched = self.live(id)?;
        let recorded = watched.recorded.clone();
        let run = watched.run.clone().filter(|_| !watched.asleep);
        let left = (run, watched.waits.clone(), watched.agent_leg);
        let rehearsal = watched.rehearsal.clone();
        let leg = watched.leg;
        holds(recorded.as_ref() == Some(reason), "the record is kept before the end is told", || {
            format!("{id}: {recorded:?}, {reason:?}")
        })?;
        holds(left == (None, None, None), "nothing of a contact is left when it ended", || format!("{id}: {left:?}"))?;
        holds(rehearsal.is_none(), "a rehearsal takes over or is cancelled", || format!("{id}: {rehearsal:?}"))?;
        let open = self.legs.get(&leg).is_some_and(|leg| !leg.over || leg.bridged.is_some());
        holds(!open, "the person's call is over when the contact ended", || format!("{id}: leg {leg}"))?;
        self.legs.retain(|_, leg| leg.contact != id);
        self.idle_pairs.retain(|(contact, _), _| *contact != id);
        self.contacts.remove(&id);
        self.ended.insert(id);
        Ok(())
    }

    /// How many contacts are pinned to a version.
    pub(super) fn pinned(&self, version: Version) -> usize {
        self.contacts.values().filter(|contact| contact.version == Some(version)).count()
    }

    pub(super) fn unload(&mut self, version: Version) -> Held {
        let deployed = self.deployments.values().any(|deployment| deployment.needs(version));
        let looked_up = self.lookups.values().any(|(_, asked)| *asked == version);
        let asked = looked_up || self.scoring.values().any(|asked| *asked == version);
        let pinned = self.pinned(version);
        let held = self.contacts.values().filter(|contact| contact.holds(version)).count();
        let first = self.unloaded.insert(version);
        let free = !deployed && !asked && pinned == 0 && held == 0;
        holds(free && first, "a version is unloaded once nobody needs it", || {
            let what = format!("{}: deployed {deployed}, asked {asked}", version.short());
            format!("{what}, pinned {pinned}, held {held}, first {first}")
        })
    }

    /// What must be so when everything is over.
    ///
    /// # Errors
    /// What is left.
    pub fn at_rest(&self) -> Result<(), super::Broken> {
        holds(self.contacts.is_empty(), "every contact ends", || format!("{:?}", self.contacts))?;
        let open: Vec<_> = self.legs.iter().filter(|(_, leg)| !leg.over).collect();
        holds(open.is_empty(), "every call ends", || format!("{open:?}"))?;
        holds(self.busy.is_empty(), "every agent is free in the end", || format!("{:?}", self.busy))?;
        let deployed = |version| self.deployments.values().any(|found| found.needs(version));
        let kept = self.known.iter().filter(|version| !deployed(**version) && !self.unloaded.contains(version));
        let kept: Vec<_> = kept.map(Version::short).collect();
        holds(kept.is_empty(), "a version that nobody needs is unloaded", || format!("{kept:?}"))?;
        holds(self.drained == self.draining, "drained once, when all have ended", || format!("{}", self.drained))
    }
}

fn without_repeats(versions: &[Version]) -> Vec<Version> {
    let mut versions = versions.to_vec();
    versions.dedup();
    versions
}

/// Whether this reply can be that of this call.
fn fits(request: &Request, reply: &Reply) -> bool {
    match reply {
        Reply::Failed(_) => true,
        Reply::Attribute(_) => matches!(request, Request::Attribute(_)),
        Reply::Answer(_) => matches!(request, Request::Ask(_)),
        Reply::Profile(_) => matches!(request, Request::Lookup { .. }),
        Reply::LookupFailed(LookupError::Ended) => true,
        Reply::LookupFailed(_) => matches!(request, Request::Lookup { .. }),
        Reply::Chosen(_) => matches!(request, Request::Choose { .. }),
        Reply::Enqueued => matches!(request, Request::Enqueue(_)),
        Reply::Waited(_) => matches!(request, Request::Wait { .. }),
        Reply::Value(_) => matches!(request, Request::LoadValue(_)),
        Reply::ValueFailed(_) => matches!(request, Request::LoadValue(_) | Request::StoreValue(..)),
        Reply::Fetched(_) | Reply::FetchFailed(_) => matches!(request, Request::Fetch { .. }),
        Reply::Done => !matches!(
            request,
            Request::Attribute(_)
                | Request::Ask(_)
                | Request::Lookup { .. }
                | Request::Choose { .. }
                | Request::Enqueue(_)
                | Request::Wait { .. }
                | Request::LoadValue(_)
                | Request::Fetch { .. }
        ),
    }
}

impl Watch {
    /// Places in queues.
    pub(super) fn queued(&mut self, id: ContactId, what: &What) -> Held {
        match what {
            What::Queued { queue, position } => {
                let now = self.now;
                self.acted(id, |request| matches!(request, Request::Enqueue(_)), false)?;
                let watched = self.live(id)?;
                let (entry, priority, skills) = match &watched.pending {
                    Some(Pending { entry, request: Request::Enqueue(request), .. }) => {
                        (Some(*entry), request.priority, request.skills.clone())
                    }
                    // The safe flow.
                    Some(_) | None => (None, 0, Vec::new()),
                };
                let turn = (Reverse(priority), now, id);
                watched.settled = None;
                watched.place = entry;
                let other = watched.waits.replace(Waits { queue: queue.clone(), skills, turn });
                self.queues.entry(queue.clone()).or_default().offered += 1;
                holds(other.is_none(), "a contact holds one place", || format!("{id}: {other:?}, {queue}"))?;
                let waiting = self.contacts.values().filter_map(|contact| contact.waits.as_ref());
                let before = waiting.filter(|waits| waits.queue == *queue && waits.turn <= turn).count();
                holds(*position as usize == before, "a position counts who is served before", || {
                    format!("{id}: {position}, not {before}")
                })
            }
            What::LeftQueue { queue, outcome, .. } => {
                let watched = self.live(id)?;
                if *outcome == "lost" {
                    watched.settled = watched.place;
                }
                let waits = watched.waits.take();
                let counted = self.queues.entry(queue.clone()).or_default();
                match *outcome {
                    "abandoned" => counted.abandoned += 1,
                    _ => counted.left += 1,
                }
                holds(waits.is_some_and(|waits| waits.queue == *queue), "only a place held is left", || id.to_string())
            }
            What::Connected { queue, agent, .. } => {
                let waits = self.live(id)?.waits.take();
                self.queues.entry(queue.clone()).or_default().answered += 1;
                holds(waits.is_some(), "who is connected has waited", || id.to_string())?;
                let leg = self.busy.get(agent).and_then(|leg| self.legs.get(leg));
                let bridged = leg.is_some_and(|leg| leg.contact == id && leg.bridged.is_some());
                holds(bridged, "who is connected is bridged", || format!("{id}, {agent}"))
            }
            What::OfferEnded { agent, result: OfferResult::TimedOut, .. } => {
                let rung = self.legs.values().rfind(|leg| leg.contact == id && leg.agent.as_ref() == Some(agent));
                let answered = rung.is_some_and(|leg| leg.up && leg.quiet_since < self.now);
                holds(!answered, "an agent who answered is not given up", || format!("{id}, {agent}"))
            }
            What::TalkEnded { .. } => {
                let watched = self.live(id)?;
                watched.settled = watched.place;
                Ok(())
            }
            What::ScreenPop { agent, .. } => {
                self.live(id)?.popped = Some(agent.clone());
                Ok(())
            }
            _ => self.live(id).map(|_| ()),
        }
    }
}
