//! Journals: every frame follows from those before, and no act precedes its durable intent.

use super::{Held, Pending, Watch, holds};
use cordboard_core::board::Fetch;
use cordboard_core::flow::{Answer, Reply, Request, WaitStatus};
use cordboard_core::ids::ContactId;
use cordboard_core::journal::{External, Frame, decode};

/// Journal rule 24, and the contract.
const MAX_TIDY_CALLS: u32 = 32;
pub(super) const TIDY: &str = "a flow has 32 calls and five seconds to tidy up";

const INTENT_FIRST: &str = "an act comes after its intent is durable";

impl Watch {
    pub(super) fn frame(&mut self, id: ContactId, number: u64, bytes: &[u8], sync: bool) -> Held {
        let decoded = decode(bytes);
        let unhealthy = self.unhealthy;
        let watched = self.live(id)?;
        let expected = watched.frames;
        watched.frames += 1;
        holds(number == expected, "frames are numbered one by one", || format!("{id}: {number}, not {expected}"))?;
        let frame = match decoded {
            Ok(frame) => frame,
            Err(error) => return holds(false, "a journal reads back", || format!("{id}: frame {number}: {error}")),
        };
        let applied = watched.journal.apply(frame.clone());
        holds(applied.is_ok(), "a journal reads back", || format!("{id}: frame {number}: {applied:?}"))?;
        let continued = matches!(frame, Frame::Continued { .. });
        watched.bytes = if continued { 0 } else { watched.bytes + bytes.len() };
        let due = std::mem::replace(&mut watched.continuing, false);
        let down = std::mem::replace(&mut watched.stepped_down, false);
        holds(
            continued == due || (continued && down),
            "a flow that goes on as another begins a fresh journal",
            || format!("{id}: {frame:?}"),
        )?;
        match frame {
            Frame::Call { entry, at, request } => {
                let late = watched.segment_due;
                holds(late.is_none(), super::replays::SEGMENT, || format!("{id}: {late:?} calls without"))?;
                let run = watched.run.as_mut().filter(|_| watched.gone.is_some());
                let tidied = run.map_or(0, |run| {
                    run.tidied += 1;
                    run.tidied
                });
                holds(tidied <= MAX_TIDY_CALLS, TIDY, || format!("{id}: {tidied} calls"))?;
                watched.released = unhealthy;
                watched.pressed.clear();
                let awaited = sync || unhealthy || watched.gone.is_some() || !request.acts();
                let bad = cordboard_core::flow::check(&request).is_err();
                let (pending, acts) = (watched.pending.is_some(), request.acts());
                watched.pending = Some(Pending { entry, frame: number, since: at, request, sent: false });
                holds(!pending, "a flow makes one call at a time", || format!("{id}: entry {entry}"))?;
                holds(awaited || bad, INTENT_FIRST, || format!("{id}: entry {entry} acts: {acts}, sync: {sync}"))
            }
            Frame::Outcome { entry, reply, .. } => self.outcome(id, entry, reply),
            Frame::Segment { version, .. } => self.segment(id, version),
            Frame::AskedAnew { entry, at, request } => self.asked_anew(id, entry, at, request),
            Frame::External { act, .. } => {
                watched.stepped_down = matches!(act, External::SteppedDown(_));
                Ok(())
            }
            Frame::Opened(_) | Frame::Closed { .. } | Frame::Continued { .. } => Ok(()),
        }
    }

    fn outcome(&mut self, id: ContactId, entry: u64, reply: Reply) -> Held {
        let done = matches!(reply, Reply::Done | Reply::Enqueued | Reply::Fetched(_));
        if done {
            self.acted(id, Request::acts, true)?;
        }
        self.returned.insert(id);
        let pending = self.live(id)?.pending.take();
        let secret = matches!(&pending, Some(Pending { request: Request::Ask(question), .. }) if question.secret);
        let open = match &reply {
            Reply::Answer(Answer::Digits(_)) => true,
            Reply::Answer(Answer::NoMatch(keys)) => keys.chars().any(|key| key != '*'),
            _ => false,
        };
        holds(!secret || !open, "a secret's digits are not kept", || format!("{id}: {reply:?}"))?;
        self.keys_counted(id, pending.as_ref(), &reply)?;
        // Nobody waits for the answer any more.
        self.lookups.retain(|_, (contact, _)| *contact != id);
        if let Some(Pending { request: Request::Wait { waiting, .. }, .. }) = &pending {
            self.wait_over(id, *waiting, &reply)?;
        }
        let goes_on = matches!(&pending, Some(Pending { request: Request::ContinueAs { .. }, .. }));
        self.live(id)?.continuing = goes_on && reply == Reply::Done;
        let fit = pending.as_ref().is_some_and(|pending| pending.entry == entry);
        holds(fit, "an outcome is that of the pending call", || format!("{id}: {entry}, {pending:?}"))
    }

    /// A request leaves for a place outside: the one that the flow waits for, once.
    pub(super) fn sent(&mut self, wanted: &Fetch) -> Held {
        let id = wanted.contact;
        self.usable(wanted.version)?;
        self.acted(id, Request::acts, false)?;
        let watched = self.live(id)?;
        let runs = watched.version == Some(wanted.version) && watched.gone.is_none();
        let awaited = watched.pending.as_mut().is_some_and(|pending| {
            let same = matches!(&pending.request, Request::Fetch { request, .. } if *request == wanted.request);
            same && !std::mem::replace(&mut pending.sent, true)
        });
        holds(awaited && runs, "a request is sent once, while its flow waits for it", || format!("{id}: {wanted:?}"))?;
        let acts = wanted.request.method.acts();
        let key = wanted.idempotency_key.clone().filter(|_| acts);
        let fresh = self.fetches.insert(wanted.fetch) && key.is_none_or(|key| self.idempotency_keys.insert(key));
        holds(fresh && acts == wanted.idempotency_key.is_some(), "a name is used once", || format!("{id}: {wanted:?}"))
    }

    /// Whichever version is answered, all that was typed is in the answer, after what was typed ahead.
    fn keys_counted(&mut self, id: ContactId, pending: Option<&Pending>, reply: &Reply) -> Held {
        let Some(Pending { request: Request::Ask(question), .. }) = pending else { return Ok(()) };
        let mut pressed = std::mem::take(&mut self.live(id)?.pressed);
        let all = match reply {
            Reply::Answer(Answer::Digits(typed)) => {
                if question.digits.as_ref().is_some_and(|rule| rule.terminator == pressed.chars().last()) {
                    pressed.pop();
                }
                typed.ends_with(&pressed)
            }
            Reply::Answer(Answer::NoMatch(typed)) if question.secret => typed.len() >= pressed.len().saturating_sub(1),
            Reply::Answer(Answer::NoMatch(typed)) => {
                typed.ends_with(&pressed) || pressed.strip_suffix('#').is_some_and(|rest| typed.ends_with(rest))
            }
            Reply::Answer(Answer::SecretDigits(count)) => usize::from(*count) + 1 >= pressed.len(),
            Reply::Answer(Answer::Silence) => pressed.is_empty(),
            Reply::Answer(Answer::Choice(_)) => pressed.len() <= 2,
            _ => true,
        };
        holds(all, "no key is lost", || format!("{id}: {pressed} pressed, {reply:?}"))
    }

    /// A talk, or the loss of the place, is told by the next wait.
    fn wait_over(&mut self, id: ContactId, place: u64, reply: &Reply) -> Held {
        let watched = self.live(id)?;
        let told = matches!(reply, Reply::Waited(WaitStatus::Talked(_) | WaitStatus::Lost(_)));
        let due = watched.settled.take_if(|settled| *settled == place).is_some() && watched.gone.is_none();
        holds(told == due, "a wait tells how the place ended, once", || format!("{id}: place {place}: {reply:?}"))
    }

    /// The pending call, if it is such a one, has acted on the world: its intent is durable, the store failed
    /// meanwhile, or (for an outcome) there is no person any more to act on.
    pub(super) fn acted(&mut self, id: ContactId, such: impl Fn(&Request) -> bool, outcome: bool) -> Held {
        let watched = self.live(id)?;
        let Some(pending) = watched.pending.as_ref().filter(|pending| such(&pending.request)) else { return Ok(()) };
        let so = pending.frame < watched.durable || watched.released || (outcome && watched.gone.is_some());
        holds(so, INTENT_FIRST, || {
            format!("{id}: entry {} ({}), frame {}", pending.entry, pending.request.name(), pending.frame)
        })
    }
}
