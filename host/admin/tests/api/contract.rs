//! Checks answers against the OpenAPI document: that status and media type are documented, and that a JSON body has
//! the members the schema wants and none that it doesn't know.

use crate::client::Answer;
use hyper::Method;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&cordboard_admin::openapi()).unwrap());

/// Checks an answer, unless its route or method is none.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let Some(operation) = operation(path).and_then(|item| item.get(method.as_str().to_lowercase())) else {
        assert!(matches!(answer.status, 401 | 404 | 405), "{method} {path} is not documented: {answer:?}");
        return;
    };
    let responses = operation.get("responses").unwrap();
    // 304 is an answer without content.
    if answer.status == 304 {
        return;
    }
    let documented = responses.get(answer.status.to_string()).or_else(|| {
        assert!(answer.status >= 400, "{method} {path}: {} is not documented", answer.status);
        responses.get("default")
    });
    let documented = documented.unwrap();
    let given = answer.header("content-type");
    let Some(content) = documented.get("content").and_then(Value::as_object) else {
        assert!(answer.body.is_empty(), "{method} {path}: no body is documented for {}", answer.status);
        return;
    };
    let schema = content.iter().find(|(kind, _)| given.starts_with(kind.as_str()));
    let (kind, schema) = schema.unwrap_or_else(|| panic!("{method} {path}: {given:?} is not documented: {answer:?}"));
    if kind.ends_with("json") {
        let wrong = violation(&answer.json(), schema.get("schema").unwrap(), "");
        assert_eq!(wrong, None, "{method} {path}: {}", answer.json());
    }
}

/// Checks a value against a named schema.
#[track_caller]
pub(crate) fn check_schema(name: &str, value: &Value) {
    let schema = serde_json::json!({ "$ref": format!("#/components/schemas/{name}") });
    assert_eq!(violation(value, &schema, ""), None, "{value}");
}

fn operation(path: &str) -> Option<&'static Value> {
    let fits = |template: &str| {
        let (asked, known): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
        asked.len() == known.len() && asked.iter().zip(&known).all(|(a, k)| a == k || k.starts_with('{'))
    };
    let paths = DOCUMENT.get("paths").unwrap().as_object().unwrap();
    paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item)
}

/// What is wrong with a value, if anything.
fn violation(value: &Value, schema: &Value, at: &str) -> Option<String> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = name.strip_prefix('#').unwrap();
        let named = DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{name} is not in the document"));
        return violation(value, named, at);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(forms) = schema.get(several).and_then(Value::as_array) {
            let wrongs: Vec<_> = forms.iter().map(|form| violation(value, form, at)).collect();
            if wrongs.iter().all(Option::is_some) {
                return Some(format!("{at} fits no form: {wrongs:?}"));
            }
        }
    }
    if let Some(kinds) = schema.get("type") {
        let kinds: Vec<&str> = match kinds {
            Value::String(kind) => vec![kind],
            kinds => kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect(),
        };
        if !kinds.iter().any(|kind| is_a(value, kind)) {
            return Some(format!("{at} is no {kinds:?}: {value}"));
        }
    }
    if let Some(known) = schema.get("enum").and_then(Value::as_array)
        && !known.contains(value)
    {
        return Some(format!("{at} is none of {known:?}: {value}"));
    }
    match value {
        Value::Object(members) => members_violation(members, schema, at),
        Value::Array(items) => {
            let schema = schema.get("items")?;
            items.iter().enumerate().find_map(|(index, item)| violation(item, schema, &format!("{at}[{index}]")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn members_violation(members: &serde_json::Map<String, Value>, schema: &Value, at: &str) -> Option<String> {
    let known = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let missing = required.filter_map(Value::as_str).find(|name| !members.contains_key(*name));
    if let Some(missing) = missing {
        return Some(format!("{at}.{missing} is missing"));
    }
    if schema.get("type").is_none_or(|kind| kind != "object" || (known.is_none() && others.is_none()))
        && known.is_none()
    {
        return None;
    }
    members.iter().find_map(|(name, value)| {
        let at = format!("{at}.{name}");
        match (known.and_then(|known| known.get(name)), others) {
            (Some(schema), _) => violation(value, schema, &at),
            (None, Some(schema)) if schema.is_object() => violation(value, schema, &at),
            (None, Some(Value::Bool(true))) => None,
            (None, _) => Some(format!("{at} is not documented")),
        }
    })
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn the_document_in_git_is_current() {
    let kept = include_str!("../../openapi.json");
    assert!(kept == cordboard_admin::openapi(), "host/admin/openapi.json is out of date: run `cargo xtask openapi`");
}

#[test]
fn every_operation_says_what_it_needs_and_refuses() {
    assert_eq!(DOCUMENT.get("openapi").unwrap(), "3.1.0");
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in DOCUMENT.get("paths").unwrap().as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation.get("operationId").unwrap().as_str().unwrap();
            assert!(names.insert(name), "{name} is there twice");
            assert!(!operation.get("summary").unwrap().as_str().unwrap().is_empty(), "{method} {path}");
            let responses = operation.get("responses").unwrap().as_object().unwrap();
            assert!(responses.contains_key("default"), "{method} {path}");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            for (status, response) in responses {
                let described = response.get("description").and_then(Value::as_str).unwrap_or_default();
                assert!(!described.is_empty(), "{method} {path} {status}");
            }
            let placeholders = path.matches('{').count();
            let parameters = operation.get("parameters").and_then(Value::as_array);
            let in_path = parameters.into_iter().flatten().filter(|parameter| parameter.get("in").unwrap() == "path");
            assert_eq!(in_path.count(), placeholders, "{method} {path}");
            let open = ["/healthz", "/readyz", "/openapi.json"].contains(&path.as_str());
            assert_eq!(operation.get("security").is_some(), open, "{method} {path}");
            assert_eq!(responses.contains_key("401"), !open, "{method} {path}");
        }
    }
    assert!(names.len() > 40, "{}", names.len());
}

#[test]
fn every_reference_leads_somewhere_and_every_member_is_described() {
    fn walk(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
        match value {
            Value::Object(members) => {
                visit(members);
                members.values().for_each(|value| walk(value, visit));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, visit)),
            _ => {}
        }
    }
    walk(&DOCUMENT, &mut |members| {
        if let Some(Value::String(reference)) = members.get("$ref") {
            assert!(DOCUMENT.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        if let Some(Value::Object(properties)) = members.get("properties") {
            for (name, schema) in properties {
                // Where null is possible the description stands beside the reference.
                let forms = schema.get("oneOf").and_then(Value::as_array);
                let mut all = forms.into_iter().flatten().chain([schema]);
                let described = all.any(|schema| schema.get("description").is_some());
                assert!(described, "{name} of {:?} is not described", properties.keys());
            }
        }
    });
}
