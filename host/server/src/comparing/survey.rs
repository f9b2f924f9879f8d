//! Many contacts, one version: what a back-test does.

use super::{CompareError, Comparer};
use cordboard_core::backtest::{Compared, Skip, Tally};
use cordboard_core::ids::{ContactId, DeploymentName, Version};
use cordboard_core::record::ContactRecord;
use cordboard_core::replay::Verdict;
use cordboard_store::RecordFilter;
use futures_util::StreamExt as _;
use futures_util::stream;
use std::sync::{Mutex, PoisonError};
use tokio::task::AbortHandle;

/// Records read at once: as many as a page may have.
const PAGE: usize = 200;
/// A version that ran into its CPU deadline so often is not tried any further: each time costs seconds.
const MAX_DEADLINES: u64 = 25;

/// Which contacts are gone through, and by what.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Which contacts, newest first.
    pub filter: RecordFilter,
    /// No more than so many.
    pub limit: u64,
    /// Flows of this deployment alone.
    pub deployment: DeploymentName,
    /// The version, loaded.
    pub version: Version,
}

/// Why a survey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// All were gone through, or as many as were asked for.
    Done,
    /// The version ran into its deadline too often.
    TooSlow,
}

type Outcome = Result<Result<Vec<Compared>, Skip>, CompareError>;

/// Goes through contacts, as many at once as there are processors, and adds each in their order, newest first: so the same
/// contacts make the same tally. What it holds in memory is a page of records and the journals being gone through.
///
/// # Errors
/// The store fails, or the host is stopping: what was added until then stands.
pub async fn survey(comparer: &Comparer, scope: &Scope, tally: &Mutex<Tally>) -> Result<Stopped, CompareError> {
    let at_once = comparer.plugins.unhurried().metrics().num_workers().max(1);
    let (mut before, mut left, mut deadlines) = (None, scope.limit, 0);
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(PAGE).min(PAGE);
        let records = &comparer.rooms.records;
        let page = records.list(&comparer.tenant, &scope.filter, before, wanted).await.map_err(CompareError::Store)?;
        left -= (page.records.len() as u64).min(left);
        let mut outcomes = stream::iter(page.records).map(|record| one(comparer, scope, record)).buffered(at_once);
        while let Some((contact, outcome)) = outcomes.next().await {
            let outcome = outcome?;
            deadlines += u64::from(outcome.as_ref().is_ok_and(|flows| flows.iter().any(ran_out)));
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(flows) => tally.add(contact, flows),
                Err(why) => tally.skip(why),
            }
            drop(tally);
            if deadlines >= MAX_DEADLINES {
                return Ok(Stopped::TooSlow);
            }
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(Stopped::Done)
}

fn ran_out(flow: &Compared) -> bool {
    matches!(flow.verdict, Verdict::Failed { kind: "deadline", .. })
}

/// One contact, on a task of its own: several are decoded and gone through at once.
async fn one(comparer: &Comparer, scope: &Scope, record: ContactRecord) -> (ContactId, Outcome) {
    let contact = record.id;
    let (comparer, deployment, version) = (comparer.clone(), scope.deployment.clone(), scope.version);
    let threads = comparer.plugins.unhurried().clone();
    let task = threads.spawn(async move { comparer.compare(&record, version, &deployment).await });
    let _ends = Ends(task.abort_handle());
    (contact, task.await.unwrap_or(Err(CompareError::Stopping)))
}

/// Nobody waits for the task any more.
pub(crate) struct Ends(pub(crate) AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}
