//! Whatever a flow does, its run ends as it should, and nobody else notices.

use crate::common::{Run, agreeable, flow_host, flow_host_with, host, probe, spec, start, version};
use cordboard_core::flow::{FlowEnd, Request, RunEnd};
use cordboard_core::note::LogLevel;
use cordboard_plugin::{Limits, LoadError, LoadSpec};

fn fast() -> Limits {
    Limits { calls_per_second: 100_000, ..Limits::default() }
}

fn trapped(end: &RunEnd, why: &str) {
    let RunEnd::Trap(text) = end else { panic!("it ended with {end:?}") };
    assert!(text.contains(why), "{text}");
}

fn limited(end: &RunEnd, what: &str) {
    let RunEnd::Limit(text) = end else { panic!("it ended with {end:?}") };
    assert!(text.contains(what), "{text}");
}

#[tokio::test]
async fn an_endless_loop_meets_its_deadline_while_a_neighbour_goes_on() {
    // One guest thread, and a step long enough that a loop which gave no way would starve the neighbour.
    let limits = Limits { step_cpu_ms: Some(600), ..fast() };
    let (host, version) = flow_host_with(limits).await;
    let looping = Run::new(&host, version, start("loop", 1));
    let neighbour = Run::new(&host, version, start("200", 2));
    let neighbour = neighbour.finish(agreeable).await;
    assert_eq!(neighbour.end, RunEnd::Returned(FlowEnd::Completed));
    assert_eq!(neighbour.requests.len(), 200);
    let ran = looping.finish(agreeable).await;
    assert_eq!(ran.end, RunEnd::Deadline);
    assert!(ran.cost.cpu_us >= 600_000, "{:?}", ran.cost);
}

#[tokio::test]
async fn a_version_that_loops_for_many_contacts_is_found_out_soon() {
    let limits = Limits { step_cpu_ms: Some(2000), ..fast() };
    let (host, version) = flow_host_with(limits).await;
    let looping: Vec<_> = (0..8).map(|contact| Run::new(&host, version, start("loop", contact))).collect();
    let mut cpu_us = 0;
    for run in looping {
        let ran = run.finish(agreeable).await;
        assert_eq!(ran.end, RunEnd::Deadline);
        cpu_us += ran.cost.cpu_us;
    }
    // Each by itself it would be 16 s.
    assert!(cpu_us < 8_000_000, "{cpu_us}");
}

#[tokio::test]
async fn a_deadline_is_counted_from_the_latest_host_call() {
    let ran = probe("loop-after-call").await;
    assert_eq!((ran.end, ran.requests.len(), ran.cost.steps), (RunEnd::Deadline, 1, 2));
}

#[tokio::test]
async fn time_spent_parked_is_free() {
    let (host, version) = flow_host_with(Limits { step_cpu_ms: Some(100), ..fast() }).await;
    let mut run = Run::new(&host, version, start("1", 1));
    run.call().await;
    // Far beyond the deadline in wall time.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    run.reply(cordboard_core::flow::Reply::Attribute(None));
    assert_eq!(run.finish(agreeable).await.end, RunEnd::Returned(FlowEnd::Completed));
}

#[tokio::test]
async fn cpu_time_has_a_limit_over_all_steps_too() {
    let (host, version) = flow_host_with(Limits { step_cpu_ms: Some(60_000), max_cpu_ms: 40, ..fast() }).await;
    let ran = Run::new(&host, version, start("loop-after-call", 1)).finish(agreeable).await;
    limited(&ran.end, "CPU time");
    assert!((40_000..10_000_000).contains(&ran.cost.cpu_us), "{:?}", ran.cost);
}

#[tokio::test]
async fn an_instance_may_not_be_made_of_more_than_its_limits_say() {
    for limits in [Limits { max_core_instances: 1, ..fast() }, Limits { max_tables: 0, ..fast() }] {
        let host = host();
        let loaded = host.load(version("probe-flow"), LoadSpec { limits, ..spec("probe-flow", &[]) }).await;
        assert!(matches!(loaded, Err(LoadError::Trial(_))), "{loaded:?}");
    }
}

#[tokio::test]
async fn memory_has_a_limit() {
    let limits = Limits { max_memory_bytes: 8 << 20, ..fast() };
    let (host, version) = flow_host_with(limits).await;
    let ran = Run::new(&host, version, start("alloc", 1)).finish(agreeable).await;
    limited(&ran.end, "memory");
    assert!((4 << 20..=8 << 20).contains(&ran.cost.peak_memory_bytes), "{:?}", ran.cost);
}

#[tokio::test]
async fn a_trap_says_where() {
    let ran = probe("trap").await;
    trapped(&ran.end, "unreachable");
    let names: Vec<&str> = ran.stack.iter().map(|frame| frame.function.as_str()).collect();
    assert!(names.iter().any(|name| name.contains("probe_flow")), "{names:?}");
    assert!(ran.stack.iter().all(|frame| frame.offset.is_some() && frame.lines.is_empty()), "{:?}", ran.stack);
    assert!(matches!(&ran.end, RunEnd::Trap(text) if text.contains("\n  in ")), "{:?}", ran.end);
}

#[tokio::test]
async fn recursion_ends_at_the_stack() {
    // The guest's own stack lies at the bottom of its memory.
    trapped(&probe("recurse").await.end, "out of bounds memory access");
}

#[tokio::test]
async fn an_exit_ends_the_run_and_not_the_process() {
    trapped(&probe("exit").await.end, "exit");
}

#[tokio::test]
async fn an_error_is_told_apart_from_a_trap() {
    assert_eq!(probe("err").await.end, RunEnd::GuestError("as asked".into()));
}

#[tokio::test]
async fn host_calls_are_counted() {
    let (host, version) = flow_host_with(Limits { max_calls: 50, ..fast() }).await;
    let ran = Run::new(&host, version, start("flood", 1)).finish(agreeable).await;
    assert_eq!((ran.end, ran.requests.len()), (RunEnd::Deadline, 50));
}

#[tokio::test]
async fn host_calls_are_slowed_down_without_cpu() {
    let (host, version) = flow_host_with(Limits { calls_per_second: 1000, ..Limits::default() }).await;
    let began = std::time::Instant::now();
    let ran = Run::new(&host, version, start("500", 1)).finish(agreeable).await;
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Completed));
    // 200 at once, then one each millisecond.
    assert!(began.elapsed().as_millis() >= 290, "{:?}", began.elapsed());
}

#[tokio::test]
async fn handles_are_counted() {
    let (host, version) = flow_host_with(Limits { max_handles: 20, ..fast() }).await;
    let ran = Run::new(&host, version, start("handles", 1)).finish(agreeable).await;
    limited(&ran.end, "handles");
    assert!(ran.requests.len() <= 20, "{}", ran.requests.len());
    assert!(ran.requests.iter().all(|request| matches!(request, Request::Enqueue(_))));
}

#[tokio::test]
async fn arguments_have_a_size() {
    let ran = probe("huge").await;
    limited(&ran.end, "bytes");
    assert!(ran.requests.is_empty(), "16 MiB must not reach the board");
}

#[tokio::test]
async fn a_flood_of_lines_is_cut_and_told() {
    let ran = probe("logs").await;
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Completed));
    assert!((3..500).contains(&ran.lines.len()), "{}", ran.lines.len());
    assert_eq!(ran.lines[0], (LogLevel::Info, "printed".into()));
    assert_eq!(ran.lines[1], (LogLevel::Warn, "complained".into()));
    assert!(ran.lines[2].1.starts_with("probe: long long") && ran.lines[2].1.len() <= 4096);
}

#[tokio::test]
async fn after_all_that_the_host_runs_the_next_one() {
    let (host, version) = flow_host_with(Limits { max_memory_bytes: 8 << 20, max_calls: 300, ..fast() }).await;
    for (number, behaviour) in ["loop", "alloc", "trap", "recurse", "exit", "handles", "huge"].iter().enumerate() {
        let ran = Run::new(&host, version, start(behaviour, number as u64)).finish(agreeable).await;
        assert!(!matches!(ran.end, RunEnd::Returned(_) | RunEnd::NotStarted(_)), "{behaviour}: {:?}", ran.end);
    }
    let ran = Run::new(&host, version, start("3", 99)).finish(agreeable).await;
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Completed));
    assert_eq!(host.loaded()[0].live_instances, 0);
}

#[tokio::test]
async fn hostile_flows_side_by_side_leave_a_good_one_alone() {
    let (host, version) = flow_host().await;
    let bad: Vec<Run> = ["loop", "alloc", "trap", "recurse", "logs", "huge", "exit", "loop-after-call"]
        .iter()
        .enumerate()
        .map(|(number, behaviour)| Run::new(&host, version, start(behaviour, number as u64)))
        .collect();
    let good = tokio::spawn(Run::new(&host, version, start("100", 50)).finish(agreeable));
    for run in bad {
        run.finish(agreeable).await;
    }
    assert_eq!(good.await.unwrap().end, RunEnd::Returned(FlowEnd::Completed));
}
