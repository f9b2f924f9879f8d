//! INVITE and CANCEL outside a dialog: who may call, and how many.

use super::state::InviteKey;
use super::{Action, Admitted, Front};
use crate::counters::count;
use crate::event::Source;
use crate::wire::{Message, Uri};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

impl Front {
    pub(super) fn on_invite(&self, request: &Message, source: SocketAddr) -> Action {
        let Some((key, branch)) = invite_key(request) else { return self.reply(request, 400, "", source) };
        if let Some(admitted) = self.state().admitted(&key) {
            if admitted.branch == branch {
                return self.forward(request, source);
            }
            // RFC 3261 §8.2.2.2: the same request by another way.
            return self.reply(request, 482, "Request Merged", source);
        }
        if self.draining.load(Relaxed) {
            count(&self.counts.refused_drain);
            return self.busy(request, source);
        }
        if let Some(refusal) = self.unacceptable(request, source) {
            return refusal;
        }
        match self.caller(request, source) {
            Ok(caller) => self.admit(request, key, branch, caller, source),
            Err(action) => action,
        }
    }

    /// What no answer of the shell could mend.
    fn unacceptable(&self, request: &Message, source: SocketAddr) -> Option<Action> {
        if request.all("Contact").count() != 1 || request.get("Contact") == Some("*") {
            return Some(self.reply(request, 400, "One Contact Needed", source));
        }
        let kind = request.get("Content-Type").map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let sdp = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/sdp"));
        let encoded = request.tokens("Content-Encoding").any(|encoding| !encoding.eq_ignore_ascii_case("identity"));
        if !request.body.is_empty() && (!sdp || encoded) {
            return Some(self.reply_with(request, 415, "", &[("Accept", "application/sdp")], source));
        }
        let mut wanted =
            request.tokens("Accept").map(|kind| kind.split(';').next().unwrap_or_default().trim()).peekable();
        let any =
            |kind: &str| ["application/sdp", "application/*", "*/*"].iter().any(|ok| kind.eq_ignore_ascii_case(ok));
        if wanted.peek().is_some() && !wanted.any(any) {
            return Some(self.reply(request, 406, "", source));
        }
        None
    }

    fn caller(&self, request: &Message, source: SocketAddr) -> Result<Source, Action> {
        if let Some(trunk) = self.state().trunk_of(source.ip()) {
            return Ok(Source::Trunk(trunk.to_owned()));
        }
        let user = request.from().and_then(|from| Uri::parse(&from.uri)).map(|uri| uri.user).unwrap_or_default();
        if self.state().registrar.is_from(&user, source, self.now()) {
            return Ok(Source::Registered(user));
        }
        let proof = self.authenticate(request, source)?;
        if proof.user == user {
            return Ok(Source::Registered(user));
        }
        count(&self.counts.forbidden);
        Err(self.reply(request, 403, "", source))
    }

    fn admit(&self, request: &Message, key: InviteKey, branch: String, caller: Source, source: SocketAddr) -> Action {
        let refuse = |counter: &AtomicU64| {
            count(counter);
            self.busy(request, source)
        };
        if self.events.capacity() == 0 {
            return refuse(&self.counts.refused_lag);
        }
        let now = self.now();
        let mut state = self.state();
        if state.live >= self.config.max_calls as usize {
            return refuse(&self.counts.refused_full);
        }
        if !state.bucket.take(now) {
            return refuse(&self.counts.refused_rate);
        }
        let forward = self.forward(request, source);
        if matches!(forward, Action::Forward(_)) {
            let invite = Some(Box::new(request.clone()));
            let tag = format!("{:016x}", rand::random::<u64>());
            let admitted =
                Admitted { call: self.next_call(), branch, invite, caller, source, tag, since: now, over: None };
            state.admit(key, admitted);
            count(&self.counts.admitted);
        }
        forward
    }

    pub(super) fn on_cancel(&self, request: &Message, source: SocketAddr) -> Action {
        let known = invite_key(request)
            .is_some_and(|(key, branch)| self.state().admitted(&key).is_some_and(|admitted| admitted.branch == branch));
        if known { self.forward(request, source) } else { self.no_dialog(request, source) }
    }
}

/// What names an INVITE (and its CANCEL): Call-ID, From tag, CSeq number; and the branch of the top Via.
fn invite_key(request: &Message) -> Option<(InviteKey, String)> {
    let tag = request.from()?.tag()?.to_owned();
    let branch = request.via()?.branch().unwrap_or_default().to_owned();
    Some(((request.call_id().to_owned(), tag, request.cseq()?.0), branch))
}
