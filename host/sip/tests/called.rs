//! A raw caller against the stack: what the wire shows, and what must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Raw, RawCall, SDP, Stack, answered, config, fast};
use cordboard_sip::{EndCause, SipEvent};

/// An answered call can be ended, and nothing of it is left.
async fn over(stack: &mut Stack, peer: &Raw, mut raw: RawCall, call: cordboard_sip::CallId) {
    peer.send(raw.next("BYE", "", "")).await;
    peer.response(200, "BYE").await;
    assert_eq!(stack.next().await, SipEvent::Ended { call, cause: EndCause::RemoteBye });
    stack.counted(|now| now.legs == 0).await;
    stack.silent();
}

#[tokio::test]
async fn a_repeated_invite_is_one_call_and_gets_the_same_answer() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let raw = RawCall::new(&peer, "repeated");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    peer.response(100, "INVITE").await;
    let SipEvent::Incoming { call, sip_call_id, .. } = stack.next().await else { panic!("no call") };
    assert_eq!(sip_call_id, "repeated@test");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    peer.response(100, "INVITE").await;
    stack.handle.ring(call, None);
    let ringing = peer.response(180, "INVITE").await;
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    assert_eq!(peer.response(180, "INVITE").await.to_tag(), ringing.to_tag());
    stack.handle.reject(call, 486, "Busy Here", Some(7));
    let refusal = peer.response(486, "INVITE").await;
    assert_eq!(refusal.to_tag(), ringing.to_tag());
    assert_eq!(refusal.has("Retry-After"), "7");
    peer.send(raw.ack_refusal(&refusal)).await;
    stack.silent();
    assert_eq!(stack.handle.counters().admitted, 1);
}

#[tokio::test]
async fn the_answer_is_repeated_until_its_ack() {
    let mut stack = Stack::fast().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let mut raw = RawCall::new(&peer, "lost-ack");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    let SipEvent::Incoming { call, .. } = stack.next().await else { panic!("no call") };
    stack.handle.answer(call, SDP.into());
    let first = peer.response(200, "INVITE").await;
    let third = {
        peer.response(200, "INVITE").await;
        peer.response(200, "INVITE").await
    };
    assert_eq!(first.text, third.text);
    raw.to_tag = Some(first.to_tag());
    peer.send(raw.ack("")).await;
    assert_eq!(stack.next().await, SipEvent::Acknowledged { call, sdp: None });
    // A repeated ACK is nothing new, and neither is a late INVITE.
    peer.send(raw.ack("")).await;
    over(&mut stack, &peer, raw, call).await;
    stack.forgotten().await;
}

#[tokio::test]
async fn an_answer_never_acknowledged_ends_the_call() {
    let mut stack = Stack::fast().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let raw = RawCall::new(&peer, "no-ack");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    let SipEvent::Incoming { call, .. } = stack.next().await else { panic!("no call") };
    stack.handle.answer(call, SDP.into());
    let bye = peer.request("BYE").await;
    assert_eq!(stack.next().await, SipEvent::Ended { call, cause: EndCause::AckMissing });
    peer.answer(&bye, 200, "", "", "").await;
    stack.forgotten().await;
    assert_eq!(stack.handle.counters().ack_missing, 1);
}

#[tokio::test]
async fn hanging_up_waits_for_the_ack() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let mut raw = RawCall::new(&peer, "impatient");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    let SipEvent::Incoming { call, .. } = stack.next().await else { panic!("no call") };
    stack.handle.answer(call, SDP.into());
    let ok = peer.response(200, "INVITE").await;
    stack.handle.hang_up(call);
    // RFC 3261 §15: no BYE before the ACK. The next that comes is the repeated 200.
    assert_eq!(peer.receive().await.code(), 200);
    raw.to_tag = Some(ok.to_tag());
    peer.send(raw.ack("")).await;
    let bye = peer.request("BYE").await;
    assert_eq!(bye.sender_tag(), ok.to_tag());
    peer.answer(&bye, 200, "", "", "").await;
    stack.counted(|now| now.legs == 0).await;
    stack.silent();
}

#[tokio::test]
async fn cancel_after_the_answer_changes_nothing() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let mut raw = RawCall::new(&peer, "late-cancel");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    let SipEvent::Incoming { call, .. } = stack.next().await else { panic!("no call") };
    stack.handle.answer(call, SDP.into());
    let ok = peer.response(200, "INVITE").await;
    peer.send(raw.message("CANCEL", "", "")).await;
    peer.response(200, "CANCEL").await;
    raw.to_tag = Some(ok.to_tag());
    peer.send(raw.ack("")).await;
    assert_eq!(stack.next().await, SipEvent::Acknowledged { call, sdp: None });
    over(&mut stack, &peer, raw, call).await;
}

#[tokio::test]
async fn cancel_ends_a_ringing_call() {
    let mut stack = Stack::fast().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let raw = RawCall::new(&peer, "cancel");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    let SipEvent::Incoming { call, .. } = stack.next().await else { panic!("no call") };
    peer.send(raw.message("CANCEL", "", "")).await;
    peer.response(200, "CANCEL").await;
    let refusal = peer.response(487, "INVITE").await;
    assert_eq!(stack.next().await, SipEvent::Cancelled { call });
    peer.send(raw.ack_refusal(&refusal)).await;
    stack.forgotten().await;
}

#[tokio::test]
async fn a_late_offer_comes_back_in_the_ack() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let mut raw = RawCall::new(&peer, "late-offer");
    peer.send(raw.message("INVITE", "", "")).await;
    let SipEvent::Incoming { call, offer: None, .. } = stack.next().await else { panic!("no call") };
    stack.handle.answer(call, "v=0\r\ns=our offer\r\n".into());
    let ok = peer.response(200, "INVITE").await;
    assert_eq!(ok.body(), "v=0\r\ns=our offer\r\n");
    raw.to_tag = Some(ok.to_tag());
    peer.send(raw.ack("v=0\r\ns=their answer\r\n")).await;
    assert_eq!(stack.next().await, SipEvent::Acknowledged { call, sdp: Some("v=0\r\ns=their answer\r\n".into()) });
    over(&mut stack, &peer, raw, call).await;
}

#[tokio::test]
async fn a_reinvite_is_answered_refused_or_given_up() {
    let timers = cordboard_sip::Timers { reoffer: std::time::Duration::from_millis(200), ..fast() };
    let mut stack = Stack::start(config(), timers).await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let (mut raw, call, _) = answered(&mut stack, &peer, "reinvite", "").await;

    peer.send(raw.next("INVITE", "", "v=0\r\ns=new\r\n")).await;
    assert_eq!(stack.next().await, SipEvent::Reoffer { call, offer: Some("v=0\r\ns=new\r\n".into()) });
    stack.handle.answer_reoffer(call, Some("v=0\r\ns=ours\r\n".into()));
    let ok = peer.response(200, "INVITE").await;
    assert_eq!(ok.body(), "v=0\r\ns=ours\r\n");
    peer.send(raw.ack("")).await;

    peer.send(raw.next("INVITE", "", "v=0\r\ns=worse\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Reoffer { .. }));
    stack.handle.answer_reoffer(call, None);
    let refusal = peer.response(488, "INVITE").await;
    peer.send(raw.ack_refusal(&refusal)).await;

    // The shell says nothing.
    peer.send(raw.next("INVITE", "", "v=0\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Reoffer { .. }));
    let refusal = peer.response(500, "INVITE").await;
    peer.send(raw.ack_refusal(&refusal)).await;

    // Cancelled by the peer.
    peer.send(raw.next("INVITE", "", "v=0\r\n")).await;
    peer.send(raw.message("CANCEL", "", "")).await;
    assert!(matches!(stack.next().await, SipEvent::Reoffer { .. }));
    let refusal = peer.response(487, "INVITE").await;
    peer.send(raw.ack_refusal(&refusal)).await;

    // Late offer: the answer comes with the ACK.
    peer.send(raw.next("INVITE", "", "")).await;
    assert_eq!(stack.next().await, SipEvent::Reoffer { call, offer: None });
    stack.handle.answer_reoffer(call, Some(SDP.into()));
    peer.response(200, "INVITE").await;
    peer.send(raw.ack("v=0\r\ns=answer\r\n")).await;
    assert_eq!(stack.next().await, SipEvent::Acknowledged { call, sdp: Some("v=0\r\ns=answer\r\n".into()) });
    over(&mut stack, &peer, raw, call).await;
}

#[tokio::test]
async fn one_offer_at_a_time_and_bye_closes_what_is_open() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let (mut raw, call, _) = answered(&mut stack, &peer, "two-offers", "").await;
    peer.send(raw.next("INVITE", "", "v=0\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Reoffer { .. }));
    peer.send(raw.next("UPDATE", "", "v=0\r\n")).await;
    assert!(peer.response(500, "UPDATE").await.header("Retry-After").is_some());
    peer.send(raw.next("BYE", "", "")).await;
    peer.response(200, "BYE").await;
    peer.response(487, "INVITE").await;
    assert_eq!(stack.next().await, SipEvent::Ended { call, cause: EndCause::RemoteBye });
}

#[tokio::test]
async fn what_else_may_come_within_a_call() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let (mut raw, call, ok) = answered(&mut stack, &peer, "within", "").await;
    assert!(ok.has("Allow").contains("UPDATE") && ok.has("Contact").contains(&stack.handle.local_addr().to_string()));

    peer.send(raw.next("UPDATE", "", "")).await;
    peer.response(200, "UPDATE").await;
    peer.send(raw.next("UPDATE", "", "v=0\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Reoffer { .. }));
    stack.handle.answer_reoffer(call, Some(SDP.into()));
    assert_eq!(peer.response(200, "UPDATE").await.body().as_bytes(), SDP);

    peer.send(raw.next("OPTIONS", "", "")).await;
    assert!(peer.response(200, "OPTIONS").await.has("Allow").contains("INVITE"));

    peer.send(raw.next("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=120\r\n")).await;
    peer.response(200, "INFO").await;
    assert_eq!(stack.next().await, SipEvent::Dtmf { call, digit: '5', duration_ms: 120 });

    peer.send(raw.next("REGISTER", "", "")).await;
    peer.response(405, "REGISTER").await;

    // An older number comes too late (RFC 3261 §12.2.2).
    let now = std::mem::replace(&mut raw.cseq, 0);
    peer.send(raw.next("OPTIONS", "", "")).await;
    peer.response(500, "OPTIONS").await;
    raw.cseq = now;

    // Not of this call: another From tag, another To tag.
    let known = std::mem::replace(&mut raw.from_tag, "stranger".into());
    peer.send(raw.next("BYE", "", "")).await;
    peer.response(481, "BYE").await;
    raw.from_tag = known;
    let known = raw.to_tag.replace("stranger".into());
    peer.send(raw.next("BYE", "", "")).await;
    peer.response(481, "BYE").await;
    raw.to_tag = known;
    over(&mut stack, &peer, raw, call).await;
}

#[tokio::test]
async fn what_belongs_to_no_call() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let mut raw = RawCall::new(&peer, "none");
    peer.send(raw.message("CANCEL", "", "")).await;
    peer.response(481, "CANCEL").await;
    raw.to_tag = Some("unknown".into());
    for method in ["BYE", "INVITE", "UPDATE", "INFO"] {
        peer.send(raw.next(method, "", "")).await;
        peer.response(481, method).await;
    }
    peer.send(raw.next("ACK", "", "")).await;
    peer.send("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n").await;
    let counters = stack.counted(|now| now.dropped == 2).await;
    assert_eq!((counters.no_dialog, counters.admitted, counters.remembered), (5, 0, 0));
    stack.silent();
}

#[tokio::test]
async fn a_merged_request_is_refused() {
    let mut stack = Stack::plain().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let mut raw = RawCall::new(&peer, "merged");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Incoming { .. }));
    // RFC 3261 §8.2.2.2: the same request by another way.
    raw.branch += 1;
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    peer.response(482, "INVITE").await;
    stack.silent();
    assert_eq!(stack.handle.counters().admitted, 1);
}

#[tokio::test]
async fn a_session_that_nobody_refreshes_ends() {
    let mut stack = Stack::fast().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let more = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let (mut raw, call, ok) = answered(&mut stack, &peer, "unrefreshed", more).await;
    assert_eq!(ok.has("Session-Expires"), "90;refresher=uac");
    assert_eq!(ok.has("Require"), "timer");
    // One refresh, so that the first end passes.
    peer.send(raw.next("UPDATE", more, "")).await;
    assert_eq!(peer.response(200, "UPDATE").await.has("Session-Expires"), "90;refresher=uac");
    let bye = peer.request("BYE").await;
    assert_eq!(stack.next().await, SipEvent::Ended { call, cause: EndCause::Timeout });
    peer.answer(&bye, 200, "", "", "").await;
    stack.forgotten().await;
}

#[tokio::test]
async fn a_session_of_ours_is_refreshed() {
    let mut stack = Stack::fast().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let more = "Supported: timer\r\nAllow: INVITE, UPDATE\r\nSession-Expires: 120;refresher=uas\r\n";
    let (mut raw, call, ok) = answered(&mut stack, &peer, "refreshed", more).await;
    assert_eq!(ok.has("Session-Expires"), "120;refresher=uas");
    for _ in 0..2 {
        let update = peer.request("UPDATE").await;
        assert_eq!((update.has("Session-Expires"), update.body()), ("120", ""));
        peer.answer(&update, 200, "", "Session-Expires: 120;refresher=uac\r\n", "").await;
    }
    // It takes UPDATE no more: a re-INVITE with the SDP sent last.
    let update = peer.request("UPDATE").await;
    peer.answer(&update, 501, "", "", "").await;
    let invite = peer.request("INVITE").await;
    assert_eq!(invite.body().as_bytes(), SDP);
    // Meanwhile one from here meets it (RFC 3261 §14.2).
    peer.send(raw.next("INVITE", "", "v=0\r\n")).await;
    let glare = peer.response(491, "INVITE").await;
    peer.send(raw.ack_refusal(&glare)).await;
    peer.answer(
        &invite,
        200,
        "",
        &format!("Contact: <sip:x@{}>\r\nSession-Expires: 120;refresher=uac\r\n", peer.addr()),
        "v=0\r\n",
    )
    .await;
    let ack = peer.request("ACK").await;
    assert!(ack.has("CSeq").starts_with(invite.has("CSeq").split(' ').next().unwrap()));
    // Gone: the call is over.
    let invite = peer.request("INVITE").await;
    peer.answer(&invite, 481, "", "", "").await;
    assert_eq!(stack.next().await, SipEvent::Ended { call, cause: EndCause::TransportError });
}

#[tokio::test]
async fn a_session_too_brief_is_refused() {
    let mut stack = Stack::fast().await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let raw = RawCall::new(&peer, "brief");
    peer.send(raw.message("INVITE", "Supported: timer\r\nSession-Expires: 30\r\n", "v=0\r\n")).await;
    let refusal = peer.final_response("INVITE").await;
    assert_eq!((refusal.code(), refusal.has("Min-SE")), (422, "90"));
    peer.send(raw.ack_refusal(&refusal)).await;
    stack.forgotten().await;
    stack.silent();
}
