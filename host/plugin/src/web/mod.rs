//! What plugins that may send requests have in common: where a version may connect, and who hears of it when it tries
//! elsewhere.

mod connect;
mod egress;
mod fetch;
mod tls;

use crate::config::Grants;
use crate::guest::{Bucket, Guest};
use cordboard_core::ids::Version;
pub(crate) use egress::{Egress, check_grants, rule_for};
pub use fetch::FetchOrder;
pub(crate) use fetch::{Fetcher, MAX_FETCHES};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
pub(crate) use tls::Tls;
use tokio::sync::{Semaphore, mpsc};
use wasmtime_wasi_http::WasiHttpCtx;

/// Names resolved at once: each keeps a thread, for as long as the resolver tries.
const MAX_RESOLVING: usize = 4;
/// Refused uses that are told at once, and a second after that, for each version.
const BURST_TOLD: u32 = 5;
const TOLD_PER_SECOND: u32 = 1;
/// Refused uses that wait to be told.
pub(crate) const MAX_UNTOLD: usize = 256;

/// A use of a capability that was refused: it wasn't wanted in the manifest, isn't granted, or leads to a machine that
/// isn't who it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedUse {
    /// Which version tried.
    pub version: Version,
    /// E.g. `egress`.
    pub capability: &'static str,
    /// What it tried, e.g. `GET http://crm.example:80`.
    pub detail: String,
}

/// Where a version may connect: what is in force is asked at each request, so that a grant that is taken back holds for
/// the next one.
pub(crate) struct Reach {
    version: Version,
    grants: Mutex<Arc<Grants>>,
    resolving: Arc<Semaphore>,
    tls: Arc<Tls>,
    told: Mutex<Bucket>,
    teller: mpsc::Sender<RefusedUse>,
}

impl Reach {
    pub(crate) fn new(version: Version, grants: Grants, tls: Arc<Tls>, teller: mpsc::Sender<RefusedUse>) -> Arc<Self> {
        Arc::new(Self {
            version,
            grants: Mutex::new(Arc::new(grants)),
            resolving: Arc::new(Semaphore::new(MAX_RESOLVING)),
            tls,
            told: Mutex::new(Bucket::new(BURST_TOLD, TOLD_PER_SECOND, Instant::now())),
            teller,
        })
    }

    fn held(&self) -> MutexGuard<'_, Arc<Grants>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force.
    pub(crate) fn grants(&self) -> Arc<Grants> {
        Arc::clone(&self.held())
    }

    /// From now on; whether that is a change.
    pub(crate) fn set(&self, grants: Grants) -> bool {
        let mut held = self.held();
        let changed = **held != grants;
        *held = Arc::new(grants);
        changed
    }

    /// Tells that a use was refused, unless that was told too often just now.
    fn refused(&self, detail: String) {
        if self.may_tell() {
            tracing::warn!(version = %self.version.short(), "egress refused: {detail}");
            // Nobody listens, or too slowly: the log has it.
            let _ = self.teller.try_send(RefusedUse { version: self.version, capability: "egress", detail });
        }
    }

    /// Logs a connection that came to nothing, unless too much was told just now.
    fn failed(&self, detail: &str) {
        if self.may_tell() {
            tracing::warn!(version = %self.version.short(), "egress failed: {detail}");
        }
    }

    fn may_tell(&self) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now()).is_ok()
    }
}

/// What a store that may send requests has beside what every store has.
pub(crate) struct WebRole {
    http: WasiHttpCtx,
    egress: Egress,
}

impl WebRole {
    pub(crate) fn new(reach: &Arc<Reach>) -> Self {
        Self { http: WasiHttpCtx::new(), egress: Egress::new(Arc::clone(reach)) }
    }

    /// A new call: its requests are counted from 0.
    pub(crate) fn again(&mut self) {
        self.egress.again();
    }
}

impl wasmtime_wasi_http::WasiHttpView for Guest<WebRole> {
    fn http(&mut self) -> wasmtime_wasi_http::WasiHttpCtxView<'_> {
        wasmtime_wasi_http::WasiHttpCtxView {
            hooks: &mut self.role.egress,
            table: &mut self.table,
            ctx: &mut self.role.http,
        }
    }
}
