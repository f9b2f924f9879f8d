//! {{name}}: finds promises that agents may not make, and people who are angry.

use cordboard_sdk::config;
use cordboard_sdk::inspector::*;

const PROMISE: &str = "forbidden-promise";

struct {{Name}} {
    /// In lower case.
    promises: Vec<String>,
}
cordboard_sdk::inspector!({{Name}});

impl Inspector for {{Name}} {
    fn configure(_offered: &[String]) -> Result<(Self, Selection), ConfigureError> {
        let promises = config::get_or("promises", "guarantee,no risk,always refund");
        let promises = promises.split(',').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let rule = Rule { id: PROMISE.into(), title: "The agent made a promise that nobody may make".into() };
        let selection = Selection {
            attributes: vec![],
            rules: vec![rule],
            emotions: vec!["anger".into()],
            parts: vec!["promises".into()],
        };
        Ok((Self { promises: promises.collect() }, selection))
    }

    fn inspect(&self, _talk: &Talk, turns: &[Turn], first_new: u32) -> Result<Inspection, InspectError> {
        let new: Vec<&Turn> = turns.iter().filter(|turn| turn.index >= first_new).collect();
        let findings = new.iter().filter_map(|turn| self.promise(turn)).take(64).collect();
        let emotions = anger(&new).map(|anger| Emotion { speaker: Speaker::Person, numbers: vec![anger] });
        Ok(Inspection { findings, emotions: emotions.into_iter().collect() })
    }

    fn summarise(&self, _talk: &Talk, turns: &[Turn], _told: &[Finding]) -> Result<Summary, InspectError> {
        let findings: Vec<Finding> = turns.iter().filter_map(|turn| self.promise(turn)).take(256).collect();
        let score = 100.0 - (findings.len() as f32 * 25.0).min(100.0);
        Ok(Summary { parts: vec![Some(score)], review: !findings.is_empty(), findings, text: None })
    }
}

impl {{Name}} {
    fn promise(&self, turn: &Turn) -> Option<Finding> {
        if !matches!(turn.speaker, Speaker::Agent) {
            return None;
        }
        // Lower case of ASCII alone keeps every character at its place.
        let span = Turn { text: turn.text.to_ascii_lowercase(), ..turn.clone() };
        let span = self.promises.iter().find_map(|promise| span.find(promise))?;
        let finding = Finding::new(PROMISE, Severity::Serious, turn).at(span);
        Some(finding.prompting("Say what is certain, and no more."))
    }
}

/// Angry people raise their voice; where there is no voice, they write in capitals. None: nothing was said.
fn anger(turns: &[&Turn]) -> Option<f32> {
    let said = turns.iter().filter(|turn| matches!(turn.speaker, Speaker::Person));
    let one = |turn: &&&Turn| match &turn.voice {
        Some(voice) => ((voice.loudness_db + 30.0) / 30.0).clamp(0.0, 1.0),
        None => {
            let letters = turn.text.chars().filter(|c| c.is_alphabetic());
            let capitals = letters.clone().filter(|c| c.is_uppercase()).count();
            capitals as f32 / letters.count().max(1) as f32
        }
    };
    said.map(|turn| one(&turn)).reduce(f32::max)
}
