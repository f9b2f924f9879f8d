//! What calls cost: the host's CPU time for a call under SIPp's load, memory for a caller who waits, and how long a
//! caller waits for the answer. One line a figure: `NAME: VALUE UNIT (NOTE)`.
//!
//! The host is a child process in the dev profile, which optimises what is measured; compare within one run.

mod rollback;
mod sleeping;

use anyhow::{Context as _, Result, bail, ensure};
use cordboard_phone::{Phone, PhoneCall};
use cordboard_trial::{Centre, HostOptions, RECEPTION, SUPPORT, Wire};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
/// Calls of a load, and how many of them begin in a second.
const CALLS: u32 = 200;
const RATE: u32 = 20;
/// Callers who wait at once.
const WAITING: usize = 200;
/// Served before anything is measured, so that what is loaded once is loaded.
const WARM_UP: u32 = 10;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    // Nobody reads any more: nothing to tell them then.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn run() -> Result<()> {
    // One part alone, by its name.
    if std::env::args().nth(1).as_deref() == Some("rollback") {
        return rollback::measure();
    }
    // Callers come faster than a centre of this size would let them in.
    let centre = Centre::start(HostOptions { sip: "calls_per_second = 1000".into(), ..HostOptions::default() })?;
    centre.set_up()?;
    load_with_ours(&centre, WARM_UP)?;
    // Memory first: a host that was busy before keeps what it grew by.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(waiting(&centre))?;
    cpu_per_call(&centre)?;
    centre.host.stop()?;
    runtime.block_on(sleeping::measure())?;
    rollback::measure()
}

/// The host's CPU time for calls that hear the greeting, press 1, hear the balance and hang up.
fn cpu_per_call(centre: &Centre) -> Result<()> {
    let before = cpu_ms(centre.host.pid())?;
    let by = match load_with_sipp(centre)? {
        true => "SIPp",
        false => {
            say("SIPp is missing (on Debian: apt-get install sip-tester), so our own callers make the load");
            load_with_ours(centre, CALLS)?;
            "our own callers, since SIPp is missing"
        }
    };
    let spent = cpu_ms(centre.host.pid())? - before;
    let each = spent / f64::from(CALLS);
    say(&format!(
        "CPU per IVR call: {each:.2} ms (of the host; {CALLS} calls of 3.5 s at {RATE}/s by {by}, G.711 prompts, one look-up)"
    ));
    Ok(())
}

/// False if there is no SIPp.
fn load_with_sipp(centre: &Centre) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/sipp/menu.xml");
    let mut sipp = Command::new("sipp");
    sipp.current_dir(folder.path()).arg(centre.host.sip().to_string()).arg("-sf").arg(scenario);
    sipp.args(["-s", RECEPTION, "-i", "127.0.0.1", "-nostdin", "-buff_size", "4194304", "-timeout", "120s"]);
    sipp.args(["-m", &CALLS.to_string(), "-r", &RATE.to_string(), "-l", "400"]);
    match sipp.stdin(Stdio::null()).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
        Ok(output) => {
            ensure!(output.status.success(), "sipp ended with {}", output.status);
            Ok(true)
        }
    }
}

/// The same calls, a thread for each.
fn load_with_ours(centre: &Centre, calls: u32) -> Result<()> {
    let server = centre.host.sip();
    let call = move || -> Result<()> {
        let wire = Wire::open(server, "+15550001")?;
        let mut call = wire.call(RECEPTION)?;
        call.answered(SOON)?;
        std::thread::sleep(Duration::from_millis(500));
        call.rtp.press("1");
        std::thread::sleep(Duration::from_secs(3));
        call.hang_up()
    };
    let mut threads = Vec::new();
    for _ in 0..calls {
        threads.push(std::thread::spawn(call));
        std::thread::sleep(Duration::from_secs(1) / RATE);
    }
    for thread in threads {
        thread.join().ok().context("a caller panicked")??;
    }
    Ok(())
}

/// Calls that wait in the queue, one after the other: how long each took to be answered, and what all of them hold.
async fn waiting(centre: &Centre) -> Result<()> {
    let phone = centre.caller("+15550001", None, None).await?;
    let before = resident_kib(centre.host.pid())?;
    let (mut calls, mut setups) = (Vec::new(), Vec::new());
    for _ in 0..WAITING {
        let (call, setup) = dial(&phone).await?;
        // Typed ahead of the menu: to an agent, and there is none.
        call.press("0");
        calls.push(call);
        setups.push(setup);
    }
    let queues = format!("/v1/queues/{SUPPORT}");
    centre.api.until(&queues, SOON, |queue| queue.get("waiting") == Some(&json!(WAITING)))?;
    let grown = resident_kib(centre.host.pid())?.saturating_sub(before);
    let each = grown as f64 / WAITING as f64;
    say(&format!(
        "memory per waiting call: {each:.0} KiB (resident; {WAITING} calls in a queue, music and flow instance included)"
    ));
    let loaded = cpu_of_waiting(centre)?;
    say(&format!("CPU per waiting call: {loaded:.3} ms/s (50 RTP packets a second each way)"));
    setups.sort();
    let at =
        |percent: usize| setups.get((setups.len() * percent / 100).min(setups.len() - 1)).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    say(&format!(
        "call setup, INVITE to 200: p50 {:.1} ms, p99 {:.1} ms ({WAITING} calls one after the other, flow start and a look-up from the cache included)",
        ms(at(50)),
        ms(at(99))
    ));
    for call in calls {
        call.hang_up();
    }
    centre.api.until("/v1/status", SOON, |status| status.get("contacts") == Some(&Value::from(0)))?;
    Ok(())
}

/// CPU milliseconds a second for each of those who wait.
fn cpu_of_waiting(centre: &Centre) -> Result<f64> {
    let (began, before) = (Instant::now(), cpu_ms(centre.host.pid())?);
    std::thread::sleep(Duration::from_secs(3));
    Ok((cpu_ms(centre.host.pid())? - before) / began.elapsed().as_secs_f64() / WAITING as f64)
}

async fn dial(phone: &Phone) -> Result<(PhoneCall, Duration)> {
    let began = Instant::now();
    let call = phone.dial(RECEPTION)?;
    if !call.answered(SOON).await {
        bail!("not answered: {:?}", call.state());
    }
    Ok((call, began.elapsed()))
}

/// CPU time a process has used, user and system (proc(5), `stat`, fields 14 and 15 in ticks of 10 ms).
fn cpu_ms(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(proc(pid, "stat"))?;
    // The name in brackets may have blanks.
    let fields: Vec<&str> = stat.rsplit_once(')').context("stat")?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("stat");
    Ok((ticks(11)? + ticks(12)?) * 10.0)
}

fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(proc(pid, "status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

fn proc(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}
