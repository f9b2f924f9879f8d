//! What was done with deployments, and who wants what done.

use crate::centre::Expected;
use crate::deployment::DeploymentSpec;
use cordboard_core::config::World;
use cordboard_core::history::{Operator, Step};
use cordboard_core::ids::Version;

/// Who wants a change, why, and of which revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What the document has to be.
    pub expected: Expected,
    /// Who wants it.
    pub by: Operator,
    /// Why, in words: 1 to 1,000 bytes.
    pub why: Option<String>,
}

/// A step of a deployment, with what it was from then on.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryStep {
    /// What was done.
    pub step: Step,
    /// What the deployment was; none if it was removed, or if what was kept can't be read any more.
    pub state: Option<HistoryState>,
}

/// What a deployment was.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryState {
    /// Its world.
    pub world: World,
    /// What served those for whom no rule says otherwise.
    pub version: Version,
    /// What was set.
    pub spec: DeploymentSpec,
}

/// A part of a deployment's history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Newest first.
    pub steps: Vec<HistoryStep>,
    /// There are more: they are before this number.
    pub before: Option<u64>,
    /// Numbers of steps that were changed or taken out after they were kept.
    pub altered: Vec<u64>,
}
