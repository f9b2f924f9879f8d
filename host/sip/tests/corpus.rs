//! The fuzzers' corpora, replayed: `good-` inputs are taken, `bad-` ones refused, and none panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use cordboard_sip::fuzzing;
use proptest::prelude::*;
use std::path::Path;

fn replay(folder: &str, taken: impl Fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(folder);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let was_taken = taken(&std::fs::read(&path).unwrap());
        // What a fuzzer found has its digest as its name: it must not panic, that is all.
        assert!(!name.starts_with("good-") || was_taken, "{name} was refused");
        assert!(!name.starts_with("bad-") || !was_taken, "{name} was taken");
        count += 1;
    }
    assert!(count >= 15, "{count} inputs");
}

#[test]
fn messages() {
    replay("message", fuzzing::message);
}

#[test]
fn digests() {
    replay("digest", fuzzing::digest);
}

#[test]
fn uris() {
    replay("uri", fuzzing::uri);
}

/// Pieces that parsers trip over.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "\"",
        "\\",
        "<",
        ">",
        ";",
        ",",
        "=",
        ":",
        "@",
        "/",
        "?",
        "%",
        "%00",
        "%zz",
        "[",
        "]",
        "[::1]",
        " ",
        "\t",
        "\r\n ",
        "\r\n",
        "\n",
        "\0",
        "é",
        "sip:",
        "tel:",
        "SIP/2.0",
        "/UDP",
        "tag=",
        "branch=z9hG4bK",
        "*",
        "70",
        "99999999999",
        "-1",
        "Digest ",
        "nonce=\"",
        "nc=0000000a",
        "qop=auth",
        "Via: ",
        "v:",
        "Contact: ",
        "Content-Length: ",
        "a",
    ];
    prop_oneof![4 => proptest::sample::select(words.map(str::to_owned).to_vec()), 1 => ".{0,4}"]
}

const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\n\
    To: <sip:a@b>\r\nCall-ID: x@y\r\nCSeq: 1 OPTIONS\r\n";

proptest! {
    #[test]
    fn pieces_in_any_order(pieces in proptest::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        let _taken = (fuzzing::uri(text.as_bytes()), fuzzing::digest(text.as_bytes()), fuzzing::message(text.as_bytes()));
        // As the value of a header, and in place of one that is needed.
        for name in ["Contact", "Route", "Subject", "Max-Forwards", "Authorization", "Session-Expires"] {
            let _taken = fuzzing::message(format!("{HEAD}{name}: {text}\r\n\r\n").as_bytes());
        }
        for given in ["sip:a@b", "SIP/2.0/UDP h;branch=z9hG4bK1", "<sip:c@d>;tag=1", "x@y", "1 OPTIONS"] {
            let _taken = fuzzing::message(HEAD.replacen(given, &text, 1).as_bytes());
        }
    }

    #[test]
    fn bytes_in_any_order(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _taken = (fuzzing::uri(&bytes), fuzzing::digest(&bytes), fuzzing::message(&bytes));
        let mut message = HEAD.as_bytes().to_vec();
        message.extend(&bytes);
        let _taken = fuzzing::message(&message);
    }
}
