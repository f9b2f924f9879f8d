//! {{name}}: asks a JSON back-end who a person is.

use cordboard_sdk::config;
use cordboard_sdk::crm::*;
use cordboard_sdk::http::{Request, encode};
use serde_json::Value;
use std::time::Duration;

struct {{Name}};
cordboard_sdk::crm!({{Name}});

impl Crm for {{Name}} {
    fn lookup(key: &Key, within: Duration) -> Result<Option<Profile>, LookupError> {
        let base = config::get("base-url").ok_or_else(|| LookupError::Misconfigured("base-url is not set".into()))?;
        let path = match key.kind.as_str() {
            "phone" => format!("/customers/by-phone/{}", encode(&key.value)),
            "account" => format!("/customers/{}", encode(&key.value)),
            other => return Err(LookupError::Unsupported(other.into())),
        };
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let response = Request::get(&url).header("accept", "application/json").send(within)?;
        match response.status {
            200 => profile(&response.body).map(Some),
            404 => Ok(None),
            status => Err(LookupError::Unavailable(format!("status {status}"))),
        }
    }
}

/// The back-end's object: `id`, `name`, and whatever else is a text or a number as a field.
fn profile(body: &[u8]) -> Result<Profile, LookupError> {
    let unusable = || LookupError::Unavailable("no customer in the answer".into());
    let Ok(Value::Object(customer)) = serde_json::from_slice(body) else { return Err(unusable()) };
    let id = customer.get("id").and_then(Value::as_str).ok_or_else(unusable)?;
    let mut profile = Profile::new(id);
    for (name, value) in &customer {
        match value {
            Value::String(text) if name == "name" => profile = profile.named(text),
            Value::String(text) if name != "id" => profile = profile.with(name, text),
            Value::Number(number) => profile = profile.with(name, number.to_string()),
            _ => {}
        }
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_becomes_a_profile() {
        let found = profile(br#"{"id": "1001", "name": "Ada", "balance_minor": 1234, "odd": null}"#).unwrap();
        assert_eq!((found.id.as_str(), found.display_name.as_deref()), ("1001", Some("Ada")));
        assert_eq!(found.fields.len(), 1);
        assert!(profile(b"{}").is_err());
        assert!(profile(b"<html>").is_err());
    }
}
