//! Prompts: decoded once when loaded, so that playing one is copying.

use crate::codec::{Codec, SAMPLE_RATE_HZ};
use crate::resample::resample;
use crate::riff::{self, Encoding};
use std::f32::consts::TAU;
use std::path::Path;
use std::time::Duration;

/// The largest WAV file taken, in bytes.
pub const MAX_WAV_BYTES: u64 = 64 << 20;
/// The longest clip, in milliseconds.
pub const MAX_CLIP_MS: u32 = 600_000;

/// Why a WAV file can't be a clip.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The file can't be read.
    #[error("the file can't be read")]
    Read(#[from] std::io::Error),
    /// More than [`MAX_WAV_BYTES`] or [`MAX_CLIP_MS`].
    #[error("the clip is longer than {MAX_CLIP_MS} ms or larger than {MAX_WAV_BYTES} bytes")]
    TooLong,
    /// It isn't RIFF/WAVE, or it is cut off before its sound.
    #[error("this is no WAV file: {0}")]
    Malformed(&'static str),
    /// A WAV file of a kind we don't play.
    #[error("a WAV file of this kind isn't supported: {0}")]
    Unsupported(&'static str),
}

/// A piece of sound: 8 kHz, mono, 16 bit.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    samples: Box<[i16]>,
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clip").field("duration", &self.duration()).finish()
    }
}

impl Clip {
    /// These samples, 8,000 a second.
    pub fn from_samples(samples: Vec<i16>) -> Self {
        Self { samples: samples.into() }
    }

    /// A WAV file: PCM of 8 or 16 bits, or G.711; 8 to 96 kHz; up to 8 channels, which are mixed.
    ///
    /// # Errors
    /// [`ClipError`]
    pub fn from_wav(path: impl AsRef<Path>) -> Result<Self, ClipError> {
        let path = path.as_ref();
        if std::fs::metadata(path)?.len() > MAX_WAV_BYTES {
            return Err(ClipError::TooLong);
        }
        Self::from_wav_bytes(&std::fs::read(path)?)
    }

    /// As [`Clip::from_wav`], from memory.
    ///
    /// # Errors
    /// [`ClipError`], but never [`ClipError::Read`].
    pub fn from_wav_bytes(bytes: &[u8]) -> Result<Self, ClipError> {
        if bytes.len() as u64 > MAX_WAV_BYTES {
            return Err(ClipError::TooLong);
        }
        let wav = riff::parse(bytes)?;
        let frame_bytes = wav.encoding.bytes() * usize::from(wav.channels);
        let frames = wav.data.len() / frame_bytes.max(1);
        if frames as u64 * 1_000 > u64::from(MAX_CLIP_MS) * u64::from(wav.rate_hz) {
            return Err(ClipError::TooLong);
        }
        let mono: Vec<i16> = wav.data.chunks_exact(frame_bytes).map(|frame| mixed(frame, wav.encoding)).collect();
        Ok(Self::from_samples(resample(mono, wav.rate_hz, SAMPLE_RATE_HZ)))
    }

    /// A sine of this amplitude (of 32,767); at most [`MAX_CLIP_MS`].
    pub fn tone(hertz: f32, ms: u32, amplitude: i16) -> Self {
        let step = TAU * hertz / SAMPLE_RATE_HZ as f32;
        // The phase is kept small: a large one loses its fraction.
        let mut phase = 0.0_f32;
        let samples = (0..samples_of(ms)).map(|_| {
            let sample = phase.sin() * f32::from(amplitude);
            phase = (phase + step) % TAU;
            sample as i16
        });
        Self { samples: samples.collect() }
    }

    /// Silence; at most [`MAX_CLIP_MS`].
    pub fn silence(ms: u32) -> Self {
        Self::from_samples(vec![0; samples_of(ms)])
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.samples.len() as u64 * 1_000_000 / u64::from(SAMPLE_RATE_HZ))
    }

    /// Its samples, 8,000 a second.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }
}

fn samples_of(ms: u32) -> usize {
    (ms.min(MAX_CLIP_MS) * (SAMPLE_RATE_HZ / 1_000)) as usize
}

fn mixed(frame: &[u8], encoding: Encoding) -> i16 {
    let sum: i32 = frame.chunks_exact(encoding.bytes()).map(|bytes| i32::from(sample(bytes, encoding))).sum();
    (sum / (frame.len() / encoding.bytes()).max(1) as i32) as i16
}

fn sample(bytes: &[u8], encoding: Encoding) -> i16 {
    match (encoding, bytes) {
        (Encoding::Pcm8, [byte]) => (i16::from(*byte) - 128) * 256,
        (Encoding::Pcm16, [low, high]) => i16::from_le_bytes([*low, *high]),
        (Encoding::Alaw, [code]) => Codec::Pcma.decode(*code),
        (Encoding::Ulaw, [code]) => Codec::Pcmu.decode(*code),
        (Encoding::Pcm8 | Encoding::Pcm16 | Encoding::Alaw | Encoding::Ulaw, _) => 0,
    }
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
