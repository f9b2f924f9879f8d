use super::{Inserted, JitterBuffer, Popped};
use crate::codec::SILENCE;

/// What a network does to a stream of 20 ms packets.
#[derive(Clone, Copy)]
struct Network {
    name: &'static str,
    loss_percent: u64,
    jitter_ms: u64,
    reorder_percent: u64,
    duplicate_percent: u64,
    skew_ppm: i64,
    first_timestamp: u32,
    seconds: u64,
}

const CALM: Network = Network {
    name: "calm",
    loss_percent: 0,
    jitter_ms: 0,
    reorder_percent: 0,
    duplicate_percent: 0,
    skew_ppm: 0,
    first_timestamp: 1_000,
    seconds: 60,
};

#[derive(Debug, Default)]
struct Outcome {
    ticks: u64,
    concealed: u64,
    late: u64,
    packets: u64,
    mean_delay_ms: u64,
    max_delay_ms: u64,
    last_delay_ms: u64,
}

fn run(network: Network, seed: u64) -> Outcome {
    let mut state = seed;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below.max(1)
    };
    // (arrival in µs, timestamp)
    let mut arrivals = Vec::new();
    let period_us = 20_000 - 20_000 * network.skew_ppm / 1_000_000;
    let drift_ns = 20_000_000 - 20 * network.skew_ppm;
    assert!(period_us > 0);
    for n in 0..network.seconds * 50 {
        if random(100) < network.loss_percent {
            continue;
        }
        let sent_us = n * drift_ns as u64 / 1_000;
        let reordered = if random(100) < network.reorder_percent { 25_000 } else { 0 };
        let at = 3_000 + sent_us + random(network.jitter_ms * 1_000 + 1) + reordered;
        let timestamp = network.first_timestamp.wrapping_add(n as u32 * 160);
        arrivals.push((at, timestamp));
        if random(100) < network.duplicate_percent {
            arrivals.push((at + 1_000, timestamp));
        }
    }
    arrivals.sort_unstable();
    let mut buffer = JitterBuffer::new();
    let mut outcome = Outcome { packets: arrivals.len() as u64, ..Outcome::default() };
    let mut arrivals = arrivals.into_iter().peekable();
    let (mut frame, mut delays) = (SILENCE, 0);
    for tick in 0..network.seconds * 50 - 50 {
        while let Some((_, timestamp)) = arrivals.next_if(|(at, _)| *at <= tick * 20_000) {
            let inserted = buffer.insert(timestamp, [1_000_i16; 160].into_iter());
            outcome.late += u64::from(inserted == Inserted::Late);
        }
        let delay_ms = buffer.delay() as u64 / 8;
        buffer.pop(&mut frame);
        delays += delay_ms;
        (outcome.max_delay_ms, outcome.last_delay_ms) = (outcome.max_delay_ms.max(delay_ms), delay_ms);
        outcome.ticks += 1;
    }
    outcome.concealed = buffer.concealed() / 160;
    outcome.mean_delay_ms = delays / outcome.ticks;
    outcome
}

#[test]
fn bad_networks_cost_little_sound_and_a_bounded_delay() {
    // The network, the share of frames concealed (in thousandths), the mean delay in ms: what it may cost at most.
    let table = [
        (CALM, 1, 60),
        (Network { name: "2 % loss", loss_percent: 2, ..CALM }, 25, 60),
        (Network { name: "60 ms jitter", jitter_ms: 60, ..CALM }, 15, 130),
        (Network { name: "reordering", reorder_percent: 5, ..CALM }, 15, 90),
        (Network { name: "duplicates", duplicate_percent: 10, ..CALM }, 1, 60),
        (Network { name: "fast clock", skew_ppm: 200, seconds: 300, ..CALM }, 2, 65),
        (Network { name: "slow clock", skew_ppm: -200, seconds: 300, ..CALM }, 5, 65),
        (Network { name: "timestamp wraps", first_timestamp: u32::MAX - 80_000, ..CALM }, 1, 60),
        (
            Network {
                name: "all at once",
                loss_percent: 2,
                jitter_ms: 60,
                reorder_percent: 2,
                duplicate_percent: 2,
                skew_ppm: 200,
                seconds: 300,
                ..CALM
            },
            45,
            140,
        ),
    ];
    for (network, concealed, delay_ms) in table {
        for seed in 1..=5 {
            let outcome = run(network, seed);
            println!("{}, seed {seed}: {outcome:?}", network.name);
            let name = network.name;
            assert!(
                outcome.concealed * 1_000 <= outcome.ticks * concealed,
                "{name}, seed {seed}, concealed: {outcome:?}"
            );
            assert!(outcome.mean_delay_ms <= delay_ms, "{name}, seed {seed}, delay: {outcome:?}");
            assert!(outcome.max_delay_ms <= 260, "{name}, seed {seed}, bound: {outcome:?}");
            assert!(outcome.late * 100 <= outcome.packets, "{name}, seed {seed}, late: {outcome:?}");
        }
    }
}

#[test]
fn sound_comes_out_as_it_went_in_whatever_the_packets_lengths_and_order() {
    let ramp =
        |timestamp: u32, length: u32| (timestamp..timestamp + length).map(|n| n as i16).collect::<Vec<_>>().into_iter();
    for length in [80, 160, 240, 320, 480] {
        let mut buffer = JitterBuffer::new();
        let mut out = Vec::new();
        let mut frame = SILENCE;
        let mut next = 0;
        for tick in 0..100 {
            while next <= tick * 160 {
                buffer.insert(next, ramp(next, length));
                next += length;
            }
            buffer.pop(&mut frame);
            out.extend(frame);
        }
        let sound: Vec<_> = out.into_iter().skip_while(|sample| *sample == 0).take(8_000).collect();
        let expected: Vec<_> = (1..=8_000).collect();
        assert_eq!(sound, expected, "packets of {length} samples");
    }
}

#[test]
fn silence_suppression_and_jumps_of_the_timestamp_start_anew() {
    for jump in [16_000_u32, 5_000_000, u32::MAX - 100_000] {
        let mut buffer = JitterBuffer::new();
        let mut frame = SILENCE;
        for n in 0..50 {
            buffer.insert(n * 160, [500; 160].into_iter());
            buffer.pop(&mut frame);
        }
        let idle = (0..100).filter(|_| buffer.pop(&mut frame) == Popped::Idle).count();
        assert!(idle >= 70, "idle {idle} of 100 ticks");
        let heard = (0..50).filter(|n| {
            buffer.insert((50 * 160_u32).wrapping_add(jump).wrapping_add(n * 160), [500; 160].into_iter());
            buffer.pop(&mut frame) == Popped::Sound && frame[80] == 500
        });
        assert!(heard.count() >= 46, "after a jump by {jump}");
    }
}

#[test]
fn a_burst_does_not_stay_as_delay_and_a_gap_fades() {
    let mut buffer = JitterBuffer::new();
    let mut frame = SILENCE;
    for n in 0..60 {
        buffer.insert(n * 160, [1_000; 160].into_iter());
    }
    assert!(buffer.delay() <= super::MAX_DELAY + 160, "{}", buffer.delay());
    while buffer.delay() > 0 {
        buffer.pop(&mut frame);
    }
    let loudness: Vec<_> = (0..8).map(|_| (buffer.pop(&mut frame), frame[80]).1).collect();
    assert!(loudness.windows(2).all(|pair| pair[1] <= pair[0]) && loudness[7] < 20, "{loudness:?}");
}
