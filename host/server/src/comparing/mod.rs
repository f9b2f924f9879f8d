//! Contacts that have ended, gone through again by a version, and routing decisions made again by a scorer: one at a time,
//! away from everything that is live.
//!
//! A comparison is of one contact with one version that is loaded, and needs nothing but the store and the plugin host. It
//! runs on the unhurried threads but for the reading, which is the store's readers'.

mod decisions;
mod kept;
mod reading;
mod survey;
mod watched;

pub use decisions::{DecisionScope, survey_decisions};
pub(crate) use decisions::{Outcome, add, apart};
pub use kept::{Kept, KeptError};
pub(crate) use survey::Ends;
pub use survey::{Scope, Stopped, survey};
pub(crate) use watched::{Stretch, by_deployment, run_again};

use cordboard_core::backtest::{Compared, Skip};
use cordboard_core::ids::{ContactId, DeploymentName, RunId, TenantId, Version};
use cordboard_core::journal::{Entry, Journal, Opened, Segment};
use cordboard_core::record::ContactRecord;
use cordboard_core::replay::{self, Verdict};
use cordboard_plugin::{FlowStart, PluginHost, Rehearsed};
use cordboard_store::{Rooms, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Wall time of one rehearsal; its CPU time is bounded by the plugin host.
const REHEARSED_WITHIN: Duration = Duration::from_secs(60);

/// Compares contacts with versions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Comparer {
    /// Whose contacts.
    pub tenant: TenantId,
    /// Where they are kept.
    pub rooms: Rooms,
    /// Where versions are loaded.
    pub plugins: PluginHost,
}

/// Why a comparison was not made: nothing that lies with the contact.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The store can't be read.
    #[error("the store can't be read")]
    Store(#[source] StoreError),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

/// The flows of a contact in their order, each with its journal.
pub fn flows(journal: &Journal) -> impl Iterator<Item = (u32, &Journal)> {
    (0..).zip(journal.earlier.iter().chain([journal]))
}

/// How a rehearsal of one flow begins: a contact's flow from its beginning, with so many of its entries before it.
pub fn start(opened: &Opened, flow: &Journal, segment: &Segment, entries: usize) -> FlowStart {
    let past = flow.entries.iter().take(entries).cloned().map(Arc::new).collect::<Vec<Arc<Entry>>>();
    FlowStart {
        contact: opened.contact,
        run: RunId(0),
        channel: opened.channel,
        origin: opened.origin.clone(),
        dialled: opened.dialled.clone(),
        seed: segment.seed,
        at: flow.segments.first().unwrap_or(segment).at,
        past: past.into(),
        ask_anew: false,
    }
}

impl Comparer {
    /// Lets a loaded version go through the flows of a contact that has ended, those of this deployment alone, up to the
    /// first that it doesn't agree with (journal rule 19). Why not, if it can't.
    ///
    /// # Errors
    /// The store fails, or the host is stopping.
    pub async fn compare(
        &self,
        record: &ContactRecord,
        version: Version,
        deployment: &DeploymentName,
    ) -> Result<Result<Vec<Compared>, Skip>, CompareError> {
        if !record.journal_durable {
            return Ok(Err(Skip::Incomplete));
        }
        let journal = match reading::journal(&self.rooms, &self.tenant, record.id).await {
            Ok(Ok(journal)) => journal,
            Ok(Err(why)) => return Ok(Err(why)),
            Err(error) => return Err(CompareError::Store(error)),
        };
        let Some(opened) = &journal.opened else { return Ok(Err(Skip::Incomplete)) };
        let mut compared = Vec::new();
        for (number, flow) in flows(&journal) {
            let segment = flow.segments.last().filter(|last| last.deployment == *deployment);
            let Some(segment) = segment else { continue };
            let start = start(opened, flow, segment, usize::MAX);
            let result = self.rehearsed(number, version, start).await?;
            let agreed = matches!(result.verdict, Verdict::Agreed { .. });
            compared.push(result);
            if !agreed {
                break;
            }
        }
        if compared.is_empty() {
            let any = flows(&journal).any(|(_, flow)| !flow.segments.is_empty());
            return Ok(Err(if any { Skip::OtherDeployment } else { Skip::NoFlow }));
        }
        Ok(Ok(compared))
    }

    async fn rehearsed(&self, flow: u32, version: Version, start: FlowStart) -> Result<Compared, CompareError> {
        let past = Arc::clone(&start.past);
        let entries = past.len() as u64;
        let Some(rehearsed) = rehearse(&self.plugins, version, start, false).await? else {
            let (kind, detail) = ("deadline", "it took too long".into());
            let verdict = Verdict::Failed { entry: 0, kind, detail, after: None, as_before: false };
            return Ok(Compared { flow, entries, reached: 0, substituted: 0, verdict });
        };
        let Rehearsed { result, reached, substituted, seen } = rehearsed;
        let verdict = replay::verdict(&past, result, reached, seen.unlike.as_ref());
        Ok(Compared { flow, entries, reached, substituted, verdict })
    }

    /// The record of a contact that has ended.
    ///
    /// # Errors
    /// The store fails.
    pub async fn record(&self, contact: ContactId) -> Result<Option<ContactRecord>, CompareError> {
        self.rooms.records.get(&self.tenant, contact).await.map_err(CompareError::Store)
    }
}

/// Lets a loaded version go through a past. None if it took too long.
///
/// # Errors
/// The host is stopping.
pub async fn rehearse(
    plugins: &PluginHost,
    version: Version,
    start: FlowStart,
    closely: bool,
) -> Result<Option<Rehearsed>, CompareError> {
    match tokio::time::timeout(REHEARSED_WITHIN, plugins.rehearse_alone(version, start, closely)).await {
        Ok(Some(rehearsed)) => Ok(Some(rehearsed)),
        Ok(None) => Err(CompareError::Stopping),
        Err(_) => Ok(None),
    }
}
