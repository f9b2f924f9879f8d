//! The same seed is the same day.
#![allow(clippy::unwrap_used, clippy::panic)]

use cordboard_sim::{Plan, Report, simulate};
use std::time::Duration;

/// The day, but for how long it took to play.
fn day(seed: u64, plan: &Plan) -> Report {
    let report = simulate(seed, plan).unwrap_or_else(|broken| panic!("{broken}"));
    Report { took: Duration::ZERO, ..report }
}

#[test]
fn the_same_seed_is_the_same_day() {
    for plan in [Plan::default(), Plan::stress()] {
        let once = day(42, &plan);
        let again = day(42, &plan);
        assert_eq!(once, again);
        let other = day(43, &plan);
        assert_ne!(once.digest, other.digest);
    }
}

#[test]
fn watching_changes_nothing() {
    let closely = day(5, &Plan { inspect_every: 1, ..Plan::stress() });
    assert_eq!(closely, day(5, &Plan::stress()));
}

#[test]
fn on_a_calm_day_nothing_fails() {
    let report = day(3, &Plan::calm());
    assert_eq!((report.stepped_down, report.fallbacks, report.offers_missed, report.swaps), (0, 0, 0, 0));
    assert!(report.answered > 20, "{report:?}");
}
