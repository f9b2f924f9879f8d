//! Going through a contact's journal again, away from everything that is live.

use super::HostCentre;
use super::keeping::store;
use cordboard_admin::{Refusal, Replayed};
use cordboard_core::board::Rehearsal;
use cordboard_core::flow::RunEnd;
use cordboard_core::ids::{ContactId, RunId, Version};
use cordboard_core::journal::{Entry, Journal};
use cordboard_core::note::{self, Note, NoteKind};
use cordboard_core::replay;
use cordboard_core::time::Timestamp;
use cordboard_plugin::{FlowMessage, FlowStart};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Wall time of a replay; its CPU time is bounded by the plugin host.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(60);

impl HostCentre {
    /// The journal's latest flow, by the version that its last entries are from (journal rule 12).
    pub(super) async fn replay(&self, id: ContactId) -> Result<Replayed, Refusal> {
        let journal = self.journal_of(id).await?;
        let (version, start) = beginning(id, &journal, None)?;
        let Rehearsed { result, reached: (reached, substituted), .. } = self.rehearse(version, start, false).await?;
        let parted = match result {
            Rehearsal::Agreed { .. } => None,
            Rehearsal::Diverged(what) => Some(what.to_string()),
            // It ended after all that there is: so did the flow.
            Rehearsal::Failed(RunEnd::Returned(_)) => None,
            Rehearsal::Failed(end) => {
                Some(end.failure().map_or_else(String::new, |(kind, text)| format!("{kind}: {text}")))
            }
        };
        Ok(Replayed { version, entries: journal.entries.len() as u64, reached, parted, substituted })
    }

    /// The flow that failed last, up to where it failed, with a dump of it there.
    pub(super) async fn dump(&self, id: ContactId) -> Result<Vec<u8>, Refusal> {
        let notes = self.notes_of(id).await?;
        let failed = notes.iter().rfind(|note| matches!(note.kind, NoteKind::Failed(_)));
        let failed = failed.ok_or_else(|| Refusal::NotNow(format!("no flow of the contact {id} failed")))?;
        let mut journal = self.journal_of(id).await?;
        // What went on as another flow is in the journal of its own, which was closed then.
        let before = |journal: &&Journal| journal.closed.as_ref().is_some_and(|(at, _)| *at >= failed.at);
        if let Some(earlier) = journal.earlier.iter().find(before).cloned() {
            let opened = journal.opened.take();
            journal = Journal { opened, ..earlier };
        }
        let (version, start) = beginning(id, &journal, Some((failed.at, failed.version)))?;
        let Rehearsed { core_dump, .. } = self.rehearse(version, start, true).await?;
        core_dump.ok_or_else(|| Refusal::NotNow("it doesn't fail again in a replay, or not in its own code".into()))
    }

    /// Goes through a past, loading its version for it if need be.
    async fn rehearse(&self, version: Version, start: FlowStart, dump: bool) -> Result<Rehearsed, Refusal> {
        let hold = self.load_version(version).await?;
        let (messages, mut told) = mpsc::channel(4);
        let plugins = &self.parts.plugins;
        let handle = if dump {
            plugins.rehearse_for_dump(version, start, messages)
        } else {
            plugins.rehearse(version, start, messages)
        };
        let rehearsed = tokio::time::timeout(REPLAY_TIMEOUT, async {
            loop {
                match told.recv().await {
                    Some(FlowMessage::Rehearsed { result, reached, core_dump, .. }) => {
                        return Some(Rehearsed { result, reached, core_dump });
                    }
                    Some(_) => {}
                    None => return None,
                }
            }
        });
        let rehearsed = rehearsed.await.ok().flatten();
        drop((handle, hold));
        self.unload_if_unneeded(version).await;
        rehearsed.ok_or_else(|| Refusal::Unavailable("the replay took too long".into()))
    }

    /// What the contact's flows left behind; of a contact that is known.
    pub(super) async fn notes_of(&self, id: ContactId) -> Result<Vec<Note>, Refusal> {
        let notes = self.parts.rooms.notes.of(&self.parts.tenant, id).await.map_err(store)?;
        if notes.is_empty() {
            self.one_contact(id).await?;
        }
        Ok(note::with_lines(notes))
    }
}

/// How a past begins and what it is: all of it, by the version that its last entries are from; or up to a moment, by the
/// version that ran then.
fn beginning(
    id: ContactId,
    journal: &Journal,
    until: Option<(Timestamp, Version)>,
) -> Result<(Version, FlowStart), Refusal> {
    let none = || Refusal::NotNow(format!("no flow ran for the contact {id}"));
    let (opened, first) = journal.opened.as_ref().zip(journal.segments.first()).ok_or_else(none)?;
    let segment = match until {
        None => journal.segments.last(),
        Some((_, version)) => journal.segments.iter().rfind(|segment| segment.version == version),
    };
    let segment = segment.ok_or_else(none)?;
    let seen = |entry: &&Arc<Entry>| until.is_none_or(|(until, _)| entry.at() <= until);
    let past: Vec<_> = replay::entries(journal).iter().take_while(seen).cloned().collect();
    let start = FlowStart {
        contact: id,
        run: RunId(0),
        channel: opened.channel,
        origin: opened.origin.clone(),
        dialled: opened.dialled.clone(),
        seed: segment.seed,
        at: first.at,
        past: past.into(),
        ask_anew: false,
    };
    Ok((segment.version, start))
}

/// What a rehearsal came to.
struct Rehearsed {
    result: Rehearsal,
    reached: (u64, u64),
    core_dump: Option<Vec<u8>>,
}
