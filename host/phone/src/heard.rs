//! Looking at what was heard.

use cordboard_media::tone::dominant_tone;

const RATE_HZ: u32 = 8_000;
/// A tone shorter than this isn't found for sure, in samples: 200 ms.
const TONE_SAMPLES: usize = 1_600;
/// A louder sample than this is sound.
const LOUD: u16 = 200;

/// Whether there is a tone of that frequency (within 15 hertz) for 200 ms or more. Samples come 8,000 a second.
pub fn has_tone(samples: &[i16], hertz: f32) -> bool {
    // Windows of half of it: one of them lies within the tone.
    samples
        .windows(TONE_SAMPLES / 2)
        .step_by(TONE_SAMPLES / 4)
        .filter(|window| dominant_tone(window, RATE_HZ).is_some_and(|found| (found - hertz).abs() <= 15.0))
        .nth(1)
        .is_some()
}

/// The longest time in milliseconds without sound between the first and the last sound. Samples come 8,000 a second.
pub fn longest_silence(samples: &[i16]) -> u64 {
    let mut loud = samples.iter().enumerate().filter(|(_, sample)| sample.unsigned_abs() > LOUD).map(|(at, _)| at);
    let Some(mut before) = loud.next() else { return 0 };
    let mut longest = 0;
    for at in loud {
        longest = longest.max(at - before);
        before = at;
    }
    longest as u64 * 1_000 / u64::from(RATE_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_media::Clip;

    fn joined(clips: &[Clip]) -> Vec<i16> {
        clips.iter().flat_map(|clip| clip.samples().iter().copied()).collect()
    }

    #[test]
    fn a_tone_among_others_is_found() {
        let samples = joined(&[Clip::silence(330), Clip::tone(440.0, 250, 8_000), Clip::tone(900.0, 100, 8_000)]);
        assert!(has_tone(&samples, 440.0));
        assert!(!has_tone(&samples, 480.0));
        assert!(!has_tone(&samples, 900.0), "too short");
        assert!(!has_tone(&[], 440.0));
    }

    #[test]
    fn silence_at_the_ends_does_not_count() {
        let tone = || Clip::tone(440.0, 200, 8_000);
        let samples = joined(&[Clip::silence(900), tone(), Clip::silence(300), tone(), Clip::silence(700)]);
        let longest = longest_silence(&samples);
        assert!((295..=305).contains(&longest), "{longest}");
        assert_eq!(longest_silence(Clip::silence(500).samples()), 0);
    }
}
