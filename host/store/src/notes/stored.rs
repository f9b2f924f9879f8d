//! A note as it is on disk, before it is sealed: the format, then postcard. Fields are never changed; a new format is a new
//! enum beside this one.

use crate::error::StoreError;
use cordboard_core::ids::Digest;
use cordboard_core::note::{FailedRun, LogLevel, Note, NoteKind, RunCost, SourceLine, StackFrame};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct LineV1 {
    function: Option<String>,
    file: String,
    line: u32,
    column: u32,
}

#[derive(Serialize, Deserialize)]
struct FrameV1 {
    function: String,
    offset: Option<u64>,
    lines: Vec<LineV1>,
}

#[derive(Serialize, Deserialize)]
enum KindV1 {
    Log { level: u8, text: String },
    Failed { kind: String, detail: String, stack: Vec<FrameV1> },
    Lines { of: u32, stack: Vec<FrameV1> },
    Used { cpu_us: u64, steps: u64, peak_memory_bytes: u64, runs: u32, dropped: u32 },
}

#[derive(Serialize, Deserialize)]
struct NoteV1 {
    at_us: u64,
    version: [u8; 32],
    kind: KindV1,
}

fn wrong(error: impl ToString) -> StoreError {
    StoreError::undecodable("a note", error)
}

pub(super) fn encode(note: &Note) -> Result<Vec<u8>, StoreError> {
    let kind = match note.kind.clone() {
        NoteKind::Log { level, text } => KindV1::Log { level: level as u8, text },
        NoteKind::Failed(FailedRun { kind, detail, stack }) => {
            KindV1::Failed { kind, detail, stack: stack.into_iter().map(store).collect() }
        }
        NoteKind::Lines { of, stack } => KindV1::Lines { of, stack: stack.into_iter().map(store).collect() },
        NoteKind::Used { cost: RunCost { cpu_us, steps, peak_memory_bytes }, runs, dropped } => {
            KindV1::Used { cpu_us, steps, peak_memory_bytes, runs, dropped }
        }
    };
    let note = NoteV1 { at_us: note.at.0, version: note.version.0, kind };
    postcard::to_extend(&note, vec![FORMAT]).map_err(wrong)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Note, StoreError> {
    let note: NoteV1 = match bytes.split_first() {
        Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(wrong)?,
        Some((format, _)) => return Err(wrong(format!("format {format} is not known"))),
        None => return Err(wrong("empty")),
    };
    let kind = match note.kind {
        KindV1::Log { level, text } => {
            let level = LogLevel::ALL.get(usize::from(level)).ok_or_else(|| wrong("its level"))?;
            NoteKind::Log { level: *level, text }
        }
        KindV1::Failed { kind, detail, stack } => {
            NoteKind::Failed(FailedRun { kind, detail, stack: stack.into_iter().map(load).collect() })
        }
        KindV1::Lines { of, stack } => NoteKind::Lines { of, stack: stack.into_iter().map(load).collect() },
        KindV1::Used { cpu_us, steps, peak_memory_bytes, runs, dropped } => {
            NoteKind::Used { cost: RunCost { cpu_us, steps, peak_memory_bytes }, runs, dropped }
        }
    };
    Ok(Note { at: Timestamp(note.at_us), version: Digest(note.version), kind })
}

fn store(frame: StackFrame) -> FrameV1 {
    let line = |SourceLine { function, file, line, column }| LineV1 { function, file, line, column };
    let lines = frame.lines.into_iter().map(line).collect();
    FrameV1 { function: frame.function, offset: frame.offset, lines }
}

fn load(frame: FrameV1) -> StackFrame {
    let line = |LineV1 { function, file, line, column }| SourceLine { function, file, line, column };
    let lines = frame.lines.into_iter().map(line).collect();
    StackFrame { function: frame.function, offset: frame.offset, lines }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Vec<StackFrame>> {
        let line = (any::<Option<String>>(), any::<String>(), any::<u32>(), any::<u32>());
        let line = line.prop_map(|(function, file, line, column)| SourceLine { function, file, line, column });
        let frame = (any::<String>(), any::<Option<u64>>(), prop::collection::vec(line, 0..3));
        let frame = frame.prop_map(|(function, offset, lines)| StackFrame { function, offset, lines });
        prop::collection::vec(frame, 0..4)
    }

    fn kinds() -> impl Strategy<Value = NoteKind> {
        let log = (prop::sample::select(&LogLevel::ALL[..]), any::<String>());
        let failed = (any::<String>(), any::<String>(), frames());
        let used = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>());
        prop_oneof![
            log.prop_map(|(level, text)| NoteKind::Log { level, text }),
            failed.prop_map(|(kind, detail, stack)| NoteKind::Failed(FailedRun { kind, detail, stack })),
            (any::<u32>(), frames()).prop_map(|(of, stack)| NoteKind::Lines { of, stack }),
            used.prop_map(|(cpu_us, steps, peak_memory_bytes, runs, dropped)| {
                NoteKind::Used { cost: RunCost { cpu_us, steps, peak_memory_bytes }, runs, dropped }
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_note_reads_back_and_a_cut_one_is_refused(kind in kinds(), at in any::<u64>(), version in any::<[u8; 32]>()) {
            let note = Note { at: Timestamp(at), version: Digest(version), kind };
            let bytes = encode(&note).unwrap();
            prop_assert_eq!(decode(&bytes).unwrap(), note);
            prop_assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    /// What is on a disk somewhere: these bytes are read for ever.
    #[test]
    fn the_format_is_what_it_was() {
        let kind = NoteKind::Log { level: LogLevel::Warn, text: "hm".into() };
        let note = Note { at: Timestamp(300), version: Digest([9; 32]), kind };
        let bytes = [&[1, 0xAC, 0x02][..], &[9; 32], &[0, 3, 2, b'h', b'm']].concat();
        assert_eq!(encode(&note).unwrap(), bytes);
        assert!(decode(&[&[2], &bytes[1..]].concat()).is_err(), "a newer format");
    }
}
