//! `cordboard plugin` against a host, as authors and operators type it.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_client::{Client, Expected, Token};
use cordboard_trial::{Centre, HostOptions, Terminal, Told, Wire, WireCall, continuous, plugin, tried};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// A call that waits in the queue, for nobody.
fn held<'w>(centre: &Centre, wire: &'w Wire, number: &str, dials: &str) -> Result<(WireCall<'w>, String)> {
    let mut events = centre.events()?;
    let mut call = wire.call(dials)?;
    call.answered(SOON)?;
    let contact = events.call_of(number, SOON)?;
    let is_of = |told: &Told, kind: &str| told.contact() == contact.as_str() && told.kind() == kind;
    let told = events.wait(SOON, |told| is_of(told, "contact.asked") || is_of(told, "contact.queued"))?;
    if told.kind() == "contact.asked" {
        call.rtp.press("0");
        events.wait_for("contact.queued", &contact, SOON)?;
    }
    Ok((call, contact))
}

#[test]
fn a_plugin_goes_from_a_file_to_a_call_to_another_version_and_back() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let terminal = Terminal::new(&centre)?;
    let wasm = plugin("reception")?;
    terminal.fails(&["plugin", "deploy", "reception"], &["has no plugin `reception`; there is none"])?;
    terminal.done(&["plugin", "list"], &["no plugins on"])?;
    terminal.done(
        &["plugin", "push", path(&wasm)],
        &["reception 0.1.0 (", "a flow, is now on", "plugin deploy reception"],
    )?;
    terminal.done(&["plugin", "push", path(&wasm)], &["was already on"])?;
    // Nothing half done: the deployment isn't made where the entry point can't be.
    terminal
        .fails(&["plugin", "deploy", "reception", "--entry-point", "main"], &["no entry point `main`", "--number"])?;
    ensure!(centre.api.get("/v1/deployments")?["deployments"] == json!([]), "a deployment was left");
    let deploy = ["plugin", "deploy", "reception", "--number", "100", "--entry-point", "main"];
    let said = terminal.done(&deploy, &["deployment reception: new, serves", "entry point main: 100 → reception"])?;
    ensure!(said.contains("next: cordboard phone --dial 100"), "{said}");
    terminal.done(&deploy, &["serves there already"])?;
    let first = centre.api.get("/v1/deployments/reception")?["version"].clone();

    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let (mut call, contact) = held(&centre, &wire, "+15550001", "100")?;
    // Another version of it is another configuration; the deployment is found by its entry point.
    let greeting = "greeting=Good morning.";
    let again = ["plugin", "deploy", "reception", "--entry-point", "main", "--config", greeting, "--migrate"];
    let said = terminal.done(&again, &["+greeting", "pin → migrate", "1 of 1 went over"])?;
    ensure!(!said.contains("Good morning"), "values may be secret: {said}");
    terminal.done(&["plugin", "list"], &["NAME", "reception  flow   0.1.0", "reception (1 in progress)"])?;
    terminal.done(&["plugin", "rollback", "reception"], &["still serves", "-greeting", "1 of 1 went over"])?;
    let now = centre.api.get("/v1/deployments/reception")?;
    ensure!(now["version"] == first && now["migration"] == "migrate" && now["config"] == json!({}), "{now}");
    ensure!(now["limits"]["memory_mib"].is_null(), "limits that nobody set: {now}");
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["versions"].as_array().is_some_and(|versions| versions.len() == 3), "{record}");
    // Who saw an older one changes nothing.
    let token = Token::new(centre.host.token()).context("a token")?;
    let client = Client::new(centre.host.admin(), token)?;
    let body = json!({ "plugin": now["plugin"] });
    let refused = client.put("/v1/deployments/reception", &body, &Expected::Tag("\"1\"".into()));
    let refused = refused.err().context("what has changed is changed again")?;
    ensure!(refused.next().contains("someone else changed it") && refused.to_string().contains("412"), "{refused}");
    // Back and forth.
    terminal.done(&["plugin", "rollback", "reception"], &["+greeting"])?;
    Ok(())
}

#[test]
fn what_is_missing_or_wrong_comes_with_the_next_step() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let terminal = Terminal::new(&centre)?;
    let wasm = plugin("http-crm")?;
    terminal.done(&["plugin", "push", path(&wasm)], &["http-crm 0.1.0 ("])?;
    terminal.fails(&["plugin", "deploy", "http-crm"], &["422 invalid-config", "--config NAME=VALUE"])?;
    terminal.fails(&["plugin", "deploy", "http-crm", "--number", "1"], &["callers are answered by flows"])?;
    let base_url = format!("base-url={}", centre.bank.url());
    let deploy = ["plugin", "deploy", "http-crm", "--deployment", "bank", "--config", &base_url];
    terminal.done(
        &deploy,
        &["missing     egress", "next: cordboard plugin grant http-crm --egress 'GET https://HOST:PORT'"],
    )?;
    let place = format!("GET {}", centre.bank.url());
    let grant = ["plugin", "grant", "http-crm", "--egress", &place, "--private"];
    terminal.done(&grant, &["http-crm may use", centre.bank.url(), "private addresses too", "its manifest wants"])?;
    let said = terminal.done(&deploy, &["serves there already", "default_directory"])?;
    ensure!(!said.contains("missing"), "{said}");
    terminal.fails(&["plugin", "rollback", "bank"], &["has served nothing else before", "deployment history"])?;
    terminal.fails(&["plugin", "rollback", "nobody"], &["there is no deployment `nobody`", "deployment list"])?;
    terminal.done(&["plugin", "grant", "http-crm", "--revoke"], &["may use nothing"])?;
    terminal
        .fails(&["plugin", "grant", "http-crm", "--egress", "crm.example"], &["is not [METHODS ]http://HOST:PORT"])
        .or_else(|error| if error.to_string().contains("crm.example") { Ok(()) } else { Err(error) })?;

    // A host that isn't there, one that lets nobody in, something else, and nothing to say who one is.
    let wrong = terminal.home().join("wrong");
    std::fs::write(&wrong, "0123456789abcdef0123456789abcdef\n")?;
    terminal.fails(&["plugin", "list", "--token-file", path(&wrong)], &["401", "--token-file, CORDBOARD_TOKEN"])?;
    terminal.fails(
        &["plugin", "list", "--host", "http://127.0.0.1:1"],
        &["http://127.0.0.1:1 can't be reached", "cordboard serve"],
    )?;
    terminal.fails(&["plugin", "list", "--host", centre.bank.url()], &["not as a host's admin API does"])?;
    terminal.fails(&["plugin", "list", "--host", "prod"], &["`prod` is no host", "client.toml"])?;
    // A host of this machine, as `serve` leaves address and token in the folder.
    let kept = terminal.home().join("cordboard-data");
    std::fs::create_dir_all(&kept)?;
    for name in ["admin-token", "admin-address"] {
        std::fs::copy(centre.data().join(name), kept.join(name))?;
    }
    let mut command = terminal.command(&["plugin", "list"])?;
    let output = command.env_remove("CORDBOARD_HOST").env_remove("CORDBOARD_TOKEN_FILE").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = terminal.done(&["completions", "bash"], &["cordboard", "rollback"])?;
    ensure!(said.lines().count() > 100, "{said}");
    Ok(())
}

/// A program that runs, with all that it says.
struct Running {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Running {
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (tell, lines) = mpsc::channel();
        let both: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn std::io::Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn std::io::Read + Send>),
        ];
        for stream in both.into_iter().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // Nobody may listen any more.
                    let _ = tell.send(line);
                }
            });
        }
        Ok(Self { child, lines, said: String::new() })
    }

    /// Waits until it says this; what it said until then, from the last time on.
    fn says(&mut self, part: &str) -> Result<String> {
        let until = Instant::now() + 3 * SOON;
        while !self.said.contains(part) {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.with_context(|| format!("it never says `{part}`, but: {}", self.said))?;
            self.said += &format!("{line}\n");
        }
        Ok(std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_call_goes_on_while_its_flow_is_rebuilt_by_zig_and_what_fails_reaches_no_host() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let terminal = Terminal::new(&centre)?;
    terminal.done(&["plugin", "new", "--world", "flow", "--lang", "c", "greeter"], &["greeter"])?;
    let source = terminal.home().join("greeter/main.c");
    let written = std::fs::read_to_string(&source)?;
    let edit = |from: &str, to: &str| -> Result<()> {
        ensure!(written.contains(from), "the template has no `{from}`");
        Ok(std::fs::write(&source, written.replace(from, to))?)
    };
    let mut dev = Running::start(terminal.command(&["plugin", "dev", "greeter", "--number", "200"])?)?;
    let said = dev.says("waiting for changes")?;
    ensure!(said.contains("deployment greeter: new") && said.contains("entry point greeter: 200 → greeter"), "{said}");
    let deployment = || centre.api.get("/v1/deployments/greeter");
    let first = deployment()?["version"].clone();

    let wire = Wire::open(centre.host.sip(), "+15550009")?;
    let (mut call, contact) = held(&centre, &wire, "+15550009", "200")?;
    edit("cb_flow(", "cb_flow((")?;
    let said = dev.says("waiting for changes")?;
    ensure!(said.contains("build failed") && said.contains("is as it was"), "{said}");
    edit("\"Hello.\"", "\"Good evening.\"")?;
    let said = dev.says("waiting for changes")?;
    ensure!(said.contains("test failed") && said.contains("is as it was"), "{said}");
    ensure!(deployment()?["version"] == first, "what failed is deployed");
    edit("To hear your balance, press 1.", "For your balance, press 1.")?;
    let said = dev.says("waiting for changes")?;
    ensure!(said.contains("1 of 1 went over") && said.contains("serving"), "{said}");
    ensure!(deployment()?["version"] != first, "nothing new is deployed");

    // The call was heard all the time, and is the new version's.
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["versions"] == json!([first, deployment()?["version"]]), "{record}");
    continuous(&call.rtp.packets())?;

    // A signal ends it, and the host is left alone. Not INT, which shells let everything ignore that they start in the
    // background, tests as well.
    let ended = Command::new("kill").arg("-TERM").arg(dev.child.id().to_string()).status()?;
    ensure!(ended.success(), "{ended}");
    tried(SOON, || dev.child.try_wait()?.context("it still runs"))?;
    Ok(())
}

#[test]
fn a_plugins_scripts_are_played_or_it_is_said_that_there_are_none() -> Result<()> {
    let centre = Centre::start(HostOptions::default())?;
    let terminal = Terminal::new(&centre)?;
    let test = |name: &str| terminal.types(&["plugin", "test", name]);
    for (world, name) in [("flow", "greeter"), ("scorer", "ranker")] {
        terminal.done(&["plugin", "new", "--world", world, "--lang", "c", name], &[name])?;
    }
    let (code, said) = test("ranker")?;
    ensure!(code == 0 && said.contains("nothing to play") && said.contains("next: "), "{code}: {said}");
    let (code, said) = test("greeter")?;
    ensure!(code == 2 && said.contains("cordboard plugin build"), "{code}: {said}");
    // Another flow under its name: its scripts don't hold, and it is older than what is written.
    let folder = terminal.home().join("greeter");
    let manifest = folder.join("manifest.json");
    let of_flow = std::fs::read_to_string(&manifest)?.replace("flow@0.1.0", "flow@0.2.0");
    std::fs::write(&manifest, of_flow)?;
    std::fs::copy(plugin("reception")?, folder.join("greeter.wasm"))?;
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options().write(true).open(folder.join("main.c"))?.set_modified(later)?;
    let (code, said) = test("greeter")?;
    ensure!(code == 1 && said.contains("failed") && said.contains("is older than"), "{code}: {said}");
    std::fs::remove_dir_all(folder.join("tests"))?;
    let (code, said) = test("greeter")?;
    ensure!(code == 2 && said.contains("isn't there: nothing to play"), "{code}: {said}");
    Ok(())
}
