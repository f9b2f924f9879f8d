//! One contact, gone through closely watched: what time travel shows.

use super::{CompareError, flows, rehearse, start};
use cordboard_admin::{RunAgain, Went};
use cordboard_core::ids::{DeploymentName, Version};
use cordboard_core::journal::{Journal, Opened, Segment};
use cordboard_core::replay::{self, Verdict};
use cordboard_plugin::{PluginHost, Rehearsed};
use std::sync::Arc;

/// A flow of a contact, as far as it is gone through.
pub(crate) struct Stretch<'j> {
    pub(crate) number: u32,
    pub(crate) opened: &'j Opened,
    pub(crate) flow: &'j Journal,
    pub(crate) segment: &'j Segment,
    /// Entries from its beginning.
    pub(crate) entries: usize,
}

impl Stretch<'_> {
    /// How it went with this version.
    pub(crate) fn again(&self, version: Version, went: Result<Went, String>) -> RunAgain {
        let deployment = self.segment.deployment.clone();
        RunAgain { flow: self.number, deployment, version, entries: self.entries as u64, went }
    }
}

/// Lets a loaded version go through it.
pub(crate) async fn run_again(
    plugins: &PluginHost,
    stretch: &Stretch<'_>,
    version: Version,
) -> Result<RunAgain, CompareError> {
    let start = start(stretch.opened, stretch.flow, stretch.segment, stretch.entries);
    let past = Arc::clone(&start.past);
    let Some(Rehearsed { result, reached, substituted, seen }) = rehearse(plugins, version, start, true).await? else {
        return Ok(stretch.again(version, Err("it took too long".into())));
    };
    let verdict = replay::verdict(&past, result, reached, seen.unlike.as_ref());
    Ok(stretch.again(version, Ok(Went { reached, substituted, verdict, seen })))
}

/// Lets a loaded version go through a contact's flows of a deployment, up to the first that it doesn't agree with (journal rule
/// 19). None of them: none ran.
pub(crate) async fn by_deployment(
    plugins: &PluginHost,
    journal: &Journal,
    opened: &Opened,
    version: Version,
    deployment: &DeploymentName,
) -> Result<Vec<RunAgain>, CompareError> {
    let mut runs = Vec::new();
    for (number, flow) in flows(journal) {
        let Some(segment) = flow.segments.last().filter(|last| last.deployment == *deployment) else { continue };
        let stretch = Stretch { number, opened, flow, segment, entries: flow.entries.len() };
        let run = run_again(plugins, &stretch, version).await?;
        let agreed = matches!(&run.went, Ok(Went { verdict: Verdict::Agreed { .. }, .. }));
        runs.push(run);
        if !agreed {
            break;
        }
    }
    Ok(runs)
}
