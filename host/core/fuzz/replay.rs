//! What the fuzzer does with its bytes, and the test that replays its corpus: no part of the crate.

use cordboard_core::journal::{Journal, JournalError, decode, encode};

/// Frames as stored, each after its length in two octets. True if they are a journal.
///
/// # Panics
/// If a frame has two encodings, a refused frame changes the journal, or reading all at once says something else.
pub(crate) fn journal(mut bytes: &[u8]) -> bool {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (frame, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        frames.push(frame);
        bytes = rest;
    }
    let mut journal = Journal::default();
    let mut wrong = None;
    for (number, bytes) in frames.iter().enumerate() {
        let Ok(frame) = decode(bytes) else {
            wrong = wrong.or(Some(number));
            continue;
        };
        assert_eq!(encode(&frame).as_deref(), Ok(*bytes), "a frame has one encoding");
        let before = journal.clone();
        if journal.apply(frame).is_err() {
            assert_eq!(journal, before, "a refused frame changes nothing");
            wrong = wrong.or(Some(number));
        }
    }
    match Journal::from_frames(frames.iter().copied()) {
        Ok(whole) => assert_eq!(whole, journal, "all at once is the same"),
        Err(JournalError::AtFrame { number, .. }) => assert_eq!(Some(number as usize), wrong, "the first wrong frame"),
        Err(error) => panic!("a frame's error without its number: {error}"),
    }
    // An octet is left over where a length should be.
    wrong.is_none() && bytes.is_empty()
}
