//! Plugins as their authors and operators handle them: manifests, signatures, grants, and the worlds nothing asks yet.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, RECEPTION, Wire, binary, plugin};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

fn code(answer: std::result::Result<Value, cordboard_trial::Problem>) -> String {
    answer.map_or_else(|problem| problem.code().to_owned(), |answer| answer.to_string())
}

fn manifest(name: &str, world: &str, more: Value) -> Vec<u8> {
    let mut manifest = json!({ "manifest": 1, "name": name, "version": "1.0.0", "world": world });
    if let (Some(manifest), Value::Object(more)) = (manifest.as_object_mut(), more) {
        manifest.extend(more);
    }
    manifest.to_string().into_bytes()
}

#[test]
fn a_manifest_is_held_against_its_component_and_a_configuration_against_the_manifest() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let component = std::fs::read(plugin("http-crm")?)?;
    let upload = |manifest: &[u8]| centre.api.try_upload(&[("component", &component), ("manifest", manifest)]);
    let crm = "cordboard:crm@0.1.0";
    for (bad, expected) in [
        (b"name = 1".to_vec(), "malformed-manifest"),
        (b"\xff".to_vec(), "malformed-manifest"),
        (manifest("a", crm, json!({ "manifest": 2 })), "newer-manifest"),
        (manifest("a", crm, json!({ "root": true })), "malformed-manifest"),
        (manifest("A b", crm, json!({})), "invalid-manifest"),
        (manifest("a", "cordboard:flow@0.1.0", json!({})), "manifest-mismatch"),
    ] {
        let got = code(upload(&bad)?);
        ensure!(got == expected, "{got}, expected {expected}");
    }
    let digest = centre.api.upload("http-crm")?;
    let kept = centre.api.get(&format!("/v1/plugins/{digest}"))?;
    ensure!(kept["name"] == "http-crm" && kept["manifest"]["wants"][0]["capability"] == "egress", "{kept}");
    ensure!(kept["signed_by"] == Value::Null, "{kept}");
    let deploy =
        |config: Value| centre.api.try_put("/v1/deployments/bank", &json!({ "plugin": digest, "config": config }));
    for config in [json!({}), json!({ "base-url": "http://a:1", "": "x" })] {
        let got = code(deploy(config)?);
        ensure!(got == "invalid-config" || got == "out-of-bounds", "{got}");
    }
    let first = deploy(json!({ "base-url": "http://a:1" }))?.ok().context("it is deployed")?;
    // Another manifest counts for the next deployment, and makes another version of the same component.
    let changed = manifest("http-crm", crm, json!({ "other_config": true }));
    ensure!(upload(&changed)?.is_ok(), "the same component");
    ensure!(centre.api.get("/v1/deployments/bank")?["version"] == first["version"], "what is deployed stays");
    let second = deploy(json!({ "base-url": "http://a:1" }))?.ok().context("it is deployed")?;
    ensure!(first["version"] != second["version"], "rule 1: the manifest is part of the version");
    Ok(())
}

#[test]
fn missing_grants_are_told_and_granting_to_nobody_is_refused() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let api = &centre.api;
    let place = json!({ "egress": [{ "host": "127.0.0.1", "port": 9 }] });
    ensure!(code(api.try_put("/v1/plugins/http-crm/grants", &place)?) == "not-found", "nobody has that name");
    let digest = api.upload("http-crm")?;
    let body = json!({ "plugin": digest, "config": { "base-url": "http://127.0.0.1:9" } });
    let deployed = api.put("/v1/deployments/bank", body)?;
    ensure!(deployed["missing_grants"][0]["detail"] == "GET http(s)://*:*", "{deployed}");
    let granted = api.put("/v1/plugins/http-crm/grants", place)?;
    let after = api.get("/v1/deployments/bank")?;
    ensure!(after["missing_grants"] == json!([]) && after["version"] == deployed["version"], "{after}");
    let connect = json!({ "egress": [{ "host": "a", "port": 80, "methods": ["CONNECT"] }] });
    ensure!(code(api.try_put("/v1/plugins/http-crm/grants", &connect)?) == "invalid-egress", "no tunnels");
    ensure!(api.get("/v1/plugins/http-crm/grants")? == granted, "a refusal changes nothing");

    let centre = centre.restart()?;
    ensure!(centre.api.get("/v1/plugins/http-crm/grants")? == granted, "it survives");
    ensure!(centre.api.get("/v1/deployments/bank")?["missing_grants"] == json!([]), "and holds");
    ensure!(centre.api.try_delete("/v1/plugins/http-crm/grants")?.is_ok(), "taken back");
    ensure!(centre.api.get("/v1/deployments/bank")?["missing_grants"] != json!([]), "and told again");
    Ok(())
}

fn cordboard(arguments: &[&Path]) -> Result<String> {
    let done = Command::new(binary("cordboard")?).args(arguments).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?.trim().to_owned())
}

#[test]
fn where_unsigned_plugins_are_denied_only_those_of_trusted_keys_are_taken() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let path = |name: &str| folder.path().join(name);
    let (ours, theirs) = (path("ours"), path("theirs"));
    let public = cordboard(&["plugin".as_ref(), "keygen".as_ref(), &ours])?;
    cordboard(&["plugin".as_ref(), "keygen".as_ref(), &theirs])?;
    ensure!(cordboard(&["plugin".as_ref(), "keygen".as_ref(), &ours]).is_err(), "a key is not overwritten");
    let config = format!("[plugins]\nunsigned = \"deny\"\ntrusted_keys = {{ us = \"{public}\" }}\n");
    let centre = Centre::start(HostOptions { config, ..HostOptions::default() })?;
    let (file, beside) = (plugin("skills-scorer")?, plugin("skills-scorer")?.with_extension("json"));
    let (component, manifest) = (std::fs::read(&file)?, std::fs::read(&beside)?);
    let sign = |key: &Path| cordboard(&["plugin".as_ref(), "sign".as_ref(), "--key".as_ref(), key, &file, &beside]);
    let upload = |manifest: &[u8], signature: Option<&str>| {
        let signature = signature.map(|signature| ("signature", signature.as_bytes()));
        let parts: Vec<_> =
            [("component", component.as_slice()), ("manifest", manifest)].into_iter().chain(signature).collect();
        centre.api.try_upload(&parts)
    };
    let good = sign(&ours)?;
    let other = [manifest.as_slice(), b" "].concat();
    for (manifest, signature, expected) in [
        (&manifest, None, "unsigned"),
        (&manifest, Some(sign(&theirs)?), "untrusted-key"),
        (&other, Some(good.clone()), "wrong-signature"),
        (&manifest, Some("{}".into()), "malformed-signature"),
    ] {
        let got = code(upload(manifest, signature.as_deref())?);
        ensure!(got == expected, "{got}, expected {expected}");
    }
    let alone = centre.api.try_post("/v1/plugins", "application/wasm", &component)?;
    ensure!(code(alone) == "unsigned", "nor a component alone");
    let taken = upload(&manifest, Some(&good))?.ok().context("signed by us")?;
    ensure!(taken["signed_by"] == json!({ "name": "us", "key": public }), "{taken}");
    Ok(())
}

#[test]
fn stored_values_need_both_keys_and_outlive_call_and_restart() -> Result<()> {
    let centre = Centre::ready()?;
    let component = std::fs::read(plugin("probe-flow")?)?;
    let wants = json!([{ "capability": "stored-values", "keys": 10, "bytes": 1000, "reason": "Counts calls." }]);
    let manifest = manifest("counter", "cordboard:flow@0.1.0", json!({ "wants": wants, "other_config": true }));
    let parts = [("component", component.as_slice()), ("manifest", manifest.as_slice())];
    let uploaded = centre.api.try_upload(&parts)?.ok().context("it is taken")?;
    centre.api.deploy("counter", uploaded["digest"].as_str().unwrap_or_default(), json!({}), &[])?;
    centre.entry_point("counter", &["values"], "counter")?;

    let first = told(&centre)?;
    ensure!(first("loaded") == "Err(ValueError::NotGranted)", "{}", first("loaded"));
    let quota = json!({ "stored_values": { "keys": 10, "bytes": 1000 } });
    centre.api.put("/v1/plugins/counter/grants", quota)?;
    let second = told(&centre)?;
    ensure!(second("loaded") == "Ok(None)" && second("stored") == "Ok(())", "{}", second("stored"));
    ensure!(second("large") == "Err(ValueError::Quota)", "{}", second("large"));
    ensure!(second("removed") == "Ok(())", "{}", second("removed"));
    ensure!(told(&centre)?("loaded") == r#"Ok(Some("1"))"#, "kept from call to call");
    let centre = centre.restart()?;
    ensure!(told(&centre)?("loaded") == r#"Ok(Some("2"))"#, "and over a restart");
    ensure!(centre.api.try_delete("/v1/plugins/counter/grants")?.is_ok(), "taken back");
    ensure!(told(&centre)?("loaded") == "Err(ValueError::NotGranted)", "from the next use on");
    Ok(())
}

/// What the counting flow reports in a call, by name.
fn told(centre: &Centre) -> Result<impl Fn(&str) -> String + use<>> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let _call = wire.call("values")?;
    let contact = events.call_of("+15550001", SOON)?;
    // The record is kept after the last frame of the journal.
    centre.record(&contact)?;
    let journal = centre.journal(&contact)?;
    Ok(move |name: &str| {
        let entry = journal.iter().find(|entry| entry.pointer("/args/name").is_some_and(|given| given == name));
        let value = entry.and_then(|entry| entry.pointer("/args/value")).and_then(Value::as_str);
        value.unwrap_or("nothing").to_owned()
    })
}

#[test]
fn dialers_and_inspectors_are_uploaded_and_deployed() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    for world in ["dialer", "inspector"] {
        let digest = centre.api.upload(&format!("probe-{world}"))?;
        ensure!(centre.api.get(&format!("/v1/plugins/{digest}"))?["world"] == world, "{world}");
        centre.api.deploy(world, &digest, json!({ "behaviour": "" }), &[])?;
        ensure!(centre.api.get(&format!("/v1/deployments/{world}"))?["world"] == world, "{world}");
    }
    let centre = centre.restart()?;
    ensure!(centre.api.get("/v1/deployments/dialer")?["failure"] == Value::Null, "it is loaded again");
    Ok(())
}

#[test]
fn limits_are_set_at_the_deployment_are_part_of_the_version_and_hold() -> Result<()> {
    let centre = Centre::ready()?;
    let api = &centre.api;
    let plain = api.get("/v1/deployments/reception")?;
    let body = |limits: Value| json!({ "plugin": plain["plugin"], "config": plain["config"], "limits": limits });
    for (limits, expected) in [
        (json!({ "max_tables": 41 }), "out-of-bounds"),
        (json!({ "memory_mib": 65 }), "out-of-bounds"),
        (json!({ "max_tables": 0 }), "trial-failed"),
    ] {
        let got = code(api.try_put("/v1/deployments/reception", &body(limits))?);
        ensure!(got == expected, "{got}, expected {expected}");
    }
    let tight = api.put("/v1/deployments/reception", body(json!({ "max_calls": 2 })))?;
    ensure!(tight["version"] != plain["version"], "rule 1: limits are part of the version");
    ensure!(tight["limits"]["max_calls"] == 2 && tight["limits"]["max_handles"] == Value::Null, "{tight}");
    let in_force = &tight["limits_in_force"];
    ensure!(in_force["max_calls"] == 2 && in_force["max_handles"] == 256 && in_force["memory_mib"] == 64, "{tight}");
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    // The flow hears of it, and gives up: that is its own decision, and no reason to ask its predecessor.
    let told = events.wait_for("contact.stepped-down", &contact, SOON)?;
    ensure!(told.text("/reason").contains("2 host calls were made"), "{}", told.event);
    events.wait_for("contact.queued", &contact, SOON)?;
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["versions"] == json!([tight["version"]]), "{record}");

    let centre = centre.restart()?;
    let kept = centre.api.get("/v1/deployments/reception")?;
    ensure!(kept["version"] == tight["version"] && kept["limits"] == tight["limits"], "{kept}");
    let usual = centre.api.put("/v1/deployments/reception", body(json!({ "max_calls": 10_000 })))?;
    ensure!(usual["version"] == plain["version"], "a default is as good as nothing");
    Ok(())
}
