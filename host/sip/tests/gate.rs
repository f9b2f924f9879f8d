//! What the gate answers without any state, and how many calls it lets in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Raw, RawCall, SDP, Stack, answered, config, fast, trunk};
use cordboard_sip::{SipConfig, SipEvent, Timers};

async fn bench(config: SipConfig) -> (Stack, Raw) {
    let stack = Stack::start(config, Timers::default()).await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    (stack, peer)
}

#[tokio::test]
async fn what_is_wanted_gets_its_answer() {
    let (mut stack, peer) = bench(config()).await;
    let table: &[(&str, &str, &str, u16, Option<&str>)] = &[
        ("OPTIONS", "", "", 200, Some("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REGISTER")),
        ("MESSAGE", "", "", 405, Some("Allow: ")),
        ("SUBSCRIBE", "", "", 405, Some("Allow: ")),
        ("FROBNICATE", "", "", 501, Some("Allow: ")),
        ("INVITE", "Require: 100rel, timer, x-y\r\n", "v=0\r\n", 420, Some("Unsupported: 100rel, x-y")),
        ("INVITE", "Max-Forwards: 0\r\n", "v=0\r\n", 400, None),
        ("INVITE", "Content-Type: text/plain\r\n", "hello", 415, Some("Accept: application/sdp")),
        ("INVITE", "Content-Encoding: gzip\r\n", "v=0\r\n", 415, None),
        ("INVITE", "Accept: text/plain\r\n", "v=0\r\n", 406, None),
        ("INVITE", "Contact: <sip:second@127.0.0.1>\r\n", "v=0\r\n", 400, None),
        ("REGISTER", "", "", 401, Some("WWW-Authenticate: Digest realm=\"cordboard\"")),
        ("BYE", "", "", 481, None),
        ("INFO", "", "", 481, None),
    ];
    for (at, (method, more, body, code, header)) in table.iter().enumerate() {
        let raw = RawCall::new(&peer, &format!("table-{at}"));
        peer.send(raw.message(method, more, body)).await;
        let reply = peer.receive().await;
        assert_eq!(reply.code(), *code, "{method} {more}: {}", reply.text);
        assert!(header.is_none_or(|header| reply.text.contains(header)), "{method} {more}: {}", reply.text);
        assert!(!reply.to_tag().is_empty(), "{}", reply.text);
        // A retransmission gets the very same answer (RFC 3261 §8.2.7), but for the nonce.
        peer.send(raw.message(method, more, body)).await;
        let again = peer.receive().await;
        assert_eq!((again.to_tag(), again.code()), (reply.to_tag(), reply.code()));
    }
    let hops =
        |hops: &str| RawCall::new(&peer, "hops").message("INVITE", "", "v=0\r\n").replace("Max-Forwards: 70", hops);
    peer.send(hops("Max-Forwards: 0")).await;
    assert_eq!(peer.receive().await.code(), 483);
    let counters = stack.handle.counters();
    assert_eq!((counters.unknown_methods, counters.admitted, counters.remembered, counters.legs), (6, 0, 0, 0));
    stack.silent();
}

#[tokio::test]
async fn oversized_and_nonsense_is_counted_and_nothing_more() {
    let (mut stack, peer) = bench(SipConfig { max_message_bytes: 2_000, ..config() }).await;
    let raw = RawCall::new(&peer, "large");
    peer.send(raw.message("INVITE", &format!("X: {}\r\n", "x".repeat(2_000)), "v=0\r\n")).await;
    assert_eq!(peer.receive().await.code(), 513);
    for nonsense in [&b"\r\n\r\n"[..], b"\0", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 9_000], b"SIP/2.0 200 OK\r\n\r\n", b""]
    {
        peer.send(nonsense).await;
    }
    peer.send(raw.message("OPTIONS", "", "")).await;
    assert_eq!(peer.receive().await.code(), 200, "still there");
    let counters = stack.handle.counters();
    assert_eq!((counters.oversized, counters.dropped, counters.malformed), (1, 3, 0), "{counters:?}");
    stack.silent();
}

#[tokio::test]
async fn what_the_transaction_layer_cannot_hold_is_not_given_to_it() {
    let (mut stack, peer) = bench(SipConfig { max_message_bytes: 65_535, ..config() }).await;
    let raw = RawCall::new(&peer, "huge");
    peer.send(raw.message("INVITE", "", &format!("v=0\r\n{}", "x".repeat(20_000)))).await;
    assert_eq!(peer.receive().await.code(), 513);
    assert_eq!(stack.handle.counters().oversized, 1);
    stack.silent();
    stack.forgotten().await;
}

#[tokio::test]
async fn strangers_are_challenged_and_trunks_can_change() {
    let (mut stack, peer) = bench(SipConfig { trunks: Vec::new(), ..config() }).await;
    let raw = RawCall::new(&peer, "stranger");
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    assert_eq!(peer.receive().await.code(), 401);
    stack.silent();
    stack.handle.set_trunks(trunk());
    peer.send(raw.message("INVITE", "", "v=0\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Incoming { .. }));
    stack.handle.set_trunks(Vec::new());
    peer.response(100, "INVITE").await;
    peer.send(RawCall::new(&peer, "again").message("INVITE", "", "v=0\r\n")).await;
    assert_eq!(peer.receive().await.code(), 401);
}

#[tokio::test]
async fn more_calls_a_second_than_allowed_are_told_to_come_later() {
    let (mut stack, peer) = bench(SipConfig { calls_per_second: 3, ..config() }).await;
    let mut codes = Vec::new();
    for at in 0..10 {
        peer.send(RawCall::new(&peer, &format!("rate-{at}")).message("INVITE", "", "v=0\r\n")).await;
        let reply = peer.receive().await;
        codes.push(reply.code());
        assert!(reply.code() == 100 || reply.has("Retry-After").parse::<u32>().is_ok());
    }
    assert_eq!(codes[..3], [100; 3]);
    let refused = codes.iter().filter(|code| **code == 503).count();
    // A slow machine may earn one more token on the way.
    assert!(refused >= 4, "{codes:?}");
    let counters = stack.handle.counters();
    assert_eq!((counters.refused_rate, counters.admitted), (refused as u64, 10 - refused as u64));
    for _ in 0..counters.admitted {
        assert!(matches!(stack.next().await, SipEvent::Incoming { .. }));
    }
    stack.silent();
}

#[tokio::test]
async fn more_calls_at_once_than_allowed_are_refused_until_one_ends() {
    let (mut stack, peer) = bench(SipConfig { max_calls: 2, ..config() }).await;
    let (mut first, call, _) = answered(&mut stack, &peer, "full-1", "").await;
    let _second = answered(&mut stack, &peer, "full-2", "").await;
    let third = RawCall::new(&peer, "full-3");
    peer.send(third.message("INVITE", "", "v=0\r\n")).await;
    assert_eq!(peer.receive().await.code(), 503);
    assert_eq!(stack.handle.counters().refused_full, 1);
    // Those within may go on: one of our own calls still fits, as do changes of a call.
    let out = stack.handle.dial(stack.dial(peer.addr()));
    peer.request("INVITE").await;
    peer.send(first.next("UPDATE", "", "")).await;
    peer.response(200, "UPDATE").await;
    stack.handle.hang_up(call);
    let bye = peer.request("BYE").await;
    peer.answer(&bye, 200, "", "", "").await;
    stack.handle.hang_up(out);
    stack.counted(|now| now.legs == 2).await;
    assert_eq!(stack.handle.counters().dialled, 1);
}

#[tokio::test]
async fn a_shell_that_lags_gets_no_more_calls() {
    let mut stack = Stack::with_room(config(), fast(), 2).await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    for at in 0..2 {
        peer.send(RawCall::new(&peer, &format!("lag-{at}")).message("INVITE", "", "v=0\r\n")).await;
        assert_eq!(peer.receive().await.code(), 100);
    }
    stack.counted(|now| now.legs == 2).await;
    // Both events wait, or are about to.
    while stack.events.len() < 2 {
        tokio::task::yield_now().await;
    }
    peer.send(RawCall::new(&peer, "lag-3").message("INVITE", "", "v=0\r\n")).await;
    assert_eq!(peer.receive().await.code(), 503);
    assert_eq!(stack.handle.counters().refused_lag, 1);
    assert!(matches!(stack.next().await, SipEvent::Incoming { .. }));
}

#[tokio::test]
async fn draining_refuses_the_new_and_keeps_the_old() {
    let (mut stack, peer) = bench(config()).await;
    let (mut raw, call, _) = answered(&mut stack, &peer, "kept", "").await;
    let ringing = RawCall::new(&peer, "ringing");
    peer.send(ringing.message("INVITE", "", "v=0\r\n")).await;
    let SipEvent::Incoming { call: waits, .. } = stack.next().await else { panic!("no call") };
    stack.handle.set_draining(true);
    assert!(stack.handle.is_draining());
    peer.send(RawCall::new(&peer, "new").message("INVITE", "", "v=0\r\n")).await;
    let refusal = peer.response(503, "INVITE").await;
    assert!(refusal.header("Retry-After").is_some());
    peer.send(RawCall::new(&peer, "alive").message("OPTIONS", "", "")).await;
    assert_eq!(peer.response(503, "OPTIONS").await.code(), 503);
    stack.handle.answer(waits, SDP.into());
    peer.response(200, "INVITE").await;
    peer.send(raw.next("INVITE", "", "v=0\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Reoffer { call: of, .. } if of == call));
    stack.handle.set_draining(false);
    peer.send(RawCall::new(&peer, "newer").message("INVITE", "", "v=0\r\n")).await;
    assert!(matches!(stack.next().await, SipEvent::Incoming { .. }));
    assert_eq!(stack.handle.counters().refused_drain, 1);
}

#[tokio::test]
async fn counters_have_names() {
    let stack = Stack::plain().await;
    let counters = stack.handle.counters();
    let names: Vec<_> = counters.totals().chain(counters.gauges()).map(|(name, _)| name).collect();
    assert!(names.contains(&"refused_rate") && names.contains(&"legs"));
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
}

#[tokio::test]
async fn a_flood_without_ack_is_bounded_and_leaves_nothing() {
    let config = SipConfig { calls_per_second: 50, max_calls: 40, ..config() };
    let mut stack = Stack::start(config, fast()).await;
    let peer = Raw::new(stack.handle.local_addr()).await;
    let mut highest = 0;
    for at in 0..600 {
        peer.send(RawCall::new(&peer, &format!("flood-{at}")).message("INVITE", "", "v=0\r\n")).await;
        // Its answer shows that it is through; retransmissions of others may come in between.
        peer.until(|text| text.header("Call-ID") == Some(&format!("flood-{at}@test"))).await;
        while let Ok(event) = stack.events.try_recv() {
            if let SipEvent::Incoming { call, .. } = event {
                if call.0 % 2 == 0 {
                    stack.handle.reject(call, 404, "Not Found", None)
                } else {
                    stack.handle.answer(call, SDP.into())
                }
            }
        }
        let counters = stack.handle.counters();
        assert!(counters.legs <= 40, "{counters:?}");
        highest = highest.max(counters.transactions + counters.remembered);
    }
    let counters = stack.handle.counters();
    assert_eq!(counters.admitted + counters.refused_rate + counters.refused_full, 600, "{counters:?}");
    assert!(counters.refused_rate + counters.refused_full > 0, "{counters:?}");
    // Each admitted call is known by its INVITE, its route and its transaction, besides the BYE of those unacknowledged.
    assert!(highest <= counters.admitted * 4, "{highest} of {counters:?}");
    let drained = async {
        while stack.handle.counters().legs > 0 {
            while stack.events.try_recv().is_ok() {}
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(common::SOON, drained).await.unwrap();
    stack.forgotten().await;
}
