use super::{Direction, Local, Negotiator, SdpError, read};
use crate::codec::Codec;
use proptest::prelude::*;

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n";

fn ours() -> Negotiator {
    Negotiator::new(Local { rtp: "198.51.100.1:20000".parse().unwrap(), id: 42 })
}

fn offer(streams: &str) -> Vec<u8> {
    format!("{HEAD}{streams}").into_bytes()
}

#[test]
fn an_offer_is_answered_with_its_first_common_codec_and_its_dtmf_type() {
    let table = [
        ("m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n", Codec::Pcmu, 0, Some(101)),
        ("m=audio 4000 RTP/AVP 8 0\r\n", Codec::Pcma, 8, None),
        (
            "m=audio 4000 RTP/AVP 9 111 8 96\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:96 TELEPHONE-EVENT/8000\r\n",
            Codec::Pcma,
            8,
            Some(96),
        ),
        ("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 pcmu/8000/1\r\n", Codec::Pcmu, 97, None),
        (
            "m=audio 4000 RTP/AVP 0 100 101\r\na=rtpmap:100 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000\r\n",
            Codec::Pcmu,
            0,
            Some(101),
        ),
    ];
    for (streams, codec, format, dtmf) in table {
        let (answer, agreed) = ours().answer(&read(&offer(streams)).unwrap()).unwrap();
        assert_eq!((agreed.codec, agreed.send_type, agreed.dtmf_send), (codec, format, dtmf), "{streams}");
        assert_eq!(agreed.remote, Some("192.0.2.7:4000".parse().unwrap()));
        assert_eq!(agreed.remote_rtcp, Some("192.0.2.7:4001".parse().unwrap()));
        let read_back = read(answer.as_bytes()).unwrap();
        assert_eq!(read_back.audio.codecs, [(format, codec)]);
        assert_eq!(read_back.audio.dtmf, dtmf);
    }
}

#[test]
fn what_shares_no_codec_is_refused() {
    let table = [
        "m=audio 4000 RTP/AVP 9\r\n",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=audio 4000 RTP/SAVP 0\r\n",
        "m=video 4000 RTP/AVP 0\r\n",
        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 opus/48000/2\r\n",
        "",
    ];
    for streams in table {
        assert_eq!(read(&offer(streams)).unwrap_err(), SdpError::NoCommonCodec, "{streams}");
    }
}

#[test]
fn other_streams_keep_their_place_with_port_0() {
    let streams =
        "m=video 5000 RTP/AVP 96 97\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 0\r\nm=image 6000 udptl t38\r\n";
    let (answer, _) = ours().answer(&read(&offer(streams)).unwrap()).unwrap();
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        ["m=video 0 RTP/AVP 96 97", "m=audio 20000 RTP/AVP 0", "m=audio 0 RTP/AVP 0", "m=image 0 udptl t38"]
    );
}

#[test]
fn directions_are_reversed_and_both_kinds_of_hold_are_understood() {
    let table = [
        ("", Direction::SendRecv),
        ("a=sendrecv\r\n", Direction::SendRecv),
        ("a=sendonly\r\n", Direction::RecvOnly),
        ("a=recvonly\r\n", Direction::SendOnly),
        ("a=inactive\r\n", Direction::Inactive),
        ("c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly),
        ("c=IN IP4 0.0.0.0\r\na=inactive\r\n", Direction::Inactive),
    ];
    for (lines, expected) in table {
        let (answer, agreed) =
            ours().answer(&read(&offer(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}"))).unwrap()).unwrap();
        assert_eq!(agreed.direction, expected, "{lines}");
        assert!(answer.contains(&format!("a={}\r\n", expected.name())), "{lines}");
        assert_eq!(agreed.remote.is_none(), lines.contains("0.0.0.0"));
    }
    let session_level = format!("{HEAD}a=sendonly\r\nm=audio 4000 RTP/AVP 0\r\n");
    assert_eq!(ours().answer(&read(session_level.as_bytes()).unwrap()).unwrap().1.direction, Direction::RecvOnly);
}

#[test]
fn the_version_grows_only_when_something_changed() {
    let version = |sdp: &str| sdp.lines().nth(1).unwrap().split(' ').nth(2).unwrap().to_owned();
    let mut negotiator = ours();
    let (plain, hold) = (offer("m=audio 4000 RTP/AVP 0\r\n"), offer("m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"));
    let versions: Vec<_> = [&plain, &plain, &hold, &hold, &plain]
        .into_iter()
        .map(|offer| version(&negotiator.answer(&read(offer).unwrap()).unwrap().0))
        .collect();
    assert_eq!(versions, ["1", "1", "2", "2", "3"]);
}

#[test]
fn our_offer_and_their_answer_agree() {
    let mut negotiator = ours();
    let answer = offer("m=audio 4000 RTP/AVP 8 99\r\na=rtpmap:99 telephone-event/8000\r\n");
    assert_eq!(negotiator.answered(&read(&answer).unwrap()), Err(SdpError::NotOffered));
    let ours = negotiator.offer();
    let read_back = read(ours.as_bytes()).unwrap();
    assert_eq!(read_back.audio.codecs, [(0, Codec::Pcmu), (8, Codec::Pcma)]);
    assert_eq!(read_back.audio.dtmf, Some(101));
    let agreed = negotiator.answered(&read(&answer).unwrap()).unwrap();
    assert_eq!((agreed.codec, agreed.dtmf_send, agreed.dtmf_receive), (Codec::Pcma, Some(99), Some(101)));
    negotiator.set_held(true);
    assert!(negotiator.offer().contains("a=sendonly"));
}

#[test]
fn rtcp_goes_where_it_is_asked_for_but_to_no_third_host() {
    let table = [
        ("a=rtcp:5005\r\n", Some("192.0.2.7:5005")),
        ("a=rtcp:5005 IN IP4 192.0.2.7\r\n", Some("192.0.2.7:5005")),
        ("a=rtcp:5005 IN IP4 203.0.113.9\r\n", None),
        ("a=rtcp-mux\r\n", Some("192.0.2.7:4000")),
    ];
    for (lines, expected) in table {
        let remote = read(&offer(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}"))).unwrap();
        assert_eq!(remote.audio.rtcp, expected.map(|address| address.parse().unwrap()), "{lines}");
        assert_eq!(ours().answer(&remote).unwrap().0.contains("a=rtcp-mux"), lines.contains("mux"));
    }
}

#[test]
fn hostile_descriptions_are_bounded() {
    let many = "a=x\r\n".repeat(300);
    assert_eq!(read(&offer(&many)).unwrap_err(), SdpError::TooLarge);
    assert_eq!(read(&vec![b'a'; 9_000]).unwrap_err(), SdpError::TooLarge);
    assert_eq!(read(&offer(&"m=audio 4000 RTP/AVP 0\r\n".repeat(17))).unwrap_err(), SdpError::TooLarge);
    for address in ["224.0.0.1", "255.255.255.255", "example.org", "ff02::1"] {
        let sdp = offer(&format!("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 {address}\r\n"));
        assert_eq!(read(&sdp).unwrap_err(), SdpError::NoAddress, "{address}");
    }
    assert!(matches!(read(b"hello"), Err(SdpError::Malformed(_))));
    assert!(read(b"").is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _outcome = read(&bytes);
    }

    #[test]
    fn every_answer_is_a_description_with_as_many_streams(
        streams in proptest::collection::vec("(m=(audio|video) (0|[1-9][0-9]{2,3}) RTP/S?AVP [0-9 ]{1,12}\r\n)(a=(sendonly|inactive|rtcp-mux|rtcp:[0-9]{1,5}|rtpmap:[0-9]{1,3} PCM[UA]/8000)\r\n){0,3}", 0..5)
    ) {
        if let Ok(remote) = read(&offer(&streams.concat())) {
            let (answer, agreed) = ours().answer(&remote).unwrap();
            prop_assert!(agreed.send_type < 128);
            let parsed = sdp_types::Session::parse(answer.as_bytes()).unwrap();
            prop_assert_eq!(parsed.medias.len(), streams.len());
        }
    }
}
