//! What a phone does in a call, step by step, as text: one step a line or between `;`. A comment is a line that begins
//! with `#`, or what follows a `#` between blanks (`#` alone is a key).
//!
//! ```text
//! answered 5s           # wait until the other side answers, at most so long
//! heard 10s             # wait until something is heard
//! quiet 700ms 20s       # wait until it has been quiet for so long, at most 20 s
//! hear-tone 440 5s      # wait until a tone of so many hertz is heard (needs recordings), at most so long
//! press 1               # keys: 0-9 * # A-D
//! tone 440 2s           # a tone in hertz, for so long
//! play hello.wav        # a WAV file, to its end
//! wait 2s
//! hang-up
//! ended 20s             # wait until the other side hangs up
//! ```

use std::path::PathBuf;
use std::time::Duration;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Until the call is answered, at most so long.
    Answered(Duration),
    /// Until something is heard, at most so long.
    Heard(Duration),
    /// Until nothing has been heard for the first time, at most the second.
    Quiet(Duration, Duration),
    /// Until a tone in hertz is heard, at most so long. Needs recordings.
    HearTone(f32, Duration),
    /// Keys, as RFC 4733 events.
    Press(String),
    /// A tone in hertz, for so long.
    Tone(f32, Duration),
    /// A WAV file, to its end.
    Play(PathBuf),
    /// Nothing, for so long.
    Wait(Duration),
    /// End the call.
    HangUp,
    /// Until the other side ends the call, at most so long.
    Ended(Duration),
}

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// The longest time a step may take.
const MAX_STEP: Duration = Duration::from_secs(3_600);

/// Reads a script; `;` separates steps as a new line does.
///
/// # Errors
/// [`ScriptError`], for the first line that is no step.
pub fn parse(text: &str) -> Result<Vec<Step>, ScriptError> {
    let mut steps = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let steps_text = if line.trim_start().starts_with('#') { "" } else { line };
        let steps_text = steps_text.split_once(" # ").map_or(steps_text, |(before, _)| before);
        for step in steps_text.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            steps.push(parse_step(step).map_err(|reason| ScriptError { line: at + 1, reason })?);
        }
    }
    Ok(steps)
}

fn parse_step(text: &str) -> Result<Step, String> {
    let mut words = text.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    match (verb, rest.as_slice()) {
        ("answered", [limit]) => Ok(Step::Answered(duration(limit)?)),
        ("heard", [limit]) => Ok(Step::Heard(duration(limit)?)),
        ("quiet", [quiet, limit]) => Ok(Step::Quiet(duration(quiet)?, duration(limit)?)),
        ("press", [keys]) if keys.chars().all(|key| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')) => {
            Ok(Step::Press((*keys).into()))
        }
        ("press", _) => Err("`press` takes keys: 0-9 * # A-D".into()),
        ("tone", [hertz, length]) => Ok(Step::Tone(frequency(hertz)?, duration(length)?)),
        ("hear-tone", [hertz, limit]) => Ok(Step::HearTone(frequency(hertz)?, duration(limit)?)),
        ("play", [file]) => Ok(Step::Play(file.into())),
        ("wait", [length]) => Ok(Step::Wait(duration(length)?)),
        ("hang-up", []) => Ok(Step::HangUp),
        ("ended", [limit]) => Ok(Step::Ended(duration(limit)?)),
        ("answered" | "heard" | "hear-tone" | "tone" | "play" | "wait" | "hang-up" | "ended" | "quiet", _) => {
            Err(format!("`{text}`: wrong number of words for `{verb}`"))
        }
        _ => Err(format!(
            "`{verb}` is no step: answered, heard, hear-tone, quiet, press, tone, play, wait, hang-up and ended are"
        )),
    }
}

fn frequency(text: &str) -> Result<f32, String> {
    let hertz = text.parse::<f32>().ok().filter(|hertz| (50.0..=3_800.0).contains(hertz));
    hertz.ok_or_else(|| format!("`{text}` is no frequency of 50 to 3800 hertz"))
}

/// `700ms`, `2s`, `1.5s`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time such as 700ms or 2s");
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        _ => return Err(wrong()),
    };
    let length = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if length > MAX_STEP { Err(format!("`{text}` is longer than an hour")) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read() {
        let text = "# hello\nanswered 5s  # at most\n\nheard 10s; quiet 700ms 20s; hear-tone 425 2s\npress 1#\ntone 440 1.5s\nplay a.wav\nwait 2s\nhang-up\nended 20s\n";
        let ms = Duration::from_millis;
        assert_eq!(
            parse(text).unwrap(),
            [
                Step::Answered(ms(5_000)),
                Step::Heard(ms(10_000)),
                Step::Quiet(ms(700), ms(20_000)),
                Step::HearTone(425.0, ms(2_000)),
                Step::Press("1#".into()),
                Step::Tone(440.0, ms(1_500)),
                Step::Play("a.wav".into()),
                Step::Wait(ms(2_000)),
                Step::HangUp,
                Step::Ended(ms(20_000)),
            ]
        );
    }

    #[test]
    fn a_wrong_step_is_named_with_its_line() {
        for (text, line, part) in [
            ("wait 2s\njump", 2, "`jump` is no step"),
            ("wait two", 1, "`two` is no time"),
            ("wait -1s", 1, "is no time"),
            ("wait 2h", 1, "is no time"),
            ("wait 3601s", 1, "longer than an hour"),
            ("press 1E", 1, "`press` takes keys"),
            ("tone loud 2s", 1, "no frequency"),
            ("hear-tone 20 2s", 1, "no frequency"),
            ("quiet 2s", 1, "wrong number of words"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.reason.contains(part), "{text}: {}", error.reason);
        }
    }
}
