//! Histories of other worlds than flows, of data folders from before there were histories, and of those that were altered.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_client::{Client, Token};
use cordboard_core::ids::TenantId;
use cordboard_store::{Batch, Scan, SledOptions, SledStore, Store, Table};
use cordboard_trial::{Centre, HostOptions};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// Somebody with the host's token.
fn operator(centre: &Centre, name: &str) -> Result<Client> {
    let token = Token::new(centre.host.token()).context("a token")?;
    Ok(Client::new(centre.host.admin(), token)?.named(Some(name.into())))
}

/// Goes back, from what is there.
fn back(client: &Client, deployment: &str, body: &Value) -> Result<Result<Value, String>> {
    let path = format!("/v1/deployments/{deployment}");
    let seen = client.get(&path)?.expected().context("a revision")?;
    let done = client.post(&format!("{path}/rollback"), body, &seen);
    Ok(done.map(|answer| answer.value).map_err(|error| error.to_string()))
}

/// One member of each step, oldest first.
fn steps(centre: &Centre, deployment: &str, pointer: &str) -> Result<Vec<Value>> {
    let history = centre.api.get(&format!("/v1/deployments/{deployment}/history"))?;
    ensure!(history["altered"] == json!([]), "{history}");
    let steps = history["steps"].as_array().context("steps")?;
    Ok(steps.iter().rev().map(|step| step.pointer(pointer).cloned().unwrap_or_default()).collect())
}

#[test]
fn scorers_and_directories_go_back_too_and_what_is_gone_is_told() -> Result<()> {
    let centre = Centre::ready()?;
    let ann = operator(&centre, "ann")?;
    for name in ["skills", "bank"] {
        let path = format!("/v1/deployments/{name}");
        let refused = back(&ann, name, &json!({}))?.err().context("nothing before")?;
        ensure!(refused.contains("409 no-predecessor"), "{refused}");
        let first = ann.get(&path)?;
        let body = json!({ "plugin": first.value["plugin"], "config": first.value["config"], "limits": { "max_handles": 200 } });
        let second = ann.put(&path, &body, &first.expected().context("a revision")?)?.value;
        ensure!(second["version"] != first.value["version"], "{second}");
        // The same version with other rules is no state to go back to.
        let body =
            json!({ "plugin": body["plugin"], "config": body["config"], "limits": body["limits"], "ask_anew": true });
        centre.api.put(&path, body)?;
        let again = back(&ann, name, &json!({}))?.map_err(anyhow::Error::msg)?;
        ensure!(again["version"] == first.value["version"] && again["limits"] == first.value["limits"], "{again}");
        let forth = back(&ann, name, &json!({}))?.map_err(anyhow::Error::msg)?;
        ensure!(forth["version"] == second["version"], "once more takes that back: {forth}");
    }
    // Its component is gone: nothing is half done.
    let before = centre.api.get("/v1/deployments/skills")?;
    let digest = centre.api.upload("probe-scorer")?;
    centre.api.deploy("skills", &digest, json!({ "behaviour": "" }), &[])?;
    centre.api.put("/v1/deployments/skills", json!({ "plugin": before["plugin"] }))?;
    let blob = find(centre.data(), &digest).context("the component's file")?;
    std::fs::rename(&blob, blob.with_extension("gone"))?;
    let kept = centre.api.get("/v1/deployments/skills")?;
    let refused = back(&ann, "skills", &json!({}))?.err().context("it is gone")?;
    ensure!(refused.contains("409 state-gone") && refused.contains(&digest), "{refused}");
    ensure!(centre.api.get("/v1/deployments/skills")? == kept, "a refusal changes nothing");
    Ok(())
}

/// A file of this name, somewhere below.
fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            find(&path, name)
        } else {
            path.file_name().is_some_and(|file| file == name).then_some(path)
        }
    })
}

#[test]
fn a_data_folder_without_histories_begins_them_with_what_it_has_and_a_changed_one_is_told() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let digest = centre.api.upload("skills-scorer")?;
    let first = centre.api.deploy("skills", &digest, json!({}), &[])?;
    let changed = |data: &Path, change: &dyn Fn(&mut Batch, Vec<cordboard_store::Entry>)| -> Result<()> {
        let store = Store::new(SledStore::open(SledOptions::new(data.join("store")))?);
        let entries = store.scan_blocking(Scan::prefix(&TenantId::default_tenant(), Table::Step, b"skills\0"))?.entries;
        let mut batch = Batch::new();
        change(&mut batch, entries);
        let seq = store.commit_blocking(batch)?;
        store.durable_blocking(seq)?;
        Ok(store.close_blocking()?)
    };
    let mut centre = centre;
    stop(&mut centre)?;
    changed(centre.data(), &|batch, entries| {
        entries.into_iter().for_each(|entry| {
            batch.delete(entry.key);
        })
    })?;
    let centre = centre.revive()?;
    ensure!(centre.api.get("/v1/deployments/skills/history")?["steps"] == json!([]), "there is none");
    let body = json!({ "plugin": digest, "limits": { "max_handles": 200 } });
    centre.api.put("/v1/deployments/skills", body)?;
    ensure!(steps(&centre, "skills", "/kind")? == ["found", "deployed"], "what was there");
    ensure!(steps(&centre, "skills", "/by")? == ["cordboard", "unnamed"], "by the host");
    let ann = operator(&centre, "ann")?;
    let again = back(&ann, "skills", &json!({}))?.map_err(anyhow::Error::msg)?;
    ensure!(again["version"] == first.as_str(), "{again}");

    let mut centre = centre;
    stop(&mut centre)?;
    changed(centre.data(), &|batch, entries| {
        for mut entry in entries.into_iter().skip(1).take(1) {
            let by = entry.value.windows(7).position(|part| part == b"unnamed");
            by.into_iter().for_each(|at| entry.value[at..at + 7].copy_from_slice(b"someone"));
            batch.put(entry.key, entry.value);
        }
    })?;
    let centre = centre.revive()?;
    let history = centre.api.get("/v1/deployments/skills/history")?;
    ensure!(history["altered"] == json!([2]), "{history}");
    let refused = back(&operator(&centre, "ann")?, "skills", &json!({ "to": 2 }))?.err();
    ensure!(refused.context("a forged state")?.contains("409 no-step"), "it is gone back to");
    Ok(())
}

fn stop(centre: &mut Centre) -> Result<()> {
    centre.host.terminate()?;
    centre.host.ended(SOON).map(drop)
}
