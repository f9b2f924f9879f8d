//! The host's voice without a speech engine: prompts are put together from recorded phrases.
//!
//! Text is cut into words (lower case, no punctuation) and matched, from the left, by the longest recorded phrase.
//! A word that no recording has is left out and reported, so that its author learns of it.

mod words;

use cordboard_core::flow::{Prompt, PromptPart};
use cordboard_media::{Clip, ClipError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

include!(concat!(env!("OUT_DIR"), "/recorded_phrases.rs"));

/// The longest phrase that is looked for, in words.
const MAX_PHRASE_WORDS: usize = 16;
/// Words of a prompt that are said; the rest is left out. Some five minutes.
const MAX_WORDS: usize = 512;

/// What a prompt became.
#[derive(Debug)]
pub struct Rendered {
    /// To be played one after the other.
    pub clips: Vec<Arc<Clip>>,
    /// Words and recordings that could not be said.
    pub missing: Vec<String>,
}

/// Every recording there is: those built in, and the tenant's own, which come first.
pub struct PromptLibrary {
    built_in: Shelf,
    own: RwLock<Shelf>,
}

/// A recording, and what is heard in it.
pub struct Recorded {
    /// Its name.
    pub name: String,
    /// The words.
    pub phrase: Option<String>,
    /// The sound.
    pub clip: Arc<Clip>,
    /// Part of the program.
    pub built_in: bool,
}

#[derive(Default)]
struct Shelf {
    by_name: BTreeMap<String, Arc<Clip>>,
    by_phrase: BTreeMap<String, String>,
    /// First word → the longest phrase with it, in words.
    longest: BTreeMap<String, usize>,
}

impl PromptLibrary {
    /// Decodes the recordings that are part of the program.
    ///
    /// # Errors
    /// [`ClipError`] if one of them is broken: a fault of the build.
    pub fn new() -> Result<Self, ClipError> {
        let mut built_in = Shelf::default();
        for (name, phrase, wav) in RECORDED_PHRASES {
            built_in.put(name, Some(phrase), Arc::new(Clip::from_wav_bytes(wav)?));
        }
        Ok(Self { built_in, own: RwLock::default() })
    }

    /// Adds or replaces one of the tenant's own recordings.
    pub fn put(&self, name: &str, phrase: Option<&str>, clip: Arc<Clip>) {
        write(&self.own).put(name, phrase, clip);
    }

    /// Forgets one of the tenant's own recordings.
    pub fn remove(&self, name: &str) {
        write(&self.own).remove(name);
    }

    /// Every recording, the tenant's own in place of those of the same name that are part of the program.
    pub fn all(&self) -> Vec<Recorded> {
        let own = read(&self.own);
        let built_in = self.built_in.recordings(true).filter(|recorded| !own.by_name.contains_key(&recorded.name));
        own.recordings(false).chain(built_in).collect()
    }

    /// What is to be played for a prompt.
    pub fn render(&self, prompt: &Prompt) -> Rendered {
        let mut out = Rendered { clips: Vec::new(), missing: Vec::new() };
        let own = read(&self.own);
        let mut left = MAX_WORDS;
        for part in &prompt.0 {
            let mut said: Vec<String> = Vec::new();
            let mut plain: Vec<&'static str> = Vec::new();
            match part {
                PromptPart::Text(text) => said = words_of(text),
                PromptPart::Recording(name) => match self.recording(&own, name) {
                    Some(clip) => out.clips.push(clip),
                    None => out.missing.push(format!("recording `{name}`")),
                },
                PromptPart::Number(value) => words::number(*value, &mut plain),
                PromptPart::Digits(text) => words::spelled(text, &mut said),
                PromptPart::Money { minor, currency } => words::money(*minor, currency, &mut said),
                PromptPart::Date { month, day, .. } => words::date(*month, *day, &mut plain),
                PromptPart::PauseMs(ms) => out.clips.push(Arc::new(Clip::silence(*ms))),
            }
            said.extend(plain.into_iter().map(String::from));
            if said.len() > left {
                out.missing.push(format!("the words after the first {MAX_WORDS}"));
                said.truncate(left);
            }
            left -= said.len();
            self.say(&own, &said, &mut out);
        }
        out
    }

    /// Runs on the board's task: a word that begins no phrase costs two look-ups and no more.
    fn say(&self, own: &Shelf, mut words: &[String], out: &mut Rendered) {
        while let Some((first, rest)) = words.split_first() {
            let most = own.longest(first).max(self.built_in.longest(first));
            let longest = (1..=words.len().min(most)).rev().find_map(|count| {
                let (phrase, rest) = words.split_at_checked(count)?;
                let phrase = phrase.join(" ");
                Some((own.spoken(&phrase).or_else(|| self.built_in.spoken(&phrase))?, rest))
            });
            words = match longest {
                Some((clip, rest)) => {
                    out.clips.push(clip);
                    rest
                }
                None => {
                    out.missing.push(first.clone());
                    rest
                }
            };
        }
    }

    fn recording(&self, own: &Shelf, name: &str) -> Option<Arc<Clip>> {
        own.by_name.get(name).or_else(|| self.built_in.by_name.get(name)).cloned()
    }
}

impl Shelf {
    fn put(&mut self, name: &str, phrase: Option<&str>, clip: Arc<Clip>) {
        self.remove(name);
        self.by_name.insert(name.into(), clip);
        if let Some(phrase) = phrase {
            self.by_phrase.insert(words_of(phrase).join(" "), name.into());
        }
        self.measure();
    }

    fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
        self.by_phrase.retain(|_, of| of != name);
        self.measure();
    }

    fn measure(&mut self) {
        self.longest.clear();
        for phrase in self.by_phrase.keys() {
            let first = phrase.split(' ').next().unwrap_or_default();
            let words = phrase.split(' ').count().min(MAX_PHRASE_WORDS);
            let longest = self.longest.entry(first.to_owned()).or_default();
            *longest = words.max(*longest);
        }
    }

    fn longest(&self, first: &str) -> usize {
        self.longest.get(first).copied().unwrap_or(0)
    }

    fn recordings(&self, built_in: bool) -> impl Iterator<Item = Recorded> + '_ {
        self.by_name.iter().map(move |(name, clip)| Recorded {
            name: name.clone(),
            phrase: self.by_phrase.iter().find(|(_, of)| *of == name).map(|(phrase, _)| phrase.clone()),
            clip: Arc::clone(clip),
            built_in,
        })
    }

    fn spoken(&self, phrase: &str) -> Option<Arc<Clip>> {
        self.by_phrase.get(phrase).and_then(|name| self.by_name.get(name)).cloned()
    }
}

/// A poisoned lock is taken all the same: a shelf is whole after every step.
fn read(shelf: &RwLock<Shelf>) -> std::sync::RwLockReadGuard<'_, Shelf> {
    shelf.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write(shelf: &RwLock<Shelf>) -> std::sync::RwLockWriteGuard<'_, Shelf> {
    shelf.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Lower case, no punctuation; numbers as words.
fn words_of(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'') {
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        match word.parse::<i64>() {
            Ok(value) => {
                let mut plain = Vec::new();
                words::number(value, &mut plain);
                out.extend(plain.into_iter().map(String::from));
            }
            Err(_) if word.is_empty() => {}
            Err(_) => out.push(word),
        }
    }
    out
}

/// Names of missing words seen so far, so that each is logged once. Bounded: past it nothing is remembered or logged.
#[derive(Default)]
pub(crate) struct Reported(BTreeSet<String>);

impl Reported {
    /// Those that were not reported before, as one text; none if there are none.
    pub(crate) fn fresh(&mut self, missing: Vec<String>) -> Option<String> {
        let fresh: Vec<String> =
            missing.into_iter().filter(|word| self.0.len() < 1_000 && self.0.insert(word.clone())).collect();
        let shown = fresh.iter().take(8).map(|word| word.chars().take(40).collect::<String>());
        (!fresh.is_empty()).then(|| shown.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> PromptLibrary {
        PromptLibrary::new().unwrap()
    }

    fn text(text: &str) -> Prompt {
        Prompt(vec![PromptPart::Text(text.into())])
    }

    #[test]
    fn the_longest_phrase_wins() {
        let library = library();
        let clip = |ms| Arc::new(Clip::silence(ms));
        library.put("a", Some("zyx"), clip(10));
        library.put("ab", Some("zyx wvu"), clip(20));
        library.put("b", Some("wvu"), clip(40));
        let lengths = |prompt: &str| -> Vec<u128> {
            library.render(&text(prompt)).clips.iter().map(|clip| clip.duration().as_millis()).collect()
        };
        assert_eq!(lengths("Zyx, wvu!"), [20]);
        assert_eq!(lengths("zyx zyx wvu wvu"), [10, 20, 40]);
        library.remove("ab");
        assert_eq!(lengths("zyx wvu"), [10, 40]);
    }

    #[test]
    fn what_cannot_be_said_is_told_and_left_out() {
        let rendered = library().render(&Prompt(vec![
            PromptPart::Text("hello qwertyuiop".into()),
            PromptPart::Recording("no-such".into()),
        ]));
        assert_eq!(rendered.clips.len(), 1);
        assert_eq!(rendered.missing, ["qwertyuiop", "recording `no-such`"]);
    }

    #[test]
    fn everything_that_numbers_and_money_need_is_recorded() {
        let library = library();
        let mut parts: Vec<PromptPart> = (0..=130).chain([1_999, 1_000_001]).map(PromptPart::Number).collect();
        parts.push(PromptPart::Digits("0123456789".into()));
        for currency in ["USD", "EUR"] {
            parts.extend([101, 250, 1, 99_999].map(|minor| PromptPart::Money { minor, currency: currency.into() }));
        }
        for month in 1..=12 {
            parts.extend((1..=31).map(|day| PromptPart::Date { year: 2026, month, day }));
        }
        for part in parts {
            assert_eq!(library.render(&Prompt(vec![part.clone()])).missing, [""; 0], "{part:?}");
        }
    }

    #[test]
    fn a_prompt_without_end_is_cut_off() {
        let rendered = library().render(&Prompt(vec![PromptPart::Text("one ".repeat(2_000)), PromptPart::Number(1)]));
        assert_eq!(rendered.clips.len(), MAX_WORDS);
        assert_eq!(rendered.missing.len(), 2, "{:?}", rendered.missing);
    }
}
