//! The binary form: every frame has one encoding, and nothing else is a frame.

use crate::frames::frame;
use cordboard_core::flow::{FetchError, Profile, Reply, Request};
use cordboard_core::journal::{FORMAT, Frame, JournalError, MAX_FRAME_BYTES, decode, encode};
use cordboard_core::time::Timestamp;
use proptest::prelude::*;

fn malformed(bytes: &[u8]) -> bool {
    matches!(decode(bytes), Err(JournalError::Malformed(_)))
}

proptest! {
    #[test]
    fn a_frame_reads_back(frame in frame()) {
        let bytes = encode(&frame).unwrap();
        prop_assert!((1..=FORMAT).contains(&bytes[0]));
        prop_assert_eq!(decode(&bytes).unwrap(), frame);
    }

    #[test]
    fn a_changed_byte_is_refused_or_another_frame(frame in frame(), at in any::<prop::sample::Index>(), by in 1..=255_u8) {
        let mut bytes = encode(&frame).unwrap();
        let (format, at) = (bytes[0], at.index(bytes.len()));
        bytes[at] ^= by;
        match decode(&bytes) {
            Ok(other) => {
                prop_assert_ne!(&other, &frame);
                prop_assert_eq!(encode(&other).unwrap(), bytes);
            }
            Err(JournalError::NewerFormat(newer)) => prop_assert!(at == 0 && newer == format ^ by),
            Err(JournalError::Malformed(_)) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn a_part_of_a_frame_is_refused(frame in frame(), to in any::<prop::sample::Index>()) {
        let bytes = encode(&frame).unwrap();
        prop_assert!(malformed(&bytes[..to.index(bytes.len())]));
    }

    #[test]
    fn more_than_a_frame_is_refused(frame in frame(), more in proptest::collection::vec(any::<u8>(), 1..8)) {
        let mut bytes = encode(&frame).unwrap();
        bytes.extend(more);
        prop_assert!(malformed(&bytes));
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number(frame in frame(), format in FORMAT + 1..) {
        let mut bytes = encode(&frame).unwrap();
        bytes[0] = format;
        prop_assert_eq!(decode(&bytes), Err(JournalError::NewerFormat(format)));
    }

    #[test]
    fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), format in 1..=FORMAT, kind in 0..8_u8) {
        let _outcome = decode(&bytes);
        bytes.splice(0..0, [format, kind]);
        if let Ok(frame) = decode(&bytes) {
            prop_assert_eq!(encode(&frame).unwrap(), bytes);
        }
    }
}

#[test]
fn format_bytes_that_never_were_are_malformed() {
    assert!(malformed(&[]));
    assert!(malformed(&[0]));
    assert!(malformed(&[FORMAT]));
    assert_eq!(decode(&[FORMAT + 1]), Err(JournalError::NewerFormat(FORMAT + 1)));
    assert_eq!(decode(&[255, 1, 2, 3]), Err(JournalError::NewerFormat(255)));
}

#[test]
fn a_frame_is_written_in_the_first_format_that_has_its_kind_and_in_no_other() {
    let ring = encode(&Frame::Call { entry: 1, at: Timestamp(2), request: Request::Ring }).unwrap();
    let fetched =
        Frame::Outcome { entry: 1, at: Timestamp(2), reply: Reply::FetchFailed(FetchError::Busy), callee: None };
    let fetched = encode(&fetched).unwrap();
    assert_eq!((ring[0], fetched[0]), (1, 2), "whoever reads format 1 alone takes it for newer, not for damaged");
    for (mut bytes, other) in [(ring, 2), (fetched, 1)] {
        bytes[0] = other;
        assert!(malformed(&bytes));
    }
}

/// A call of entry 1 at time 2: format, kind of frame, entry, time, kind of request.
fn ring() -> Vec<u8> {
    encode(&Frame::Call { entry: 1, at: Timestamp(2), request: Request::Ring }).unwrap()
}

#[test]
fn other_encodings_of_the_same_frame_are_refused() {
    let bytes = ring();
    assert_eq!(bytes, [1, 2, 1, 2, 2], "what the changes below are made to");
    for (what, bytes) in [
        ("the kind of frame in two bytes", vec![1, 0x82, 0, 1, 2, 2]),
        ("the entry in two bytes", vec![1, 2, 0x81, 0, 2, 2]),
        ("the time in three bytes", vec![1, 2, 1, 0x82, 0x80, 0, 2]),
        ("the kind of request in two bytes", vec![1, 2, 1, 2, 0x82, 0]),
        ("a byte more", vec![1, 2, 1, 2, 2, 0]),
    ] {
        assert!(malformed(&bytes), "{what}");
    }
    let secret = [1, 3, 1, 2, 3, 2, 4, 0];
    let outcome = decode(&secret).unwrap();
    assert!(matches!(outcome, Frame::Outcome { callee: None, .. }), "{outcome:?}");
    assert!(malformed(&[1, 3, 1, 2, 3, 2, 4, 2]), "an option that is neither none nor some");
}

#[test]
fn kinds_that_never_were_are_refused() {
    assert!(malformed(&[1, 8, 1, 2, 2]), "a ninth kind of frame");
    assert!(malformed(&[2, 2, 1, 2, 21]), "a twenty-second kind of request");
    assert!(malformed(&[2, 3, 1, 2, 13, 0]), "a fourteenth kind of reply");
    let taken_over = [1, 4, 0, 0, 5];
    assert!(decode(&taken_over).is_ok());
    assert!(malformed(&[1, 4, 0, 0, 7, 0]), "an eighth act from outside");
}

#[test]
fn names_are_checked_on_the_way_in() {
    let call = |directory: &[u8]| {
        let mut bytes = vec![1, 2, 0, 0, 11, 1, directory.len() as u8];
        bytes.extend(directory);
        bytes.extend([1, b'k', 1, b'v', 100]);
        decode(&bytes)
    };
    assert!(call(b"crm").is_ok());
    for bad in [&b""[..], b"a b", b"\xff\xff", b"../crm"] {
        assert!(matches!(call(bad), Err(JournalError::Malformed(_))), "{bad:?}");
    }
}

#[test]
fn lengths_that_lie_cost_nothing() {
    // A say with 2^32 - 1 parts, an attribute of 2^64 - 1 bytes.
    assert!(malformed(&[1, 2, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x0f]));
    assert!(malformed(&[1, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]));
}

#[test]
fn frames_have_a_largest_size() {
    let attribute =
        |length: usize| Frame::Call { entry: 0, at: Timestamp(0), request: Request::Attribute("x".repeat(length)) };
    // Format, frame, entry, time, request, three bytes of length.
    let most = MAX_FRAME_BYTES - 8;
    let bytes = encode(&attribute(most)).unwrap();
    assert_eq!(bytes.len(), MAX_FRAME_BYTES);
    assert_eq!(decode(&bytes).unwrap(), attribute(most));
    assert_eq!(encode(&attribute(most + 1)), Err(JournalError::TooLarge(MAX_FRAME_BYTES + 1)));
    assert_eq!(decode(&vec![FORMAT; MAX_FRAME_BYTES + 1]), Err(JournalError::TooLarge(MAX_FRAME_BYTES + 1)));
}

#[test]
fn the_largest_profile_within_bounds_fits() {
    let field = |size: usize| ("n".repeat(128), "v".repeat(size));
    let mut profile = Profile { id: "i".repeat(128), display_name: None, fields: vec![field(895); 512] };
    assert!(cordboard_core::flow::check_profile(&profile).is_ok());
    let frame = Frame::Outcome {
        entry: u64::MAX,
        at: Timestamp(u64::MAX),
        reply: Reply::Profile(Some(profile.clone())),
        callee: None,
    };
    assert_eq!(decode(&encode(&frame).unwrap()).unwrap(), frame);
    profile.fields = vec![field(8192); 512];
    assert!(cordboard_core::flow::check_profile(&profile).is_err());
}
