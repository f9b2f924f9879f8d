//! The same seed is the same day.
#![allow(clippy::unwrap_used, clippy::panic)]

use cordboard_sim::{Plan, simulate};

#[test]
fn the_same_seed_is_the_same_day() {
    for plan in [Plan::default(), Plan::stress()] {
        let once = simulate(42, &plan).unwrap_or_else(|broken| panic!("{broken}"));
        let again = simulate(42, &plan).unwrap_or_else(|broken| panic!("{broken}"));
        assert_eq!(once, again);
        let other = simulate(43, &plan).unwrap_or_else(|broken| panic!("{broken}"));
        assert_ne!(once.digest, other.digest);
    }
}

#[test]
fn watching_changes_nothing() {
    let closely = simulate(5, &Plan { inspect_every: 1, ..Plan::stress() }).unwrap();
    assert_eq!(closely, simulate(5, &Plan::stress()).unwrap());
}

#[test]
fn on_a_calm_day_nothing_fails() {
    let report = simulate(3, &Plan::calm()).unwrap_or_else(|broken| panic!("{broken}"));
    assert_eq!((report.stepped_down, report.fallbacks, report.offers_missed, report.swaps), (0, 0, 0, 0));
    assert!(report.answered > 20, "{report:?}");
}
