//! Which contacts are listed.

use crate::bounds;
use crate::extract::parameter;
use crate::problem::Problem;
use crate::rfc3339;
use cordboard_core::board::ContactView;
use cordboard_core::ids::{AgentId, ContactId, QueueName};
use cordboard_core::record::VisitOutcome;
use cordboard_store::RecordFilter;
use serde::Deserialize;
use utoipa::IntoParams;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The codes of `EndReason`.
const ENDS: [&str; 13] = [
    "completed",
    "failed",
    "hung-up",
    "cancelled",
    "agent-hung-up",
    "rejected",
    "redirected",
    "ended-by-operator",
    "media-lost",
    "signalling-failed",
    "shutdown",
    "interrupted",
    "other",
];

/// All that is given has to hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only those in progress, or only those that have ended.
    #[param(value_type = Option<bool>)]
    live: Option<String>,
    /// Held a place in this queue.
    queue: Option<String>,
    /// Talked with this agent, or is being offered to.
    agent: Option<String>,
    /// Came through this entry point.
    entry_point: Option<String>,
    /// Whether an agent answered.
    #[param(value_type = Option<bool>)]
    answered: Option<String>,
    /// Ended for this reason, e.g. `completed`, `hung-up`.
    end: Option<String>,
    /// Came from this number.
    caller: Option<String>,
    /// A flow of this version ran: 64 hex digits.
    version: Option<String>,
    /// Came at this time (RFC 3339) or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Came before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// How many at most; 50 if left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// Older than this contact: `next` of the page before.
    before: Option<String>,
}

/// The same, checked.
pub(super) struct Asked {
    pub(super) live: Option<bool>,
    pub(super) filter: RecordFilter,
    pub(super) before: Option<ContactId>,
    pub(super) limit: usize,
}

impl Filter {
    pub(super) fn checked(self) -> Result<Asked, Problem> {
        let limit = parameter("limit", self.limit)?.unwrap_or(DEFAULT_LIMIT);
        bounds::within("limit", limit, 1, MAX_LIMIT)?;
        if let Some(end) = self.end.as_deref().filter(|end| !ENDS.contains(end)) {
            let detail = format!("`{end}` is none of {}", ENDS.join(", "));
            return Err(Problem::invalid("invalid-query", "end", detail));
        }
        self.caller.as_ref().map_or(Ok(()), |caller| bounds::text("caller", caller, 1, 128))?;
        Ok(Asked {
            live: parameter("live", self.live)?,
            filter: RecordFilter {
                from_ms: time("from", self.from)?,
                until_ms: time("until", self.until)?,
                queue: bounds::name_opt("queue", self.queue)?,
                agent: bounds::name_opt("agent", self.agent)?,
                entry_point: bounds::name_opt("entry_point", self.entry_point)?,
                answered: parameter("answered", self.answered)?,
                end: self.end,
                caller: self.caller,
                version: parameter("version", self.version)?,
            },
            before: parameter("before", self.before)?,
            limit,
        })
    }
}

/// Milliseconds, rounded up: both bounds mean "at this time or later", one of them negated.
pub(crate) fn time(name: &str, text: Option<String>) -> Result<Option<u64>, Problem> {
    // `+` of an offset arrives as a space where a client forgot to encode it.
    let text = text.map(|text| match text.rsplit_once(' ') {
        Some((time, offset)) if time.contains(['T', 't']) => format!("{time}+{offset}"),
        Some(_) | None => text,
    });
    text.map(|text| match rfc3339::parse(&text) {
        Ok(at) => Ok(at.0.div_ceil(1000)),
        Err(wrong) => Err(Problem::invalid("invalid-query", name, format!("{name}: {wrong}"))),
    })
    .transpose()
}

impl Asked {
    /// Whether a contact in progress is listed.
    pub(super) fn fits(&self, view: &ContactView) -> bool {
        let filter = &self.filter;
        let at = view.offered_at.as_ms();
        let holds = |queue: &QueueName| {
            view.place.as_ref().is_some_and(|place| place.queue == *queue)
                || view.visits.iter().any(|visit| visit.queue == *queue)
        };
        let answered = view.state == "talking"
            || view.visits.iter().any(|visit| matches!(visit.outcome, VisitOutcome::Answered { .. }));
        let talked = |wanted: &AgentId| {
            view.place.as_ref().is_some_and(|place| place.agent.as_ref() == Some(wanted))
                || view.visits.iter().any(|visit| match &visit.outcome {
                    VisitOutcome::Answered { agent, .. } => agent == wanted,
                    VisitOutcome::Abandoned | VisitOutcome::Left | VisitOutcome::Lost(_) => false,
                })
        };
        self.before.is_none_or(|before| view.id < before)
            && filter.end.is_none()
            && filter.answered.is_none_or(|wanted| answered == wanted)
            && filter.from_ms.is_none_or(|from| at >= from)
            && filter.until_ms.is_none_or(|until| at < until)
            && filter.entry_point.as_ref().is_none_or(|entry| view.entry_point == *entry)
            && filter.caller.as_ref().is_none_or(|caller| view.origin.number.as_ref() == Some(caller))
            && filter.version.is_none_or(|version| view.versions.contains(&version) || view.version == Some(version))
            && filter.queue.as_ref().is_none_or(holds)
            && filter.agent.as_ref().is_none_or(talked)
    }
}
