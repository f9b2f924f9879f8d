//! What the stack tells its user, and what it is told.

use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// Our name for one leg; never used twice by one stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

impl std::fmt::Display for CallId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "call-{}", self.0)
    }
}

/// Who calls or is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The user part of the URI; may be empty.
    pub user: String,
    /// The host part; in a dial: ours if `None`.
    pub host: Option<String>,
    /// The display name.
    pub display: Option<String>,
}

/// Why a caller was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Its address is on this trunk's list.
    Trunk(String),
    /// It is this user: called from where the user is registered, or proved to know the password.
    Registered(String),
}

/// How a leg ended that had been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The other side hung up.
    RemoteBye,
    /// No answer from the shell, or the session timer ran out (RFC 4028).
    Timeout,
    /// The other side doesn't know the call any more, or can't be reached.
    TransportError,
    /// Our 200 was never acknowledged (RFC 3261 §13.3.1.4).
    AckMissing,
}

/// What happens. A leg's last event is exactly one of `Failed`, `Cancelled` and `Ended`; a leg that the shell itself
/// ended (`hang_up`, `reject`, `redirect`) has no further event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SipEvent {
    /// A new call, admitted; 100 is sent.
    Incoming {
        /// The leg.
        call: CallId,
        /// Why it was let in.
        source: Source,
        /// From.
        from: Party,
        /// The Request-URI.
        to: Party,
        /// SDP; `None`: the caller expects our offer in the answer (late offer).
        offer: Option<Bytes>,
        /// The Call-ID header, for the operator's eyes.
        sip_call_id: String,
    },
    /// 180 or 183.
    Ringing {
        /// The leg.
        call: CallId,
        /// Early media.
        early_sdp: Option<Bytes>,
    },
    /// Our call was answered; ACK is sent.
    Answered {
        /// The leg.
        call: CallId,
        /// The answer.
        sdp: Option<Bytes>,
    },
    /// The caller has our 200.
    Acknowledged {
        /// The leg.
        call: CallId,
        /// The answer to an offer in our 200.
        sdp: Option<Bytes>,
    },
    /// Our call did not come about.
    Failed {
        /// The leg.
        call: CallId,
        /// Of the final response; 408 if nobody answered in time, 503 if unreachable.
        code: u16,
        /// Its phrase.
        reason: String,
        /// No INVITE left us: too many calls, a callee that isn't registered or can't be named, sending failed. The code
        /// is ours then, and says nothing of the other side.
        local: bool,
    },
    /// The caller gave up before we answered.
    Cancelled {
        /// The leg.
        call: CallId,
    },
    /// The other side changes the session; answered with `answer_reoffer`.
    Reoffer {
        /// The leg.
        call: CallId,
        /// `None`: it expects an offer in the answer.
        offer: Option<Bytes>,
    },
    /// An answered call is over.
    Ended {
        /// The leg.
        call: CallId,
        /// How.
        cause: EndCause,
    },
    /// A key by SIP INFO (application/dtmf-relay).
    Dtmf {
        /// The leg.
        call: CallId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// As told; 250 if not.
        duration_ms: u32,
    },
    /// A phone is there: told at each REGISTER that binds a contact, refreshes too; while the shell lags, only the latest
    /// of each user.
    Registered {
        /// The user.
        user: String,
        /// The contact URI.
        contact: String,
        /// How long it holds.
        expires_s: u32,
    },
    /// The last contact of a user is gone.
    Unregistered {
        /// The user.
        user: String,
        /// By time, not by request.
        expired: bool,
    },
}

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A registered user, at the contact it registered last.
    Registered(String),
    /// A SIP URI.
    Uri(String),
}

/// A call to make.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Whom.
    pub to: Target,
    /// What From says. A 401 or 407 is answered with the account of that user, if there is one.
    pub from: Party,
    /// The offer.
    pub sdp: Bytes,
    /// More headers; those that the stack makes itself, and malformed ones, are left out.
    pub headers: Vec<(String, String)>,
    /// From INVITE to answer; then CANCEL and `Failed` with 408.
    pub ring_timeout: Duration,
}

/// A phone that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The user.
    pub user: String,
    /// The contact URI.
    pub contact: String,
    /// Where it registered from, and is called.
    pub source: SocketAddr,
    /// How long it still holds.
    pub expires_s: u32,
}

/// An account that the stack registers somewhere, and answers challenges with.
#[derive(Clone)]
pub struct RegisterClient {
    /// `sip:host[:port]`
    pub registrar: String,
    /// Address of record and digest user.
    pub user: String,
    /// In memory only.
    pub password: String,
    /// Asked for; the registrar may shorten it. Refreshed at half its time. 0 removes the registration.
    pub expires_s: u32,
}

impl std::fmt::Debug for RegisterClient {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The password stays out of logs.
        write!(out, "RegisterClient({} at {}, {} s)", self.user, self.registrar, self.expires_s)
    }
}
