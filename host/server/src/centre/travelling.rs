//! Time travel: one contact, gone through again by the versions that ran, or by one that might have.

use super::HostCentre;
use super::candidates::{Made, compare_refused};
use crate::comparing::{flows, start};
use cordboard_admin::{Candidate, Comparison, Refusal, RunAgain, Went};
use cordboard_core::ids::{ContactId, DeploymentName};
use cordboard_core::journal::{Journal, Opened, Segment};
use cordboard_core::replay::{self, Verdict};
use cordboard_plugin::Rehearsed;
use std::sync::Arc;

/// A flow of a contact, as far as it is gone through.
struct Stretch<'j> {
    number: u32,
    opened: &'j Opened,
    flow: &'j Journal,
    segment: &'j Segment,
    /// Entries from its beginning.
    entries: usize,
}

impl HostCentre {
    pub(super) async fn compare(&self, id: ContactId, candidate: Option<Candidate>) -> Result<Comparison, Refusal> {
        let journal = self.journal_of(id).await?;
        let first = flows(&journal).find_map(|(_, flow)| flow.segments.first());
        let none = || Refusal::NotNow(format!("no flow ran for the contact {id}"));
        let (opened, first) = journal.opened.as_ref().zip(first).ok_or_else(none)?;
        match candidate {
            None => self.compare_with_itself(id, opened, &journal).await,
            Some(mut candidate) => {
                let deployment = candidate.deployment.get_or_insert_with(|| first.deployment.clone()).clone();
                self.compare_with(id, opened, &journal, &candidate, &deployment).await
            }
        }
    }

    /// Rule 12: each version that ran, up to where the next took over.
    async fn compare_with_itself(
        &self,
        id: ContactId,
        opened: &Opened,
        journal: &Journal,
    ) -> Result<Comparison, Refusal> {
        let mut runs = Vec::new();
        for (number, flow) in flows(journal) {
            let ends = flow.segments.iter().skip(1).map(|next| usize::try_from(next.from).unwrap_or(usize::MAX));
            for (segment, end) in flow.segments.iter().zip(ends.chain([usize::MAX])) {
                let entries = end.min(flow.entries.len());
                let stretch = Stretch { number, opened, flow, segment, entries };
                runs.push(match self.made_before(segment.version).await {
                    Ok(made) => self.run_again(&stretch, &made).await?,
                    Err(Refusal::NotNow(why)) => again(&stretch, segment.version, Err(why)),
                    Err(other) => return Err(other),
                });
            }
        }
        Ok(Comparison { contact: id, candidate: None, runs })
    }

    /// The flows of a deployment, up to the first that the candidate doesn't agree with (rule 19).
    async fn compare_with(
        &self,
        id: ContactId,
        opened: &Opened,
        journal: &Journal,
        candidate: &Candidate,
        deployment: &DeploymentName,
    ) -> Result<Comparison, Refusal> {
        let made = self.made(candidate).await?;
        let mut runs = Vec::new();
        for (number, flow) in flows(journal) {
            let Some(segment) = flow.segments.last().filter(|last| last.deployment == *deployment) else { continue };
            let stretch = Stretch { number, opened, flow, segment, entries: flow.entries.len() };
            let run = self.run_again(&stretch, &made).await?;
            let agreed = matches!(&run.went, Ok(Went { verdict: Verdict::Agreed { .. }, .. }));
            runs.push(run);
            if !agreed {
                break;
            }
        }
        if runs.is_empty() {
            let all = flows(journal).filter_map(|(_, flow)| flow.segments.last()).map(|last| last.deployment.as_str());
            let ran: Vec<&str> = all.collect();
            let detail = format!("no flow of the deployment {deployment} ran for it, but of {}", ran.join(", "));
            return Err(Refusal::Invalid { code: "other-deployment", detail });
        }
        Ok(Comparison { contact: id, candidate: Some(made.version), runs })
    }

    async fn run_again(&self, stretch: &Stretch<'_>, made: &Made) -> Result<RunAgain, Refusal> {
        let loader = self.loader();
        let hold = loader.load(made).await?;
        let start = start(stretch.opened, stretch.flow, stretch.segment, stretch.entries);
        let past = Arc::clone(&start.past);
        let rehearsed = loader.comparer.rehearse(made.version, start, true).await;
        drop(hold);
        loader.unload_if_unneeded(made.version).await;
        let Some(Rehearsed { result, reached, substituted, seen }) = rehearsed.map_err(compare_refused)? else {
            return Ok(again(stretch, made.version, Err("it took too long".into())));
        };
        let verdict = replay::verdict(&past, result, reached, seen.unlike.as_ref());
        Ok(again(stretch, made.version, Ok(Went { reached, substituted, verdict, seen })))
    }
}

fn again(stretch: &Stretch<'_>, version: cordboard_core::ids::Version, went: Result<Went, String>) -> RunAgain {
    RunAgain {
        flow: stretch.number,
        deployment: stretch.segment.deployment.clone(),
        version,
        entries: stretch.entries as u64,
        went,
    }
}
