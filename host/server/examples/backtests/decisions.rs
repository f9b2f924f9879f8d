//! Decisions made again by a scorer, how fast, and what a live decision takes beside that.

use cordboard::comparing::{Comparer, DecisionScope, Stopped, survey_decisions};
use cordboard_core::decision::{AgentRow, Columns, ContactRow, Decision, Grounds, PairScore, ScoredBy};
use cordboard_core::ids::{AgentId, ContactId, DecisionId, DeploymentName, QueueName, Version};
use cordboard_core::rescoring::Tally;
use cordboard_core::time::Timestamp;
use cordboard_plugin::{PluginHost, ScoreInput};
use cordboard_store::Item;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Of each decision, as a queue that is busy has them.
const CONTACTS: usize = 8;
const AGENTS: usize = 40;
const SKILLS: usize = 20;

/// Records decisions by one version and makes them again by another, loaded apart.
pub(crate) async fn decisions(comparer: &Comparer, count: u64, serving: Version, apart: Version) {
    let began = Instant::now();
    for first in (1..=count).step_by(50) {
        let made: Vec<Decision> = (first..=count.min(first + 49)).map(|number| decision(serving, number)).collect();
        let items: Vec<Item<'_>> = made.iter().map(Item::Decision).collect();
        assert!(comparer.rooms.write(&comparer.tenant, &items).await.unwrap().refused.is_empty());
    }
    let each_us = began.elapsed().as_micros() as u64 / count.max(1);
    println!("a decision of {CONTACTS} contacts and {AGENTS} agents is written in: {each_us} us");
    let (p50, p99) = live(&comparer.plugins, serving).await;
    println!("a live decision, alone: p50 {p50} us, p99 {p99} us");

    let scope = DecisionScope {
        from: Timestamp(0),
        until: None,
        queue: None,
        limit: count,
        deployment: scorer(),
        version: apart,
    };
    let tally = Mutex::new(Tally::default());
    let began = Instant::now();
    assert_eq!(survey_decisions(comparer, &scope, &tally).await.unwrap(), Stopped::Done);
    let seconds = began.elapsed().as_secs_f64();
    let tally = tally.into_inner().unwrap();
    assert_eq!((tally.looked_at, tally.compared), (count, count), "{tally:?}");
    let cores = comparer.plugins.unhurried().metrics().num_workers();
    let (each_core, diverged) = (count as f64 / seconds / cores as f64, tally.diverged);
    println!(
        "back-test of a scorer: {each_core:.0} decisions/s per core, {count} in {seconds:.1} s on {cores} ({diverged} diverged)"
    );

    let tally = Mutex::new(Tally::default());
    let endless = async {
        loop {
            survey_decisions(comparer, &scope, &tally).await.unwrap();
        }
    };
    tokio::select! {
        () = endless => {}
        (p50, p99) = live(&comparer.plugins, serving) => {
            println!("a live decision, beside a back-test: p50 {p50} us, p99 {p99} us");
        }
    }
}

fn scorer() -> DeploymentName {
    DeploymentName::new("skills").unwrap()
}

/// Numbers that differ from one decision to the next.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64).map(|at| ((at * 7919 + seed * 104_729) % 10_007) as f32 / 1_000.0).collect()
}

fn columns() -> Columns {
    let named = |own: [&str; 2]| -> Arc<[String]> {
        let skills = (0..SKILLS).map(|number| format!("skill:{number:02}"));
        own.into_iter().map(String::from).chain(skills).collect()
    };
    Columns { contact: named(["priority", "waited-ms"]), agent: named(["handled", "idle-ms"]) }
}

fn input(columns: &Columns, number: u64) -> ScoreInput {
    let width = SKILLS + 2;
    ScoreInput {
        contact_columns: Arc::clone(&columns.contact),
        agent_columns: Arc::clone(&columns.agent),
        contacts: (0..CONTACTS as u64).map(|row| numbers(number * 31 + row, width)).collect(),
        agents: numbers(number + 1_000_000, AGENTS * width),
        agent_count: AGENTS,
        with_parts: true,
    }
}

/// One in which each contact suits one agent alone: whom they were given to is beyond doubt.
fn decision(version: Version, number: u64) -> Decision {
    let columns = columns();
    let input = input(&columns, number);
    let contact = |row: usize| ContactId(u128::from(number) << 64 | row as u128);
    let agent = |at: usize| AgentId::new(at.to_string()).unwrap();
    let pair = |row: usize, at: usize| PairScore { score_milli: (row == at).then_some(1_000), parts: Vec::new() };
    let made_at = Timestamp::from_ms(crate::START_MS + number);
    let agents = input.agents.chunks(SKILLS + 2).enumerate();
    Decision {
        id: DecisionId(number),
        asked_at: made_at,
        decided_at: made_at,
        queue: QueueName::new("support").unwrap(),
        scored_by: ScoredBy::Plugin(version),
        contacts: (0..CONTACTS)
            .zip(input.contacts)
            .map(|(row, values)| ContactRow { contact: contact(row), values })
            .collect(),
        agents: agents.map(|(at, values)| AgentRow { agent: agent(at), values: values.to_vec() }).collect(),
        columns,
        parts: Vec::new(),
        scores: (0..CONTACTS).flat_map(|row| (0..AGENTS).map(move |at| pair(row, at))).collect(),
        assigned: (0..CONTACTS).map(|row| (contact(row), agent(row))).collect(),
        left_out: Vec::new(),
        grounds: Some(Grounds { scorer: scorer(), ranks: (0..AGENTS as u16).collect(), unfit: Vec::new() }),
    }
}

/// Decisions one after the other, in microseconds: the middle one, and the one in a hundred.
async fn live(plugins: &PluginHost, version: Version) -> (u64, u64) {
    const TIMES: u64 = 3_000;
    let columns = columns();
    let mut took = Vec::new();
    for number in 0..TIMES {
        let input = input(&columns, number);
        let began = Instant::now();
        plugins.score(version, input).await.unwrap();
        took.push(began.elapsed().as_micros() as u64);
    }
    took.sort_unstable();
    (took[took.len() / 2], took[took.len() * 99 / 100])
}
