//! Every format as it was released: what was written once is read for ever, and written the same way.
//!
//! The fixtures are never changed. A new kind of frame or part is a new format with a folder of its own; only those that
//! are missing are written by `cargo test -p cordboard-core --test journal write_missing_fixtures -- --ignored`.

mod parts;

use cordboard_core::journal::{FORMAT, Frame, decode, encode};
use parts::frames;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn folder(format: u8) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/journal-v{format}"))
}

/// The frames that are written in this format, by their files.
fn of_format(format: u8) -> Vec<(String, Frame)> {
    let all = frames().into_iter().map(|(name, frame)| (format!("{name}.frame"), frame));
    all.filter(|(_, frame)| encode(frame).unwrap()[0] == format).collect()
}

#[test]
fn every_format_reads_for_ever() {
    for format in 1..=FORMAT {
        let mut names = BTreeSet::new();
        for (file, frame) in of_format(format) {
            let bytes = fs::read(folder(format).join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(bytes[0], format, "{file}");
            assert_eq!(decode(&bytes).as_ref(), Ok(&frame), "{file}");
            assert_eq!(encode(&frame).unwrap(), bytes, "{file}");
            assert!(names.insert(file), "twice");
        }
        let there =
            fs::read_dir(folder(format)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(there.collect::<BTreeSet<_>>(), names, "a fixture is never removed");
    }
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
    for format in 1..=FORMAT {
        for (file, frame) in of_format(format) {
            let path = folder(format).join(file);
            if !path.exists() {
                assert_eq!(format, FORMAT, "an older format is closed");
                fs::create_dir_all(folder(format)).unwrap();
                fs::write(path, encode(&frame).unwrap()).unwrap();
            }
        }
    }
}

/// The frames of the fixtures whose names begin so.
pub(crate) fn named(prefix: &str) -> Vec<Frame> {
    frames().into_iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, frame)| frame).collect()
}
