//! Between the contract's types and the core's, both ways: of what is the same in every version, each of which includes
//! this file for types of its own. Pure.

use super::types as t;
use crate::guest::shortened;
use cordboard_core::flow as core;
use cordboard_core::flow::Reply;
use cordboard_core::ids::DeploymentName;

/// Bytes of an end reason; a record keeps less.
const MAX_END_BYTES: usize = 8192;

pub(super) fn channel(channel: core::Channel) -> t::Channel {
    match channel {
        core::Channel::Voice => t::Channel::Voice,
        core::Channel::Text => t::Channel::Text,
    }
}

pub(super) fn address(address: &core::Address) -> t::Address {
    t::Address { uri: address.uri.clone(), number: address.number.clone(), display_name: address.display_name.clone() }
}

pub(super) fn prompt(prompt: t::Prompt) -> core::Prompt {
    core::Prompt(prompt.into_iter().map(prompt_part).collect())
}

fn prompt_part(part: t::PromptPart) -> core::PromptPart {
    use core::PromptPart as P;
    match part {
        t::PromptPart::Text(text) => P::Text(text),
        t::PromptPart::Recording(name) => P::Recording(name),
        t::PromptPart::Number(number) => P::Number(number),
        t::PromptPart::Digits(digits) => P::Digits(digits),
        t::PromptPart::Money(money) => P::Money { minor: money.minor, currency: money.currency },
        t::PromptPart::Date(date) => P::Date { year: date.year, month: date.month, day: date.day },
        t::PromptPart::PauseMs(ms) => P::PauseMs(ms),
    }
}

/// One character, or what is wrong with it.
fn key(what: &str, key: Option<String>) -> Result<Option<char>, String> {
    let Some(key) = key else { return Ok(None) };
    let mut chars = key.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => Ok(Some(only)),
        _ => Err(format!("{what} is not one key")),
    }
}

pub(super) fn question(question: t::Question) -> Result<core::Question, String> {
    let choices = question.choices.into_iter().map(|choice| {
        Ok(core::Choice { id: choice.id, key: key("the key of a choice", choice.key)?, words: choice.words })
    });
    let digits = question.digits.map(|rule| {
        Ok::<_, String>(core::DigitsRule {
            min: rule.min,
            max: rule.max,
            terminator: key("the terminator", rule.terminator)?,
        })
    });
    Ok(core::Question {
        id: question.id,
        prompt: prompt(question.prompt),
        choices: choices.collect::<Result<_, String>>()?,
        digits: digits.transpose()?,
        silence_timeout_ms: question.silence_timeout_ms,
        key_timeout_ms: question.key_timeout_ms,
        type_ahead: match question.type_ahead {
            t::TypeAhead::Keep => core::TypeAhead::Keep,
            t::TypeAhead::Flush => core::TypeAhead::Flush,
        },
        secret: question.secret,
    })
}

pub(super) fn lookup_key(key: t::LookupKey) -> Result<core::LookupKey, t::LookupError> {
    let directory = key.directory.map(DeploymentName::new).transpose();
    let directory = directory.map_err(|error| t::LookupError::Invalid(error.to_string()))?;
    Ok(core::LookupKey { directory, kind: key.kind, value: key.value })
}

pub(super) fn queue_request(request: t::QueueRequest) -> core::QueueRequest {
    let skill = |skill: t::SkillRequirement| core::SkillRequirement { name: skill.name, min_level: skill.min_level };
    core::QueueRequest {
        queue: request.queue,
        priority: request.priority,
        skills: request.skills.into_iter().map(skill).collect(),
    }
}

pub(super) fn treatment(treatment: t::Treatment) -> core::Treatment {
    core::Treatment { music: treatment.music, announce_position_every_ms: treatment.announce_position_every_ms }
}

pub(super) fn attributes(attributes: Vec<t::Attribute>) -> Vec<(String, String)> {
    attributes.into_iter().map(|attribute| (attribute.name, attribute.value)).collect()
}

/// `end` has no error to return, so that a reason too long for a journal's frame would end nothing: it is cut.
pub(super) fn end_reason(reason: t::EndReason) -> core::FlowEnd {
    match reason {
        t::EndReason::Completed => core::FlowEnd::Completed,
        t::EndReason::Failed(text) => core::FlowEnd::Failed(shortened(&text, MAX_END_BYTES)),
        t::EndReason::Other(text) => core::FlowEnd::Other(shortened(&text, MAX_END_BYTES)),
    }
}

pub(super) fn reject_cause(cause: t::RejectCause) -> core::RejectCause {
    match cause {
        t::RejectCause::Busy => core::RejectCause::Busy,
        t::RejectCause::NotFound => core::RejectCause::NotFound,
        t::RejectCause::Forbidden => core::RejectCause::Forbidden,
        t::RejectCause::Unavailable => core::RejectCause::Unavailable,
    }
}

fn contact_error(error: core::ContactError) -> t::ContactError {
    match error {
        core::ContactError::Ended => t::ContactError::Ended,
        core::ContactError::TakenOver => t::ContactError::TakenOver,
        core::ContactError::InterruptedConnected => t::ContactError::Interrupted(t::Interruption::Connected),
        core::ContactError::Invalid(text) => t::ContactError::Invalid(text),
        core::ContactError::NotNow(text) => t::ContactError::NotNow(text),
        core::ContactError::Limit(text) => t::ContactError::Limit(text),
        core::ContactError::Other(text) => t::ContactError::Other(text),
    }
}

/// The text of a reply that doesn't fit its request: a fault of the host, never of the flow.
pub(super) fn misfit(wanted: &str, reply: &Reply) -> String {
    let got = match reply {
        Reply::Done => "done",
        Reply::Failed(_) => "failed",
        Reply::Attribute(_) => "an attribute",
        Reply::Answer(_) => "an answer",
        Reply::Profile(_) => "a profile",
        Reply::LookupFailed(_) => "a failed look-up",
        Reply::Chosen(_) => "a draw",
        Reply::Enqueued => "a place",
        Reply::Waited(_) => "a wait's end",
        Reply::Value(_) => "a value",
        Reply::ValueFailed(_) => "a failed value",
        Reply::Fetched(_) => "a response",
        Reply::FetchFailed(_) => "a failed request",
    };
    tracing::error!(wanted, got, "a reply doesn't fit its request");
    "fault of the host".into()
}

fn unfit<T>(wanted: &str, reply: &Reply) -> Result<T, t::ContactError> {
    match reply {
        Reply::Failed(error) => Err(contact_error(error.clone())),
        Reply::Done
        | Reply::Attribute(_)
        | Reply::Answer(_)
        | Reply::Profile(_)
        | Reply::LookupFailed(_)
        | Reply::Chosen(_)
        | Reply::Enqueued
        | Reply::Waited(_)
        | Reply::Value(_)
        | Reply::ValueFailed(_)
        | Reply::Fetched(_)
        | Reply::FetchFailed(_) => Err(t::ContactError::Other(misfit(wanted, reply))),
    }
}

pub(super) fn done(reply: Reply) -> Result<(), t::ContactError> {
    if matches!(reply, Reply::Done) { Ok(()) } else { unfit("done", &reply) }
}

pub(super) fn enqueued(reply: Reply) -> Result<(), t::ContactError> {
    if matches!(reply, Reply::Enqueued) { Ok(()) } else { unfit("a place", &reply) }
}

pub(super) fn attribute(reply: Reply) -> Option<String> {
    if let Reply::Attribute(value) = reply {
        return value;
    }
    // The contract has no error here: a contact that is gone has no attributes.
    if !matches!(reply, Reply::Failed(_)) {
        misfit("an attribute", &reply);
    }
    None
}

pub(super) fn chosen(reply: Reply) -> Result<u32, t::ContactError> {
    if let Reply::Chosen(index) = reply { Ok(index) } else { unfit("a draw", &reply) }
}

pub(super) fn answered(reply: Reply) -> Result<t::Answer, t::ContactError> {
    let Reply::Answer(answer) = reply else { return unfit("an answer", &reply) };
    Ok(match answer {
        core::Answer::Choice(id) => t::Answer::Choice(id),
        core::Answer::Digits(digits) => t::Answer::Digits(digits),
        core::Answer::Text(text) => t::Answer::Text(text),
        core::Answer::NoMatch(keys) => t::Answer::NoMatch(keys),
        core::Answer::Silence => t::Answer::Silence,
        core::Answer::SecretDigits(count) => {
            return unfit("digits", &Reply::Answer(core::Answer::SecretDigits(count)));
        }
    })
}

pub(super) fn looked_up(reply: Reply) -> Result<Option<t::Profile>, t::LookupError> {
    match reply {
        Reply::Profile(found) => Ok(found.map(profile)),
        Reply::LookupFailed(error) => Err(lookup_error(error)),
        Reply::Failed(core::ContactError::Ended | core::ContactError::TakenOver) => Err(t::LookupError::Ended),
        Reply::Failed(core::ContactError::Invalid(text)) => Err(t::LookupError::Invalid(text)),
        Reply::Failed(
            core::ContactError::NotNow(text) | core::ContactError::Limit(text) | core::ContactError::Other(text),
        ) => Err(t::LookupError::Other(text)),
        Reply::Failed(core::ContactError::InterruptedConnected) => Err(t::LookupError::Other("interrupted".into())),
        Reply::Done
        | Reply::Attribute(_)
        | Reply::Answer(_)
        | Reply::Chosen(_)
        | Reply::Enqueued
        | Reply::Waited(_)
        | Reply::Value(_)
        | Reply::ValueFailed(_)
        | Reply::Fetched(_)
        | Reply::FetchFailed(_) => Err(t::LookupError::Other(misfit("a profile", &reply))),
    }
}

pub(super) fn loaded(reply: Reply) -> Result<Option<String>, t::ValueError> {
    if let Reply::Value(value) = reply { Ok(value) } else { Err(value_failed("a value", &reply)) }
}

pub(super) fn stored(reply: Reply) -> Result<(), t::ValueError> {
    if matches!(reply, Reply::Done) { Ok(()) } else { Err(value_failed("done", &reply)) }
}

fn value_failed(wanted: &str, reply: &Reply) -> t::ValueError {
    match reply {
        Reply::ValueFailed(error) => match error.clone() {
            core::ValueError::Quota => t::ValueError::Quota,
            core::ValueError::NotGranted => t::ValueError::NotGranted,
            core::ValueError::Unavailable(text) => t::ValueError::Unavailable(text),
            core::ValueError::Invalid(text) => t::ValueError::Invalid(text),
            core::ValueError::Other(text) => t::ValueError::Other(text),
        },
        Reply::Failed(core::ContactError::Ended | core::ContactError::TakenOver) => {
            t::ValueError::Unavailable("the person is gone".into())
        }
        Reply::Failed(core::ContactError::Invalid(text)) => t::ValueError::Invalid(text.clone()),
        Reply::Failed(
            core::ContactError::NotNow(text) | core::ContactError::Limit(text) | core::ContactError::Other(text),
        ) => t::ValueError::Other(text.clone()),
        Reply::Failed(core::ContactError::InterruptedConnected) => t::ValueError::Other("interrupted".into()),
        Reply::Done
        | Reply::Attribute(_)
        | Reply::Answer(_)
        | Reply::Profile(_)
        | Reply::LookupFailed(_)
        | Reply::Chosen(_)
        | Reply::Enqueued
        | Reply::Waited(_)
        | Reply::Value(_)
        | Reply::Fetched(_)
        | Reply::FetchFailed(_) => t::ValueError::Other(misfit(wanted, reply)),
    }
}

fn profile(profile: core::Profile) -> t::Profile {
    let field = |(name, value)| t::Attribute { name, value };
    t::Profile {
        id: profile.id,
        display_name: profile.display_name,
        fields: profile.fields.into_iter().map(field).collect(),
    }
}

fn lookup_error(error: core::LookupError) -> t::LookupError {
    match error {
        core::LookupError::Timeout => t::LookupError::Timeout,
        core::LookupError::Busy => t::LookupError::Busy,
        core::LookupError::Unavailable(text) => t::LookupError::Unavailable(text),
        core::LookupError::Unsupported(text) => t::LookupError::Unsupported(text),
        core::LookupError::Ended => t::LookupError::Ended,
        core::LookupError::Invalid(text) => t::LookupError::Invalid(text),
        core::LookupError::Other(text) => t::LookupError::Other(text),
    }
}

pub(super) fn waited(reply: Reply) -> Result<t::WaitStatus, t::ContactError> {
    let Reply::Waited(status) = reply else { return unfit("a wait's end", &reply) };
    Ok(match status {
        core::WaitStatus::StillWaiting(place) => t::WaitStatus::StillWaiting(t::Place {
            position: place.position,
            waiting: place.waiting,
            estimate_ms: place.estimate_ms,
            waited_ms: place.waited_ms,
        }),
        core::WaitStatus::Talked(talk) => t::WaitStatus::Talked(t::Talk {
            agent: talk.agent.as_str().to_owned(),
            talked_ms: talk.talked_ms,
            ended_by: match talk.ended_by {
                core::TalkEnd::Person => t::TalkEnd::Person,
                core::TalkEnd::Agent => t::TalkEnd::Agent,
                core::TalkEnd::Other(text) => t::TalkEnd::Other(text),
            },
        }),
        core::WaitStatus::Lost(text) => t::WaitStatus::Lost(text),
    })
}
