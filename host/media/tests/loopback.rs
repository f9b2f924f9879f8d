//! Sound, digits, recordings and bridges over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{connect, heard, plane, stats, tone, until};
use cordboard_media::tone::dominant_tone;
use cordboard_media::{Clip, MediaConfig, MediaError, MediaEvent, PlayOutcome, PlaySource, RecordingPaths, SdpError};
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The tone in the middle of a recording.
fn recorded(path: &Path) -> Option<f32> {
    let clip = Clip::from_wav(path).unwrap();
    let sound: Vec<i16> = clip.samples().iter().copied().skip_while(|sample| sample.unsigned_abs() < 1_000).collect();
    dominant_tone(sound.get(800..2_400)?, 8_000)
}

fn is_tone(path: &Path, hertz: f32) -> bool {
    recorded(path).is_some_and(|found| (found - hertz).abs() < 5.0)
}

#[test]
fn a_tone_is_heard_and_recorded_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (mut a, b) = (plane(MediaConfig::default()), plane(MediaConfig::default()));
    let (from, to) = connect(&a.media, &b.media);
    let path = |name: &str| folder.path().join(name);
    a.media.record(from, RecordingPaths { heard: None, said: Some(path("said.wav")) });
    b.media.record(to, RecordingPaths { heard: Some(path("heard.wav")), said: None });
    a.media.play(from, 7, tone(440.0, 1_010, false));
    let finished = a.wait("the end of playing", |event| match event {
        MediaEvent::PlayFinished { session, play, outcome, played_ms } => Some((*session, *play, *outcome, *played_ms)),
        _ => None,
    });
    assert_eq!(finished, (from, 7, PlayOutcome::Completed, 1_010));
    until("all of it", || stats(&b.media, to).heard_ms >= 900);
    a.media.stop_recording(from);
    b.media.close(to);
    until("the recordings", || is_tone(&path("said.wav"), 440.0) && is_tone(&path("heard.wav"), 440.0));
}

#[test]
fn playing_can_be_stopped_and_replaced() {
    let mut a = plane(MediaConfig::default());
    let b = plane(MediaConfig::default());
    let (from, to) = connect(&a.media, &b.media);
    a.media.play(from, 1, tone(440.0, 100, true));
    heard(&b.media, to, 300);
    a.media.play(from, 2, tone(880.0, 60_000, false));
    a.media.stop(from);
    let mut outcomes = Vec::new();
    a.wait("both ends", |event| {
        if let MediaEvent::PlayFinished { play, outcome, .. } = event {
            outcomes.push((*play, *outcome));
        }
        (outcomes.len() == 2).then_some(())
    });
    assert_eq!(outcomes, [(1, PlayOutcome::Interrupted), (2, PlayOutcome::Stopped)]);
    let nothing = PlaySource { clips: vec![], repeat: true };
    a.media.play(from, 3, nothing);
    a.wait("the end of nothing", |event| {
        matches!(event, MediaEvent::PlayFinished { play: 3, outcome: PlayOutcome::Completed, played_ms: 0, .. })
            .then_some(())
    });
}

#[test]
fn digits_go_both_ways() {
    let (mut a, mut b) = (plane(MediaConfig::default()), plane(MediaConfig::default()));
    let (left, right) = connect(&a.media, &b.media);
    a.media.play(left, 1, tone(440.0, 100, true));
    a.media.send_digits(left, "1234#", 100, 60);
    b.media.send_digits(right, "*09d", 80, 60);
    assert_eq!(b.digits(right, 5), "1234#");
    assert_eq!(a.digits(left, 4), "*09D");
}

#[test]
fn a_bridge_carries_sound_and_digits_and_ends() {
    // The two legs in the middle are on different threads.
    let middle = plane(MediaConfig { threads: 2, ..MediaConfig::default() });
    let (mut a, mut c) = (plane(MediaConfig::default()), plane(MediaConfig::default()));
    let folder = tempfile::tempdir().unwrap();
    let (caller, left) = connect(&a.media, &middle.media);
    let (right, agent) = connect(&middle.media, &c.media);
    middle.media.bridge(left, right);
    let path = |name: &str| folder.path().join(name);
    let listen = |path| RecordingPaths { heard: Some(path), said: None };
    a.media.record(caller, listen(path("caller.wav")));
    c.media.record(agent, listen(path("agent.wav")));
    a.media.play(caller, 1, tone(500.0, 100, true));
    c.media.play(agent, 1, tone(900.0, 100, true));
    until("sound through the bridge", || {
        [(&a, caller), (&c, agent)].iter().all(|(plane, session)| stats(&plane.media, *session).heard_ms >= 800)
    });
    a.media.stop_recording(caller);
    c.media.stop_recording(agent);
    until("the recordings", || is_tone(&path("caller.wav"), 900.0) && is_tone(&path("agent.wav"), 500.0));
    a.media.send_digits(caller, "42", 100, 100);
    assert_eq!(c.digits(agent, 2), "42");
    c.media.send_digits(agent, "7", 100, 100);
    assert_eq!(a.digits(caller, 1), "7");
    let before = stats(&middle.media, left);
    middle.media.unbridge(left);
    until("silence", || {
        [(&a, caller), (&c, agent)].iter().all(|(plane, session)| stats(&plane.media, *session).silent_ms >= 200)
    });
    assert_eq!(stats(&middle.media, left).ssrc, before.ssrc);
}

#[test]
fn silence_is_reported_once_and_not_on_hold() {
    let mut a = plane(MediaConfig { no_media_timeout: Duration::from_millis(400), ..MediaConfig::default() });
    let b = plane(MediaConfig::default());
    let (here, there) = connect(&a.media, &b.media);
    a.wait("the first packet", |event| matches!(event, MediaEvent::FirstPacket { .. }).then_some(()));
    let held = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=inactive\r\n";
    let answer = a.media.accept_offer(here, held.as_bytes()).unwrap();
    assert!(answer.contains("a=inactive"), "{answer}");
    b.media.close(there);
    let sent = stats(&a.media, here).packets_sent;
    std::thread::sleep(Duration::from_millis(800));
    assert!(a.events.try_recv().is_err(), "nothing is missed on hold");
    assert!(stats(&a.media, here).packets_sent <= sent + 5, "nothing is sent on hold");
    a.media.accept_offer(here, held.replace("inactive", "sendrecv").as_bytes()).unwrap();
    let session = a.wait("no media", |event| match event {
        MediaEvent::NoMedia { session } => Some(*session),
        _ => None,
    });
    assert_eq!(session, here);
}

#[test]
fn what_is_malformed_or_foreign_is_counted_and_ignored() {
    let (a, b) = (plane(MediaConfig::default()), plane(MediaConfig::default()));
    let (from, to) = (a.media.open().unwrap(), b.media.open().unwrap());
    let offer = a.media.create_offer(from).unwrap();
    let answer = b.media.accept_offer(to, offer.as_bytes()).unwrap();
    a.media.accept_answer(from, answer.as_bytes()).unwrap();
    a.media.start(from);
    b.media.start(to);
    until("packets", || stats(&b.media, to).packets_received > 0);
    let port: u16 = answer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let intruder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut packet = [0x55_u8; 172];
    packet[..12].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9]);
    for datagram in [&b""[..], b"x", &[0; 12], &[0x80, 77, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1], &packet, &packet, &packet]
    {
        intruder.send_to(datagram, ("127.0.0.1", port)).unwrap();
    }
    until("the count", || {
        let now = stats(&b.media, to);
        now.malformed == 4 && now.foreign == 3
    });
    let received = stats(&b.media, to).packets_received;
    until("more of the peer's", || stats(&b.media, to).packets_received > received + 5);
}

#[test]
fn limits_and_closed_sessions_are_refused() {
    let small = plane(MediaConfig { max_sessions: 1, ..MediaConfig::default() });
    let session = small.media.open().unwrap();
    assert!(matches!(small.media.open(), Err(MediaError::Full(1))));
    small.media.close(session);
    assert!(small.media.stats(session).is_none());
    assert!(matches!(small.media.create_offer(session), Err(MediaError::NoSession)));
    assert_eq!(small.media.accept_offer(session, b""), Err(SdpError::NoSession));
    let silence = || PlaySource { clips: vec![Arc::new(Clip::silence(20))], repeat: false };
    assert!(!small.media.play(session, 1, silence()));
    let open = small.media.open().unwrap();
    assert!(small.media.play(open, 1, silence()));
    assert!(
        !small.media.bridge(open, session) && !small.media.bridge(session, open) && !small.media.bridge(open, open)
    );
}

#[test]
fn nothing_flows_before_the_start() {
    let config = MediaConfig { no_media_timeout: Duration::from_millis(200), ..MediaConfig::default() };
    let mut ours = plane(config);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(common::LIMIT)).unwrap();
    let port = peer.local_addr().unwrap().port();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    );
    let session = ours.media.open().unwrap();
    ours.media.accept_offer(session, offer.as_bytes()).unwrap();
    assert!(ours.media.play(session, 1, tone(440.0, 100, false)));
    let slots = ours.media.plane_stats().slots;
    until("half a second of the thread's time", || ours.media.plane_stats().slots >= slots + 100);
    assert_eq!(stats(&ours.media, session).packets_sent, 0);
    assert!(ours.events.try_recv().is_err(), "neither missed nor played");
    ours.media.start(session);
    let mut first = [0; 1_500];
    assert_eq!(peer.recv(&mut first).unwrap(), 172);
    assert_eq!(first[1], 0x80, "the marker is on the first");
    let mut told = Vec::new();
    ours.wait("the end of playing, and no media", |event| {
        told.push(event.clone());
        let played = told.iter().any(|one| matches!(one, MediaEvent::PlayFinished { play: 1, played_ms: 100, .. }));
        (played && told.contains(&MediaEvent::NoMedia { session })).then_some(())
    });
}
