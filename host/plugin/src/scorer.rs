//! Asking scorers: numbers in, thousandths out, so that the order of floating-point operations never decides a tie.

mod plan;

use crate::asked::{Askable, Asked, Ready};
use crate::bindings::scorer_0_1_0::{Scorer, ScorerPre, configure_error, score_error, types};
use crate::error::AskError;
use crate::guest::Guest;
use futures_util::future::BoxFuture;
use plan::Plan;
use std::sync::Arc;
use tokio::runtime::Handle;
use wasmtime::Store;

/// Wall time allowed for each millisecond of CPU time.
const WALL_PER_CPU: u32 = 10;
/// Times as long for whoever is not in a hurry: threads of the lowest priority may get no processor for a while.
const PATIENCE: u32 = 30;

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

/// The scorer's world.
pub(crate) struct ScorerWorld {
    pub(crate) pre: ScorerPre<Guest<()>>,
}

/// A scorer version.
pub(crate) type ScorerProgram = Asked<ScorerWorld>;

/// An instance, and what it wants to see.
pub(crate) struct Configured {
    scorer: Scorer,
    plan: Plan,
}

impl Askable for ScorerWorld {
    type Role = ();
    type Instance = Configured;
    /// The columns of contacts and agents.
    type Offer = (Arc<[String]>, Arc<[String]>);

    const IN_PLACE: bool = true;

    fn role(&self) {}

    fn again((): &mut ()) {}

    fn begin<'a>(
        &'a self,
        store: &'a mut Store<Guest<()>>,
        (contact, agent): &'a Self::Offer,
    ) -> BoxFuture<'a, wasmtime::Result<Result<Configured, String>>> {
        Box::pin(async move {
            let offered = types::Columns { contact: contact.to_vec(), agent: agent.to_vec() };
            let scorer = self.pre.instantiate_async(&mut *store).await?;
            let selection = scorer.cordboard_scorer_guest().call_configure(store, &offered).await?;
            let plan = selection.map_err(configure_error).and_then(|selection| Plan::new(&offered, selection));
            Ok(plan.map(|plan| Configured { scorer, plan }))
        })
    }
}

impl ScorerProgram {
    /// Scores on these threads; `patient`: those of the lowest priority.
    pub(crate) async fn score(
        self: Arc<Self>,
        runtime: &Handle,
        patient: bool,
        input: ScoreInput,
    ) -> Result<Scored, AskError> {
        plan::check(&input)?;
        let calls = u32::try_from(input.contacts.len()).unwrap_or(u32::MAX).saturating_add(1);
        let wall_ms = self.terms.step_cpu_ms.saturating_mul(WALL_PER_CPU).saturating_mul(calls);
        let wall_ms = if patient { wall_ms.saturating_mul(PATIENCE) } else { wall_ms };
        let offer = (Arc::clone(&input.contact_columns), Arc::clone(&input.agent_columns));
        self.ask(runtime, wall_ms, offer, move |ready| Box::pin(score_all(ready, input))).await
    }
}

async fn score_all(ready: &mut Ready<ScorerWorld>, mut input: ScoreInput) -> Result<Scored, AskError> {
    let agreed = Arc::clone(&ready.instance);
    let agents = Arc::new(agreed.plan.agents(&mut input));
    let mut rows = Vec::with_capacity(input.contacts.len());
    for contact in &input.contacts {
        let contact = agreed.plan.contact(contact);
        let (agents, with_parts) = (Arc::clone(&agents), input.with_parts);
        let scored = ready.call(move |store, of| {
            Box::pin(async move {
                of.scorer.cordboard_scorer_guest().call_score(store, &contact, &agents, with_parts).await
            })
        });
        let scores = scored.await?.map_err(|error| AskError::Refused(score_error(error)))?;
        rows.push(agreed.plan.row(scores, &input)?);
        ready.give_way().await;
    }
    Ok(Scored { part_names: Arc::clone(&agreed.plan.parts), rows })
}
