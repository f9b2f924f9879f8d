//! Rehearsals and sleepers, whatever comes.

use super::*;
use crate::board::Rehearsal;

/// The entry that a rehearsal is to wait in.
pub(super) fn pending(past: &[std::sync::Arc<Entry>]) -> u64 {
    let open = |entry: &std::sync::Arc<Entry>| matches!(entry.as_ref(), Entry::Call { outcome: None, .. });
    past.iter().rposition(open).expect("the last call is pending") as u64
}

impl World_ {
    /// A rehearsal comes to where its contact waits, or says that it does; or fails.
    pub(super) fn rehearsed(&mut self, number: u16, how: u8) {
        let awaited = self.rehearsals.iter().filter_map(|(run, entry)| Some((*run, (*entry)?)));
        let Some(((contact, run), entry)) = pick(&awaited.collect::<Vec<_>>(), number) else { return };
        self.rehearsals.insert((contact, run), None);
        let journal = self.desk.journal(contact);
        let request = match journal.entries.get(entry as usize) {
            Some(Entry::Call { request, .. }) => request.clone(),
            _ => panic!("a rehearsal comes to a call"),
        };
        let what = crate::replay::Divergence { entry, expected: "say".into(), got: "ask".into() };
        let result = match how % 8 {
            0 => Rehearsal::Diverged(what),
            1 => Rehearsal::Failed(RunEnd::Deadline),
            2 => Rehearsal::Agreed { entry: entry.wrapping_sub(1), request },
            3 => Rehearsal::Agreed { entry, request: self.request(contact, how / 8) },
            _ => Rehearsal::Agreed { entry, request },
        };
        self.give(Input::Rehearsed { contact, run, result });
    }

    /// Whoever sleeps has no run until it is woken.
    pub(super) fn hibernate(&mut self, at_most: u8) {
        self.give(Input::Hibernate { idle_ms: 0, at_most: u32::from(at_most % 4) });
    }
}
