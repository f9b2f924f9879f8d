//! Our refreshes of a session (RFC 4028 §10): UPDATE without SDP, or a re-INVITE with the SDP sent last.

use super::dialog::{attach, introduce};
use super::established::Established;
use super::timer::{self, SessionTimer};
use crate::front::Ack;
use crate::transactions::request;
use crate::wire::Message;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A refresh, and what is needed for one.
#[derive(Default)]
pub(super) struct Refresh {
    /// Our SDP, as sent last.
    pub(super) ours: Bytes,
    /// Whether the other side takes UPDATE.
    pub(super) by_update: bool,
    /// After one that failed: when to try again.
    pub(super) not_before: Option<Instant>,
    /// Of a 422.
    least_s: u32,
    running: Option<Running>,
}

struct Running {
    answer: oneshot::Receiver<Option<Message>>,
    method: &'static str,
    cseq: u32,
}

/// How a refresh ended.
pub(super) enum Refreshed {
    /// The session goes on.
    Goes(Option<SessionTimer>),
    /// Not now.
    Later,
    /// The other side doesn't know the call (RFC 3261 §12.2.1.2).
    Gone,
}

impl Refresh {
    /// Whether one is on its way.
    pub(super) fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// Whether a re-INVITE of ours is on its way.
    pub(super) fn is_invite(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.method == "INVITE")
    }

    /// The final answer of the one on its way; never, if there is none.
    pub(super) async fn answer(&mut self) -> Option<Message> {
        match &mut self.running {
            Some(running) => (&mut running.answer).await.ok().flatten(),
            None => std::future::pending().await,
        }
    }
}

impl Established {
    pub(super) async fn begin_refresh(&mut self, timer: SessionTimer) {
        let method = if self.refresh.by_update { "UPDATE" } else { "INVITE" };
        let mut message = self.dialog.request(&self.shared, method);
        introduce(&self.shared, &mut message, "");
        SessionTimer::ask(&mut message, timer.interval_s.max(self.refresh.least_s), self.refresh.least_s);
        if method == "INVITE" {
            attach(&mut message, &self.refresh.ours.clone());
        }
        let to = self.dialog.destination().await;
        let (sender, answer) = oneshot::channel();
        self.refresh.running = Some(Running { answer, method, cseq: self.dialog.local_seq });
        let shared = self.shared.clone();
        self.shared.tasks.spawn(async move {
            // Nobody waits any more if the call is over.
            sender.send(request(&shared, &message, to).await).ok();
        });
    }

    pub(super) async fn on_refreshed(&mut self, answer: Option<Message>) -> Refreshed {
        let Some(Running { method, cseq, .. }) = self.refresh.running.take() else { return Refreshed::Later };
        let Some(answer) = answer else { return Refreshed::Gone };
        let code = answer.code().unwrap_or_default();
        let wait_ms = match code {
            200..=299 => {
                if method == "INVITE" {
                    self.acknowledge(&answer, cseq).await;
                }
                return Refreshed::Goes(SessionTimer::granted(&answer));
            }
            408 | 481 => return Refreshed::Gone,
            422 => {
                self.refresh.least_s = timer::min_se(&answer).unwrap_or(self.refresh.least_s);
                100
            }
            // RFC 3261 §14.1: both sides draw differently, so that they don't meet again.
            491 => rand::random_range(2_100..=4_000),
            405 | 420 | 501 if method == "UPDATE" => {
                self.refresh.by_update = false;
                100
            }
            _ => 10_000,
        };
        self.refresh.not_before = Some(Instant::now() + Duration::from_millis(wait_ms));
        Refreshed::Later
    }

    async fn acknowledge(&mut self, answer: &Message, cseq: u32) {
        self.dialog.refresh_target(answer);
        let ack = self.dialog.ack(&self.shared, cseq).to_bytes();
        let to = self.dialog.destination().await;
        if let Some(route) = self.shared.front.state().route_mut(&self.dialog.call_id, &self.dialog.local_tag) {
            route.ack = Some(Ack { cseq, bytes: ack.clone(), to });
        }
        self.shared.wire.send(&ack, to);
    }
}
