//! Rehearsals that nobody waits for in a call.

use super::PluginHost;
use crate::flow::{self, FlowMessage, FlowStart, Mode, Places};
use cordboard_core::board::Rehearsal;
use cordboard_core::ids::Version;
use cordboard_core::replay::Seen;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// A past that a version went through, alone with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsed {
    /// How it went. Behind the end of its past nothing is answered: it is over there.
    pub result: Rehearsal,
    /// Entries that it went through.
    pub reached: u64,
    /// Secret answers that zeros stood in for (journal rule 20).
    pub substituted: u64,
    /// What it did beside what its past has.
    pub seen: Seen,
}

impl PluginHost {
    /// Threads of the lowest priority, as many as processors up to 16, for work that no call waits for. What runs there
    /// ends with the host.
    pub fn unhurried(&self) -> &Handle {
        self.0.unhurried.handle()
    }

    /// Lets a version go through a past on the unhurried threads, with a bound on its CPU time, and drops it where the past
    /// ends or it does something else. `closely`: what it logs and says otherwise on the way is told. Dropped, it is over. None
    /// if the host is stopping.
    pub async fn rehearse_alone(&self, version: Version, start: FlowStart, closely: bool) -> Option<Rehearsed> {
        let mode = if closely { Mode::Watched } else { Mode::Rehearsal };
        let places = Places {
            rehearsals: self.unhurried().clone(),
            rehearsal_slots: Arc::clone(&self.0.unhurried_slots),
            ..self.0.places()
        };
        let (messages, mut told) = mpsc::channel(1);
        let handle = flow::spawn_rehearsal(&places, self.0.flow_program(version), start, mode, messages);
        let message = told.recv().await;
        drop(handle);
        match message? {
            FlowMessage::Rehearsed { result, reached: (reached, substituted), seen, .. } => {
                Some(Rehearsed { result, reached, substituted, seen: *seen })
            }
            FlowMessage::Call { .. } | FlowMessage::Ended { .. } | FlowMessage::Log { .. } => None,
        }
    }
}
