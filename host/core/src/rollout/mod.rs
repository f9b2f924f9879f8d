//! Canaries: a new version beside the one that serves, for a share of the contacts, while guards watch how they do.
//!
//! | file | what it is |
//! |---|---|
//! | here | what a canary is, and whose contacts it gets |
//! | `rules` | whom it gets or doesn't, whatever its share |
//! | `figures` | how contacts do: what is counted, over a sliding window |
//! | `guard` | what must not get worse |
//! | `plan` | what of all this can't be meant |
//! | `statistics` | whether it did, or whether that is noise |
//! | `watch` | all of it together, as it goes |

mod figures;
mod guard;
mod plan;
mod rules;
mod statistics;
#[cfg(test)]
mod tests;
mod watch;

pub use figures::{Counted, Figure, StepTimes};
pub use guard::{Breach, Guard, Measure};
pub use plan::PlanError;
pub use rules::{Condition, Hours, Rule, Verdict};
pub use watch::{Compared, Mark, RolloutStep, Stepped, Trial, Watch, Watched};

use crate::ids::{ContactId, DeploymentName, TenantId, Version};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Stages of a canary.
pub const MAX_STAGES: usize = 16;
/// Rules of a canary.
pub const MAX_RULES: usize = 32;
/// Guards of a canary.
pub const MAX_GUARDS: usize = 16;
/// How far back figures go: a minute to a day.
pub const WINDOW_MS: std::ops::RangeInclusive<u64> = 60_000..=86_400_000;

/// A share of contacts, in hundredths of a percent: 0 to 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share(u16);

impl Share {
    /// Everybody.
    pub const ALL: Self = Self(10_000);
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// From hundredths of a percent; none above 10,000.
    pub const fn new(hundredths: u16) -> Option<Self> {
        if hundredths <= Self::ALL.0 { Some(Self(hundredths)) } else { None }
    }

    /// In hundredths of a percent.
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// From 0 to 1.
    pub fn as_fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }

    /// In percent.
    pub fn as_percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// Which of the two versions a contact has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// What serves.
    Stable,
    /// What is tried.
    Canary,
}

/// What stays with its version: a contact always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sticky {
    /// Each contact is assigned anew.
    #[default]
    Contact,
    /// Whoever calls again gets the same version again; whoever has no number is assigned by contact.
    Caller,
}

/// A version tried beside a deployment's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Names this attempt: greater than that of every earlier one of the deployment.
    pub id: u64,
    /// What is tried.
    pub version: Version,
    /// On whom, for how long, and as long as what holds.
    pub plan: Plan,
    /// Which of its stages it is in.
    pub stage: usize,
    /// Since when.
    pub since: Timestamp,
}

/// On whom a version is tried, for how long, and as long as what holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What is sticky.
    pub sticky: Sticky,
    /// Whom it gets or doesn't, whatever the share: the first that fits decides. At most [`MAX_RULES`].
    pub rules: Vec<Rule>,
    /// Its shares, one after the other: 1 to [`MAX_STAGES`].
    pub stages: Vec<Stage>,
    /// What must hold. At most [`MAX_GUARDS`].
    pub guards: Vec<Guard>,
    /// How far back figures go: within [`WINDOW_MS`].
    pub window_ms: u64,
    /// How probable it may be at most that a version that is no worse is taken back, over the whole attempt.
    pub false_alarms: Share,
}

/// A share for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// What the canary gets.
    pub share: Share,
    /// When the next stage begins, or after the last one the canary serves alone; none: when an operator says so.
    pub until: Option<Until>,
}

/// When a stage is over: both must have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Until {
    /// It took so long.
    pub after_ms: u64,
    /// So many contacts that the canary got in it are over.
    pub contacts: u32,
}

/// What is known of a contact when its version is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Which.
    pub contact: ContactId,
    /// The number that calls; empty if unknown.
    pub caller: &'a str,
    /// The number that was dialled.
    pub dialled: &'a str,
    /// Its queue, where one is known by then.
    pub queue: Option<&'a str>,
    /// Its attributes so far.
    pub attributes: &'a std::collections::BTreeMap<String, String>,
    /// When.
    pub at: Timestamp,
}

impl Rollout {
    /// The share now.
    pub fn share(&self) -> Share {
        self.plan.stages.get(self.stage).map_or(Share::NONE, |stage| stage.share)
    }

    /// Which version a contact gets (journal rule 18): a larger share only adds contacts, or callers.
    pub fn arm(&self, tenant: &TenantId, deployment: &DeploymentName, subject: &Subject<'_>) -> Arm {
        let verdict =
            self.plan.rules.iter().find(|rule| rule.when.fits(subject)).map_or(Verdict::Weighted, |rule| rule.then);
        match verdict {
            Verdict::Canary => Arm::Canary,
            Verdict::Stable => Arm::Stable,
            Verdict::Weighted => {
                if self.bucket(tenant, deployment, subject) < self.share().0 {
                    Arm::Canary
                } else {
                    Arm::Stable
                }
            }
        }
    }

    /// 0 to 9,999, evenly over contacts or callers, and differently for each version that is tried.
    fn bucket(&self, tenant: &TenantId, deployment: &DeploymentName, subject: &Subject<'_>) -> u16 {
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), deployment.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(self.version.0);
        match self.plan.sticky {
            Sticky::Caller if !subject.caller.is_empty() => hash.update(subject.caller.as_bytes()),
            Sticky::Caller | Sticky::Contact => hash.update(subject.contact.0.to_be_bytes()),
        }
        let hash = hash.finalize();
        let high = hash.iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
        u16::try_from((u128::from(high) * u128::from(Share::ALL.0)) >> 64).unwrap_or(Share::ALL.0)
    }
}
