//! A deployment's canary, as kept. What its version is made of is kept with the version.

use cordboard_core::rollout::{
    Condition, Figure, Guard, Hours, MAX_GUARDS, Measure, Plan, Rollout, Rule, Share, Stage, Sticky, Until, Verdict,
};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A canary. Shares are in hundredths of a percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CanaryDocument {
    id: u64,
    version: String,
    /// Each caller keeps the version, rather than each contact.
    by_caller: bool,
    rules: Vec<RuleDocument>,
    stages: Vec<StageDocument>,
    guards: Vec<GuardDocument>,
    window_ms: u64,
    false_alarms: u16,
    stage: usize,
    /// In microseconds since the Unix epoch.
    since: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RuleDocument {
    dialled: Option<String>,
    caller: Option<String>,
    queue: Option<String>,
    attribute: Option<(String, Option<String>)>,
    hours: Option<HoursDocument>,
    /// `canary`, `stable`, `weighted`.
    then: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct HoursDocument {
    days: u8,
    from_min: u16,
    to_min: u16,
    utc_offset_min: i16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StageDocument {
    share: u16,
    /// How long in milliseconds, and how many contacts; none: until somebody says so.
    until: Option<(u64, u32)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct GuardDocument {
    measure: MeasureDocument,
    margin: u16,
    most: Option<u16>,
    minimum: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum MeasureDocument {
    Figure(String),
    SlowSteps { factor_tenths: u32, at_least_ms: u32 },
    HangUpsIn(String),
    Attribute(String, Option<String>),
}

impl CanaryDocument {
    pub(crate) fn of(rollout: &Rollout) -> Self {
        let plan = &rollout.plan;
        Self {
            id: rollout.id,
            version: rollout.version.to_string(),
            by_caller: plan.sticky == Sticky::Caller,
            rules: plan.rules.iter().map(RuleDocument::of).collect(),
            stages: plan.stages.iter().map(StageDocument::of).collect(),
            guards: plan.guards.iter().map(GuardDocument::of).collect(),
            window_ms: plan.window_ms,
            false_alarms: plan.false_alarms.hundredths(),
            stage: rollout.stage,
            since: rollout.since.0,
        }
    }

    /// None if it is of no form that this program writes.
    pub(crate) fn read(&self) -> Option<Rollout> {
        // What is counted for each guard has a bit for it.
        if self.guards.len() > MAX_GUARDS {
            return None;
        }
        Some(Rollout {
            id: self.id,
            version: self.version.parse().ok()?,
            plan: Plan {
                sticky: if self.by_caller { Sticky::Caller } else { Sticky::Contact },
                rules: self.rules.iter().map(RuleDocument::read).collect::<Option<_>>()?,
                stages: self.stages.iter().map(StageDocument::read).collect::<Option<_>>()?,
                guards: self.guards.iter().map(GuardDocument::read).collect::<Option<_>>()?,
                window_ms: self.window_ms,
                false_alarms: Share::new(self.false_alarms)?,
            },
            stage: self.stage,
            since: Timestamp(self.since),
        })
    }
}

impl RuleDocument {
    fn of(rule: &Rule) -> Self {
        let when = rule.when.clone();
        let hours = when.hours.map(|Hours { days, from_min, to_min, utc_offset_min }| HoursDocument {
            days,
            from_min,
            to_min,
            utc_offset_min,
        });
        let then = match rule.then {
            Verdict::Canary => "canary",
            Verdict::Stable => "stable",
            Verdict::Weighted => "weighted",
        };
        let Condition { dialled, caller, queue, attribute, .. } = when;
        Self { dialled, caller, queue, attribute, hours, then: then.into() }
    }

    fn read(&self) -> Option<Rule> {
        let hours = self.hours.as_ref().map(|hours| Hours {
            days: hours.days,
            from_min: hours.from_min,
            to_min: hours.to_min,
            utc_offset_min: hours.utc_offset_min,
        });
        let then = match self.then.as_str() {
            "canary" => Verdict::Canary,
            "stable" => Verdict::Stable,
            "weighted" => Verdict::Weighted,
            _ => return None,
        };
        let Self { dialled, caller, queue, attribute, .. } = self.clone();
        Some(Rule { when: Condition { dialled, caller, queue, attribute, hours }, then })
    }
}

impl StageDocument {
    fn of(stage: &Stage) -> Self {
        let until = stage.until.map(|Until { after_ms, contacts }| (after_ms, contacts));
        Self { share: stage.share.hundredths(), until }
    }

    fn read(&self) -> Option<Stage> {
        let until = self.until.map(|(after_ms, contacts)| Until { after_ms, contacts });
        Some(Stage { share: Share::new(self.share)?, until })
    }
}

impl GuardDocument {
    fn of(guard: &Guard) -> Self {
        let measure = match &guard.measure {
            Measure::Figure(figure) => MeasureDocument::Figure(figure.code().into()),
            Measure::SlowSteps { factor_tenths, at_least_ms } => {
                MeasureDocument::SlowSteps { factor_tenths: *factor_tenths, at_least_ms: *at_least_ms }
            }
            Measure::HangUpsIn(question) => MeasureDocument::HangUpsIn(question.clone()),
            Measure::Attribute(name, value) => MeasureDocument::Attribute(name.clone(), value.clone()),
        };
        let most = guard.most.map(Share::hundredths);
        Self { measure, margin: guard.margin.hundredths(), most, minimum: guard.minimum }
    }

    fn read(&self) -> Option<Guard> {
        let measure = match &self.measure {
            MeasureDocument::Figure(name) => {
                Measure::Figure(Figure::ALL.into_iter().find(|figure| figure.code() == name)?)
            }
            MeasureDocument::SlowSteps { factor_tenths, at_least_ms } => {
                Measure::SlowSteps { factor_tenths: *factor_tenths, at_least_ms: *at_least_ms }
            }
            MeasureDocument::HangUpsIn(question) => Measure::HangUpsIn(question.clone()),
            MeasureDocument::Attribute(name, value) => Measure::Attribute(name.clone(), value.clone()),
        };
        let most = match self.most {
            Some(most) => Some(Share::new(most)?),
            None => None,
        };
        Some(Guard { measure, margin: Share::new(self.margin)?, most, minimum: self.minimum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::ids::Digest;

    #[test]
    fn what_was_kept_reads_back_as_the_same() {
        let guard = |measure, most| Guard { measure, margin: Share::NONE, most, minimum: 5 };
        let hours = Hours { days: 3, from_min: 60, to_min: 30, utc_offset_min: -90 };
        let text = |text: &str| Some(text.to_owned());
        let rollout = Rollout {
            id: u64::MAX,
            version: Digest([7; 32]),
            plan: Plan {
                sticky: Sticky::Caller,
                rules: [Verdict::Canary, Verdict::Stable, Verdict::Weighted]
                    .map(|then| Rule {
                        when: Condition {
                            dialled: text("1*"),
                            caller: text("2"),
                            queue: text("q"),
                            attribute: Some(("a".into(), text("b"))),
                            hours: Some(hours),
                        },
                        then,
                    })
                    .into(),
                stages: vec![
                    Stage { share: Share::ALL, until: Some(Until { after_ms: 5, contacts: 7 }) },
                    Stage { share: Share::NONE, until: None },
                ],
                guards: Figure::ALL
                    .into_iter()
                    .map(|figure| guard(Measure::Figure(figure), None))
                    .chain([
                        guard(Measure::SlowSteps { factor_tenths: 20, at_least_ms: 1 }, Some(Share::ALL)),
                        guard(Measure::HangUpsIn("menu".into()), None),
                        guard(Measure::Attribute("a".into(), text("b")), None),
                    ])
                    .collect(),
                window_ms: 60_000,
                false_alarms: Share::ALL,
            },
            stage: 1,
            since: Timestamp(9),
        };
        let kept = serde_json::to_vec(&CanaryDocument::of(&rollout)).unwrap();
        let again: CanaryDocument = serde_json::from_slice(&kept).unwrap();
        assert_eq!(again.read(), Some(rollout));
        let mut broken = again;
        broken.false_alarms = 10_001;
        assert_eq!(broken.read(), None);
        broken.false_alarms = 1;
        broken.guards = vec![broken.guards[0].clone(); MAX_GUARDS + 1];
        assert_eq!(broken.read(), None);
    }
}
