//! One leg, one task: from INVITE to the end.

mod dialog;
mod established;
mod refresh;
pub(crate) mod stray;
mod timer;
pub(crate) mod uac;
pub(crate) mod uas;

pub(crate) use dialog::resolve;

use crate::endpoint::{Control, Shared};
use crate::event::CallId;
use crate::transactions::Held;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Commands of the shell that may wait for a leg; more are lost, except hanging up.
const MAX_COMMANDS: usize = 16;
/// New transactions of the other side that may wait for a leg; more get 503.
const MAX_TRANSACTIONS: usize = 16;

/// What the shell wants of a leg. What doesn't fit the leg's state does nothing.
#[derive(Debug)]
pub(crate) enum Command {
    Ring(Option<Bytes>),
    Answer(Bytes),
    Reject { code: u16, reason: String, retry_after_s: Option<u32> },
    Redirect(String),
    AnswerReoffer(Option<Bytes>),
}

/// What reaches a leg.
pub(crate) struct Mailbox {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) inbox: mpsc::Receiver<Held>,
    pub(crate) hang_up: CancellationToken,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, Control, mpsc::Sender<Held>) {
        let (command, commands) = mpsc::channel(MAX_COMMANDS);
        let (sender, inbox) = mpsc::channel(MAX_TRANSACTIONS);
        let hang_up = CancellationToken::new();
        (Self { commands, inbox, hang_up: hang_up.clone() }, Control { commands: command, hang_up }, sender)
    }
}

/// Gives the leg's place back, however its task ends.
pub(crate) struct Guard {
    shared: Arc<Shared>,
    call: CallId,
    call_id: String,
    tag: String,
    invite: Option<(String, String, u32)>,
    _leg: TaskTrackerToken,
}

impl Guard {
    pub(crate) fn new(
        shared: Arc<Shared>,
        call: CallId,
        call_id: String,
        tag: String,
        invite: Option<(String, String, u32)>,
    ) -> Self {
        let _leg = shared.legs.token();
        Self { shared, call, call_id, tag, invite, _leg }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.controls(|controls| controls.remove(&self.call));
        let now = self.shared.front.now();
        self.shared.front.state().leg_over(&self.call_id, &self.tag, self.invite.as_ref(), now);
    }
}

/// SDP, if the message has any.
pub(crate) fn sdp(message: &crate::wire::Message) -> Option<Bytes> {
    (!message.body.is_empty()).then(|| message.body.clone())
}
