//! One source, one sequence, one timestamp: whatever a session does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{connect, plane, tone};
use cordboard_media::MediaConfig;
use std::net::UdpSocket;
use std::time::Duration;

#[test]
fn sequence_and_timestamp_never_jump() {
    let ours = plane(MediaConfig { threads: 2, ..MediaConfig::default() });
    let peer = plane(MediaConfig::default());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let port = socket.local_addr().unwrap().port();
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    );
    let session = ours.media.open().unwrap();
    ours.media.accept_offer(session, offer.as_bytes()).unwrap();
    ours.media.start(session);
    let (other, _) = connect(&ours.media, &peer.media);
    let mut before: Option<(u16, u32, u32)> = None;
    let mut frames = 0;
    let mut types = std::collections::BTreeSet::new();
    for packet in 0..120 {
        match packet {
            10 => assert!(ours.media.play(session, 1, tone(440.0, 100, true))),
            25 => assert!(ours.media.bridge(session, other)),
            40 => ours.media.stop(session),
            50 => drop(ours.media.accept_offer(session, offer.as_bytes()).unwrap()),
            60 => ours.media.send_digits(session, "12", 60, 60),
            90 => ours.media.unbridge(other),
            100 => drop(ours.media.create_offer(session).unwrap()),
            _ => {}
        }
        let mut buffer = [0; 1_500];
        let (length, _) = socket.recv_from(&mut buffer).unwrap();
        let sequence = u16::from_be_bytes(buffer[2..4].try_into().unwrap());
        let timestamp = u32::from_be_bytes(buffer[4..8].try_into().unwrap());
        let ssrc = u32::from_be_bytes(buffer[8..12].try_into().unwrap());
        let kind = buffer[1] & 0x7f;
        types.insert(kind);
        if let Some((sequence_before, timestamp_before, ssrc_before)) = before {
            assert_eq!(sequence, sequence_before.wrapping_add(1), "packet {packet}");
            assert_eq!(ssrc, ssrc_before, "packet {packet}");
            frames += 1;
            if kind == 8 {
                assert_eq!(timestamp, timestamp_before.wrapping_add(frames * 160), "packet {packet}");
            }
        }
        if kind == 8 {
            assert_eq!(length, 172);
            frames = 0;
            before = Some((sequence, timestamp, ssrc));
        } else {
            let (_, timestamp_before, ssrc_before) = before.unwrap();
            before = Some((sequence, timestamp_before, ssrc_before));
        }
    }
    assert_eq!(types.into_iter().collect::<Vec<_>>(), [8, 101]);
}
