//! `/v1/agents`: agents and what they do.

use crate::app::App;
use crate::bounds;
use crate::etag::{self, Precondition};
use crate::extract::{self, Named};
use crate::json::Time;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cordboard_core::agent::{AgentState, WantedState};
use cordboard_core::board::AgentView;
use cordboard_core::config;
use cordboard_core::ids::{AgentId, ContactId};
use cordboard_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// An agent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AgentBody {
    /// For people, 1 to 128 bytes.
    name: String,
    /// Skill → level, 1 to 10; at most 64, names of 1 to 64 bytes.
    #[serde(default)]
    #[schema(example = json!({"billing": 7}))]
    skills: BTreeMap<String, u8>,
    /// Numbers that scorers see, at most 64, rounded to thousandths and within ±1,000,000,000.
    #[serde(default)]
    #[schema(example = json!({"tenure_years": 2.5}))]
    attributes: BTreeMap<String, f64>,
    /// The queues served, at most 64; all whose skills fit if empty.
    #[serde(default)]
    queues: Vec<String>,
    /// Ready as soon as the phone registers.
    #[serde(default)]
    auto_ready: bool,
    /// What the phone registers with, 8 to 128 bytes. Never told again. Left out: the old one stays.
    #[schema(format = Password)]
    password: Option<String>,
}

/// What is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StateBody {
    /// The state.
    state: Wanted,
    /// Why not ready, 1 to 64 bytes; `operator` if left out. Only with `not-ready`.
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Wanted {
    /// Take the next. Ends a wrap-up.
    Ready,
    /// Take no more for now. A talk goes on.
    NotReady,
    /// Take no more.
    SignedOut,
}

/// An agent and what the agent is doing.
#[derive(Serialize, ToSchema)]
struct Agent {
    /// Also the SIP user.
    id: String,
    /// For people.
    name: String,
    /// Skill → level.
    skills: BTreeMap<String, u8>,
    /// Numbers that scorers see.
    attributes: BTreeMap<String, f64>,
    /// The queues served; all whose skills fit if empty.
    queues: Vec<String>,
    /// Ready as soon as the phone registers.
    auto_ready: bool,
    /// `signed-out`, `not-ready`, `ready`, `reserved`, `on-contact` or `wrap-up`.
    #[schema(example = "ready")]
    state: &'static str,
    /// Why not ready.
    reason: Option<String>,
    /// The contact offered, talked with or finished up after.
    contact: Option<String>,
    /// When the wrap-up ends.
    until: Option<Time>,
    /// Since when.
    since: Time,
    /// Whether a phone is registered.
    phone: bool,
    /// Contacts talked to since the host started.
    handled: u64,
    /// Which writing of the document this is; null in the answer to a change of state.
    revision: Option<u64>,
}

/// Agents, by id.
#[derive(Serialize, ToSchema)]
struct Agents {
    /// All of them.
    agents: Vec<Agent>,
}

/// What a state says beyond its name: reason, contact, until.
pub(crate) fn parts(state: &AgentState) -> (Option<&str>, Option<ContactId>, Option<Timestamp>) {
    match state {
        AgentState::SignedOut | AgentState::Ready { since: _ } => (None, None, None),
        AgentState::NotReady { reason } => (Some(reason), None, None),
        AgentState::Reserved { contact } | AgentState::OnContact { contact } => (None, Some(*contact), None),
        AgentState::WrapUp { contact, until } => (None, Some(*contact), Some(*until)),
    }
}

impl Agent {
    fn new(view: AgentView, revision: Option<u64>) -> Self {
        let (reason, contact, until) = parts(&view.state);
        Self {
            reason: reason.map(str::to_owned),
            contact: contact.map(|contact| contact.to_string()),
            until: until.map(Time),
            state: view.state.name(),
            id: view.agent.id.into(),
            name: view.agent.name,
            skills: view.agent.skills,
            attributes: view.agent.attributes.into_iter().map(|(name, milli)| (name, milli as f64 / 1000.0)).collect(),
            queues: view.agent.queues.into_iter().map(String::from).collect(),
            auto_ready: view.agent.auto_ready,
            since: Time(view.since),
            phone: view.phone,
            handled: view.handled,
            revision,
        }
    }

    fn revised(view: AgentView, revision: u64) -> Self {
        Self::new(view, Some(revision))
    }
}

impl AgentBody {
    fn checked(self, id: AgentId) -> Result<(config::Agent, Option<String>), Problem> {
        bounds::text("name", &self.name, 1, 128)?;
        bounds::count("skills", self.skills.len(), 0, 64)?;
        for (skill, level) in &self.skills {
            bounds::text("skills", skill, 1, 64)?;
            bounds::within(&format!("skills.{skill}"), *level, 1, 10)?;
        }
        bounds::count("attributes", self.attributes.len(), 0, 64)?;
        let mut attributes = BTreeMap::new();
        for (name, value) in self.attributes {
            bounds::text("attributes", &name, 1, 64)?;
            bounds::within(&format!("attributes.{name}"), value, -1e9, 1e9)?;
            attributes.insert(name, (value * 1000.0).round() as i64);
        }
        bounds::count("queues", self.queues.len(), 0, 64)?;
        let queues = self.queues.into_iter().enumerate();
        let queues =
            queues.map(|(at, queue)| bounds::name(&format!("queues[{at}]"), queue)).collect::<Result<_, _>>()?;
        self.password.as_ref().map_or(Ok(()), |password| bounds::text("password", password, 8, 128))?;
        let agent =
            config::Agent { id, name: self.name, skills: self.skills, attributes, queues, auto_ready: self.auto_ready };
        Ok((agent, self.password))
    }
}

impl StateBody {
    fn checked(self) -> Result<WantedState, Problem> {
        match (self.state, self.reason) {
            (Wanted::NotReady, reason) => {
                let reason = reason.unwrap_or_else(|| "operator".to_owned());
                bounds::text("reason", &reason, 1, 64)?;
                Ok(WantedState::NotReady { reason })
            }
            (Wanted::Ready, None) => Ok(WantedState::Ready),
            (Wanted::SignedOut, None) => Ok(WantedState::SignedOut),
            (Wanted::Ready | Wanted::SignedOut, Some(_)) => {
                Err(Problem::invalid("invalid-body", "reason", "a reason belongs to `not-ready` only"))
            }
        }
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_agents))
        .routes(routes!(get_agent, put_agent, delete_agent))
        .routes(routes!(put_agent_state))
}

/// All agents, and what they do.
#[utoipa::path(get, path = "/v1/agents", tag = "agents", responses((status = 200, body = Agents)))]
async fn list_agents(State(app): State<App>) -> Result<Json<Agents>, Problem> {
    let all = app.ask(app.centre.agents()).await?;
    Ok(Json(Agents { agents: super::listed(all, Agent::revised) }))
}

/// One agent.
#[utoipa::path(
    get, path = "/v1/agents/{id}", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = Agent, headers(("ETag" = String)))),
)]
async fn get_agent(State(app): State<App>, Named(id): Named<AgentId>) -> Result<Response, Problem> {
    let all = app.ask(app.centre.agents()).await?;
    let found = super::one(all, "agent", id.as_str(), |view| view.agent.id == id)?;
    Ok(etag::answer(found.map(Agent::revised)))
}

/// Adds or replaces an agent.
#[utoipa::path(
    put, path = "/v1/agents/{id}", tag = "agents", request_body = AgentBody,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Agent, headers(("ETag" = String))),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_agent(
    State(app): State<App>,
    Named(id): Named<AgentId>,
    Precondition(expected): Precondition,
    extract::Json(body): extract::Json<AgentBody>,
) -> Result<Response, Problem> {
    let (agent, password) = body.checked(id)?;
    let put = app.change(move |centre| async move { centre.put_agent(agent, password, expected).await }).await?;
    Ok(etag::answer(put.map(Agent::revised)))
}

/// Removes an agent. A talk goes on.
#[utoipa::path(
    delete, path = "/v1/agents/{id}", tag = "agents",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "The agent is gone."),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_agent(
    State(app): State<App>,
    Named(id): Named<AgentId>,
    Precondition(expected): Precondition,
) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.delete_agent(&id, expected).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a state on the agent's behalf.
#[utoipa::path(
    put, path = "/v1/agents/{id}/state", tag = "agents", request_body = StateBody, params(("id" = String, Path)),
    responses(
        (status = 200, body = Agent),
        (status = 409, description = "Not from the state the agent is in: `not-now`.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_agent_state(
    State(app): State<App>,
    Named(id): Named<AgentId>,
    extract::Json(body): extract::Json<StateBody>,
) -> Result<Json<Agent>, Problem> {
    let wanted = body.checked()?;
    let view = app.change(move |centre| async move { centre.set_agent_state(&id, wanted).await }).await?;
    Ok(Json(Agent::new(view, None)))
}
