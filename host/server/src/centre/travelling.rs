//! Time travel: one contact, gone through again by the versions that ran, or by one that might have.

use super::HostCentre;
use super::candidates::{Made, compare_refused};
use crate::comparing::{Stretch, by_deployment, flows, run_again};
use cordboard_admin::{Candidate, Comparison, Refusal, RunAgain};
use cordboard_core::config::World;
use cordboard_core::ids::{ContactId, DeploymentName};
use cordboard_core::journal::{Journal, Opened};

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
                    Err(Refusal::NotNow(why) | Refusal::NoState { detail: why, .. }) => {
                        stretch.again(segment.version, Err(why))
                    }
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
        let made = self.made(candidate, World::Flow).await?;
        let loader = self.loader();
        let hold = loader.load(&made).await?;
        let runs = by_deployment(&self.parts.plugins, journal, opened, made.version, deployment).await;
        drop(hold);
        loader.unload_if_unneeded(made.version).await;
        let runs = runs.map_err(compare_refused)?;
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
        let run = run_again(&self.parts.plugins, stretch, made.version).await;
        drop(hold);
        loader.unload_if_unneeded(made.version).await;
        run.map_err(compare_refused)
    }
}
