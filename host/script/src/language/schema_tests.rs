//! The schema and the reader take and refuse the same, as far as a schema can say it.

use super::*;
use crate::language::{Script, options};
use std::collections::BTreeSet;

/// As much of a validator (JSON Schema 2020-12) as the schema has keywords: another one fails the test.
fn takes(root: &Value, schema: &Value, value: &Value) -> bool {
    let keywords = match schema {
        Value::Bool(takes) => return *takes,
        Value::Object(keywords) => keywords,
        other => panic!("{other} is no schema"),
    };
    let all = |given: &Value| given.as_array().unwrap().clone();
    keywords.iter().all(|(keyword, given)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
        "$ref" => takes(root, root.pointer(given.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
        "anyOf" => all(given).iter().any(|one| takes(root, one, value)),
        "oneOf" => all(given).iter().filter(|one| takes(root, one, value)).count() == 1,
        "const" => value == given,
        "enum" => all(given).contains(value),
        "type" => match given {
            Value::Array(names) => names.iter().any(|name| is(value, name.as_str().unwrap())),
            name => is(value, name.as_str().unwrap()),
        },
        "pattern" => {
            let pattern = regex::Regex::new(given.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "minimum" => value.as_f64().is_none_or(|number| number >= given.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= given.as_f64().unwrap()),
        "minProperties" => value.as_object().is_none_or(|members| members.len() as u64 >= given.as_u64().unwrap()),
        "maxProperties" => value.as_object().is_none_or(|members| members.len() as u64 <= given.as_u64().unwrap()),
        "required" => value
            .as_object()
            .is_none_or(|members| all(given).iter().all(|name| members.contains_key(name.as_str().unwrap()))),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| takes(root, given, item))),
        "properties" => value.as_object().is_none_or(|members| {
            let known = given.as_object().unwrap();
            members.iter().all(|(name, member)| known.get(name).is_none_or(|schema| takes(root, schema, member)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|members| {
            let known = keywords.get("properties").and_then(Value::as_object);
            let known: BTreeSet<&String> = known.into_iter().flatten().map(|(name, _)| name).collect();
            members.iter().filter(|(name, _)| !known.contains(name)).all(|(_, member)| takes(root, given, member))
        }),
        other => panic!("the test knows no `{other}`"),
    })
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type `{other}`"),
    }
}

/// Whether the schema takes it, and whether the reader does.
fn taken(root: &Value, text: &str) -> (bool, bool) {
    let value: Value = serde_saphyr::from_str_with_options(text, options()).unwrap();
    (takes(root, root, &value), Script::read(text).is_ok())
}

#[test]
// tidy: long-function: a table.
fn the_schema_and_the_reader_agree() {
    let root: Value = serde_json::from_str(&schema()).unwrap();
    let step = |step: &str| format!("conversation: [{step}]");
    let with = |more: &str| format!("conversation: []\n{more}");
    let steps = [
        ("{chose: true}", true),
        ("{chose: 1.5}", true),
        ("{chose: 1_000}", true),
        ("{chose: '1'}", true),
        ("{chose: }", false),
        ("{chose: {}}", true),
        ("{chose: [a]}", false),
        ("{chose: {answr: a}}", false),
        ("{hears: true}", true),
        ("{hears: 5}", true),
        ("{hears: ''}", false),
        ("{asked: {text: ' '}}", false),
        ("{set: {}}", false),
        ("{set: {a: null}}", false),
        ("{set: {a: 1.0, b: true}}", true),
        ("{operator_sets: {}}", false),
        ("{operator_sets: {a: 1, b: true}}", true),
        ("{presses: -1}", false),
        ("{presses: 12}", true),
        ("{presses: '12E'}", false),
        ("{presses: ''}", false),
        ("{silent: 5}", false),
        ("{silent: 5x}", false),
        ("{drew: {name: a, index: -1}}", false),
        ("{drew: {name: a, index: 4294967296}}", false),
        ("{queued: {priority: 99999999999}}", false),
        ("{queued: {priority: -5, queue: null}}", true),
        ("hangs_up", true),
        ("hangs_upp", false),
        ("{hears: a, silent: 1s}", false),
        ("{never: {hears: a}}", true),
        ("{never: hangs_up}", false),
        ("{never: rings}", true),
        ("{never: {presses: 1}}", false),
        ("{never: {never: {hears: a}}}", false),
        ("{never: {set: {a: b, c: d}}}", false),
        ("{fetched: 'https://a/'}", true),
        ("{fetched: {method: GET, outcome: 200}}", true),
        ("{fetched: {status: 200}}", false),
    ];
    let parts = [
        ("name: 5", true),
        ("flow: 5", true),
        ("x: 1", false),
        ("caller: {name: 5, number: 1, dials: 100}", true),
        ("caller: null", true),
        ("caller: {}", true),
        ("at: 2026-03-02T08:00:00Z", true),
        ("at: 2026-03-02T08:00:00+01:00", false),
        ("at: 2026-03-02T08:00:00.5Z", false),
        ("queues: [{name: 5}]", true),
        ("queues: [{name: a, room: 0}]", false),
        ("queues: [{name: a, waiting: 101}]", false),
        ("queues: [{}]", false),
        ("agents: [{id: 7001, skills: {a: 10}}]", true),
        ("agents: [{id: 7001, skills: {a: 11}}]", false),
        ("agents: [{id: 7001, skills: {a: 0}}]", false),
        ("agents: [{queue: default}]", false),
        ("directory: [{answers: {id: 5, name: 7, fields: {a: 1}}}]", true),
        ("directory: [{answers: {id: 5, fields: {a: null}}}]", false),
        ("directory: [{answers: {name: a}}]", false),
        ("directory: [{fails: broken}]", false),
        ("backend: [{answers: 404}]", true),
        ("backend: [{answers: 99}]", false),
        ("backend: [{answers: {status: 600}}]", false),
        ("backend: [{answers: {json: {a: [1, null]}}}]", true),
        ("backend: [{answers: {body: 5, headers: {a: 5}}, after: 1s, times: 2}]", true),
        ("backend: [{answer: 200}]", false),
        ("backend: [{fails: ended}]", false),
        ("backend: [{fails: unknown-outcome, method: POST, url: /a/, body: b}]", true),
        ("values_fail: quota", true),
        ("values_fail: none", false),
        ("values: {a: 1, b: true}", true),
        ("config: {a: null}", false),
        ("draws: {a: -1}", false),
        ("draws: {a: 1}", true),
        ("seed: -1", false),
        ("strict: yes", false),
        ("ends: 5", true),
        ("ends: {within: 5}", false),
        ("ends: {attributes: {a: true}}", true),
        ("never: [{hears: a}]", true),
        ("never: [hangs_up]", false),
        ("cases: []", true),
        ("cases: [{name: a}]", true),
        ("cases: [{ends: failed}]", false),
        ("cases: [{name: a, cases: [{name: b}]}]", false),
    ];
    let whole = [("cases: [{name: a, conversation: []}]", true), ("name: a", false), ("conversation: 5", false)];
    let steps = steps.iter().map(|(text, taken)| (step(text), *taken));
    let parts = parts.iter().map(|(text, taken)| (with(text), *taken));
    let whole = whole.iter().map(|(text, taken)| ((*text).to_owned(), *taken));
    for (text, expected) in steps.chain(parts).chain(whole) {
        assert_eq!(taken(&root, &text), (expected, expected), "by the schema, by the reader: {text}");
    }
}

#[test]
fn what_no_schema_says_the_reader_refuses() {
    let root: Value = serde_json::from_str(&schema()).unwrap();
    for text in [
        "conversation: [{within: 1s}]",
        "conversation: [{silent: 25h}]",
        "conversation: [hangs_up, listens]",
        "conversation: [{queue_closes: other}]",
        "conversation: [{hears: /(/}]",
        "conversation: []\ncaller: {anonymous: true, number: 1}",
        "conversation: []\nbackend: [{url: 'https://a/'}]",
        "conversation: []\nbackend: [{answers: {body: a, json: b}}]",
        "conversation: []\ndirectory: [{answers: {id: a}, fails: busy}]",
    ] {
        assert_eq!(taken(&root, text), (true, false), "{text}");
    }
}
