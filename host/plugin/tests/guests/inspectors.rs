//! Inspectors: what they find is about what was said, and everything that can't be used is named.

use crate::common::{host, spec, version};
use cordboard_core::ids::{ContactId, Version};
use cordboard_plugin::{AskError, Inspection, PluginHost, Severity, Speaker, Talk, Turn, Voice};

fn talk() -> Talk {
    Talk {
        offered: ["tier".to_owned(), "city".to_owned()].into(),
        contact: ContactId(7),
        language: Some("tlh".into()),
        queue: Some("support".into()),
        agent: Some("101".into()),
        attributes: vec![Some("gold".into()), None],
    }
}

fn turn(index: u32, speaker: Speaker, text: &str) -> Turn {
    let voice =
        Voice { pitch_hz: 180.0, pitch_deviation_hz: 20.0, loudness_db: -20.0, rate_per_minute: 200.0, overlap_ms: 0 };
    let (began_ms, ended_ms) = (u64::from(index) * 1000, u64::from(index) * 1000 + 900);
    Turn { index, speaker, began_ms, ended_ms, text: text.into(), confidence: Some(0.9), voice: Some(voice) }
}

fn turns() -> Vec<Turn> {
    vec![
        turn(3, Speaker::Agent, "A promise is a promise."),
        turn(4, Speaker::Person, "WHERE IS IT"),
        turn(5, Speaker::Agent, "Tomorrow, I promise."),
    ]
}

async fn inspector(behaviour: &str) -> (PluginHost, Version) {
    let (host, version) = (host(), version(behaviour));
    host.load(version, spec("probe-inspector", &[("behaviour", behaviour)])).await.unwrap();
    (host, version)
}

async fn inspected(behaviour: &str) -> Result<Inspection, AskError> {
    let (host, version) = inspector(behaviour).await;
    host.inspect(version, talk(), turns(), 4).await
}

#[tokio::test]
async fn new_turns_give_findings_and_feelings() {
    let found = inspected("").await.unwrap();
    assert_eq!(found.findings.len(), 1, "the turn before was told before");
    let finding = &found.findings[0];
    assert_eq!((finding.rule.as_str(), finding.turn, finding.span), ("promise", 5, Some((12, 19))));
    assert_eq!((&finding.severity, finding.prompt.as_deref()), (&Severity::Warning, Some("Keep it.")));
    assert_eq!(*found.emotion_names, ["anger".to_owned()]);
    assert!(found.emotions[0].speaker == Speaker::Person && found.emotions[0].numbers[0] > 0.3);
}

#[tokio::test]
async fn a_talk_is_summed_up() {
    let (host, version) = inspector("").await;
    let told = host.inspect(version, talk(), turns(), 4).await.unwrap().findings;
    let summary = host.summarise(version, talk(), turns(), told).await.unwrap();
    assert_eq!(summary.parts, [("promises".to_owned(), Some(98.0))]);
    assert!(summary.review && summary.findings.len() == 2 && summary.rules[0].title == "Someone said promise");
    assert_eq!(summary.text.as_deref(), Some(r#"[Some("gold")], 1 told before"#), "as many attributes as it selected");
    let (host, version) = inspector("parts").await;
    let wrong = host.summarise(version, talk(), turns(), vec![]).await;
    assert_eq!(wrong, Err(AskError::WrongCount { what: "parts", expected: 1, got: 0 }));
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    for (behaviour, why) in
        [("unknown-rule", "`other`"), ("unknown-turn", "9999"), ("span", "no part"), ("flood", "65 findings")]
    {
        let Err(AskError::Contract(text)) = inspected(behaviour).await else { panic!("{behaviour}") };
        assert!(text.contains(why), "{behaviour}: {text}");
    }
    assert_eq!(inspected("nan").await, Err(AskError::NotFinite("emotion")));
    assert!(matches!(inspected("huge").await, Err(AskError::Limit(_))));
    assert!(matches!(inspected("trap").await, Err(AskError::Trap(_))));
    assert_eq!(inspected("loop").await, Err(AskError::Deadline(200)));
    assert!(matches!(inspected("language").await, Err(AskError::Refused(text)) if text.contains("tlh")));
    assert!(matches!(inspected("unconfigurable").await, Err(AskError::Configure(_))));
    assert!(matches!(inspected("same-rule").await, Err(AskError::Configure(text)) if text.contains("promise")));
}

#[tokio::test]
async fn after_a_failure_the_next_talk_has_a_fresh_instance() {
    let (host, version) = inspector("trap").await;
    for _ in 0..3 {
        assert!(matches!(host.inspect(version, talk(), turns(), 0).await, Err(AskError::Trap(_))));
    }
    assert!(host.summarise(version, talk(), turns(), vec![]).await.is_ok());
    assert_eq!(host.loaded()[0].live_instances, 0);
}

#[tokio::test]
async fn an_input_out_of_bounds_is_not_handed_over() {
    let (host, version) = inspector("").await;
    let gap = vec![turn(0, Speaker::Person, "a"), turn(2, Speaker::Person, "b")];
    assert!(matches!(host.inspect(version, talk(), gap, 0).await, Err(AskError::Input(_))));
    let long: Vec<Turn> = (0..65).map(|index| turn(index, Speaker::Person, "a")).collect();
    assert!(matches!(host.inspect(version, talk(), long.clone(), 0).await, Err(AskError::Input(_))));
    assert!(host.summarise(version, talk(), long, vec![]).await.is_ok());
}
