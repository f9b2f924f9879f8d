//! `/v1/queues`: queues and who waits in them.

use crate::app::App;
use crate::bounds;
use crate::etag::{self, Precondition};
use crate::extract::{self, Members, Named};
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use cordboard_core::board::QueueView;
use cordboard_core::config;
use cordboard_core::flow::SkillRequirement;
use cordboard_core::ids::QueueName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A skill an agent must have.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Skill {
    /// Its name, 1 to 64 bytes.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// At least this level.
    #[schema(minimum = 1, maximum = 10)]
    min_level: u8,
}

/// A queue. What is left out has its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct QueueBody {
    /// What every agent served from it must have, at most 16.
    #[schema(max_items = 16, value_type = Vec<Skill>)]
    skills: Vec<Members<Skill>>,
    /// The scorer deployment that says who suits whom; longest idle if none.
    scorer: Option<String>,
    /// How long an agent's phone rings before the next one is offered.
    #[schema(minimum = 1_000, maximum = 300_000)]
    offer_timeout_ms: u32,
    /// How long the agent has afterwards. 0: none.
    #[schema(maximum = 3_600_000)]
    wrap_up_ms: u32,
    /// More are refused.
    #[schema(minimum = 1, maximum = 100_000)]
    max_waiting: u32,
    /// The recording heard while waiting; the host's own if none.
    music: Option<String>,
    /// Answered within this time counts for the service level.
    #[schema(minimum = 1, maximum = 3_600_000)]
    service_level_ms: u32,
}

impl Default for QueueBody {
    fn default() -> Self {
        Self {
            skills: Vec::new(),
            scorer: None,
            offer_timeout_ms: 20_000,
            wrap_up_ms: 0,
            max_waiting: 1_000,
            music: None,
            service_level_ms: 20_000,
        }
    }
}

/// What became of those who took a place since the host started.
#[derive(Serialize, ToSchema)]
struct Figures {
    /// Places taken.
    offered: u64,
    /// Answered by an agent.
    answered: u64,
    /// Of them, within the service level.
    answered_in_time: u64,
    /// Hung up while waiting.
    abandoned: u64,
    /// Left by the flow, or lost.
    left: u64,
}

/// A queue and who waits in it.
#[derive(Serialize, ToSchema)]
struct Queue {
    /// Its name.
    name: String,
    /// What every agent served from it must have.
    skills: Vec<Skill>,
    /// The scorer deployment; null: longest idle.
    scorer: Option<String>,
    /// How long an agent's phone rings.
    offer_timeout_ms: u32,
    /// How long the agent has afterwards.
    wrap_up_ms: u32,
    /// More are refused.
    max_waiting: u32,
    /// The recording heard while waiting.
    music: Option<String>,
    /// Answered within this time counts for the service level.
    service_level_ms: u32,
    /// How many wait.
    waiting: u32,
    /// How long the one who waits longest has waited; 0 if nobody does.
    longest_wait_ms: u64,
    /// Ready agents who may serve it.
    ready_agents: u32,
    /// Figures since the host started.
    figures: Figures,
    /// Which writing of the document this is.
    revision: u64,
}

/// Queues, by name.
#[derive(Serialize, ToSchema)]
struct Queues {
    /// All of them.
    queues: Vec<Queue>,
}

impl Queue {
    fn new(view: QueueView, revision: u64) -> Self {
        let QueueView { queue, waiting, longest_wait_ms, ready_agents, figures } = view;
        let skill = |skill: SkillRequirement| Skill { name: skill.name, min_level: skill.min_level };
        Self {
            name: queue.name.into(),
            skills: queue.skills.into_iter().map(skill).collect(),
            scorer: queue.scorer.map(String::from),
            offer_timeout_ms: queue.offer_timeout_ms,
            wrap_up_ms: queue.wrap_up_ms,
            max_waiting: queue.max_waiting,
            music: queue.music,
            service_level_ms: queue.service_level_ms,
            waiting,
            longest_wait_ms,
            ready_agents,
            figures: Figures {
                offered: figures.offered,
                answered: figures.answered,
                answered_in_time: figures.answered_in_time,
                abandoned: figures.abandoned,
                left: figures.left,
            },
            revision,
        }
    }
}

impl QueueBody {
    fn checked(self, name: QueueName) -> Result<config::Queue, Problem> {
        bounds::count("skills", self.skills.len(), 0, 16)?;
        for (at, Members(skill)) in self.skills.iter().enumerate() {
            bounds::text(&format!("skills[{at}].name"), &skill.name, 1, 64)?;
            bounds::within(&format!("skills[{at}].min_level"), skill.min_level, 1, 10)?;
            if self.skills.iter().take(at).any(|Members(earlier)| earlier.name == skill.name) {
                let detail = format!("the skill `{}` is there twice", skill.name);
                return Err(Problem::invalid("duplicate", format!("skills[{at}].name"), detail));
            }
        }
        bounds::within("offer_timeout_ms", self.offer_timeout_ms, 1_000, 300_000)?;
        bounds::within("wrap_up_ms", self.wrap_up_ms, 0, 3_600_000)?;
        bounds::within("max_waiting", self.max_waiting, 1, 100_000)?;
        bounds::within("service_level_ms", self.service_level_ms, 1, 3_600_000)?;
        self.music.as_ref().map_or(Ok(()), |music| bounds::text("music", music, 1, 128))?;
        let skill = |Members(skill): Members<Skill>| SkillRequirement { name: skill.name, min_level: skill.min_level };
        Ok(config::Queue {
            name,
            skills: self.skills.into_iter().map(skill).collect(),
            scorer: bounds::name_opt("scorer", self.scorer)?,
            offer_timeout_ms: self.offer_timeout_ms,
            wrap_up_ms: self.wrap_up_ms,
            max_waiting: self.max_waiting,
            music: self.music,
            service_level_ms: self.service_level_ms,
        })
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_queues)).routes(routes!(get_queue, put_queue, delete_queue))
}

/// All queues, with who waits.
#[utoipa::path(get, path = "/v1/queues", tag = "queues", responses((status = 200, body = Queues)))]
async fn list_queues(State(app): State<App>) -> Result<Json<Queues>, Problem> {
    let all = app.ask(app.centre.queues()).await?;
    Ok(Json(Queues { queues: super::listed(all, Queue::new) }))
}

/// One queue.
#[utoipa::path(
    get, path = "/v1/queues/{name}", tag = "queues", params(("name" = String, Path)),
    responses((status = 200, body = Queue)),
)]
async fn get_queue(State(app): State<App>, Named(name): Named<QueueName>) -> Result<Response, Problem> {
    let all = app.ask(app.centre.queues()).await?;
    let found = super::one(all, "queue", name.as_str(), |view| view.queue.name == name)?;
    Ok(etag::answer(found.map(Queue::new)))
}

/// Adds or replaces a queue. The scorer it names must be there.
#[utoipa::path(
    put, path = "/v1/queues/{name}", tag = "queues", request_body = QueueBody,
    params(("name" = String, Path), ("If-Match" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = Queue, headers(("ETag" = String))),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn put_queue(
    State(app): State<App>,
    Named(name): Named<QueueName>,
    Precondition(expected): Precondition,
    extract::Json(body): extract::Json<QueueBody>,
) -> Result<Response, Problem> {
    let queue = body.checked(name)?;
    let put = app.change(move |centre| async move { centre.put_queue(queue, expected).await }).await?;
    Ok(etag::answer(put.map(Queue::new)))
}

/// Removes a queue. Flows whose contacts wait in it are told that the place is lost.
#[utoipa::path(
    delete, path = "/v1/queues/{name}", tag = "queues",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "Something names it: `in-use`.", body = Details,
            content_type = "application/problem+json"),
        (status = 412, description = "It has changed meanwhile.", body = Details,
            content_type = "application/problem+json"),
    ),
)]
async fn delete_queue(
    State(app): State<App>,
    Named(name): Named<QueueName>,
    Precondition(expected): Precondition,
) -> Result<StatusCode, Problem> {
    app.change(move |centre| async move { centre.delete_queue(&name, expected).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
