//! What the store does under load: `cargo run --example records_bench -- [RECORDS] [FOLDER]`.
//!
//! Prints, for a store on disk in a temporary folder (or inside FOLDER): journal frames per second, made durable 512 at
//! a time; bytes per decision over 100 agents with 256 numbers each; then fills RECORDS records (a million unless said),
//! opens the store again, and times pages of 50 under each filter, a third of them from the newest on, the others from
//! anywhere in the middle. The same seed each time.

use cordboard_core::decision::{AgentRow, Columns, ContactRow, Decision, Grounds, PairScore, ScoredBy};
use cordboard_core::flow::{Address, Channel};
use cordboard_core::ids::{
    AgentId, ContactId, DecisionId, DeploymentName, Digest, EntryPointName, QueueName, TenantId,
};
use cordboard_core::record::{ContactRecord, EndReason, Personal, QueueVisit, VisitOutcome};
use cordboard_core::time::Timestamp;
use cordboard_store::{Batch, Blobs, ContactKeys, Item, RecordFilter, Rooms, SledOptions, SledStore, Store};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const START_MS: u64 = 1_750_000_000_000;
const DAYS: u64 = 90;
const DAY_MS: u64 = 86_400_000;
const PAGE: usize = 50;
const REQUESTS: u64 = 300;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Small numbers far more often than large ones.
    fn skewed(&mut self, bound: u64) -> u64 {
        self.below(bound) * self.below(bound) / bound.max(1)
    }
}

fn say(line: std::fmt::Arguments<'_>) -> Outcome {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().map_or(Ok(1_000_000), |text| text.parse::<u64>())?;
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::Builder::new().prefix("cordboard-records-").tempdir_in(parent)?;
    let rooms = open(folder.path())?;
    frames(&rooms).await?;
    decisions(&rooms).await?;
    fill(&rooms, count).await?;
    rooms.store.close().await?;
    drop(rooms);
    let began = Instant::now();
    let rooms = open(folder.path())?;
    say(format_args!("opened again in {} ms", began.elapsed().as_millis()))?;
    for (name, filter) in filters()? {
        time_filter(&rooms, count, name, &filter).await?;
    }
    rooms.store.close().await?;
    Ok(())
}

fn open(folder: &Path) -> Outcome<Rooms> {
    let store = Store::new(SledStore::open(SledOptions::new(folder.join("store")))?);
    let keys = ContactKeys::open(folder.join("contact-keys"), &store)?;
    Ok(Rooms::new(store, keys, Blobs::open(folder.join("blobs"), 1 << 20)?))
}

async fn frames(rooms: &Rooms) -> Outcome {
    let tenant = TenantId::new("frames")?;
    let bytes = [7; 200];
    let (mut written, began) = (0u64, Instant::now());
    let mut waits = Vec::new();
    while began.elapsed() < Duration::from_secs(3) {
        // 64 contacts, 8 frames each.
        let items: Vec<_> = (0..512u64)
            .map(|n| Item::Frame {
                contact: ContactId(u128::from(n % 64)),
                number: written / 64 + n / 64,
                bytes: &bytes,
            })
            .collect();
        let asked = Instant::now();
        let done = rooms.write(&tenant, &items).await?;
        waits.push(asked.elapsed());
        written += items.len() as u64 - done.refused.len() as u64;
    }
    let (p50, p99) = quantiles(&mut waits);
    let rate = written as f64 / began.elapsed().as_secs_f64();
    say(format_args!("frames: {rate:.0}/s durable, 512 at a time: p50 {p50:.1} ms, p99 {p99:.1} ms"))
}

async fn decisions(rooms: &Rooms) -> Outcome {
    const COUNT: u64 = 1000;
    let tenant = TenantId::new("decisions")?;
    let mut random = Random(3);
    let columns = |count: usize| (0..count).map(|n| format!("attribute-{n:03}")).collect::<Vec<_>>().into();
    let mut attributes: Vec<Vec<f32>> = (0..100).map(|_| (0..256).map(|_| random.below(9) as f32).collect()).collect();
    let (mut bytes, began) = (0, Instant::now());
    for number in 0..COUNT {
        for values in &mut attributes {
            if let Some(idle_ms) = values.first_mut() {
                *idle_ms = random.below(600_000) as f32;
            }
        }
        // Now and then something else changes, and some agents are busy.
        let (agent, column) = (random.below(100) as usize, random.below(256) as usize);
        if let Some(value) = attributes.get_mut(agent).and_then(|values| values.get_mut(column)) {
            *value += 1.0;
        }
        let agents = attributes.iter().enumerate().filter(|_| random.below(20) > 0);
        let agents = agents.map(|(n, values)| {
            AgentId::new(format!("agent-{n:03}")).map(|agent| AgentRow { agent, values: values.clone() })
        });
        let agents = agents.collect::<Result<Vec<_>, _>>()?;
        let decided_at = Timestamp((START_MS + number * 700) * 1000);
        let contact = ContactId(u128::from(number));
        let ranks = (0..agents.len() as u16).collect();
        let grounds = Grounds { scorer: DeploymentName::new("skills")?, ranks, unfit: vec![(0, 3)] };
        let decision = Decision {
            id: DecisionId(number),
            asked_at: decided_at,
            decided_at,
            queue: QueueName::new("support")?,
            scored_by: ScoredBy::Plugin(Digest([1; 32])),
            columns: Columns { contact: columns(6), agent: columns(256) },
            contacts: vec![ContactRow { contact, values: (0..6).map(|_| random.below(100) as f32).collect() }],
            parts: ["skill", "idle", "history"].map(Into::into).to_vec(),
            scores: agents
                .iter()
                .map(|_| PairScore {
                    score_milli: Some(random.below(100_000) as i64),
                    parts: (0..3).map(|_| random.below(1000) as f32).collect(),
                })
                .collect(),
            assigned: agents.first().map(|row| (contact, row.agent.clone())).into_iter().collect(),
            agents,
            left_out: Vec::new(),
            grounds: Some(grounds),
        };
        let mut batch = Batch::new();
        let fresh = rooms.decisions.put_in(&mut batch, &tenant, &decision).await?;
        bytes += batch.bytes();
        rooms.store.commit(batch).await?;
        rooms.decisions.confirm(fresh);
    }
    let (each, us) = (bytes as u64 / COUNT, began.elapsed().as_micros() as u64 / COUNT);
    say(format_args!("decisions: {each} bytes each (100 agents x 256 numbers, keys included), {us} us each"))
}

fn record(random: &mut Random, number: u64, count: u64) -> Outcome<ContactRecord> {
    let offered_ms = START_MS + number * DAYS * DAY_MS / count.max(1);
    let id = ContactId(u128::from(offered_ms) << 80 | u128::from(number) << 16 | u128::from(random.below(1 << 16)));
    let at = |after_ms: u64| Timestamp((offered_ms + after_ms) * 1000);
    let queue = random.skewed(20);
    let outcome = match random.below(10) {
        0..8 => VisitOutcome::Answered {
            // Ten agents serve a queue.
            agent: AgentId::new(format!("agent-{:03}", queue * 10 + random.below(10)))?,
            talked_ms: random.below(600_000),
        },
        8 => VisitOutcome::Abandoned,
        _ => VisitOutcome::Left,
    };
    let visit = QueueVisit {
        queue: QueueName::new(format!("queue-{queue:02}"))?,
        queued_at: at(30_000),
        offers: Vec::new(),
        connected_at: Some(at(60_000)),
        left_at: at(200_000),
        outcome,
    };
    let number_of = |number: u64| format!("+4930{number:07}");
    let address = |number: String| Address {
        uri: format!("sip:{number}@trunk.example"),
        number: Some(number),
        display_name: None,
    };
    Ok(ContactRecord {
        id,
        tenant: TenantId::default_tenant(),
        channel: Channel::Voice,
        entry_point: Some(EntryPointName::new(format!("entry-{}", random.skewed(10)))?),
        origin: address(number_of(random.below(100_000))),
        dialled: address(number_of(9_000_000)),
        offered_at: at(0),
        answered_at: Some(at(1000)),
        ended_at: at(210_000),
        end: match random.below(1000) {
            0 => EndReason::MediaLost,
            1..20 => EndReason::Failed("no balance".into()),
            20..400 => EndReason::HungUp,
            _ => EndReason::Completed,
        },
        visits: if random.below(3) == 0 { Vec::new() } else { vec![visit] },
        choices: Vec::new(),
        attributes: BTreeMap::from([("customer".into(), random.below(50_000).to_string())]),
        versions: vec![Digest([(number * 5 / count.max(1)) as u8; 32])],
        stepped_down: None,
        journal_entries: 20,
        journal_durable: true,
        personal: Personal::Kept,
    })
}

async fn fill(rooms: &Rooms, count: u64) -> Outcome {
    let mut random = Random(1);
    let (began, mut records) = (Instant::now(), Vec::new());
    for number in 0..count {
        records.push(record(&mut random, number, count)?);
        if records.len() == 500 || number + 1 == count {
            let items: Vec<_> = records.iter().map(Item::Record).collect();
            let tenant = records.first().map(|record| record.tenant.clone()).unwrap_or_else(TenantId::default_tenant);
            rooms.write(&tenant, &items).await?;
            records.clear();
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let megabytes = rooms.store.info().await?.bytes >> 20;
    let rate = count as f64 / seconds;
    say(format_args!("records: {count} in {seconds:.0} s ({rate:.0}/s), the database has {megabytes} MiB"))
}

fn filters() -> Outcome<Vec<(&'static str, RecordFilter)>> {
    let all = RecordFilter::default;
    let queue = |name: &str| QueueName::new(name).map(Some);
    let agent = |name: &str| AgentId::new(name).map(Some);
    let day = |day: u64| Some(START_MS + day * DAY_MS);
    Ok(vec![
        ("none", all()),
        ("one day", RecordFilter { from_ms: day(40), until_ms: day(41), ..all() }),
        ("a busy queue", RecordFilter { queue: queue("queue-00")?, ..all() }),
        ("a quiet queue", RecordFilter { queue: queue("queue-18")?, ..all() }),
        ("an agent", RecordFilter { agent: agent("agent-003")?, ..all() }),
        ("an entry point", RecordFilter { entry_point: Some(EntryPointName::new("entry-3")?), ..all() }),
        ("a rare end", RecordFilter { end: Some("media-lost".into()), ..all() }),
        ("a caller", RecordFilter { caller: Some("+49300012345".into()), ..all() }),
        ("an unknown caller", RecordFilter { caller: Some("+1".into()), ..all() }),
        ("not answered", RecordFilter { answered: Some(false), ..all() }),
        ("queue, not answered", RecordFilter { queue: queue("queue-01")?, answered: Some(false), ..all() }),
        (
            "queue, agent, hung up, answered, a week",
            RecordFilter {
                queue: queue("queue-02")?,
                agent: agent("agent-021")?,
                end: Some("hung-up".into()),
                answered: Some(true),
                from_ms: day(40),
                until_ms: day(47),
                ..all()
            },
        ),
        ("quiet queue, rare end", RecordFilter { queue: queue("queue-18")?, end: Some("media-lost".into()), ..all() }),
        (
            "nothing: agent of another queue",
            RecordFilter { queue: queue("queue-00")?, agent: agent("agent-011")?, ..all() },
        ),
        (
            "nothing: two frequent, disjoint",
            RecordFilter { agent: agent("agent-003")?, answered: Some(false), ..all() },
        ),
    ])
}

async fn time_filter(rooms: &Rooms, count: u64, name: &str, filter: &RecordFilter) -> Outcome {
    let tenant = TenantId::default_tenant();
    let mut random = Random(2);
    let (mut times, mut examined, mut found) = (Vec::new(), 0, 0);
    for request in 0..REQUESTS {
        let middle = u128::from(START_MS + random.below(DAYS * DAY_MS)) << 80;
        let before = (request % 3 != 0).then_some(ContactId(middle));
        let began = Instant::now();
        let page = rooms.records.list(&tenant, filter, before, PAGE).await?;
        times.push(began.elapsed());
        examined = examined.max(page.examined);
        found += page.records.len();
    }
    let (p50, p99) = quantiles(&mut times);
    let mean = found as u64 / REQUESTS;
    say(format_args!(
        "{count} records, {name}: p50 {p50:.2} ms, p99 {p99:.2} ms, {mean} a page, examined <= {examined}"
    ))
}

/// The median and the 99th percentile in milliseconds.
fn quantiles(times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: usize| {
        let place = times.len() * share / 100;
        times.get(place).or(times.last()).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    (at(50), at(99))
}
