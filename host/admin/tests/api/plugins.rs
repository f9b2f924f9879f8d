//! Plugins, deployments and prompts.

use crate::client::{Answer, Server};
use cordboard_core::ids::Digest;
use hyper::Method;
use serde_json::json;

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
    let body =
        json!({ "plugin": digest, "config": { "bank": "http://127.0.0.1:9" }, "egress": ["http://127.0.0.1:9"] });
    let deployment = server.put("/v1/deployments/reception", body).await.good();
    assert_eq!(deployment["plugin"], digest);
    assert_eq!(deployment["version"].as_str().unwrap().len(), 64);
    assert_eq!(deployment["contacts"], json!({ deployment["version"].as_str().unwrap(): 2 }));
    assert_eq!(deployment["memory_mib"], json!(null));
    server.delete(&format!("/v1/plugins/{digest}")).await.refused(409, "in-use");
    assert_eq!(server.get("/v1/deployments").await.good()["deployments"][0], deployment);
    assert_eq!(server.get("/v1/deployments/reception").await.good(), deployment);
    server.get("/v1/deployments/other").await.refused(404, "not-found");
    assert_eq!(server.delete("/v1/deployments/reception").await.status, 204);
    assert_eq!(server.delete(&format!("/v1/plugins/{digest}")).await.status, 204);
    server.delete(&format!("/v1/plugins/{digest}")).await.refused(404, "not-found");
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
        ("egress", json!(vec!["http://a"; 33]), "out-of-bounds", "egress"),
        ("egress", json!(["http://a", "ftp://a"]), "invalid-egress", "egress[1]"),
        ("egress", json!(["http://user@a"]), "invalid-egress", "egress[0]"),
        ("egress", json!(["http://a/path"]), "invalid-egress", "egress[0]"),
        ("egress", json!(["http://"]), "invalid-egress", "egress[0]"),
        ("memory_mib", json!(0), "out-of-bounds", "memory_mib"),
        ("memory_mib", json!(4097), "out-of-bounds", "memory_mib"),
        ("step_cpu_ms", json!(60_001), "out-of-bounds", "step_cpu_ms"),
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
