//! Format 1, as it was released: what was written once is read for ever, and written the same way.
//!
//! The fixtures are never changed. A new kind of frame or part gets a new one; only those that are missing are written
//! by `cargo test -p cordboard-core --test journal write_missing_fixtures -- --ignored`.

mod parts;

use cordboard_core::journal::{FORMAT, Frame, decode, encode};
use parts::frames;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal-v1")
}

#[test]
fn format_1_reads_for_ever() {
    let mut names = BTreeSet::new();
    for (name, frame) in frames() {
        let file = format!("{name}.frame");
        let bytes = fs::read(folder().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(bytes[0], 1, "{file}");
        assert_eq!(decode(&bytes).as_ref(), Ok(&frame), "{file}");
        if FORMAT == 1 {
            assert_eq!(encode(&frame).unwrap(), bytes, "{file}");
        }
        assert!(names.insert(file), "{name} twice");
    }
    let there = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.collect::<BTreeSet<_>>(), names, "a fixture is never removed");
}

#[test]
fn every_kind_has_a_fixture() {
    let mut seen = BTreeSet::new();
    frames().iter().for_each(|(_, frame)| parts::kinds::of_frame(frame, &mut seen));
    let missing: Vec<_> = parts::kinds::ALL.iter().filter(|kind| !seen.contains(*kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
#[ignore = "writes files"]
fn write_missing_fixtures() {
    assert_eq!(FORMAT, 1, "format 1 is closed");
    for (name, frame) in frames() {
        let path = folder().join(format!("{name}.frame"));
        if !path.exists() {
            fs::create_dir_all(folder()).unwrap();
            fs::write(path, encode(&frame).unwrap()).unwrap();
        }
    }
}

/// The frames of the fixtures whose names begin so.
pub(crate) fn named(prefix: &str) -> Vec<Frame> {
    frames().into_iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, frame)| frame).collect()
}
