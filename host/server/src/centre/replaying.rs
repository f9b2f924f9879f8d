//! Going through a contact's journal again, away from everything that is live.

use super::HostCentre;
use cordboard_admin::{Refusal, Replayed};
use cordboard_core::board::Rehearsal;
use cordboard_core::ids::{ContactId, RunId};
use cordboard_core::replay;
use cordboard_plugin::{FlowMessage, FlowStart};
use std::time::Duration;
use tokio::sync::mpsc;

/// Wall time of a replay; its CPU time is bounded by the plugin host.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(60);

impl HostCentre {
    /// The journal's latest flow, by the version that its last entries are from (journal rule 12).
    pub(super) async fn replay(&self, id: ContactId) -> Result<Replayed, Refusal> {
        let journal = self.journal_of(id).await?;
        let (Some(opened), Some(first), Some(last)) =
            (&journal.opened, journal.segments.first(), journal.segments.last())
        else {
            return Err(Refusal::NotNow(format!("no flow ran for the contact {id}")));
        };
        let version = last.version;
        let past = replay::entries(&journal);
        let start = FlowStart {
            contact: id,
            run: RunId(0),
            channel: opened.channel,
            origin: opened.origin.clone(),
            dialled: opened.dialled.clone(),
            seed: last.seed,
            at: first.at,
            past,
            ask_anew: false,
        };
        let hold = self.load_version(version).await?;
        let (messages, mut told) = mpsc::channel(4);
        let handle = self.parts.plugins.rehearse(version, start, messages);
        let rehearsed = tokio::time::timeout(REPLAY_TIMEOUT, async {
            loop {
                match told.recv().await {
                    Some(FlowMessage::Rehearsed { result, reached, .. }) => return Some((result, reached)),
                    Some(_) => {}
                    None => return None,
                }
            }
        });
        let rehearsed = rehearsed.await.ok().flatten();
        drop((handle, hold));
        self.unload_if_unneeded(version).await;
        let (result, (reached, substituted)) =
            rehearsed.ok_or_else(|| Refusal::Unavailable("the replay took too long".into()))?;
        let parted = match result {
            Rehearsal::Agreed { .. } => None,
            Rehearsal::Diverged(what) => Some(what.to_string()),
            // It ended after all that there is: so did the flow.
            Rehearsal::Failed(cordboard_core::flow::RunEnd::Returned(_)) => None,
            Rehearsal::Failed(end) => Some(format!("{end:?}")),
        };
        Ok(Replayed { version, entries: journal.entries.len() as u64, reached, parted, substituted })
    }
}
