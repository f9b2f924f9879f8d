//! Two hundred sessions at once. Figures are printed; only what must hold on any machine is asserted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod common;

use common::{connect, plane, stats, tone, until};
use cordboard_media::MediaConfig;

#[test]
fn two_hundred_sessions_hear_each_other() {
    let plane = plane(MediaConfig { threads: 2, ..MediaConfig::default() });
    let pairs: Vec<_> = (0..100).map(|_| connect(&plane.media, &plane.media)).collect();
    for (a, b) in &pairs {
        plane.media.play(*a, 1, tone(440.0, 200, true));
        plane.media.play(*b, 1, tone(880.0, 200, true));
    }
    let all = || pairs.iter().flat_map(|(a, b)| [*a, *b]);
    until("three seconds of sound everywhere", || all().all(|session| stats(&plane.media, session).heard_ms >= 3_000));
    let figures = plane.media.plane_stats();
    println!("{figures:?}");
    assert_eq!(figures.sessions, 200);
    assert_eq!(figures.commands_dropped + figures.events_dropped, 0);
    // The loopback loses nothing but what a full socket refuses.
    let (lost, sent) = all()
        .map(|session| stats(&plane.media, session))
        .fold((0, 0), |sum, now| (sum.0 + now.lost, sum.1 + now.packets_sent));
    assert!(lost * 100 <= sent, "{lost} of {sent} lost");
    all().for_each(|session| plane.media.close(session));
    assert_eq!(plane.media.plane_stats().sessions, 0);
}
