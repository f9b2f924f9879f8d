//! A conversation script, played as a real call: the phone is the caller, the centre is as it is.

use super::api::{self, Told};
use super::unseen::Unseen;
use anyhow::{Result, bail};
use cordboard::say;
use cordboard_client::Client;
use cordboard_phone::{CallEnd, Phone, PhoneCall};
use cordboard_script::{Case, Course, Difference, Happened, Moment, Next, Sight, Step, Who};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long it is quiet once nothing is said any more.
pub(super) const QUIET: Duration = Duration::from_millis(700);
/// How long a prompt may last that is listened to.
pub(super) const LISTENS: Duration = Duration::from_secs(120);
/// How long it takes until words are heard that have begun.
pub(super) const BEGINS: Duration = Duration::from_secs(2);
/// Between two keys.
const KEY: Duration = Duration::from_millis(200);
/// How often the call is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long the centre may take to tell of a call, and of its end.
const TELLS_WITHIN: Duration = Duration::from_secs(10);

/// How a call went.
pub(super) struct Played {
    pub(super) moments: Vec<Moment>,
    pub(super) difference: Option<Difference>,
    /// What could not be checked.
    pub(super) unchecked: BTreeSet<String>,
}

/// Calls, and goes along the script: with the centre's events if they can be had, else by what is heard alone.
pub(super) async fn play(phone: &Phone, number: &str, case: &Case, api: Option<&Client>) -> Result<Played> {
    let dials = case.caller.dialled.number.as_deref().unwrap_or_default();
    match api {
        Some(api) => {
            let events = api::events(api).await?;
            let call = phone.dial(dials)?;
            let began = Instant::now();
            let course = Course::new(case, Sight::Events);
            let mut eyes = Eyes { call, began, events, contact: None, course, api, number, undone: BTreeSet::new() };
            eyes.note(Who::Caller, format!("{number} dials {dials}"));
            eyes.run().await?;
            let (moments, difference, mut unchecked) = eyes.course.into_parts();
            unchecked.extend(eyes.undone);
            Ok(Played { moments, difference, unchecked })
        }
        None => Ok(Unseen::new(phone.dial(dials)?, case).run().await),
    }
}

/// A call whose centre tells what happens in it.
struct Eyes<'c> {
    call: PhoneCall,
    began: Instant,
    events: mpsc::Receiver<Told>,
    contact: Option<String>,
    course: Course<'c>,
    api: &'c Client,
    number: &'c str,
    /// What a phone can't do.
    undone: BTreeSet<String>,
}

impl Eyes<'_> {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn note(&mut self, who: Who, text: String) {
        let moment = Moment { at_ms: self.now_ms(), what: Happened::Deed(who, text) };
        self.course.happened(moment);
    }

    async fn run(&mut self) -> Result<()> {
        loop {
            match self.course.next() {
                Next::Over => break,
                Next::HangUp => {
                    self.note(Who::Caller, "hangs up".into());
                    self.call.hang_up();
                    self.course.done(self.now_ms());
                }
                Next::Do(step) => self.deed(step).await?,
                Next::Wait { until_ms } => self.wait(until_ms).await?,
            }
        }
        self.call.hang_up();
        Ok(())
    }

    async fn deed(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Presses(keys) => {
                // Keys need media; to press them sooner than that is to press them at once.
                if !self.call.answered(TELLS_WITHIN).await {
                    self.course.wrong("the call is not answered, so no key can be pressed".into());
                    return Ok(());
                }
                self.note(Who::Caller, step.to_string());
                self.call.press(&keys.0);
                // Done before its consequences.
                self.course.done(self.now_ms());
                let count = u32::try_from(keys.0.len()).unwrap_or(u32::MAX);
                return self.hear_for(KEY.saturating_mul(count)).await;
            }
            Step::Silent(span) => {
                self.note(Who::Caller, step.to_string());
                self.hear_for(Duration::from_millis(span.0)).await?;
            }
            Step::Listens => {
                let (before, began) = (heard(&self.call), Instant::now());
                while !self.is_over() && began.elapsed() < BEGINS && heard(&self.call) == before {
                    self.hear_for(LOOK).await?;
                }
                while !self.is_over() && began.elapsed() < LISTENS && !is_quiet(&self.call) {
                    self.hear_for(LOOK).await?;
                }
            }
            Step::HangsUp => {
                self.note(Who::Caller, "hangs up".into());
                self.call.hang_up();
            }
            other => {
                self.undone.insert(format!("not done by a phone: {other}"));
            }
        }
        self.course.done(self.now_ms());
        Ok(())
    }

    fn is_over(&self) -> bool {
        matches!(self.course.next(), Next::Over)
    }

    /// Takes what the centre tells for so long, or until the conversation is over or differs from the script.
    async fn hear_for(&mut self, length: Duration) -> Result<()> {
        let until = Instant::now() + length;
        while !self.is_over()
            && let Ok(told) = tokio::time::timeout_at(until.into(), self.events.recv()).await
        {
            self.told(told).await?;
        }
        Ok(())
    }

    async fn wait(&mut self, until_ms: u64) -> Result<()> {
        let ended = self.call.ended(Duration::ZERO).await;
        if self.contact.is_none() && self.began.elapsed() > TELLS_WITHIN {
            let why = match &ended {
                Some(CallEnd::Refused { code, reason }) => format!("the call was refused: {code} {reason}"),
                Some(_) | None => "the centre tells of no call from this number".into(),
            };
            self.course.wrong(why);
            return Ok(());
        }
        let limit = if ended.is_some() { TELLS_WITHIN } else { Duration::from_secs(1) };
        match tokio::time::timeout(limit, self.events.recv()).await {
            Ok(told) => self.told(told).await?,
            Err(_) if ended.is_some() => self.course.stuck("the call is over, and the centre tells nothing more of it"),
            Err(_) => {}
        }
        if self.now_ms() > until_ms {
            self.course.passed(self.now_ms());
        }
        Ok(())
    }

    async fn told(&mut self, told: Option<Told>) -> Result<()> {
        let Some(told) = told else { bail!("the centre's events have ended") };
        if self.contact.is_none() && told.is_call_from(self.number) {
            self.contact = Some(told.contact().to_owned());
        }
        let Some(contact) = self.contact.clone().filter(|contact| contact == told.contact()) else { return Ok(()) };
        let Some(mut what) = told.happened() else { return Ok(()) };
        if let Happened::Failed { kind, text } = &what
            && kind == "guest-error"
            && self.call.ended(Duration::ZERO).await.is_some()
        {
            // As in virtual time: nothing steps down for it.
            what = Happened::Note(format!("the flow returns an error, which nobody hears: {text}"));
        }
        if let Happened::Ended { attributes, .. } = &mut what {
            *attributes = api::attributes(self.api, &contact).await;
        }
        let moment = Moment { at_ms: self.now_ms(), what };
        say(cordboard_script::timeline(std::slice::from_ref(&moment)).trim_end());
        self.course.happened(moment);
        Ok(())
    }
}

/// For how long something was heard so far, in milliseconds.
pub(super) fn heard(call: &PhoneCall) -> u64 {
    call.stats().map_or(0, |stats| stats.heard_ms)
}

/// Whether nothing has been heard for a while.
pub(super) fn is_quiet(call: &PhoneCall) -> bool {
    call.stats().is_none_or(|stats| Duration::from_millis(stats.silent_ms) >= QUIET)
}
