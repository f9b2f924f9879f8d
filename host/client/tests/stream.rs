//! The live stream: where it breaks, it is taken up behind the last event.

use cordboard_client::{Client, ClientError, Token};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

#[test]
fn a_stream_is_asked_for_by_contact_behind_the_last_event() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\nid: 7\ndata: {\"n\": 1}\n\nid: 8\nda",
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 36\r\n\r\n{\"code\": \"no-token\", \"detail\": \"no\"}",
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            heads.push(lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>());
            stream.write_all(answer.as_bytes()).unwrap();
        }
        heads
    });
    let client = Client::new(&address, Token::new("a-token-of-the-test").unwrap()).unwrap();
    let mut events = client
        .stream("/v1/events", &[("type", Some("contact.asked")), ("contact", Some("C 1")), ("x", None)], None)
        .unwrap();
    let first = events.wait().unwrap().unwrap();
    assert_eq!(first.id.as_deref(), Some("7"));
    assert!(!matches!(events.wait(), Ok(Some(_))), "half an event is none");
    let again = client.stream("/v1/logs", &[], first.id.as_deref()).err().unwrap();
    assert!(matches!(&again, ClientError::Refused { problem, .. } if problem.status == 401), "{again}");
    let heads = asked.join().unwrap();
    assert_eq!(heads[0][0], "GET /v1/events?type=contact.asked&contact=C%201 HTTP/1.1");
    assert!(heads[0].contains(&"authorization: Bearer a-token-of-the-test".to_owned()), "{heads:?}");
    assert!(!heads[0].iter().any(|line| line.starts_with("last-event-id")));
    assert!(heads[1].contains(&"last-event-id: 7".to_owned()), "{heads:?}");
}
