//! Notes: what a contact's flows leave behind for their author. They decide nothing, are no part of the journal, and a
//! replay makes none.

use crate::ids::Version;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How serious a guest thinks a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Values and the course of the program.
    Trace,
    /// For someone who debugs the plugin.
    Debug,
    /// For someone who watches it.
    Info,
    /// Something odd.
    Warn,
    /// Something wrong.
    Error,
}

impl LogLevel {
    /// All, the least serious first.
    pub const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// As people write it: `trace`, `debug`, `info`, `warn`, `error`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What runs used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCost {
    /// CPU time, in microseconds, instantiation included.
    pub cpu_us: u64,
    /// Host calls answered, and one for each run.
    pub steps: u64,
    /// The most linear memory that one of them held, in bytes.
    pub peak_memory_bytes: u64,
}

impl RunCost {
    /// With another run's.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            cpu_us: self.cpu_us.saturating_add(other.cpu_us),
            steps: self.steps.saturating_add(other.steps),
            peak_memory_bytes: self.peak_memory_bytes.max(other.peak_memory_bytes),
        }
    }
}

/// A place in a program's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// In which function, also one that was inlined.
    pub function: Option<String>,
    /// The file, as its compiler named it.
    pub file: String,
    /// Counted from 1; 0 if it isn't known.
    pub line: u32,
    /// Counted from 1; 0 if it isn't known.
    pub column: u32,
}

/// A call that had not returned when a guest failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackFrame {
    /// The function's name as its language writes it, else its number.
    pub function: String,
    /// Where in the component, in bytes from its beginning.
    pub offset: Option<u64>,
    /// Where in the program's text, functions that were inlined first; empty where the guest carries none.
    pub lines: Vec<SourceLine>,
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRun {
    /// `guest-error`, `trap`, `deadline`, `limit`, ….
    pub kind: String,
    /// In words.
    pub detail: String,
    /// The latest call first.
    pub stack: Vec<StackFrame>,
}

/// What is noted.
#[derive(Clone, Debug, PartialEq)]
pub enum NoteKind {
    /// A line of a flow's log.
    Log {
        /// How serious the guest thinks it is.
        level: LogLevel,
        /// The line.
        text: String,
    },
    /// A run failed.
    Failed(FailedRun),
    /// The stack of a failure that was noted before, with the lines of the program's text.
    Lines {
        /// The number of the note with the failure.
        of: u32,
        /// In its place.
        stack: Vec<StackFrame>,
    },
    /// What all runs of a version used, rehearsals among them. Noted when the contact ends.
    Used {
        /// Together.
        cost: RunCost,
        /// How many: one that sleeps and wakes is two.
        runs: u32,
        /// Lines that were not kept any more.
        dropped: u32,
    },
}

/// Something noted of a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Of which version.
    pub version: Version,
    /// What.
    pub kind: NoteKind,
}

impl Note {
    /// Roughly what it takes to keep it, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const FIXED: usize = 64;
        let stack = |stack: &[StackFrame]| {
            let line = |line: &SourceLine| FIXED + line.file.len() + line.function.as_ref().map_or(0, String::len);
            stack.iter().map(|frame| FIXED + frame.function.len() + frame.lines.iter().map(line).sum::<usize>()).sum()
        };
        FIXED
            + match &self.kind {
                NoteKind::Log { text, .. } => text.len(),
                NoteKind::Failed(failed) => failed.detail.len() + stack(&failed.stack),
                NoteKind::Lines { stack: lines, .. } => stack(lines),
                NoteKind::Used { .. } => 0,
            }
    }
}

/// Notes in their order, each failure with the stack that was found for it later.
#[must_use]
pub fn with_lines(notes: Vec<(u32, Note)>) -> Vec<Note> {
    let mut found: BTreeMap<u32, Vec<StackFrame>> = BTreeMap::new();
    let mut kept = Vec::with_capacity(notes.len());
    for (number, note) in notes {
        match note.kind {
            NoteKind::Lines { of, stack } => drop(found.insert(of, stack)),
            NoteKind::Log { .. } | NoteKind::Failed(_) | NoteKind::Used { .. } => kept.push((number, note)),
        }
    }
    let placed = kept.into_iter().map(|(number, mut note)| {
        if let NoteKind::Failed(failed) = &mut note.kind
            && let Some(stack) = found.remove(&number)
        {
            failed.stack = stack;
        }
        note
    });
    placed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Digest;

    fn note(kind: NoteKind) -> Note {
        Note { at: Timestamp(1), version: Digest([1; 32]), kind }
    }

    #[test]
    fn lines_come_to_the_failure_they_are_of() {
        let stack = |name: &str| vec![StackFrame { function: name.into(), ..StackFrame::default() }];
        let failed = |stack| note(NoteKind::Failed(FailedRun { kind: "trap".into(), detail: String::new(), stack }));
        let line = note(NoteKind::Log { level: LogLevel::Info, text: "hello".into() });
        let lines = note(NoteKind::Lines { of: 2, stack: stack("found") });
        let notes = vec![(0, line.clone()), (1, failed(stack("a"))), (2, failed(stack("b"))), (3, lines)];
        assert_eq!(with_lines(notes), [line, failed(stack("a")), failed(stack("found"))]);
    }

    #[test]
    fn costs_add_up_and_the_largest_memory_counts() {
        let one = RunCost { cpu_us: 5, steps: 2, peak_memory_bytes: 70 };
        let both = one.and(RunCost { cpu_us: u64::MAX, steps: 1, peak_memory_bytes: 9 });
        assert_eq!(both, RunCost { cpu_us: u64::MAX, steps: 3, peak_memory_bytes: 70 });
    }
}
