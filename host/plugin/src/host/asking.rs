//! Asking versions that answer: scorers, directories, dialers, inspectors. Sending what flows send.

use super::{InUse, Kind, PluginHost};
use crate::dialer::{DialInput, DialerProgram, Lead, NextTry, Proposal};
use crate::error::AskError;
use crate::inspector::{Finding, Inspection, InspectorProgram, Summary, Talk, Turn};
use crate::scorer::{ScoreInput, Scored};
use crate::task::Aborted;
use crate::web::{FetchOrder, Fetcher};
use cordboard_core::flow::{FetchError, FetchResponse, LookupError, Profile};
use cordboard_core::ids::Version;
use cordboard_core::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

impl PluginHost {
    /// Scores agents for contacts. An instance is kept between decisions and made anew when the columns change or
    /// after any failure.
    ///
    /// # Errors
    /// Whatever kept the scorer from giving usable scores; the caller falls back.
    pub async fn score(&self, version: Version, input: ScoreInput) -> Result<Scored, AskError> {
        self.score_on(self.0.runtime(), false, version, input).await
    }

    /// The same on the unhurried threads, for a decision that nobody waits for. To be asked from there, of a version that
    /// serves nobody: live decisions would wait for its instances.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub async fn score_unhurried(&self, version: Version, input: ScoreInput) -> Result<Scored, AskError> {
        self.score_on(self.unhurried(), true, version, input).await
    }

    async fn score_on(
        &self,
        threads: &Handle,
        patient: bool,
        version: Version,
        input: ScoreInput,
    ) -> Result<Scored, AskError> {
        let loaded = self.0.get(version).ok_or(AskError::NotLoaded)?;
        let program = match &loaded.program {
            Kind::Scorer(program) => Arc::clone(program),
            Kind::Flow(_) | Kind::Crm(_) | Kind::Dialer(_) | Kind::Inspector(_) => return Err(AskError::NotLoaded),
        };
        let _use = InUse::new(loaded);
        Box::pin(program.score(threads, patient, input)).await
    }

    /// Looks a person up through a crm version: from its cache, or from the plugin within `timeout` (at most 60 s).
    ///
    /// # Errors
    /// `Timeout`, `Busy` when as many look-ups as may run do, `Unavailable` while the breaker is open.
    pub async fn lookup(
        &self,
        version: Version,
        key_kind: &str,
        key_value: &str,
        timeout: Duration,
    ) -> Result<Option<Profile>, LookupError> {
        let not_loaded = || LookupError::Unavailable("no crm plugin of this version is loaded".into());
        let loaded = self.0.get(version).ok_or_else(not_loaded)?;
        let directory = match &loaded.program {
            Kind::Crm(directory) => Arc::clone(directory),
            Kind::Flow(_) | Kind::Scorer(_) | Kind::Dialer(_) | Kind::Inspector(_) => return Err(not_loaded()),
        };
        let _use = InUse::new(loaded);
        let key = (key_kind.to_owned(), key_value.to_owned());
        Box::pin(directory.lookup(self.0.runtime(), key, timeout)).await
    }

    /// Whether a request of a flow could be sent, but for what is granted: with its configuration, and nothing is sent.
    ///
    /// # Errors
    /// What [`fetch`](Self::fetch) would refuse it with.
    pub fn check_fetch(&self, version: Version, order: FetchOrder) -> Result<(), FetchError> {
        let loaded = self.0.get(version);
        match loaded.as_ref().map(|loaded| &loaded.program) {
            Some(Kind::Flow(program)) if program.fetcher.is_some() => Fetcher::check(&program.config, order),
            Some(Kind::Flow(_) | Kind::Scorer(_) | Kind::Crm(_) | Kind::Dialer(_) | Kind::Inspector(_)) | None => {
                Err(FetchError::Other("no flow of this version is loaded that sends requests".into()))
            }
        }
    }

    /// Sends a request of a flow, under what its version is granted now and with its configuration; whoever waits no
    /// longer ends it. Follows no redirects.
    ///
    /// # Errors
    /// `NotGranted`, and [`refusals`](Self::refusals) tells of it; `Busy` when as many are under way as may be; what else
    /// became of it.
    pub async fn fetch(&self, version: Version, order: FetchOrder) -> Result<FetchResponse, FetchError> {
        let none = || FetchError::Other("no flow of this version is loaded that sends requests".into());
        let loaded = self.0.get(version).ok_or_else(none)?;
        let program = match &loaded.program {
            Kind::Flow(program) if program.fetcher.is_some() => Arc::clone(program),
            Kind::Flow(_) | Kind::Scorer(_) | Kind::Crm(_) | Kind::Dialer(_) | Kind::Inspector(_) => {
                return Err(none());
            }
        };
        let used = InUse::new(loaded);
        let lost =
            if order.request.method.acts() { FetchError::UnknownOutcome } else { FetchError::Other("lost".into()) };
        let task = self.0.runtime().spawn(async move {
            let _used = used;
            match &program.fetcher {
                Some(fetcher) => fetcher.fetch(&program.config, order).await,
                None => Err(FetchError::Other("it sends no requests".into())),
            }
        });
        Aborted(task).await.unwrap_or(Err(lost))
    }

    /// Asks a dialer what to do now. What it says is a proposal, cut to `figures.most`: the caller's rules hold.
    ///
    /// # Errors
    /// Whatever kept the dialer from proposing something usable; the caller paces progressively.
    pub async fn dial(&self, version: Version, input: DialInput) -> Result<Proposal, AskError> {
        let (dialer, _use) = self.dialer(version)?;
        let wall_ms = self.0.settings.asked_deadline_ms;
        Box::pin(dialer.propose(self.0.runtime(), wall_ms, input)).await
    }

    /// Asks a dialer when to call a lead again, whose last attempt is the last of `lead.latest`. `columns` names the
    /// lead's numbers.
    ///
    /// # Errors
    /// Whatever kept the dialer from saying something usable; the caller goes by its own rule for the outcome.
    pub async fn retry(
        &self,
        version: Version,
        columns: Arc<[String]>,
        lead: Lead,
        now: Timestamp,
    ) -> Result<NextTry, AskError> {
        let (dialer, _use) = self.dialer(version)?;
        let wall_ms = self.0.settings.asked_deadline_ms;
        Box::pin(dialer.retry(self.0.runtime(), wall_ms, columns, lead, now)).await
    }

    fn dialer(&self, version: Version) -> Result<(Arc<DialerProgram>, InUse), AskError> {
        let loaded = self.0.get(version).ok_or(AskError::NotLoaded)?;
        let program = match &loaded.program {
            Kind::Dialer(program) => Arc::clone(program),
            Kind::Flow(_) | Kind::Scorer(_) | Kind::Crm(_) | Kind::Inspector(_) => return Err(AskError::NotLoaded),
        };
        Ok((program, InUse::new(loaded)))
    }

    /// Has an inspector read the last turns of a talk in progress; those from number `first_new` on are new.
    ///
    /// # Errors
    /// Whatever kept the inspector from saying something usable; the talk goes on without.
    pub async fn inspect(
        &self,
        version: Version,
        talk: Talk,
        turns: Vec<Turn>,
        first_new: u32,
    ) -> Result<Inspection, AskError> {
        let (inspector, _use) = self.inspector(version)?;
        let wall_ms = self.0.settings.asked_deadline_ms;
        Box::pin(inspector.inspect(self.0.runtime(), wall_ms, talk, turns, first_new)).await
    }

    /// Has an inspector sum up a talk that is over, with the findings told during it.
    ///
    /// # Errors
    /// Whatever kept the inspector from saying something usable.
    pub async fn summarise(
        &self,
        version: Version,
        talk: Talk,
        turns: Vec<Turn>,
        told: Vec<Finding>,
    ) -> Result<Summary, AskError> {
        let (inspector, _use) = self.inspector(version)?;
        let wall_ms = self.0.settings.summary_deadline_ms;
        Box::pin(inspector.summarise(self.0.runtime(), wall_ms, talk, turns, told)).await
    }

    fn inspector(&self, version: Version) -> Result<(Arc<InspectorProgram>, InUse), AskError> {
        let loaded = self.0.get(version).ok_or(AskError::NotLoaded)?;
        let program = match &loaded.program {
            Kind::Inspector(program) => Arc::clone(program),
            Kind::Flow(_) | Kind::Scorer(_) | Kind::Crm(_) | Kind::Dialer(_) => return Err(AskError::NotLoaded),
        };
        Ok((program, InUse::new(loaded)))
    }
}
