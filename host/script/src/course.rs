//! A conversation measured against its script: what is to be done next, what is waited for, and the first difference.
//!
//! Expectations are met in their order, each by the first moment after the one before that fits it; what nobody expects
//! may happen in between. A flow's failure is the exception: it has to be expected, and so has an end as failed. In a strict
//! script so has everything that is said, asked, looked up, fetched, set, stored, queued or refused.

use crate::fit::Fit;
use crate::language::{At, Case, DAY_MS, Ends, Span, Step};
use crate::moment::{Happened, Moment};
use std::collections::BTreeSet;

/// How long an expectation may take on a real call where the script names no time.
const PATIENCE_MS: u64 = 60_000;

/// How much of a conversation can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// What a centre tells its event stream: no ringing, draws, stored values, requests, logs and refusals. It is in real
    /// time, too: an expectation that names no time has a minute.
    Events,
}

/// The time that `within` gives an expectation.
#[derive(Clone, Copy, Debug)]
struct Bound {
    within: Span,
    /// Since the call came in.
    until_ms: u64,
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
    bound: Option<Bound>,
    /// What must not happen, and the first moment that it holds for.
    never: Vec<(usize, &'c At<Step>)>,
    /// The first moment after the latest step that was done or met.
    here: usize,
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
            bound: None,
            never: Vec::new(),
            here: 0,
            hung_up: false,
            ended: false,
            difference: None,
            unseen: BTreeSet::new(),
        };
        case.never.iter().for_each(|never| course.forbid(never));
        if case.strict && sight == Sight::Events {
            let what = "strict: what is fetched, stored and refused, and that a flow goes on as another";
            course.unseen.insert(what.into());
        }
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
            Some(_) => Next::Wait { until_ms: self.until_ms() },
            None if self.ended => Next::Over,
            None if self.case.ends.is_none() && !self.hung_up => Next::HangUp,
            None => Next::Wait { until_ms: self.until_ms() },
        }
    }

    /// When what is waited for is too late: the next expectation, or after the last one the end.
    fn until_ms(&self) -> u64 {
        let ends = self.case.ends.as_ref().filter(|_| self.at >= self.case.steps.len());
        let named = self.bound.map(|bound| bound.until_ms).or(ends.and_then(|ends| ends.within).map(|span| span.0));
        named.unwrap_or(match self.sight {
            Sight::Whole => DAY_MS,
            Sight::Events => self.since_ms.saturating_add(PATIENCE_MS),
        })
    }

    /// What was next to be done is done.
    pub fn done(&mut self, now_ms: u64) {
        match self.case.steps.get(self.at) {
            Some(step) if step.what.is_deed() => {
                self.hung_up |= step.what == Step::HangsUp;
                self.at += 1;
            }
            // The end of the conversation was sooner.
            Some(_) => return,
            None => self.hung_up = true,
        }
        self.since_ms = now_ms;
        self.here = self.moments.len();
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
        let late = match self.sight {
            Sight::Whole => "a day has passed, and it goes on: the flow doesn't seem to end".to_owned(),
            Sight::Events => format!("nothing of the kind for {}: `within` gives it longer", Span(PATIENCE_MS)),
        };
        match (self.case.steps.get(self.at), self.bound) {
            (Some(step), Some(Bound { within, .. })) => {
                let expected = format!("{} within {within}", step.what);
                self.missed(Some((step.line, step.column)), expected, "it has not happened".into(), &step.what);
            }
            (Some(step), None) => {
                self.missed(Some((step.line, step.column)), step.what.to_string(), late, &step.what);
            }
            (None, _) => {
                let within = self.case.ends.as_ref().and_then(|ends| ends.within);
                let expected = within.map_or("an end".into(), |within| format!("an end within {within}"));
                let got = if within.is_some() { "the conversation goes on".into() } else { late };
                self.differ(None, expected, got, None);
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

    /// What the script says elsewhere isn't so.
    pub fn wrong_at(&mut self, place: (u64, u64), expected: String, got: String) {
        self.differ(Some(place), expected, got, None);
    }

    /// Something else is wrong.
    pub fn wrong(&mut self, got: String) {
        let place = self.case.steps.get(self.at).map(|step| ((step.line, step.column), step.what.to_string()));
        let (place, expected) = place.map_or((None, "an end".into()), |(place, expected)| (Some(place), expected));
        self.differ(place, expected, got, None);
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
                        let until_ms = self.since_ms.saturating_add(span.0);
                        self.bound = Some(Bound { within: *span, until_ms });
                        self.at += 1;
                    }
                    Step::Never(_) => {
                        self.forbid(step);
                        self.at += 1;
                    }
                    deed if deed.is_deed() && !self.ended => return,
                    // Nothing is said any more.
                    Step::Listens => self.at += 1,
                    // A script that says how it ends lets the end cut silence short.
                    Step::Silent(_) if self.case.ends.is_some() => self.at += 1,
                    deed if deed.is_deed() => self.cut_short(step),
                    unseen if self.sight == Sight::Events && is_hidden(unseen) => {
                        self.unseen.insert(format!("{unseen} (line {})", step.line));
                        self.bound = None;
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

    /// From here on this must not happen.
    fn forbid(&mut self, never: &'c At<Step>) {
        let what = forbidden(never);
        if self.sight == Sight::Events && is_hidden(what) {
            self.unseen.insert(format!("never {what} (line {})", never.line));
        } else {
            self.never.push((self.here, never));
        }
    }

    /// The conversation was over before this could be done: for a reason that is worse, perhaps.
    fn cut_short(&mut self, deed: &'c At<Step>) {
        while self.difference.is_none() && self.look(Some(deed)) {}
        let got = "the conversation is over".into();
        self.differ(Some((deed.line, deed.column)), deed.what.to_string(), got, self.moments.len().checked_sub(1));
    }

    /// Whether a `never` speaks of this moment.
    fn is_forbidden(&mut self, number: usize, happened: &Happened) -> bool {
        for (_, never) in self.never.iter().filter(|(from, _)| number >= *from) {
            let what = forbidden(never);
            match what.fits(happened) {
                Fit::Yes => {
                    let place = Some((never.line, never.column));
                    self.differ(place, format!("never {what}"), happened.to_string(), Some(number));
                    return true;
                }
                Fit::Unseen => {
                    self.unseen.insert(format!("all of: never {what} (line {})", never.line));
                }
                Fit::Other | Fit::Unlike => {}
            }
        }
        false
    }

    /// Looks at the next moment. False if there is none.
    fn look(&mut self, expected: Option<&'c At<Step>>) -> bool {
        let Some(moment) = self.moments.get(self.cursor).cloned() else { return false };
        let (number, at_ms) = (self.cursor, moment.at_ms);
        self.cursor += 1;
        if self.is_forbidden(number, &moment.what) {
            return true;
        }
        let fit = expected.map_or(Fit::Other, |step| step.what.fits(&moment.what));
        let (Some(step), Fit::Yes | Fit::Unseen) = (expected, fit) else {
            self.unexpected(expected, &moment.what, number, at_ms);
            return true;
        };
        if let Some(Bound { within, until_ms }) = self.bound.filter(|bound| at_ms > bound.until_ms) {
            let expected = format!("{} within {within}", step.what);
            let got = format!("it happened {} later", Span(at_ms - until_ms));
            self.differ(Some((step.line, step.column)), expected, got, Some(number));
            return true;
        }
        if fit == Fit::Unseen {
            self.unseen.insert(format!("all of: {} (line {})", step.what, step.line));
        }
        self.at += 1;
        // What one step expects of several names it expects within the same time.
        let same = |next: &At<Step>| (next.line, next.column) == (step.line, step.column);
        if !self.case.steps.get(self.at).is_some_and(same) {
            self.bound = None;
        }
        self.since_ms = at_ms;
        self.met = self.cursor;
        self.here = self.cursor;
        true
    }

    /// Something that the next expectation doesn't mean.
    fn unexpected(&mut self, expected: Option<&'c At<Step>>, happened: &Happened, number: usize, at_ms: u64) {
        let place = expected.map(|step| (step.line, step.column));
        let said = || expected.map_or("nothing of the kind".into(), |step| step.what.to_string());
        match happened {
            Happened::Failed { .. } => self.differ(place, said(), happened.to_string(), Some(number)),
            Happened::Ended { reason, .. } => match (expected, &self.case.ends) {
                (Some(step), _) if step.what.is_deed() => {}
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
                (None, None) if matches!(reason.as_str(), "failed" | "refused") => {
                    let expected = "an end that is no failure, where no `ends` says so".into();
                    self.differ(None, expected, happened.to_string(), Some(number));
                }
                (None, None) => {}
            },
            other if self.case.strict && other.counts() && !expected.is_some_and(|step| step.what.is_deed()) => {
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
            | Step::Fetched(_)
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
    if let Some(within) = ends.within.filter(|within| at_ms > within.0) {
        return Some((format!("an end within {within}"), format!("it ended after {}", Span(at_ms))));
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
