//! Loading: checks, compilation, a trial instance.

use super::{Inner, Kind, Linkers, Loaded};
use crate::asked::Terms;
use crate::bindings::crm_0_1_0::{self, CrmPre};
use crate::bindings::dialer_0_1_0::{self, DialerPre};
use crate::bindings::flow::FlowPre;
use crate::bindings::inspector_0_1_0::{self, InspectorPre};
use crate::bindings::scorer_0_1_0::{self, ScorerPre};
use crate::bindings::{flow_0_1_0, flow_0_2_0};
use crate::compile::{Compiled, Turn};
use crate::config::{Limits, LoadSpec};
use crate::crm::Directory;
use crate::dialer::{DialerProgram, DialerWorld};
use crate::error::LoadError;
use crate::flow::{self, Program};
use crate::guest::{Clocks, Crowd, Guest, linker, metered, shortened};
use crate::inspector::{InspectorProgram, InspectorWorld};
use crate::scorer::{ScorerProgram, ScorerWorld};
use crate::task::Aborted;
use crate::verify::{PluginInfo, World, sends_requests};
use crate::web::{Fetcher, Reach, WebRole, check_grants};
use cordboard_core::ids::{Digest, Version};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store};

/// Wall time of a trial instance; its CPU time is bounded by the step.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TEXT_BYTES: usize = 4096;

/// What is known of a version once it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedInfo {
    /// The version.
    pub version: Version,
    /// Its world.
    pub world: World,
    /// Its contract, e.g. `cordboard:flow@0.1.0`.
    pub contract: String,
    /// How long compiling took, or reading what was compiled before, in milliseconds.
    pub compile_ms: u64,
    /// Nothing was compiled: it had been before, and was kept.
    pub from_cache: bool,
    /// How long a trial instance took, in microseconds.
    pub instantiate_us: u64,
}

impl Linkers {
    pub(super) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut flow: Linker<Guest<flow::FlowPort>> = linker(engine, Clocks::Journal)?;
        flow_0_1_0::types::add_to_linker::<_, HasSelf<_>>(&mut flow, |guest| guest)?;
        flow_0_1_0::conversation::add_to_linker::<_, HasSelf<_>>(&mut flow, |guest| guest)?;
        flow_0_2_0::types::add_to_linker::<_, HasSelf<_>>(&mut flow, |guest| guest)?;
        flow_0_2_0::conversation::add_to_linker::<_, HasSelf<_>>(&mut flow, |guest| guest)?;
        let mut scorer: Linker<Guest<()>> = linker(engine, Clocks::Journal)?;
        scorer_0_1_0::types::add_to_linker::<_, HasSelf<_>>(&mut scorer, |guest| guest)?;
        let mut web: Linker<Guest<WebRole>> = linker(engine, Clocks::Real)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut web)?;
        crm_0_1_0::types::add_to_linker::<_, HasSelf<_>>(&mut web, |guest| guest)?;
        dialer_0_1_0::types::add_to_linker::<_, HasSelf<_>>(&mut web, |guest| guest)?;
        inspector_0_1_0::types::add_to_linker::<_, HasSelf<_>>(&mut web, |guest| guest)?;
        Ok(Self { flow, scorer, web })
    }
}

fn contract_error(error: wasmtime::Error) -> LoadError {
    LoadError::Contract(shortened(&format!("{error:#}"), MAX_TEXT_BYTES))
}

impl Inner {
    /// Whoever compiles has the turn; it comes back with what was loaded.
    pub(super) async fn compile(
        &self,
        version: Version,
        spec: LoadSpec,
        turn: Turn,
    ) -> Result<(Loaded, Turn), LoadError> {
        self.check(&spec.limits)?;
        check_grants(&spec.grants)?;
        let compiling = self.workshop.component(Arc::clone(&spec.component), self.needed(), turn);
        let (Compiled { info, component, compile_ms, from_cache }, turn) = Box::pin(compiling).await?;
        if let Some(rule) = spec.grants.egress.first().filter(|_| !sends_requests(&info.contract)) {
            let problem = "a plugin of this world and version sends no requests";
            return Err(LoadError::Egress { rule: rule.clone(), problem });
        }
        let program = self.program(version, &info, &component, spec)?;
        let began = Instant::now();
        let trial = Aborted(self.runtime().spawn(trial(program.clone())));
        match tokio::time::timeout(TRIAL_TIMEOUT, trial).await {
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(error))) => {
                return Err(LoadError::Trial(shortened(&format!("{error:?}"), MAX_TEXT_BYTES)));
            }
            Ok(None) => return Err(LoadError::Trial("its task was lost".into())),
            Err(_) => return Err(LoadError::Trial("it took longer than 30 s".into())),
        }
        let instantiate_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (digest, world, contract) = (info.digest, info.world, info.contract);
        let info = LoadedInfo { version, world, contract, compile_ms, from_cache, instantiate_us };
        Ok((Loaded { info, component: digest, program, live: AtomicU64::new(0) }, turn))
    }

    fn check(&self, limits: &Limits) -> Result<(), LoadError> {
        let wrong = limits.wrong(self.settings.max_memory_bytes);
        wrong.map_or(Ok(()), |(limit, problem)| Err(LoadError::Limit { limit, problem }))
    }

    /// The components that are in memory.
    fn needed(&self) -> BTreeSet<Digest> {
        self.versions().loaded.values().map(|loaded| loaded.component).collect()
    }

    fn program(
        &self,
        version: Version,
        info: &PluginInfo,
        component: &Component,
        spec: LoadSpec,
    ) -> Result<Kind, LoadError> {
        let (engine, limits) = (self.engine.clone(), spec.limits);
        let config: Arc<[(String, String)]> = spec.config.into();
        let lines = self.lines.clone();
        let step_cpu_ms = limits.step_cpu_ms.unwrap_or(self.settings.step_cpu_ms);
        let settings = &self.settings;
        let grants = spec.grants;
        let reach = || Reach::new(version, grants.clone(), Arc::clone(&self.tls), self.teller.clone());
        Ok(match info.world {
            World::Flow => {
                let pre = prepared(&self.linkers.flow, component)?;
                let pre = FlowPre::new(pre, &info.contract).map_err(contract_error)?;
                let fetcher = sends_requests(&info.contract).then(|| Fetcher::new(reach(), Arc::clone(&self.fetches)));
                let (replay_cpu_ms, memory) = (settings.replay_cpu_ms, Arc::clone(&self.flow_memory));
                let crowd = Arc::new(Crowd::new(Arc::clone(&self.slow_lane)));
                Kind::Flow(Arc::new(Program {
                    engine,
                    pre,
                    fetcher,
                    limits,
                    step_cpu_ms,
                    replay_cpu_ms,
                    config,
                    memory,
                    crowd,
                }))
            }
            World::Scorer => {
                let pre = ScorerPre::new(prepared(&self.linkers.scorer, component)?).map_err(contract_error)?;
                let step_cpu_ms = limits.step_cpu_ms.unwrap_or(settings.scorer_deadline_ms);
                let terms = Terms { version, engine, limits, step_cpu_ms, config, lines };
                Kind::Scorer(Arc::new(ScorerProgram::new(ScorerWorld { pre }, terms, settings.guest_threads)))
            }
            World::Crm => {
                let pre = CrmPre::new(prepared(&self.linkers.web, component)?).map_err(contract_error)?;
                let bounds = (settings.crm_pool, settings.crm_cache, settings.crm_breaker);
                let terms = Terms { version, engine, limits, step_cpu_ms, config, lines };
                Kind::Crm(Arc::new(Directory::new(terms, pre, reach(), bounds)))
            }
            World::Dialer => {
                let pre = DialerPre::new(prepared(&self.linkers.web, component)?).map_err(contract_error)?;
                let terms = Terms { version, engine, limits, step_cpu_ms, config, lines };
                let world = DialerWorld { pre, reach: reach() };
                Kind::Dialer(Arc::new(DialerProgram::new(world, terms, settings.crm_pool as usize)))
            }
            World::Inspector => {
                let pre = InspectorPre::new(prepared(&self.linkers.web, component)?).map_err(contract_error)?;
                let terms = Terms { version, engine, limits, step_cpu_ms, config, lines };
                let world = InspectorWorld { pre, reach: reach() };
                Kind::Inspector(Arc::new(InspectorProgram::new(world, terms, settings.crm_pool as usize)))
            }
        })
    }
}

fn prepared<T: 'static>(linker: &Linker<T>, component: &Component) -> Result<InstancePre<T>, LoadError> {
    linker.instantiate_pre(component).map_err(contract_error)
}

impl Clone for Kind {
    fn clone(&self) -> Self {
        match self {
            Kind::Flow(program) => Kind::Flow(Arc::clone(program)),
            Kind::Scorer(program) => Kind::Scorer(Arc::clone(program)),
            Kind::Crm(directory) => Kind::Crm(Arc::clone(directory)),
            Kind::Dialer(dialer) => Kind::Dialer(Arc::clone(dialer)),
            Kind::Inspector(inspector) => Kind::Inspector(Arc::clone(inspector)),
        }
    }
}

/// Makes an instance and drops it: what fails in a guest's start code fails now, not at the first call.
async fn trial(program: Kind) -> wasmtime::Result<()> {
    match program {
        Kind::Flow(program) => instantiate(program.trial_store(), program.pre.instance_pre()).await,
        Kind::Scorer(program) => instantiate(program.store(), program.world.pre.instance_pre()).await,
        Kind::Crm(directory) => instantiate(directory.store(), directory.pre.instance_pre()).await,
        Kind::Dialer(program) => instantiate(program.store(), program.world.pre.instance_pre()).await,
        Kind::Inspector(program) => instantiate(program.store(), program.world.pre.instance_pre()).await,
    }
}

async fn instantiate<R: Send + 'static>(
    mut store: Store<Guest<R>>,
    pre: &InstancePre<Guest<R>>,
) -> wasmtime::Result<()> {
    let meter = Arc::clone(&store.data().meter);
    metered(meter, async { pre.instantiate_async(&mut store).await.map(|_| ()) }).await
}
