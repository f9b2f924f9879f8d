//! Two stacks over loopback: every way a call can go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Raw, RawCall, SDP, SOON, Stack, config, fast};
use cordboard_sip::{CallId, Dial, EndCause, Party, SipConfig, SipEvent, Source, Target};
use std::time::Duration;

async fn pair() -> (Stack, Stack) {
    (Stack::plain().await, Stack::plain().await)
}

/// A call that has reached the other side.
async fn offered(caller: &Stack, called: &mut Stack) -> (CallId, CallId) {
    let dial = caller.dial(called.handle.local_addr());
    let out = caller.handle.dial(dial);
    match called.next().await {
        SipEvent::Incoming { call, source, from, to, offer, .. } => {
            assert_eq!(source, Source::Trunk("loop".into()));
            assert_eq!((from.user.as_str(), from.display.as_deref()), ("ann", Some("Ann")));
            assert_eq!(to.user, "callee");
            assert_eq!(offer.as_deref(), Some(SDP));
            (out, call)
        }
        other => panic!("{other:?}"),
    }
}

async fn connected(caller: &mut Stack, called: &mut Stack) -> (CallId, CallId) {
    let (out, call) = offered(caller, called).await;
    called.handle.answer(call, SDP.into());
    assert_eq!(caller.next().await, SipEvent::Answered { call: out, sdp: Some(SDP.into()) });
    assert_eq!(called.next().await, SipEvent::Acknowledged { call, sdp: None });
    (out, call)
}

#[tokio::test]
async fn a_call_rings_is_answered_and_ended_by_the_caller() {
    let (mut caller, mut called) = pair().await;
    let (out, call) = offered(&caller, &mut called).await;
    called.handle.ring(call, None);
    assert_eq!(caller.next().await, SipEvent::Ringing { call: out, early_sdp: None });
    called.handle.ring(call, Some(SDP.into()));
    assert_eq!(caller.next().await, SipEvent::Ringing { call: out, early_sdp: Some(SDP.into()) });
    called.handle.answer(call, SDP.into());
    assert_eq!(caller.next().await, SipEvent::Answered { call: out, sdp: Some(SDP.into()) });
    assert_eq!(called.next().await, SipEvent::Acknowledged { call, sdp: None });
    caller.handle.hang_up(out);
    assert_eq!(called.next().await, SipEvent::Ended { call, cause: EndCause::RemoteBye });
    caller.counted(|now| now.legs == 0).await;
    called.counted(|now| now.legs == 0).await;
    caller.silent();
    called.silent();
}

#[tokio::test]
async fn the_called_side_may_end_it_too_or_both_at_once() {
    let (mut caller, mut called) = pair().await;
    let (out, call) = connected(&mut caller, &mut called).await;
    called.handle.hang_up(call);
    assert_eq!(caller.next().await, SipEvent::Ended { call: out, cause: EndCause::RemoteBye });
    for _ in 0..5 {
        let (out, call) = connected(&mut caller, &mut called).await;
        caller.handle.hang_up(out);
        called.handle.hang_up(call);
        // Either BYE may win; nobody is left behind.
        caller.counted(|now| now.legs == 0).await;
        called.counted(|now| now.legs == 0).await;
        while caller.events.try_recv().is_ok() || called.events.try_recv().is_ok() {}
    }
}

#[tokio::test]
async fn a_call_given_up_is_cancelled() {
    let (mut caller, mut called) = pair().await;
    let (out, call) = offered(&caller, &mut called).await;
    called.handle.ring(call, None);
    assert!(matches!(caller.next().await, SipEvent::Ringing { .. }));
    caller.handle.hang_up(out);
    assert_eq!(called.next().await, SipEvent::Cancelled { call });
    caller.counted(|now| now.legs == 0).await;
    called.counted(|now| now.legs == 0).await;
    caller.silent();
}

#[tokio::test]
async fn hanging_up_at_once_cancels_too() {
    let (mut caller, mut called) = pair().await;
    let out = caller.handle.dial(caller.dial(called.handle.local_addr()));
    caller.handle.hang_up(out);
    let SipEvent::Incoming { call, .. } = called.next().await else { panic!("no call") };
    assert_eq!(called.next().await, SipEvent::Cancelled { call });
    caller.counted(|now| now.legs == 0).await;
    caller.silent();
}

#[tokio::test]
async fn refusals_reach_the_caller() {
    let (mut caller, mut called) = pair().await;
    for (code, reason) in [(486, "Busy Here"), (404, "Nobody of that name"), (603, "Decline")] {
        let (out, call) = offered(&caller, &mut called).await;
        called.handle.reject(call, code, reason, None);
        assert_eq!(caller.next().await, SipEvent::Failed { call: out, code, reason: reason.into(), local: false });
    }
    let (out, call) = offered(&caller, &mut called).await;
    called.handle.hang_up(call);
    assert!(matches!(caller.next().await, SipEvent::Failed { call, code: 480, .. } if call == out));
    let (out, call) = offered(&caller, &mut called).await;
    called.handle.redirect(call, "sip:elsewhere@127.0.0.1");
    assert!(matches!(caller.next().await, SipEvent::Failed { call, code: 302, .. } if call == out));
    called.counted(|now| now.legs == 0).await;
    called.silent();
}

#[tokio::test]
async fn nobody_answers_in_time() {
    let (mut caller, mut called) = pair().await;
    let dial = Dial { ring_timeout: Duration::from_millis(300), ..caller.dial(called.handle.local_addr()) };
    let out = caller.handle.dial(dial);
    let SipEvent::Incoming { call, .. } = called.next().await else { panic!("no call") };
    assert!(matches!(caller.next().await, SipEvent::Failed { call, code: 408, .. } if call == out));
    assert_eq!(called.next().await, SipEvent::Cancelled { call });
    caller.counted(|now| now.legs == 0).await;
    caller.silent();
}

#[tokio::test]
async fn nobody_is_there() {
    let mut caller = Stack::start(config(), fast()).await;
    let silent = Raw::new(caller.handle.local_addr()).await;
    let table = [
        (Target::Uri(format!("sip:x@{}", silent.addr())), 503, false),
        (Target::Registered("ann".into()), 404, true),
        (Target::Uri("sip:112@127.0.0.1".into()), 403, true),
        (Target::Uri("tel:112".into()), 416, true),
        (Target::Uri("sip:x@no-such-host.invalid".into()), 503, true),
        (Target::Uri("nonsense".into()), 416, true),
    ];
    for (to, expected, ours) in table {
        let out = caller.handle.dial(Dial { to: to.clone(), ..caller.dial(silent.addr()) });
        match caller.next().await {
            SipEvent::Failed { call, code, local, .. } => {
                assert_eq!((call, code, local), (out, expected, ours), "{to:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    caller.forgotten().await;
}

#[tokio::test]
async fn the_shell_forgets_a_call_and_it_is_refused() {
    let timers = cordboard_sip::Timers { setup: Duration::from_millis(200), ..fast() };
    let mut called = Stack::start(config(), timers).await;
    let mut caller = Stack::plain().await;
    let (out, call) = offered(&caller, &mut called).await;
    assert_eq!(called.next().await, SipEvent::Ended { call, cause: EndCause::Timeout });
    assert!(matches!(caller.next().await, SipEvent::Failed { call, code: 408, .. } if call == out));
}

#[tokio::test]
async fn more_calls_than_may_be_fail_here() {
    let mut caller = Stack::start(SipConfig { max_calls: 0, ..config() }, fast()).await;
    let out = caller.handle.dial(caller.dial("127.0.0.1:9".parse().unwrap()));
    assert!(matches!(caller.next().await, SipEvent::Failed { call, code: 503, local: true, .. } if call == out));
}

#[tokio::test]
async fn whoever_waits_is_told_again_that_it_rings() {
    let ms = Duration::from_millis;
    // The shell shows that it is there by ringing: its first limit is over long before the third 180.
    let timers = cordboard_sip::Timers { setup: ms(200), ring_again: ms(150), ringing: ms(1_500), ..fast() };
    let mut called = Stack::start(config(), timers).await;
    let peer = Raw::new(called.handle.local_addr()).await;
    let raw = RawCall::new(&peer, "waits");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    let SipEvent::Incoming { call, .. } = called.next().await else { panic!("no call") };
    called.handle.ring(call, None);
    let first = peer.response(180, "INVITE").await;
    for _ in 0..2 {
        assert_eq!(peer.until(|text| text.code() > 100).await.text, first.text);
    }
    // But not for ever.
    assert_eq!(called.next().await, SipEvent::Ended { call, cause: EndCause::Timeout });
    assert_eq!(peer.final_response("INVITE").await.code(), 408);
}

#[tokio::test]
async fn headers_of_a_dial_are_sent_but_never_the_stacks_own() {
    let caller = Stack::plain().await;
    let peer = Raw::new(caller.handle.local_addr()).await;
    let headers = [("X-Contact", "7"), ("Via", "evil"), ("X-Bad", "a\r\nEvil: 1"), ("bad name", "x")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let from = Party { user: "ann".into(), host: Some("pbx.example".into()), display: None };
    let out = caller.handle.dial(Dial { headers, from, ..caller.dial(peer.addr()) });
    let invite = peer.request("INVITE").await;
    assert_eq!(invite.has("X-Contact"), "7");
    assert!(!invite.text.contains("vil"), "{}", invite.text);
    assert!(!invite.text.contains("X-Bad") && !invite.text.contains("bad name"));
    assert!(invite.has("From").starts_with("<sip:ann@pbx.example>;tag="));
    assert_eq!(invite.body().as_bytes(), SDP);
    caller.handle.hang_up(out);
}

#[tokio::test]
async fn shutting_down_says_goodbye() {
    let (mut caller, mut called) = pair().await;
    let (out, _) = connected(&mut caller, &mut called).await;
    let (ringing, call) = offered(&caller, &mut called).await;
    called.handle.ring(call, None);
    assert!(matches!(caller.next().await, SipEvent::Ringing { .. }));
    tokio::time::timeout(SOON, called.handle.shutdown()).await.unwrap();
    let mut ends = [caller.next().await, caller.next().await];
    ends.sort_by_key(|event| matches!(event, SipEvent::Failed { .. }));
    assert_eq!(ends[0], SipEvent::Ended { call: out, cause: EndCause::RemoteBye });
    assert!(matches!(ends[1], SipEvent::Failed { call, code: 480, .. } if call == ringing));
}

#[tokio::test]
async fn an_address_for_everything_needs_one_to_tell() {
    let config = SipConfig { bind: "0.0.0.0:0".parse().unwrap(), ..SipConfig::default() };
    let (sender, _events) = tokio::sync::mpsc::channel(1);
    let users = std::sync::Arc::new(common::Users(&[]));
    let refused = cordboard_sip::SipStack::start(config.clone(), users.clone(), sender.clone()).await;
    assert!(matches!(refused.err(), Some(cordboard_sip::SipError::AdvertisedNeeded)));
    let config = SipConfig { advertised: Some("192.0.2.1:0".parse().unwrap()), ..config };
    let handle = cordboard_sip::SipStack::start(config, users.clone(), sender.clone()).await.unwrap();
    assert_eq!(handle.advertised_addr().port(), handle.local_addr().port());
    let taken = SipConfig {
        bind: format!("127.0.0.1:{}", handle.local_addr().port()).parse().unwrap(),
        ..SipConfig::default()
    };
    let refused = cordboard_sip::SipStack::start(taken, users, sender).await;
    assert!(matches!(refused.err(), Some(cordboard_sip::SipError::Bind { .. })));
}
