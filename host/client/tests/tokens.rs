//! Registries that want a token, and registries that want to have the credentials themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use cordboard_client::oci::{Credentials, Reference, Registry};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};

/// Answers each request with what `answers` says of its first line and whether it is authorized; tells what came.
fn server(
    answers: impl Fn(&str, Option<&str>, u16) -> String + Send + 'static,
) -> (u16, Receiver<(String, Option<String>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let authorization = head.iter().find_map(|line| line.strip_prefix("authorization: ")).map(str::to_owned);
            let answer = answers(&first, authorization.as_deref(), port);
            let _ = tell.send((first, authorization));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, told)
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn pulled(port: u16) -> String {
    let reference = Reference::read(&format!("oci://127.0.0.1:{port}/greeter:1")).unwrap();
    let registry = Registry::new(reference, Some(Credentials::new("ada", "secret")));
    registry.pull().unwrap_err().to_string()
}

#[test]
fn a_token_is_fetched_with_the_credentials_and_shown_instead_of_them() {
    let (port, told) = server(|first, authorization, port| match (first.split(' ').nth(1), authorization) {
        (Some(path), Some("Basic YWRhOnNlY3JldA==")) if path.starts_with("/token?") => {
            http("200 OK", "", "{\"token\": \"abc.def\"}")
        }
        (_, Some("Bearer abc.def")) => http("404 Not Found", "", "{}"),
        _ => {
            let realm = format!(
                "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"r s\",scope=\"repository:greeter:pull\""
            );
            http("401 Unauthorized", &format!("www-authenticate: {realm}\r\n"), "")
        }
    });
    assert!(pulled(port).contains("isn't there"));
    let asked: Vec<(String, Option<String>)> = told.try_iter().collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(asked[0], ("GET /v2/greeter/manifests/1 HTTP/1.1".into(), None));
    assert!(asked[1].0.starts_with("GET /token?scope=repository%3Agreeter%3Apull&service=r%20s "), "{asked:?}");
    assert_eq!(asked[2].1.as_deref(), Some("Bearer abc.def"));
}

#[test]
fn credentials_go_to_nobody_who_merely_asks_for_them() {
    let wants = |_: &str, _: Option<&str>, header: &str| {
        http("401 Unauthorized", &format!("www-authenticate: {header}\r\n"), "")
    };
    for (header, why) in [
        ("Bearer realm=\"http://192.0.2.1/token\"", "aren't safe"),
        ("Bearer realm=\"ftp://127.0.0.1/token\"", "aren't safe"),
        ("Negotiate", "in no way known"),
    ] {
        let (port, told) = server(move |first, authorization, _| wants(first, authorization, header));
        let said = pulled(port);
        assert!(said.contains(why), "{header}: {said}");
        assert!(told.try_iter().all(|(_, authorization)| authorization.is_none()));
    }
}

#[test]
fn a_redirected_blob_is_fetched_without_credentials() {
    const LAYER: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let (port, told) = server(|first, authorization, port| {
        let path = first.split(' ').nth(1).unwrap_or_default();
        let manifest = format!(
            "{{\"config\": {{\"mediaType\": \"application/vnd.wasm.config.v0+json\"}}, \"layers\": [{{\"mediaType\": \
             \"application/wasm\", \"digest\": \"{LAYER}\", \"size\": 5}}]}}"
        );
        match (path, authorization) {
            ("/elsewhere", None) => http("200 OK", "", "hello"),
            ("/elsewhere", Some(_)) => http("400 Bad Request", "", ""),
            (_, None) => http("401 Unauthorized", "www-authenticate: Basic\r\n", ""),
            ("/v2/greeter/manifests/1", _) => http("200 OK", "", &manifest),
            _ => http("307 Temporary Redirect", &format!("location: http://127.0.0.1:{port}/elsewhere\r\n"), ""),
        }
    });
    let reference = Reference::read(&format!("oci://127.0.0.1:{port}/greeter:1")).unwrap();
    let registry = Registry::new(reference, Some(Credentials::new("ada", "secret")));
    let (artefact, _) = registry.pull().unwrap();
    assert_eq!(artefact.component, b"hello");
    assert_eq!(told.try_iter().last().unwrap(), ("GET /elsewhere HTTP/1.1".into(), None));
}
