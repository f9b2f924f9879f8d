//! The stack calls a raw peer: ACK, CANCEL and their races, challenges, timers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Raw, SDP, Stack, Text};
use cordboard_sip::{CallId, EndCause, SipEvent};

async fn dialled(stack: &Stack) -> (Raw, CallId, Text) {
    let peer = Raw::new(stack.handle.local_addr()).await;
    let call = stack.handle.dial(stack.dial(peer.addr()));
    let invite = peer.request("INVITE").await;
    (peer, call, invite)
}

fn contact(peer: &Raw) -> String {
    format!("Contact: <sip:there@{}>\r\n", peer.addr())
}

async fn connected(stack: &mut Stack, more: &str) -> (Raw, CallId, Text) {
    let (peer, call, invite) = dialled(stack).await;
    peer.answer(&invite, 200, "theirs", &format!("{}{more}", contact(&peer)), "v=0\r\n").await;
    assert_eq!(stack.next().await, SipEvent::Answered { call, sdp: Some(SDP.into()) });
    let ack = peer.request("ACK").await;
    assert_eq!(ack.first_line(), format!("ACK sip:there@{} SIP/2.0", peer.addr()));
    assert_eq!((ack.to_tag().as_str(), ack.has("CSeq")), ("theirs", "1 ACK"));
    (peer, call, invite)
}

#[tokio::test]
async fn the_invite_is_repeated_until_something_comes_and_the_ack_with_each_answer() {
    let mut stack = Stack::fast().await;
    let (peer, call, invite) = dialled(&stack).await;
    assert_eq!(peer.request("INVITE").await.text, invite.text);
    assert_eq!(invite.has("Supported"), "timer");
    assert!(invite.header("Session-Expires").is_some());
    peer.answer(&invite, 180, "theirs", "", "").await;
    assert_eq!(stack.next().await, SipEvent::Ringing { call, early_sdp: None });
    for _ in 0..3 {
        peer.answer(&invite, 200, "theirs", &contact(&peer), "v=0\r\n").await;
        let ack = peer.request("ACK").await;
        assert_ne!(ack.has("Via"), invite.has("Via"), "a transaction of its own");
    }
    assert_eq!(stack.next().await, SipEvent::Answered { call, sdp: Some(SDP.into()) });
    stack.handle.hang_up(call);
    let bye = peer.request("BYE").await;
    assert_eq!(bye.has("CSeq"), "2 BYE");
    peer.answer(&bye, 200, "", "", "").await;
    stack.forgotten().await;
    stack.silent();
}

#[tokio::test]
async fn a_bye_nobody_answers_is_given_up() {
    let mut stack = Stack::fast().await;
    let (peer, call, _) = connected(&mut stack, "").await;
    stack.handle.hang_up(call);
    let first = peer.request("BYE").await;
    assert_eq!(peer.request("BYE").await.text, first.text);
    stack.forgotten().await;
}

#[tokio::test]
async fn refusals_are_acknowledged() {
    let mut stack = Stack::fast().await;
    let (peer, call, invite) = dialled(&stack).await;
    peer.answer(&invite, 486, "theirs", "", "").await;
    let ack = peer.request("ACK").await;
    assert_eq!((ack.has("Via"), ack.to_tag().as_str()), (invite.has("Via"), "theirs"));
    assert_eq!(stack.next().await, SipEvent::Failed { call, code: 486, reason: "Because".into(), local: false });
    stack.forgotten().await;
}

#[tokio::test]
async fn cancel_waits_for_a_provisional_answer() {
    let mut stack = Stack::fast().await;
    let (peer, call, invite) = dialled(&stack).await;
    stack.handle.hang_up(call);
    // RFC 3261 §9.1: not yet. What comes is the INVITE again.
    assert_eq!(peer.receive().await.method(), "INVITE");
    peer.answer(&invite, 100, "", "", "").await;
    let cancel = peer.request("CANCEL").await;
    assert_eq!((cancel.has("Via"), cancel.has("CSeq")), (invite.has("Via"), "1 CANCEL"));
    assert_eq!((cancel.has("To"), cancel.has("From")), (invite.has("To"), invite.has("From")));
    // It is repeated too.
    peer.request("CANCEL").await;
    peer.answer(&cancel, 200, "theirs", "", "").await;
    peer.answer(&invite, 487, "theirs", "", "").await;
    peer.request("ACK").await;
    stack.forgotten().await;
    stack.silent();
}

#[tokio::test]
async fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut stack = Stack::fast().await;
    let (peer, call, invite) = dialled(&stack).await;
    peer.answer(&invite, 180, "theirs", "", "").await;
    assert!(matches!(stack.next().await, SipEvent::Ringing { .. }));
    stack.handle.hang_up(call);
    let cancel = peer.request("CANCEL").await;
    peer.answer(&invite, 200, "theirs", &contact(&peer), "v=0\r\n").await;
    peer.answer(&cancel, 200, "theirs", "", "").await;
    peer.request("ACK").await;
    let bye = peer.request("BYE").await;
    peer.answer(&bye, 200, "", "", "").await;
    stack.forgotten().await;
    stack.silent();
}

#[tokio::test]
async fn another_branch_that_answers_is_ended() {
    let mut stack = Stack::fast().await;
    let (peer, call, invite) = connected(&mut stack, "").await;
    // RFC 3261 §13.2.2.4: a proxy rang two, and both answered.
    peer.answer(&invite, 200, "second", &contact(&peer), "v=0\r\n").await;
    let ack = peer.request("ACK").await;
    assert_eq!(ack.to_tag(), "second");
    let bye = peer.request("BYE").await;
    assert_eq!(bye.to_tag(), "second");
    peer.answer(&bye, 200, "", "", "").await;
    stack.handle.hang_up(call);
    let bye = peer.until(|text| text.method() == "BYE" && text.to_tag() == "theirs").await;
    peer.answer(&bye, 200, "", "", "").await;
    stack.forgotten().await;
    stack.silent();
}

#[tokio::test]
async fn a_longer_session_interval_is_taken() {
    let stack = Stack::fast().await;
    let (peer, call, invite) = dialled(&stack).await;
    peer.answer(&invite, 422, "theirs", "Min-SE: 3600\r\n", "").await;
    let again = peer.until(|text| text.method() == "INVITE" && text.has("CSeq") == "2 INVITE").await;
    assert_eq!((again.has("Session-Expires"), again.has("Min-SE")), ("3600", "3600"));
    assert_eq!((again.has("Call-ID"), again.sender_tag()), (invite.has("Call-ID"), invite.sender_tag()));
    stack.handle.hang_up(call);
}

#[tokio::test]
async fn the_other_side_refreshes_or_the_call_ends() {
    let mut stack = Stack::fast().await;
    let (peer, call, _) = connected(&mut stack, "Session-Expires: 90;refresher=uas\r\n").await;
    let bye = peer.request("BYE").await;
    assert_eq!(stack.next().await, SipEvent::Ended { call, cause: EndCause::Timeout });
    peer.answer(&bye, 200, "", "", "").await;
    stack.forgotten().await;
}

#[tokio::test]
async fn routes_are_followed_in_reverse() {
    let mut stack = Stack::fast().await;
    let (peer, call, invite) = dialled(&stack).await;
    let proxy = Raw::new(stack.handle.local_addr()).await;
    let routes = format!("Record-Route: <sip:far.example;lr>\r\nRecord-Route: <sip:{};lr>\r\n", proxy.addr());
    peer.answer(&invite, 200, "theirs", &format!("{}{routes}", contact(&peer)), "v=0\r\n").await;
    let ack = proxy.request("ACK").await;
    let expected: Vec<_> = ack.text.lines().filter(|line| line.starts_with("Route:")).collect();
    assert_eq!(expected, [format!("Route: <sip:{};lr>", proxy.addr()).as_str(), "Route: <sip:far.example;lr>"]);
    assert!(matches!(stack.next().await, SipEvent::Answered { .. }));
    stack.handle.hang_up(call);
    let bye = proxy.request("BYE").await;
    proxy.answer(&bye, 200, "", "", "").await;
    stack.forgotten().await;
}
