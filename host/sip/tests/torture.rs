//! The torture tests of RFC 4475: what each message leads to, and that the stack is there afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use Outcome::{Call, Nothing, Reply};
use common::{Raw, RawCall, Stack};
use cordboard_sip::{SipEvent, fuzzing};
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// This answer and no call.
    Reply(u16),
    /// A new call.
    Call,
    /// No answer: a response to nothing of ours.
    Nothing,
}

/// By the RFC's sections; where we differ from what it suggests, the reason stands beside.
const EXPECTED: &[(&str, Outcome)] = &[
    // §3.1.1: valid.
    ("wsinv", Reply(481)), // Of a dialog that we don't know.
    ("intmeth", Reply(501)),
    ("esc01", Call),
    ("escnull", Reply(400)), // Control characters in user names are refused.
    ("esc02", Reply(501)),   // The method is not unescaped.
    ("lwsdisp", Reply(200)),
    ("longreq", Call),
    ("dblreq", Reply(401)), // The REGISTER; what follows it is left out.
    ("semiuri", Reply(200)),
    ("transports", Reply(200)),
    ("mpart01", Reply(405)),
    ("unreason", Nothing),
    ("noreason", Nothing),
    // §3.1.2: invalid.
    ("badinv01", Reply(400)),
    ("clerr", Reply(400)),
    ("ncl", Reply(400)),
    ("scalar02", Reply(400)),
    ("scalarlg", Nothing),
    ("quotbal", Reply(400)),
    ("ltgtruri", Reply(400)),
    ("lwsruri", Reply(400)),
    ("lwsstart", Reply(400)),
    ("trws", Reply(400)),
    ("escruri", Reply(400)),
    ("baddate", Call), // Nobody reads its Date.
    ("regbadct", Reply(400)),
    ("badaspec", Reply(400)),
    ("baddn", Reply(200)), // Liberal: what is meant is clear.
    ("badvers", Nothing),  // Its Via is of the unknown version too, so there is no way back.
    ("mismatch01", Reply(400)),
    ("mismatch02", Reply(400)),
    ("bigcode", Nothing),
    // §3.2 and §3.3: transactions and applications.
    ("badbranch", Reply(200)),
    ("insuf", Reply(400)),
    ("unkscm", Reply(416)),
    ("novelsc", Reply(416)),
    ("unksm2", Reply(401)), // Whom it is for is looked at only after the proof.
    ("bext01", Reply(420)),
    ("invut", Reply(415)),
    ("regaut01", Reply(401)),
    ("multi01", Reply(400)),
    ("mcl01", Reply(400)),
    ("bcast", Nothing),
    ("zeromf", Reply(200)), // We are where it goes.
    ("cparam01", Reply(401)),
    ("cparam02", Reply(401)),
    ("regescrt", Reply(401)),
    ("sdp01", Reply(406)),
    // §3.4: RFC 2543. Without a From tag no dialog can be told from another.
    ("inv2543", Reply(400)),
];

/// The octets of a file.
fn message(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rfc4475").join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let body = octets(body);
    let mut out = octets(&head.replace("<length>", &body.len().to_string()));
    out.extend(b"\r\n\r\n");
    out.extend(body);
    out
}

fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        out.extend(before.as_bytes());
        if let Some((digits, after)) = tag.strip_prefix("hex>").and_then(|tag| tag.split_once("</hex>")) {
            let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
            out.extend(pairs);
            rest = after;
        } else if let Some((count, tag)) = tag.strip_prefix("repeat ").and_then(|tag| tag.split_once('>')) {
            let (text, after) = tag.split_once("</repeat>").unwrap();
            out.extend(text.repeat(count.parse().unwrap()).as_bytes());
            rest = after;
        } else {
            out.push(b'<');
            rest = tag;
        }
    }
    out.extend(rest.as_bytes());
    out
}

#[tokio::test]
async fn every_message_has_its_outcome_and_the_stack_goes_on() {
    let mut stack = Stack::plain().await;
    for (name, expected) in EXPECTED {
        let peer = Raw::new(stack.handle.local_addr()).await;
        let admitted = stack.handle.counters().admitted;
        peer.send(message(name)).await;
        // Whatever came of it came before the answer to this.
        peer.send(RawCall::new(&peer, &format!("alive-{name}")).message("OPTIONS", "", "")).await;
        let first = peer.receive().await;
        let alive = format!("alive-{name}@test");
        let outcome = if stack.handle.counters().admitted > admitted {
            Call
        } else if first.header("Call-ID") == Some(&alive) {
            Nothing
        } else {
            peer.until(|text| text.header("Call-ID") == Some(&alive)).await;
            Reply(first.code())
        };
        assert_eq!(outcome, *expected, "{name}: {}", first.text);
        if outcome == Call {
            let SipEvent::Incoming { call, .. } = stack.next().await else { panic!("{name}") };
            stack.handle.reject(call, 404, "Not Found", None);
        }
        stack.silent();
    }
    let counters = stack.handle.counters();
    assert_eq!((counters.admitted, counters.unparsable), (3, 0), "{counters:?}");
}

#[test]
fn every_message_is_listed_and_its_rendering_is_stable() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rfc4475");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_string_lossy().strip_suffix(".txt").map(str::to_owned))
        .collect();
    let mut listed: Vec<_> = EXPECTED.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    listed.sort();
    assert_eq!(names, listed);
    for (name, expected) in EXPECTED {
        // Those that a response of the gate's first look answers, or that are none.
        let refused = matches!(expected, Reply(400 | 416)) || ["scalarlg", "bigcode", "badvers"].contains(name);
        assert_eq!(fuzzing::message(&message(name)), !refused, "{name}");
    }
}
