//! A flow's time and random numbers come from the journal alone.

use crate::common::{BEGIN, Ran, Run, agreeable, flow_host, start};

/// Wall clock in microseconds, and a number drawn.
fn read(ran: &Ran, name: &str) -> (u64, u64) {
    let text = ran.reported(name).trim_matches(['(', ')']).to_owned();
    let (wall_us, drawn) = text.split_once(", ").unwrap();
    (wall_us.parse().unwrap(), drawn.parse().unwrap())
}

#[tokio::test]
async fn the_clock_stands_at_the_latest_entry_and_only_sleep_moves_it() {
    let (host, version) = flow_host().await;
    let began = std::time::Instant::now();
    let ran = Run::new(&host, version, start("clock", 1)).finish(agreeable).await;
    assert_eq!(read(&ran, "first").0, BEGIN.0);
    // The first report was the first entry, a second later.
    assert_eq!(read(&ran, "second").0, BEGIN.0 + 1_000_000);
    assert_eq!(ran.reported("slept-s"), "3600");
    assert!(began.elapsed().as_secs() < 600, "an hour's sleep takes no time");
    // It slept an hour after the second entry; the wall clock is back at the entries' time at the third.
    assert_eq!(read(&ran, "third").0, BEGIN.0 + 3_000_000);
}

#[tokio::test]
async fn the_same_journal_brings_the_same_numbers_and_another_seed_others() {
    let (host, version) = flow_host().await;
    let run = |run, seed| {
        let start = cordboard_plugin::FlowStart { seed, ..start("clock", run) };
        Run::new(&host, version, start).finish(agreeable)
    };
    let (one, again, other) = (run(1, 7).await, run(2, 7).await, run(3, 8).await);
    assert_eq!(one.requests, again.requests);
    assert_ne!(read(&one, "first").1, read(&other, "first").1);
}
