//! `/v1/contacts/{id}/compare`: where a version would part from what a contact's flow did.

use super::words;
use crate::app::App;
use crate::bounds;
use crate::comparing::{Candidate, CandidateOf, Comparison, RunAgain, Went};
use crate::extract::{self, Named};
use crate::json::Limits;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::State;
use cordboard_core::ids::{ContactId, DeploymentName, Digest};
use cordboard_core::replay::{SeenLine, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What goes through contacts again. It need not be deployed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayCandidate)]
pub(crate) struct CandidateBody {
    /// The digest of an uploaded plugin; or `version`.
    #[serde(default)]
    plugin: Option<String>,
    /// A version that was deployed once.
    #[serde(default)]
    version: Option<String>,
    /// The deployment that it is to serve, with its configuration and limits. Flows of other deployments are not compared.
    #[serde(default)]
    deployment: Option<String>,
    /// Values of its configuration, over those of the deployment, or of the version.
    #[serde(default)]
    config: BTreeMap<String, String>,
    /// Taken out of the configuration.
    #[serde(default)]
    unset: Vec<String>,
    /// Limits, over those of the deployment, or of the version.
    #[serde(default)]
    limits: Limits,
}

fn digest(field: &str, text: Option<String>) -> Result<Option<Digest>, Problem> {
    text.map(|text| text.parse().map_err(|error| Problem::name(field, &error))).transpose()
}

impl CandidateBody {
    /// None: nothing is named.
    pub(crate) fn checked(self) -> Result<Option<Candidate>, Problem> {
        let of = match (digest("plugin", self.plugin)?, digest("version", self.version)?) {
            (Some(plugin), None) => CandidateOf::Plugin(plugin),
            (None, Some(version)) => CandidateOf::Version(version),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid("invalid-body", "version", "either a plugin or a version is compared"));
            }
            (None, None) if self.deployment.is_none() && self.config.is_empty() && self.unset.is_empty() => {
                return Ok(None);
            }
            (None, None) => {
                return Err(Problem::invalid("invalid-body", "plugin", "a plugin or a version has to be named"));
            }
        };
        bounds::count("unset", self.unset.len(), 0, 64)?;
        Ok(Some(Candidate {
            of,
            deployment: bounds::name_opt::<DeploymentName>("deployment", self.deployment)?,
            config: self.config,
            unset: self.unset,
            limits: self.limits.0,
        }))
    }
}

/// A contact, gone through again.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayComparison)]
struct Compared {
    /// Which.
    contact: String,
    /// The candidate's version: the digest of component, manifest, configuration and limits. Null: each of those that ran.
    candidate: Option<String>,
    /// Each flow and version in their order.
    runs: Vec<Run>,
}

/// A flow of a contact, gone through by a version.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayRun)]
struct Run {
    /// Which of the contact's flows, from 0.
    flow: u32,
    /// Its deployment.
    deployment: String,
    /// The version.
    version: String,
    /// `agreed`: it did all that the journal says; `diverged`: it does something else; `failed`; `not-tried`.
    outcome: &'static str,
    /// Entries there were to go through: all, or those up to where another version took over.
    entries: u64,
    /// Entries it went through.
    reached: u64,
    /// The entry at which it does something else, or behind which it failed.
    entry: Option<u64>,
    /// What the journal has there.
    expected: Option<String>,
    /// What the version does instead.
    got: Option<String>,
    /// The same with all arguments, where it is a call.
    call: Option<Call>,
    /// How it failed, e.g. `trap`, `deadline`.
    failure: Option<&'static str>,
    /// It failed where the flow that ran failed as well.
    as_before: bool,
    /// In words: how it failed, or why it was not tried.
    detail: Option<String>,
    /// It agreed, and would go on with this call where the journal ends. What it would be told nobody knows.
    beyond: Option<String>,
    /// Secret answers that zeros stood in for: nothing is known of them but how many digits they had.
    substituted: u64,
    /// What the version logged on the way, at most 1,000 lines.
    logs: Vec<Logged>,
    /// Lines beyond.
    lines_dropped: u32,
    /// Calls that agree and are not the same, e.g. in what is said; the first 200.
    reworded: Vec<Call>,
}

/// A line that a version logged while it went through a contact again.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayLogLine)]
struct Logged {
    /// Before the call of this entry.
    entry: u64,
    /// `trace`, `debug`, `info`, `warn`, `error`.
    level: &'static str,
    /// At most 4 KiB.
    text: String,
}

/// A call of a version.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayCall)]
struct Call {
    /// The entry that it stands for.
    entry: u64,
    /// The host call as the contract names it.
    request: &'static str,
    /// Its arguments, an object.
    #[schema(value_type = Object)]
    args: Value,
}

impl Run {
    fn new(run: RunAgain) -> Self {
        let mut shown = Self {
            flow: run.flow,
            deployment: run.deployment.into(),
            version: run.version.to_string(),
            outcome: "not-tried",
            entries: run.entries,
            reached: 0,
            entry: None,
            expected: None,
            got: None,
            call: None,
            failure: None,
            as_before: false,
            detail: None,
            beyond: None,
            substituted: 0,
            logs: Vec::new(),
            lines_dropped: 0,
            reworded: Vec::new(),
        };
        match run.went {
            Err(why) => shown.detail = Some(why),
            Ok(went) => shown.went(went),
        }
        shown
    }

    fn went(&mut self, Went { reached, substituted, verdict, seen }: Went) {
        (self.reached, self.substituted) = (reached, substituted);
        match verdict {
            Verdict::Agreed { beyond } => (self.outcome, self.beyond) = ("agreed", beyond),
            Verdict::Parted(parting) => {
                self.outcome = "diverged";
                self.entry = Some(parting.what.entry);
                (self.expected, self.got) = (Some(parting.what.expected), Some(parting.what.got));
                self.call = seen.unlike.map(|request| Call::new(parting.what.entry, &request));
            }
            Verdict::Failed { entry, kind, detail, as_before, .. } => {
                self.outcome = "failed";
                self.as_before = as_before;
                (self.entry, self.failure, self.detail) = (Some(entry), Some(kind), Some(detail));
            }
        }
        let logged = |line: SeenLine| Logged { entry: line.entry, level: line.level.name(), text: line.text };
        self.logs = seen.lines.into_iter().map(logged).collect();
        self.lines_dropped = seen.lines_dropped;
        self.reworded = seen.reworded.iter().map(|(entry, request)| Call::new(*entry, request)).collect();
    }
}

impl Call {
    fn new(entry: u64, request: &cordboard_core::flow::Request) -> Self {
        Self { entry, request: request.name(), args: words::request(request) }
    }
}

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(compare_contact))
}

/// Goes through a contact once more, without any effect, and tells where a version does something else.
///
/// With a plugin or a version: the flows of its deployment (that of the contact's first flow, if none is named), up to where
/// it does something else or fails; nothing is made up beyond. With neither: each version that ran, up to where the next took
/// over.
#[utoipa::path(
    post, path = "/v1/contacts/{id}/compare", tag = "contacts", params(("id" = String, Path)),
    request_body = CandidateBody,
    responses(
        (status = 200, body = Compared),
        (status = 410, description = "The contact is erased: `erased`.", body = Details,
            content_type = "application/problem+json"),
        (status = 409, description = "It can't be read: `damaged-journal`, `newer-journal`, `lost-key`; or no flow ran: `not-now`.",
            body = Details, content_type = "application/problem+json"),
    ),
)]
async fn compare_contact(
    State(app): State<App>,
    Named(id): Named<ContactId>,
    extract::Json(body): extract::Json<CandidateBody>,
) -> Result<Json<Compared>, Problem> {
    let candidate = body.checked()?;
    let comparison = app.compile(move |centre| async move { centre.compare_contact(id, candidate).await }).await?;
    Ok(Json(comparison.into()))
}

impl From<Comparison> for Compared {
    fn from(Comparison { contact, candidate, runs }: Comparison) -> Self {
        let runs = runs.into_iter().map(Run::new).collect();
        Self { contact: contact.to_string(), candidate: candidate.map(|version| version.to_string()), runs }
    }
}

/// A comparison as the API tells it, for who made one without it.
pub fn comparison_json(comparison: Comparison) -> Value {
    serde_json::to_value(Compared::from(comparison)).unwrap_or_default()
}
