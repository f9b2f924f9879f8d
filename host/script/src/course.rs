//! A conversation measured against its script: what is to be done next, what is waited for, and the first difference.
//!
//! Expectations are met in their order, each by the first moment after the one before that fits it; what nobody expects
//! may happen in between. A flow's failure is the exception: it has to be expected. In a strict script so has everything
//! that is said, asked, looked up, set, stored, queued or refused.

use crate::fit::Fit;
use crate::language::{At, Case, DAY_MS, Ends, Span, Step};
use crate::moment::{Happened, Moment};
use std::collections::BTreeSet;

/// How much of a conversation can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// What a centre tells its event stream: no ringing, draws, stored values, logs and refusals.
    Events,
}

/// Moments kept of one conversation. A flow that calls as often as it may makes some 10,000.
const MAX_MOMENTS: usize = 50_000;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next<'c> {
    /// Somebody does something; [`Course::done`] when it is.
    Do(&'c Step),
    /// The caller hangs up, since the script has no more to say; [`Course::done`] when it is.
    HangUp,
    /// Something is waited for, at the latest until this time.
    Wait {
        /// Since the call came in.
        until_ms: u64,
    },
    /// The conversation is over, or a difference was found.
    Over,
}

/// The first thing that isn't as the script says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where the script says it; none: it says nothing of it.
    pub place: Option<(u64, u64)>,
    /// What it says, in words.
    pub expected: String,
    /// What is so instead, in words.
    pub got: String,
    /// The moment that is different, by its number; none: nothing happened where something should.
    pub moment: Option<usize>,
}

/// The way through a script.
#[derive(Debug)]
pub struct Course<'c> {
    case: &'c Case,
    sight: Sight,
    /// The step that is next.
    at: usize,
    moments: Vec<Moment>,
    /// The first moment that no expectation has looked at.
    cursor: usize,
    /// The moment that met the latest expectation, and one more.
    met: usize,
    /// When the latest step was done or met.
    since_ms: u64,
    /// The next expectation is met by then.
    until_ms: Option<u64>,
    never: Vec<&'c At<Step>>,
    hung_up: bool,
    ended: bool,
    difference: Option<Difference>,
    unseen: BTreeSet<String>,
}

impl<'c> Course<'c> {
    /// At the beginning of a script.
    pub fn new(case: &'c Case, sight: Sight) -> Self {
        let mut course = Self {
            case,
            sight,
            at: 0,
            moments: Vec::new(),
            cursor: 0,
            met: 0,
            since_ms: 0,
            until_ms: None,
            never: case.never.iter().collect(),
            hung_up: false,
            ended: false,
            difference: None,
            unseen: BTreeSet::new(),
        };
        course.advance();
        course
    }

    /// What comes next.
    pub fn next(&self) -> Next<'c> {
        if self.difference.is_some() {
            return Next::Over;
        }
        match self.case.steps.get(self.at) {
            Some(step) if step.what.is_deed() => Next::Do(&step.what),
            Some(_) => Next::Wait { until_ms: self.until_ms.unwrap_or(DAY_MS) },
            None if self.ended => Next::Over,
            None => match &self.case.ends {
                Some(ends) => Next::Wait { until_ms: ends.within.0 },
                None if self.hung_up => Next::Wait { until_ms: DAY_MS },
                None => Next::HangUp,
            },
        }
    }

    /// What was next to be done is done.
    pub fn done(&mut self, now_ms: u64) {
        if self.case.steps.get(self.at).is_some() {
            self.at += 1;
        } else {
            self.hung_up = true;
        }
        self.since_ms = now_ms;
        self.advance();
    }

    /// Something happened.
    pub fn happened(&mut self, moment: Moment) {
        if self.moments.len() >= MAX_MOMENTS {
            let got = format!("more than {MAX_MOMENTS} things happened: the flow seems to go round in circles");
            self.differ(None, "an end".into(), got, None);
            return;
        }
        self.ended |= matches!(moment.what, Happened::Ended { .. });
        self.moments.push(moment);
        self.advance();
    }

    /// Time has passed: what was waited for may have come too late.
    pub fn passed(&mut self, now_ms: u64) {
        let Next::Wait { until_ms } = self.next() else { return };
        if now_ms <= until_ms {
            return;
        }
        match self.case.steps.get(self.at) {
            Some(step) if self.until_ms.is_some() => {
                let within = Span(until_ms.saturating_sub(self.since_ms));
                let expected = format!("{} within {within}", step.what);
                self.missed(Some((step.line, step.column)), expected, "it has not happened".into(), &step.what);
            }
            Some(step) => {
                let got = "a day has passed, and it goes on: the flow doesn't seem to end".into();
                self.missed(Some((step.line, step.column)), step.what.to_string(), got, &step.what);
            }
            None => {
                let expected = format!("an end within {}", Span(until_ms));
                self.differ(None, expected, "the conversation goes on".into(), None);
            }
        }
    }

    /// Nothing will happen any more.
    pub fn stuck(&mut self, why: &str) {
        match self.case.steps.get(self.at) {
            Some(step) => self.missed(Some((step.line, step.column)), step.what.to_string(), why.into(), &step.what),
            None => self.differ(None, "an end".into(), why.into(), None),
        }
    }

    /// Something else is wrong.
    pub fn wrong(&mut self, got: String) {
        let place = self.case.steps.get(self.at).map(|step| ((step.line, step.column), step.what.to_string()));
        let (place, expected) = place.map_or((None, "an end".into()), |(place, expected)| (Some(place), expected));
        self.differ(place, expected, got, None);
    }

    /// What happened, in order.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The first difference, if there is one.
    pub const fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }

    /// What happened, the first difference, and what could not be checked for want of sight.
    pub fn into_parts(self) -> (Vec<Moment>, Option<Difference>, BTreeSet<String>) {
        (self.moments, self.difference, self.unseen)
    }

    fn differ(&mut self, place: Option<(u64, u64)>, expected: String, got: String, moment: Option<usize>) {
        if self.difference.is_none() {
            self.difference = Some(Difference { place, expected, got, moment });
        }
    }

    /// An expectation that nothing met: the first thing of its kind since the one before is what differs.
    fn missed(&mut self, place: Option<(u64, u64)>, expected: String, got: String, step: &Step) {
        let since = self.moments.iter().enumerate().skip(self.met);
        let unlike = since.into_iter().find(|(_, moment)| step.fits(&moment.what) == Fit::Unlike);
        let (got, moment) = match unlike {
            Some((at, moment)) => (moment.what.to_string(), Some(at)),
            None => (got, self.moments.len().checked_sub(1).filter(|_| self.ended)),
        };
        self.differ(place, expected, got, moment);
    }

    /// Goes along what happened as far as it can be told.
    fn advance(&mut self) {
        while self.difference.is_none() {
            let case = self.case;
            match case.steps.get(self.at) {
                Some(step) => match &step.what {
                    Step::Within(span) => {
                        self.until_ms = Some(self.since_ms.saturating_add(span.0));
                        self.at += 1;
                    }
                    Step::Never(_) => {
                        self.never.push(step);
                        self.at += 1;
                    }
                    deed if deed.is_deed() => {
                        let passive = matches!(deed, Step::Silent(_) | Step::Listens);
                        if self.ended && passive {
                            self.at += 1;
                        } else if self.ended {
                            let got = "the conversation is over".into();
                            self.differ(Some((step.line, step.column)), deed.to_string(), got, self.last());
                        } else {
                            return;
                        }
                    }
                    unseen if self.sight == Sight::Events && is_hidden(unseen) => {
                        self.unseen.insert(format!("{unseen} (line {})", step.line));
                        self.until_ms = None;
                        self.at += 1;
                    }
                    _ if !self.look(Some(step)) => return,
                    _ => {}
                },
                None if !self.look(None) => return,
                None => {}
            }
        }
    }

    fn last(&self) -> Option<usize> {
        self.moments.len().checked_sub(1)
    }

    /// Looks at the next moment. False if there is none.
    fn look(&mut self, expected: Option<&'c At<Step>>) -> bool {
        let Some(moment) = self.moments.get(self.cursor) else { return false };
        let (number, at_ms) = (self.cursor, moment.at_ms);
        self.cursor += 1;
        if let Some(never) = self.never.iter().find(|never| matches!(forbidden(never).fits(&moment.what), Fit::Yes)) {
            let (place, text) = ((never.line, never.column), format!("never {}", forbidden(never)));
            let got = moment.what.to_string();
            self.differ(Some(place), text, got, Some(number));
            return true;
        }
        let fit = expected.map_or(Fit::Other, |step| step.what.fits(&moment.what));
        if let (Some(step), Fit::Yes | Fit::Unseen) = (expected, fit) {
            if let Some(until_ms) = self.until_ms.filter(|until_ms| at_ms > *until_ms) {
                let within = Span(until_ms.saturating_sub(self.since_ms));
                let expected = format!("{} within {within}", step.what);
                let got = format!("it happened {} later", Span(at_ms - until_ms));
                self.differ(Some((step.line, step.column)), expected, got, Some(number));
                return true;
            }
            if fit == Fit::Unseen {
                self.unseen.insert(format!("all of: {} (line {})", step.what, step.line));
            }
            self.at += 1;
            self.until_ms = None;
            self.since_ms = at_ms;
            self.met = self.cursor;
            return true;
        }
        let happened = moment.what.clone();
        self.unexpected(expected, &happened, number, at_ms);
        true
    }

    /// Something that the next expectation doesn't mean.
    fn unexpected(&mut self, expected: Option<&'c At<Step>>, happened: &Happened, number: usize, at_ms: u64) {
        let place = expected.map(|step| (step.line, step.column));
        let said = || expected.map_or("nothing of the kind".into(), |step| step.what.to_string());
        match happened {
            Happened::Failed { .. } => self.differ(place, said(), happened.to_string(), Some(number)),
            Happened::Ended { .. } => match (expected, &self.case.ends) {
                (Some(step), _) => self.missed(place, step.what.to_string(), happened.to_string(), &step.what),
                (None, Some(ends)) => {
                    if let Some((expected, got)) = unlike(ends, happened, at_ms) {
                        self.differ(None, expected, got, Some(number));
                    }
                    if let Happened::Ended { attributes: None, .. } = happened
                        && !ends.attributes.is_empty()
                    {
                        self.unseen.insert("the attributes at the end".into());
                    }
                }
                (None, None) => {}
            },
            other if self.case.strict && other.counts() => {
                self.differ(place, format!("{} (the script is strict)", said()), other.to_string(), Some(number));
            }
            _ => {}
        }
    }
}

fn forbidden(never: &At<Step>) -> &Step {
    match &never.what {
        Step::Never(inner) => inner,
        other => other,
    }
}

/// What a centre doesn't tell its event stream.
const fn is_hidden(step: &Step) -> bool {
    matches!(
        step,
        Step::Rings
            | Step::Drew(_)
            | Step::Stored(_)
            | Step::Removed(_)
            | Step::Loaded(_)
            | Step::Logs(_)
            | Step::Refused(_)
            | Step::ContinuesAs(_)
    )
}

/// What of an end is not as it should be: what should be, and what is.
fn unlike(ends: &Ends, happened: &Happened, at_ms: u64) -> Option<(String, String)> {
    let Happened::Ended { reason, detail, attributes } = happened else { return None };
    if let Some(wanted) = ends.reason.as_ref().filter(|wanted| !wanted.fits(reason)) {
        return Some((format!("ends: {wanted}"), happened.to_string()));
    }
    let said = detail.as_deref().unwrap_or_default();
    if let Some(wanted) = ends.detail.as_ref().filter(|wanted| !wanted.fit(said)) {
        return Some((format!("ends with {wanted}"), happened.to_string()));
    }
    if at_ms > ends.within.0 {
        return Some((format!("an end within {}", ends.within), format!("it ended after {}", Span(at_ms))));
    }
    let attributes = attributes.as_ref()?;
    ends.attributes.iter().find_map(|(name, wanted)| {
        let got = attributes.iter().find(|(there, _)| there == name).map(|(_, value)| value.as_str());
        let fits = got.is_some_and(|got| wanted.fits(got));
        (!fits).then(|| {
            let got = got.map_or_else(|| format!("attribute {name} is not set"), |got| format!("{name} = {got}"));
            (format!("{name} = {wanted} at the end"), got)
        })
    })
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
