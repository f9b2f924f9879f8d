//! Many days, each another. `CORDBOARD_SIM_SEED=N` plays that one alone, in every plan.
#![allow(clippy::unwrap_used, clippy::panic)]

use cordboard_sim::{Plan, Report, simulate};

/// Plays these seeds, or the one that the environment asks for.
fn play(plan: &Plan, seeds: std::ops::Range<u64>) -> Vec<Report> {
    let only = std::env::var("CORDBOARD_SIM_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    // That one is watched more closely: the step that broke it is the one named.
    let plan = Plan { inspect_every: if only.is_some() { 1 } else { plan.inspect_every }, ..plan.clone() };
    let seeds: Vec<u64> = only.map_or_else(|| seeds.collect(), |seed| vec![seed]);
    seeds.into_iter().map(|seed| simulate(seed, &plan).unwrap_or_else(|broken| panic!("{broken}"))).collect()
}

fn sum(reports: &[Report], what: impl Fn(&Report) -> u64) -> u64 {
    reports.iter().map(what).sum()
}

#[test]
fn ordinary_days() {
    let reports = play(&Plan::default(), 0..120);
    let contacts = sum(&reports, |report| report.contacts);
    assert!(contacts + sum(&reports, |report| report.refused) >= 200 * reports.len() as u64);
    if reports.len() > 1 {
        // Nothing is left out by chance.
        for (what, count) in [
            ("answered", sum(&reports, |report| report.answered)),
            ("abandoned", sum(&reports, |report| report.abandoned)),
            ("stepped down", sum(&reports, |report| report.stepped_down)),
            ("swapped", sum(&reports, |report| report.swaps)),
            ("unloaded", sum(&reports, |report| report.unloaded)),
            ("missed", sum(&reports, |report| report.offers_missed)),
            ("descended", sum(&reports, |report| report.descended)),
            ("migrated", sum(&reports, |report| report.migrated)),
            ("resumed", sum(&reports, |report| report.resumed)),
            ("without a scorer", sum(&reports, |report| report.fallbacks)),
        ] {
            assert!(count > 50, "{what}: {count} of {contacts}");
        }
    }
}

#[test]
fn terrible_days() {
    let reports = play(&Plan::stress(), 1_000..1_120);
    if reports.len() > 1 {
        for outcome in ["diverged", "failed", "moved-on", "refused"] {
            let count = sum(&reports, |report| report.not_migrated.get(outcome).copied().unwrap_or(0));
            assert!(count > 50, "{outcome}: {count}");
        }
    }
}

/// Hundreds wait when versions are swapped, more than can be rehearsed at once.
#[test]
fn a_rush_of_versions() {
    let plan = Plan {
        contacts: 800,
        arrival_ms: 100,
        patience_ms: 200_000,
        talk_ms: 10_000,
        agents: 20,
        max_contacts: 600,
        operator_ms: 4_000,
        hibernate_ms: 3_000,
        migrating: 800,
        inspect_every: 50,
        ..Plan::default()
    };
    let reports = play(&plan, 1..4);
    assert!(sum(&reports, |report| report.migrated) > 30 * reports.len() as u64);
}

/// Many more callers than agents: queues of hundreds, most of them cut off by `max_waiting`.
#[test]
fn a_rush() {
    let plan = Plan {
        contacts: 1_500,
        arrival_ms: 60,
        patience_ms: 300_000,
        talk_ms: 10_000,
        agents: 40,
        max_contacts: 1_000,
        inspect_every: 250,
        ..Plan::default()
    };
    let reports = play(&plan, 1..3);
    assert!(sum(&reports, |report| report.answered) > 100 * reports.len() as u64);
}
