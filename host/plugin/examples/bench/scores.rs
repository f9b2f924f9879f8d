//! A decision over 100 agents of 256 numbers: through the plugin, and by the same function called natively.

use crate::{percentiles, tell};
use cordboard_core::ids::Version;
use cordboard_plugin::{PluginHost, ScoreInput};
use skills_scorer::scoring::{Plan, Weights, score_agents};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const AGENTS: usize = 100;
const COLUMNS: usize = 256;
const DECISIONS: usize = 2000;

pub(crate) async fn scorer(host: &PluginHost, version: Version) {
    let common = (0..COLUMNS - 2).map(|number| format!("attribute-{number}"));
    let contact: Arc<[String]> =
        ["priority".to_owned(), "waited-ms".to_owned()].into_iter().chain(common.clone()).collect();
    let agent: Arc<[String]> = ["idle-ms".to_owned(), "handled".to_owned()].into_iter().chain(common).collect();
    let numbers = |seed: usize, count: usize| -> Vec<f32> {
        (0..count).map(|at| ((at * 7919 + seed) % 1000) as f32 / 1000.0).collect()
    };
    let (row, agents) = (numbers(1, COLUMNS), numbers(2, AGENTS * COLUMNS));
    let input = ScoreInput {
        contact_columns: Arc::clone(&contact),
        agent_columns: Arc::clone(&agent),
        contacts: vec![row.clone()],
        agents: agents.clone(),
        agent_count: AGENTS,
        with_parts: false,
    };
    let mut through_plugin = Vec::with_capacity(DECISIONS);
    for _ in 0..DECISIONS {
        let input = input.clone();
        let began = Instant::now();
        black_box(host.score(version, input).await.unwrap());
        through_plugin.push(began.elapsed());
    }
    // Natively, the rule alone: selecting the numbers, copying them and the way to the guest and back are what a
    // plugin costs.
    let plan = Plan::new(Weights::default(), &contact, &agent).unwrap();
    let pick = |columns: &[String], wanted: &[String], row: &[f32]| -> Vec<f32> {
        wanted.iter().map(|name| row[columns.iter().position(|column| column == name).unwrap()]).collect()
    };
    let row = pick(&contact, plan.contact_columns(), &row);
    let agents: Vec<f32> =
        agents.chunks(COLUMNS).flat_map(|agent_row| pick(&agent, plan.agent_columns(), agent_row)).collect();
    let mut native = Vec::with_capacity(DECISIONS);
    for _ in 0..DECISIONS {
        let began = Instant::now();
        black_box(score_agents(&plan, black_box(&row), black_box(&agents), false).unwrap());
        native.push(began.elapsed());
    }
    let ((p50, p99), (native, native_p99)) = (percentiles(through_plugin), percentiles(native));
    let ratio = p50 / native;
    let figures = [
        ("p50", p50, "us"),
        ("p99", p99, "us"),
        ("native p50", native, "us"),
        ("native p99", native_p99, "us"),
        ("against native", ratio, "times"),
    ];
    tell("scores of 100 agents by 256 numbers", &figures, DECISIONS);
}
