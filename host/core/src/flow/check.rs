//! The bounds of the flow contract, checked for every request before anything happens.

mod fetch;

pub use fetch::response;

use super::{Profile, Prompt, PromptPart, Question, Request};

/// A journal frame holds a list of attributes or a whole profile: so many bytes of text at most.
const MAX_LIST_BYTES: usize = 512 * 1024;

/// Checks a request against the bounds that `wit/flow` states.
///
/// # Errors
/// What is out of bounds, for `contact-error.invalid`.
pub fn check(request: &Request) -> Result<(), String> {
    match request {
        Request::LoadValue(key) | Request::StoreValue(key, None) => name_of("key", key, 128),
        Request::StoreValue(key, Some(value)) => {
            name_of("key", key, 128)?;
            within("value", value.len(), 0, 8 * 1024)
        }
        Request::Attribute(name) => name_of("attribute name", name, 128),
        Request::SetAttribute(name, value) => attribute(name, value),
        Request::Ring | Request::Answer | Request::StopPlaying | Request::Reject(_) | Request::Leave { .. } => Ok(()),
        Request::Redirect(target) => {
            within("target", target.len(), 1, 512)?;
            let known = ["sip:", "sips:", "tel:"].iter().any(|scheme| target.starts_with(scheme));
            if known && !target.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"')) {
                Ok(())
            } else {
                Err("target is no sip, sips or tel URI".into())
            }
        }
        Request::Say(prompt) | Request::StartPlaying { prompt, .. } => check_prompt(prompt),
        Request::Ask(question) => check_question(question),
        Request::Pause { duration_ms } => within("duration-ms", *duration_ms as usize, 0, 3_600_000),
        Request::Lookup { key, timeout_ms } => {
            name_of("key kind", &key.kind, 64)?;
            within("key value", key.value.len(), 1, 512)?;
            within("timeout-ms", *timeout_ms as usize, 100, 60_000)
        }
        Request::Choose { name, weights } => {
            name_of("name", name, 128)?;
            within("number of weights", weights.len(), 1, 32)?;
            if weights.iter().any(|weight| *weight > 0) { Ok(()) } else { Err("all weights are 0".into()) }
        }
        Request::Enqueue(request) => {
            name_of("queue", &request.queue, 64)?;
            if !(-1000..=1000).contains(&request.priority) {
                return Err(format!("priority is {}, not within -1000 to 1000", request.priority));
            }
            within("number of skills", request.skills.len(), 0, 16)?;
            request.skills.iter().try_for_each(|skill| {
                name_of("skill name", &skill.name, 64)?;
                within("min-level", skill.min_level as usize, 1, 10)
            })
        }
        Request::Wait { treatment, timeout_ms, .. } => {
            within("timeout-ms", *timeout_ms as usize, 100, 3_600_000)?;
            match treatment {
                Some(treatment) if treatment.announce_position_every_ms > 0 => {
                    within(
                        "announce-position-every-ms",
                        treatment.announce_position_every_ms as usize,
                        5_000,
                        600_000,
                    )?;
                    treatment.music.as_ref().map_or(Ok(()), |name| name_of("music", name, 128))
                }
                Some(treatment) => treatment.music.as_ref().map_or(Ok(()), |name| name_of("music", name, 128)),
                None => Ok(()),
            }
        }
        Request::ContinueAs { deployment, attributes } => {
            name_of("deployment", deployment, 64)?;
            within("number of attributes", attributes.len(), 0, 256)?;
            attributes.iter().try_for_each(|(name, value)| attribute(name, value))?;
            within("bytes of attributes", bytes_of(attributes), 0, MAX_LIST_BYTES)
        }
        Request::End(_) => Ok(()),
        Request::Fetch { request, timeout_ms } => fetch::check(request, *timeout_ms),
    }
}

/// Checks an attribute set from outside a flow.
///
/// # Errors
/// What is out of bounds.
pub fn attribute(name: &str, value: &str) -> Result<(), String> {
    name_of("attribute name", name, 128)?;
    within("attribute value", value.len(), 0, 8 * 1024)
}

/// Checks what a directory answered: each part is within the crm contract's bounds already, all of it need not be.
///
/// # Errors
/// What is out of bounds.
pub fn profile(profile: &Profile) -> Result<(), String> {
    within("number of fields", profile.fields.len(), 0, 512)?;
    let names = profile.id.len() + profile.display_name.as_ref().map_or(0, String::len);
    within("bytes of the profile", names + bytes_of(&profile.fields), 0, MAX_LIST_BYTES)
}

fn bytes_of(pairs: &[(String, String)]) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
}

fn within(what: &str, got: usize, min: usize, max: usize) -> Result<(), String> {
    if (min..=max).contains(&got) { Ok(()) } else { Err(format!("{what} is {got}, not within {min} to {max}")) }
}

fn name_of(what: &str, name: &str, max: usize) -> Result<(), String> {
    if name.is_empty() || name.len() > max {
        return Err(format!("{what} has {} bytes, not 1 to {max}", name.len()));
    }
    if name.chars().any(char::is_control) { Err(format!("{what} has a control character")) } else { Ok(()) }
}

fn check_prompt(prompt: &Prompt) -> Result<(), String> {
    within("number of prompt parts", prompt.0.len(), 1, 64)?;
    let mut bytes = 0;
    for part in &prompt.0 {
        match part {
            PromptPart::Text(text) => {
                within("text", text.len(), 0, 4 * 1024)?;
                bytes += text.len();
            }
            PromptPart::Recording(name) => name_of("recording", name, 128)?,
            PromptPart::Number(_) => {}
            PromptPart::Digits(digits) => within("digits", digits.chars().count(), 0, 64)?,
            PromptPart::Money { currency, .. } => {
                if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
                    return Err("currency is not three capital letters".into());
                }
            }
            PromptPart::Date { month, day, .. } => {
                within("month", *month as usize, 1, 12)?;
                within("day", *day as usize, 1, 31)?;
            }
            PromptPart::PauseMs(ms) => within("pause-ms", *ms as usize, 0, 10_000)?,
        }
    }
    within("prompt text", bytes, 0, 16 * 1024)
}

fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

fn check_question(question: &Question) -> Result<(), String> {
    name_of("question id", &question.id, 64)?;
    check_prompt(&question.prompt)?;
    within("number of choices", question.choices.len(), usize::from(question.digits.is_none()), 32)?;
    within("silence-timeout-ms", question.silence_timeout_ms as usize, 100, 300_000)?;
    within("key-timeout-ms", question.key_timeout_ms as usize, 100, 60_000)?;
    for (at, choice) in question.choices.iter().enumerate() {
        name_of("choice id", &choice.id, 64)?;
        within("number of words", choice.words.len(), 0, 16)?;
        choice.words.iter().try_for_each(|word| name_of("word", word, 128))?;
        if choice.key.is_some_and(|key| !is_key(key)) {
            return Err(format!("the key of choice `{}` is none of 0-9 * # A-D", choice.id));
        }
        for earlier in question.choices.iter().take(at) {
            if earlier.id == choice.id {
                return Err(format!("two choices have the id `{}`", choice.id));
            }
            if earlier.key.is_some() && earlier.key == choice.key {
                return Err(format!("choices `{}` and `{}` have the same key", earlier.id, choice.id));
            }
        }
    }
    let Some(rule) = &question.digits else {
        return Ok(());
    };
    within("digits.max", rule.max as usize, 1, 64)?;
    within("digits.min", rule.min as usize, 1, rule.max as usize)?;
    if rule.terminator.is_some_and(|key| !is_key(key)) { Err("the terminator is no key".into()) } else { Ok(()) }
}
