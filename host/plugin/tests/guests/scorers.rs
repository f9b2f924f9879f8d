//! Scorers: right rows come through, everything else is an error that names what was wrong.

use crate::common::{host, spec, version};
use cordboard_core::ids::Version;
use cordboard_plugin::{AskError, PluginHost, ScoreInput, Scored};
use std::sync::Arc;

fn names(names: &[&str]) -> Arc<[String]> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Two contacts and three agents, of two numbers each.
fn input() -> ScoreInput {
    ScoreInput {
        contact_columns: names(&["a", "b"]),
        agent_columns: names(&["x", "y"]),
        contacts: vec![vec![1.0, 2.0], vec![0.5, 0.0]],
        agents: vec![1.0, 1.0, 0.1234, 0.0, -5.0, 0.0],
        agent_count: 3,
        with_parts: true,
    }
}

async fn scorer(behaviour: &str) -> (PluginHost, Version) {
    let (host, version) = (host(), version(behaviour));
    host.load(version, spec("probe-scorer", &[("behaviour", behaviour)])).await.unwrap();
    (host, version)
}

async fn scored(behaviour: &str) -> Result<Scored, AskError> {
    let (host, version) = scorer(behaviour).await;
    host.score(version, input()).await
}

#[tokio::test]
async fn each_contact_gets_a_row_in_thousandths_with_its_parts() {
    let scored = scored("").await.unwrap();
    assert_eq!(*scored.part_names, ["sum".to_owned(), "decisions".to_owned()]);
    assert_eq!(scored.rows[0].scores, [Some(3000), Some(123), None]);
    assert_eq!(scored.rows[1].scores, [Some(500), Some(62), None]);
    assert_eq!(scored.rows[0].parts, [3.0, 1.0, 0.1234, 1.0, 0.0, 1.0]);
}

#[tokio::test]
async fn parts_only_on_request_and_no_agents_are_no_trouble() {
    let (host, version) = scorer("").await;
    let plain = host.score(version, ScoreInput { with_parts: false, ..input() }).await.unwrap();
    assert!(plain.rows.iter().all(|row| row.parts.is_empty() && row.scores.len() == 3));
    let nobody = ScoreInput { agents: vec![], agent_count: 0, ..input() };
    assert!(host.score(version, nobody).await.unwrap().rows.iter().all(|row| row.scores.is_empty()));
    let nothing = ScoreInput { contacts: vec![], ..input() };
    assert!(host.score(version, nothing).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn an_instance_is_used_again_until_the_columns_change() {
    let (host, version) = scorer("").await;
    let decisions = |scored: Scored| scored.rows[0].parts[1];
    assert_eq!(decisions(host.score(version, input()).await.unwrap()), 1.0);
    // Two contacts were scored before.
    assert_eq!(decisions(host.score(version, input()).await.unwrap()), 3.0);
    let renamed = ScoreInput { contact_columns: names(&["a", "c"]), ..input() };
    assert_eq!(decisions(host.score(version, renamed).await.unwrap()), 1.0);
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    assert_eq!(scored("nan").await, Err(AskError::NotFinite("part")));
    let (host, version) = scorer("nan").await;
    let plain = ScoreInput { with_parts: false, ..input() };
    assert_eq!(host.score(version, plain).await, Err(AskError::NotFinite("score")));
    assert_eq!(scored("rows").await, Err(AskError::WrongCount { what: "rows", expected: 3, got: 4 }));
    assert_eq!(scored("few").await, Err(AskError::WrongCount { what: "rows", expected: 3, got: 1 }));
    assert!(matches!(scored("infinite").await, Err(AskError::NotFinite(_))));
    assert!(matches!(scored("huge").await, Err(AskError::Limit(why)) if why.contains("bytes")));
    assert!(matches!(scored("huge-error").await, Err(AskError::Refused(why)) if why.len() <= 8192));
    assert_eq!(scored("parts").await, Err(AskError::WrongCount { what: "parts", expected: 6, got: 1 }));
    assert!(matches!(scored("trap").await, Err(AskError::Trap(_))));
    assert_eq!(scored("refuse").await, Err(AskError::Refused("not today".into())));
    assert_eq!(scored("slow").await, Err(AskError::Deadline(50)));
}

fn thread_cpu_ms() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[tokio::test]
async fn a_decision_that_takes_long_takes_no_time_of_who_asked() {
    let (host, version) = scorer("slow-later").await;
    // Those before were over at once: the next one begins where it was asked.
    for _ in 0..2 {
        assert_eq!(host.score(version, input()).await.unwrap().rows.len(), 2);
    }
    for _ in 0..2 {
        let before_ms = thread_cpu_ms();
        assert_eq!(host.score(version, input()).await, Err(AskError::Deadline(50)));
        assert!(thread_cpu_ms() - before_ms < 25, "half of the loop's");
        // A fresh instance is quick again, for two decisions.
        assert_eq!(host.score(version, input()).await.unwrap().rows.len(), 2);
        assert_eq!(host.score(version, input()).await.unwrap().rows.len(), 2);
    }
}

#[tokio::test]
async fn many_contacts_take_no_more_time_of_who_asked_than_a_few() {
    let (host, version) = scorer("busy").await;
    let many = ScoreInput { contacts: vec![vec![1.0, 2.0]; 500], ..input() };
    let mut own_ms = 0;
    for _ in 0..3 {
        // One is quick, so that the many begin in place.
        let one = ScoreInput { contacts: vec![vec![1.0, 2.0]], ..input() };
        assert_eq!(host.score(version, one).await.unwrap().rows.len(), 1);
        let before_ms = thread_cpu_ms();
        assert_eq!(host.score(version, many.clone()).await.unwrap().rows.len(), 500);
        own_ms += thread_cpu_ms() - before_ms;
    }
    assert!(own_ms < 30, "{own_ms} ms of 1,500 contacts of some tens of microseconds");
}

#[tokio::test]
async fn a_scorer_that_cannot_be_configured_says_why() {
    for (behaviour, expect) in [("unconfigurable", "`x`"), ("unknown-column", "`nowhere`")] {
        let Err(AskError::Configure(text)) = scored(behaviour).await else { panic!("{behaviour}") };
        assert!(text.contains(expect), "{text}");
    }
}

#[tokio::test]
async fn after_a_failure_the_next_decision_has_a_fresh_instance() {
    let (host, version) = scorer("trap").await;
    for _ in 0..3 {
        assert!(matches!(host.score(version, input()).await, Err(AskError::Trap(_))));
    }
    assert_eq!(host.loaded()[0].live_instances, 0);
}

#[tokio::test]
async fn a_slow_scorer_leaves_others_alone() {
    let (host, slow) = scorer("slow").await;
    let good = version("good");
    host.load(good, spec("probe-scorer", &[])).await.unwrap();
    let (slow, good) = tokio::join!(host.score(slow, input()), host.score(good, input()));
    assert!(matches!(slow, Err(AskError::Deadline(_))));
    assert_eq!(good.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn an_input_that_contradicts_itself_and_a_version_that_is_none() {
    let (host, version) = scorer("").await;
    let wrong = ScoreInput { agent_count: 4, ..input() };
    assert!(matches!(host.score(version, wrong).await, Err(AskError::Input(_))));
    assert_eq!(host.score(crate::common::version("nowhere"), input()).await, Err(AskError::NotLoaded));
}

#[tokio::test]
async fn the_stock_scorer_scores_as_it_does_natively() {
    use skills_scorer::scoring::{Plan, Weights, score_agents};
    let host = host();
    let version = version("skills-scorer");
    host.load(version, spec("skills-scorer", &[("weights", "skill:3.5,idle:2")])).await.unwrap();
    let contact = names(&["priority", "needs:spanish", "waited-ms", "age", "x"]);
    let agent = names(&["idle-ms", "handled", "skill:spanish", "skill:vip", "age", "x"]);
    let agents: Vec<f32> = (0_u8..100)
        .flat_map(|n| {
            let n = f32::from(n);
            let level = if n % 7.0 == 0.0 { f32::NAN } else { n % 10.0 };
            [n * 1234.5, n % 13.0, level, n % 5.0, n / 3.0, -n]
        })
        .collect();
    let row = vec![7.0, 4.0, 12_345.0, 0.25, 0.01];
    let input = ScoreInput {
        contact_columns: Arc::clone(&contact),
        agent_columns: Arc::clone(&agent),
        contacts: vec![row.clone()],
        agents: agents.clone(),
        agent_count: 100,
        with_parts: true,
    };
    let through_plugin = host.score(version, input).await.unwrap();

    let plan = Plan::new(Weights::parse("skill:3.5,idle:2").unwrap(), &contact, &agent).unwrap();
    let place = |columns: &[String], name: &String| columns.iter().position(|column| column == name).unwrap();
    let pick = |columns: &[String], wanted: &[String], row: &[f32]| -> Vec<f32> {
        wanted.iter().map(|name| row[place(columns, name)]).collect()
    };
    let picked_contact = pick(&contact, plan.contact_columns(), &row);
    let picked: Vec<f32> = agents.chunks(6).flat_map(|row| pick(&agent, plan.agent_columns(), row)).collect();
    let native = score_agents(&plan, &picked_contact, &picked, true).unwrap();
    // To the bit: the engine is deterministic, and so is the order of every sum.
    assert_eq!(through_plugin.rows[0].parts, native.parts);
    let refused = native.rows.iter().filter(|row| row.is_none()).count();
    assert_eq!(through_plugin.rows[0].scores.iter().filter(|score| score.is_none()).count(), refused);
    assert!((20..80).contains(&refused), "{refused}");
}
