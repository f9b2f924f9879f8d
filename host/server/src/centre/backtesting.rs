//! Back-tests: jobs of this host's run, few at once, the latest kept.

use super::HostCentre;
use super::candidates::{Loader, Made, compare_refused};
use super::keeping::not_found;
use super::version::world_name;
use crate::clock::Clock;
use crate::comparing::{DecisionScope, Scope, Stopped, apart, survey, survey_decisions};
use cordboard_admin::{Backtest, BacktestSpec, BacktestState, Findings, Refusal};
use cordboard_core::config::World;
use cordboard_core::ids::DeploymentName;
use cordboard_core::time::Timestamp;
use cordboard_core::{backtest, rescoring};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Back-tests at once: each keeps all processors busy, for whatever else doesn't want them.
const MAX_RUNNING: usize = 2;
/// Back-tests kept, those that run included.
const MAX_KEPT: usize = 16;

/// The back-tests of a host's run. Dropped, they end.
#[derive(Default)]
pub(super) struct Backtests(Mutex<BTreeMap<u64, Arc<Job>>>);

struct Job {
    /// As it was begun, without what it came to.
    asked: Backtest,
    work: Work,
    /// What it does, and when it was over.
    state: Mutex<(BacktestState, Option<Timestamp>)>,
    /// True: it is to end.
    stop: watch::Sender<bool>,
}

/// What it goes through, and what it came to so far.
enum Work {
    Contacts(Scope, Mutex<backtest::Tally>),
    Decisions(DecisionScope, Mutex<rescoring::Tally>),
}

impl Work {
    fn new(spec: BacktestSpec, deployment: DeploymentName, made: &Made) -> Self {
        let BacktestSpec { filter, limit, .. } = spec;
        if made.deployed.world == World::Scorer {
            let from = filter.from_ms.map_or(Timestamp(0), Timestamp::from_ms);
            let until = filter.until_ms.map(Timestamp::from_ms);
            let (queue, version) = (filter.queue, apart(made.version));
            Self::Decisions(DecisionScope { from, until, queue, limit, deployment, version }, Mutex::default())
        } else {
            Self::Contacts(Scope { filter, limit, deployment, version: made.version }, Mutex::default())
        }
    }

    fn findings(&self) -> Findings {
        match self {
            Self::Contacts(_, tally) => Findings::Contacts(lock(tally).clone()),
            Self::Decisions(_, tally) => Findings::Decisions(lock(tally).clone()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    fn running(&self) -> bool {
        lock(&self.state).0 == BacktestState::Running
    }

    fn shown(&self) -> Backtest {
        let (state, ended_at) = lock(&self.state).clone();
        Backtest { state, ended_at, findings: self.work.findings(), ..self.asked.clone() }
    }

    fn over(&self, state: BacktestState, at: Timestamp) {
        let mut now = lock(&self.state);
        if now.0 == BacktestState::Running {
            *now = (state, Some(at));
        }
    }
}

impl Drop for Backtests {
    fn drop(&mut self) {
        for job in lock(&self.0).values() {
            job.stop.send_replace(true);
        }
    }
}

/// Whatever becomes of the task, its job doesn't run for ever.
struct Ending(Arc<Job>, Clock);

impl Drop for Ending {
    fn drop(&mut self) {
        let detail = "the task of the back-test died; the host's log says more".into();
        self.0.over(BacktestState::Failed { code: "internal", detail }, self.1.now());
    }
}

impl HostCentre {
    pub(super) async fn backtest(&self, spec: BacktestSpec) -> Result<Backtest, Refusal> {
        let missing = || Refusal::Invalid { code: "invalid-body", detail: "no deployment is named".into() };
        let deployment = spec.candidate.deployment.clone().ok_or_else(missing)?;
        let world = self.require_kept(&deployment).await?;
        if !matches!(world, World::Flow | World::Scorer) {
            let detail = format!("`{deployment}` is a {} deployment: flows and scorers are tested", world_name(world));
            return Err(Refusal::Invalid { code: "other-deployment", detail });
        }
        let made = self.made(&spec.candidate, world).await?;
        if world == World::Scorer && spec.filter.entry_point.is_some() {
            let detail = "decisions have a queue and no entry point".into();
            return Err(Refusal::Invalid { code: "invalid-body", detail });
        }
        let now = self.parts.clock.now();
        let work = Work::new(spec.clone(), deployment.clone(), &made);
        let mut asked = Backtest {
            id: now.0,
            version: made.version,
            plugin: made.deployed.spec.plugin,
            deployment,
            filter: spec.filter,
            limit: spec.limit,
            state: BacktestState::Running,
            began_at: now,
            ended_at: None,
            findings: work.findings(),
        };
        let (stop, stopped) = watch::channel(false);
        let job = {
            let mut jobs = lock(&self.backtests.0);
            if jobs.values().filter(|job| job.running()).count() >= MAX_RUNNING {
                let detail = format!("{MAX_RUNNING} back-tests run already, and there may be no more at once");
                return Err(Refusal::Busy(detail));
            }
            while jobs.len() >= MAX_KEPT {
                let Some(oldest) = jobs.iter().find(|(_, job)| !job.running()).map(|(id, _)| *id) else { break };
                jobs.remove(&oldest);
            }
            asked.id = jobs.keys().last().map_or(asked.id, |last| asked.id.max(last + 1));
            let state = Mutex::new((BacktestState::Running, None));
            let job = Arc::new(Job { asked, work, state, stop });
            jobs.insert(job.asked.id, Arc::clone(&job));
            job
        };
        let shown = job.shown();
        tokio::spawn(run(self.loader(), Ending(job, self.parts.clock), made, stopped));
        Ok(shown)
    }

    pub(super) fn kept_backtests(&self) -> Vec<Backtest> {
        let jobs: Vec<Arc<Job>> = lock(&self.backtests.0).values().rev().cloned().collect();
        jobs.iter().map(|job| job.shown()).collect()
    }

    pub(super) fn cancel_backtest(&self, id: u64) -> Result<(), Refusal> {
        let mut jobs = lock(&self.backtests.0);
        let job = jobs.get(&id).ok_or_else(|| not_found("back-test", id))?;
        if job.running() {
            job.stop.send_replace(true);
            job.over(BacktestState::Cancelled, self.parts.clock.now());
        } else {
            jobs.remove(&id);
        }
        Ok(())
    }
}

/// Loads the version, goes through the contacts or the decisions, and unloads it.
async fn run(loader: Loader, ending: Ending, made: Made, mut stopped: watch::Receiver<bool>) {
    let Ending(job, clock) = &ending;
    let loaded = match &job.work {
        Work::Contacts(scope, _) => scope.version,
        Work::Decisions(scope, _) => scope.version,
    };
    let going = async {
        let hold = loader.load_as(loaded, &made).await?;
        let done = match &job.work {
            Work::Contacts(scope, tally) => survey(&loader.comparer, scope, tally).await,
            Work::Decisions(scope, tally) => survey_decisions(&loader.comparer, scope, tally).await,
        };
        let done = done.map_err(compare_refused);
        drop(hold);
        done
    };
    let state = tokio::select! {
        done = going => match done {
            Ok(Stopped::Done) => BacktestState::Done,
            Ok(Stopped::TooSlow) => BacktestState::Stopped,
            Err(refusal) => failed(&refusal),
        },
        // Its sender is gone only with the job.
        _ = stopped.wait_for(|stop| *stop) => BacktestState::Cancelled,
    };
    job.over(state, clock.now());
    let (report, took_ms) = (job.shown(), clock.now().ms_since(job.asked.began_at));
    let (looked_at, agreed) = match &report.findings {
        Findings::Contacts(tally) => (tally.looked_at, tally.agreed),
        Findings::Decisions(tally) => (tally.looked_at, tally.agreed),
    };
    tracing::info!(id = report.id, version = %made.version.short(), looked_at, agreed, took_ms, "a back-test is over");
    loader.unload_if_unneeded(loaded).await;
}

fn failed(refusal: &Refusal) -> BacktestState {
    let code = match refusal {
        Refusal::Invalid { code, .. } | Refusal::Unreadable { code, .. } => code,
        Refusal::Unavailable(_) => "unavailable",
        other => {
            tracing::error!(%other, "a back-test failed");
            return BacktestState::Failed {
                code: "internal",
                detail: "the fault is the host's; its log says more".into(),
            };
        }
    };
    BacktestState::Failed { code, detail: refusal.to_string() }
}
