//! What a replay of a finished flow came to.

use super::{Divergence, Entries, place_in_words};
use crate::board::Rehearsal;
use crate::flow::{ContactError, Reply, Request, RunEnd};
use crate::journal::{Entry, External};
use crate::note::LogLevel;

/// What a version came to that went through the journal of a flow that is over.
///
/// It agrees if it does all that the journal has. What it would do beyond the journal's end nobody can answer (rule 19), so
/// that a call beyond it is no difference: it is told as `beyond`. So is it for a version that goes on where the one before
/// failed, and for one that tidies up longer. Once the person is gone, it makes no difference whether a flow returns its end
/// or an error: the contact ends all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did all that the journal says.
    Agreed {
        /// The place of the call with which it would go on where the journal ends.
        beyond: Option<String>,
    },
    /// It does something else.
    Parted(Parting),
    /// It failed on the way, or behind it.
    Failed {
        /// The entry that it would have come to next.
        entry: u64,
        /// How, as events and records have it: `trap`, `deadline`, `limit`, `guest-error`, `not-started`, `no-room`.
        kind: &'static str,
        /// In words.
        detail: String,
        /// The place of the call before; none if there was none.
        after: Option<String>,
        /// Behind the last entry, where the flow that ran failed as well.
        as_before: bool,
    },
}

/// Where a version parts from a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// In full, with arguments.
    pub what: Divergence,
    /// The place of the call that the journal has there.
    pub expected: String,
    /// The place of the call that the version makes instead, or that it returns.
    pub got: String,
}

/// What a rehearsal did beside what its journal has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The call with which it parted from its journal, if it did and it was one.
    pub unlike: Option<Request>,
    /// What it logged, if that was asked for: at most 1,000 lines of 256 KiB.
    pub lines: Vec<SeenLine>,
    /// Lines beyond.
    pub lines_dropped: u32,
    /// Calls that agree with their entry and are not the same, if that was asked for: the first 200.
    pub reworded: Vec<(u64, Request)>,
}

/// A line that a rehearsal logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLine {
    /// Logged before the call of this entry.
    pub entry: u64,
    /// How serious the guest thinks it is.
    pub level: LogLevel,
    /// The line, at most 4 KiB.
    pub text: String,
}

/// The verdict on a version that went through `reached` of these entries. `unlike` is the call with which it parted, if it
/// was one.
pub fn verdict(entries: &Entries, rehearsal: Rehearsal, reached: u64, unlike: Option<&Request>) -> Verdict {
    let call = |entry: u64| match entries.get(usize::try_from(entry).ok()?)?.as_ref() {
        Entry::Call { request, .. } => Some(request),
        Entry::External { .. } => None,
    };
    let rest = || entries.iter().skip(usize::try_from(reached).unwrap_or(usize::MAX)).map(AsRef::as_ref);
    let over = rest().all(|entry| matches!(entry, Entry::External { .. }));
    let failed = |end: &RunEnd| {
        let (kind, detail) = end.failure().filter(|(kind, _)| !(*kind == "guest-error" && over && gone(entries)))?;
        let after = (0..reached).rev().find_map(call).map(place_in_words);
        let stepped_down = |entry| matches!(entry, &Entry::External { act: External::SteppedDown(_), .. });
        let as_before = over && rest().any(stepped_down);
        Some(Verdict::Failed { entry: reached, kind, detail, after, as_before })
    };
    let parted = |what: Divergence| {
        let expected = call(what.entry).map_or_else(|| what.expected.clone(), place_in_words);
        let got = unlike.map_or_else(|| what.got.clone(), place_in_words);
        Verdict::Parted(Parting { what, expected, got })
    };
    match rehearsal {
        // The call in which the contact waited to its end is in the journal; any other is behind it.
        Rehearsal::Agreed { entry, request } => {
            Verdict::Agreed { beyond: call(entry).is_none().then(|| place_in_words(&request)) }
        }
        Rehearsal::Diverged(what) | Rehearsal::Failed(RunEnd::Diverged(what)) => parted(what),
        Rehearsal::Failed(end) => failed(&end).unwrap_or(Verdict::Agreed { beyond: None }),
    }
}

/// Whether the person was gone at the end.
fn gone(entries: &Entries) -> bool {
    entries.iter().any(|entry| match entry.as_ref() {
        Entry::External { act, .. } => matches!(act, External::HungUp | External::EndedByOperator),
        Entry::Call { outcome: Some((_, reply, _)), .. } => *reply == Reply::Failed(ContactError::Ended),
        Entry::Call { outcome: None, .. } => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FetchRequest, FlowEnd, LookupKey, Method, Prompt};
    use crate::time::Timestamp;
    use std::sync::Arc;

    fn call(request: Request, reply: Option<Reply>) -> Arc<Entry> {
        let outcome = reply.map(|reply| (Timestamp(2), reply, None));
        Arc::new(Entry::Call { at: Timestamp(1), request, outcome })
    }

    fn say() -> Request {
        Request::Say(Prompt(vec![]))
    }

    fn entries() -> Entries {
        let hung_up = Arc::new(Entry::External { at: Timestamp(3), act: External::HungUp });
        let open = Request::SetAttribute("tier".into(), "gold".into());
        [call(say(), Some(Reply::Done)), hung_up, call(open, None)].into()
    }

    #[test]
    fn what_is_beyond_the_end_is_told_and_agrees() {
        let agreed = |entry, request| verdict(&entries(), Rehearsal::Agreed { entry, request }, entry, None);
        assert_eq!(agreed(2, say()), Verdict::Agreed { beyond: None }, "the call that it ended in");
        assert_eq!(agreed(3, say()), Verdict::Agreed { beyond: Some("say".into()) });
        let returned = Rehearsal::Failed(RunEnd::Returned(FlowEnd::Completed));
        assert_eq!(verdict(&entries(), returned, 3, None), Verdict::Agreed { beyond: None });
    }

    #[test]
    fn a_difference_has_a_place_that_names_nobody() {
        let what = Divergence { entry: 2, expected: "set-attribute tier = gold".into(), got: "lookup phone +1".into() };
        let key = LookupKey { directory: None, kind: "phone".into(), value: "+1".into() };
        let unlike = Request::Lookup { key, timeout_ms: 1 };
        let Verdict::Parted(parting) = verdict(&entries(), Rehearsal::Diverged(what.clone()), 2, Some(&unlike)) else {
            panic!("it parts")
        };
        assert_eq!((parting.expected.as_str(), parting.got.as_str()), ("set-attribute tier", "lookup phone"));
        assert_eq!(parting.what, what);
        let early = Divergence { got: "the flow returns".into(), ..what };
        let Verdict::Parted(parting) = verdict(&entries(), Rehearsal::Diverged(early), 2, None) else { panic!("so") };
        assert_eq!(parting.got, "the flow returns");
    }

    #[test]
    fn a_failure_says_behind_which_call() {
        let failed = |end, reached| verdict(&entries(), Rehearsal::Failed(end), reached, None);
        let deadline = |entry, after: Option<&str>| Verdict::Failed {
            entry,
            kind: "deadline",
            detail: "too much CPU time in one step".into(),
            after: after.map(Into::into),
            as_before: false,
        };
        assert_eq!(failed(RunEnd::Deadline, 2), deadline(2, Some("say")));
        assert_eq!(failed(RunEnd::Deadline, 0), deadline(0, None));
        assert!(matches!(failed(RunEnd::GuestError("x".into()), 2), Verdict::Failed { kind: "guest-error", .. }));
    }

    #[test]
    fn an_error_after_the_person_hung_up_is_an_end_and_a_failure_isnt() {
        let failed = |entries: &Entries, end| verdict(entries, Rehearsal::Failed(end), entries.len() as u64, None);
        let error = || RunEnd::GuestError("ended".into());
        let done = || call(say(), Some(Reply::Done));
        let ended = call(say(), Some(Reply::Failed(ContactError::Ended)));
        let hung_up = Arc::new(Entry::External { at: Timestamp(3), act: External::HungUp });
        for gone in [[done(), ended], [done(), hung_up]] {
            assert_eq!(failed(&gone.clone().into(), error()), Verdict::Agreed { beyond: None });
            assert!(matches!(failed(&gone.into(), RunEnd::Deadline), Verdict::Failed { as_before: false, .. }));
        }
        assert!(matches!(failed(&[done()].into(), error()), Verdict::Failed { as_before: false, .. }));
    }

    #[test]
    fn a_failure_where_the_flow_that_ran_failed_is_told_as_such() {
        let stepped_down = Arc::new(Entry::External { at: Timestamp(3), act: External::SteppedDown("trap".into()) });
        let entries: Entries = [call(say(), Some(Reply::Done)), stepped_down].into();
        let trap = || Rehearsal::Failed(RunEnd::Trap("x".into()));
        assert!(matches!(verdict(&entries, trap(), 1, None), Verdict::Failed { as_before: true, .. }));
        assert!(matches!(verdict(&entries, trap(), 0, None), Verdict::Failed { as_before: false, .. }));
    }

    #[test]
    fn places_carry_nothing_of_a_person() {
        let fetch = FetchRequest {
            method: Method::Get,
            url: "https://me:hush@crm.example/people/7?name=ada".into(),
            headers: vec![],
            body: None,
            wanted_headers: vec![],
        };
        for (request, place) in [
            (Request::Fetch { request: fetch, timeout_ms: 1 }, "fetch GET crm.example"),
            (Request::StoreValue("+15550001".into(), Some("x".into())), "store"),
            (Request::LoadValue("+15550001".into()), "load"),
            (Request::Redirect("sip:ada@example".into()), "redirect"),
            (Request::End(FlowEnd::Failed("Ada is cross".into())), "end failed"),
        ] {
            assert_eq!(place_in_words(&request), place);
        }
    }
}
