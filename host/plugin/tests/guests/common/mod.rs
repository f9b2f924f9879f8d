//! A host with the guests that `cargo xtask plugins` built, and a board that answers by script.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod web;

use cordboard_core::board::Rehearsal;
use cordboard_core::flow::{Address, Channel, FlowEnd, Reply, Request, RunEnd};
use cordboard_core::ids::{ContactId, Digest, RunId, Version};
use cordboard_core::note::{LogLevel, RunCost, StackFrame};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{
    EgressRule, FlowHandle, FlowMessage, FlowStart, Grants, Limits, LoadSpec, PluginConfig, PluginHost,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Nothing in these tests takes so long, unless it never ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// When runs begin: 2026-01-01T00:00:00Z.
pub(crate) const BEGIN: Timestamp = Timestamp(1_767_225_600_000_000);

/// A guest's component.
pub(crate) fn guest(name: &str) -> Arc<[u8]> {
    let folder = match std::env::var_os("CORDBOARD_PLUGINS_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins"),
    };
    let path = folder.join(format!("{name}.wasm"));
    match std::fs::read(&path) {
        Ok(component) => component.into(),
        Err(error) => panic!("{}: {error}; run `cargo xtask plugins`", path.display()),
    }
}

/// A fuzzer's corpus, by its folder: names and inputs.
pub(crate) fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let named =
        |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap());
    paths.into_iter().map(named).collect()
}

/// What to load, with limits that let a probe be quick.
pub(crate) fn spec(name: &str, config: &[(&str, &str)]) -> LoadSpec {
    LoadSpec {
        component: guest(name),
        config: config.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        limits: Limits { calls_per_second: 100_000, ..Limits::default() },
        grants: Grants::default(),
    }
}

/// The same with leave to send requests.
pub(crate) fn spec_with_egress(name: &str, config: &[(&str, &str)], egress: &[EgressRule]) -> LoadSpec {
    LoadSpec { grants: granted(egress), ..spec(name, config) }
}

/// Grants of these places.
pub(crate) fn granted(egress: &[EgressRule]) -> Grants {
    Grants { egress: egress.to_vec(), ..Grants::default() }
}

/// A small host.
pub(crate) fn host() -> PluginHost {
    host_with(|_| ())
}

pub(crate) fn host_with(change: impl FnOnce(&mut PluginConfig)) -> PluginHost {
    let mut settings = PluginConfig { max_flow_instances: 16, guest_threads: 1, ..PluginConfig::default() };
    change(&mut settings);
    PluginHost::start(settings).unwrap()
}

/// A version by a name of the test's own.
pub(crate) fn version(name: &str) -> Version {
    Digest::of(name.as_bytes())
}

/// A host with the probe flow loaded.
pub(crate) async fn flow_host() -> (PluginHost, Version) {
    flow_host_with(Limits { calls_per_second: 100_000, ..Limits::default() }).await
}

pub(crate) async fn flow_host_with(limits: Limits) -> (PluginHost, Version) {
    let host = host();
    let version = version("probe-flow");
    host.load(version, LoadSpec { limits, ..spec("probe-flow", &[]) }).await.unwrap();
    (host, version)
}

pub(crate) fn start(behaviour: &str, run: u64) -> FlowStart {
    FlowStart {
        contact: ContactId(u128::from(run)),
        run: RunId(run),
        channel: Channel::Voice,
        origin: Address { uri: "sip:ada@example.com".into(), number: Some("+15550001".into()), display_name: None },
        dialled: Address { uri: format!("sip:{behaviour}@host"), number: Some(behaviour.into()), display_name: None },
        seed: 7,
        at: BEGIN,
        past: [].into(),
        ask_anew: false,
    }
}

/// How a run went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) end: RunEnd,
    pub(crate) cost: RunCost,
    pub(crate) requests: Vec<Request>,
    pub(crate) lines: Vec<(LogLevel, String)>,
    pub(crate) stack: Vec<StackFrame>,
}

impl Ran {
    /// What the guest reported with `set-attribute`.
    pub(crate) fn reported(&self, wanted: &str) -> &str {
        let found = self.requests.iter().find_map(|request| match request {
            Request::SetAttribute(name, value) if name == wanted => Some(value.as_str()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("`{wanted}` isn't reported in {self:?}"))
    }

    /// The text that a probe returned.
    pub(crate) fn returned(&self) -> &str {
        match &self.end {
            RunEnd::Returned(FlowEnd::Other(text)) => text,
            other => panic!("it ended with {other:?}"),
        }
    }
}

/// A run in progress.
pub(crate) struct Run {
    pub(crate) handle: FlowHandle,
    messages: mpsc::Receiver<FlowMessage>,
    run: RunId,
    entries: u64,
    requests: Vec<Request>,
    lines: Vec<(LogLevel, String)>,
    stack: Vec<StackFrame>,
}

impl Run {
    pub(crate) fn new(host: &PluginHost, version: Version, start: FlowStart) -> Self {
        let (sender, messages) = mpsc::channel(64);
        let (run, entries) = (start.run, start.past.len() as u64);
        let handle = host.start_flow(version, start, sender);
        Self { handle, messages, run, entries, requests: Vec::new(), lines: Vec::new(), stack: Vec::new() }
    }

    async fn message(&mut self) -> Option<FlowMessage> {
        tokio::time::timeout(PATIENCE, self.messages.recv()).await.expect("nothing comes of the run any more")
    }

    /// A rehearsal, and how it goes.
    pub(crate) async fn rehearse(host: &PluginHost, version: Version, start: FlowStart) -> (Self, Rehearsal) {
        let (sender, messages) = mpsc::channel(64);
        let (run, entries) = (start.run, start.past.len() as u64);
        let handle = host.rehearse(version, start, sender);
        let (requests, lines, stack) = (Vec::new(), Vec::new(), Vec::new());
        let mut run = Self { handle, messages, run, entries, requests, lines, stack };
        let result = run.rehearsed().await;
        (run, result)
    }

    /// How a rehearsal goes on.
    pub(crate) async fn rehearsed(&mut self) -> Rehearsal {
        match self.message().await {
            Some(FlowMessage::Rehearsed { result, .. }) => result,
            other => panic!("it didn't rehearse: {other:?}"),
        }
    }

    /// Answers the call of this entry.
    pub(crate) fn answer(&mut self, entry: u64, reply: Reply) {
        self.entries = entry;
        self.reply(reply);
    }

    /// Lines logged so far.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.lines.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The next call, or the end.
    pub(crate) async fn next(&mut self) -> Result<Request, (RunEnd, RunCost)> {
        loop {
            match self.message().await.expect("a run must end with a message") {
                FlowMessage::Call { run, request, .. } => {
                    assert_eq!(run, self.run);
                    self.requests.push(request.clone());
                    return Ok(request);
                }
                FlowMessage::Ended { end, cost, stack, .. } => {
                    self.stack = stack;
                    return Err((end, cost));
                }
                FlowMessage::Log { level, text, .. } => self.lines.push((level, text)),
                other @ FlowMessage::Rehearsed { .. } => panic!("it is no rehearsal: {other:?}"),
            }
        }
    }

    /// The next call; the run must not end.
    pub(crate) async fn call(&mut self) -> Request {
        self.next().await.unwrap_or_else(|(end, _)| panic!("it ended with {end:?}"))
    }

    /// Answers: each entry is a second after the one before.
    pub(crate) fn reply(&mut self, reply: Reply) {
        let at = BEGIN.plus_ms(1000 * (self.entries + 1));
        self.handle.reply(self.entries, at, reply);
        self.entries += 1;
    }

    /// To its end, with a board that answers everything.
    pub(crate) async fn finish(mut self, board: impl Fn(&Request) -> Reply) -> Ran {
        loop {
            match self.next().await {
                Ok(request) => self.reply(board(&request)),
                Err((end, cost)) => {
                    assert!(self.message().await.is_none(), "nothing comes after the end");
                    let (requests, lines, stack) = (self.requests, self.lines, self.stack);
                    return Ran { end, cost, requests, lines, stack };
                }
            }
        }
    }

    /// Whether the channel is closed: the run is gone without an end.
    pub(crate) async fn gone(&mut self) -> bool {
        self.message().await.is_none()
    }
}

/// A board that says yes to everything.
pub(crate) fn agreeable(request: &Request) -> Reply {
    match request {
        Request::Attribute(_) => Reply::Attribute(None),
        Request::Enqueue(_) => Reply::Enqueued,
        Request::Lookup { .. } => Reply::Profile(None),
        Request::Choose { .. } => Reply::Chosen(0),
        _ => Reply::Done,
    }
}

/// A run of the probe with a board that says yes to everything.
pub(crate) async fn probe(behaviour: &str) -> Ran {
    let (host, version) = flow_host().await;
    Run::new(&host, version, start(behaviour, 1)).finish(agreeable).await
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}
