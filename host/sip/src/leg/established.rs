//! A call that was answered, until it is over: re-INVITE, UPDATE, INFO, the session timer, BYE from either side.

use super::dialog::{Dialog, attach, introduce};
use super::refresh::{Refresh, Refreshed};
use super::timer::SessionTimer;
use super::{Command, Guard, Mailbox, sdp};
use crate::counters::count;
use crate::endpoint::Shared;
use crate::event::{CallId, EndCause, SipEvent};
use crate::front::ALLOW;
use crate::transactions::{Held, Received, drain, original, receive_if, request, respond};
use crate::wire::{self, Message};
use bytes::Bytes;
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};

/// An offer that the shell has not answered yet.
struct Reoffer {
    request: Message,
    timer: Option<SessionTimer>,
    until: Instant,
}

pub(crate) struct Established {
    pub(super) shared: Arc<Shared>,
    call: CallId,
    pub(super) dialog: Dialog,
    mailbox: Mailbox,
    guard: Guard,
    timer: Option<SessionTimer>,
    refreshed_at: Instant,
    pub(super) refresh: Refresh,
    /// Our 2xx waits for its ACK.
    answered: Option<Held>,
    /// The ACK of the call's first INVITE is told in any case; a later one only if it brings SDP.
    first_ack: bool,
    reoffered: Option<Held>,
    reoffer: Option<Reoffer>,
    /// The shell wants it to end.
    leaving: bool,
}

enum Next {
    Answered(Option<Received>),
    Reoffered(Option<Received>),
    Request(Option<Held>),
    Command(Option<Command>),
    Refreshed(Option<Message>),
    HangUp,
    Time,
}

/// How the call ends.
enum Over {
    /// Their BYE, answered.
    Told(EndCause),
    /// Our BYE; the event, if the shell doesn't know.
    Bye(Option<EndCause>),
}

impl Established {
    pub(super) fn new(
        shared: Arc<Shared>,
        call: CallId,
        dialog: Dialog,
        mailbox: Mailbox,
        guard: Guard,
        timer: Option<SessionTimer>,
    ) -> Self {
        Self {
            shared,
            call,
            dialog,
            mailbox,
            guard,
            timer,
            refreshed_at: Instant::now(),
            refresh: Refresh::default(),
            answered: None,
            first_ack: false,
            reoffered: None,
            reoffer: None,
            leaving: false,
        }
    }

    /// With the server transaction whose 200 waits for its ACK.
    pub(super) fn answered(mut self, transaction: Held) -> Self {
        self.answered = Some(transaction);
        self.first_ack = true;
        self
    }

    pub(super) async fn run(mut self) {
        loop {
            let next = self.next().await;
            if let Some(over) = self.act(next).await {
                return self.close(over).await;
            }
            // RFC 3261 §15: who was called must not send BYE before the ACK came, or can't come any more.
            if self.leaving && self.answered.is_none() {
                return self.close(Over::Bye(None)).await;
            }
        }
    }

    async fn next(&mut self) -> Next {
        let wake = self.wake_at();
        tokio::select! {
            received = receive_if(&mut self.answered) => Next::Answered(received),
            received = receive_if(&mut self.reoffered) => Next::Reoffered(received),
            request = self.mailbox.inbox.recv() => Next::Request(request),
            () = self.mailbox.hang_up.cancelled(), if !self.leaving => Next::HangUp,
            command = self.mailbox.commands.recv(), if !self.leaving => Next::Command(command),
            answer = self.refresh.answer() => Next::Refreshed(answer),
            () = async { match wake { Some(at) => sleep_until(at).await, None => std::future::pending().await } } => Next::Time,
        }
    }

    async fn act(&mut self, next: Next) -> Option<Over> {
        match next {
            Next::Answered(received) => self.on_answered(received).await,
            Next::Reoffered(Some(Received::Request(request))) if request.method() == Some("CANCEL") => {
                self.answer_reoffer_with(487).await;
                None
            }
            Next::Reoffered(Some(_)) => None,
            Next::Reoffered(None) => {
                (self.reoffered, self.reoffer) = (None, None);
                None
            }
            Next::Request(Some(transaction)) => self.on_request(transaction).await,
            Next::Command(Some(Command::AnswerReoffer(answer))) => {
                self.answer_reoffer(answer).await;
                None
            }
            Next::Command(Some(
                Command::Ring(_) | Command::Answer(_) | Command::Reject { .. } | Command::Redirect(_),
            )) => None,
            Next::HangUp | Next::Request(None) | Next::Command(None) => {
                self.leaving = true;
                None
            }
            Next::Refreshed(answer) => match self.on_refreshed(answer).await {
                Refreshed::Goes(timer) => {
                    self.renew(timer);
                    None
                }
                Refreshed::Later => None,
                Refreshed::Gone => Some(Over::Bye(Some(EndCause::TransportError))),
            },
            Next::Time => self.on_time().await,
        }
    }

    async fn on_answered(&mut self, received: Option<Received>) -> Option<Over> {
        match received {
            Some(Received::Request(ack)) if ack.method() == Some("ACK") => {
                self.answered = None;
                let first = std::mem::take(&mut self.first_ack);
                let sdp = sdp(&ack);
                if (first || sdp.is_some()) && !self.leaving {
                    self.shared.tell(SipEvent::Acknowledged { call: self.call, sdp }).await;
                }
                None
            }
            Some(_) => None,
            None => {
                // RFC 3261 §13.3.1.4: no ACK in 64 × T1 ends the call.
                count(&self.shared.front.counts.ack_missing);
                self.answered = None;
                Some(Over::Bye((!self.leaving).then_some(EndCause::AckMissing)))
            }
        }
    }

    async fn on_request(&mut self, mut transaction: Held) -> Option<Over> {
        let request = original(&transaction)?;
        let (method, cseq) = (request.method().unwrap_or_default(), request.cseq().map_or(0, |(number, _)| number));
        // RFC 3261 §12.2.2: an older request comes too late.
        if cseq < self.dialog.remote_seq {
            self.reply(&mut transaction, &request, 500, &[]).await;
            return None;
        }
        self.dialog.remote_seq = cseq;
        match method {
            "BYE" => {
                self.reply(&mut transaction, &request, 200, &[]).await;
                return Some(Over::Told(EndCause::RemoteBye));
            }
            "INVITE" | "UPDATE" => self.on_reoffer(transaction, request).await,
            "OPTIONS" => {
                let headers = [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", "timer")];
                self.reply(&mut transaction, &request, 200, &headers).await;
            }
            "INFO" => {
                self.reply(&mut transaction, &request, 200, &[]).await;
                if let Some((digit, duration_ms)) = dtmf(&request) {
                    self.shared.tell(SipEvent::Dtmf { call: self.call, digit, duration_ms }).await;
                }
            }
            _ => self.reply(&mut transaction, &request, 405, &[("Allow", ALLOW)]).await,
        }
        None
    }

    async fn reply(&self, transaction: &mut Held, request: &Message, code: u16, headers: &[(&str, &str)]) {
        let mut reply = wire::response(request, code, "", &self.dialog.local_tag);
        for (name, value) in headers {
            reply.push(name, *value);
        }
        reply.push("Server", self.shared.front.config.user_agent.as_str());
        respond(transaction, &reply).await;
    }

    /// A final refusal; if it was an INVITE, its transaction lives on until the ACK.
    async fn refuse(&self, mut transaction: Held, request: &Message, code: u16, headers: &[(&str, &str)]) {
        self.reply(&mut transaction, request, code, headers).await;
        self.shared.tasks.spawn(drain(transaction));
    }

    async fn on_reoffer(&mut self, mut transaction: Held, request: Message) {
        // RFC 3261 §14.2 and RFC 3311 §5.2: one offer at a time.
        if self.leaving {
            return self.refuse(transaction, &request, 487, &[]).await;
        }
        if self.refresh.is_invite() {
            return self.refuse(transaction, &request, 491, &[]).await;
        }
        let bare_update = request.method() == Some("UPDATE") && request.body.is_empty();
        if !bare_update && (self.reoffer.is_some() || self.answered.is_some()) {
            let wait = rand::random_range(0..=10_u8).to_string();
            return self.refuse(transaction, &request, 500, &[("Retry-After", &wait)]).await;
        }
        let timer = match SessionTimer::asked(&request) {
            Ok(timer) => timer,
            Err(least_s) => {
                return self.refuse(transaction, &request, 422, &[("Min-SE", &least_s.to_string())]).await;
            }
        };
        if bare_update {
            let reply = self.accepting(&request, timer);
            return respond(&mut transaction, &reply).await;
        }
        if request.method() == Some("INVITE") {
            self.reply(&mut transaction, &request, 100, &[]).await;
        }
        let offer = sdp(&request);
        let until = Instant::now() + self.shared.front.timers.reoffer;
        self.reoffer = Some(Reoffer { request, timer, until });
        self.reoffered = Some(transaction);
        self.shared.tell(SipEvent::Reoffer { call: self.call, offer }).await;
    }

    /// The 200 of a re-INVITE or UPDATE, with what it changes taken over.
    fn accepting(&mut self, request: &Message, timer: Option<SessionTimer>) -> Message {
        self.dialog.refresh_target(request);
        let mut reply = wire::response(request, 200, "", &self.dialog.local_tag);
        introduce(&self.shared, &mut reply, "");
        if let Some(timer) = &timer {
            timer.tell(&mut reply);
        }
        self.renew(timer);
        reply
    }

    async fn answer_reoffer(&mut self, answer: Option<Bytes>) {
        let Some(answer) = answer else { return self.answer_reoffer_with(488).await };
        let (Some(reoffer), Some(mut transaction)) = (self.reoffer.take(), self.reoffered.take()) else { return };
        let mut reply = self.accepting(&reoffer.request, reoffer.timer);
        attach(&mut reply, &answer);
        self.refresh.ours = answer;
        respond(&mut transaction, &reply).await;
        if reoffer.request.method() == Some("INVITE") {
            self.answered = Some(transaction);
        }
    }

    async fn answer_reoffer_with(&mut self, code: u16) {
        if let (Some(reoffer), Some(transaction)) = (self.reoffer.take(), self.reoffered.take()) {
            self.refuse(transaction, &reoffer.request, code, &[]).await;
        }
    }

    fn renew(&mut self, timer: Option<SessionTimer>) {
        self.timer = timer;
        self.refreshed_at = Instant::now();
        self.refresh.not_before = None;
    }

    /// The next moment at which something must be done.
    fn wake_at(&self) -> Option<Instant> {
        let reoffer = self.reoffer.as_ref().map(|reoffer| reoffer.until);
        let second = self.shared.front.timers.session_second;
        let session = self.timer.filter(|_| !self.leaving).map(|timer| {
            let end = self.refreshed_at + timer.end(second);
            if timer.ours && self.refresh.runs() {
                end
            } else {
                let due = self.refreshed_at + timer.due(second);
                due.max(self.refresh.not_before.unwrap_or(due)).min(end)
            }
        });
        reoffer.into_iter().chain(session).min()
    }

    async fn on_time(&mut self) -> Option<Over> {
        let now = Instant::now();
        if self.reoffer.as_ref().is_some_and(|reoffer| reoffer.until <= now) {
            self.answer_reoffer_with(500).await;
        }
        let timer = self.timer?;
        let second = self.shared.front.timers.session_second;
        let due = self.refreshed_at + timer.due(second);
        if self.leaving || now < self.refresh.not_before.map_or(due, |later| due.max(later)) {
            return None;
        }
        if !timer.ours || now >= self.refreshed_at + timer.end(second) {
            return Some(Over::Bye(Some(EndCause::Timeout)));
        }
        if !self.refresh.runs() {
            self.begin_refresh(timer).await;
        }
        None
    }

    async fn close(mut self, over: Over) {
        // RFC 3261 §15.1.2: what is open is answered first.
        self.answer_reoffer_with(487).await;
        match over {
            Over::Told(cause) => self.shared.tell(SipEvent::Ended { call: self.call, cause }).await,
            Over::Bye(cause) => {
                if let Some(cause) = cause {
                    self.shared.tell(SipEvent::Ended { call: self.call, cause }).await;
                }
                let bye = self.dialog.request(&self.shared, "BYE");
                self.say_bye(&bye).await;
            }
        }
        drop(self.guard);
    }

    /// Sends BYE and waits for its answer; what the other side still wants meanwhile is refused.
    async fn say_bye(&mut self, bye: &Message) {
        let to = self.dialog.destination().await;
        let answer = request(&self.shared, bye, to);
        tokio::pin!(answer);
        loop {
            let mut transaction = tokio::select! {
                _ = &mut answer => return,
                Some(transaction) = self.mailbox.inbox.recv() => transaction,
            };
            if let Some(request) = original(&transaction) {
                // Both hung up at once.
                let code = if request.method() == Some("BYE") { 200 } else { 481 };
                let reply = wire::response(&request, code, "", &self.dialog.local_tag);
                respond(&mut transaction, &reply).await;
                self.shared.tasks.spawn(drain(transaction));
            }
        }
    }
}

/// A key in an INFO: `Signal=5`, `Duration=160` (application/dtmf-relay), or the key alone (application/dtmf).
fn dtmf(request: &Message) -> Option<(char, u32)> {
    let kind = request.get("Content-Type")?.split(';').next()?.trim().to_ascii_lowercase();
    let text = std::str::from_utf8(request.body.get(..request.body.len().min(256))?).ok()?;
    let (signal, duration_ms) = match kind.as_str() {
        "application/dtmf" => (text.trim(), 250),
        "application/dtmf-relay" => {
            let field = |wanted: &str| {
                text.lines()
                    .filter_map(|line| line.split_once('='))
                    .find_map(|(name, value)| name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim()))
            };
            (field("Signal")?, field("Duration").and_then(|ms| ms.parse().ok()).unwrap_or(250))
        }
        _ => return None,
    };
    let digit = match signal {
        "10" => '*',
        "11" => '#',
        _ => signal.chars().next().filter(|_| signal.chars().count() == 1)?.to_ascii_uppercase(),
    };
    matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D').then_some((digit, duration_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_info() {
        type Key = Option<(char, u32)>;
        let table: &[(&str, &str, Key)] = &[
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", Some(('5', 160))),
            ("application/dtmf-relay; x=y", "signal = #\r\n", Some(('#', 250))),
            ("application/dtmf-relay", "Signal=11\r\nDuration=long", Some(('#', 250))),
            ("application/dtmf-relay", "Signal=12", None),
            ("application/dtmf-relay", "Duration=160", None),
            ("application/dtmf", "a\r\n", Some(('A', 250))),
            ("application/dtmf", "", None),
            ("text/plain", "Signal=5", None),
        ];
        for (kind, body, expected) in table {
            let mut info = wire::request("INFO", "sip:a@b");
            info.push("Content-Type", *kind);
            info.body = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(dtmf(&info), *expected, "{kind} {body}");
        }
    }
}
