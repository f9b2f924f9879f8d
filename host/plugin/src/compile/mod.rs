//! From a component to something that can be instantiated: out of the cache, or through the compiler, which runs in a
//! process of its own so that it can be stopped.

mod artefacts;
mod child;
mod fingerprint;
mod key;
mod lines;
mod order;
mod parent;

pub use child::compile_child;
pub(crate) use fingerprint::Fingerprint;
pub use lines::source_lines;

use crate::config::PluginConfig;
use crate::engine;
use crate::error::{HostError, LoadError, UploadError};
use crate::guest::shortened;
use crate::verify::{PluginInfo, inspect, validate};
use artefacts::Artefacts;
use cordboard_core::ids::Digest;
use cordboard_core::note::SourceLine;
use lines::{Line, MAX_ANSWER_BYTES, has_lines};
use order::{Order, Task, places_head};
use parent::Bounds;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAX_TEXT_BYTES: usize = 4096;
/// A component that takes longer to validate than this alone is no honest one: the largest take a second.
const VALIDATE_TIMEOUT: Duration = Duration::from_secs(30);
/// Native code and its tables are a few times the size of what they are compiled from, and small ones have their
/// frame.
const ARTEFACT_PER_COMPONENT: usize = 16;
/// What reading a component's lines may take.
const LINES_TIMEOUT: Duration = Duration::from_secs(10);
const ARTEFACT_BYTES: RangeInclusive<usize> = 8 << 20..=1 << 30;

/// Where components are compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// In a child process with limits, killed when its time is over or nobody waits for it any more.
    Child {
        /// A program that calls [`compile_child`] first: an absolute path.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
    /// On threads of this process: for tests and tools. It can't be stopped, and a fault of it is ours.
    InProcess,
}

impl Compiler {
    /// This very program as the compiler, given these arguments: also when its file has been replaced since it was
    /// started.
    pub fn this_program(args: &[&str]) -> Self {
        Self::Child {
            program: PathBuf::from("/proc/self/exe"),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        }
    }
}

/// Whoever compiles has the turn; only what can't be stopped keeps it when nobody waits any more.
pub(crate) type Turn = OwnedSemaphorePermit;

/// A component, ready to be linked.
pub(crate) struct Compiled {
    pub(crate) info: PluginInfo,
    pub(crate) component: Component,
    pub(crate) compile_ms: u64,
    pub(crate) from_cache: bool,
}

/// Compiles, and remembers.
pub(crate) struct Workshop {
    engine: Engine,
    compiler: Compiler,
    fingerprint: Fingerprint,
    timeout: Duration,
    memory_bytes: u64,
    max_component_bytes: usize,
    artefacts: Option<Artefacts>,
    threads: rayon::ThreadPool,
}

impl Workshop {
    pub(crate) fn new(engine: &Engine, settings: &PluginConfig) -> Result<Arc<Self>, HostError> {
        let fingerprint = Fingerprint::of(engine);
        let artefacts = settings.artefact_dir.as_ref().and_then(|folder| {
            let opened = Artefacts::open(folder, fingerprint, settings.artefact_cache_bytes);
            opened
                .inspect_err(|cause| {
                    tracing::warn!(folder = %folder.display(), %cause, "compiled plugins can't be kept: every start compiles them again");
                })
                .ok()
        });
        Ok(Arc::new(Self {
            engine: engine.clone(),
            compiler: settings.compiler.clone(),
            fingerprint,
            timeout: Duration::from_millis(settings.compile_timeout_ms),
            memory_bytes: settings.compile_memory_bytes,
            max_component_bytes: settings.max_component_bytes,
            artefacts,
            threads: engine::compile_threads()?,
        }))
    }

    /// Verifies a component, where it can be stopped: there are small ones that take hours to validate, or gigabytes.
    pub(crate) async fn verified(self: &Arc<Self>, bytes: Arc<[u8]>, turn: Turn) -> Result<PluginInfo, LoadError> {
        let component = Arc::clone(&bytes);
        let (info, turn) = self.on_threads(turn, move |this| inspect(&component, this.max_component_bytes)).await?;
        let info = info.map_err(LoadError::Refused)?;
        match &self.compiler {
            Compiler::Child { program, args } => {
                let timeout = self.timeout.min(VALIDATE_TIMEOUT);
                self.ordered(program, args, Task::Validate, &bytes, (timeout, artefact_bytes(&bytes))).await?;
            }
            Compiler::InProcess => {
                let (valid, _) = self.on_threads(turn, move |_| valid(&bytes)).await?;
                valid?;
            }
        }
        Ok(info)
    }

    /// Verifies a component and gets it ready. `needed` says which components are loaded: their artefacts go last.
    pub(crate) async fn component(
        self: &Arc<Self>,
        bytes: Arc<[u8]>,
        needed: BTreeSet<Digest>,
        turn: Turn,
    ) -> Result<(Compiled, Turn), LoadError> {
        let component = Arc::clone(&bytes);
        let (known, turn) = self.on_threads(turn, move |this| this.known(&component)).await?;
        let (info, kept) = known?;
        if let Some((component, compile_ms)) = kept {
            return Ok((Compiled { info, component, compile_ms, from_cache: true }, turn));
        }
        let began = Instant::now();
        let (artefact, turn) = self.compile(bytes, turn).await?;
        let digest = info.digest;
        let make = move |this: &Self| {
            let component = this
                .component_of(&artefact)
                .map_err(|error| LoadError::CompilerAnswer(shortened(&format!("{error:#}"), MAX_TEXT_BYTES)))?;
            if let Some(artefacts) = &this.artefacts {
                artefacts.put(&digest, &artefact, &needed);
            }
            Ok((component, elapsed_ms(began)))
        };
        let (made, turn) = self.on_threads(turn, make).await?;
        let (component, compile_ms) = made?;
        Ok((Compiled { info, component, compile_ms, from_cache: false }, turn))
    }

    /// What a component is, and what is kept of it with the time that took to read.
    #[allow(clippy::type_complexity, reason = "taken apart where it is used")]
    fn known(&self, bytes: &[u8]) -> Result<(PluginInfo, Option<(Component, u64)>), LoadError> {
        let info = inspect(bytes, self.max_component_bytes).map_err(LoadError::Refused)?;
        let began = Instant::now();
        let artefact = self.artefacts.as_ref().and_then(|artefacts| artefacts.get(&info.digest));
        let kept = artefact.and_then(|artefact| {
            let component = self.component_of(&artefact);
            component
                .inspect_err(
                    |error| tracing::warn!(component = %info.digest, "a kept artefact can't be used: {error:#}"),
                )
                .ok()
        });
        // What is kept was compiled from these bytes, so they were valid; the compiler's process sees for itself.
        if kept.is_none() && self.compiler == Compiler::InProcess {
            valid(bytes)?;
        }
        Ok((info, kept.map(|component| (component, elapsed_ms(began)))))
    }

    async fn compile(self: &Arc<Self>, bytes: Arc<[u8]>, turn: Turn) -> Result<(Vec<u8>, Turn), LoadError> {
        let Compiler::Child { program, args } = &self.compiler else {
            let compile = move |this: &Self| {
                let artefact = this.engine.precompile_component(&bytes);
                artefact.map_err(|error| LoadError::Compile(shortened(&format!("{error:#}"), MAX_TEXT_BYTES)))
            };
            let (artefact, turn) = self.on_threads(turn, compile).await?;
            return Ok((artefact?, turn));
        };
        let bounds = (self.timeout, artefact_bytes(&bytes));
        Ok((self.ordered(program, args, Task::Compile, &bytes, bounds).await?, turn))
    }

    /// The lines of the program's text at each of these places in a component that was verified.
    pub(crate) async fn lines(
        self: &Arc<Self>,
        bytes: Arc<[u8]>,
        places: Vec<u64>,
        turn: Turn,
    ) -> Result<Vec<Vec<SourceLine>>, LoadError> {
        let component = Arc::clone(&bytes);
        let (any, turn) = self.on_threads(turn, move |_| has_lines(&component)).await?;
        if !any {
            return Ok(Vec::new());
        }
        let found: Vec<Vec<Line>> = match &self.compiler {
            Compiler::Child { program, args } => {
                let asked = [&places_head(&places), &bytes[..]].concat();
                let bounds = (LINES_TIMEOUT, MAX_ANSWER_BYTES);
                let answer = self.ordered(program, args, Task::Lines, &asked, bounds).await?;
                serde_json::from_slice(&answer).map_err(|error| LoadError::CompilerAnswer(error.to_string()))?
            }
            Compiler::InProcess => self.on_threads(turn, move |_| lines::lines(&bytes, &places)).await?.0,
        };
        Ok(found.into_iter().map(|lines| lines.into_iter().map(SourceLine::from).collect()).collect())
    }

    /// Has the compiler's process do something.
    async fn ordered(
        &self,
        program: &Path,
        args: &[String],
        task: Task,
        bytes: &[u8],
        (timeout, artefact_bytes): (Duration, usize),
    ) -> Result<Vec<u8>, LoadError> {
        let threads = self.threads.current_num_threads() as u64;
        let order = Order {
            task,
            fingerprint: self.fingerprint,
            // In seconds that all its threads may fill.
            cpu_s: timeout.as_secs().saturating_add(1).saturating_mul(threads),
            memory_bytes: self.memory_bytes,
            threads,
            component_bytes: bytes.len() as u64,
        };
        let bounds = Bounds { timeout, artefact_bytes };
        parent::compile(program, args, order, bytes, bounds).await
    }

    /// An artefact, as code. Only for bytes that the compiler just gave, or that this host's key vouches for.
    fn component_of(&self, artefact: &[u8]) -> wasmtime::Result<Component> {
        if Engine::detect_precompiled(artefact) != Some(wasmtime::Precompiled::Component) {
            return Err(wasmtime::Error::msg("it isn't a compiled component"));
        }
        // SAFETY: the bytes are what `Engine::precompile_component` gave: they come from the compiler that this
        // program started, or from a file whose code, made with a key that only this host has, was checked over these
        // very bytes in memory. That they fit this engine is checked by the engine.
        #[allow(unsafe_code, reason = "native code can only be trusted, not checked; who is trusted is said above")]
        unsafe {
            Component::deserialize(&self.engine, artefact)
        }
    }

    /// Does something long on the niced threads, one at a time. It keeps its turn to its end, also if nobody waits.
    async fn on_threads<T: Send + 'static>(
        self: &Arc<Self>,
        turn: Turn,
        job: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<(T, Turn), LoadError> {
        let (done, result) = oneshot::channel();
        let this = Arc::clone(self);
        self.threads.spawn(move || {
            // Whoever waited may have gone away; then the turn is over here.
            let _ = done.send((job(&this), turn));
        });
        result.await.map_err(|_| LoadError::Lost)
    }
}

/// The most that a component's native code may take.
fn artefact_bytes(component: &[u8]) -> usize {
    let most = component.len().saturating_mul(ARTEFACT_PER_COMPONENT);
    most.clamp(*ARTEFACT_BYTES.start(), *ARTEFACT_BYTES.end())
}

/// In this process.
fn valid(bytes: &[u8]) -> Result<(), LoadError> {
    validate(bytes).map_err(|why| LoadError::Refused(UploadError::Malformed(why)))
}

fn elapsed_ms(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
