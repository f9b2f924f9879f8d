//! Events as CloudEvents: every type, with the members that the document promises.

use crate::contract;
use crate::samples::{self, address, agent, at, contact, deployment, entry_point, queue};
use cordboard_admin::cloud_event;
use cordboard_core::agent::AgentState;
use cordboard_core::event::{Event, What};
use cordboard_core::flow::{FlowEnd, Profile};
use cordboard_core::ids::{DecisionId, Digest};
use cordboard_core::note::LogLevel;
use cordboard_core::record::{EndReason, OfferResult};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

// tidy: long-function: a table, a line or two each event.
/// Every variant, its type, and the members of its data.
fn every(text: &str) -> Vec<(What, &'static str, &'static str)> {
    let text = || text.to_owned();
    let (version, support) = (Digest::of(b"v1"), queue("support"));
    let fields = vec![(text(), text()), (text(), "again".into())];
    let customer = Some(Profile { id: text(), display_name: None, fields });
    let (origin, dialled) = (address("100"), address("200"));
    let screen_pop = What::ScreenPop {
        agent: agent("eve"),
        queue: support.clone(),
        origin: origin.clone(),
        customer,
        attributes: [(text(), text())].into(),
        choices: vec![(text(), text())],
        waited_ms: 5,
    };
    let queue = || support.clone();
    let eve = || agent("eve");
    vec![
        (
            What::Offered {
                entry_point: entry_point("main"),
                origin: origin.clone(),
                dialled: dialled.clone(),
                deployment: deployment("reception"),
                version,
            },
            "contact.offered",
            "entry_point origin dialled deployment version",
        ),
        (What::Refused { origin, dialled, cause: "busy" }, "contact.refused", "origin dialled cause"),
        (What::Answered, "contact.answered", ""),
        (What::Said { text: text() }, "contact.said", "text"),
        (What::Asked { question: text(), text: text() }, "contact.asked", "question text"),
        (What::Pressed { key: '#' }, "contact.pressed", "key"),
        (What::Chose { question: text(), answer: text() }, "contact.chose", "question answer"),
        (
            What::LookedUp { directory: Some(deployment("bank")), outcome: "found", took_ms: 3 },
            "contact.looked-up",
            "directory outcome took_ms",
        ),
        (What::AttributeSet { name: text(), value: text() }, "contact.attribute-set", "name value"),
        (What::Queued { queue: queue(), position: 2 }, "contact.queued", "queue position"),
        (
            What::LeftQueue { queue: queue(), outcome: "abandoned", waited_ms: 9 },
            "contact.left-queue",
            "queue outcome waited_ms",
        ),
        (
            What::Decided {
                decision: DecisionId(7),
                queue: queue(),
                assigned: vec![(contact(1), eve())],
                fallback: Some(text()),
                took_us: 12,
            },
            "queue.decided",
            "decision queue assigned fallback took_us",
        ),
        (screen_pop, "contact.screen-pop", "agent queue origin customer attributes choices waited_ms"),
        (What::OfferedToAgent { agent: eve(), queue: queue() }, "contact.offered-to-agent", "agent queue"),
        (
            What::OfferEnded { agent: eve(), queue: queue(), result: OfferResult::Declined },
            "contact.offer-ended",
            "agent queue result",
        ),
        (What::Connected { agent: eve(), queue: queue(), waited_ms: 9 }, "contact.connected", "agent queue waited_ms"),
        (
            What::TalkEnded { agent: eve(), queue: queue(), talked_ms: 9, by: "person" },
            "contact.talk-ended",
            "agent queue talked_ms by",
        ),
        (
            What::FlowEnded { end: Some(FlowEnd::Other(text())), failure: Some(("trap", text())) },
            "contact.flow-ended",
            "end failure",
        ),
        (What::Migrated { from: version, to: version, entry: 3 }, "contact.migrated", "from to entry"),
        (
            What::NotMigrated { to: version, outcome: "diverged", detail: text() },
            "contact.not-migrated",
            "to outcome detail",
        ),
        (What::Descended { rung: "predecessor", version, reason: text() }, "contact.descended", "rung version reason"),
        (What::SteppedDown { reason: text(), queue: None }, "contact.stepped-down", "reason queue"),
        (What::Ended { reason: EndReason::Failed(text()), lasted_ms: 9 }, "contact.ended", "reason detail lasted_ms"),
        (What::Erased, "contact.erased", ""),
        (
            What::AgentChanged { agent: eve(), state: AgentState::WrapUp { contact: contact(1), until: at(5) } },
            "agent.changed",
            "agent state reason contact until",
        ),
        (
            What::Deployed { deployment: deployment("reception"), version, before: None, still_running: 2 },
            "deployment.changed",
            "deployment version before still_running",
        ),
        (
            What::Stepped(Box::new(samples::step(7, Some(text())))),
            "deployment.stepped",
            "deployment step kind by why from to revision figures",
        ),
        (What::VersionIdle { version }, "deployment.version-idle", "version"),
        (What::StoreHealth { healthy: false, reason: text() }, "store.health", "healthy reason"),
        (
            What::CapabilityRefused { plugin: Some(text()), version, capability: "egress", detail: text() },
            "plugin.capability-refused",
            "plugin version capability detail",
        ),
        (
            What::Logged { plugin: Some("menu".into()), version, level: LogLevel::Warn, text: text() },
            "plugin.logged",
            "plugin version level text",
        ),
    ]
}

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Checks an event of each type.
fn check(number: u64, micros: u64, text: &str) {
    let (mut types, told) = (BTreeSet::new(), every(text));
    for (what, kind, data) in &told {
        for about in [Some(contact(number)), None] {
            let event = Event { at: cordboard_core::time::Timestamp(micros), contact: about, what: what.clone() };
            let event = cloud_event(number, &event);
            // CloudEvents 1.0 §3.1: id, source, specversion and type are required and not empty.
            assert_eq!(event["specversion"], "1.0");
            assert_eq!(event["id"], number.to_string());
            assert_eq!(event["source"], "/cordboard/default");
            assert_eq!(event["type"], format!("cordboard.{kind}"));
            assert_eq!(event["datacontenttype"], "application/json");
            assert_eq!(event["tenant"], "default");
            assert_eq!(event.get("subject").cloned(), about.map(|contact| json!(contact.to_string())));
            assert_eq!(event["time"].as_str().unwrap().len(), "2026-01-31T09:30:00.000000Z".len());
            assert_eq!(members(&event["data"]), data.split_whitespace().collect(), "{kind}");
            contract::check_schema("CloudEvent", &event);
            types.insert(*kind);
        }
    }
    assert_eq!(types.len(), 31, "each type is told by one variant only");
}

#[test]
fn every_event_has_its_members() {
    check(1207, at(1).0, "Hello");
}

#[test]
fn rule_20_without_what_is_personal_an_event_keeps_its_form_and_names_nobody() {
    for (what, kind, data) in every("walnut") {
        let event = Event { at: at(0), contact: Some(contact(1)), what }.without_personal();
        let told = cloud_event(1, &event);
        assert_eq!(members(&told["data"]), data.split_whitespace().collect(), "{kind}");
        contract::check_schema("CloudEvent", &told);
        let text = told["data"].to_string();
        assert!(!text.contains("192.0.2.7") && !text.contains("Ada"), "{kind}: {text}");
        // What an author calls a question or an attribute, and what isn't about a contact.
        let named = match kind {
            "contact.asked" | "contact.chose" | "contact.attribute-set" => 1,
            "store.health" => 1,
            "plugin.capability-refused" => 2,
            _ => 0,
        };
        assert_eq!(text.matches("walnut").count(), named, "{kind}: {text}");
    }
}

#[test]
fn a_screen_pop_says_who_is_calling() {
    let (what, ..) = every("x").into_iter().find(|(what, ..)| matches!(what, What::ScreenPop { .. })).unwrap();
    let event = cloud_event(1, &Event { at: at(0), contact: Some(contact(1)), what });
    let data = &event["data"];
    assert_eq!(data["origin"], json!({ "uri": "sip:100@192.0.2.7", "number": "100", "display_name": "Ada \"L\"" }));
    let fields = json!([{ "name": "x", "value": "x" }, { "name": "x", "value": "again" }]);
    assert_eq!(data["customer"], json!({ "id": "x", "display_name": null, "fields": fields }));
    assert_eq!(data["choices"], json!([{ "question": "x", "answer": "x" }]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn whatever_it_says_an_event_has_its_members(number: u64, micros: u64, text in "\\PC{0,40}|[\\x00-\\x1f\"\\\\]{0,8}") {
        check(number, micros, &text);
    }
}
