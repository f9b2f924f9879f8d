//! Two phones, one calling the other: what one says, the other hears.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use cordboard_phone::{CallEnd, CallState, Phone, PhoneCall, PhoneConfig, RunError, has_tone, parse, run_script};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

async fn phone(user: &str, server: SocketAddr, recordings: Option<&Path>) -> Phone {
    let config = PhoneConfig {
        bind: "127.0.0.1:0".parse().unwrap(),
        server,
        user: user.into(),
        display_name: Some(format!("Phone of {user}")),
        password: None,
        recordings: recordings.map(Into::into),
    };
    Phone::start(config).await.unwrap()
}

async fn pair(recordings: Option<&Path>) -> (Phone, Phone) {
    let called = phone("bob", "127.0.0.1:9".parse().unwrap(), recordings).await;
    let caller = phone("ann", called.local_addr(), recordings).await;
    (caller, called)
}

async fn script(call: &PhoneCall, text: &str) -> Result<(), RunError> {
    run_script(call, &parse(text).unwrap(), |_| {}).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tones_and_keys_cross() {
    let folder = tempfile::tempdir().unwrap();
    let (caller, called) = pair(Some(folder.path())).await;
    let call = caller.dial("bob").unwrap();
    let other = called.incoming(SOON).await.expect("it rings");
    assert_eq!(other.peer(), "ann");
    assert_eq!(call.state(), CallState::Ringing);
    other.answer();
    let (here, there) = tokio::join!(
        script(
            &call,
            "answered 20s; tone 440 700ms; press 15#; heard 20s; hear-tone 1000 20s; quiet 300ms 20s; hang-up"
        ),
        script(&other, "answered 20s; hear-tone 440 20s; tone 1000 700ms; ended 30s"),
    );
    here.unwrap();
    there.unwrap();
    assert_eq!(other.state(), CallState::Ended(CallEnd::RemoteHungUp));
    assert_eq!(call.state(), CallState::Ended(CallEnd::HungUp));
    assert_eq!(other.digits(), "15#");
    for stats in [call.stats().unwrap(), other.stats().unwrap()] {
        assert!(stats.packets_received > 50, "{stats:?}");
        assert_eq!((stats.lost, stats.duplicates, stats.malformed, stats.timestamp_jumps), (0, 0, 0, 0), "{stats:?}");
    }
    caller.stop().await;
    called.stop().await;
    let wait = async {
        while !has_tone(&other.heard(), 440.0) || !has_tone(&call.heard(), 1_000.0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("the recordings are complete");
    assert!(call.said_path().unwrap().ends_with("ann-1-said.wav"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_declined_or_given_up() {
    let (caller, called) = pair(None).await;
    let call = caller.dial("bob").unwrap();
    called.incoming(SOON).await.expect("it rings").decline();
    assert_eq!(call.ended(SOON).await, Some(CallEnd::Refused { code: 603, reason: "Decline".into() }));

    let call = caller.dial("bob").unwrap();
    let other = called.incoming(SOON).await.expect("it rings again");
    call.hang_up();
    assert_eq!(other.ended(SOON).await, Some(CallEnd::Cancelled));
    let error = script(&other, "tone 440 1s").await.unwrap_err();
    assert!(matches!(error, RunError::CallOver { end: CallEnd::Cancelled, .. }), "{error}");
    let error = script(&other, "hear-tone 440 1s").await.unwrap_err();
    assert!(matches!(error, RunError::NoRecording { .. }), "{error}");
    caller.stop().await;
    called.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_ends_the_calls() {
    let (caller, called) = pair(None).await;
    let call = caller.dial("bob").unwrap();
    let other = called.incoming(SOON).await.expect("it rings");
    other.answer();
    assert!(call.answered(SOON).await && other.answered(SOON).await);
    called.stop().await;
    assert_eq!(call.ended(SOON).await, Some(CallEnd::RemoteHungUp));
    assert!(call.stats().is_some(), "kept beyond the end");
    caller.stop().await;
}
