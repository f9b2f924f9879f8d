use super::*;
use serde_json::{Value, json};

fn read(plan: Value) -> Result<Plan, (&'static str, String)> {
    let body: PlanBody = serde_json::from_value(plan).map_err(|error| ("malformed", error.to_string()))?;
    body.checked("canary").map_err(|problem| {
        let (code, field) = problem.code_and_field();
        (code, field.to_owned())
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut plan = json!({ "stages": [{ "weights": { "stable": 95, "canary": 5 } }] });
    plan[key] = value;
    plan
}

#[test]
fn what_was_written_reads_back_as_the_same() {
    let all = json!({
        "sticky": "caller",
        "rules": [
            { "caller": "+49*", "dialled": "100", "then": "canary" },
            { "attribute": { "name": "tier", "value": "gold" }, "then": "stable" },
            { "hours": { "days": ["mon", "sun"], "from": "22:00", "to": "06:30", "utc_offset": "-03:30" },
              "then": "weighted" },
        ],
        "stages": [
            { "weights": { "stable": 99, "canary": 1 }, "for_s": 600, "contacts": 200 },
            { "weights": { "stable": 0, "canary": 100 }, "for_s": 600, "contacts": 0 },
        ],
        "guards": [
            { "figure": "traps", "worse_by": 0.0, "minimum": 5 },
            { "figure": "containment", "worse_by": 2.5, "at_most": 60.25, "minimum": 20 },
            { "figure": "hang-ups", "question": "menu", "worse_by": 0.0, "minimum": 5 },
            { "figure": "attribute", "name": "survey", "value": "bad", "worse_by": 0.0, "minimum": 5 },
            { "figure": "step-latency", "times": 1.5, "at_least_ms": 20, "worse_by": 0.0, "minimum": 5 },
        ],
        "window_s": 600, "false_alarms": 0.5,
    });
    let plan = read(all.clone()).unwrap();
    assert_eq!(plan.check(World::Flow), Ok(()));
    let again = serde_json::to_value(PlanBody::of(&plan)).unwrap();
    assert_eq!(read(again.clone()).unwrap(), plan);
    for (key, value) in all.as_object().unwrap() {
        let same = |a: &Value, b: &Value| serde_json::from_value::<Value>(a.clone()).unwrap() == *b;
        assert!(key == "stages" || same(&again[key], value), "{key}: {}", again[key]);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let stage = |stable: f64, canary: f64| json!([{ "weights": { "stable": stable, "canary": canary } }]);
    let hours = |hours: Value| json!([{ "hours": hours, "then": "canary" }]);
    for (key, value, expected) in [
        ("stages", stage(95.0, 5.0), None),
        ("stages", stage(99.99, 0.01), None),
        ("stages", stage(95.0, 6.0), Some(("weights-sum", "canary.stages[0].weights"))),
        ("stages", stage(95.001, 4.999), Some(("out-of-bounds", "canary.stages[0].weights.stable"))),
        ("stages", stage(101.0, -1.0), Some(("out-of-bounds", "canary.stages[0].weights.stable"))),
        ("stages", json!([{ "weights": { "stable": 95 } }]), Some(("malformed", ""))),
        ("guards", json!([{ "figure": "laughter" }]), Some(("unknown-figure", "canary.guards[0].figure"))),
        (
            "guards",
            json!([{ "figure": "traps", "question": "menu" }]),
            Some(("unknown-figure", "canary.guards[0].question")),
        ),
        ("guards", json!([{ "figure": "attribute" }]), Some(("missing-field", "canary.guards[0].name"))),
        ("guards", json!([{ "figure": "traps", "at_most": 101 }]), Some(("out-of-bounds", "canary.guards[0].at_most"))),
        (
            "rules",
            hours(json!({ "from": "8:00", "to": "18:00" })),
            Some(("invalid-hours", "canary.rules[0].hours.from")),
        ),
        (
            "rules",
            hours(json!({ "from": "08:00", "to": "24:01" })),
            Some(("invalid-hours", "canary.rules[0].hours.to")),
        ),
        (
            "rules",
            hours(json!({ "from": "08:00", "to": "18:00", "days": ["Mon"] })),
            Some(("invalid-hours", "canary.rules[0].hours.days")),
        ),
        (
            "rules",
            hours(json!({ "from": "08:00", "to": "18:00", "utc_offset": "CET" })),
            Some(("invalid-hours", "canary.rules[0].hours.utc_offset")),
        ),
        ("false_alarms", json!(200), Some(("out-of-bounds", "canary.false_alarms"))),
        ("extra", json!(1), Some(("malformed", ""))),
    ] {
        let found = read(with(key, value.clone())).err();
        match (&found, expected) {
            (Some((code, field)), Some((expected, place))) => {
                assert_eq!(*code, expected, "{value}: {field}");
                assert!(place.is_empty() || field == place, "{value}: {field}");
            }
            (None, None) => {}
            _ => panic!("{value}: {found:?}"),
        }
    }
}
