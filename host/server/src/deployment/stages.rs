//! A canary's stages as they are typed: `SHARE[:TIME[:CONTACTS]]`, one after the other, between commas.

use crate::span;
use serde_json::{Value, json};
use std::str::FromStr;

/// What is done where nothing is said: it grows by itself, slowly at first.
pub(super) const USUAL: &str = "1%:10m:200,10%:10m:200,50%:10m:200,100%:10m:200";

/// Stages of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stages(pub(super) Vec<Value>);

/// It is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no stage: a share in percent with at most two decimals, a time such as 10m, contacts such as 200; e.g. {USUAL}"
)]
pub(crate) struct NoStages(String);

/// A share in percent, in hundredths of it.
fn hundredths(text: &str) -> Option<u32> {
    let text = text.trim();
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return None;
    }
    let share = whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(format!("{part:0<2}").parse().ok()?)?;
    (share <= 10_000).then_some(share)
}

fn weights(hundredths: u32) -> Value {
    let percent = |hundredths: u32| f64::from(hundredths) / 100.0;
    json!({ "canary": percent(hundredths), "stable": percent(10_000 - hundredths) })
}

fn stage(text: &str) -> Option<Value> {
    let mut parts = text.split(':').map(str::trim);
    let mut stage = json!({ "weights": weights(hundredths(parts.next()?)?) });
    let members = stage.as_object_mut()?;
    if let Some(time) = parts.next() {
        members.insert("for_s".into(), span::seconds(time)?.into());
    }
    if let Some(contacts) = parts.next() {
        members.insert("contacts".into(), contacts.parse::<u32>().ok()?.into());
    }
    parts.next().is_none().then_some(stage)
}

impl FromStr for Stages {
    type Err = NoStages;

    fn from_str(text: &str) -> Result<Self, NoStages> {
        let read = |text: &str| stage(text).ok_or_else(|| NoStages(text.trim().chars().take(64).collect()));
        text.split(',').map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// A share that doesn't grow by itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weight(pub(super) Value);

impl FromStr for Weight {
    type Err = NoStages;

    fn from_str(text: &str) -> Result<Self, NoStages> {
        let share = hundredths(text).ok_or_else(|| NoStages(text.chars().take(64).collect()))?;
        Ok(Self(json!({ "weights": weights(share) })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_read_or_refused() {
        let Stages(usual) = USUAL.parse().unwrap();
        assert_eq!(usual.len(), 4);
        assert_eq!(
            usual.first(),
            Some(&json!({ "weights": { "canary": 1.0, "stable": 99.0 }, "for_s": 600, "contacts": 200 }))
        );
        for (text, expected) in [
            ("5", json!([{ "weights": { "canary": 5.0, "stable": 95.0 } }])),
            ("0.25 % : 1h", json!([{ "weights": { "canary": 0.25, "stable": 99.75 }, "for_s": 3_600 }])),
            ("2.5%:0s:7", json!([{ "weights": { "canary": 2.5, "stable": 97.5 }, "for_s": 0, "contacts": 7 }])),
        ] {
            let Stages(read) = text.parse().unwrap();
            assert_eq!(Value::from(read), expected, "{text}");
        }
        for text in [
            "",
            "5%,",
            "101",
            "-1",
            "1.234",
            ".5",
            "5%%",
            "1e1",
            "5%:10",
            "5%:10m:many",
            "5%:10m:1:1",
            "5%:",
            "٥",
            "99999999999",
        ] {
            assert!(text.parse::<Stages>().is_err(), "{text}");
        }
        assert_eq!("12.5%".parse(), Ok(Weight(json!({ "weights": { "canary": 12.5, "stable": 87.5 } }))));
    }
}
