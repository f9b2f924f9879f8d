//! Counts of what happened, for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident),* $(,)?) => {
        /// A snapshot; each value only ever grows, except the gauges `legs`, `transactions`, `remembered`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct SipCounters {
            $($(#[doc = $doc])+ pub $name: u64,)*
            /// Gauge: legs now.
            pub legs: u64,
            /// Gauge: transactions now running.
            pub transactions: u64,
            /// Gauge: INVITEs remembered so that their retransmissions are known.
            pub remembered: u64,
        }

        impl SipCounters {
            /// All that only grow, by name.
            pub fn totals(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }

            /// All gauges, by name.
            pub fn gauges(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [("legs", self.legs), ("transactions", self.transactions), ("remembered", self.remembered)].into_iter()
            }
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counts { $(pub(crate) $name: AtomicU64,)* }

        impl Counts {
            pub(crate) fn snapshot(&self) -> SipCounters {
                SipCounters { $($name: self.$name.load(Relaxed),)* ..SipCounters::default() }
            }
        }
    };
}

counters! {
    /// Datagrams received.
    received,
    /// Datagrams that were no SIP, or answers to nothing of ours: dropped.
    dropped,
    /// Malformed requests answered 400 or 505.
    malformed,
    /// Answered 513.
    oversized,
    /// Messages the library's parser would not take, or panicked on.
    unparsable,
    /// Unknown or unwanted methods answered 405 or 501.
    unknown_methods,
    /// Inbound calls let in.
    admitted,
    /// Refused with 503: more calls a second than allowed.
    refused_rate,
    /// Refused with 503: too many calls at once.
    refused_full,
    /// Refused with 503: the shell lags behind.
    refused_lag,
    /// Refused with 503: draining.
    refused_drain,
    /// Refused with 403.
    forbidden,
    /// Challenged with 401.
    challenged,
    /// Wrong passwords, unknown users.
    auth_failed,
    /// Nonces used again with an nc that did not grow.
    auth_replayed,
    /// Registrations made or refreshed.
    registered,
    /// Requests of dialogs that don't exist: 481.
    no_dialog,
    /// Calls of ours begun.
    dialled,
    /// Answered calls whose ACK never came.
    ack_missing,
    /// Datagrams that the socket would not take.
    send_failed,
}

/// Counts one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
