//! Servers that answer a flow's request slowly, wrongly, endlessly or not at all: an error of its kind each time, within
//! the time and the memory there is.

use crate::common::web::{Web, response};
use crate::common::{granted, version};
use crate::fetches::{Fetched, order, probe, rule};
use cordboard_core::flow::{FetchError, Method};
use cordboard_plugin::FetchOrder;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn hostile() -> Web {
    Web::start(|path| {
        Some(match path {
            "/most" => response("200 OK", &vec![b'x'; 128 << 10]),
            "/more" => response("200 OK", &vec![b'x'; (128 << 10) + 1]),
            "/much" => response("200 OK", &vec![b'x'; 8 << 20]),
            "/long-lie" => b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\nhalf".to_vec(),
            "/short-lie" => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhalf".to_vec(),
            "/two-lengths" => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\nhalf".to_vec(),
            "/negative" => b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhalf".to_vec(),
            "/chunks" => {
                let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
                format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", chunk.repeat(64)).into_bytes()
            }
            "/bad-chunk" => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx".to_vec(),
            "/gzip" => {
                let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n";
                [head.as_slice(), b"\x1f\x8b\x08\0"].concat()
            }
            "/headers" => {
                let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
                format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n").into_bytes()
            }
            "/long-header" => format!("HTTP/1.1 200 OK\r\nx-answer: {}\r\n\r\n", "y".repeat(1 << 20)).into_bytes(),
            "/wanted" => {
                let long = format!("x-answer: {}\r\n", "y".repeat(8 << 10));
                format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", long.repeat(3)).into_bytes()
            }
            "/continue" => {
                let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
                format!("{many}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").into_bytes()
            }
            "/redirect" => b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "/garbage" => b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
            "/nothing" => Vec::new(),
            "/half-head" => b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
            "/half-body" => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec(),
            path if path.starts_with("/hang") => return None,
            _ => response("404 Not Found", b""),
        })
    })
    .await
}

fn in_short(fetched: Fetched) -> String {
    match fetched {
        Ok(response) => format!("{} {}", response.status, response.body.len()),
        Err(FetchError::Unavailable(text)) => {
            assert!((1..=512).contains(&text.len()), "{text}");
            "unavailable".into()
        }
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn whatever_a_server_answers_has_a_name_and_whether_it_was_done_is_not_guessed() {
    let web = hostile().await;
    let (host, version) = probe(&web).await;
    let ask = async |method, path| in_short(host.fetch(version, order(method, web.port, path)).await);
    for (path, read, acted) in [
        ("/most", "200 131072", "200 131072"),
        ("/more", "TooLarge", "TooLarge"),
        ("/much", "TooLarge", "TooLarge"),
        ("/long-lie", "TooLarge", "TooLarge"),
        ("/short-lie", "200 2", "200 2"),
        ("/two-lengths", "unavailable", "UnknownOutcome"),
        ("/negative", "unavailable", "UnknownOutcome"),
        ("/chunks", "TooLarge", "TooLarge"),
        ("/bad-chunk", "unavailable", "UnknownOutcome"),
        ("/gzip", "200 4", "200 4"),
        ("/headers", "TooLarge", "TooLarge"),
        ("/long-header", "TooLarge", "TooLarge"),
        ("/wanted", "TooLarge", "TooLarge"),
        ("/continue", "200 0", "200 0"),
        ("/redirect", "302 0", "302 0"),
        ("/garbage", "unavailable", "UnknownOutcome"),
        ("/nothing", "unavailable", "UnknownOutcome"),
        ("/half-head", "unavailable", "UnknownOutcome"),
        ("/half-body", "unavailable", "UnknownOutcome"),
    ] {
        let before = web.requests();
        assert_eq!(ask(Method::Get, path).await, read, "GET {path}");
        assert_eq!(ask(Method::Post, path).await, acted, "POST {path}");
        assert_eq!(web.requests() - before, 2, "{path}: each is sent once");
    }
    // Nobody listens there: whatever it was, it was not done.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    host.grant(version, granted(&[rule(closed)])).unwrap();
    for method in [Method::Get, Method::Post] {
        assert_eq!(in_short(host.fetch(version, order(method, closed, "/")).await), "unavailable");
    }
}

#[tokio::test]
async fn a_server_that_takes_its_time_has_the_requests_time_and_no_more() {
    // Endless headers, an endless body, a byte at a time: each would be within every other bound for hours.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for begin in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"].into_iter().cycle() {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let heard = stream.read(&mut request).await;
                assert!(heard.is_ok());
                let mut sent = stream.write_all(begin.as_bytes()).await;
                while sent.is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    sent = stream.write_all(b"x").await;
                }
            });
        }
    });
    let web = hostile().await;
    let (host, version) = probe(&web).await;
    host.grant(version, granted(&[rule(port), rule(web.port)])).unwrap();
    let began = Instant::now();
    for (method, port, path) in [
        (Method::Get, port, "/headers"),
        (Method::Get, port, "/body"),
        (Method::Post, port, "/headers"),
        (Method::Post, port, "/body"),
        (Method::Get, web.port, "/hang"),
    ] {
        let order = FetchOrder { timeout: Duration::from_millis(300), ..order(method, port, path) };
        assert_eq!(host.fetch(version, order).await, Err(FetchError::Timeout), "{path}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_that_hangs_takes_the_turns_of_its_own_version_alone() {
    let web = hostile().await;
    let (host, hanging) = probe(&web).await;
    let other = version("other");
    let base = format!("http://127.0.0.1:{}", web.port);
    let config = [("base", base.as_str()), ("token", "x")];
    host.load(other, crate::common::spec_with_egress("probe-fetch", &config, &[rule(web.port)])).await.unwrap();
    let orders: Vec<_> = (0..64)
        .map(|_| {
            let (host, order) = (host.clone(), order(Method::Get, web.port, "/hang"));
            tokio::spawn(async move { host.fetch(hanging, order).await })
        })
        .collect();
    crate::common::until("all are under way", || web.requests() == 64).await;
    let ask = async |version| host.fetch(version, order(Method::Get, web.port, "/redirect")).await;
    assert_eq!(ask(hanging).await, Err(FetchError::Busy));
    assert_eq!(in_short(ask(other).await), "302 0");
    // Whoever waits no longer gives the turn back.
    orders.iter().for_each(tokio::task::JoinHandle::abort);
    let again = async {
        while ask(hanging).await == Err(FetchError::Busy) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::common::PATIENCE, again).await.expect("there is a turn again");
    assert!(host.loaded().iter().all(|loaded| loaded.live_instances <= 64));
}
