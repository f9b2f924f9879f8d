//! `/v1/backtests`: what a version of a flow would have done with contacts that have ended, and a scorer with decisions.

use crate::app::App;
use crate::bounds;
use crate::centre::Refusal;
use crate::comparing::{self, BacktestSpec, BacktestState, Findings, MAX_BACKTEST_CONTACTS};
use crate::extract::{self, Segments};
use crate::json::Time;
use crate::problem::{Details, Problem};
use crate::routes::contacts::filter::time;
use crate::routes::journal::CandidateBody;
use crate::routes::rescored::DecisionReport;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cordboard_core::backtest::{self, Groups, Tally};
use cordboard_core::time::Timestamp;
use cordboard_store::RecordFilter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const DEFAULT_LIMIT: u64 = 10_000;

/// A back-test that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BacktestRequest)]
struct Asked {
    /// What goes through the contacts that have ended; through routing decisions, if it is a scorer. Its `deployment` has to
    /// be named: only that deployment's flows, or decisions, are compared.
    candidate: CandidateBody,
    /// Contacts that came, decisions that were made, at this time (RFC 3339) or later.
    #[schema(format = DateTime)]
    from: String,
    /// Before this time (RFC 3339).
    #[serde(default)]
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Contacts that held a place in this queue; decisions for it.
    #[serde(default)]
    queue: Option<String>,
    /// Contacts that came through this entry point: of flows alone.
    #[serde(default)]
    entry_point: Option<String>,
    /// No more than so many, newest first; 10,000 if left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    limit: Option<u64>,
}

impl Asked {
    fn checked(self) -> Result<BacktestSpec, Problem> {
        let candidate = self.candidate.checked()?;
        let candidate = candidate
            .ok_or_else(|| Problem::invalid("invalid-body", "candidate", "a plugin or a version has to be named"))?;
        if candidate.deployment.is_none() {
            let detail = "the deployment has to be named whose flows are compared";
            return Err(Problem::invalid("invalid-body", "candidate.deployment", detail));
        }
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        bounds::within("limit", limit, 1, MAX_BACKTEST_CONTACTS)?;
        let filter = RecordFilter {
            from_ms: time("from", Some(self.from))?,
            until_ms: time("until", self.until)?,
            queue: bounds::name_opt("queue", self.queue)?,
            entry_point: bounds::name_opt("entry_point", self.entry_point)?,
            ..RecordFilter::default()
        };
        if filter.until_ms.is_some_and(|until| filter.from_ms >= Some(until)) {
            return Err(Problem::invalid("invalid-body", "until", "`until` is not behind `from`: no contact can fit"));
        }
        Ok(BacktestSpec { candidate, filter, limit })
    }
}

/// A back-test, running or over.
#[derive(Serialize, ToSchema)]
struct Backtest {
    /// Its identifier, of this host's run alone.
    id: String,
    /// `running`, `done`, `stopped` (the version ran into its CPU deadline 25 times: what it came to until then stands),
    /// `cancelled`, `failed`.
    state: &'static str,
    /// Of one that failed: a stable code, as a refusal's.
    code: Option<&'static str>,
    /// Of one that failed or was stopped: why.
    detail: Option<String>,
    /// The digest of the plugin.
    plugin: String,
    /// The version that goes through the contacts, or the decisions.
    version: String,
    /// The deployment whose flows, or decisions, are compared.
    deployment: String,
    /// What came at this time or later.
    from: Option<Time>,
    /// What came before this time.
    until: Option<Time>,
    /// In this queue.
    queue: Option<String>,
    /// Contacts that came through this entry point.
    entry_point: Option<String>,
    /// No more than so many.
    limit: u64,
    /// When it was begun.
    began_at: Time,
    /// When it was over.
    ended_at: Option<Time>,
    /// What it came to so far, if it is of a flow.
    report: Option<Report>,
    /// What it came to so far, if it is of a scorer.
    decisions: Option<DecisionReport>,
}

/// What a version of a flow did with contacts that have ended.
#[derive(Serialize, ToSchema)]
#[schema(as = BacktestReport)]
pub(crate) struct Report {
    /// Contacts that were looked at: compared or skipped.
    contacts: u64,
    /// Contacts that were compared.
    compared: u64,
    /// Of those: the version does all that their journals say, to the end.
    agreed: u64,
    /// Of those that agreed: the version would go on with a call of its own where the journal ends. Nothing is made up of
    /// what comes then.
    went_on: u64,
    /// Of those compared: the version does something else.
    diverged: u64,
    /// Of those compared: the version failed.
    failed: u64,
    /// Of those that failed: where the flow that ran failed as well.
    failed_as_before: u64,
    /// The share of contacts compared that agreed, in percent, rounded down to thousandths; 0 if none was compared.
    agreement_percent: f64,
    /// Entries of the contacts compared.
    entries: u64,
    /// Entries up to the first difference of each.
    entries_compared: u64,
    /// The share of entries compared, likewise.
    compared_percent: f64,
    /// Contacts in which zeros stood in for secret digits.
    substituted: u64,
    /// Contacts not compared: `erased`, `no-flow`, `other-deployment`, `damaged`, `newer-format`, `lost-key`, `incomplete`,
    /// `too-long`, each with how many.
    skipped: BTreeMap<&'static str, u64>,
    /// First differences by place, the most frequent first, at most 100.
    differences: Vec<Difference>,
    /// Contacts with differences at other places.
    differences_beyond: u64,
    /// Failures by how and where, the most frequent first, at most 100.
    failures: Vec<Failure>,
    /// Contacts with failures elsewhere.
    failures_beyond: u64,
    /// Calls with which the version would go on where journals end, the most frequent first, at most 100.
    further_calls: Vec<FurtherCall>,
    /// Contacts with others.
    further_calls_beyond: u64,
}

/// Contacts whose first difference is at the same place. A place is a call with what the flow's author calls it, and nothing
/// of a person; examples are shown in full.
#[derive(Serialize, ToSchema)]
#[schema(as = BacktestDifference)]
struct Difference {
    /// What the journals have there, e.g. `ask main-menu`.
    expected: String,
    /// What the version does instead, e.g. `enqueue support`, `the flow returns`.
    got: String,
    /// How many.
    contacts: u64,
    /// Up to five of them, newest first.
    examples: Vec<Example>,
}

/// Contacts with which the version failed in the same way.
#[derive(Serialize, ToSchema)]
#[schema(as = BacktestFailure)]
struct Failure {
    /// `trap`, `deadline`, `limit`, `guest-error`, `not-started`, `no-room`.
    kind: String,
    /// Behind which call; empty if it made none.
    after: String,
    /// How many.
    contacts: u64,
    /// Up to five of them, newest first.
    examples: Vec<Example>,
}

/// Contacts where the version would go on.
#[derive(Serialize, ToSchema)]
#[schema(as = BacktestFurtherCall)]
struct FurtherCall {
    /// With what.
    call: String,
    /// How many.
    contacts: u64,
    /// Up to five of them, newest first.
    examples: Vec<Example>,
}

/// A contact.
#[derive(Serialize, ToSchema)]
#[schema(as = BacktestExample)]
struct Example {
    /// Which.
    contact: String,
    /// Which of its flows, from 0.
    flow: u32,
    /// At which entry.
    entry: u64,
    /// In full: what was expected and what came, or how it failed.
    detail: String,
}

/// Back-tests.
#[derive(Serialize, ToSchema)]
struct Backtests {
    /// Newest first.
    backtests: Vec<Backtest>,
}

fn examples(group: &backtest::Group) -> Vec<Example> {
    let example = |example: &backtest::Example| Example {
        contact: example.contact.to_string(),
        flow: example.flow,
        entry: example.entry,
        detail: example.detail.clone(),
    };
    group.examples.iter().map(example).collect()
}

fn grouped<T>(groups: &Groups, convert: impl Fn(&str, &str, u64, Vec<Example>) -> T) -> Vec<T> {
    let sorted = groups.sorted().into_iter();
    sorted.map(|((one, other), group)| convert(one, other, group.contacts, examples(group))).collect()
}

pub(crate) fn percent(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

impl From<&Tally> for Report {
    fn from(tally: &Tally) -> Self {
        Self {
            contacts: tally.looked_at,
            compared: tally.compared,
            agreed: tally.agreed,
            went_on: tally.went_on,
            diverged: tally.diverged,
            failed: tally.all_failed(),
            failed_as_before: tally.failed_as_before,
            agreement_percent: percent(tally.agreement()),
            entries: tally.entries,
            entries_compared: tally.entries_compared,
            compared_percent: percent(tally.share_compared()),
            substituted: tally.substituted,
            skipped: tally.skipped.iter().map(|(why, count)| (why.code(), *count)).collect(),
            differences: grouped(&tally.differences, |expected, got, contacts, examples| Difference {
                expected: expected.to_owned(),
                got: got.to_owned(),
                contacts,
                examples,
            }),
            differences_beyond: tally.differences.others,
            failures: grouped(&tally.failures, |kind, after, contacts, examples| Failure {
                kind: kind.to_owned(),
                after: after.to_owned(),
                contacts,
                examples,
            }),
            failures_beyond: tally.failures.others,
            further_calls: grouped(&tally.beyond, |call, _, contacts, examples| FurtherCall {
                call: call.to_owned(),
                contacts,
                examples,
            }),
            further_calls_beyond: tally.beyond.others,
        }
    }
}

impl From<comparing::Backtest> for Backtest {
    fn from(test: comparing::Backtest) -> Self {
        let (state, code, detail) = match test.state {
            BacktestState::Running => ("running", None, None),
            BacktestState::Done => ("done", None, None),
            BacktestState::Stopped => {
                let why = "the version ran into its CPU deadline too often: the rest was not tried";
                ("stopped", None, Some(why.to_owned()))
            }
            BacktestState::Cancelled => ("cancelled", None, None),
            BacktestState::Failed { code, detail } => ("failed", Some(code), Some(detail)),
        };
        let (report, decisions) = match &test.findings {
            Findings::Contacts(tally) => (Some(tally.into()), None),
            Findings::Decisions(tally) => (None, Some(tally.into())),
        };
        let at = |ms: Option<u64>| ms.map(|ms| Time(Timestamp(ms.saturating_mul(1000))));
        Self {
            id: test.id.to_string(),
            state,
            code,
            detail,
            plugin: test.plugin.to_string(),
            version: test.version.to_string(),
            deployment: test.deployment.into(),
            from: at(test.filter.from_ms),
            until: at(test.filter.until_ms),
            queue: test.filter.queue.map(Into::into),
            entry_point: test.filter.entry_point.map(Into::into),
            limit: test.limit,
            began_at: Time(test.began_at),
            ended_at: test.ended_at.map(Time),
            report,
            decisions,
        }
    }
}

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(begin_backtest))
        .routes(routes!(list_backtests))
        .routes(routes!(get_backtest))
        .routes(routes!(end_backtest))
}

/// Begins a back-test: a version of a flow goes through contacts that have ended, or one of a scorer through routing
/// decisions, without any effect.
///
/// It runs on threads of the lowest priority, as many at once as there are processors. At most two run at once, and
/// the last 16 are kept until the host ends.
#[utoipa::path(
    post, path = "/v1/backtests", tag = "backtests", request_body = Asked,
    responses(
        (status = 202, description = "It runs.", body = Backtest),
        (status = 404, description = "There is no such plugin, version or deployment.", body = Details,
            content_type = "application/problem+json"),
        (status = 503, description = "Two run already: `busy`.", body = Details, content_type = "application/problem+json"),
    ),
)]
async fn begin_backtest(
    State(app): State<App>,
    extract::Json(body): extract::Json<Asked>,
) -> Result<(StatusCode, Json<Backtest>), Problem> {
    let spec = body.checked()?;
    let begun = app.change(move |centre| async move { centre.begin_backtest(spec).await }).await?;
    Ok((StatusCode::ACCEPTED, Json(begun.into())))
}

/// The back-tests that are kept.
#[utoipa::path(get, path = "/v1/backtests", tag = "backtests", responses((status = 200, body = Backtests)))]
async fn list_backtests(State(app): State<App>) -> Result<Json<Backtests>, Problem> {
    let all = app.ask(async { Ok(app.centre.backtests().await) }).await?;
    Ok(Json(Backtests { backtests: all.into_iter().map(Into::into).collect() }))
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Refusal::NotFound { what: "back-test", name: text.chars().take(64).collect() }.into())
}

/// How a back-test does, and what it came to.
#[utoipa::path(
    get, path = "/v1/backtests/{id}", tag = "backtests", params(("id" = String, Path)),
    responses((status = 200, body = Backtest)),
)]
async fn get_backtest(State(app): State<App>, Segments(id): Segments<String>) -> Result<Json<Backtest>, Problem> {
    let wanted = number(&id)?;
    let all = app.ask(async { Ok(app.centre.backtests().await) }).await?;
    let found = all.into_iter().find(|test| test.id == wanted);
    Ok(Json(found.ok_or(Refusal::NotFound { what: "back-test", name: id })?.into()))
}

/// Ends a back-test that runs, and forgets one that is over.
#[utoipa::path(
    delete, path = "/v1/backtests/{id}", tag = "backtests", params(("id" = String, Path)),
    responses((status = 204, description = "It is ended, or forgotten.")),
)]
async fn end_backtest(State(app): State<App>, Segments(id): Segments<String>) -> Result<StatusCode, Problem> {
    let wanted = number(&id)?;
    app.change(move |centre| async move { centre.end_backtest(wanted).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
