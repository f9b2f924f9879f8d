//! Plugins, deployments and prompts.

use crate::client::{Answer, Server};
use cordboard_core::ids::Digest;
use hyper::Method;
use serde_json::{Value, json};

const WASM: [(&str, &str); 1] = [("content-type", "application/wasm")];
const COMPONENT: &str = "\0asm and more";

async fn upload(server: &Server, path: &str) -> Answer {
    server.ask(Method::POST, path, &WASM, COMPONENT).await
}

#[tokio::test]
async fn a_component_is_new_once() {
    let server = Server::start().await;
    let digest = Digest::of(COMPONENT.as_bytes()).to_string();
    let answer = upload(&server, "/v1/plugins?name=reception").await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), format!("/v1/plugins/{digest}"));
    let plugin = answer.json();
    assert_eq!(plugin["digest"], digest);
    assert_eq!(plugin["name"], "reception");
    assert_eq!(plugin["world"], "flow");
    assert_eq!(plugin["uploaded_at"], "2026-01-31T09:30:00.000000Z");
    assert_eq!(upload(&server, "/v1/plugins?name=again").await.status, 200);
    assert_eq!(server.get("/v1/plugins").await.good()["plugins"].as_array().unwrap().len(), 1);
    assert_eq!(server.get(&format!("/v1/plugins/{digest}")).await.good()["name"], "again");
    server.get(&format!("/v1/plugins/{}", "0".repeat(64))).await.refused(404, "not-found");
}

const MULTIPART: [(&str, &str); 1] = [("content-type", "multipart/form-data; boundary=xyz")];
const MANIFEST: &str = r#"{"manifest":1,"name":"crm","version":"1.0.0","world":"cordboard:flow@0.1.0"}"#;

fn in_parts(parts: &[(&str, &str)]) -> String {
    let part = |(name, body): &(&str, &str)| {
        format!("--xyz\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{body}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--xyz--\r\n"
}

#[tokio::test]
async fn a_component_comes_with_its_manifest_in_parts() {
    let server = Server::start().await;
    let post = |body: String| server.ask(Method::POST, "/v1/plugins", &MULTIPART, body);
    let answer = post(in_parts(&[("component", COMPONENT), ("manifest", MANIFEST), ("signature", "key")])).await;
    assert_eq!(answer.status, 201);
    let plugin = answer.json();
    assert_eq!((&plugin["name"], &plugin["manifest"]["version"]), (&json!("crm"), &json!("1.0.0")));
    assert_eq!(plugin["signed_by"], json!({ "name": "us", "key": "key" }));
    assert_eq!(post(in_parts(&[("manifest", MANIFEST), ("component", COMPONENT)])).await.status, 200);
    assert_eq!(upload(&server, "/v1/plugins").await.json()["manifest"], json!(null), "alone, it has none");
}

#[tokio::test]
async fn parts_are_bounded_known_and_come_once() {
    let server = Server::start().await;
    let post = |body: String| server.ask(Method::POST, "/v1/plugins", &MULTIPART, body);
    let huge = "x".repeat(70 << 10);
    let (component, manifest) = (("component", COMPONENT), ("manifest", MANIFEST));
    for (parts, status, code, field) in [
        (vec![component], 422, "missing-part", "manifest"),
        (vec![manifest], 422, "missing-part", "component"),
        (vec![], 422, "missing-part", "component"),
        (vec![component, manifest, manifest], 422, "duplicate-part", "manifest"),
        (vec![component, component, manifest], 422, "duplicate-part", "component"),
        (vec![component, manifest, ("grants", "{}")], 422, "unknown-part", "grants"),
        (vec![component, ("manifest", huge.as_str())], 413, "too-large", "manifest"),
        (vec![component, manifest, ("signature", &huge[..5000])], 413, "too-large", "signature"),
    ] {
        let answer = post(in_parts(&parts)).await;
        assert_eq!(answer.refused(status, code).field(), field);
    }
    post(in_parts(&[component, manifest])[..60].to_owned()).await.refused(400, "malformed-multipart");
    post("no parts at all".into()).await.refused(400, "malformed-multipart");
    let all = in_parts(&[component, manifest]);
    let no_boundary = [("content-type", "multipart/form-data")];
    server.ask(Method::POST, "/v1/plugins", &no_boundary, all.clone()).await.refused(400, "malformed-multipart");
    let named = server.ask(Method::POST, "/v1/plugins?name=x", &MULTIPART, all).await;
    assert_eq!(named.refused(422, "name-given-twice").field(), "name");
    let vast = in_parts(&[("component", &"x".repeat(4 << 20)), manifest]);
    post(vast).await.refused(413, "too-large");
    assert!(server.get("/v1/plugins").await.good()["plugins"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn grants_go_to_a_plugins_name() {
    let server = Server::start().await;
    let path = "/v1/plugins/crm/grants";
    let place = json!({ "host": "crm.example", "port": 8085 });
    server.put(path, json!({ "egress": [place] })).await.refused(404, "not-found");
    let parts = in_parts(&[("component", COMPONENT), ("manifest", MANIFEST)]);
    server.ask(Method::POST, "/v1/plugins", &MULTIPART, parts).await.good();
    server.get(path).await.refused(404, "not-found");
    let body = json!({ "egress": [place], "stored_values": { "keys": 5 }, "bounds": { "at_once": 2 } });
    let granted = server.put(path, body).await.good();
    let whole = json!({ "host": "crm.example", "port": 8085, "scheme": "http", "methods": ["GET"], "private": false });
    assert_eq!((&granted["plugin"], &granted["egress"][0]), (&json!("crm"), &whole));
    assert_eq!(granted["stored_values"], json!({ "keys": 5, "bytes": 16 << 20 }));
    assert_eq!((&granted["bounds"]["at_once"], &granted["bounds"]["timeout_ms"]), (&json!(2), &json!(null)));
    assert_eq!(server.get(path).await.good(), granted);
    assert_eq!(server.delete(path).await.status, 204);
    server.delete(path).await.refused(404, "not-found");
}

#[tokio::test]
async fn grants_have_bounds_and_a_digest_has_none() {
    let server = Server::start().await;
    let parts = in_parts(&[("component", COMPONENT), ("manifest", MANIFEST)]);
    server.ask(Method::POST, "/v1/plugins", &MULTIPART, parts).await.good();
    let place = json!({ "host": "a", "port": 1 });
    for (body, code, field) in [
        (json!({ "egress": vec![&place; 65] }), "out-of-bounds", "egress"),
        (json!({ "egress": [{ "host": "", "port": 1 }] }), "out-of-bounds", "egress[0].host"),
        (json!({ "egress": [{ "host": "a", "port": 0 }] }), "out-of-bounds", "egress[0].port"),
        (json!({ "egress": [{ "host": "a", "port": 1, "methods": [] }] }), "out-of-bounds", "egress[0].methods"),
        (json!({ "egress": [{ "host": "a" }] }), "invalid-body", "egress[0]"),
        (json!({ "egress": [{ "host": "a", "port": 1, "scheme": "ftp" }] }), "invalid-body", "egress[0].scheme"),
        (json!({ "egress": [{ "host": "a", "port": 1, "path": "/" }] }), "unknown-key", "egress[0].path"),
        (json!({ "stored_values": { "keys": 0 } }), "out-of-bounds", "stored_values.keys"),
        (json!({ "bounds": { "at_once": 65 } }), "out-of-bounds", "bounds.at_once"),
        (json!({ "bounds": { "timeout_ms": 0 } }), "out-of-bounds", "bounds.timeout_ms"),
        (json!({ "capabilities": [] }), "unknown-key", "capabilities"),
    ] {
        let answer = server.put("/v1/plugins/crm/grants", body.clone()).await;
        assert_eq!(answer.refused(422, code).field(), field, "{body}");
    }
    let digest = Digest::of(COMPONENT.as_bytes());
    server.put(&format!("/v1/plugins/{digest}/grants"), json!({})).await.refused(422, "invalid-name");
    server.get("/v1/plugins/a%20b/grants").await.refused(422, "invalid-name");
    server.get("/v1/plugins/crm").await.refused(422, "invalid-name");
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    let server = Server::start().await;
    server.ask(Method::POST, "/v1/plugins", &WASM, "#!/bin/sh").await.refused(422, "not-a-component");
    server.ask(Method::POST, "/v1/plugins", &WASM, "").await.refused(422, "not-a-component");
    upload(&server, "/v1/plugins?nom=x").await.refused(422, "unknown-parameter");
    let answer = upload(&server, &format!("/v1/plugins?name={}", "x".repeat(129))).await;
    assert_eq!(answer.refused(422, "out-of-bounds").field(), "name");
    upload(&server, "/v1/plugins?name=a%0Ab").await.refused(422, "out-of-bounds");
}

#[tokio::test]
async fn a_plugin_that_serves_stays() {
    let server = Server::start().await;
    let digest = Digest::of(COMPONENT.as_bytes()).to_string();
    upload(&server, "/v1/plugins").await;
    let body = json!({ "plugin": digest, "config": { "bank": "http://127.0.0.1:9" } });
    let deployment = server.put("/v1/deployments/reception", body).await.good();
    assert_eq!(deployment["plugin"], digest);
    assert_eq!(deployment["version"].as_str().unwrap().len(), 64);
    assert_eq!(deployment["contacts"], json!({ deployment["version"].as_str().unwrap(): 2 }));
    let limits = [&deployment["limits"], &deployment["limits_in_force"]];
    assert_eq!((&limits[0]["max_calls"], &limits[1]["max_calls"]), (&json!(null), &json!(10_000)));
    assert!(limits.iter().all(|limits| limits.as_object().unwrap().len() == 12), "{deployment}");
    let missing = json!([{ "capability": "egress", "detail": "GET http://*:*", "reason": "It asks." }]);
    assert_eq!(deployment["missing_grants"], missing);
    server.delete(&format!("/v1/plugins/{digest}")).await.refused(409, "in-use");
    assert_eq!(server.get("/v1/deployments").await.good()["deployments"][0], deployment);
    assert_eq!(server.get("/v1/deployments/reception").await.good(), deployment);
    server.get("/v1/deployments/other").await.refused(404, "not-found");
    let roll_back = |tag: &'static str| {
        let path = "/v1/deployments/reception/rollback";
        let server = &server;
        async move { server.ask(Method::POST, path, &[("if-match", tag)], "").await }
    };
    roll_back("\"9\"").await.refused(412, "precondition-failed");
    assert_eq!(roll_back("\"1\"").await.good()["config"], json!({}));
    roll_back("\"2\"").await.refused(409, "no-predecessor");
    assert_eq!(server.delete("/v1/deployments/reception").await.status, 204);
    assert_eq!(server.delete(&format!("/v1/plugins/{digest}")).await.status, 204);
    server.delete(&format!("/v1/plugins/{digest}")).await.refused(404, "not-found");
}

#[tokio::test]
async fn a_history_says_who_did_what_and_why_and_leads_back() {
    let server = Server::start().await;
    upload(&server, "/v1/plugins").await;
    let digest = Digest::of(COMPONENT.as_bytes()).to_string();
    let (path, json_type) = ("/v1/deployments/reception", ("content-type", "application/json"));
    server.get(&format!("{path}/history")).await.refused(404, "not-found");
    let put = |operator: &'static str, query: &'static str, config: Value| {
        let (server, headers) = (&server, [json_type, ("cordboard-operator", operator)]);
        let body = json!({ "plugin": digest, "config": config }).to_string();
        async move { server.ask(Method::PUT, &format!("{path}{query}"), &headers, body).await }
    };
    put("ann", "?reason=A%20first%20try", json!({ "a": "1" })).await.good();
    let second = put("ben@example.net", "", json!({ "a": "2" })).await.good();
    for operator in ["cordboard", "a b", "\u{e4}", &"x".repeat(65), ""] {
        let headers = [json_type, ("cordboard-operator", operator)];
        let answer = server.ask(Method::PUT, path, &headers, json!({ "plugin": digest }).to_string()).await;
        assert_eq!(answer.refused(400, "invalid-operator").field(), "Cordboard-Operator", "{operator}");
    }
    put("ann", "?reason=", json!({})).await.refused(422, "out-of-bounds");
    put("ann", "?reason=a%0Ab", json!({})).await.refused(422, "out-of-bounds");
    put("ann", "?because=x", json!({})).await.refused(422, "unknown-parameter");

    let roll_back = |body: Value| {
        let server = &server;
        async move { server.ask(Method::POST, &format!("{path}/rollback"), &[json_type], body.to_string()).await }
    };
    roll_back(json!({ "to": 99 })).await.refused(409, "no-step");
    roll_back(json!({ "to": "1" })).await.refused(422, "invalid-body");
    roll_back(json!({ "step": 1 })).await.refused(422, "unknown-key");
    roll_back(json!({ "reason": "x".repeat(1_001) })).await.refused(422, "out-of-bounds");
    assert_eq!(roll_back(json!({ "to": 1, "reason": "it was better" })).await.good()["config"], json!({ "a": "1" }));
    assert_eq!(server.delete(&format!("{path}?reason=enough")).await.status, 204);

    let history = server.get(&format!("{path}/history")).await.good();
    let told = |pointer: &str| -> Vec<Value> {
        history["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step.pointer(pointer).cloned().unwrap_or_default())
            .collect()
    };
    assert_eq!(told("/number"), [4, 3, 2, 1]);
    assert_eq!(told("/kind"), ["deleted", "deployed", "deployed", "deployed"]);
    assert_eq!(told("/by"), ["unnamed", "unnamed", "ben@example.net", "ann"]);
    assert_eq!(told("/why"), [json!("enough"), json!("it was better"), Value::Null, json!("A first try")]);
    assert_eq!(told("/state/config"), [Value::Null, json!({ "a": "1" }), json!({ "a": "2" }), json!({ "a": "1" })]);
    assert_eq!((&history["steps"][2]["to"], &history["steps"][0]["to"]), (&second["version"], &Value::Null));
    assert_eq!(history["steps"][0]["figures"], json!({ "calls": 3 }));
    assert_eq!((&history["before"], &history["altered"]), (&Value::Null, &json!([])));
    let page = server.get(&format!("{path}/history?limit=2&before=4")).await.good();
    assert_eq!((page["steps"].as_array().unwrap().len(), &page["before"]), (2, &json!(2)));
    server.get(&format!("{path}/history?limit=101")).await.refused(422, "out-of-bounds");
    server.get(&format!("{path}/history?before=x")).await.refused(422, "invalid-query");
}

#[tokio::test]
async fn deployments_have_bounds() {
    let server = Server::start().await;
    upload(&server, "/v1/plugins").await;
    let digest = Digest::of(COMPONENT.as_bytes()).to_string();
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("k{n}"), json!("v"))).collect();
    for (name, value, code, field) in [
        ("plugin", json!("abc"), "invalid-name", "plugin"),
        ("plugin", json!("0".repeat(64)), "unknown-plugin", ""),
        ("config", json!(many), "out-of-bounds", "config"),
        ("config", json!({ "key": "x".repeat(8193) }), "out-of-bounds", "config.key"),
        ("config", json!({ "": "x" }), "out-of-bounds", "config"),
        ("config", json!({ "key": 1 }), "invalid-body", "config.key"),
        ("egress", json!(["http://a"]), "unknown-key", "egress"),
        ("limits", json!({ "memory_mib": 0 }), "out-of-bounds", "limits.memory_mib"),
        ("limits", json!({ "memory_mib": 4097 }), "out-of-bounds", "limits.memory_mib"),
        ("limits", json!({ "step_cpu_ms": 60_001 }), "out-of-bounds", "limits.step_cpu_ms"),
        ("limits", json!({ "max_tables": 41, "max_calls": 5 }), "out-of-bounds", "limits.max_tables"),
        ("limits", json!({ "max_calls": -1 }), "invalid-body", "limits.max_calls"),
        ("limits", json!({ "max_calls": "5" }), "invalid-body", "limits.max_calls"),
        ("limits", json!([]), "invalid-body", "limits"),
        ("limits", json!({ "root": 1 }), "unknown-key", "root"),
        ("grants", json!([]), "unknown-key", "grants"),
    ] {
        let mut body = json!({ "plugin": digest });
        body[name] = value;
        let answer = server.put("/v1/deployments/reception", body.clone()).await;
        answer.refused(422, code);
        assert_eq!(answer.field(), field, "{body}");
    }
    server.put("/v1/deployments/reception", json!({})).await.refused(422, "invalid-body");
}

#[tokio::test]
async fn prompts_come_and_go() {
    let server = Server::start().await;
    let wav = [("content-type", "audio/wav")];
    let answer = server.ask(Method::PUT, "/v1/prompts/hello?phrase=Hello%20there", &wav, "RIFF....").await;
    assert_eq!(answer.good()["phrase"], "Hello there");
    let prompts = server.get("/v1/prompts").await.good();
    assert_eq!(prompts["prompts"].as_array().unwrap().len(), 2);
    server.ask(Method::PUT, "/v1/prompts/hello", &wav, "MP3").await.refused(422, "not-a-wav");
    server.ask(Method::PUT, "/v1/prompts/hello?phrase=", &wav, "RIFF").await.refused(422, "out-of-bounds");
    assert_eq!(server.delete("/v1/prompts/hello").await.status, 204);
    server.delete("/v1/prompts/hello").await.refused(404, "not-found");
    server.delete("/v1/prompts/ring").await.refused(409, "not-now");
}
