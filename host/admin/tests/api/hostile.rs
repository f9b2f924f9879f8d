//! Bodies, names and requests that nobody means well with.

use crate::client::{MAX_UPLOAD_BYTES, Server};
use bytes::Bytes;
use hyper::Method;
use proptest::prelude::*;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const QUEUE: &str = "/v1/queues/support";

#[tokio::test]
async fn what_is_no_json_is_refused_with_its_place() {
    let server = Server::start().await;
    for (body, line, column) in
        [("", 1, 0), ("{", 1, 1), ("{\n  \"skills\": [,]\n}", 2, 14), ("{} {}", 1, 4), ("nope", 1, 2)]
    {
        let answer = server.put_text(QUEUE, body).await;
        answer.refused(400, "malformed-json");
        let json = answer.json();
        assert_eq!((&json["line"], &json["column"]), (&json!(line), &json!(column)), "{body}: {json}");
    }
    let deep = "[".repeat(200_000);
    server.put_text(QUEUE, &deep).await.refused(422, "invalid-body");
    for member in ["skills", "unknown"] {
        let deep = format!("{{\"{member}\": {}", "[".repeat(50_000));
        let answer = server.put_text(QUEUE, &deep).await;
        assert!(matches!(answer.status, 400 | 422), "{answer:?}");
    }
    let headers = [("content-type", "application/json")];
    let body = b"{\"scorer\": \"\xff\xfe\"}".as_slice();
    server.ask(Method::PUT, QUEUE, &headers, body).await.refused(400, "malformed-json");
    server.put_text(QUEUE, "{\"offer_timeout_ms\": 1e999}").await.refused(400, "malformed-json");
}

#[tokio::test]
async fn what_is_not_wanted_is_refused_with_its_name() {
    let server = Server::start().await;
    for (body, code, field) in [
        (json!({ "skils": [] }), "unknown-key", "skils"),
        (json!({ "skills": [{ "name": "a", "min_level": 1, "max": 2 }] }), "unknown-key", "skills[0].max"),
        (json!({ "skills": "all" }), "invalid-body", "skills"),
        (json!({ "skills": [{ "name": "a", "min_level": -1 }] }), "invalid-body", "skills[0].min_level"),
        (json!({ "skills": [{ "name": "a", "min_level": 256 }] }), "invalid-body", "skills[0].min_level"),
        (json!({ "skills": [{ "name": "a" }] }), "invalid-body", "skills[0]"),
        (json!({ "max_waiting": 1.5 }), "invalid-body", "max_waiting"),
        (json!({ "max_waiting": null }), "invalid-body", "max_waiting"),
        (json!([]), "invalid-body", ""),
        (json!("x"), "invalid-body", ""),
        (json!({ "skills": [["a", 1]] }), "invalid-body", "skills[0]"),
    ] {
        let answer = server.put(QUEUE, body.clone()).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field, "{body}: {}", answer.json());
    }
    let twice = "{\"max_waiting\": 1, \"max_waiting\": 2}";
    server.put_text(QUEUE, twice).await.refused(422, "invalid-body");
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused_politely() {
    let server = Server::start().await;
    let large = format!("{{\"scorer\": \"{}\"}}", "x".repeat(2 << 20));
    server.put_text(QUEUE, &large).await.refused(413, "too-large");
    let component = Bytes::from(vec![0; MAX_UPLOAD_BYTES + 1]);
    let headers = [("content-type", "application/wasm")];
    server.ask(Method::POST, "/v1/plugins", &headers, component).await.refused(413, "too-large");
    assert!(server.centre.state.lock().unwrap().plugins.is_empty());
}

#[tokio::test]
async fn a_body_that_claims_too_much_is_refused_before_it_comes() {
    let server = Server::start().await;
    let head = format!(
        "POST /v1/plugins HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        crate::client::TOKEN,
        u64::MAX / 4
    );
    let answer = raw(&server, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_chunked_body_has_the_same_limit() {
    let server = Server::start().await;
    let mut request = format!(
        "PUT {QUEUE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        crate::client::TOKEN,
    )
    .into_bytes();
    for _ in 0..40 {
        request.extend_from_slice(b"10000\r\n");
        request.extend(std::iter::repeat_n(b' ', 0x10000));
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(&server, &request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn media_types_are_checked() {
    let server = Server::start().await;
    for (path, method, kind) in [
        (QUEUE, Method::PUT, "text/plain"),
        (QUEUE, Method::PUT, "application/x-www-form-urlencoded"),
        ("/v1/plugins", Method::POST, "application/json"),
        ("/v1/prompts/hello", Method::PUT, "audio/mpeg"),
    ] {
        let answer = server.ask(method, path, &[("content-type", kind)], "{}").await;
        answer.refused(415, "unsupported-media-type");
    }
    let charset = [("content-type", "application/JSON; charset=utf-8")];
    assert_eq!(server.ask(Method::PUT, QUEUE, &charset, "{}").await.status, 200);
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let server = Server::start().await;
    let long = "x".repeat(65);
    for name in ["..", "%2e%2e%2f%2e%2e%2fetc", "a%2Fb", "a%00", "%20", ".hidden", "a%0Ab", "%C3%A4", &long] {
        for kind in ["queues", "agents", "deployments", "entry-points", "trunks", "plugins", "contacts"] {
            let answer = server.get(&format!("/v1/{kind}/{name}")).await;
            answer.refused(422, "invalid-name");
        }
        server.delete(&format!("/v1/prompts/{name}x%2f")).await.refused(422, "invalid-name");
    }
    server.get("/v1/queues/%ff%fe").await.refused(400, "invalid-path");
}

#[tokio::test]
async fn what_is_no_http_ends_alone() {
    let server = Server::start().await;
    for request in [
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(200_000)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "X-Y: z\r\n".repeat(1000)),
    ] {
        let answer = raw(&server, request.as_bytes()).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert_eq!(server.get("/v1/queues").await.status, 200);
}

/// Sends bytes and reads until the other side closes or has answered with a head.
async fn raw(server: &Server, request: &[u8]) -> String {
    let socket = TcpStream::connect(server.address).await.unwrap();
    let (mut from, mut to) = socket.into_split();
    let writing = async move {
        // The other side may close before all is sent.
        let _ = to.write_all(request).await;
        to
    };
    let reading = async move {
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut part).await {
            answer.extend_from_slice(&part[..read]);
            if answer.windows(4).any(|end| end == b"\r\n\r\n") {
                break;
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    let (_to, answer) = tokio::join!(writing, reading);
    answer
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Each case sends many bodies to one server: starting one is what takes the time.
    #[test]
    fn no_body_is_our_fault(bodies in prop::collection::vec(body(), 24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            for body in bodies {
                for path in [QUEUE, "/v1/agents/bob", "/v1/settings", "/v1/trunks/t", "/v1/agents/bob/state"] {
                    let answer = server.put_text(path, &body).await;
                    assert!(answer.status < 500, "{path}: {body}: {answer:?}");
                }
            }
        });
    }
}

/// What an upload in parts is made of, in any order.
const PIECES: [&[u8]; 19] = [
    b"--xyz",
    b"--xyz\r\n",
    b"--xyz--\r\n",
    b"--xyz\r\ncontent-disposition: form-data; name=\"component\"\r\n\r\n\0asm and more\r\n",
    b"--xyz\r\ncontent-disposition: form-data; name=\"manifest\"\r\n\r\n{\"manifest\":1}\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"content-disposition: form-data; name=\"component\"",
    b"content-disposition: form-data; name=\"signature\"; filename=\"../../x\"",
    b"content-disposition: form-data; name*=utf-8''%ff%00",
    b"content-disposition: attachment",
    b"content-type: application/wasm",
    b"content-length: 99999999999999999999",
    b"content-transfer-encoding: base64",
    b"x: y",
    b"\0asm and more",
    b"\xff\xfe\0",
    &[b'x'; 5000],
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// The form of an upload; what its parts hold has a fuzzer of its own.
    #[test]
    fn no_upload_is_our_fault(
        bodies in prop::collection::vec(prop::collection::vec(prop::sample::select(&PIECES[..]), 0..16), 48),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            for pieces in bodies {
                let headers = [("content-type", "multipart/form-data; boundary=xyz")];
                let body = pieces.concat();
                let answer = server.ask(Method::POST, "/v1/plugins", &headers, body.clone()).await;
                assert!(answer.status < 500, "{}: {answer:?}", body.escape_ascii());
            }
        });
    }
}

/// JSON with the members that are known, and values that are not.
fn body() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        "\\PC{0,12}".prop_map(|value| json!(value)),
    ];
    let value = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4).prop_map(|members| json!(members)),
        ]
    });
    let key = prop::sample::select(vec![
        "skills",
        "scorer",
        "max_waiting",
        "name",
        "attributes",
        "queues",
        "password",
        "peers",
        "state",
        "reason",
        "emergency_numbers",
        "max_contacts",
        "auto_ready",
    ]);
    prop::collection::btree_map(key, value, 0..5).prop_map(|members| json!(members).to_string())
}
