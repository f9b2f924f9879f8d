//! A conversation script played by ear alone: that something is said can be heard, but not what.

use super::conversation::{BEGINS, LISTENS, Played, QUIET, heard, is_quiet};
use cordboard_phone::{CallEnd, CallState, PhoneCall};
use cordboard_script::{At, Case, Difference, Happened, Moment, Span, Step, Who};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long an answer, or words, may be waited for where the script names no time.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// A call of whose inside nothing is known.
pub(super) struct Unseen<'c> {
    call: PhoneCall,
    case: &'c Case,
    began: Instant,
    /// Something was said, and it has not been waited for its end.
    listening: bool,
    within: Option<Duration>,
    moments: Vec<Moment>,
    unchecked: BTreeSet<String>,
}

type Held = Result<(), (String, String)>;

impl<'c> Unseen<'c> {
    pub(super) fn new(call: PhoneCall, case: &'c Case) -> Self {
        Self {
            call,
            case,
            began: Instant::now(),
            listening: false,
            within: None,
            moments: Vec::new(),
            unchecked: BTreeSet::new(),
        }
    }

    fn note(&mut self, text: String) {
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moments.push(Moment { at_ms, what: Happened::Deed(Who::Caller, text) });
    }

    pub(super) async fn run(mut self) -> Played {
        let mut difference = None;
        let never = self.case.never.iter().map(|never| format!("never {} (line {})", never.what, never.line));
        self.unchecked.extend(never);
        if self.case.strict {
            self.unchecked.insert("strict: that nothing else happens".into());
        }
        for step in &self.case.steps {
            if let Err((expected, got)) = self.step(step).await {
                difference = Some(Difference { place: Some((step.line, step.column)), expected, got, moment: None });
                break;
            }
        }
        if difference.is_none() {
            difference =
                self.end().await.err().map(|(expected, got)| Difference { place: None, expected, got, moment: None });
        }
        self.call.hang_up();
        Played { moments: self.moments, difference, unchecked: self.unchecked }
    }

    async fn step(&mut self, at: &At<Step>) -> Held {
        let step = &at.what;
        let patience = self.within.unwrap_or(PATIENCE);
        match step {
            Step::Within(span) => {
                self.within = Some(Duration::from_millis(span.0));
                return Ok(());
            }
            Step::Answered => self.answered(step, patience).await?,
            Step::Hears(_) | Step::Asked(_) => {
                self.unchecked.insert(format!("the words of: {step} (line {})", at.line));
                self.hears(step, patience).await?;
            }
            Step::Presses(keys) => {
                self.answered(step, PATIENCE).await?;
                self.listen().await;
                self.live(step)?;
                self.note(step.to_string());
                self.call.press(&keys.0);
                let count = u32::try_from(keys.0.len()).unwrap_or(u32::MAX);
                tokio::time::sleep(Duration::from_millis(200).saturating_mul(count)).await;
            }
            Step::Silent(span) => {
                self.note(step.to_string());
                let over = self.call.ended(Duration::from_millis(span.0)).await.is_some();
                if over && self.case.ends.is_none() {
                    self.live(step)?;
                }
                self.listening = false;
            }
            Step::Listens => {
                let (before, began) = (heard(&self.call), Instant::now());
                while !self.listening && began.elapsed() < BEGINS && self.live(step).is_ok() {
                    tokio::time::sleep(LOOK).await;
                    self.listening = heard(&self.call) > before;
                }
                self.listen().await;
            }
            Step::HangsUp => {
                self.live(step)?;
                self.note(step.to_string());
                self.call.hang_up();
            }
            other if other.is_deed() => {
                self.unchecked.insert(format!("not done by a phone: {other}"));
            }
            other => {
                self.unchecked.insert(format!("{other} (line {})", at.line));
            }
        }
        self.within = None;
        Ok(())
    }

    fn live(&self, step: &Step) -> Held {
        match self.call.state() {
            CallState::Ended(end) => Err((step.to_string(), format!("the call is over: {end:?}"))),
            CallState::Ringing | CallState::Answered => Ok(()),
        }
    }

    async fn answered(&mut self, step: &Step, limit: Duration) -> Held {
        let before = self.call.state();
        if self.call.answered(limit).await {
            if before == CallState::Ringing {
                self.note("is answered".into());
            }
            return Ok(());
        }
        self.live(step)?;
        Err((step.to_string(), "the call is not answered".into()))
    }

    /// Something is said. What follows at once can't be told apart from it.
    async fn hears(&mut self, step: &Step, limit: Duration) -> Held {
        self.answered(step, limit).await?;
        if self.listening {
            return Ok(());
        }
        let until = Instant::now() + limit;
        let before = heard(&self.call);
        while Instant::now() < until {
            if heard(&self.call) > before {
                self.note("hears something".into());
                self.listening = true;
                return Ok(());
            }
            self.live(step)?;
            tokio::time::sleep(LOOK).await;
        }
        Err((
            step.to_string(),
            format!("nothing was heard for {}", Span(u64::try_from(limit.as_millis()).unwrap_or(0))),
        ))
    }

    /// Until what is being said has ended.
    async fn listen(&mut self) {
        if !std::mem::take(&mut self.listening) {
            return;
        }
        tokio::time::sleep(QUIET).await;
        let until = Instant::now() + LISTENS;
        while Instant::now() < until && !is_quiet(&self.call) && matches!(self.call.state(), CallState::Answered) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// With an end in the script the call ends as it says, as far as that can be heard; else the phone hangs up.
    async fn end(&mut self) -> Held {
        let Some(ends) = &self.case.ends else {
            self.listen().await;
            self.note("hangs up".into());
            self.call.hang_up();
            return Ok(());
        };
        self.unchecked.insert("why it ends, and the attributes at the end".into());
        let within = ends.within.map(|within| Duration::from_millis(within.0).saturating_sub(self.began.elapsed()));
        let left = within.unwrap_or(PATIENCE);
        match self.call.ended(left).await {
            Some(CallEnd::Broken(why)) => Err(("an end".into(), format!("the call broke: {why}"))),
            Some(end) => {
                let how = match end {
                    CallEnd::Refused { code, reason } => format!("is refused: {code} {reason}"),
                    CallEnd::RemoteHungUp => "hears the other side hang up".into(),
                    CallEnd::HungUp | CallEnd::Cancelled | CallEnd::Broken(_) => return Ok(()),
                };
                self.note(how);
                Ok(())
            }
            None => {
                let named = ends.within.map(|within| format!(" within {within}"));
                Err((format!("an end{}", named.unwrap_or_default()), "the call goes on".into()))
            }
        }
    }
}
