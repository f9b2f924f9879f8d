//! `/v1/contacts/{id}/decisions`: why this agent, and why not that one.

use crate::app::App;
use crate::bounds;
use crate::extract::{Named, Query, parameter};
use crate::json::{Assigned, Time};
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use cordboard_core::decision::{self, LeftOut, PairScore, ScoredBy};
use cordboard_core::ids::ContactId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Decisions that considered a contact, newest first.
#[derive(Serialize, ToSchema)]
struct Decisions {
    /// At most `limit` of them.
    decisions: Vec<Decision>,
}

/// What one decision was made from, and what came out.
#[derive(Serialize, ToSchema)]
struct Decision {
    /// Unique within a run of the host; with `asked_at` it is unique for ever.
    id: u64,
    /// When the scores were asked for.
    asked_at: Time,
    /// When they were used.
    decided_at: Time,
    /// For which queue.
    queue: String,
    /// By what the scores were made: `plugin`, `longest-idle`, or `fallback` if the plugin failed.
    scored_by: &'static str,
    /// The plugin's version.
    version: Option<String>,
    /// How the plugin failed.
    reason: Option<String>,
    /// How many contacts were considered.
    considered: usize,
    /// The contacts considered, in the order they were to be served; only the one asked for unless `all` is true.
    contacts: Vec<Considered>,
    /// The agents considered, by id.
    agents: Vec<Candidate>,
    /// The scores of these contacts with these agents.
    scores: Vec<Score>,
    /// Who was given to whom.
    assigned: Vec<Assigned>,
    /// Agents who were not considered, and why.
    left_out: Vec<Absent>,
}

/// A contact as the scorer saw it.
#[derive(Serialize, ToSchema)]
struct Considered {
    /// Which.
    contact: String,
    /// Its numbers; null where one is missing.
    values: BTreeMap<String, Option<f32>>,
}

/// An agent as the scorer saw it.
#[derive(Serialize, ToSchema)]
struct Candidate {
    /// Which.
    agent: String,
    /// The agent's numbers; null where one is missing.
    values: BTreeMap<String, Option<f32>>,
}

/// How well an agent suits a contact.
#[derive(Serialize, ToSchema)]
struct Score {
    /// The contact.
    contact: String,
    /// The agent.
    agent: String,
    /// Rounded to thousandths; null: the scorer refused the pair.
    score: Option<f64>,
    /// What it is made of, by name.
    parts: BTreeMap<String, Option<f32>>,
}

/// An agent who was not considered.
#[derive(Serialize, ToSchema)]
struct Absent {
    /// Who.
    agent: String,
    /// `state`, `skill`, `queue` or `missed-offer`.
    reason: &'static str,
    /// Which state, or which skill.
    detail: Option<String>,
}

/// How much is told.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Much {
    /// Tell of every contact the decisions considered, not only of this one.
    #[param(value_type = Option<bool>)]
    all: Option<String>,
    /// How many decisions at most; 20 if left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// Names and numbers together; a number that is none is null.
fn named(names: &[String], values: &[f32]) -> BTreeMap<String, Option<f32>> {
    names.iter().cloned().zip(values.iter().map(|value| value.is_finite().then_some(*value))).collect()
}

impl Decision {
    fn new(decision: decision::Decision, about: Option<ContactId>) -> Self {
        let (scored_by, version, reason) = match decision.scored_by {
            ScoredBy::Plugin(version) => ("plugin", Some(version), None),
            ScoredBy::LongestIdle => ("longest-idle", None, None),
            ScoredBy::Fallback { version, reason } => ("fallback", Some(version), Some(reason)),
        };
        let told = |contact: ContactId| about.is_none_or(|about| about == contact);
        let columns = &decision.columns;
        let contacts = decision
            .contacts
            .iter()
            .filter(|row| told(row.contact))
            .map(|row| Considered { contact: row.contact.to_string(), values: named(&columns.contact, &row.values) });
        let agents = decision
            .agents
            .iter()
            .map(|row| Candidate { agent: row.agent.to_string(), values: named(&columns.agent, &row.values) });
        // No agents: no scores either, and `chunks` of 0 would panic.
        let rows = decision.contacts.iter().zip(decision.scores.chunks(decision.agents.len().max(1)));
        let rows = rows.filter(|(contact, _)| told(contact.contact));
        let scores = rows.flat_map(|(contact, row)| {
            decision.agents.iter().zip(row).map(|(agent, score)| Score {
                contact: contact.contact.to_string(),
                agent: agent.agent.to_string(),
                score: score.score_milli.map(|milli| milli as f64 / 1000.0),
                parts: parts(&decision.parts, score),
            })
        });
        Self {
            id: decision.id.0,
            asked_at: Time(decision.asked_at),
            decided_at: Time(decision.decided_at),
            queue: decision.queue.to_string(),
            scored_by,
            version: version.map(|version| version.to_string()),
            reason,
            considered: decision.contacts.len(),
            contacts: contacts.collect(),
            agents: agents.collect(),
            scores: scores.collect(),
            assigned: decision.assigned.iter().map(Assigned::from).collect(),
            left_out: decision.left_out.into_iter().map(Absent::from).collect(),
        }
    }
}

fn parts(names: &[String], score: &PairScore) -> BTreeMap<String, Option<f32>> {
    named(names, &score.parts)
}

impl From<(cordboard_core::ids::AgentId, LeftOut)> for Absent {
    fn from((agent, why): (cordboard_core::ids::AgentId, LeftOut)) -> Self {
        let (reason, detail) = match why {
            LeftOut::State(state) => ("state", Some(state.to_owned())),
            LeftOut::Skill(skill) => ("skill", Some(skill)),
            LeftOut::Queue => ("queue", None),
            LeftOut::MissedOffer => ("missed-offer", None),
        };
        Self { agent: agent.into(), reason, detail }
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_decisions))
}

/// The routing decisions that considered a contact, newest first.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/decisions", tag = "contacts", params(("id" = String, Path), Much),
    responses((status = 200, body = Decisions)),
)]
async fn list_decisions(
    State(app): State<App>,
    Named(id): Named<ContactId>,
    Query(query): Query<Much>,
) -> Result<Json<Decisions>, Problem> {
    let all: bool = parameter("all", query.all)?.unwrap_or(false);
    let limit: usize = parameter("limit", query.limit)?.unwrap_or(20);
    bounds::within("limit", limit, 1, 100)?;
    let decisions = app.ask(app.centre.decisions(id)).await?.into_iter().take(limit);
    let about = (!all).then_some(id);
    Ok(Json(Decisions { decisions: decisions.map(|decision| Decision::new(decision, about)).collect() }))
}
