//! A canary's plan in JSON: whom a version is tried on, for how long, and as long as what holds.

use crate::problem::Problem;
use cordboard_core::config::World;
use cordboard_core::rollout::{
    Condition, Figure, Guard, Hours, Measure, Plan, Rule, Share, Stage, Sticky, Until, Verdict,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom a version is tried on, for how long, and as long as what holds.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanBody {
    /// What keeps its version: a contact always does.
    #[serde(default)]
    sticky: StickyBody,
    /// Whom the canary gets or doesn't, whatever its weight: the first rule that fits decides. At most 32.
    #[serde(default)]
    rules: Vec<RuleBody>,
    /// One after the other; a stage only adds contacts. 1 to 16. After the last one the canary serves alone; one without
    /// `for_s` and `contacts` goes on until it is promoted or rolled back.
    #[schema(min_items = 1, max_items = 16)]
    stages: Vec<StageBody>,
    /// What must hold, or the canary is taken back at once. At most 16. Without any word: `traps`, `deadlines`,
    /// `descents`, `step-latency`, and for flows `hang-ups` and `abandonment`, 2 points worse at most.
    guards: Option<Vec<GuardBody>>,
    /// How far back figures go. 60 to 86,400; at least the latest 100 contacts count in any case.
    #[serde(default = "window_s")]
    window_s: u64,
    /// How probable it may be at most that a version that is no worse is taken back, over the whole attempt, in percent.
    #[serde(default = "false_alarms")]
    false_alarms: f64,
}

const fn window_s() -> u64 {
    1_800
}

const fn false_alarms() -> f64 {
    1.0
}

/// What keeps its version.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum StickyBody {
    /// A contact.
    #[default]
    Contact,
    /// Whoever calls again gets the same again; without a number, by contact.
    Caller,
}

/// A share for a while: it is over when both have come.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StageBody {
    /// Who gets how much.
    weights: Weights,
    /// It takes so long at least, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    for_s: Option<u64>,
    /// So many contacts of the canary are over at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contacts: Option<u32>,
}

/// In percent, with at most two decimals; together 100.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Weights {
    /// Of what serves.
    #[schema(example = 95)]
    stable: f64,
    /// Of what is tried.
    #[schema(example = 5)]
    canary: f64,
}

/// Everything that is given must fit; a rule with nothing fits everybody.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RuleBody {
    /// The dialled number; `12*`: what begins with `12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dialled: Option<String>,
    /// The caller's number, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    /// The queue: of scorers only, since it isn't known when a flow is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    /// An attribute. A flow is chosen before there are any, except for one that another continued as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attribute: Option<AttributeBody>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours: Option<HoursBody>,
    /// What then.
    then: VerdictBody,
}

/// An attribute.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AttributeBody {
    /// Its name.
    name: String,
    /// Its value; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// Hours of a week.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoursBody {
    /// `mon` to `sun`; none: all of them.
    #[serde(default)]
    days: Vec<String>,
    /// `HH:MM`.
    #[schema(example = "08:00")]
    from: String,
    /// `HH:MM`, up to `24:00`; not after `from`: of the next day.
    #[schema(example = "18:00")]
    to: String,
    /// `+HH:MM` or `-HH:MM`.
    #[serde(default = "utc")]
    #[schema(example = "+01:00")]
    utc_offset: String,
}

fn utc() -> String {
    "+00:00".into()
}

/// What a rule says.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum VerdictBody {
    /// The canary.
    Canary,
    /// What serves.
    Stable,
    /// By weight, as where no rule fits.
    Weighted,
}

/// What must not get worse: the share of contacts for which `figure` is so.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GuardBody {
    /// `traps`, `deadlines`, `descents`, `hang-ups`, `transfers`, `containment`, `abandonment`, `step-latency`, `attribute`.
    #[schema(example = "traps")]
    figure: String,
    /// So many points worse than what serves are allowed, in percent.
    #[serde(default)]
    worse_by: f64,
    /// More is never allowed, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    /// So many contacts the canary has got before anything is decided. At least 1.
    #[serde(default = "minimum")]
    minimum: u32,
    /// Of `hang-ups`: only in this question, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    /// Of `attribute`: contacts that end with the attribute of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Of `attribute`: with this value; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Of `step-latency`: slow is a step that takes so many times what serves takes (p99). 2 if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<f64>,
    /// Of `step-latency`: what takes less is never slow, in milliseconds. 100 if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least_ms: Option<u32>,
}

const fn minimum() -> u32 {
    5
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl PlanBody {
    /// The plan, checked as far as it can be without knowing what else there is.
    pub(super) fn checked(self, at: &str) -> Result<Plan, Problem> {
        let place = |inner: String| format!("{at}.{inner}");
        let stages = self.stages.into_iter().enumerate();
        let stages = stages.map(|(n, stage)| stage.read(&place(format!("stages[{n}]")))).collect::<Result<_, _>>()?;
        let rules = self.rules.into_iter().enumerate();
        let rules = rules.map(|(n, rule)| rule.read(&place(format!("rules[{n}]")))).collect::<Result<_, _>>()?;
        let guards = self.guards.map(|guards| {
            let guards = guards.into_iter().enumerate();
            guards.map(|(n, guard)| guard.read(&place(format!("guards[{n}]")))).collect::<Result<Vec<_>, _>>()
        });
        Ok(Plan {
            sticky: match self.sticky {
                StickyBody::Contact => Sticky::Contact,
                StickyBody::Caller => Sticky::Caller,
            },
            rules,
            stages,
            guards: guards.transpose()?.unwrap_or_default(),
            window_ms: self.window_s.saturating_mul(1_000),
            false_alarms: percent(self.false_alarms, &place("false_alarms".into()))?,
        })
    }

    /// Whether nothing is said of guards.
    pub(super) const fn without_guards(&self) -> bool {
        self.guards.is_none()
    }

    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            sticky: match plan.sticky {
                Sticky::Contact => StickyBody::Contact,
                Sticky::Caller => StickyBody::Caller,
            },
            rules: plan.rules.iter().map(RuleBody::of).collect(),
            stages: plan.stages.iter().map(StageBody::of).collect(),
            guards: Some(plan.guards.iter().map(GuardBody::of).collect()),
            window_s: plan.window_ms / 1_000,
            false_alarms: plan.false_alarms.as_percent(),
        }
    }
}

/// What is watched where nothing is said.
pub(super) fn usual_guards(world: World) -> Vec<Guard> {
    let guard = |measure, margin| Guard { measure, margin, most: None, minimum: minimum() };
    let slow = Measure::SlowSteps { factor_tenths: TIMES_TENTHS, at_least_ms: AT_LEAST_MS };
    let two = Share::new(200).unwrap_or_default();
    let failures = match world {
        World::Flow => vec![Figure::Traps, Figure::Deadlines, Figure::Descents],
        World::Scorer | World::Crm | World::Dialer | World::Inspector => vec![Figure::Deadlines, Figure::Descents],
    };
    let mut guards: Vec<_> = failures.into_iter().map(|figure| guard(Measure::Figure(figure), Share::NONE)).collect();
    guards.push(guard(slow, two));
    if world == World::Flow {
        guards.extend([Figure::HangUps, Figure::Abandonment].map(|figure| guard(Measure::Figure(figure), two)));
    }
    guards
}

const TIMES_TENTHS: u32 = 20;
const AT_LEAST_MS: u32 = 100;

/// A percentage with at most two decimals.
fn percent(value: f64, field: &str) -> Result<Share, Problem> {
    let hundredths = value * 100.0;
    let whole = hundredths.round();
    let fits = (0.0..=10_000.0).contains(&whole) && (hundredths - whole).abs() < 1e-6;
    fits.then(|| Share::new(whole as u16)).flatten().ok_or_else(|| {
        let detail = format!("{field} is {value}: a percentage from 0 to 100, with at most two decimals");
        Problem::invalid("out-of-bounds", field, detail)
    })
}

impl StageBody {
    fn read(self, at: &str) -> Result<Stage, Problem> {
        let Weights { stable, canary } = self.weights;
        let [of_stable, of_canary] = [(stable, "stable"), (canary, "canary")]
            .map(|(weight, name)| percent(weight, &format!("{at}.weights.{name}")));
        let (of_stable, share) = (of_stable?, of_canary?);
        if of_stable.hundredths() + share.hundredths() != Share::ALL.hundredths() {
            let detail = format!("{at}.weights: {stable} and {canary} are {}, they must be 100", stable + canary);
            return Err(Problem::invalid("weights-sum", format!("{at}.weights"), detail));
        }
        let after_ms = self.for_s.map(|s| s.saturating_mul(1_000));
        let until = (after_ms.is_some() || self.contacts.is_some())
            .then(|| Until { after_ms: after_ms.unwrap_or(0), contacts: self.contacts.unwrap_or(0) });
        Ok(Stage { share, until })
    }

    fn of(stage: &Stage) -> Self {
        let canary = stage.share.as_percent();
        let stable = f64::from(Share::ALL.hundredths() - stage.share.hundredths()) / 100.0;
        Self {
            weights: Weights { stable, canary },
            for_s: stage.until.map(|until| until.after_ms / 1_000),
            contacts: stage.until.map(|until| until.contacts),
        }
    }
}

impl RuleBody {
    fn read(self, at: &str) -> Result<Rule, Problem> {
        let hours = self.hours.map(|hours| hours.read(&format!("{at}.hours"))).transpose()?;
        let attribute = self.attribute.map(|attribute| (attribute.name, attribute.value));
        let when = Condition { dialled: self.dialled, caller: self.caller, queue: self.queue, attribute, hours };
        let then = match self.then {
            VerdictBody::Canary => Verdict::Canary,
            VerdictBody::Stable => Verdict::Stable,
            VerdictBody::Weighted => Verdict::Weighted,
        };
        Ok(Rule { when, then })
    }

    fn of(rule: &Rule) -> Self {
        let when = rule.when.clone();
        Self {
            dialled: when.dialled,
            caller: when.caller,
            queue: when.queue,
            attribute: when.attribute.map(|(name, value)| AttributeBody { name, value }),
            hours: when.hours.map(HoursBody::of),
            then: match rule.then {
                Verdict::Canary => VerdictBody::Canary,
                Verdict::Stable => VerdictBody::Stable,
                Verdict::Weighted => VerdictBody::Weighted,
            },
        }
    }
}

/// `HH:MM` in minutes, up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok());
    let (hours, minutes): (u16, u16) = (two(hours)??, two(minutes)??);
    let whole = hours * 60 + minutes;
    (minutes < 60 && whole <= 1_440).then_some(whole)
}

fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl HoursBody {
    fn read(self, at: &str) -> Result<Hours, Problem> {
        let wrong = |field: &str, text: &str, form: &str| {
            let shown: String = text.chars().take(32).collect();
            Problem::invalid("invalid-hours", format!("{at}.{field}"), format!("{at}.{field}: `{shown}` is not {form}"))
        };
        let mut days = 0;
        for day in &self.days {
            let found = DAYS.iter().position(|name| name == day);
            days |= 1 << found.ok_or_else(|| wrong("days", day, "one of mon, tue, wed, thu, fri, sat, sun"))?;
        }
        let clock = |field: &str, text: &str| minutes(text).ok_or_else(|| wrong(field, text, "HH:MM"));
        let offset = self.utc_offset.as_str();
        let east = offset.strip_prefix('+').and_then(minutes).and_then(|east| i16::try_from(east).ok());
        let west = offset.strip_prefix('-').and_then(minutes).and_then(|west| i16::try_from(west).ok());
        Ok(Hours {
            days: if self.days.is_empty() { 0b111_1111 } else { days },
            from_min: clock("from", &self.from)?,
            to_min: clock("to", &self.to)?,
            utc_offset_min: east
                .or(west.map(|west| -west))
                .ok_or_else(|| wrong("utc_offset", offset, "+HH:MM or -HH:MM"))?,
        })
    }

    fn of(hours: Hours) -> Self {
        let on = |day: &usize| hours.days >> *day & 1 == 1;
        let sign = if hours.utc_offset_min < 0 { '-' } else { '+' };
        Self {
            days: (0..DAYS.len()).filter(on).filter_map(|day| DAYS.get(day)).map(ToString::to_string).collect(),
            from: clock(hours.from_min),
            to: clock(hours.to_min),
            utc_offset: format!("{sign}{}", clock(hours.utc_offset_min.unsigned_abs())),
        }
    }
}

impl GuardBody {
    fn read(self, at: &str) -> Result<Guard, Problem> {
        let field = |name: &str| format!("{at}.{name}");
        let figure = match self.figure.as_str() {
            "containment" => Some(Figure::NotContained),
            name => Figure::ALL.into_iter().find(|figure| figure.code() == name),
        };
        let own = [
            ("question", self.question.is_some(), "hang-ups"),
            ("name", self.name.is_some(), "attribute"),
            ("value", self.value.is_some(), "attribute"),
            ("times", self.times.is_some(), "step-latency"),
            ("at_least_ms", self.at_least_ms.is_some(), "step-latency"),
        ];
        for (name, given, of) in own {
            if given && self.figure != of {
                let detail = format!("{}: `{name}` is of `{of}` only", field(name));
                return Err(Problem::invalid("unknown-figure", field(name), detail));
            }
        }
        let measure = match (self.figure.as_str(), figure) {
            ("hang-ups", _) if self.question.is_some() => Measure::HangUpsIn(self.question.unwrap_or_default()),
            (_, Some(figure)) => Measure::Figure(figure),
            ("step-latency", None) => {
                let tenths = self.times.map_or(f64::from(TIMES_TENTHS), |times| (times * 10.0).round());
                Measure::SlowSteps {
                    factor_tenths: tenths.clamp(0.0, f64::from(u32::MAX)) as u32,
                    at_least_ms: self.at_least_ms.unwrap_or(AT_LEAST_MS),
                }
            }
            ("attribute", None) => {
                let missing = || Problem::invalid("missing-field", field("name"), format!("{}: which?", field("name")));
                Measure::Attribute(self.name.ok_or_else(missing)?, self.value)
            }
            (other, None) => {
                let shown: String = other.chars().take(32).collect();
                let detail = format!(
                    "{}: `{shown}` is not counted; there are traps, deadlines, descents, hang-ups, transfers, containment, \
                     abandonment, step-latency and attribute",
                    field("figure")
                );
                return Err(Problem::invalid("unknown-figure", field("figure"), detail));
            }
        };
        let most = self.at_most.map(|most| percent(most, &field("at_most"))).transpose()?;
        Ok(Guard { measure, margin: percent(self.worse_by, &field("worse_by"))?, most, minimum: self.minimum })
    }

    fn of(guard: &Guard) -> Self {
        let mut body = Self {
            figure: match &guard.measure {
                Measure::Figure(Figure::NotContained) => "containment".into(),
                measure => measure.code().into(),
            },
            worse_by: guard.margin.as_percent(),
            at_most: guard.most.map(Share::as_percent),
            minimum: guard.minimum,
            question: None,
            name: None,
            value: None,
            times: None,
            at_least_ms: None,
        };
        match &guard.measure {
            Measure::Figure(_) => {}
            Measure::SlowSteps { factor_tenths, at_least_ms } => {
                body.times = Some(f64::from(*factor_tenths) / 10.0);
                body.at_least_ms = Some(*at_least_ms);
            }
            Measure::HangUpsIn(question) => body.question = Some(question.clone()),
            Measure::Attribute(name, value) => {
                body.name = Some(name.clone());
                body.value.clone_from(value);
            }
        }
        body
    }
}

#[cfg(test)]
mod tests;
