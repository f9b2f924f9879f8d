//! What is said and asked: `say`, `ask`, `start-playing`, and the keys that answer.

use super::Board;
use super::ask::{Ask, Step, for_journal};
use super::contact::{Contact, Driver, Line, Parked, Sound};
use super::out::Out;
use super::timers::Timer;
use crate::event::What;
use crate::flow::{Answer, Prompt, PromptPart, Question, Reply, TypeAhead};
use crate::ids::ContactId;
use crate::record::ChoiceMade;

/// Something to be said once the person is connected.
#[derive(Clone, Debug)]
pub(super) enum Speech {
    /// `say`
    Say(Prompt),
    /// `start-playing`
    Play {
        /// What.
        prompt: Prompt,
        /// Again and again.
        repeat: bool,
    },
    /// `ask`
    Ask(Box<Question>),
}

impl Contact {
    /// Says it, having answered if nothing did (journal rule 21).
    pub(super) fn speak(&mut self, out: &mut Out, entry: u64, speech: Speech) {
        self.park(out, entry, Parked::Speech(speech), None);
        match self.line {
            Line::Offered => self.pick_up(out),
            Line::Answering | Line::Gone => {}
            Line::Up => self.speak_on(out),
        }
    }

    /// Says what waited for the connection.
    pub(super) fn speak_on(&mut self, out: &mut Out) {
        if !matches!(self.parked(), Some(Parked::Speech(_))) {
            return;
        }
        let Some(pending) = self.run_mut().and_then(|run| run.pending.take()) else { return };
        let Parked::Speech(speech) = pending.call else { return };
        match speech {
            Speech::Say(prompt) => {
                self.tell(out, What::Said { text: words(&prompt) });
                self.park(out, pending.entry, Parked::Say, Some(longest_ms(&prompt)));
                self.play(out, Sound::Speech, prompt, false);
            }
            Speech::Play { prompt, repeat } => {
                self.tell(out, What::Said { text: words(&prompt) });
                self.play(out, Sound::Background, prompt, repeat);
                self.answer(out, pending.entry, Reply::Done);
            }
            Speech::Ask(question) => self.ask(out, pending.entry, *question),
        }
    }

    fn ask(&mut self, out: &mut Out, entry: u64, question: Question) {
        self.tell(out, What::Asked { question: question.id.clone(), text: words(&question.prompt) });
        match question.type_ahead {
            TypeAhead::Keep => {}
            TypeAhead::Flush => self.keys.clear(),
        }
        let prompt = question.prompt.clone();
        let mut ask = Ask::new(question);
        let mut step = ask.open();
        while let Step::Open { .. } = step
            && let Some(key) = self.keys.pop_front()
        {
            if !ask.question().secret {
                self.tell(out, What::Pressed { key });
            }
            step = ask.key(key);
        }
        match step {
            Step::Answered(answer) => {
                self.park(out, entry, Parked::Ask(Box::new(ask)), None);
                self.answered(out, answer);
            }
            Step::Open { timeout_ms } => {
                let begun = ask.begun();
                let timeout_ms = timeout_ms.map_or_else(|| longest_ms(&prompt), u64::from);
                self.park(out, entry, Parked::Ask(Box::new(ask)), Some(timeout_ms));
                if begun {
                    self.hush(out);
                } else {
                    self.play(out, Sound::Speech, prompt, false);
                }
            }
        }
    }

    /// The question that is open was answered.
    pub(super) fn answered(&mut self, out: &mut Out, answer: Answer) {
        let Some(Parked::Ask(ask)) = self.parked() else { return };
        let question = ask.question();
        let (id, told) = (question.id.clone(), question.for_people(&answer));
        let kept = for_journal(question, &answer);
        if matches!(self.sound, Some((_, Sound::Speech))) {
            self.hush(out);
        }
        self.tell(out, What::Chose { question: id.clone(), answer: told.clone() });
        self.keep_choice(ChoiceMade { at: out.now, question: id, answer: told });
        self.reply_kept(out, Reply::Answer(answer), Reply::Answer(kept), None);
    }

    /// A key: it answers the open question, or is kept for the next. While agent and person talk, it is theirs. It is
    /// told once a question takes it, and only if that isn't secret (journal rule 20): what was typed ahead may be a PIN.
    pub(super) fn pressed(&mut self, out: &mut Out, key: char) {
        if self.talking() {
            return;
        }
        if matches!(self.parked(), Some(Parked::Ask(ask)) if !ask.question().secret) {
            self.tell(out, What::Pressed { key });
        }
        let pending = self.run_mut().and_then(|run| run.pending.as_mut());
        let Some(Parked::Ask(ask)) = pending.map(|pending| &mut pending.call) else {
            if matches!(self.driver, Driver::Flow(_)) {
                self.keep_key(key);
            }
            return;
        };
        match ask.key(key) {
            Step::Answered(answer) => self.answered(out, answer),
            Step::Open { timeout_ms } => {
                if matches!(self.sound, Some((_, Sound::Speech))) {
                    self.hush(out);
                }
                self.key_time(out, timeout_ms);
            }
        }
    }

    fn key_time(&self, out: &mut Out, timeout_ms: Option<u32>) {
        if let Some(ms) = timeout_ms {
            out.timers.set(Timer::Call(self.id), out.now.plus_ms(ms.into()));
        }
    }

    /// The prompt that the flow waits for should have ended long ago: nobody is left in silence for want of its end.
    pub(super) fn prompt_lost(&mut self, out: &mut Out) {
        self.hush(out);
        self.prompt_ended(out);
    }

    /// The prompt that the flow waits for has ended.
    fn prompt_ended(&mut self, out: &mut Out) {
        let pending = self.run_mut().and_then(|run| run.pending.as_mut());
        match pending.map(|pending| &mut pending.call) {
            Some(Parked::Say) => self.reply(out, Reply::Done),
            Some(Parked::Ask(ask)) => {
                if let Step::Open { timeout_ms } = ask.prompt_ended() {
                    self.key_time(out, timeout_ms);
                }
            }
            Some(
                Parked::Durable { .. }
                | Parked::Answer
                | Parked::Speech(_)
                | Parked::Pause
                | Parked::Lookup { .. }
                | Parked::Value { .. }
                | Parked::Fetch { .. }
                | Parked::Wait { .. },
            )
            | None => {}
        }
    }
}

impl Board {
    /// What played to the person has ended by itself.
    pub(super) fn sound_ended(&mut self, id: ContactId, sound: Sound) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        match (sound, &contact.driver) {
            (Sound::Speech, Driver::Flow(_)) => contact.prompt_ended(&mut self.out),
            (Sound::Speech, Driver::Safe(stage)) => {
                let stage = *stage;
                self.safe_spoken(id, stage);
            }
            (Sound::Announcement, _) => self.treat(id),
            // Music that ends by itself can't be played: once is enough.
            (Sound::Speech, Driver::Over) | (Sound::Background | Sound::Music, _) => {}
        }
    }
}

/// A prompt that lasts longer has lost its end. Any single recording is shorter, which is 10 minutes at most.
const LONGEST_MS: u64 = 660_000;

/// How long a prompt may last: more than any does.
fn longest_ms(prompt: &Prompt) -> u64 {
    let part = |part: &PromptPart| match part {
        PromptPart::Recording(_) => 600_000,
        // Slower than anybody speaks.
        PromptPart::Text(text) => 150 * text.len() as u64,
        PromptPart::Digits(digits) => 2_000 * digits.len() as u64,
        PromptPart::PauseMs(ms) => u64::from(*ms),
        PromptPart::Number(_) | PromptPart::Money { .. } | PromptPart::Date { .. } => 30_000,
    };
    LONGEST_MS.max(60_000 + prompt.0.iter().map(part).sum::<u64>())
}

/// A prompt in words, for people to read.
pub(super) fn words(prompt: &Prompt) -> String {
    let part = |part: &PromptPart| match part {
        PromptPart::Text(text) => Some(text.clone()),
        PromptPart::Recording(name) => Some(format!("[{name}]")),
        PromptPart::Number(number) => Some(number.to_string()),
        PromptPart::Digits(digits) => Some(digits.chars().map(String::from).collect::<Vec<_>>().join(" ")),
        PromptPart::Money { minor, currency } => {
            let (sign, minor) = (if *minor < 0 { "-" } else { "" }, minor.unsigned_abs());
            Some(format!("{sign}{}.{:02} {currency}", minor / 100, minor % 100))
        }
        PromptPart::Date { year, month, day } => Some(format!("{year:04}-{month:02}-{day:02}")),
        PromptPart::PauseMs(_) => None,
    };
    prompt.0.iter().filter_map(part).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_read_as_they_sound() {
        let prompt = Prompt(vec![
            PromptPart::Text("Your balance is".into()),
            PromptPart::Money { minor: -1205, currency: "EUR".into() },
            PromptPart::PauseMs(300),
            PromptPart::Date { year: 2026, month: 3, day: 9 },
            PromptPart::Digits("12".into()),
            PromptPart::Number(7),
            PromptPart::Recording("jingle".into()),
        ]);
        assert_eq!(words(&prompt), "Your balance is -12.05 EUR 2026-03-09 1 2 7 [jingle]");
    }
}
