//! From a response to a profile.

use crate::bindings::cordboard::crm::types::{Field as ProfileField, Profile};
use crate::settings::{Field, Settings};
use serde_json::Value;

/// More of a body is not read: nobody's profile is so long.
pub(crate) const MAX_BODY_BYTES: usize = 256 * 1024;
/// Bounds of the contract.
const MAX_ID_BYTES: usize = 128;
const MAX_NAME_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 8 * 1024;
const MAX_FIELDS: usize = 512;

/// The person that a response tells of; `None` if it says that there is none.
///
/// Fields beyond the contract's bounds are left out.
///
/// # Errors
/// What is wrong with the response, without anything personal in it.
pub(crate) fn profile(settings: &Settings, status: u16, body: &[u8]) -> Result<Option<Profile>, String> {
    match status {
        200 => {}
        404 => return Ok(None),
        status => return Err(format!("the back-end answered with HTTP status {status}")),
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(format!("the back-end's answer is longer than {MAX_BODY_BYTES} bytes"));
    }
    // The error's own text could quote the body.
    let json: Value = serde_json::from_slice(body).map_err(|error| {
        format!("the back-end's answer is no JSON: line {}, column {}", error.line(), error.column())
    })?;
    if !json.is_object() {
        return Err("the back-end's answer is no JSON object".into());
    }
    let id = scalar(&json, &settings.id_field).filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()));
    let id = id.ok_or_else(|| format!("the back-end's answer has no usable `{}`", settings.id_field.name))?;
    let display_name = scalar(&json, &settings.name_field).filter(|name| (1..=MAX_VALUE_BYTES).contains(&name.len()));
    let fields = match &settings.fields {
        Some(wanted) => wanted.iter().filter_map(|field| Some((field.name.clone(), scalar(&json, field)?))).collect(),
        None => outermost(&json),
    };
    let fits =
        |(name, value): &(String, String)| (1..=MAX_NAME_BYTES).contains(&name.len()) && value.len() <= MAX_VALUE_BYTES;
    let fields = fields.into_iter().filter(fits).take(MAX_FIELDS);
    let fields = fields.map(|(name, value)| ProfileField { name, value }).collect();
    Ok(Some(Profile { id, display_name, fields }))
}

/// All scalars of the outermost object, by name.
fn outermost(json: &Value) -> Vec<(String, String)> {
    let object = json.as_object().into_iter().flatten();
    object.filter_map(|(name, value)| Some((name.clone(), as_text(value)?))).collect()
}

fn scalar(json: &Value, field: &Field) -> Option<String> {
    as_text(field.path.iter().try_fold(json, |value, step| value.get(step.as_str()))?)
}

/// Text as it is, numbers and truth values as JSON writes them; nothing for the rest.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = r#"{"id": "1001", "name": "Ada Lovelace", "number": "+15550001", "balance_minor": -123456,
        "currency": "USD", "tier": "gold", "due_date": "2026-12-24", "vip": true, "rate": 1.5, "note": null,
        "tags": ["a"], "address": {"city": "London"}}"#;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let pairs = pairs.iter().chain(&[("base-url", "http://bank")]);
        Settings::read(&pairs.map(|(key, value)| ((*key).into(), (*value).into())).collect::<Vec<_>>()).unwrap()
    }

    fn shown(pairs: &[(&str, &str)], body: &str) -> String {
        let profile = profile(&settings(pairs), 200, body.as_bytes()).unwrap().unwrap();
        let fields: Vec<String> = profile.fields.iter().map(|f| format!("{}={}", f.name, f.value)).collect();
        format!("{} {:?} {}", profile.id, profile.display_name.as_deref(), fields.join(" "))
    }

    #[test]
    fn by_default_every_scalar_is_a_field() {
        let expect = "1001 Some(\"Ada Lovelace\") balance_minor=-123456 currency=USD due_date=2026-12-24 id=1001 \
                      name=Ada Lovelace number=+15550001 rate=1.5 tier=gold vip=true";
        assert_eq!(shown(&[], ADA), expect);
        assert_eq!(shown(&[], r#"{"id": 7}"#), "7 None id=7");
    }

    #[test]
    fn a_mapping_picks_and_renames() {
        let fields = ("fields", "tier,address.city:town,missing,tags,balance_minor.x:y");
        assert_eq!(shown(&[fields], ADA), "1001 Some(\"Ada Lovelace\") tier=gold town=London");
        let pairs = [("id-field", "number"), ("name-field", "address.city"), ("fields", "vip")];
        assert_eq!(shown(&pairs, ADA), "+15550001 Some(\"London\") vip=true");
    }

    #[test]
    fn unknown_people_are_no_error_and_everything_else_is() {
        let long = format!(r#"{{"id": "{}"}}"#, "x".repeat(MAX_BODY_BYTES));
        let long_id = format!(r#"{{"id": "{}"}}"#, "x".repeat(129));
        let deep = format!("{{\"id\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for (status, body, expect) in [
            (404, ADA, Ok(())),
            (204, "", Err("status 204")),
            (301, ADA, Err("status 301")),
            (401, ADA, Err("status 401")),
            (500, ADA, Err("status 500")),
            (503, "", Err("status 503")),
            (200, "", Err("no JSON")),
            (200, "<html>Ada</html>", Err("no JSON")),
            (200, "\u{0}\u{fffd}", Err("no JSON")),
            (200, r#"{"id": "1""#, Err("no JSON")),
            (200, r#"{"id": 1e999}"#, Err("no JSON")),
            (200, deep.as_str(), Err("no JSON")),
            (200, "[]", Err("no JSON object")),
            (200, "null", Err("no JSON object")),
            (200, "{}", Err("no usable `id`")),
            (200, r#"{"id": ""}"#, Err("no usable `id`")),
            (200, r#"{"id": {"a": 1}}"#, Err("no usable `id`")),
            (200, long_id.as_str(), Err("no usable `id`")),
            (200, long.as_str(), Err("longer than")),
        ] {
            let got = profile(&settings(&[]), status, body.as_bytes());
            match (&got, expect) {
                (Ok(got), Ok(())) => assert!(got.is_none(), "HTTP {status}: {got:?}"),
                (Err(got), Err(expect)) => assert!(got.contains(expect) && !got.contains("Ada"), "{got}"),
                (got, expect) => panic!("HTTP {status}: {got:?}, expected {expect:?}"),
            }
        }
    }

    #[test]
    fn fields_beyond_the_bounds_are_left_out() {
        let mut object = serde_json::Map::new();
        object.insert("id".into(), 1.into());
        object.insert("a-long-value".into(), "x".repeat(MAX_VALUE_BYTES + 1).into());
        object.insert("a-".repeat(100), 1.into());
        object.insert(String::new(), 1.into());
        for at in 0..600 {
            object.insert(format!("field-{at:03}"), at.into());
        }
        let body = Value::Object(object).to_string();
        let fields = profile(&settings(&[]), 200, body.as_bytes()).unwrap().unwrap().fields;
        assert_eq!(fields.len(), MAX_FIELDS);
        assert_eq!((fields[0].name.as_str(), fields[511].name.as_str()), ("field-000", "field-511"));
    }
}
