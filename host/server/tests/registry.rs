//! Plugins in a registry that is not ours: `docker-registry`, as Debian packages it.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_client::oci::{Artefact, Credentials, OciError, Reference, Registry as Client};
use cordboard_trial::{Centre, HostOptions, Registry, binary, plugin};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// Of `ada` and `secret-word`, at bcrypt's least cost.
const ADA: &str = "ada:$2b$04$mRpIy0Wtk9FesJCjThIohOxNd6w5lc15tHsGPpoXznhdBRHcgD.2S";

fn cordboard(centre: &Centre, home: &Path, words: &[&str]) -> Result<(i32, String)> {
    let output = Command::new(binary("cordboard")?)
        .args(words)
        .current_dir(home)
        .stdin(Stdio::null())
        .env("HOME", home)
        .env_remove("DOCKER_CONFIG")
        .env("CORDBOARD_HOST", centre.host.admin())
        .env("CORDBOARD_TOKEN", centre.host.token())
        .output()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok((output.status.code().unwrap_or(-1), text))
}

#[test]
fn a_plugin_goes_through_docker_registry_to_a_host_with_its_manifest_and_signature() -> Result<()> {
    let room = tempfile::tempdir()?;
    let registry = Registry::start(room.path(), Some(ADA))?;
    let centre = Centre::start(HostOptions::default())?;
    let wasm = plugin("http-crm")?;
    let wasm = wasm.to_str().context("a path")?;
    let to = format!("oci://{}/team/http-crm:0.1.0", registry.address());
    let (code, said) = cordboard(&centre, room.path(), &["plugin", "push", wasm, &to])?;
    ensure!(code == 1 && said.contains("refuses the credentials") && said.contains("--registry-user"), "{said}");
    let password = room.path().join("password");
    std::fs::write(&password, "secret-word\n")?;
    let password = password.to_str().context("a path")?;
    let ada = ["--registry-user", "ada", "--registry-password-file", password];
    let push = [&["plugin", "push", wasm, &to], &ada[..]].concat();
    let (code, said) = cordboard(&centre, room.path(), &push)?;
    ensure!(code == 0 && said.contains("is now sha256:"), "{said}");
    ensure!(cordboard(&centre, room.path(), &push)?.1 == said, "the same plugin is the same artefact");
    // By what the command says next.
    let by_digest = said.split_whitespace().find(|word| word.contains("@sha256:")).context("its digest")?;
    let config = ["--config", "base-url=http://127.0.0.1:9"];
    let deploy = [&["plugin", "deploy", by_digest], &config[..], &ada[..]].concat();
    let (code, said) = cordboard(&centre, room.path(), &deploy)?;
    ensure!(code == 0 && said.contains("deployment http-crm: new, serves http-crm 0.1.0"), "{said}");
    let kept = &centre.api.get("/v1/plugins")?["plugins"][0];
    ensure!(kept["manifest"]["wants"][0]["capability"] == "egress", "its manifest came with it: {kept}");
    Ok(())
}

/// What pulling says.
fn pulled(registry: &Registry, version: &str) -> Result<String> {
    let reference = Reference::read(&format!("oci://{}/greeter{version}", registry.address()))?;
    match Client::new(reference, None).pull() {
        Ok(_) => Ok("pulled".into()),
        Err(error) => Ok(format!("{error}\nnext: {}", error.next())),
    }
}

fn put(registry: &Registry, tag: &str, manifest: &Value) -> Result<()> {
    let url = format!("http://{}/v2/greeter/manifests/{tag}", registry.address());
    let request = ureq::put(url).header("content-type", "application/vnd.oci.image.manifest.v1+json");
    request.send(manifest.to_string())?;
    Ok(())
}

#[test]
fn what_docker_registry_has_that_is_no_component_is_told() -> Result<()> {
    let room = tempfile::tempdir()?;
    let registry = Registry::start(room.path(), None)?;
    let to = Reference::read(&format!("oci://{}/greeter:1", registry.address()))?;
    let artefact = Artefact { component: b"a component".to_vec(), ..Artefact::default() };
    let digest = Client::new(to.clone(), None).push(&artefact)?;
    let (back, of) = Client::new(to, None).pull()?;
    ensure!(back.component == artefact.component && of == digest, "{of}");
    ensure!(pulled(&registry, &format!("@{digest}"))? == "pulled", "by its digest");

    let said = pulled(&registry, ":2")?;
    ensure!(said.contains("/greeter:2 isn't there") && said.contains("next: check name and tag"), "{said}");
    let url = format!("http://{}/v2/greeter/manifests/1", registry.address());
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let mut manifest: Value = ureq::get(url).header("accept", accept).call()?.body_mut().read_json()?;
    let layer = manifest["layers"][0].clone();
    manifest["layers"] = json!([layer, layer]);
    put(&registry, "two", &manifest)?;
    ensure!(pulled(&registry, ":two")?.contains("it has 2 layers, not one"), "two layers");
    manifest["layers"] = json!([layer]);
    manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    put(&registry, "image", &manifest)?;
    ensure!(pulled(&registry, ":image")?.contains("its configuration is application/vnd.oci.image.config"), "an image");

    // Changed on the registry's disk.
    let blob = layer["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).context("a digest")?;
    std::fs::write(registry.blob(blob), "A component")?;
    let said = pulled(&registry, ":1")?;
    ensure!(said.contains("the component of") && said.contains("tampered with or damaged"), "{said}");
    let address = registry.address().to_owned();
    drop(registry);
    let reference = Reference::read(&format!("oci://{address}/greeter:1"))?;
    let gone = Client::new(reference, Some(Credentials::new("ada", "x"))).pull();
    ensure!(matches!(gone, Err(OciError::Unreachable { .. })), "it is gone");
    Ok(())
}
