//! A canary as it goes: what its contacts and the stable version's did, and what follows.

use super::figures::{Bucket, Window, bin_of};
use super::statistics::{above, spend, worse};
use super::{Arm, Breach, Counted, Figure, Guard, Measure, Rollout, Stage};
use crate::ids::Version;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How a stage that is over is held back by doubt: a guard that would fail by this probability of an error, if there had
/// been this one look.
const DOUBT: f64 = 0.05;
/// Looks are made whenever so small a part of what the window holds is new.
const LOOK_PART: u32 = 20;

/// What a contact takes part in: whose it is, and what was seen of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The attempt.
    pub rollout: u64,
    /// Which version it was given.
    pub arm: Arm,
    part: u64,
    bad: u32,
    queued: bool,
    slowest: Option<usize>,
    /// It may be beyond what a guard allows steps.
    slow: bool,
    /// Bits of the guards that concern it, and of those that found it bad.
    asked: u32,
    own_bad: u32,
}

/// Something seen of a contact.
#[derive(Clone, Copy, Debug)]
pub enum Mark<'a> {
    /// This went wrong.
    Bad(Figure),
    /// A step took so long.
    Step {
        /// In microseconds.
        took_us: u64,
    },
    /// A step that isn't over takes so long already.
    Running {
        /// In microseconds.
        took_us: u64,
    },
    /// It took a place in a queue.
    Queued,
    /// It asked this question.
    Asked(&'a str),
    /// The person hung up while the flow spoke or paused, or in this question.
    HungUp(Option<&'a str>),
    /// It is over.
    Over(&'a BTreeMap<String, String>),
}

/// Both versions side by side.
#[derive(Clone, Debug)]
pub struct Watch {
    rollout: u64,
    guards: Vec<Guard>,
    alpha: f64,
    canary: Window,
    stable: Window,
    /// What was seen of the canary's contacts that may decide.
    told: u64,
    /// Contacts of the canary that are over since the stage began.
    settled_in_stage: u32,
    looks: u32,
    next_look: u64,
}

/// What both versions did, within the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The figure, as a guard names it.
    pub name: String,
    /// The canary's.
    pub canary: Counted,
    /// The stable version's.
    pub stable: Counted,
}

/// A canary and how it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Contacts that began within the window.
    pub canary_contacts: u32,
    /// Likewise.
    pub stable_contacts: u32,
    /// Contacts of the canary that are over since the stage began.
    pub settled_in_stage: u32,
    /// Looks at the guards so far.
    pub looks: u32,
    /// Every figure, then what guards of their own kind count.
    pub compared: Vec<Compared>,
    /// The guard that holds the stage back, since it might be breached.
    pub doubt: Option<Breach>,
    /// In milliseconds.
    pub canary_p99_ms: Option<f64>,
    /// In milliseconds.
    pub stable_p99_ms: Option<f64>,
}

impl Watch {
    /// Begins to watch.
    pub fn new(rollout: &Rollout) -> Self {
        let window = Window::new(rollout.plan.window_ms, rollout.plan.guards.len());
        Self {
            rollout: rollout.id,
            guards: rollout.plan.guards.clone(),
            alpha: rollout.plan.false_alarms.as_fraction(),
            canary: window.clone(),
            stable: window,
            told: 0,
            settled_in_stage: 0,
            looks: 0,
            next_look: 1,
        }
    }

    /// Which attempt it is.
    pub const fn rollout(&self) -> u64 {
        self.rollout
    }

    /// A stage begins: its contacts are counted anew. What the window holds stays.
    pub const fn next_stage(&mut self) {
        self.settled_in_stage = 0;
    }

    fn window(&mut self, arm: Arm) -> &mut Window {
        match arm {
            Arm::Canary => &mut self.canary,
            Arm::Stable => &mut self.stable,
        }
    }

    /// A contact begins.
    pub fn begin(&mut self, arm: Arm, at: Timestamp) -> Trial {
        let part = self.window(arm).begin(at).map_or(0, |bucket| bucket.number);
        Trial {
            rollout: self.rollout,
            arm,
            part,
            bad: 0,
            queued: false,
            slowest: None,
            slow: false,
            asked: 0,
            own_bad: 0,
        }
    }

    /// Something was seen of a contact. Nothing if it takes part in something else, or began before the window.
    pub fn mark(&mut self, trial: &mut Trial, mark: Mark<'_>) {
        if trial.rollout != self.rollout {
            return;
        }
        let guards = std::mem::take(&mut self.guards);
        let was_slow = trial.slow;
        if let Some(bucket) = self.window(trial.arm).find(trial.part) {
            trial.note(bucket, &guards, mark);
        }
        self.guards = guards;
        if trial.arm == Arm::Canary && matches!(mark, Mark::Over(_)) {
            self.settled_in_stage = self.settled_in_stage.saturating_add(1);
        }
        let decides = matches!(mark, Mark::Over(_) | Mark::Bad(_) | Mark::HungUp(_)) || trial.slow != was_slow;
        if trial.arm == Arm::Canary && decides {
            self.told += 1;
        }
    }

    /// Looks at the guards, if enough is new: whether one is breached.
    pub fn look(&mut self, now: Timestamp) -> Option<Breach> {
        if self.guards.is_empty() || self.told < self.next_look {
            return None;
        }
        let (canary, stable) = self.sums(now);
        self.looks = self.looks.saturating_add(1);
        self.next_look = self.told + u64::from((canary.begun / LOOK_PART).max(1));
        let error = spend(self.alpha, self.looks) / self.guards.len() as f64;
        (0..self.guards.len()).find_map(|at| self.breach(at, &canary, &stable, error))
    }

    fn sums(&self, now: Timestamp) -> (Bucket, Bucket) {
        (self.canary.sum(now), self.stable.sum(now))
    }

    fn breach(&self, at: usize, canary: &Bucket, stable: &Bucket, error: f64) -> Option<Breach> {
        let guard = self.guards.get(at)?;
        let (of_canary, of_stable) = counted(guard, at, canary, stable);
        if of_canary.of < guard.minimum.max(1) {
            return None;
        }
        // Two tests share what may be spent.
        let error = if guard.most.is_some() { error / 2.0 } else { error };
        let bound = guard.most.filter(|most| above(of_canary, most.as_fraction(), error));
        let is_worse = || worse(of_canary, of_stable, guard.margin.as_fraction(), error);
        (bound.is_some() || is_worse()).then(|| Breach {
            measure: guard.measure.clone(),
            canary: of_canary,
            stable: of_stable,
            bound,
        })
    }

    /// Whether a stage is over: time and contacts have come, and no guard is in doubt.
    pub fn is_over(&self, stage: &Stage, since: Timestamp, now: Timestamp) -> bool {
        let Some(until) = stage.until else { return false };
        now.ms_since(since) >= until.after_ms && self.settled_in_stage >= until.contacts && self.doubt(now).is_none()
    }

    /// The guard that would fail by a single look with less care: a stage waits for it.
    pub fn doubt(&self, now: Timestamp) -> Option<Breach> {
        let (canary, stable) = self.sums(now);
        (0..self.guards.len()).find_map(|at| self.breach(at, &canary, &stable, DOUBT))
    }

    /// How both do.
    pub fn compare(&self, now: Timestamp) -> Watched {
        let (canary, stable) = self.sums(now);
        let figures = Figure::ALL.into_iter().map(|figure| {
            let (of_canary, of_stable) = of_figure(figure, &canary, &stable);
            Compared { name: figure.code().into(), canary: of_canary, stable: of_stable }
        });
        let own = self.guards.iter().enumerate().filter(|(_, guard)| !matches!(guard.measure, Measure::Figure(_)));
        let own = own.map(|(at, guard)| {
            let (of_canary, of_stable) = counted(guard, at, &canary, &stable);
            Compared { name: guard.measure.to_string(), canary: of_canary, stable: of_stable }
        });
        Watched {
            canary_contacts: canary.begun,
            stable_contacts: stable.begun,
            settled_in_stage: self.settled_in_stage,
            looks: self.looks,
            doubt: self.doubt(now),
            compared: figures.chain(own).collect(),
            canary_p99_ms: canary.steps.p99_ms(),
            stable_p99_ms: stable.steps.p99_ms(),
        }
    }
}

/// The canary's contacts count as soon as they begin, the stable version's once their outcome is known. Whatever goes wrong
/// early in a contact is known before what goes well; so the canary looks no worse than it is while its first contacts are
/// under way, and the stable version no better.
fn of_figure(figure: Figure, canary: &Bucket, stable: &Bucket) -> (Counted, Counted) {
    let bad = |bucket: &Bucket| bucket.bad.get(figure.at()).copied().unwrap_or(0);
    let (of_canary, of_stable) = match figure {
        Figure::Abandonment => (canary.queued, stable.unqueued),
        _ => (canary.begun, stable.over),
    };
    (Counted { bad: bad(canary), of: of_canary }, Counted { bad: bad(stable), of: of_stable.max(bad(stable)) })
}

fn counted(guard: &Guard, at: usize, canary: &Bucket, stable: &Bucket) -> (Counted, Counted) {
    match &guard.measure {
        Measure::Figure(figure) => of_figure(*figure, canary, stable),
        Measure::SlowSteps { factor_tenths, at_least_ms } => {
            let limit_us = u64::from(*at_least_ms) * 1_000;
            let p99 = stable.steps.p99_ms().unwrap_or(0.0);
            let times = p99 * f64::from(*factor_tenths) / 10.0;
            let bin = bin_of(limit_us.max((times * 1_000.0) as u64));
            let slow = |bucket: &Bucket| bucket.slowest.beyond(bin);
            (
                Counted { bad: slow(canary), of: canary.begun },
                Counted { bad: slow(stable), of: stable.over.max(slow(stable)) },
            )
        }
        Measure::HangUpsIn(_) | Measure::Attribute(..) => {
            let own = |bucket: &Bucket| bucket.own.get(at).copied().unwrap_or_default();
            let (canary, stable) = (own(canary), own(stable));
            (Counted { bad: canary.bad, of: canary.of }, Counted { bad: stable.bad, of: stable.over.max(stable.bad) })
        }
    }
}

impl Trial {
    fn note(&mut self, bucket: &mut Bucket, guards: &[Guard], mark: Mark<'_>) {
        match mark {
            Mark::Bad(figure) => {
                self.bad(bucket, figure);
                if figure == Figure::Descents {
                    self.bad(bucket, Figure::NotContained);
                }
            }
            Mark::Step { took_us } => {
                bucket.steps.add(bin_of(took_us), 1);
                self.took(bucket, guards, took_us);
            }
            Mark::Running { took_us } => self.took(bucket, guards, took_us),
            Mark::Queued => {
                self.bad(bucket, Figure::Transfers);
                self.bad(bucket, Figure::NotContained);
                if !self.queued {
                    self.queued = true;
                    bucket.queued += 1;
                }
            }
            Mark::Asked(question) => self.own(bucket, guards, |measure| match measure {
                Measure::HangUpsIn(id) if id == question => Some(false),
                _ => None,
            }),
            Mark::HungUp(question) => {
                self.bad(bucket, Figure::HangUps);
                self.bad(bucket, Figure::NotContained);
                self.own(bucket, guards, |measure| match measure {
                    Measure::HangUpsIn(id) if Some(id.as_str()) == question => Some(true),
                    _ => None,
                });
            }
            Mark::Over(attributes) => {
                bucket.over += 1;
                bucket.unqueued += u32::from(self.queued);
                self.own(bucket, guards, |measure| match measure {
                    Measure::Attribute(name, value) => {
                        let found = attributes.get(name);
                        Some(found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found)))
                    }
                    _ => None,
                });
                let asked = self.asked;
                let concerned = bucket.own.iter_mut().enumerate().filter(|(at, _)| asked >> at & 1 == 1);
                concerned.for_each(|(_, own)| own.over += 1);
            }
        }
    }

    /// A step takes or took so long.
    fn took(&mut self, bucket: &mut Bucket, guards: &[Guard], took_us: u64) {
        let bin = bin_of(took_us);
        if self.slowest.is_none_or(|slowest| slowest < bin) {
            self.slowest.into_iter().for_each(|before| bucket.slowest.remove(before));
            bucket.slowest.add(bin, 1);
            self.slowest = Some(bin);
        }
        let beyond = |guard: &Guard| match guard.measure {
            Measure::SlowSteps { at_least_ms, .. } => bin > bin_of(u64::from(at_least_ms) * 1_000),
            _ => false,
        };
        self.slow = self.slow || guards.iter().any(beyond);
    }

    /// Counts once a contact.
    fn bad(&mut self, bucket: &mut Bucket, figure: Figure) {
        let bit = 1 << figure.at();
        if self.bad & bit == 0 {
            self.bad |= bit;
            if let Some(count) = bucket.bad.get_mut(figure.at()) {
                *count += 1;
            }
        }
    }

    /// Counts for guards of their own kind, each once a contact: that they are concerned, and whether it is bad.
    fn own(&mut self, bucket: &mut Bucket, guards: &[Guard], concerns: impl Fn(&Measure) -> Option<bool>) {
        for (at, guard) in guards.iter().enumerate() {
            let (Some(bad), Some(own)) = (concerns(&guard.measure), bucket.own.get_mut(at)) else { continue };
            let bit = 1 << at;
            if self.asked & bit == 0 {
                self.asked |= bit;
                own.of += 1;
            }
            if bad && self.own_bad & bit == 0 {
                self.own_bad |= bit;
                own.bad += 1;
            }
        }
    }
}

/// A step of a canary, to be kept and told.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutStep {
    /// Of which deployment's attempt.
    pub rollout: u64,
    /// The version that is tried.
    pub version: Version,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub what: Stepped,
    /// How both did at that moment.
    pub watched: Watched,
}

/// What happened to a canary.
#[derive(Clone, Debug, PartialEq)]
pub enum Stepped {
    /// The next stage began, counted from 0.
    Advanced(usize),
    /// It serves alone now.
    Promoted,
    /// It was taken back.
    RolledBack(Breach),
}

impl Stepped {
    /// Its name in the history.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Advanced(_) => "advanced",
            Self::Promoted => "promoted",
            Self::RolledBack(_) => "rolled-back",
        }
    }
}
