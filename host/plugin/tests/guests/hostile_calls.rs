//! What no bindings would do: pointers out of memory, handles that are none, memory that isn't given. A trap of the guest's,
//! each time, and nothing else.

use crate::common::{Ran, Run, agreeable, flow_host, probe, start};
use cordboard_core::flow::{FlowEnd, Request, RunEnd};

fn trapped(ran: &Ran, behaviour: &str) -> String {
    let RunEnd::Trap(text) = &ran.end else { panic!("{behaviour}: it ended with {:?}", ran.end) };
    assert!(!text.is_empty() && text.len() <= 8192, "{behaviour}: {} bytes", text.len());
    text.clone()
}

/// Behaviours, how many calls reach the board, and what the trap says.
const ABUSES: [(&str, usize, &str); 19] = [
    ("raw-outside", 0, "out of bounds"),
    ("raw-length", 0, "out of bounds"),
    ("raw-utf8", 0, "utf-8"),
    ("raw-list", 0, "out of bounds"),
    ("raw-unaligned", 0, "aligned"),
    ("raw-case", 0, "discriminant"),
    ("raw-result", 1, "aligned"),
    ("raw-forged", 0, "unknown handle"),
    ("raw-null", 0, "unknown handle"),
    ("raw-other-kind", 0, "handle"),
    ("raw-after-drop", 1, "unknown handle"),
    ("raw-drop-twice", 1, "unknown handle"),
    ("raw-drop-contact", 0, "unknown handle"),
    ("raw-realloc-outside", 0, "realloc"),
    ("raw-realloc-trap", 0, "unreachable"),
    ("raw-realloc-call", 0, "cannot leave"),
    ("raw-post-trap", 0, "unreachable"),
    ("raw-post-call", 0, "cannot leave"),
    ("raw-deep", 0, "call stack exhausted"),
];

#[tokio::test]
async fn whatever_breaks_the_calling_convention_is_a_trap_of_its_own() {
    let (host, version) = flow_host().await;
    let mut parked = Run::new(&host, version, start("2", 999));
    parked.call().await;
    for (number, (behaviour, calls, why)) in ABUSES.iter().enumerate() {
        let ran = Run::new(&host, version, start(behaviour, number as u64)).finish(agreeable).await;
        let text = trapped(&ran, behaviour);
        assert!(text.contains(why), "{behaviour}: {text}");
        assert_eq!(ran.requests.len(), *calls, "{behaviour}");
    }
    // Who was there all the while goes on.
    parked.reply(cordboard_core::flow::Reply::Attribute(None));
    assert_eq!(parked.finish(agreeable).await.end, RunEnd::Returned(FlowEnd::Completed));
    assert_eq!(host.loaded()[0].live_instances, 0);
}

#[tokio::test]
async fn a_call_from_the_bottom_of_the_stack_has_room_on_the_hosts_side() {
    assert!(trapped(&probe("raw-deep-calls").await, "raw-deep-calls").contains("call stack exhausted"));
}

#[tokio::test]
async fn sockets_that_lead_nowhere_are_not_opened_either() {
    assert_eq!(probe("raw-sockets").await.returned(), "0", "each would be one of the process's files");
}

#[tokio::test]
async fn long_lists_are_taken_or_refused_by_their_bytes() {
    let long = probe("raw-long-list").await;
    assert_eq!(long.end, RunEnd::Returned(FlowEnd::Completed), "1 MiB: the board tells what is wrong with it");
    assert!(matches!(&long.requests[..], [Request::Choose { weights, .. }] if weights.len() == 1 << 18));
    let choices = probe("many-choices").await;
    match (&choices.end, &choices.requests[..]) {
        (RunEnd::Limit(_), []) | (RunEnd::GuestError(_), [Request::Ask(_)]) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_flow_returns_is_bounded() {
    assert!(matches!(probe("err-huge").await.end, RunEnd::Limit(why) if why.contains("bytes")));
    let RunEnd::GuestError(text) = probe("err-long").await.end else { panic!() };
    assert!((8000..=8192).contains(&text.len()) && text.ends_with('ä'), "{} bytes", text.len());
    let ended = probe("end-long").await;
    // It ends the person's side, and so has to fit a journal's frame.
    let [Request::End(FlowEnd::Other(first))] = &ended.requests[..] else { panic!("{:?}", ended.requests) };
    let RunEnd::Returned(FlowEnd::Failed(second)) = &ended.end else { panic!("{:?}", ended.end) };
    assert_eq!((first.len(), second.len()), (8192, 8192));
}
