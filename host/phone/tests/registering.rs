//! A phone at a registrar.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use cordboard_media::{MediaConfig, MediaPlane};
use cordboard_phone::{CallEnd, Phone, PhoneConfig, PhoneError};
use cordboard_sip::{Credentials, Dial, Party, SipConfig, SipEvent, SipHandle, SipStack, Target, ha1};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_secs(20);

struct OnlyAnn;

impl Credentials for OnlyAnn {
    fn ha1(&self, user: &str, realm: &str) -> Option<String> {
        (user == "ann").then(|| ha1("ann", realm, "secret"))
    }
}

async fn board() -> (SipHandle, mpsc::Receiver<SipEvent>) {
    let (sender, events) = mpsc::channel(64);
    let config = SipConfig { bind: "127.0.0.1:0".parse().unwrap(), ..SipConfig::default() };
    (SipStack::start(config, Arc::new(OnlyAnn), sender).await.unwrap(), events)
}

async fn phone(board: &SipHandle, password: &str) -> Phone {
    let config = PhoneConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        server: board.local_addr(),
        user: "ann".into(),
        display_name: None,
        password: Some(password.into()),
        recordings: None,
    };
    Phone::start(config).await.unwrap()
}

async fn next(events: &mut mpsc::Receiver<SipEvent>) -> SipEvent {
    tokio::time::timeout(SOON, events.recv()).await.expect("an event").unwrap()
}

#[tokio::test]
async fn it_registers_and_is_called_there() {
    let (board, mut events) = board().await;
    let phone = phone(&board, "secret").await;
    phone.register(Duration::from_secs(60)).await.unwrap();
    assert!(matches!(next(&mut events).await, SipEvent::Registered { user, .. } if user == "ann"));
    let (media_events, _received) = mpsc::channel(64);
    let media = MediaPlane::start(MediaConfig::default(), media_events).unwrap();
    let session = media.open().unwrap();
    let out = board.dial(Dial {
        to: Target::Registered("ann".into()),
        from: Party { user: "customer".into(), host: None, display: None },
        sdp: media.create_offer(session).unwrap().into(),
        headers: Vec::new(),
        ring_timeout: SOON,
    });
    let call = phone.incoming(SOON).await.expect("it rings");
    assert_eq!(call.peer(), "customer");
    call.answer();
    loop {
        match next(&mut events).await {
            SipEvent::Answered { call, sdp } => {
                assert_eq!(call, out);
                media.accept_answer(session, &sdp.unwrap()).unwrap();
                break;
            }
            SipEvent::Ringing { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(call.answered(SOON).await);
    board.hang_up(out);
    assert_eq!(call.ended(SOON).await, Some(CallEnd::RemoteHungUp));
    phone.stop().await;
    assert_eq!(next(&mut events).await, SipEvent::Unregistered { user: "ann".into(), expired: false });
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let (board, _events) = board().await;
    let phone = phone(&board, "guess").await;
    match phone.register(Duration::from_secs(60)).await {
        Err(PhoneError::NotRegistered(why)) => assert!(why.contains("403"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(board.registrations().is_empty());
    phone.stop().await;
}
