//! Contacts that wait in a menu: the memory they hold, with and without an instance, what the next key costs, and taking
//! all of them over to a new version. And a host call with its journal.

use crate::desk::{Desk, store};
use crate::flows::{mappings, resident_bytes};
use crate::{component, percentiles, tell};
use cordboard_core::config::MigrationPolicy;
use cordboard_core::ids::{ContactId, Digest, TenantId, Version};
use cordboard_plugin::{Compiler, Grants, Limits, LoadSpec, PluginConfig, PluginHost};
use cordboard_store::seal::{ContactKey, KEY_BYTES, Part};
use cordboard_store::{Item, Rooms};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is compared.
pub(crate) struct Guest {
    pub(crate) name: &'static str,
    pub(crate) component: &'static str,
    /// What is dialled to get to its menu.
    pub(crate) number: &'static str,
    /// Contacts at once.
    pub(crate) count: u64,
    /// Of them, so many are measured while all have an instance.
    pub(crate) awake: u64,
    /// A choice in its menu after which it asks again.
    pub(crate) key: char,
    /// Room for instances that is asked for.
    pub(crate) instances: u32,
    /// Linear memory of all of them together; with more, some sleep.
    pub(crate) memory_bytes: u64,
}

/// What this program is started with to measure one of them by number: memory that something else has used before is not
/// told apart.
pub(crate) const MEASURE: &str = "measure-waiting";

const STEPS: usize = 500;
const MOVING: u64 = 5_000;
const JOURNALED: u64 = 5_000;

fn host(folder: &Path, instances: u32) -> PluginHost {
    PluginHost::start(PluginConfig {
        max_flow_instances: instances,
        // What compiling leaves in memory is not the guest's.
        compiler: Compiler::this_program(&[crate::upload::COMPILE]),
        artefact_dir: Some(folder.join("artefacts")),
        ..PluginConfig::default()
    })
    .unwrap()
}

async fn load(host: &PluginHost, name: &str, config: &str) -> Version {
    let component = component(name);
    let version = Digest::of(&[component.as_slice(), config.as_bytes()].concat());
    let spec = LoadSpec {
        component: component.into(),
        config: vec![("bench".into(), config.into())],
        limits: Limits { calls_per_second: 1_000_000, ..Limits::default() },
        grants: Grants::default(),
    };
    host.load(version, spec).await.unwrap();
    version
}

const MIB: f64 = 1024.0 * 1024.0;

/// In a process of its own.
pub(crate) fn apart(number: usize) {
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    program.args([MEASURE, &number.to_string()]).args(std::env::args().filter(|argument| argument == "--json"));
    assert!(program.status().unwrap().success());
}

/// Memory of those who wait, and the time of the first step after a key, from the board through the plugin and back.
pub(crate) async fn contacts(guest: &Guest) {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), guest.instances);
    let before = resident_bytes();
    let version = load(&host, guest.component, "").await;
    let code = resident_bytes().saturating_sub(before) as f64 / MIB;
    let rooms = store(folder.path());
    // What is allocated once is no contact's.
    used(&rooms).await;
    let mut desk = Desk::new(&host, version, Some(rooms));
    desk.memory_bytes = guest.memory_bytes;
    desk.call_in(guest.number, 10).await;
    let (before, mapped) = (resident_bytes(), mappings());
    let grown = || resident_bytes().saturating_sub(before) as f64;
    desk.call_in(guest.number, guest.awake).await;
    let awake = grown() / guest.awake as f64 / 1024.0;
    let pieces = mappings().saturating_sub(mapped) as f64 / guest.awake as f64;
    let linear = host.flow_memory() as f64 / f64::from(host.flow_instances()) / MIB;
    let (awake_p50, awake_p99) = percentiles(steps(&mut desk, guest).await);

    desk.call_in(guest.number, guest.count - guest.awake).await;
    let (full, instances, pieces_full) = (grown() / MIB, host.flow_instances(), mappings());
    desk.sleep().await;
    let all = grown() / MIB;
    let (p50, p99) = percentiles(steps(&mut desk, guest).await);
    assert_eq!(desk.descended, 0, "nobody stepped down");

    let figures = [
        ("awake", awake, "KiB each"),
        ("linear memory", linear, "MiB each"),
        ("mappings", pieces, "each"),
        ("with all but so many asleep", full, "MiB"),
        ("awake of them", f64::from(instances), "instances"),
        ("mappings then", pieces_full as f64, "in all"),
        ("all asleep", all, "MiB"),
        ("asleep", all * 1024.0 / guest.count as f64, "KiB each"),
        ("code", code, "MiB once"),
    ];
    tell(&format!("{} contacts with {} that wait", guest.count, guest.name), &figures, guest.count as usize);
    let figures = [
        ("asleep p50", p50 / 1e3, "ms"),
        ("asleep p99", p99 / 1e3, "ms"),
        ("awake p50", awake_p50 / 1e3, "ms"),
        ("awake p99", awake_p99 / 1e3, "ms"),
        ("p50 ratio", p50 / awake_p50, "times"),
    ];
    tell(&format!("first step of {} after a key", guest.name), &figures, STEPS);
}

async fn steps(desk: &mut Desk, guest: &Guest) -> Vec<Duration> {
    let mut sample = Vec::with_capacity(STEPS);
    for at in 0..STEPS.min(guest.awake as usize) {
        sample.push(desk.step(at, guest.key).await);
    }
    sample
}

/// A store that isn't new.
async fn used(rooms: &Rooms) {
    for first in (0..20_000).step_by(500) {
        let frame = |number| Item::Frame { contact: ContactId(8), number, bytes: &[0; 256] };
        let frames: Vec<Item<'_>> = (first..first + 500).map(frame).collect();
        rooms.write(&TenantId::default_tenant(), &frames).await.unwrap();
    }
}

/// CPU time of this process, user and system (proc(5), `stat`, fields 14 and 15 in ticks of 10 ms).
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<f64> =
        stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2).map(|it| it.parse().unwrap()).collect();
    fields.iter().sum::<f64>() * 10.0
}

/// All that wait go over to another version, through the board, each by rehearsal; many of them asleep.
pub(crate) async fn moving() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), 8_000);
    let first = load(&host, "probe-flow", "first").await;
    let second = load(&host, "probe-flow", "second").await;
    let mut desk = Desk::new(&host, first, Some(store(folder.path())));
    desk.call_in("tour-ask", MOVING).await;
    let asleep = desk.board.asleep() as f64;
    let (began, cpu) = (Instant::now(), cpu_ms());
    desk.deploy(second, MigrationPolicy::Migrate);
    desk.until(|desk| desk.migrated == MOVING).await;
    let (took, cpu) = (began.elapsed(), cpu_ms() - cpu);
    assert_eq!(desk.descended, 0, "nobody stepped down");
    desk.step(0, '1').await;
    let figures = [
        ("all", took.as_secs_f64() * 1e3, "ms"),
        // Rehearsals have the lowest priority: on a busy machine they take long, and little.
        ("cpu", cpu, "ms"),
        ("cpu of each", cpu * 1e3 / MOVING as f64, "us"),
        ("asleep before", asleep, "of them"),
    ];
    tell(&format!("migrating {MOVING} contacts that wait"), &figures, MOVING as usize);
}

/// A host call that is journaled, against one that only goes out and back; and how long an act waits for its intent.
pub(crate) async fn journaled(bare_us: f64) {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), 10);
    let probe = load(&host, "probe-flow", "").await;
    let rooms = store(folder.path());
    let (mut without, mut with) = (f64::MAX, f64::MAX);
    // One after the other: the machine may be busy with something else for a while.
    for _ in 0..5 {
        without = calls(&host, probe, None).await.min(without);
        with = calls(&host, probe, Some(&rooms)).await.min(with);
    }
    let (durable_p50, durable_p99) = percentiles(durable(&rooms).await);
    let sealing = sealing_us();
    let figures = [
        ("written", with, "us"),
        ("not kept", without, "us"),
        ("without a board", bare_us, "us"),
        ("written against not kept", with / without, "times"),
        ("sealing a frame of 64 octets, of that", sealing, "us"),
        ("until it is durable p50", durable_p50 / 1e3, "ms"),
        ("p99", durable_p99 / 1e3, "ms"),
    ];
    tell("a host call with its journal", &figures, JOURNALED as usize);
}

/// Microseconds a call.
async fn calls(host: &PluginHost, probe: Version, rooms: Option<&Rooms>) -> f64 {
    let mut desk = Desk::new(host, probe, rooms.cloned());
    let began = Instant::now();
    desk.begin(&JOURNALED.to_string());
    desk.until(|desk| desk.calls >= JOURNALED).await;
    began.elapsed().as_secs_f64() * 1e6 / JOURNALED as f64
}

/// Microseconds that sealing a frame takes, on the writer's side.
fn sealing_us() -> f64 {
    const FRAMES: u64 = 100_000;
    let (key, tenant) = (ContactKey::new([7; KEY_BYTES]), TenantId::default_tenant());
    let began = Instant::now();
    for number in 0..FRAMES {
        let sealed = key.seal(&tenant, ContactId(7), Part::Frame(number), &[0; 64]).unwrap();
        std::hint::black_box(sealed);
    }
    began.elapsed().as_secs_f64() * 1e6 / FRAMES as f64
}

/// How long single frames take.
async fn durable(rooms: &Rooms) -> Vec<Duration> {
    let mut sample = Vec::new();
    for number in 0..200 {
        let frame = Item::Frame { contact: ContactId(7), number, bytes: &[0; 64] };
        let began = Instant::now();
        rooms.write(&TenantId::default_tenant(), &[frame]).await.unwrap();
        sample.push(began.elapsed());
    }
    sample
}
