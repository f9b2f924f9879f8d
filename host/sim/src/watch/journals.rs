//! Journals: every frame follows from those before, and no act precedes its durable intent.

use super::{Held, Pending, Watch, holds};
use cordboard_core::flow::{Answer, Reply, Request};
use cordboard_core::ids::ContactId;
use cordboard_core::journal::{Frame, decode};

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
        match frame {
            Frame::Call { entry, at, request } => {
                watched.released = unhealthy;
                let awaited = sync || unhealthy || watched.gone || !request.acts();
                let bad = cordboard_core::flow::check(&request).is_err();
                let (pending, acts) = (watched.pending.is_some(), request.acts());
                watched.pending = Some(Pending { entry, frame: number, since: at, request });
                holds(!pending, "a flow makes one call at a time", || format!("{id}: entry {entry}"))?;
                holds(awaited || bad, INTENT_FIRST, || format!("{id}: entry {entry} acts: {acts}, sync: {sync}"))
            }
            Frame::Outcome { entry, reply, .. } => {
                let done = matches!(reply, Reply::Done | Reply::Enqueued);
                if done {
                    self.acted(id, Request::acts, true)?;
                }
                let pending = self.live(id)?.pending.take();
                let secret =
                    matches!(&pending, Some(Pending { request: Request::Ask(question), .. }) if question.secret);
                let open = match &reply {
                    Reply::Answer(Answer::Digits(_)) => true,
                    Reply::Answer(Answer::NoMatch(keys)) => keys.chars().any(|key| key != '*'),
                    _ => false,
                };
                holds(!secret || !open, "a secret's digits are not kept", || format!("{id}: {reply:?}"))?;
                // Nobody waits for the answer any more.
                self.lookups.retain(|_, (contact, _)| *contact != id);
                let fit = pending.as_ref().is_some_and(|pending| pending.entry == entry);
                holds(fit, "an outcome is that of the pending call", || format!("{id}: {entry}, {pending:?}"))
            }
            Frame::Opened(_)
            | Frame::Segment { .. }
            | Frame::External { .. }
            | Frame::Closed { .. }
            | Frame::Continued { .. } => Ok(()),
        }
    }

    /// The pending call, if it is such a one, has acted on the world: its intent is durable, the store failed
    /// meanwhile, or (for an outcome) there is no person any more to act on.
    pub(super) fn acted(&mut self, id: ContactId, such: impl Fn(&Request) -> bool, outcome: bool) -> Held {
        let watched = self.live(id)?;
        let Some(pending) = watched.pending.as_ref().filter(|pending| such(&pending.request)) else { return Ok(()) };
        let so = pending.frame < watched.durable || watched.released || (outcome && watched.gone);
        holds(so, INTENT_FIRST, || {
            format!("{id}: entry {} ({}), frame {}", pending.entry, pending.request.name(), pending.frame)
        })
    }
}
