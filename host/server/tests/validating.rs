//! What takes for ever to validate is given up, and the host takes the next plugin.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Result, ensure};
use cordboard_trial::{Centre, HostOptions};
use serde_json::json;

/// A flow as far as its outside goes, with a thousand instances behind it that each want ninety thousand functions.
fn slow_to_validate() -> Vec<u8> {
    let leb = |number: usize| -> Vec<u8> {
        [0, 7, 14, 21].map(|shift| (number >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 }).to_vec()
    };
    let section = |id: u8, body: &[u8]| [&[id], leb(body.len()).as_slice(), body].concat();
    let export = |number: usize| {
        let name = [16, 12, 8, 4, 0].map(|shift| b'a' + (number >> shift & 15) as u8);
        [&[4, 0, 5], &name[..], &[1, 0]].concat()
    };
    let exports: Vec<u8> = (0..90_000).flat_map(export).collect();
    let interface = [&[1, 0x42], leb(90_001).as_slice(), &[1, 0x40, 0, 1, 0], &exports].concat();
    let wanted = [section(7, &interface), section(10, &[1, 0, 1, b'x', 5, 0])].concat();
    let component = |body: &[&[u8]]| section(4, &[b"\0asm\x0d\0\x01\0", body.concat().as_slice()].concat());
    let instances = section(5, &[leb(990), [0, 0, 1, 1, b'x', 5, 0].repeat(990)].concat());
    let whole = component(&[&wanted, &component(&[&wanted]), &instances]);
    [&include_bytes!("../../plugin/fuzz/corpus/verify/good-flow")[..], &whole].concat()
}

#[test]
fn a_plugin_that_takes_for_ever_to_validate_is_refused_and_the_next_one_is_taken() -> Result<()> {
    let config = "[plugins]\ncompile_timeout_s = 2\n".to_owned();
    let centre = Centre::start(HostOptions { config, ..HostOptions::default() })?;
    let refused = centre.api.try_post("/v1/plugins", "application/wasm", &slow_to_validate())?;
    ensure!(refused.as_ref().is_err_and(|problem| problem.code() == "compile-timeout"), "{refused:?}");
    ensure!(centre.api.get("/v1/plugins")?["plugins"] == json!([]), "nothing is kept of it");
    centre.api.upload("reception").map(drop)
}
