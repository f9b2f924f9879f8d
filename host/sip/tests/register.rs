//! Phones register, are called and call; nobody gets in on somebody else's name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Raw, RawCall, SDP, Stack, Text, config, fast, password};
use cordboard_sip::{Dial, EndCause, Party, RegisterClient, SipConfig, SipError, SipEvent, Source, Target, Timers};
use std::time::Duration;

/// Without trunks: whoever calls must prove who it is.
async fn switchboard(config: SipConfig) -> Stack {
    Stack::start(SipConfig { trunks: Vec::new(), min_expires_s: 1, ..config }, Timers::default()).await
}

fn account(stack: &Stack, user: &str) -> RegisterClient {
    RegisterClient {
        registrar: format!("sip:{}", stack.handle.local_addr()),
        user: user.into(),
        password: password(user),
        expires_s: 60,
    }
}

fn from_ann(stack: &Stack, to: &Stack) -> Dial {
    let from = Party { user: "ann".into(), host: None, display: None };
    Dial { from, to: Target::Uri(format!("sip:100@{}", to.handle.local_addr())), ..stack.dial(to.handle.local_addr()) }
}

async fn registered(board: &mut Stack, phone: &Stack) {
    phone.handle.register(account(board, "ann")).await.unwrap();
    let SipEvent::Registered { user, contact, expires_s } = board.next().await else { panic!("not registered") };
    assert_eq!((user.as_str(), expires_s), ("ann", 60));
    assert!(contact.contains(&phone.handle.local_addr().to_string()));
}

#[tokio::test]
async fn a_phone_registers_is_called_and_calls() {
    for sha256 in [false, true] {
        let mut board = switchboard(SipConfig { sha256, ..config() }).await;
        let mut phone = Stack::plain().await;
        registered(&mut board, &phone).await;
        let all = board.handle.registrations();
        assert_eq!((all.len(), all[0].user.as_str(), all[0].source), (1, "ann", phone.handle.local_addr()));

        let out =
            board.handle.dial(Dial { to: Target::Registered("ann".into()), ..board.dial(phone.handle.local_addr()) });
        let SipEvent::Incoming { call, to, .. } = phone.next().await else { panic!("no call") };
        assert_eq!(to.user, "ann");
        phone.handle.answer(call, SDP.into());
        assert!(matches!(board.next().await, SipEvent::Answered { call, .. } if call == out));
        assert!(matches!(phone.next().await, SipEvent::Acknowledged { .. }));
        board.handle.hang_up(out);
        assert_eq!(phone.next().await, SipEvent::Ended { call, cause: EndCause::RemoteBye });

        // From where it registered it is believed.
        let challenged = board.handle.counters().challenged;
        phone.handle.dial(from_ann(&phone, &board));
        let SipEvent::Incoming { source, .. } = board.next().await else { panic!("no call") };
        assert_eq!(source, Source::Registered("ann".into()));
        assert_eq!(board.handle.counters().challenged, challenged);

        phone.handle.register(RegisterClient { expires_s: 0, ..account(&board, "ann") }).await.unwrap();
        assert_eq!(board.next().await, SipEvent::Unregistered { user: "ann".into(), expired: false });
    }
}

#[tokio::test]
async fn a_forgotten_phone_must_prove_itself_again() {
    let mut board = switchboard(config()).await;
    let phone = Stack::plain().await;
    registered(&mut board, &phone).await;
    board.handle.forget_user("ann");
    assert_eq!(board.next().await, SipEvent::Unregistered { user: "ann".into(), expired: false });
    assert!(board.handle.registrations().is_empty());
    board.handle.forget_user("nobody");
    // Its INVITE is challenged, and the account answers.
    phone.handle.dial(from_ann(&phone, &board));
    let SipEvent::Incoming { call, source, .. } = board.next().await else { panic!("no call") };
    assert_eq!(source, Source::Registered("ann".into()));
    assert_eq!(board.handle.counters().challenged, 2);
    board.handle.hang_up(call);
}

#[tokio::test]
async fn whoever_is_not_believed_gets_in_nowhere() {
    let mut board = switchboard(config()).await;
    let mut phone = Stack::plain().await;
    let wrong = RegisterClient { password: "guess".into(), ..account(&board, "ann") };
    let refused = phone.handle.register(wrong.clone()).await;
    assert!(matches!(refused, Err(SipError::Refused { code: 403, .. })), "{refused:?}");
    let refused = phone.handle.register(RegisterClient { user: "nobody".into(), ..wrong.clone() }).await;
    assert!(matches!(refused, Err(SipError::Refused { code: 403, .. })), "{refused:?}");
    // A call with the wrong account, and one without any.
    let out = phone.handle.dial(from_ann(&phone, &board));
    assert!(matches!(phone.next().await, SipEvent::Failed { call, code: 403, .. } if call == out));
    let from = Party { user: "bob".into(), host: None, display: None };
    let out = phone.handle.dial(Dial { from, ..from_ann(&phone, &board) });
    let failed = phone.next().await;
    assert!(matches!(failed, SipEvent::Failed { call, code: 401, .. } if call == out), "{failed:?}");
    for registrar in ["", "sip:", "tel:1", "nonsense", "sip:x?y=z"] {
        let refused = phone.handle.register(RegisterClient { registrar: registrar.into(), ..wrong.clone() }).await;
        assert!(matches!(refused, Err(SipError::Uri(_))), "{registrar}: {refused:?}");
    }
    assert_eq!(board.handle.counters().auth_failed, 3);
    board.silent();
}

#[tokio::test]
async fn nobody_at_the_registrar() {
    let phone = Stack::start(config(), fast()).await;
    let nobody = Raw::new(phone.handle.local_addr()).await;
    let client = RegisterClient {
        registrar: format!("sip:{}", nobody.addr()),
        user: "ann".into(),
        password: "x".into(),
        expires_s: 60,
    };
    assert!(matches!(phone.handle.register(client).await, Err(SipError::Unreachable(_))));
    phone.forgotten().await;
}

/// A REGISTER as a raw phone sends it.
struct RawPhone {
    peer: Raw,
    raw: RawCall,
    challenge: Text,
}

impl RawPhone {
    async fn challenged(board: &Stack, name: &str) -> Self {
        let peer = Raw::new(board.handle.local_addr()).await;
        let mut raw = RawCall::new(&peer, name);
        (raw.user, raw.from_user) = ("ann".into(), "ann".into());
        peer.send(raw.message("REGISTER", "", "")).await;
        let challenge = peer.response(401, "REGISTER").await;
        Self { peer, raw, challenge }
    }

    fn nonce(&self) -> String {
        self.challenge.has("WWW-Authenticate").split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    fn authorization(&self, nc: u32) -> String {
        let (nonce, nc) = (self.nonce(), format!("{nc:08x}"));
        let md5 = |text: &str| cordboard_sip::fuzzing::md5_hex(text);
        let (ha1, ha2) = (md5("ann:cordboard:nna"), md5("REGISTER:sip:ann@127.0.0.1"));
        let response = md5(&format!("{ha1}:{nonce}:{nc}:cn:auth:{ha2}"));
        format!(
            "Authorization: Digest username=\"ann\", realm=\"cordboard\", nonce=\"{nonce}\", uri=\"sip:ann@127.0.0.1\", \
             response=\"{response}\", cnonce=\"cn\", qop=auth, nc={nc}\r\n"
        )
    }

    async fn register(&mut self, more: &str) -> Text {
        let text = self.raw.next("REGISTER", more, "");
        self.peer.send(text).await;
        self.peer.final_response("REGISTER").await
    }
}

#[tokio::test]
async fn a_proof_counts_once() {
    let mut board = switchboard(config()).await;
    let mut phone = RawPhone::challenged(&board, "proof").await;
    let proof = phone.authorization(0x0a);
    let ok = phone.register(&proof).await;
    assert_eq!(ok.code(), 200);
    assert!(ok.has("Contact").contains(";expires="), "{}", ok.text);
    assert!(matches!(board.next().await, SipEvent::Registered { .. }));
    // The very same datagram is a retransmission and gets the very same answer.
    phone.peer.send(phone.raw.message("REGISTER", &proof, "")).await;
    assert_eq!(phone.peer.receive().await.text, ok.text);
    // The same proof in another request is a replay; so is a count that did not grow.
    for nc in [0x0a, 0x09] {
        let replayed = phone.register(&phone.authorization(nc)).await;
        assert_eq!(replayed.code(), 401);
        assert!(replayed.has("WWW-Authenticate").contains("stale=true"));
    }
    assert_eq!(board.handle.counters().auth_replayed, 2);
    assert_eq!(phone.register(&phone.authorization(0x100)).await.code(), 200);
    assert!(matches!(board.next().await, SipEvent::Registered { .. }));
    let forged = phone.authorization(0x101).replace("nonce=\"0", "nonce=\"1");
    let refused = phone.register(&forged).await;
    assert!(refused.code() == 401 && !refused.has("WWW-Authenticate").contains("stale"));
    board.silent();
}

#[tokio::test]
async fn an_old_nonce_is_stale() {
    let board = switchboard(SipConfig { nonce_lifetime: Duration::ZERO, ..config() }).await;
    let mut phone = RawPhone::challenged(&board, "stale").await;
    // The clock of nonces has milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let refused = phone.register(&phone.authorization(1)).await;
    assert_eq!(refused.code(), 401);
    assert!(refused.has("WWW-Authenticate").contains("stale=true"));
    assert_ne!(refused.has("WWW-Authenticate"), phone.challenge.has("WWW-Authenticate"));
}

#[tokio::test]
async fn times_are_bounded_and_names_are_ones_own() {
    let board = Stack::start(SipConfig { trunks: Vec::new(), max_expires_s: 600, ..config() }, Timers::default()).await;
    let mut phone = RawPhone::challenged(&board, "bounded").await;
    let brief = phone.register(&format!("{}Expires: 5\r\n", phone.authorization(1))).await;
    assert_eq!((brief.code(), brief.has("Min-Expires")), (423, "30"));
    let long = phone.register(&format!("{}Expires: 99999\r\n", phone.authorization(2))).await;
    assert!(long.code() == 200 && long.has("Contact").ends_with(";expires=600"), "{}", long.text);
    // Ann may not register Bob, nor call in his name from elsewhere.
    phone.raw.user = "bob".into();
    let other = phone.register(&phone.authorization(3).replace("never", "")).await;
    assert!(matches!(other.code(), 403), "{}", other.text);
    assert_eq!(board.handle.registrations().len(), 1);
}

#[tokio::test]
async fn a_registration_ends_by_itself_unless_it_is_refreshed() {
    let mut board = switchboard(config()).await;
    let phone = Stack::plain().await;
    // Of 2 seconds, refreshed each second.
    phone.handle.register(RegisterClient { expires_s: 2, ..account(&board, "ann") }).await.unwrap();
    assert!(matches!(board.next().await, SipEvent::Registered { .. }));
    board.counted(|now| now.registered >= 3).await;
    phone.handle.shutdown().await;
    let mut refreshes = 0;
    loop {
        match board.next().await {
            SipEvent::Registered { .. } => refreshes += 1,
            SipEvent::Unregistered { expired: false, .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(refreshes >= 1, "a refresh is told");

    let mut raw = RawPhone::challenged(&board, "expires").await;
    assert_eq!(raw.register(&format!("{}Expires: 1\r\n", raw.authorization(1))).await.code(), 200);
    assert!(matches!(board.next().await, SipEvent::Registered { .. }));
    assert_eq!(board.next().await, SipEvent::Unregistered { user: "ann".into(), expired: true });
}
