//! What of a canary's plan can't be meant.

use super::{Figure, Hours, MAX_GUARDS, MAX_RULES, MAX_STAGES, Measure, Plan, Rule, Share, WINDOW_MS};
use crate::config::World;
use std::fmt;

/// Names, patterns and values in rules and guards.
const MAX_TEXT_BYTES: usize = 256;
/// How long a stage may take: 30 days.
const MAX_STAGE_MS: u64 = 30 * 86_400_000;

/// What is wrong with a plan, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct PlanError {
    /// `out-of-bounds`, `stages-fall`, `rule-never-matches`, `unknown-figure`.
    pub code: &'static str,
    /// Where, e.g. `stages[1]`.
    pub place: String,
    /// What, for people.
    pub what: String,
}

fn wrong(code: &'static str, place: impl fmt::Display, what: impl Into<String>) -> PlanError {
    PlanError { code, place: place.to_string(), what: what.into() }
}

impl Plan {
    /// Checks what doesn't depend on what else there is.
    ///
    /// # Errors
    /// The first thing that can't be meant.
    pub fn check(&self, world: World) -> Result<(), PlanError> {
        let count = |place: &str, count: usize, least: usize, most: usize| {
            let fits = (least..=most).contains(&count);
            fits.then_some(())
                .ok_or_else(|| wrong("out-of-bounds", place, format!("{count}, it must be {least} to {most}")))
        };
        count("stages", self.stages.len(), 1, MAX_STAGES)?;
        count("rules", self.rules.len(), 0, MAX_RULES)?;
        count("guards", self.guards.len(), 0, MAX_GUARDS)?;
        if !WINDOW_MS.contains(&self.window_ms) {
            return Err(wrong("out-of-bounds", "window_s", "it must be 60 to 86400"));
        }
        if self.false_alarms == Share::NONE {
            return Err(wrong(
                "out-of-bounds",
                "false_alarms",
                "it must be more than 0: without any, nothing is ever decided",
            ));
        }
        self.check_stages()?;
        self.rules.iter().enumerate().try_for_each(|(at, rule)| self.check_rule(at, rule, world))?;
        self.guards.iter().enumerate().try_for_each(|(at, guard)| {
            let place = format!("guards[{at}]");
            if guard.minimum == 0 {
                return Err(wrong("out-of-bounds", format!("{place}.minimum"), "it must be at least 1"));
            }
            check_measure(&guard.measure, world).map_err(|(code, what)| wrong(code, place, what))
        })
    }

    fn check_stages(&self) -> Result<(), PlanError> {
        let mut before = Share::NONE;
        for (at, stage) in self.stages.iter().enumerate() {
            let place = format!("stages[{at}]");
            let rules = self.rules.iter().any(|rule| rule.then == super::Verdict::Canary);
            if stage.share == Share::NONE && !rules {
                return Err(wrong("out-of-bounds", place, "the canary gets nobody, and no rule gives it anybody"));
            }
            if stage.share < before {
                let (now, was) = (stage.share.as_percent(), before.as_percent());
                return Err(wrong("stages-fall", place, format!("{now} % after {was} %: a stage only adds contacts")));
            }
            before = stage.share;
            match stage.until {
                Some(until) if until.after_ms > MAX_STAGE_MS => {
                    return Err(wrong("out-of-bounds", place, "a stage takes 30 days at most"));
                }
                None if at + 1 < self.stages.len() => {
                    return Err(wrong("stages-fall", place, "it never ends, so the next one never begins"));
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    fn check_rule(&self, at: usize, rule: &Rule, world: World) -> Result<(), PlanError> {
        let never = |what: String| Err(wrong("rule-never-matches", format!("rules[{at}]"), what));
        let when = &rule.when;
        let attribute = when.attribute.as_ref().map(|(name, value)| [Some(name), value.as_ref()]);
        let texts = [when.dialled.as_ref(), when.caller.as_ref(), when.queue.as_ref()];
        for text in texts.into_iter().chain(attribute.into_iter().flatten()).flatten() {
            if text.is_empty() || text.len() > MAX_TEXT_BYTES {
                let what = format!("a text has 1 to {MAX_TEXT_BYTES} bytes");
                return Err(wrong("out-of-bounds", format!("rules[{at}]"), what));
            }
        }
        if when.queue.is_some() && world != World::Scorer {
            return never("which queue a contact will come to isn't known when its version is chosen".into());
        }
        if when.hours.is_some_and(Hours::never) {
            return never("no minute of the week is in its hours".into());
        }
        let earlier = self.rules.iter().take(at).position(|earlier| earlier.when.covers(when));
        match earlier {
            Some(earlier) => never(format!("whoever it is for is decided by rules[{earlier}] before")),
            None => Ok(()),
        }
    }
}

fn check_measure(measure: &Measure, world: World) -> Result<(), (&'static str, String)> {
    let of_flows = |name: &str| {
        let what = format!("`{name}` is counted for flows only; here there are descents, deadlines and step-latency");
        (world == World::Flow).then_some(()).ok_or(("unknown-figure", what))
    };
    match measure {
        Measure::Figure(Figure::Descents | Figure::Deadlines) => Ok(()),
        Measure::Figure(figure) => of_flows(figure.code()),
        Measure::SlowSteps { factor_tenths, at_least_ms } => {
            let fits = (10..=10_000).contains(factor_tenths) && (1..=60_000).contains(at_least_ms);
            fits.then_some(()).ok_or(("out-of-bounds", "times is 1 to 1000, at_least_ms 1 to 60000".into()))
        }
        Measure::HangUpsIn(text) | Measure::Attribute(text, _) => {
            of_flows(measure.code())?;
            let value = if let Measure::Attribute(_, Some(value)) = measure { value.len() } else { 0 };
            let fits = (1..=MAX_TEXT_BYTES).contains(&text.len()) && value <= MAX_TEXT_BYTES;
            fits.then_some(()).ok_or_else(|| ("out-of-bounds", format!("a text has 1 to {MAX_TEXT_BYTES} bytes")))
        }
    }
}
