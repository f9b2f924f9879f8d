//! What a rehearsal does that its journal doesn't have.

use cordboard_core::flow::Request;
use cordboard_core::note::LogLevel;
use cordboard_core::replay::{Seen, SeenLine};

/// Lines that are kept of one rehearsal, and their bytes.
const MAX_LINES: usize = 1_000;
const MAX_LINE_BYTES: usize = 256 << 10;
/// Calls in other words that are kept.
const MAX_REWORDED: usize = 200;

/// Takes notes for a [`Seen`].
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Seen,
    /// All of it: lines and words as well.
    closely: bool,
    next: u64,
    bytes: usize,
}

impl Watch {
    pub(crate) fn closely(&mut self) {
        self.closely = true;
    }

    pub(crate) fn logged(&mut self, level: LogLevel, text: String) {
        if !self.closely {
            return;
        }
        self.bytes = self.bytes.saturating_add(text.len());
        if self.seen.lines.len() >= MAX_LINES || self.bytes > MAX_LINE_BYTES {
            self.seen.lines_dropped = self.seen.lines_dropped.saturating_add(1);
        } else {
            self.seen.lines.push(SeenLine { entry: self.next, level, text });
        }
    }

    /// It made the call of this entry.
    pub(crate) fn called(&mut self, entry: u64, request: &Request, recorded: Option<&Request>) {
        self.next = entry + 1;
        if self.closely
            && recorded.is_some_and(|recorded| recorded != request)
            && self.seen.reworded.len() < MAX_REWORDED
        {
            self.seen.reworded.push((entry, request.clone()));
        }
    }

    pub(crate) fn parted(&mut self, request: &Request) {
        self.seen.unlike = Some(request.clone());
    }

    pub(crate) fn take(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_stand_at_their_call() {
        let mut watch = Watch::default();
        watch.logged(LogLevel::Info, "nobody asked".into());
        watch.closely();
        watch.logged(LogLevel::Info, "first".into());
        watch.called(0, &Request::Ring, Some(&Request::Ring));
        watch.called(2, &Request::Answer, Some(&Request::Ring));
        (0..MAX_LINES).for_each(|_| watch.logged(LogLevel::Warn, "more".into()));
        let seen = watch.take();
        assert_eq!(seen.lines.len(), MAX_LINES);
        assert_eq!((seen.lines[0].entry, seen.lines[1].entry, seen.lines_dropped), (0, 3, 1));
        assert_eq!(seen.reworded, [(2, Request::Answer)]);
        watch.logged(LogLevel::Warn, "x".repeat(MAX_LINE_BYTES));
        assert_eq!(watch.take().lines_dropped, 1, "in bytes");
    }
}
