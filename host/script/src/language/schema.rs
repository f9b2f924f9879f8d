//! The JSON Schema of scripts: what the types say, and what of the reader's rules a schema can say.

use super::part::Part;
use serde_json::{Value, json};

/// Steps that nothing can be expected of.
const NO_EXPECTATIONS: [&str; 12] = [
    "presses",
    "silent",
    "listens",
    "hangs_up",
    "agent_ready",
    "agent_not_ready",
    "agent_hangs_up",
    "operator_sets",
    "operator_ends",
    "queue_closes",
    "within",
    "never",
];

/// The JSON Schema of scripts, as text with a line end: for editors, published with the documentation.
#[must_use]
pub fn schema() -> String {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = false;
    let mut schema = settings.into_generator().into_root_schema_for::<Part>().to_value();
    rules(&mut schema);
    // As a schema its keywords stand in the usual order. It is a tree of texts and numbers: it has a form as text.
    let schema = schemars::Schema::try_from(schema).unwrap_or_default();
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

fn rules(schema: &mut Value) {
    bound_integers(schema);
    // `never` has something that can happen, one name at a time.
    let one = json!({ "maxProperties": 1 });
    let never = json!({ "$ref": "#/$defs/Expectation", "properties": { "set": one, "stored": one } });
    let mut steps = schema.pointer("/$defs/Step/oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    for step in &mut steps {
        put(step, "/properties/never", &never);
        for names in ["set", "stored", "operator_sets"] {
            put(step, &format!("/properties/{names}/minProperties"), &json!(1));
        }
    }
    let (expectations, mut steps): (Vec<Value>, Vec<Value>) = steps.into_iter().partition(is_expectation);
    steps.push(json!({ "$ref": "#/$defs/Expectation" }));
    put(schema, "/$defs/Step/oneOf", &json!(steps));
    put(schema, "/$defs/Expectation", &json!({ "description": "Something that can happen.", "oneOf": expectations }));
    // The whole, and each case, which is one without cases of its own and with a name.
    for part in ["", "/$defs/Part"] {
        put(schema, &format!("{part}/properties/never/items"), &never);
        let case = json!({ "$ref": "#/$defs/Part", "required": ["name"], "properties": { "cases": false } });
        put(schema, &format!("{part}/properties/cases/items"), &case);
    }
    put(schema, "/anyOf", &json!([{ "required": ["conversation"] }, { "required": ["cases"] }]));
}

fn is_expectation(step: &Value) -> bool {
    let named = step.get("required").and_then(|names| names.get(0)).or_else(|| step.get("const"));
    named.and_then(Value::as_str).is_some_and(|name| !NO_EXPECTATIONS.contains(&name))
}

/// Puts a member in an object, if the object is there.
fn put(schema: &mut Value, pointer: &str, value: &Value) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    // `never` and the items are there already; the bounds and `Expectation` are new.
    if let Some(Value::Object(parent)) = schema.pointer_mut(parent)
        && (parent.contains_key(name) || !matches!(name, "never" | "items"))
    {
        parent.insert(name.to_owned(), value.clone());
    }
}

/// The formats `int32` and `uint32` are no more than notes.
fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let bounds = match members.get("format").and_then(Value::as_str) {
                Some("int32") => Some((json!(i32::MIN), json!(i32::MAX))),
                Some("uint32") => Some((json!(0), json!(u32::MAX))),
                _ => None,
            };
            if let Some((least, most)) = bounds {
                members.entry("minimum").or_insert(least);
                members.entry("maximum").or_insert(most);
            }
            members.values_mut().for_each(bound_integers);
        }
        Value::Array(all) => all.iter_mut().for_each(bound_integers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
