//! Recorded routing decisions, made again by a scorer: one decision, and many.

use super::{CompareError, Comparer, Ends, Stopped};
use cordboard_core::decision::Decision;
use cordboard_core::ids::{DecisionId, DeploymentName, Digest, QueueName, Version};
use cordboard_core::rescoring::{Recorded, Rescored, Skip, Tally};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{AskError, ScoreInput};
use cordboard_store::DecisionRef;
use futures_util::StreamExt as _;
use futures_util::stream;
use std::sync::{Arc, Mutex, PoisonError};

/// Decisions read at once. One may have some hundred kilobytes.
const PAGE: usize = 50;
/// A scorer that ran into its CPU deadline so often is not tried any further.
const MAX_DEADLINES: u64 = 25;

/// Which decisions are made again, and by what.
#[derive(Clone, Debug)]
pub struct DecisionScope {
    /// Made then or later.
    pub from: Timestamp,
    /// Made before.
    pub until: Option<Timestamp>,
    /// For this queue.
    pub queue: Option<QueueName>,
    /// No more than so many, newest first.
    pub limit: u64,
    /// By this deployment's scorer.
    pub deployment: DeploymentName,
    /// The version, loaded for this alone.
    pub version: Version,
}

/// What became of a decision.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was made again.
    Made(Rescored),
    /// The scorer failed: how, and in words.
    Failed(&'static str, String),
    /// It can't be made again.
    Skipped(Skip),
}

/// The name under which a version is loaded to make decisions again: never the one under which it may serve, since live
/// decisions would wait for its instances.
pub(crate) fn apart(version: Version) -> Version {
    Digest::of(format!("decisions made again by {version}").as_bytes())
}

impl Comparer {
    /// Lets a loaded scorer make a decision again, on the unhurried threads. To be called there.
    ///
    /// # Errors
    /// The host is stopping.
    pub(crate) async fn decide(
        &self,
        decision: &Decision,
        version: Version,
        deployment: &DeploymentName,
    ) -> Result<Outcome, CompareError> {
        let recorded = match Recorded::new(decision, deployment) {
            Ok(recorded) => recorded,
            Err(why) => return Ok(Outcome::Skipped(why)),
        };
        let input = ScoreInput {
            contact_columns: Arc::clone(&decision.columns.contact),
            agent_columns: Arc::clone(&decision.columns.agent),
            contacts: decision.contacts.iter().map(|row| row.values.clone()).collect(),
            agents: decision.agents.iter().flat_map(|row| row.values.iter().copied()).collect(),
            agent_count: decision.agents.len(),
            // As live ones are asked: what they are made of costs time as well.
            with_parts: true,
        };
        let scores: Vec<Vec<Option<i64>>> = match self.plugins.score_unhurried(version, input).await {
            Ok(scored) => scored.rows.into_iter().map(|row| row.scores).collect(),
            Err(AskError::NotLoaded) => return Err(CompareError::Stopping),
            Err(error) => return Ok(Outcome::Failed(kind(&error), error.to_string())),
        };
        Ok(match recorded.compare(&scores) {
            Ok(rescored) => Outcome::Made(rescored),
            Err(error) => Outcome::Failed("invalid-answer", error.to_string()),
        })
    }
}

/// How a scorer failed, as reports have it.
fn kind(error: &AskError) -> &'static str {
    match error {
        AskError::Trap(_) => "trap",
        AskError::Deadline(_) => "deadline",
        AskError::Limit(_) => "limit",
        AskError::Refused(_) => "refused",
        AskError::Configure(_) => "not-configured",
        AskError::WrongCount { .. } | AskError::NotFinite(_) | AskError::Contract(_) => "invalid-answer",
        AskError::NoRoom(_) | AskError::Busy | AskError::NotLoaded => "no-room",
        AskError::Input(_) => "invalid-input",
    }
}

/// Adds what became of a decision.
pub(crate) fn add(tally: &mut Tally, decision: &Decision, deployment: &DeploymentName, outcome: Outcome) {
    match (outcome, Recorded::new(decision, deployment)) {
        (Outcome::Made(rescored), Ok(recorded)) => tally.add(&recorded, rescored),
        (Outcome::Failed(kind, detail), Ok(recorded)) => tally.fail(&recorded, kind, detail),
        (Outcome::Skipped(why), _) | (_, Err(why)) => tally.skip(why),
    }
}

/// Makes decisions again, as many at once as there are processors, and adds each in their order, newest first: the same
/// decisions make the same tally.
///
/// # Errors
/// The store fails, or the host is stopping: what was added until then stands.
pub async fn survey_decisions(
    comparer: &Comparer,
    scope: &DecisionScope,
    tally: &Mutex<Tally>,
) -> Result<Stopped, CompareError> {
    let at_once = comparer.plugins.unhurried().metrics().num_workers().max(1);
    let mut before = scope.until.map(|decided_at| DecisionRef { decided_at, id: DecisionId(0) });
    let (mut left, mut deadlines) = (scope.limit, 0);
    let lock = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    while left > 0 {
        let decisions = &comparer.rooms.decisions;
        let page = decisions.list(&comparer.tenant, before, PAGE).await.map_err(CompareError::Store)?;
        let over = page.decisions.last().is_some_and(|last| last.decided_at < scope.from);
        lock().skip_many(Skip::Damaged, page.damaged.min(left));
        left -= page.damaged.min(left);
        let wanted = |decision: &Decision| {
            decision.decided_at >= scope.from && scope.queue.as_ref().is_none_or(|queue| *queue == decision.queue)
        };
        let chosen: Vec<Decision> = page.decisions.into_iter().filter(wanted).take(bounded(left)).collect();
        left -= chosen.len() as u64;
        let mut outcomes = stream::iter(chosen).map(|decision| one(comparer, scope, decision)).buffered(at_once);
        while let Some(done) = outcomes.next().await {
            let (decision, outcome) = done?;
            deadlines += u64::from(matches!(outcome, Outcome::Failed("deadline", _)));
            add(&mut lock(), &decision, &scope.deployment, outcome);
            if deadlines >= MAX_DEADLINES {
                return Ok(Stopped::TooSlow);
            }
        }
        before = page.next;
        if over || before.is_none() {
            break;
        }
    }
    Ok(Stopped::Done)
}

fn bounded(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX)
}

/// One decision, on a task of its own.
async fn one(
    comparer: &Comparer,
    scope: &DecisionScope,
    decision: Decision,
) -> Result<(Decision, Outcome), CompareError> {
    let (comparer, deployment, version) = (comparer.clone(), scope.deployment.clone(), scope.version);
    let threads = comparer.plugins.unhurried().clone();
    let task = threads.spawn(async move {
        let outcome = comparer.decide(&decision, version, &deployment).await?;
        Ok((decision, outcome))
    });
    let _ends = Ends(task.abort_handle());
    task.await.unwrap_or(Err(CompareError::Stopping))
}
