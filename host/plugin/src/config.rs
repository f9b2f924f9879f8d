//! Settings of the plugin host, and what comes with a component when it is loaded.

use crate::compile::Compiler;
use cordboard_core::limits::{Limit, LimitValues};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Settings of the whole plugin host.
#[derive(Clone, Debug)]
pub struct PluginConfig {
    /// Threads that run guests. Default: half the processors, at least 1.
    pub guest_threads: usize,
    /// Flow instances at once, running and parked. Bounded by `vm.max_map_count`, see [`Capacity`](crate::Capacity).
    pub max_flow_instances: u32,
    /// The most memory any guest can be given, in bytes (a version's own limit is in [`Limits`]). At most 1 GiB.
    pub max_memory_bytes: u64,
    /// CPU time of one step between two host calls, in milliseconds, unless a version's limits say otherwise.
    pub step_cpu_ms: u32,
    /// CPU time in which an instance has to go through a contact's past, in milliseconds.
    pub replay_cpu_ms: u32,
    /// Where compiled artefacts are kept, with the key that shows that they are this host's own; made if it isn't
    /// there, for one host alone. None: they aren't kept.
    pub artefact_dir: Option<PathBuf>,
    /// Artefacts kept, in bytes; beyond it those go first that were used longest ago.
    pub artefact_cache_bytes: u64,
    /// Where components are compiled. Default: in this process; a service should use [`Compiler::Child`].
    pub compiler: Compiler,
    /// A compilation in a child process that takes longer is killed, in milliseconds. At most an hour.
    pub compile_timeout_ms: u64,
    /// Memory that a compilation in a child process may fill, in bytes. At least 256 MiB.
    pub compile_memory_bytes: u64,
    /// CPU time of one `score` call, in milliseconds. Ten times that is the bound in wall time.
    pub scorer_deadline_ms: u32,
    /// Look-ups at once, for each crm version; as many calls at once of each dialer or inspector version.
    pub crm_pool: u32,
    /// What is kept of look-ups, for each crm version.
    pub crm_cache: CacheConfig,
    /// When a directory that fails is left alone, for each crm version.
    pub crm_breaker: BreakerConfig,
    /// Wall time of one call of a dialer, and of an inspector during a talk, in milliseconds.
    pub asked_deadline_ms: u32,
    /// Wall time in which an inspector sums a talk up, in milliseconds.
    pub summary_deadline_ms: u32,
    /// The largest component, in bytes.
    pub max_component_bytes: usize,
    /// Certificate authorities beside the system's that back-ends of plugins may have their certificates from: a PEM
    /// file, read at the start.
    pub egress_ca_file: Option<PathBuf>,
}

impl Default for PluginConfig {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            guest_threads: (processors / 2).max(1),
            max_flow_instances: 1000,
            max_memory_bytes: 256 << 20,
            step_cpu_ms: 200,
            replay_cpu_ms: 2_000,
            artefact_dir: None,
            artefact_cache_bytes: 2 << 30,
            compiler: Compiler::InProcess,
            compile_timeout_ms: 120_000,
            compile_memory_bytes: 4 << 30,
            scorer_deadline_ms: 50,
            crm_pool: 32,
            crm_cache: CacheConfig::default(),
            crm_breaker: BreakerConfig::default(),
            asked_deadline_ms: 1000,
            summary_deadline_ms: 10_000,
            max_component_bytes: 64 << 20,
            egress_ca_file: None,
        }
    }
}

/// The cache of a crm version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Answers kept; the one whose time is over first goes first.
    pub max_entries: usize,
    /// Bytes of answers kept, roughly; those go first whose time is over first.
    pub max_bytes: usize,
    /// How long a person found is kept, in milliseconds.
    pub found_ttl_ms: u64,
    /// How long it is kept that a person is unknown, in milliseconds.
    pub unknown_ttl_ms: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_entries: 10_000, max_bytes: 64 << 20, found_ttl_ms: 60_000, unknown_ttl_ms: 10_000 }
    }
}

/// The circuit breaker of a crm version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures in a row after which it opens. That a caller waited less than 2 s in vain is none.
    pub failures: u32,
    /// How long it stays open before one look-up may try again, in milliseconds.
    pub open_ms: u64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, open_ms: 10_000 }
    }
}

/// What an instance of one version may use, as [`Limit`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, all of an instance's memories together, in bytes.
    pub max_memory_bytes: u64,
    /// Elements of one table.
    pub max_table_elements: u32,
    /// Tables of an instance.
    pub max_tables: u32,
    /// Core instances that it is made of.
    pub max_core_instances: u32,
    /// Live handles: places in queues, streams, timers.
    pub max_handles: u32,
    /// CPU time of one step, in milliseconds; the host's default if none.
    pub step_cpu_ms: Option<u32>,
    /// CPU time of one run of a flow, or of one look-up, in milliseconds. A scorer has its deadline alone.
    pub max_cpu_ms: u32,
    /// Host calls of one run.
    pub max_calls: u64,
    /// Host calls a second; a flow that is faster is slowed down, since an error here could not be replayed.
    pub calls_per_second: u32,
    /// Bytes handed over in one host call.
    pub max_call_bytes: u32,
    /// Lines of log a second; five times as many at once. What is more is dropped, and told.
    pub log_lines_per_second: u32,
    /// Bytes of log a second; eight times as many at once. At least one line.
    pub log_bytes_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_memory_bytes: u64::from(Limit::MemoryMib.rule().default) << 20,
            max_table_elements: Limit::MaxTableElements.rule().default,
            max_tables: Limit::MaxTables.rule().default,
            max_core_instances: Limit::MaxCoreInstances.rule().default,
            max_handles: Limit::MaxHandles.rule().default,
            step_cpu_ms: None,
            max_cpu_ms: Limit::MaxCpuMs.rule().default,
            max_calls: Limit::MaxCalls.rule().default.into(),
            calls_per_second: Limit::CallsPerSecond.rule().default,
            max_call_bytes: Limit::MaxCallBytes.rule().default,
            log_lines_per_second: Limit::LogLinesPerSecond.rule().default,
            log_bytes_per_second: Limit::LogBytesPerSecond.rule().default,
        }
    }
}

impl From<&LimitValues> for Limits {
    /// The defaults where there is no value.
    fn from(values: &LimitValues) -> Self {
        let mut limits = Self::default();
        for (limit, value) in values.iter() {
            let number = u32::try_from(value).unwrap_or(u32::MAX);
            match limit {
                Limit::MemoryMib => limits.max_memory_bytes = value.saturating_mul(1 << 20),
                Limit::StepCpuMs => limits.step_cpu_ms = Some(number),
                Limit::MaxCpuMs => limits.max_cpu_ms = number,
                Limit::MaxCalls => limits.max_calls = value,
                Limit::CallsPerSecond => limits.calls_per_second = number,
                Limit::MaxCallBytes => limits.max_call_bytes = number,
                Limit::MaxHandles => limits.max_handles = number,
                Limit::MaxTableElements => limits.max_table_elements = number,
                Limit::MaxTables => limits.max_tables = number,
                Limit::MaxCoreInstances => limits.max_core_instances = number,
                Limit::LogLinesPerSecond => limits.log_lines_per_second = number,
                Limit::LogBytesPerSecond => limits.log_bytes_per_second = number,
            }
        }
        limits
    }
}

impl Limits {
    /// Where one is less than it may be, or more than the engine can give: its name, and what is wrong. The table's
    /// other bounds are for manifests and operators.
    pub(crate) fn wrong(&self, host_memory_bytes: u64) -> Option<(&'static str, String)> {
        if self.max_memory_bytes == 0 || self.max_memory_bytes > host_memory_bytes {
            let mib = host_memory_bytes >> 20;
            return Some((Limit::MemoryMib.name(), format!("not within 1 to {mib} MiB, the host's own limit")));
        }
        let step_cpu_ms = self.step_cpu_ms.unwrap_or(Limit::StepCpuMs.rule().default);
        let all = [
            (Limit::StepCpuMs, step_cpu_ms.into(), false),
            (Limit::MaxCpuMs, self.max_cpu_ms.into(), false),
            (Limit::MaxCalls, self.max_calls, false),
            (Limit::CallsPerSecond, self.calls_per_second.into(), false),
            (Limit::MaxCallBytes, self.max_call_bytes.into(), true),
            (Limit::MaxHandles, self.max_handles.into(), false),
            (Limit::MaxTableElements, self.max_table_elements.into(), true),
            (Limit::MaxTables, self.max_tables.into(), true),
            (Limit::MaxCoreInstances, self.max_core_instances.into(), true),
            (Limit::LogLinesPerSecond, self.log_lines_per_second.into(), false),
            (Limit::LogBytesPerSecond, self.log_bytes_per_second.into(), false),
        ];
        all.into_iter().find_map(|(limit, got, engines): (Limit, u64, bool)| {
            let rule = limit.rule();
            let within = got >= rule.min.into() && !(engines && got > rule.max.into());
            (!within).then(|| (rule.name, format!("{got}, not within {} to {}", rule.min, rule.max)))
        })
    }
}

/// A scheme of outgoing requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Unencrypted.
    Http,
    /// Over TLS.
    Https,
}

/// A place that requests may go to, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EgressRule {
    /// The scheme.
    pub scheme: Scheme,
    /// The host as the guest writes it: a name, or an address (an IPv6 one without brackets). Case doesn't matter.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The methods, in capitals. `CONNECT` and `TRACE` are never allowed.
    pub methods: Vec<String>,
    /// Whether the address connected to may be this machine, a private network or another range that isn't global.
    pub private: bool,
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{} {scheme}://{}:{}", self.methods.join(","), self.host, self.port)
    }
}

/// Bounds of the requests that one call of a plugin makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EgressBounds {
    /// Of a request's body.
    pub request_bytes: usize,
    /// Of a response's body.
    pub response_bytes: usize,
    /// Requests at once. 1 to 64.
    pub at_once: usize,
    /// From a request to the head of its response, in milliseconds. The call's own deadline is usually nearer.
    pub timeout_ms: u32,
}

impl Default for EgressBounds {
    fn default() -> Self {
        Self { request_bytes: 1 << 20, response_bytes: 4 << 20, at_once: 4, timeout_ms: 60_000 }
    }
}

/// What a version may use beyond the interfaces of its world: what its manifest wants and the operator grants, both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Where it may send requests to, if its world may at all.
    pub egress: Vec<EgressRule>,
    /// How.
    pub bounds: EgressBounds,
    /// What it may keep, if anything.
    pub stored_values: Option<Quota>,
}

/// How much a plugin may keep for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Values.
    pub keys: u32,
    /// Of keys and values together.
    pub bytes: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { keys: 10_000, bytes: 16 << 20 }
    }
}

/// What to load.
#[derive(Clone, Debug)]
pub struct LoadSpec {
    /// The component.
    pub component: Arc<[u8]>,
    /// What `wasi:config` gives it.
    pub config: Vec<(String, String)>,
    /// What an instance may use.
    pub limits: Limits,
    /// What it may use, until it is granted something else (see [`PluginHost::grant`](crate::PluginHost::grant)). A
    /// world without requests can have no egress.
    pub grants: Grants,
}
