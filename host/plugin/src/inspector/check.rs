//! Whether what an inspector is asked, and what it says, is within the contract's bounds. Pure.

use super::{Finding, InspectRule, Inspection, Severity, Summary, Talk, Turn};
use crate::asked::{MAX_COLUMNS, Picked};
use crate::bindings::inspector_0_1_0::{emotion, finding, rule, types};
use crate::error::AskError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bounds of the turns handed over: how many, and the bytes of their text together.
pub(super) const LIVE: (usize, usize) = (64, 64 << 10);
pub(super) const WHOLE: (usize, usize) = (4096, 1 << 20);
const MAX_TURN_BYTES: usize = 8 << 10;
const MAX_ATTRIBUTES: usize = 64;
const MAX_RULES: usize = 256;
const MAX_EMOTIONS: usize = 16;
const MAX_PARTS: usize = 32;
const MAX_NAME_BYTES: usize = 64;
const MAX_TITLE_BYTES: usize = 128;
const MAX_FINDINGS_LIVE: usize = 64;
const MAX_FINDINGS: usize = 256;
const MAX_SPEAKERS: usize = 16;
const MAX_NOTE_BYTES: usize = 1 << 10;
const MAX_SUMMARY_BYTES: usize = 4 << 10;

/// Whether the input is within its bounds.
pub(super) fn input(talk: &Talk, turns: &[Turn], (most, bytes): (usize, usize)) -> Result<(), AskError> {
    let wrong = |text: &str| Err(AskError::Input(text.into()));
    if talk.offered.len() > MAX_COLUMNS || talk.attributes.len() != talk.offered.len() {
        return wrong("more than 256 attributes, or not as many as were offered");
    }
    if turns.len() > most || turns.iter().map(|turn| turn.text.len()).sum::<usize>() > bytes {
        return wrong("more turns or text than may be handed over at once");
    }
    if turns.iter().any(|turn| turn.text.len() > MAX_TURN_BYTES) {
        return wrong("a turn of more than 8 KiB");
    }
    if turns.windows(2).any(|pair| matches!(pair, [a, b] if a.index.checked_add(1) != Some(b.index))) {
        return wrong("turns aren't numbered without gaps");
    }
    Ok(())
}

fn sound(name: &str, max: usize) -> bool {
    !name.is_empty() && name.len() <= max && !name.contains(char::is_control)
}

/// Which attributes it wants to see.
pub(super) fn attributes(offered: &[String], wanted: &[String]) -> Result<Picked, String> {
    if wanted.len() > MAX_ATTRIBUTES {
        return Err("it selects more than 64 attributes".into());
    }
    Picked::new(offered, wanted)
}

/// What an inspector said that it would tell.
pub(super) struct Agreed {
    rules: Arc<[InspectRule]>,
    rule_ids: BTreeSet<String>,
    emotions: Arc<[String]>,
    parts: Vec<String>,
}

impl Agreed {
    pub(super) fn new(selection: types::Selection) -> Result<Self, String> {
        if selection.rules.len() > MAX_RULES {
            return Err("it has more than 256 rules".into());
        }
        let mut rule_ids = BTreeSet::new();
        for rule in &selection.rules {
            if !sound(&rule.id, MAX_NAME_BYTES) || !sound(&rule.title, MAX_TITLE_BYTES) {
                return Err("a rule's id isn't of 1 to 64 bytes, or its title of 1 to 128".into());
            }
            if !rule_ids.insert(rule.id.clone()) {
                return Err(format!("two rules have the id `{}`", rule.id));
            }
        }
        let named = |names: &[String]| names.iter().all(|name| sound(name, MAX_NAME_BYTES));
        if selection.emotions.len() > MAX_EMOTIONS || !named(&selection.emotions) {
            return Err("it names more than 16 emotions, or one that isn't of 1 to 64 bytes".into());
        }
        if selection.parts.len() > MAX_PARTS || !named(&selection.parts) {
            return Err("it names more than 32 parts, or one that isn't of 1 to 64 bytes".into());
        }
        Ok(Self {
            rules: selection.rules.into_iter().map(rule).collect(),
            rule_ids,
            emotions: selection.emotions.into(),
            parts: selection.parts,
        })
    }

    pub(super) fn inspection(&self, said: types::Inspection, turns: &[Turn]) -> Result<Inspection, AskError> {
        let findings = self.findings(said.findings, MAX_FINDINGS_LIVE, turns)?;
        if said.emotions.len() > MAX_SPEAKERS {
            return Err(AskError::Contract("more than 16 emotions".into()));
        }
        let emotions: Vec<_> = said.emotions.into_iter().map(emotion).collect();
        let speakers: BTreeSet<_> = emotions.iter().map(|emotion| &emotion.speaker).collect();
        if speakers.len() != emotions.len() {
            return Err(AskError::Contract("two emotions of one speaker".into()));
        }
        for emotion in &emotions {
            if let super::Speaker::Other(who) = &emotion.speaker
                && !sound(who, MAX_NAME_BYTES)
            {
                return Err(AskError::Contract("a speaker's name isn't of 1 to 64 bytes".into()));
            }
            let (expected, got) = (self.emotions.len(), emotion.numbers.len());
            if expected != got {
                return Err(AskError::WrongCount { what: "emotions", expected, got });
            }
            emotion.numbers.iter().try_for_each(|number| within("emotion", *number, -1.0, 1.0))?;
        }
        Ok(Inspection { findings, emotion_names: Arc::clone(&self.emotions), emotions })
    }

    pub(super) fn summary(&self, said: types::Summary, turns: &[Turn]) -> Result<Summary, AskError> {
        let (expected, got) = (self.parts.len(), said.parts.len());
        if expected != got {
            return Err(AskError::WrongCount { what: "parts", expected, got });
        }
        said.parts.iter().flatten().try_for_each(|number| within("part", *number, 0.0, 100.0))?;
        text(said.text.as_deref(), MAX_SUMMARY_BYTES)?;
        Ok(Summary {
            findings: self.findings(said.findings, MAX_FINDINGS, turns)?,
            parts: self.parts.iter().cloned().zip(said.parts).collect(),
            rules: Arc::clone(&self.rules),
            review: said.review,
            text: said.text,
        })
    }

    fn findings(&self, said: Vec<types::Finding>, most: usize, turns: &[Turn]) -> Result<Vec<Finding>, AskError> {
        if said.len() > most {
            return Err(AskError::Contract(format!("{} findings, at most {most} are taken", said.len())));
        }
        let findings: Vec<Finding> = said.into_iter().map(finding).collect();
        findings.iter().try_for_each(|finding| self.finding(finding, turns))?;
        Ok(findings)
    }

    fn finding(&self, finding: &Finding, turns: &[Turn]) -> Result<(), AskError> {
        let wrong = |text: String| Err(AskError::Contract(text));
        if !self.rule_ids.contains(&finding.rule) {
            return wrong(format!("it has no rule `{}`", crate::guest::shortened(&finding.rule, MAX_NAME_BYTES)));
        }
        let Some(turn) = turns.iter().find(|turn| turn.index == finding.turn) else {
            return wrong(format!("turn {} was not given", finding.turn));
        };
        if let Some((start, end)) = finding.span {
            let covered = turn.text.get(start as usize..end as usize);
            if covered.is_none_or(str::is_empty) {
                return wrong(format!("{start} to {end} is no part of turn {}'s text", turn.index));
            }
        }
        if let Severity::Other(name) = &finding.severity
            && !sound(name, MAX_NAME_BYTES)
        {
            return wrong("a severity's name isn't of 1 to 64 bytes".into());
        }
        text(finding.note.as_deref(), MAX_NOTE_BYTES)?;
        text(finding.prompt.as_deref(), MAX_NOTE_BYTES)?;
        within("confidence", finding.confidence, 0.0, 1.0)
    }
}

fn within(what: &'static str, number: f32, min: f32, max: f32) -> Result<(), AskError> {
    if !number.is_finite() {
        return Err(AskError::NotFinite(what));
    }
    if (min..=max).contains(&number) {
        Ok(())
    } else {
        Err(AskError::Contract(format!("a {what} is {number}, not within {min} to {max}")))
    }
}

/// A text for people: short, without control characters other than line ends.
fn text(text: Option<&str>, max: usize) -> Result<(), AskError> {
    let Some(text) = text else { return Ok(()) };
    if text.len() > max || text.contains(|c: char| c.is_control() && c != '\n') {
        return Err(AskError::Contract(format!("a text is over {max} bytes, or has control characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Speaker;
    use super::*;
    use cordboard_core::ids::ContactId;

    fn turn(index: u32, text: &str) -> Turn {
        let text = text.into();
        Turn { index, speaker: Speaker::Person, began_ms: 0, ended_ms: 1, text, confidence: None, voice: None }
    }

    fn agreed() -> Agreed {
        Agreed::new(types::Selection {
            attributes: vec![],
            rules: vec![types::Rule { id: "promise".into(), title: "A broken promise".into() }],
            emotions: vec!["anger".into()],
            parts: vec!["politeness".into()],
        })
        .unwrap()
    }

    fn found() -> types::Finding {
        types::Finding {
            rule: "promise".into(),
            severity: types::Severity::Serious,
            turn: 4,
            span: Some(types::Span { start: 0, end: 3 }),
            confidence: 0.9,
            note: None,
            prompt: Some("Apologise.\nCall back.".into()),
        }
    }

    #[test]
    fn findings_are_about_the_turns_given_and_the_rules_named() {
        let turns = [turn(3, "hello"), turn(4, "née Dupont")];
        let told = |finding| agreed().findings(vec![finding], 1, &turns);
        assert_eq!(told(found()).unwrap()[0].span, Some((0, 3)));
        let span = |start, end| Some(types::Span { start, end });
        for (what, finding) in [
            ("rule", types::Finding { rule: "other".into(), ..found() }),
            ("turn", types::Finding { turn: 5, ..found() }),
            ("beyond", types::Finding { span: span(0, 99), ..found() }),
            ("backwards", types::Finding { span: span(3, 1), ..found() }),
            ("empty", types::Finding { span: span(1, 1), ..found() }),
            ("between characters", types::Finding { span: span(0, 2), ..found() }),
            ("confidence", types::Finding { confidence: 1.1, ..found() }),
            ("not finite", types::Finding { confidence: f32::NAN, ..found() }),
            ("note", types::Finding { note: Some("x".repeat(1025)), ..found() }),
            ("control", types::Finding { prompt: Some("\u{1b}[2J".into()), ..found() }),
            ("severity", types::Finding { severity: types::Severity::Other(String::new()), ..found() }),
        ] {
            assert!(told(finding).is_err(), "{what}");
        }
        assert!(agreed().findings(vec![found(), found()], 1, &turns).is_err(), "too many");
    }

    #[test]
    fn emotions_are_numbers_of_those_who_speak() {
        let inspect = |emotions: Vec<(types::Speaker, Vec<f32>)>| {
            let emotions = emotions.into_iter().map(|(speaker, numbers)| types::Emotion { speaker, numbers }).collect();
            agreed().inspection(types::Inspection { findings: vec![], emotions }, &[])
        };
        let person = || types::Speaker::Person;
        assert_eq!(inspect(vec![(person(), vec![-0.5])]).unwrap().emotions[0].numbers, [-0.5]);
        assert!(matches!(inspect(vec![(person(), vec![])]), Err(AskError::WrongCount { .. })));
        assert!(matches!(inspect(vec![(person(), vec![1.5])]), Err(AskError::Contract(_))));
        assert_eq!(inspect(vec![(person(), vec![f32::INFINITY])]), Err(AskError::NotFinite("emotion")));
        assert!(inspect(vec![(person(), vec![0.0]), (person(), vec![0.1])]).is_err());
        assert!(inspect(vec![(types::Speaker::Other(String::new()), vec![0.0])]).is_err());
    }

    #[test]
    fn a_summary_has_a_number_for_each_part() {
        let sum = |parts: Vec<Option<f32>>, text: &str| {
            agreed().summary(types::Summary { parts, findings: vec![], review: true, text: Some(text.into()) }, &[])
        };
        assert_eq!(sum(vec![Some(80.0)], "a bill").unwrap().parts, [("politeness".to_owned(), Some(80.0))]);
        assert!(sum(vec![None], "").is_ok());
        assert!(sum(vec![], "").is_err() && sum(vec![Some(101.0)], "").is_err());
        assert!(sum(vec![None], &"x".repeat(4097)).is_err());
    }

    #[test]
    fn what_cannot_be_agreed_on_and_an_input_out_of_bounds() {
        let rules = |ids: &[&str]| {
            let rules = ids.iter().map(|id| types::Rule { id: (*id).into(), title: "x".into() }).collect();
            Agreed::new(types::Selection { attributes: vec![], rules, emotions: vec![], parts: vec![] }).is_ok()
        };
        assert!(rules(&["a", "b"]) && !rules(&["a", "a"]) && !rules(&[""]));
        let talk = Talk {
            offered: Arc::from([]),
            contact: ContactId(1),
            language: None,
            queue: None,
            agent: None,
            attributes: vec![],
        };
        assert!(input(&talk, &[turn(0, "a"), turn(1, "b")], LIVE).is_ok());
        assert!(input(&talk, &[turn(0, "a"), turn(2, "b")], LIVE).is_err());
        assert!(input(&talk, &[turn(0, &"x".repeat(8193))], LIVE).is_err());
        assert!(input(&talk, &vec![turn(0, ""); 65], LIVE).is_err());
        assert!(input(&Talk { attributes: vec![None], ..talk }, &[], LIVE).is_err());
    }
}
