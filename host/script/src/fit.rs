//! Whether what happens is what a step expects, and how a step reads.

use crate::language::{Pairs, Step, Value, Words};
use crate::moment::Happened;
use std::fmt;

/// Whether what happened is what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Something else happened.
    Other,
    /// The same kind of thing, but not this.
    Unlike,
    /// It is.
    Yes,
    /// It may be: not all of it can be seen.
    Unseen,
}

/// Gathers how the members of an expectation fit.
struct Members(Fit);

impl Members {
    const fn new() -> Self {
        Self(Fit::Yes)
    }

    fn is(mut self, fits: bool) -> Self {
        if !fits {
            self.0 = Fit::Unlike;
        }
        self
    }

    fn value(self, wanted: Option<&Value>, got: &str) -> Self {
        let fits = wanted.is_none_or(|wanted| wanted.fits(got));
        self.is(fits)
    }

    fn words(self, wanted: Option<&Words>, got: &str) -> Self {
        let fits = wanted.is_none_or(|wanted| wanted.fit(got));
        self.is(fits)
    }

    /// What may not be seen.
    fn seen(mut self, wanted: Option<&Value>, got: Option<&String>) -> Self {
        match (wanted, got) {
            (None, _) => self,
            (Some(_), Some(got)) => self.value(wanted, got),
            (Some(_), None) => {
                if self.0 == Fit::Yes {
                    self.0 = Fit::Unseen;
                }
                self
            }
        }
    }
}

fn only(pairs: &Pairs<Value>) -> Option<(&str, &Value)> {
    pairs.0.first().map(|(name, value)| (name.as_str(), value))
}

impl Step {
    /// Whether what happened is what this step expects. A deed expects nothing.
    // tidy: long-function: one arm for each kind of expectation.
    pub(crate) fn fits(&self, happened: &Happened) -> Fit {
        let members = Members::new();
        match (self, happened) {
            (Self::Rings, Happened::Rings) | (Self::Answered, Happened::Answered) => Fit::Yes,
            // Whoever is asked something hears it, too.
            (Self::Hears(words), Happened::Said(text) | Happened::HostSaid(text) | Happened::Asked { text, .. }) => {
                members.words(Some(words), text).0
            }
            (Self::Asked(asked), Happened::Asked { question, text }) => {
                members.value(asked.question.as_ref(), question).words(asked.text.as_ref(), text).0
            }
            (Self::Chose(chose), Happened::Chose { question, answer }) => {
                members.value(chose.question.as_ref(), question).value(chose.answer.as_ref(), answer).0
            }
            (Self::LookedUp(wanted), Happened::LookedUp { directory, kind, value, outcome, .. }) => {
                let directory = directory.as_deref().unwrap_or_default();
                let told = members.value(wanted.directory.as_ref(), directory).value(wanted.outcome.as_ref(), outcome);
                told.seen(wanted.kind.as_ref(), kind.as_ref()).seen(wanted.value.as_ref(), value.as_ref()).0
            }
            (Self::Fetched(wanted), Happened::Fetched { method, url, body, outcome, .. }) => {
                let body = body.as_deref().unwrap_or_default();
                // The contract's name is in small letters, HTTP's in capitals.
                let same = |wanted: &Value| wanted.fits(method) || wanted.fits(&method.to_ascii_lowercase());
                let members = members.is(wanted.method.as_ref().is_none_or(same)).words(wanted.body.as_ref(), body);
                members.value(wanted.url.as_ref(), url).value(wanted.outcome.as_ref(), outcome).0
            }
            (Self::Set(pairs), Happened::Set { name, value })
            | (Self::Stored(pairs), Happened::Stored { key: name, value: Some(value) }) => {
                let Some((wanted, fitting)) = only(pairs) else { return Fit::Other };
                members.is(wanted == name).value(Some(fitting), value).0
            }
            (Self::Removed(wanted), Happened::Stored { key, value: None }) => members.value(Some(wanted), key).0,
            (Self::Loaded(wanted), Happened::Loaded { key, value }) => {
                let members = members.value(wanted.key.as_ref(), key);
                members
                    .is(wanted.value.as_ref().is_none_or(|wanted| value.as_ref().is_some_and(|got| wanted.fits(got))))
                    .0
            }
            (Self::Drew(wanted), Happened::Drew { name, index }) => {
                members.value(wanted.name.as_ref(), name).is(wanted.index.is_none_or(|wanted| wanted == *index)).0
            }
            (Self::Queued(wanted), Happened::Queued { queue, position, priority }) => {
                let fits = members
                    .value(wanted.queue.as_ref(), queue)
                    .is(wanted.position.is_none_or(|wanted| wanted == *position))
                    .is(wanted.priority.is_none_or(|wanted| priority.is_none_or(|got| wanted == got)));
                if fits.0 == Fit::Yes && wanted.priority.is_some() && priority.is_none() { Fit::Unseen } else { fits.0 }
            }
            (Self::LeftQueue(wanted), Happened::LeftQueue { queue, outcome }) => {
                members.value(wanted.queue.as_ref(), queue).value(wanted.outcome.as_ref(), outcome).0
            }
            (Self::RingsAgent(wanted), Happened::RingsAgent(agent))
            | (Self::MissedBy(wanted), Happened::MissedBy { agent, .. })
            | (Self::TalksWith(wanted), Happened::TalksWith(agent))
            | (Self::TalkEnded(wanted), Happened::TalkEnded { by: agent, .. })
            | (Self::ContinuesAs(wanted), Happened::ContinuesAs(agent))
            | (Self::StepsDownTo(wanted), Happened::SteppedDown { to: agent }) => members.value(Some(wanted), agent).0,
            (Self::Logs(words), Happened::Logged { text, .. }) => members.words(Some(words), text).0,
            (Self::Refused(wanted), Happened::Refused { call, error, text }) => {
                let members = members.value(wanted.call.as_ref(), call).value(wanted.error.as_ref(), error);
                members.words(wanted.text.as_ref(), text).0
            }
            (Self::Fails(wanted), Happened::Failed { kind, text }) => {
                members.value(wanted.kind.as_ref(), kind).words(wanted.text.as_ref(), text).0
            }
            _ => Fit::Other,
        }
    }
}

/// ` NAME VALUE` for each member that is there.
fn members(f: &mut fmt::Formatter<'_>, all: &[(&str, Option<&dyn fmt::Display>)]) -> fmt::Result {
    for (name, member) in all {
        if let Some(member) = member {
            let space = if name.is_empty() { "" } else { " " };
            write!(f, "{space}{name} {member}")?;
        }
    }
    Ok(())
}

fn shown<T: fmt::Display>(member: &Option<T>) -> Option<&dyn fmt::Display> {
    member.as_ref().map(|member| member as &dyn fmt::Display)
}

impl fmt::Display for Step {
    // tidy: long-function: one line for each variant, and nothing else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = |f: &mut fmt::Formatter<'_>, verb: &str, pairs: &[(String, Value)]| {
            let all: Vec<String> = pairs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            write!(f, "{verb} {}", all.join(", "))
        };
        match self {
            Self::Presses(keys) => write!(f, "presses {}", keys.0),
            Self::Silent(span) => write!(f, "is silent for {span}"),
            Self::Listens => f.write_str("listens"),
            Self::HangsUp => f.write_str("hangs up"),
            Self::AgentReady(agent) => write!(f, "agent {agent} is ready"),
            Self::AgentNotReady(agent) => write!(f, "agent {agent} takes no more"),
            Self::AgentHangsUp => f.write_str("the agent hangs up"),
            Self::OperatorSets(Pairs(all)) => {
                let all: Vec<String> = all.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                write!(f, "sets {}", all.join(", "))
            }
            Self::OperatorEnds => f.write_str("ends the contact"),
            Self::QueueCloses(queue) => write!(f, "closes queue `{queue}`"),
            Self::Within(span) => write!(f, "within {span}"),
            Self::Never(step) => write!(f, "never {step}"),
            Self::Rings => f.write_str("rings"),
            Self::Answered => f.write_str("answered"),
            Self::Hears(words) => write!(f, "hears {words}"),
            Self::Asked(asked) => {
                f.write_str("asked")?;
                members(f, &[("question", shown(&asked.question)), ("with", shown(&asked.text))])
            }
            Self::Chose(chose) => {
                f.write_str("chose")?;
                members(f, &[("answer", shown(&chose.answer)), ("to question", shown(&chose.question))])
            }
            Self::LookedUp(it) => {
                f.write_str("looked up")?;
                let rest = [("in", shown(&it.directory)), ("with outcome", shown(&it.outcome))];
                members(f, &[("kind", shown(&it.kind)), ("value", shown(&it.value))])?;
                members(f, &rest)
            }
            Self::Fetched(it) => {
                f.write_str("fetched")?;
                members(f, &[("", shown(&it.method)), ("", shown(&it.url))])?;
                members(f, &[("with", shown(&it.body)), ("with outcome", shown(&it.outcome))])
            }
            Self::Set(Pairs(all)) => pairs(f, "set", all),
            Self::Stored(Pairs(all)) => pairs(f, "stored", all),
            Self::Removed(key) => write!(f, "removed {key}"),
            Self::Loaded(it) => {
                f.write_str("loaded")?;
                members(f, &[("key", shown(&it.key)), ("with value", shown(&it.value))])
            }
            Self::Drew(it) => {
                f.write_str("drew")?;
                members(f, &[("for", shown(&it.name)), ("index", shown(&it.index))])
            }
            Self::Queued(it) => {
                f.write_str("queued")?;
                members(
                    f,
                    &[("in", shown(&it.queue)), ("priority", shown(&it.priority)), ("at place", shown(&it.position))],
                )
            }
            Self::LeftQueue(it) => {
                f.write_str("left the queue")?;
                members(f, &[("", shown(&it.queue)), ("as", shown(&it.outcome))])
            }
            Self::RingsAgent(agent) => write!(f, "rings agent {agent}"),
            Self::MissedBy(agent) => write!(f, "missed by agent {agent}"),
            Self::TalksWith(agent) => write!(f, "talks with agent {agent}"),
            Self::TalkEnded(by) => write!(f, "the talk is ended by: {by}"),
            Self::ContinuesAs(name) => write!(f, "goes on as {name}"),
            Self::Logs(words) => write!(f, "logs {words}"),
            Self::Refused(it) => {
                f.write_str("refused")?;
                members(f, &[("call", shown(&it.call)), ("error", shown(&it.error)), ("with", shown(&it.text))])
            }
            Self::Fails(it) => {
                f.write_str("fails")?;
                members(f, &[("by", shown(&it.kind)), ("with", shown(&it.text))])
            }
            Self::StepsDownTo(to) => write!(f, "steps down to {to}"),
        }
    }
}
