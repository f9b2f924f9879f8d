//! Starting, cancelling, running out of room, unloading.

use crate::common::{Run, agreeable, flow_host, host, host_with, spec, start, until, version};
use cordboard_core::flow::{FlowEnd, Reply, RunEnd};
use cordboard_plugin::{EgressRule, Limits, LoadError, LoadSpec, Scheme, World};

#[tokio::test]
async fn a_cancelled_run_says_nothing_more() {
    let (host, version) = flow_host().await;
    for behaviour in ["5", "loop"] {
        let mut run = Run::new(&host, version, start(behaviour, 1));
        if behaviour == "5" {
            run.call().await;
        }
        run.handle.cancel();
        assert!(run.gone().await, "{behaviour}");
    }
    until("the instances are gone", || host.loaded()[0].live_instances == 0).await;
}

#[tokio::test]
async fn a_run_whose_shell_has_gone_ends() {
    let (host, version) = flow_host().await;
    let mut run = Run::new(&host, version, start("5", 1));
    run.call().await;
    drop(run);
    until("the instance is gone", || host.loaded()[0].live_instances == 0).await;
}

#[tokio::test]
async fn a_reply_nobody_waits_for_is_dropped() {
    let (host, version) = flow_host().await;
    let mut run = Run::new(&host, version, start("2", 1));
    run.call().await;
    run.reply(Reply::Attribute(None));
    run.call().await;
    run.reply(Reply::Attribute(None));
    run.handle.reply(9, crate::common::BEGIN, Reply::Done);
    assert_eq!(run.finish(agreeable).await.end, RunEnd::Returned(FlowEnd::Completed));
}

#[tokio::test]
async fn without_room_a_run_is_not_started_and_the_next_one_is_when_there_is() {
    let (host, version) = (host_with(|settings| settings.max_flow_instances = 3), version("probe-flow"));
    host.load(version, spec("probe-flow", &[])).await.unwrap();
    let mut parked: Vec<Run> = (0..3).map(|number| Run::new(&host, version, start("1", number))).collect();
    for run in &mut parked {
        run.call().await;
    }
    let refused = Run::new(&host, version, start("1", 9)).finish(agreeable).await;
    assert!(matches!(&refused.end, RunEnd::NoRoom(_)), "{:?}", refused.end);
    drop(parked.pop());
    until("one is gone", || host.loaded()[0].live_instances == 2).await;
    let ran = Run::new(&host, version, start("1", 10)).finish(agreeable).await;
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Completed));
}

#[tokio::test]
async fn an_unloaded_version_lives_as_long_as_its_runs() {
    let (host, version) = flow_host().await;
    let mut run = Run::new(&host, version, start("2", 1));
    run.call().await;
    assert!(host.unload(version) && !host.unload(version));
    let draining = host.loaded();
    assert_eq!((draining.len(), draining[0].draining, draining[0].live_instances), (1, true, 1));
    let late = Run::new(&host, version, start("1", 2)).finish(agreeable).await;
    assert!(matches!(late.end, RunEnd::NotStarted(_)), "{:?}", late.end);
    run.reply(Reply::Attribute(None));
    assert_eq!(run.finish(agreeable).await.end, RunEnd::Returned(FlowEnd::Completed));
    until("it is gone", || host.loaded().is_empty()).await;
    host.load(version, spec("probe-flow", &[])).await.unwrap();
    let ran = Run::new(&host, version, start("1", 3)).finish(agreeable).await;
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Completed), "it can come back");
}

#[tokio::test]
async fn a_version_that_is_loaded_or_being_loaded_stays() {
    let (host, version) = (host(), version("greeter"));
    let load = |greeting: &'static str| host.load(version, spec("probe-flow", &[("greeting", greeting)]));
    let (first, second) = tokio::join!(load("first"), load("second"));
    let first = first.unwrap();
    assert_eq!(first, second.unwrap(), "compiled once");
    assert_eq!(first, load("third").await.unwrap());
    let ran = Run::new(&host, version, start("config", 1)).finish(agreeable).await;
    assert_eq!(ran.reported("get"), "Some(\"first\")");
}

#[tokio::test]
async fn a_load_nobody_waits_for_any_more_gives_its_turn_back() {
    let (host, version) = (host(), version("impatient"));
    let load = || host.load(version, spec("probe-flow", &[]));
    assert!(tokio::time::timeout(std::time::Duration::ZERO, load()).await.is_err());
    load().await.unwrap();
}

#[tokio::test]
async fn three_versions_run_side_by_side() {
    let host = host();
    let mut parked = Vec::new();
    for number in 0..3_u64 {
        let version = version(&format!("swap {number}"));
        host.load(version, spec("probe-flow", &[("greeting", &number.to_string())])).await.unwrap();
        let mut run = Run::new(&host, version, start("config", number));
        run.call().await;
        parked.push(run);
    }
    for (number, mut run) in parked.into_iter().enumerate() {
        run.reply(Reply::Done);
        let ran = run.finish(agreeable).await;
        assert_eq!(ran.reported("get"), format!("Some(\"{number}\")"));
    }
}

#[tokio::test]
async fn an_unknown_version_and_one_of_another_world_are_not_started() {
    let host = host();
    let scorer = version("scorer");
    let info = host.load(scorer, spec("probe-scorer", &[])).await.unwrap();
    assert_eq!((info.world, info.contract.as_str()), (World::Scorer, "cordboard:scorer@0.1.0"));
    for version in [version("nowhere"), scorer] {
        let ran = Run::new(&host, version, start("1", 1)).finish(agreeable).await;
        assert!(matches!(ran.end, RunEnd::NotStarted(_)), "{:?}", ran.end);
    }
}

#[tokio::test]
async fn what_cannot_be_given_is_refused_at_load() {
    let host = host();
    let good = spec("probe-flow", &[]);
    let with = |limits| LoadSpec { limits, ..good.clone() };
    let tiny = with(Limits { max_memory_bytes: 64 << 10, ..Limits::default() });
    assert!(host.load(version("tiny"), tiny).await.is_err(), "its own memory doesn't fit");
    let vast = with(Limits { max_memory_bytes: 4 << 30, ..Limits::default() });
    assert!(matches!(host.load(version("vast"), vast).await, Err(LoadError::Limit { .. })));
    for limits in [
        Limits { max_cpu_ms: 0, ..Limits::default() },
        Limits { max_tables: 41, ..Limits::default() },
        Limits { max_core_instances: 61, ..Limits::default() },
        Limits { max_call_bytes: 1, ..Limits::default() },
        Limits { max_call_bytes: 1 << 30, ..Limits::default() },
        Limits { log_bytes_per_second: 1, ..Limits::default() },
    ] {
        assert!(matches!(host.load(version("odd"), with(limits)).await, Err(LoadError::Limit { .. })), "{limits:?}");
    }
    let (host_name, methods) = ("127.0.0.1".into(), vec!["GET".into()]);
    let rule = EgressRule { scheme: Scheme::Http, host: host_name, port: 80, methods, private: true };
    let reaching = LoadSpec { grants: crate::common::granted(&[rule]), ..good.clone() };
    assert!(matches!(host.load(version("reaching"), reaching).await, Err(LoadError::Egress { .. })));
    assert!(host.loaded().is_empty(), "what was refused leaves nothing");
}
