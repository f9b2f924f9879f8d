//! What is in a recording.

use crate::centre::tried;
use anyhow::{Context as _, Result, ensure};
use cordboard_media::tone::goertzel;
use std::path::Path;
use std::time::Duration;

/// Of all recordings.
const RATE_HZ: u32 = 8_000;
/// What a judgement is made of: 50 ms.
const WINDOW: usize = 400;
/// A mean square below it is silence: -46 dBm0 or so.
const SILENCE: f32 = 22_500.0;

/// Reads a recording as soon as it is whole and `fits` accepts it: a writer of its own finishes it after the call.
///
/// # Errors
/// There is none in time, or what `fits` said of it last.
pub fn recorded<T>(path: &Path, mut fits: impl FnMut(&[i16]) -> Result<T>) -> Result<T> {
    tried(Duration::from_secs(15), || fits(&read(path)?)).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Vec<i16>> {
    let mut reader = hound::WavReader::open(path)?;
    ensure!(reader.spec().sample_rate == RATE_HZ && reader.spec().channels == 1, "not 8 kHz mono");
    Ok(reader.samples::<i16>().collect::<Result<_, _>>()?)
}

/// The part of a recording between two times from its beginning.
pub fn window(samples: &[i16], from: Duration, to: Duration) -> &[i16] {
    let at = |time: Duration| usize::try_from(time.as_millis() * 8).unwrap_or(usize::MAX).min(samples.len());
    samples.get(at(from)..at(to).max(at(from))).unwrap_or_default()
}

/// For how long a tone of this frequency holds at least half of the energy, in milliseconds.
pub fn tone_ms(samples: &[i16], hertz: f32) -> u32 {
    // A sine of amplitude A has the energy A² and the mean square A²/2.
    judged(samples, |window, mean| mean > SILENCE && goertzel(window, hertz, RATE_HZ) >= mean)
}

/// For how long there is any sound, in milliseconds.
pub fn sound_ms(samples: &[i16]) -> u32 {
    judged(samples, |_, mean| mean > SILENCE)
}

fn judged(samples: &[i16], holds: impl Fn(&[i16], f32) -> bool) -> u32 {
    let mean = |window: &[i16]| window.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / WINDOW as f32;
    let windows = samples.chunks_exact(WINDOW).filter(|window| holds(window, mean(window))).count();
    u32::try_from(windows * 50).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_media::Clip;

    #[test]
    fn tones_are_told_apart_and_silence_is_none() {
        let mut samples = Clip::tone(440.0, 1_000, 8_000).samples().to_vec();
        samples.extend_from_slice(Clip::silence(1_000).samples());
        samples.extend_from_slice(Clip::tone(950.0, 500, 8_000).samples());
        assert_eq!((tone_ms(&samples, 440.0), tone_ms(&samples, 950.0), sound_ms(&samples)), (1_000, 500, 1_500));
        assert_eq!(tone_ms(&samples, 700.0), 0);
        let ms = Duration::from_millis;
        assert_eq!(sound_ms(window(&samples, ms(1_000), ms(2_000))), 0);
        assert_eq!(window(&samples, ms(2_400), ms(9_000)).len(), 800);
        assert!(window(&samples, ms(9_000), ms(1_000)).is_empty());
    }
}
