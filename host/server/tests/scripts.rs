//! Conversation scripts on the command line: in virtual time, and the same file as a real call.

use anyhow::{Result, ensure};
use cordboard_trial::{Centre, RECEPTION, SUPPORT, binary, plugin};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The scripts that come with reception.
fn reception_scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/reception/tests")
}

fn cordboard(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary("cordboard")?);
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}

/// What it said, and its exit code.
fn ended(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

fn simulate(cache: &Path, arguments: &[&str]) -> Result<(i32, String)> {
    let mut command = cordboard(&["flow", "simulate"])?;
    Ok(ended(&command.args(arguments).arg("--cache").arg(cache).output()?))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

#[test]
fn receptions_scripts_hold_each_time_they_are_played() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (scripts, flow) = (reception_scripts(), plugin("reception")?);
    let (code, said) = simulate(folder.path(), &[text(&scripts), text(&flow), "--repeat", "5"])?;
    ensure!(code == 0 && said.contains("20 held, 0 failed; 100 conversations"), "{code}: {said}");
    let (code, said) = simulate(folder.path(), &[text(&scripts), text(&flow), "--json"])?;
    let told: Value = serde_json::from_str(&said)?;
    ensure!(code == 0 && told.pointer("/passed") == Some(&json!(true)), "{code}: {said}");
    ensure!(told.pointer("/conversations/0/transcript/0/who") == Some(&json!("caller")), "{said}");
    Ok(())
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_played() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).map(|()| path)
    };
    let flow = plugin("reception")?;
    let good = write("good.yaml", "conversation: [asked: main-menu]\n")?;
    // An expectation that doesn't hold: 1, and the conversation is shown.
    let (code, said) = simulate(folder.path(), &[text(&good), text(&flow)])?;
    ensure!(code == 1 && said.contains("expected  asked question main-menu"), "{code}: {said}");
    ensure!(said.contains("good.yaml:1:16") && said.contains("0 held, 1 failed"), "{said}");

    let misspelt = write("misspelt.yaml", "conversation:\n  - hears: Welcome\n  - heers: a\n")?;
    let stored = write("stored.yaml", "values: {}\nconversation: []\n")?;
    let ordered = write("ordered.yaml", "backend: [{answers: 200}]\nconversation: []\n")?;
    let failing = write("failing.yaml", "values_fail: quota\nconversation: []\n")?;
    let night = write("night.yaml", "safe_flow: night\nconversation: []\n")?;
    let directory = write("directory.yaml", "directory: []\nconversation: []\n")?;
    let odd = write("odd.yaml", "config: {colour: red}\nconversation: []\n")?;
    let nothing = write("nothing.wasm", "\0asm\u{1}\0\0\0")?;
    let mut bytes = std::fs::read(&flow)?;
    let is_name = |(at, window): (usize, &[u8])| (window == b"flow/guest@0.2.0").then_some(at);
    let places: Vec<usize> = bytes.windows(16).enumerate().filter_map(is_name).collect();
    ensure!(!places.is_empty(), "reception is of another version");
    for at in places {
        bytes.splice(at..at + 16, *b"flow/guest@0.9.0");
    }
    let newer = folder.path().join("newer.wasm");
    std::fs::write(&newer, bytes)?;
    let scorer = plugin("skills-scorer")?;
    for (script, component, part) in [
        (&misspelt, &flow, "misspelt.yaml:3:5: unknown variant `heers`"),
        (&stored, &flow, "which the plugin's manifest doesn't want"),
        (&failing, &flow, "which the plugin's manifest doesn't want"),
        (&ordered, &flow, "the plugin's manifest wants no requests"),
        (&night, &flow, "--with night=PLUGIN"),
        (&odd, &flow, "the plugin has no such key"),
        (&good, &nothing, "this is a core module, not a component"),
        (&good, &scorer, "this is a scorer, and scripts are for flows"),
        (&good, &newer, "flow/guest@0.9.0"),
        (&folder.path().join("none.yaml"), &flow, "none.yaml"),
        (&good, &folder.path().join("none.wasm"), "none.wasm"),
    ] {
        let (code, said) = simulate(folder.path(), &[text(script), text(component)])?;
        ensure!(code == 2 && said.contains(part), "{script:?} {component:?}: {code}: {said}");
    }
    let with = format!("directory={}", text(&flow));
    let (code, said) = simulate(folder.path(), &[text(&directory), text(&flow), "--with", &with])?;
    ensure!(code == 2 && said.contains("`directory` is a directory that the script answers for"), "{code}: {said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_script_is_played_as_a_real_call() -> Result<()> {
    let centre = Centre::ready()?;
    let _agent = centre.agent("7001", "Grace", json!({}), None).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("call.yaml");
    let script = format!(
        r#"
caller: {{number: "+15550001", dials: "{RECEPTION}"}}
directory: [{{kind: phone, answers: {{id: "1001", name: Ada Lovelace, fields: {{tier: gold, balance_minor: "123456", currency: USD}}}}}}]
config: {{queue: {SUPPORT}}}
agents: [{{id: "7001", queue: {SUPPORT}, answers_after: 1s}}]
conversation:
  - rings
  - looked_up: {{outcome: found}}
  - hears: Hello, Ada Lovelace.
  - set: {{customer-id: "1001"}}
  - asked: main-menu
  - presses: 1
  - chose: balance
  - hears: Your balance is 1234.56 USD
  - asked: main-menu
  - presses: 0
  - queued: {SUPPORT}
  - rings_agent: "7001"
  - hangs_up
ends: {{reason: hung-up, attributes: {{tier: gold, chosen: "balance,agent"}}}}
"#
    );
    std::fs::write(&path, &script)?;
    let flow = plugin("reception")?;
    let (code, said) = simulate(folder.path(), &[text(&path), text(&flow)])?;
    ensure!(code == 0, "in virtual time: {code}: {said}");

    let server = centre.host.sip().to_string();
    let phone = |path: &Path, more: &[&str]| -> Result<(i32, String)> {
        let mut command = cordboard(&["phone", "--server", &server, "--script"])?;
        Ok(ended(&command.arg(path).args(more).output()?))
    };
    let api = ["--api", centre.host.admin(), "--token", centre.host.token()];
    let (code, said) = phone(&path, &api)?;
    ensure!(code == 0 && said.contains("ok      "), "with eyes: {code}: {said}");
    ensure!(said.contains("not checked: rings (line 7)"), "{said}");

    let other = folder.path().join("other.yaml");
    std::fs::write(&other, script.replace("  - hears: Hello, Ada Lovelace", "  - within: 2s\n  - hears: Hello, Bob"))?;
    let (code, said) = phone(&other, &api)?;
    ensure!(code == 1 && said.contains("expected  hears \"Hello, Bob.\""), "{code}: {said}");

    // By ear alone: something is heard, and the end comes as it should.
    let (code, said) = phone(&path, &[])?;
    ensure!(code == 0 && said.contains("hears something"), "by ear: {code}: {said}");
    ensure!(said.contains("not checked: the words of: hears \"Hello, Ada Lovelace.\""), "{said}");

    // What nobody can check is said, and the phone listens to what is said once it is answered.
    let blind = folder.path().join("blind.yaml");
    let never = "strict: true\nnever: [{refused: enqueue}, {hears: goodbye}]";
    let steps = format!("caller: {{dials: \"{RECEPTION}\"}}\n{never}\nconversation: [answered, listens]\n");
    std::fs::write(&blind, steps)?;
    let (code, said) = phone(&blind, &[])?;
    let seconds = said.split("hangs up").next().and_then(|before| before.split_whitespace().rev().nth(1));
    let seconds: f64 = seconds.unwrap_or_default().parse()?;
    ensure!(code == 0 && seconds > 1.0, "{seconds}: {said}");
    for part in ["never refused call enqueue (line 3)", "never hears \"goodbye\" (line 3)", "strict: "] {
        ensure!(said.contains(&format!("not checked: {part}")), "{part}: {said}");
    }
    Ok(())
}
