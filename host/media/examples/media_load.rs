//! `media_load [SESSIONS] [SECONDS] [THREADS]`: sessions that talk to each other in pairs over the loopback, all of
//! them playing. Prints what a session costs: `us_cpu_per_session_second` counts sending and receiving, both in this
//! process, with the kernel's part.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use cordboard_media::{Clip, LATE_BORDERS_US, MediaConfig, MediaPlane, PlaySource};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// CPU time of all threads of this process, from Linux's schedstat (its first number, nanoseconds).
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).ok();
    let texts = tasks.filter_map(|task| of(task.ok()?));
    Duration::from_nanos(texts.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum())
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<u64>().unwrap());
    let mut next = |default| arguments.next().unwrap_or(default);
    let (sessions, seconds, threads) = (next(300), next(10), next(2));
    let (events, _taken) = tokio::sync::mpsc::channel(10_000);
    let media = MediaPlane::start(MediaConfig { threads: threads as usize, ..MediaConfig::default() }, events).unwrap();
    let mut open = Vec::new();
    for _ in 0..sessions / 2 {
        let (a, b) = (media.open().unwrap(), media.open().unwrap());
        let answer = media.accept_offer(b, media.create_offer(a).unwrap().as_bytes()).unwrap();
        media.accept_answer(a, answer.as_bytes()).unwrap();
        [a, b].into_iter().for_each(|session| media.start(session));
        open.extend([a, b]);
    }
    let clip = Arc::new(Clip::tone(440.0, 5_000, 8_000));
    for session in &open {
        media.play(*session, 1, PlaySource { clips: vec![Arc::clone(&clip)], repeat: true });
    }
    std::thread::sleep(Duration::from_secs(1));
    let (started, cpu_before, before) = (Instant::now(), cpu(), media.plane_stats());
    std::thread::sleep(Duration::from_secs(seconds));
    let (elapsed, used, after) = (started.elapsed(), cpu() - cpu_before, media.plane_stats());
    let session_seconds = open.len() as f64 * elapsed.as_secs_f64();
    let lost: u64 = open.iter().filter_map(|session| media.stats(*session)).map(|stats| stats.lost).sum();
    println!("sessions {}", open.len());
    println!("us_cpu_per_session_second {:.1}", used.as_micros() as f64 / session_seconds);
    println!("cores_used {:.3}", used.as_secs_f64() / elapsed.as_secs_f64());
    println!("lost {lost}");
    println!("max_late_us {} skipped_slots {}", after.max_late_us, after.skipped_slots);
    for (place, count) in after.late_frames.iter().enumerate() {
        let border = LATE_BORDERS_US.get(place).map_or("more".to_owned(), |border| format!("<= {border} us"));
        println!("frames_late {border}: {}", count - before.late_frames.get(place).unwrap_or(&0));
    }
}
