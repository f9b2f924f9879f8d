//! Shadows: versions that go through what deployments do, after it is done and written, and serve nobody.
//!
//! Whoever writes hands over what is on disk, without ever waiting: what finds no room is dropped and counted. Each shadow has
//! one task, on the threads of the lowest priority, that takes one contact or decision after the other.

use crate::comparing::{CompareError, Comparer, Ends, Outcome, add};
use crate::holds::Hold;
use cordboard_admin::Findings;
use cordboard_core::backtest::{self, Compared, Skip};
use cordboard_core::config::World;
use cordboard_core::decision::Decision;
use cordboard_core::ids::{DeploymentName, Version};
use cordboard_core::record::ContactRecord;
use cordboard_core::replay::Verdict;
use cordboard_core::rescoring;
use cordboard_core::time::Timestamp;
use metrics::counter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tracing::warn;

/// Contacts or decisions that wait for a shadow. A large decision has a hundred kilobytes, the largest has two megabytes.
const MAX_WAITING: usize = 64;

/// The shadows of a host, by deployment. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Shadows(Arc<Mutex<BTreeMap<DeploymentName, Shadow>>>);

/// What a shadow is given.
enum Done {
    Contact(Box<ContactRecord>),
    Decision(Box<Decision>),
}

/// One deployment's.
struct Shadow {
    version: Version,
    /// Under which name it is loaded.
    loaded: Version,
    failure: Option<String>,
    counts: Arc<Counts>,
    since: Timestamp,
    /// Its queue, its task, and what keeps it loaded; none: it could not be loaded.
    running: Option<(mpsc::Sender<Done>, Ends, Hold)>,
}

/// What it came to.
struct Counts {
    deployment: DeploymentName,
    findings: Mutex<Findings>,
    dropped: AtomicU64,
}

/// How a shadow does.
pub(crate) struct Shown {
    pub(crate) failure: Option<String>,
    pub(crate) since: Timestamp,
    pub(crate) dropped: u64,
    pub(crate) findings: Findings,
}

/// Nothing yet.
pub(crate) fn no_findings(world: World) -> Findings {
    match world {
        World::Scorer => Findings::Decisions(rescoring::Tally::default()),
        World::Flow | World::Crm | World::Dialer | World::Inspector => Findings::Contacts(backtest::Tally::default()),
    }
}

impl Shadows {
    fn all(&self) -> MutexGuard<'_, BTreeMap<DeploymentName, Shadow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a version that is loaded, and held so, go through what a deployment does from now on. Which loaded one went, if
    /// there was one.
    pub(crate) fn begin(
        &self,
        comparer: Comparer,
        (deployment, world): (DeploymentName, World),
        (version, loaded, hold): (Version, Version, Hold),
        now: Timestamp,
    ) -> Option<Version> {
        let counts = Arc::new(Counts {
            deployment: deployment.clone(),
            findings: Mutex::new(no_findings(world)),
            dropped: AtomicU64::new(0),
        });
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let threads = comparer.plugins.unhurried().clone();
        let task = threads.spawn(follow(comparer, Arc::clone(&counts), loaded, waiting));
        let running = Some((queue, Ends(task.abort_handle()), hold));
        let shadow = Shadow { version, loaded, failure: None, counts, since: now, running };
        self.all().insert(deployment, shadow).map(|before| before.loaded)
    }

    /// One that can't be loaded: it is told why.
    pub(crate) fn failed(
        &self,
        (deployment, world): (DeploymentName, World),
        version: Version,
        failure: String,
        now: Timestamp,
    ) {
        let findings = Mutex::new(no_findings(world));
        let counts = Arc::new(Counts { deployment: deployment.clone(), findings, dropped: AtomicU64::new(0) });
        let failure = Some(failure);
        let shadow = Shadow { version, loaded: version, failure, counts, since: now, running: None };
        self.all().insert(deployment, shadow);
    }

    /// Ends a deployment's; which loaded version went, if there was one.
    pub(crate) fn end(&self, deployment: &DeploymentName) -> Option<Version> {
        self.all().remove(deployment).map(|shadow| shadow.loaded)
    }

    /// How a deployment's does, if it is of this version.
    pub(crate) fn shown(&self, deployment: &DeploymentName, version: Version) -> Option<Shown> {
        let all = self.all();
        let shadow = all.get(deployment).filter(|shadow| shadow.version == version)?;
        Some(Shown {
            failure: shadow.failure.clone(),
            since: shadow.since,
            dropped: shadow.counts.dropped.load(Relaxed),
            findings: shadow.counts.findings().clone(),
        })
    }

    /// A contact has ended, and all of it is written. Never waits.
    pub(crate) fn ended(&self, record: &ContactRecord) {
        for shadow in self.all().values() {
            if matches!(*shadow.counts.findings(), Findings::Contacts(_)) {
                shadow.give(|| Done::Contact(Box::new(record.clone())));
            }
        }
    }

    /// A decision was made, and is written. Never waits.
    pub(crate) fn decided(&self, decision: Box<Decision>) {
        let Some(scorer) = decision.grounds.as_ref().map(|grounds| &grounds.scorer) else { return };
        if let Some(shadow) = self.all().get(scorer) {
            shadow.give(|| Done::Decision(decision));
        }
    }
}

impl Shadow {
    fn give(&self, done: impl FnOnce() -> Done) {
        let Some((queue, ..)) = &self.running else { return };
        match queue.try_reserve() {
            Ok(place) => place.send(done()),
            Err(_) => self.counts.drop_one(),
        }
    }
}

impl Counts {
    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, result: &'static str) {
        counter!("cordboard_shadow_total", "deployment" => self.deployment.to_string(), "result" => result)
            .increment(1);
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Relaxed);
        self.count("dropped");
    }

    fn add_contact(&self, record: &ContactRecord, went: Result<Vec<Compared>, Skip>) {
        let Findings::Contacts(tally) = &mut *self.findings() else { return };
        match went {
            // Every contact that ends comes by here.
            Err(Skip::OtherDeployment | Skip::NoFlow) => {}
            Err(why) => {
                tally.skip(why);
                self.count("skipped");
            }
            Ok(flows) => {
                self.count(match flows.last().map(|flow| &flow.verdict) {
                    Some(Verdict::Parted(_)) => "diverged",
                    Some(Verdict::Failed { .. }) => "failed",
                    Some(Verdict::Agreed { .. }) | None => "agreed",
                });
                tally.add(record.id, flows);
            }
        }
    }

    fn add_decision(&self, decision: &Decision, outcome: Outcome) {
        let Findings::Decisions(tally) = &mut *self.findings() else { return };
        self.count(match &outcome {
            Outcome::Made(rescored) if rescored.changes.is_empty() => "agreed",
            Outcome::Made(_) => "diverged",
            Outcome::Failed(..) => "failed",
            Outcome::Skipped(_) => "skipped",
        });
        add(tally, decision, &self.deployment, outcome);
    }
}

/// One after the other, until the shadow ends.
async fn follow(comparer: Comparer, counts: Arc<Counts>, version: Version, mut waiting: mpsc::Receiver<Done>) {
    while let Some(done) = waiting.recv().await {
        let compared = match done {
            Done::Contact(record) => {
                let compared = comparer.compare(&record, version, &counts.deployment).await;
                compared.map(|went| counts.add_contact(&record, went))
            }
            Done::Decision(decision) => {
                let compared = comparer.decide(&decision, version, &counts.deployment).await;
                compared.map(|outcome| counts.add_decision(&decision, outcome))
            }
        };
        match compared {
            Ok(()) => {}
            Err(CompareError::Stopping) => return,
            Err(cause @ CompareError::Store(_)) => {
                warn!(deployment = %counts.deployment, %cause, "its shadow leaves something out");
                counts.drop_one();
            }
        }
    }
}
