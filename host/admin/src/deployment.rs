//! Deployments, their canaries and shadows, as the API's handlers and the host speak of them.

use crate::comparing::Findings;
use cordboard_core::board::Tally;
use cordboard_core::config::{MigrationPolicy, World};
use cordboard_core::ids::{DeploymentName, Digest, Version};
use cordboard_core::limits::LimitValues;
use cordboard_core::rollout::{Plan, Watched};
use cordboard_core::time::Timestamp;
use std::collections::BTreeMap;

/// Something a plugin wants that is not granted, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingGrant {
    /// `egress`, `stored-values`, `limits`.
    pub capability: String,
    /// What is missing.
    pub detail: String,
    /// Why the plugin wants it.
    pub reason: String,
}

/// What an operator wants to serve.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentSpec {
    /// The component.
    pub plugin: Digest,
    /// What the plugin reads as `wasi:config`. At most 64 entries.
    pub config: BTreeMap<String, String>,
    /// What an instance may use, where the operator has a word in it.
    pub limits: LimitValues,
    /// What becomes of contacts in progress. No part of the version.
    pub migration: MigrationPolicy,
    /// Whether an open question may be asked anew by the new version. No part of the version.
    pub ask_anew: bool,
}

/// A version to be tried beside what serves.
#[derive(Clone, Debug, PartialEq)]
pub struct CanarySpec {
    /// The component.
    pub plugin: Digest,
    /// What the plugin reads as `wasi:config`.
    pub config: BTreeMap<String, String>,
    /// What an instance may use, where the operator has a word in it.
    pub limits: LimitValues,
    /// Whom it is tried on, for how long, and as long as what holds.
    pub plan: Plan,
}

/// A version that goes through what a deployment does, and serves nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowSpec {
    /// The component.
    pub plugin: Digest,
    /// What the plugin reads as `wasi:config`.
    pub config: BTreeMap<String, String>,
    /// What an instance may use, where the operator has a word in it.
    pub limits: LimitValues,
}

/// A shadow, and how it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Shadow {
    /// Which version.
    pub version: Version,
    /// What it is made of.
    pub spec: ShadowSpec,
    /// Why it could not be loaded when the host started, if so.
    pub failure: Option<String>,
    /// Since when it is counted: counts are of one run of the host.
    pub since: Timestamp,
    /// Contacts or decisions that it was too slow for, or that could not be read.
    pub dropped: u64,
    /// What it came to.
    pub findings: Findings,
}

/// A version that is tried, and how it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// Which.
    pub version: Version,
    /// What the operator set.
    pub spec: CanarySpec,
    /// Which stage it is in, from 0.
    pub stage: usize,
    /// Since when.
    pub since: Timestamp,
    /// How both versions do.
    pub watched: Watched,
}

/// A deployment and how it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// Its name.
    pub name: DeploymentName,
    /// Its world.
    pub world: World,
    /// What the operator set.
    pub spec: DeploymentSpec,
    /// What serves new contacts: the digest of component, configuration and limits.
    pub version: Version,
    /// Why the version could not be loaded when the host started, if so.
    pub failure: Option<String>,
    /// What its plugin's manifest wants and is not granted: uses of it are refused.
    pub missing_grants: Vec<MissingGrant>,
    /// What an instance may use: the operator's word, else what the manifest wants of the defaults, else those. All of
    /// them.
    pub limits_in_force: LimitValues,
    /// Contacts in progress by version, older versions of this deployment included.
    pub contacts: BTreeMap<Version, u32>,
    /// What served before, and steps in where the version fails.
    pub previous: Option<Version>,
    /// What became of those who were to go over to the version.
    pub moved: Tally,
    /// What is tried beside it.
    pub canary: Option<Canary>,
    /// What goes through what it does.
    pub shadow: Option<Shadow>,
}
