//! A host that is only maps in memory.
// tidy: long-file: a method for each of the trait's, and nothing else.

use crate::samples;
use async_trait::async_trait;
use bytes::Bytes;
use cordboard_admin::*;
use cordboard_core::agent::{AgentState, WantedState};
use cordboard_core::board::{AgentView, ContactView, QueueFigures, QueueView, Tally};
use cordboard_core::config::{self, EntryPoint, Queue, Settings, World};
use cordboard_core::decision::Decision;
use cordboard_core::event::Event;
use cordboard_core::history::{Step, StepKind};
use cordboard_core::ids::{AgentId, ContactId, DeploymentName, Digest, EntryPointName, QueueName};
use cordboard_core::journal::Journal;
use cordboard_core::limits::LimitValues;
use cordboard_core::note::Note;
use cordboard_core::record::{ContactRecord, Personal};
use cordboard_core::rollout::{Rollout, Watch};
use cordboard_core::time::Timestamp;
use cordboard_store::{RecordFilter, RecordPage};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, broadcast};

/// Documents of one kind.
struct Docs<T>(&'static str, BTreeMap<String, (T, u64)>);

impl<T: Clone> Docs<T> {
    fn found(&self, name: &str, expected: Expected) -> Result<(), Refusal> {
        let found = self.1.get(name).map(|(_, revision)| *revision);
        match expected {
            Expected::Any => Ok(()),
            Expected::Absent if found.is_none() => Ok(()),
            Expected::Revision(revision) if found == Some(revision) => Ok(()),
            Expected::Absent | Expected::Revision(_) => {
                let meanwhile = String::new();
                Err(Refusal::Conflict { what: self.0, name: name.into(), found, meanwhile })
            }
        }
    }

    fn put(&mut self, name: &str, value: T, expected: Expected) -> Result<Revised<T>, Refusal> {
        match name {
            "internal" => return Err(Refusal::Internal("the secret of the fault".into())),
            "unavailable" => return Err(Refusal::Unavailable("the disk is full".into())),
            "invalid" => return Err(Refusal::Invalid { code: "unknown-thing", detail: "no such thing".into() }),
            _ => {}
        }
        self.found(name, expected)?;
        let revision = self.1.get(name).map_or(1, |(_, revision)| revision + 1);
        self.1.insert(name.into(), (value.clone(), revision));
        Ok(Revised { value, revision })
    }

    fn delete(&mut self, name: &str, expected: Expected) -> Result<(), Refusal> {
        self.found(name, expected)?;
        let gone = self.1.remove(name).is_some();
        if gone { Ok(()) } else { Err(Refusal::NotFound { what: self.0, name: name.into() }) }
    }

    fn all(&self) -> Vec<Revised<T>> {
        self.1.values().map(|(value, revision)| Revised { value: value.clone(), revision: *revision }).collect()
    }
}

/// What there is.
pub(crate) struct State {
    pub(crate) plugins: Vec<Plugin>,
    grants: Docs<Grant>,
    deployments: Docs<Deployment>,
    history: Vec<HistoryStep>,
    entry_points: Docs<EntryPoint>,
    queues: Docs<QueueView>,
    agents: Docs<AgentView>,
    trunks: Docs<Trunk>,
    settings: Docs<Settings>,
    prompts: Vec<Prompt>,
    pub(crate) passwords: BTreeMap<String, String>,
    pub(crate) live: Vec<ContactView>,
    pub(crate) records: Vec<ContactRecord>,
    pub(crate) journals: BTreeMap<ContactId, Journal>,
    pub(crate) decisions: BTreeMap<ContactId, Vec<Decision>>,
    pub(crate) asked: Vec<(RecordFilter, Option<ContactId>, usize)>,
    pub(crate) backtests: Vec<Backtest>,
    pub(crate) done: Vec<String>,
    pub(crate) ready: bool,
    pub(crate) kept: Vec<(u64, Arc<Event>)>,
}

/// The host.
pub(crate) struct Fake {
    pub(crate) state: Mutex<State>,
    told: broadcast::Sender<(u64, Arc<Event>)>,
    /// Lets a change of the agent `slow` go on.
    pub(crate) go_on: Notify,
    /// Told when such a change has begun, and when it is done.
    pub(crate) begun: Notify,
    pub(crate) finished: Notify,
}

impl Default for Fake {
    fn default() -> Self {
        let state = State {
            plugins: Vec::new(),
            grants: Docs("grant", BTreeMap::new()),
            deployments: Docs("deployment", BTreeMap::new()),
            history: Vec::new(),
            entry_points: Docs("entry point", BTreeMap::new()),
            queues: Docs("queue", BTreeMap::new()),
            agents: Docs("agent", BTreeMap::new()),
            trunks: Docs("trunk", BTreeMap::new()),
            settings: Docs("settings", BTreeMap::new()),
            prompts: vec![Prompt { name: "ring".into(), phrase: None, duration_ms: 900, built_in: true }],
            passwords: BTreeMap::new(),
            live: Vec::new(),
            records: Vec::new(),
            journals: BTreeMap::new(),
            decisions: BTreeMap::new(),
            asked: Vec::new(),
            backtests: Vec::new(),
            done: Vec::new(),
            ready: true,
            kept: Vec::new(),
        };
        let (told, _) = broadcast::channel(16);
        let state = Mutex::new(state);
        Self { state, told, go_on: Notify::new(), begun: Notify::new(), finished: Notify::new() }
    }
}

impl State {
    fn step(
        &mut self,
        deployment: &DeploymentName,
        kind: StepKind,
        order: Order,
        revision: Option<u64>,
        state: Option<HistoryState>,
    ) {
        let step = samples::step(self.history.len() as u64 + 1, order.why);
        let to = state.as_ref().map(|state| state.version);
        let step = Step { deployment: deployment.clone(), kind, by: order.by, to, revision, ..step };
        self.history.push(HistoryStep { step, state });
    }
}

impl Fake {
    /// Tells an event to all who listen, and keeps it.
    pub(crate) fn tell(&self, event: Event) {
        let mut state = self.state.lock().unwrap();
        let number = state.kept.last().map_or(1, |(number, _)| number + 1);
        state.kept.push((number, Arc::new(event)));
        let _ = self.told.send(state.kept.last().unwrap().clone());
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.told.receiver_count()
    }

    fn live(&self, id: ContactId) -> Result<ContactView, Refusal> {
        let state = self.state.lock().unwrap();
        if state.records.iter().any(|record| record.id == id) {
            return Err(Refusal::NotNow(format!("contact {id} has ended")));
        }
        let found = state.live.iter().find(|view| view.id == id);
        found.cloned().ok_or_else(|| Refusal::NotFound { what: "contact", name: id.to_string() })
    }
}

#[async_trait]
impl Centre for Fake {
    async fn upload(&self, name: Option<String>, upload: Upload) -> Result<Plugin, Refusal> {
        let Upload { component, manifest, signature } = upload;
        if !component.starts_with(b"\0asm") {
            return Err(Refusal::Invalid { code: "not-a-component", detail: "it isn't WebAssembly".into() });
        }
        let mut plugin = samples::plugin(&component);
        let manifest: Option<serde_json::Value> = manifest
            .map(|text| serde_json::from_slice(&text))
            .transpose()
            .map_err(|error| Refusal::Invalid { code: "invalid-manifest", detail: error.to_string() })?;
        plugin.name = name.or(manifest.as_ref().and_then(|manifest| Some(manifest["name"].as_str()?.to_owned())));
        plugin.manifest = manifest;
        plugin.signed_by = signature.map(|key| Signer { name: "us".into(), key: String::from_utf8_lossy(&key).into() });
        let mut state = self.state.lock().unwrap();
        state.plugins.retain(|known| known.digest != plugin.digest);
        state.plugins.push(plugin.clone());
        Ok(plugin)
    }

    async fn grant(&self, plugin: &str) -> Result<Revised<Grant>, Refusal> {
        let state = self.state.lock().unwrap();
        let found = state.grants.1.get(plugin).cloned();
        let (value, revision) = found.ok_or(Refusal::NotFound { what: "grants", name: plugin.into() })?;
        Ok(Revised { value, revision })
    }

    async fn put_grant(&self, plugin: String, grant: Grant, expected: Expected) -> Result<Revised<Grant>, Refusal> {
        let mut state = self.state.lock().unwrap();
        if !state.plugins.iter().any(|known| known.name.as_deref() == Some(&plugin)) {
            return Err(Refusal::NotFound { what: "plugin", name: plugin });
        }
        state.grants.put(&plugin, grant, expected)
    }

    async fn delete_grant(&self, plugin: &str, expected: Expected) -> Result<(), Refusal> {
        self.state.lock().unwrap().grants.delete(plugin, expected)
    }

    async fn plugins(&self) -> Result<Vec<Plugin>, Refusal> {
        Ok(self.state.lock().unwrap().plugins.clone())
    }

    async fn delete_plugin(&self, digest: Digest) -> Result<(), Refusal> {
        let mut state = self.state.lock().unwrap();
        let name = digest.to_string();
        let used = state.deployments.all().into_iter().find(|one| one.value.spec.plugin == digest);
        if let Some(used) = used {
            let by = format!("deployment `{}`", used.value.name);
            return Err(Refusal::InUse { what: "plugin", name, by });
        }
        let before = state.plugins.len();
        state.plugins.retain(|plugin| plugin.digest != digest);
        if state.plugins.len() < before { Ok(()) } else { Err(Refusal::NotFound { what: "plugin", name }) }
    }

    async fn deployments(&self) -> Result<Vec<Revised<Deployment>>, Refusal> {
        Ok(self.state.lock().unwrap().deployments.all())
    }

    async fn deployment(&self, name: &DeploymentName) -> Result<Revised<Deployment>, Refusal> {
        let found = self.deployments().await?.into_iter().find(|one| one.value.name == *name);
        found.ok_or_else(|| Refusal::NotFound { what: "deployment", name: name.to_string() })
    }

    async fn put_deployment(
        &self,
        name: DeploymentName,
        spec: DeploymentSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        let mut state = self.state.lock().unwrap();
        if !state.plugins.iter().any(|plugin| plugin.digest == spec.plugin) {
            return Err(Refusal::Invalid { code: "unknown-plugin", detail: "there is no such plugin".into() });
        }
        let version = Digest::of(format!("{spec:?}").as_bytes());
        let missing =
            MissingGrant { capability: "egress".into(), detail: "GET http://*:*".into(), reason: "It asks.".into() };
        let deployment = Deployment {
            name: name.clone(),
            world: World::Flow,
            limits_in_force: spec.limits.in_force(&LimitValues::default(), &LimitValues::default()),
            spec: spec.clone(),
            version,
            failure: None,
            missing_grants: vec![missing],
            contacts: [(version, 2)].into(),
            previous: None,
            moved: Tally::default(),
            canary: None,
            shadow: None,
        };
        let put = state.deployments.put(name.as_str(), deployment, order.expected)?;
        let now = HistoryState { world: World::Flow, version, spec };
        state.step(&name, StepKind::Deployed, order, Some(put.revision), Some(now));
        Ok(put)
    }

    async fn roll_back(
        &self,
        name: &DeploymentName,
        to: Option<u64>,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        if let Some(to) = to {
            let detail = format!("`{name}` has no step {to}");
            let kept = self.state.lock().unwrap().history.iter().find(|kept| kept.step.number == to).cloned();
            let state = kept.and_then(|kept| kept.state).ok_or(Refusal::NoState { code: "no-step", detail })?;
            return self.put_deployment(name.clone(), state.spec, order).await;
        }
        let kept = self.deployment(name).await?.value;
        if kept.spec.config.is_empty() {
            let detail = format!("`{name}` has served nothing before");
            return Err(Refusal::NoState { code: "no-predecessor", detail });
        }
        let spec = DeploymentSpec { config: BTreeMap::new(), ..kept.spec };
        self.put_deployment(name.clone(), spec, order).await
    }

    async fn put_canary(
        &self,
        name: DeploymentName,
        spec: CanarySpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        let mut deployment = self.deployment(&name).await?.value;
        if deployment.canary.is_some() {
            return Err(Refusal::NotNow("there is one".into()));
        }
        let (version, since) = (Digest::of(format!("{spec:?}").as_bytes()), Timestamp(0));
        let rollout = Rollout { id: 1, version, plan: spec.plan.clone(), stage: 0, since };
        let watched = Watch::new(&rollout).compare(since);
        deployment.canary = Some(Canary { version, spec, stage: 0, since, watched });
        self.state.lock().unwrap().deployments.put(name.as_str(), deployment, order.expected)
    }

    async fn promote(&self, name: DeploymentName, order: Order) -> Result<Revised<Deployment>, Refusal> {
        let mut deployment = self.deployment(&name).await?.value;
        let canary = deployment.canary.take().ok_or_else(|| Refusal::NotNow("there is none".into()))?;
        deployment.version = canary.version;
        self.state.lock().unwrap().deployments.put(name.as_str(), deployment, order.expected)
    }

    async fn put_shadow(
        &self,
        name: DeploymentName,
        spec: ShadowSpec,
        order: Order,
    ) -> Result<Revised<Deployment>, Refusal> {
        let mut deployment = self.deployment(&name).await?.value;
        let version = Digest::of(format!("{spec:?}").as_bytes());
        let findings = Findings::Contacts(samples::tally());
        deployment.shadow = Some(Shadow { version, spec, failure: None, since: Timestamp(0), dropped: 2, findings });
        self.state.lock().unwrap().deployments.put(name.as_str(), deployment, order.expected)
    }

    async fn remove_shadow(&self, name: &DeploymentName, order: Order) -> Result<Revised<Deployment>, Refusal> {
        let mut deployment = self.deployment(name).await?.value;
        deployment.shadow.take().ok_or_else(|| Refusal::NotNow("there is none".into()))?;
        self.state.lock().unwrap().deployments.put(name.as_str(), deployment, order.expected)
    }

    async fn delete_deployment(&self, name: &DeploymentName, order: Order) -> Result<(), Refusal> {
        let mut state = self.state.lock().unwrap();
        state.deployments.delete(name.as_str(), order.expected)?;
        state.step(name, StepKind::Deleted, order, None, None);
        Ok(())
    }

    async fn deployment_history(
        &self,
        name: &DeploymentName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<History, Refusal> {
        let state = self.state.lock().unwrap();
        let mut steps: Vec<_> = state.history.iter().filter(|kept| kept.step.deployment == *name).cloned().collect();
        if steps.is_empty() {
            return Err(Refusal::NotFound { what: "deployment", name: name.to_string() });
        }
        steps.retain(|kept| before.is_none_or(|before| kept.step.number < before));
        steps.reverse();
        let before = steps.get(limit).map(|kept| kept.step.number + 1);
        steps.truncate(limit);
        Ok(History { steps, before, altered: vec![] })
    }

    async fn entry_points(&self) -> Result<Vec<Revised<EntryPoint>>, Refusal> {
        Ok(self.state.lock().unwrap().entry_points.all())
    }

    async fn put_entry_point(&self, entry: EntryPoint, expected: Expected) -> Result<Revised<EntryPoint>, Refusal> {
        let name = entry.name.to_string();
        self.state.lock().unwrap().entry_points.put(&name, entry, expected)
    }

    async fn delete_entry_point(&self, name: &EntryPointName, expected: Expected) -> Result<(), Refusal> {
        self.state.lock().unwrap().entry_points.delete(name.as_str(), expected)
    }

    async fn queues(&self) -> Result<Vec<Revised<QueueView>>, Refusal> {
        Ok(self.state.lock().unwrap().queues.all())
    }

    async fn put_queue(&self, queue: Queue, expected: Expected) -> Result<Revised<QueueView>, Refusal> {
        let name = queue.name.to_string();
        if name == "panic" {
            panic!("the centre panics on purpose");
        }
        let figures = QueueFigures { offered: 9, answered: 7, answered_in_time: 6, abandoned: 1, left: 1 };
        let view = QueueView { queue, waiting: 3, longest_wait_ms: 1500, ready_agents: 0, figures };
        self.state.lock().unwrap().queues.put(&name, view, expected)
    }

    async fn delete_queue(&self, name: &QueueName, expected: Expected) -> Result<(), Refusal> {
        self.state.lock().unwrap().queues.delete(name.as_str(), expected)
    }

    async fn agents(&self) -> Result<Vec<Revised<AgentView>>, Refusal> {
        Ok(self.state.lock().unwrap().agents.all())
    }

    async fn put_agent(
        &self,
        agent: config::Agent,
        password: Option<String>,
        expected: Expected,
    ) -> Result<Revised<AgentView>, Refusal> {
        let id = agent.id.to_string();
        if id == "slow" {
            self.begun.notify_one();
            self.go_on.notified().await;
        }
        let view = AgentView {
            agent,
            state: AgentState::SignedOut,
            since: Timestamp::from_ms(1000),
            phone: false,
            handled: 0,
        };
        let put = {
            let mut state = self.state.lock().unwrap();
            if let Some(password) = password {
                state.passwords.insert(id.clone(), password);
            }
            state.agents.put(&id, view, expected)
        };
        self.finished.notify_one();
        put
    }

    async fn delete_agent(&self, id: &AgentId, expected: Expected) -> Result<(), Refusal> {
        self.state.lock().unwrap().agents.delete(id.as_str(), expected)
    }

    async fn set_agent_state(&self, id: &AgentId, wanted: WantedState) -> Result<AgentView, Refusal> {
        let mut state = self.state.lock().unwrap();
        let found = state.agents.1.get_mut(id.as_str());
        let (view, _) = found.ok_or_else(|| Refusal::NotFound { what: "agent", name: id.to_string() })?;
        view.state = match wanted {
            WantedState::SignedOut => AgentState::SignedOut,
            WantedState::NotReady { reason } if reason == "impossible" => {
                return Err(Refusal::NotNow("the agent is talking".into()));
            }
            WantedState::NotReady { reason } => AgentState::NotReady { reason },
            WantedState::Ready => AgentState::Ready { since: Timestamp::from_ms(2000) },
        };
        Ok(view.clone())
    }

    async fn trunks(&self) -> Result<Vec<Revised<Trunk>>, Refusal> {
        Ok(self.state.lock().unwrap().trunks.all())
    }

    async fn put_trunk(&self, trunk: Trunk, expected: Expected) -> Result<Revised<Trunk>, Refusal> {
        let name = trunk.name.clone();
        self.state.lock().unwrap().trunks.put(&name, trunk, expected)
    }

    async fn delete_trunk(&self, name: &str, expected: Expected) -> Result<(), Refusal> {
        self.state.lock().unwrap().trunks.delete(name, expected)
    }

    async fn settings(&self) -> Result<Revised<Settings>, Refusal> {
        let found = self.state.lock().unwrap().settings.all().pop();
        Ok(found.unwrap_or(Revised { value: Settings::default(), revision: 0 }))
    }

    async fn put_settings(&self, settings: Settings, expected: Expected) -> Result<Revised<Settings>, Refusal> {
        self.state.lock().unwrap().settings.put("settings", settings, expected)
    }

    async fn prompts(&self) -> Result<Vec<Prompt>, Refusal> {
        Ok(self.state.lock().unwrap().prompts.clone())
    }

    async fn put_prompt(&self, name: String, phrase: Option<String>, wav: Bytes) -> Result<Prompt, Refusal> {
        if !wav.starts_with(b"RIFF") {
            return Err(Refusal::Invalid { code: "not-a-wav", detail: "it isn't a WAV file".into() });
        }
        let prompt = Prompt { name, phrase, duration_ms: 20, built_in: false };
        self.state.lock().unwrap().prompts.push(prompt.clone());
        Ok(prompt)
    }

    async fn delete_prompt(&self, name: &str) -> Result<(), Refusal> {
        let mut state = self.state.lock().unwrap();
        let at = state.prompts.iter().position(|prompt| prompt.name == name);
        let at = at.ok_or_else(|| Refusal::NotFound { what: "prompt", name: name.into() })?;
        if state.prompts[at].built_in {
            return Err(Refusal::NotNow("it is part of the program".into()));
        }
        state.prompts.remove(at);
        Ok(())
    }

    async fn live_contacts(&self) -> Result<Vec<ContactView>, Refusal> {
        Ok(self.state.lock().unwrap().live.clone())
    }

    async fn records(
        &self,
        filter: RecordFilter,
        before: Option<ContactId>,
        limit: usize,
    ) -> Result<RecordPage, Refusal> {
        let mut state = self.state.lock().unwrap();
        state.asked.push((filter, before, limit));
        let mut records = state.records.clone();
        records.retain(|record| before.is_none_or(|before| record.id < before));
        records.sort_by_key(|record| std::cmp::Reverse(record.id));
        let more = records.len() > limit;
        records.truncate(limit);
        let next = records.last().map(|record| record.id).filter(|_| more);
        Ok(RecordPage { records, next, examined: 0 })
    }

    async fn contact(&self, id: ContactId) -> Result<Contact, Refusal> {
        let ended = self.state.lock().unwrap().records.iter().find(|record| record.id == id).cloned();
        match ended {
            Some(record) => Ok(Contact::Ended(Box::new(record))),
            None => Ok(Contact::Live(Box::new(self.live(id)?))),
        }
    }

    async fn journal(&self, id: ContactId) -> Result<Journal, Refusal> {
        let found = self.state.lock().unwrap().journals.get(&id).cloned();
        found.ok_or_else(|| Refusal::NotFound { what: "contact", name: id.to_string() })
    }

    async fn decisions(&self, id: ContactId) -> Result<Vec<Decision>, Refusal> {
        Ok(self.state.lock().unwrap().decisions.get(&id).cloned().unwrap_or_default())
    }

    async fn end_contact(&self, id: ContactId) -> Result<(), Refusal> {
        let view = self.live(id)?;
        self.state.lock().unwrap().done.push(format!("end {}", view.id));
        Ok(())
    }

    async fn migrate_contact(&self, id: ContactId) -> Result<(), Refusal> {
        let view = self.live(id)?;
        self.state.lock().unwrap().done.push(format!("migrate {}", view.id));
        Ok(())
    }

    async fn replay_contact(&self, id: ContactId) -> Result<Replayed, Refusal> {
        let parted = self.live(id).is_err().then(|| "entry 2: expected ring, got answer".to_owned());
        let reached = if parted.is_some() { 2 } else { 12 };
        Ok(Replayed { version: Digest::of(b"v1"), entries: 12, reached, parted, substituted: 1 })
    }

    async fn compare_contact(&self, id: ContactId, candidate: Option<Candidate>) -> Result<Comparison, Refusal> {
        samples::comparison_of(id, candidate)
    }
    async fn begin_backtest(&self, spec: BacktestSpec) -> Result<Backtest, Refusal> {
        let test = samples::backtest(spec);
        self.state.lock().unwrap().backtests.push(test.clone());
        Ok(test)
    }
    async fn backtests(&self) -> Vec<Backtest> {
        self.state.lock().unwrap().backtests.clone()
    }
    async fn end_backtest(&self, id: u64) -> Result<(), Refusal> {
        let mut state = self.state.lock().unwrap();
        let before = state.backtests.len();
        state.backtests.retain(|test| test.id != id);
        let gone = state.backtests.len() < before;
        if gone { Ok(()) } else { Err(Refusal::NotFound { what: "back-test", name: id.to_string() }) }
    }

    async fn notes(&self, id: ContactId) -> Result<Vec<Note>, Refusal> {
        samples::notes_of(self.contact(id).await?)
    }
    async fn core_dump(&self, id: ContactId) -> Result<Vec<u8>, Refusal> {
        samples::dump_of(&self.notes(id).await?)
    }
    async fn erase_contact(&self, id: ContactId) -> Result<(), Refusal> {
        if self.live(id).is_ok() {
            return Err(Refusal::NotNow("it is in progress".into()));
        }
        let mut state = self.state.lock().unwrap();
        let record = state.records.iter_mut().find(|record| record.id == id);
        let record = record.ok_or_else(|| Refusal::NotFound { what: "contact", name: id.to_string() })?;
        *record = record.clone().without_personal(Personal::Erased);
        Ok(())
    }

    async fn set_attribute(&self, id: ContactId, name: String, value: String) -> Result<(), Refusal> {
        self.live(id)?;
        self.state.lock().unwrap().done.push(format!("{name}={value}"));
        Ok(())
    }

    fn logs(&self, after: Option<u64>) -> BoxStream<'static, Feed> {
        self.events(after)
    }
    fn events(&self, after: Option<u64>) -> BoxStream<'static, Feed> {
        let state = self.state.lock().unwrap();
        let live = stream::unfold(self.told.subscribe(), |mut told| async move {
            let feed = match told.recv().await {
                Ok((number, event)) => Feed::Event(number, event),
                Err(broadcast::error::RecvError::Lagged(count)) => Feed::Missed(count),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((feed, told))
        });
        let mut before = Vec::new();
        if let Some(after) = after {
            let kept: Vec<_> = state.kept.iter().filter(|(number, _)| *number > after).collect();
            let gone = kept.first().map_or(0, |(number, _)| number - after - 1);
            before.extend((gone > 0).then_some(Feed::Missed(gone)));
            before.extend(kept.into_iter().map(|(number, event)| Feed::Event(*number, event.clone())));
        }
        stream::iter(before).chain(live).boxed()
    }

    fn metrics(&self) -> String {
        "# TYPE cordboard_contacts gauge\ncordboard_contacts 0\n".into()
    }

    async fn readiness(&self) -> Readiness {
        let ready = self.state.lock().unwrap().ready;
        Readiness { ready, checks: vec![("store", ready, "the journal".into()), ("sip", true, String::new())] }
    }

    async fn status(&self) -> Result<Status, Refusal> {
        Ok(Status {
            version: "0.1.0".into(),
            started_at: Timestamp::from_ms(1000),
            contacts: 1,
            draining: false,
            sip: "127.0.0.1:5060".into(),
            flow_capacity: 500,
            loaded: vec![(Digest::of(b"v"), "flow".into(), 2, true)],
        })
    }
}
