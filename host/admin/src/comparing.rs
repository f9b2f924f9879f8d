//! Contacts gone through again by versions: what is asked, and what came of it.

use cordboard_core::backtest::Tally;
use cordboard_core::ids::{ContactId, DeploymentName, Digest, Version};
use cordboard_core::limits::LimitValues;
use cordboard_core::replay::{Seen, Verdict};
use cordboard_core::rescoring;
use cordboard_core::time::Timestamp;
use cordboard_store::RecordFilter;
use std::collections::BTreeMap;

/// A version that goes through contacts again. It need not be deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it is made of.
    pub of: CandidateOf,
    /// The deployment that it is to serve: flows of others are not its business.
    pub deployment: Option<DeploymentName>,
    /// Over the configuration of the deployment, or of the version.
    pub config: BTreeMap<String, String>,
    /// Taken out of it.
    pub unset: Vec<String>,
    /// Over its limits.
    pub limits: LimitValues,
}

/// What a candidate is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateOf {
    /// An uploaded plugin, with what its deployment has beside it.
    Plugin(Digest),
    /// A version that was deployed once.
    Version(Version),
}

/// A contact, gone through again.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Which.
    pub contact: ContactId,
    /// The candidate; none: each of the versions that ran.
    pub candidate: Option<Version>,
    /// Each flow and version in their order.
    pub runs: Vec<RunAgain>,
}

/// A flow of a contact, gone through by a version.
#[derive(Clone, Debug, PartialEq)]
pub struct RunAgain {
    /// Which of the contact's flows, from 0.
    pub flow: u32,
    /// Its deployment.
    pub deployment: DeploymentName,
    /// The version.
    pub version: Version,
    /// Entries that there were to go through: all, or those up to where another version took over.
    pub entries: u64,
    /// How it went; else why it could not be tried.
    pub went: Result<Went, String>,
}

/// How it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Went {
    /// Entries that it went through.
    pub reached: u64,
    /// Secret answers that zeros stood in for (journal rule 20).
    pub substituted: u64,
    /// Whether it did the same.
    pub verdict: Verdict,
    /// What it did beside what the journal has.
    pub seen: Seen,
}

/// A back-test that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct BacktestSpec {
    /// What goes through the contacts, or the decisions. Its deployment is named.
    pub candidate: Candidate,
    /// Which contacts that have ended. Of decisions: which times, which queue.
    pub filter: RecordFilter,
    /// No more than so many, newest first.
    pub limit: u64,
}

/// The most contacts, or decisions, of a back-test.
pub const MAX_BACKTEST_CONTACTS: u64 = 100_000;

/// A back-test, running or over.
#[derive(Clone, Debug, PartialEq)]
pub struct Backtest {
    /// Its number, of this host alone: when it was begun, in microseconds.
    pub id: u64,
    /// The version that goes through the contacts, or the decisions.
    pub version: Version,
    /// Its plugin.
    pub plugin: Digest,
    /// The deployment whose flows, or decisions, are compared.
    pub deployment: DeploymentName,
    /// Which contacts.
    pub filter: RecordFilter,
    /// No more than so many.
    pub limit: u64,
    /// What it does.
    pub state: BacktestState,
    /// When it was begun.
    pub began_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// What it came to so far.
    pub findings: Findings,
}

/// What a version came to that went through what was.
#[derive(Clone, Debug, PartialEq)]
pub enum Findings {
    /// A flow, through contacts that have ended.
    Contacts(Tally),
    /// A scorer, through routing decisions.
    Decisions(rescoring::Tally),
}

/// What a back-test does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BacktestState {
    /// It goes through contacts, or compiles the version first.
    Running,
    /// It went through all of them.
    Done,
    /// It gave up: the version ran into its deadline too often. What it came to until then stands.
    Stopped,
    /// Somebody ended it.
    Cancelled,
    /// It could not go on.
    Failed {
        /// Stable, as a refusal's.
        code: &'static str,
        /// In words.
        detail: String,
    },
}
