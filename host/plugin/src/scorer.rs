//! Asking scorers: numbers in, thousandths out, so that the order of floating-point operations never decides a tie.

mod plan;

use crate::bindings::scorer_0_1_0::{Scorer, ScorerPre, configure_error, score_error, types};
use crate::config::Limits;
use crate::error::ScoreError;
use crate::flow::{failure, no_room};
use crate::guest::{Birth, Guest, LogSink, SeededRandom, VirtualClock, metered};
use crate::task::Aborted;
use cordboard_core::flow::RunEnd;
use cordboard_core::ids::Version;
use plan::Plan;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::{Engine, Store};

/// Decisions that may wait for an instance, for each that runs.
const WAITING_PER_INSTANCE: usize = 32;
/// Wall time allowed for each millisecond of CPU time.
const WALL_PER_CPU: u32 = 10;

/// What is to be scored: every number there is, by columns. A number that is absent is NaN.
#[derive(Clone, Debug)]
pub struct ScoreInput {
    /// The names of a contact's numbers. Keep the same `Arc` as long as nothing changes: a scorer is configured anew
    /// when the names change.
    pub contact_columns: Arc<[String]>,
    /// The names of an agent's numbers.
    pub agent_columns: Arc<[String]>,
    /// A row for each contact.
    pub contacts: Vec<Vec<f32>>,
    /// A row for each agent, one after the other.
    pub agents: Vec<f32>,
    /// How many agents.
    pub agent_count: usize,
    /// Whether to explain the scores.
    pub with_parts: bool,
}

/// The scores of one contact.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRow {
    /// For each agent, in their order: a score in thousandths, or none for a refusal.
    pub scores: Vec<Option<i64>>,
    /// Agents × parts, row by row; empty if none were asked for.
    pub parts: Vec<f32>,
}

/// The scores of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// What a score is made of.
    pub part_names: Arc<[String]>,
    /// For each contact, in their order.
    pub rows: Vec<ScoreRow>,
}

/// A scorer version, with the instances that wait for the next decision.
pub(crate) struct ScorerProgram {
    pub(crate) version: Version,
    pub(crate) engine: Engine,
    pub(crate) pre: ScorerPre<Guest<()>>,
    pub(crate) limits: Limits,
    pub(crate) deadline_ms: u32,
    pub(crate) config: Arc<[(String, String)]>,
    running: Semaphore,
    admitted: Semaphore,
    idle: Mutex<Vec<Instance>>,
    instances: usize,
}

/// A configured instance.
struct Instance {
    store: Store<Guest<()>>,
    scorer: Scorer,
    contact_columns: Arc<[String]>,
    agent_columns: Arc<[String]>,
    plan: Plan,
}

impl ScorerProgram {
    pub(crate) fn new(
        version: Version,
        engine: Engine,
        pre: ScorerPre<Guest<()>>,
        limits: Limits,
        deadline_ms: u32,
        config: Arc<[(String, String)]>,
        instances: usize,
    ) -> Self {
        Self {
            version,
            engine,
            pre,
            limits,
            deadline_ms,
            config,
            running: Semaphore::new(instances),
            admitted: Semaphore::new(instances * (1 + WAITING_PER_INSTANCE)),
            idle: Mutex::new(Vec::new()),
            instances,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store for this scorer. Its clock stands at the epoch and its random numbers are always the same: a scorer
    /// is a function of its input and configuration.
    pub(crate) fn store(&self) -> Store<Guest<()>> {
        let birth = Birth {
            limits: self.limits,
            step_cpu_ms: self.deadline_ms,
            max_cpu_ms: None,
            clock: VirtualClock::default(),
            random: SeededRandom::new(0, 0),
            sink: LogSink::Host(self.version),
            config: Arc::clone(&self.config),
            role: (),
        };
        Guest::store(&self.engine, birth)
    }

    /// Scores on the guests' runtime. The instance goes back for the next decision only if all went well.
    pub(crate) async fn score(self: Arc<Self>, runtime: &Handle, input: ScoreInput) -> Result<Scored, ScoreError> {
        plan::check(&input)?;
        let program = Arc::clone(&self);
        let _place = self.admitted.try_acquire().map_err(|_| ScoreError::Busy)?;
        let calls = u32::try_from(input.contacts.len()).unwrap_or(u32::MAX).saturating_add(1);
        let wall_ms = self.deadline_ms.saturating_mul(WALL_PER_CPU).saturating_mul(calls);
        let wall = Duration::from_millis(u64::from(wall_ms));
        let turn = tokio::time::timeout(wall, self.running.acquire()).await;
        let _turn = turn.map_err(|_| ScoreError::Busy)?.map_err(|_| ScoreError::Busy)?;
        let task = Aborted(runtime.spawn(async move {
            let mut instance = program.instance(&input).await?;
            let rows = instance.score_all(&input, program.deadline_ms).await?;
            let part_names = Arc::clone(&instance.plan.parts);
            let mut idle = program.idle();
            if idle.len() < program.instances {
                idle.push(instance);
            }
            Ok(Scored { part_names, rows })
        }));
        match tokio::time::timeout(wall, task).await {
            Ok(Some(scored)) => scored,
            Ok(None) => Err(ScoreError::Trap("fault of the host".into())),
            Err(_) => Err(ScoreError::Deadline(wall_ms)),
        }
    }

    /// An idle instance that is configured for these columns, or a fresh one.
    async fn instance(&self, input: &ScoreInput) -> Result<Instance, ScoreError> {
        loop {
            let Some(instance) = self.idle().pop() else { return self.fresh(input).await };
            // One that is configured for other columns is dropped: columns change for good.
            if instance.contact_columns == input.contact_columns && instance.agent_columns == input.agent_columns {
                return Ok(instance);
            }
        }
    }

    async fn fresh(&self, input: &ScoreInput) -> Result<Instance, ScoreError> {
        let mut store = self.store();
        let meter = Arc::clone(&store.data().meter);
        let offered = types::Columns { contact: input.contact_columns.to_vec(), agent: input.agent_columns.to_vec() };
        let began = metered(meter, async {
            let scorer = self.pre.instantiate_async(&mut store).await?;
            let selection = scorer.cordboard_scorer_guest().call_configure(&mut store, &offered).await?;
            Ok::<_, wasmtime::Error>((scorer, selection))
        })
        .await;
        let (scorer, selection) = began.map_err(|error| failed(&store, &error, self.deadline_ms))?;
        let selection = selection.map_err(|error| ScoreError::Configure(configure_error(error)))?;
        let plan = Plan::new(&offered, selection).map_err(ScoreError::Configure)?;
        Ok(Instance {
            store,
            scorer,
            contact_columns: Arc::clone(&input.contact_columns),
            agent_columns: Arc::clone(&input.agent_columns),
            plan,
        })
    }
}

impl Instance {
    async fn score_all(&mut self, input: &ScoreInput, deadline_ms: u32) -> Result<Vec<ScoreRow>, ScoreError> {
        let agents = self.plan.agents(input);
        let mut rows = Vec::with_capacity(input.contacts.len());
        for contact in &input.contacts {
            let contact = self.plan.contact(contact);
            let meter = Arc::clone(&self.store.data().meter);
            let (store, scorer) = (&mut self.store, &self.scorer);
            let scored = metered(Arc::clone(&meter), async {
                meter.next_step();
                scorer.cordboard_scorer_guest().call_score(store, &contact, &agents, input.with_parts).await
            })
            .await;
            let scored = scored.map_err(|error| failed(&self.store, &error, deadline_ms))?;
            let scores = scored.map_err(|error| ScoreError::Refused(score_error(error)))?;
            rows.push(self.plan.row(scores, input)?);
        }
        Ok(rows)
    }
}

fn failed(store: &Store<Guest<()>>, error: &wasmtime::Error, deadline_ms: u32) -> ScoreError {
    if no_room(error) {
        return ScoreError::NoRoom(format!("{error:#}"));
    }
    match failure(store.data().limit_hit(), error) {
        RunEnd::Deadline => ScoreError::Deadline(deadline_ms),
        RunEnd::Limit(text) => ScoreError::Limit(text),
        RunEnd::Trap(text) | RunEnd::GuestError(text) | RunEnd::NotStarted(text) | RunEnd::NoRoom(text) => {
            ScoreError::Trap(text)
        }
        RunEnd::Diverged(what) => ScoreError::Trap(what.to_string()),
        RunEnd::Returned(_) => ScoreError::Trap("it ended".into()),
    }
}
