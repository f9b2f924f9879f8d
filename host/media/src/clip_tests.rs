use super::{Clip, ClipError};
use crate::codec::Codec;
use crate::tone::{dominant_tone, goertzel};
use proptest::prelude::*;
use std::time::Duration;

fn wav(tag: u16, channels: u16, rate_hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut out = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    out.extend(tag.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate_hz.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out.extend(bits.to_le_bytes());
    // A chunk of odd length in between, with its padding.
    out.extend(b"LIST\x03\0\0\0abc\0data");
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

fn sine(hertz: f64, rate_hz: u32, seconds: f64, amplitude: f64) -> Vec<i16> {
    let step = std::f64::consts::TAU * hertz / f64::from(rate_hz);
    (0..(seconds * f64::from(rate_hz)) as usize).map(|n| ((n as f64 * step).sin() * amplitude) as i16).collect()
}

fn pcm16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[test]
fn a_tone_survives_every_rate() {
    for rate_hz in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
        let bytes = wav(1, 1, rate_hz, 16, &pcm16(&sine(1_000.0, rate_hz, 0.5, 8_000.0)));
        let clip = Clip::from_wav_bytes(&bytes).unwrap();
        let middle = &clip.samples()[400..3_600];
        let found = dominant_tone(middle, 8_000).unwrap();
        assert!((found - 1_000.0).abs() < 3.0, "{rate_hz}: {found}");
        let amplitude = goertzel(middle, 1_000.0, 8_000).sqrt();
        assert!((amplitude / 8_000.0 - 1.0).abs() < 0.02, "{rate_hz}: amplitude {amplitude}");
        assert!(clip.duration().abs_diff(Duration::from_millis(500)) < Duration::from_millis(1), "{rate_hz}");
    }
}

#[test]
fn what_is_above_half_the_rate_is_gone_and_does_not_fold() {
    let bytes = wav(1, 1, 48_000, 16, &pcm16(&sine(5_000.0, 48_000, 0.5, 16_000.0)));
    let clip = Clip::from_wav_bytes(&bytes).unwrap();
    let loudest = clip.samples()[400..3_600].iter().map(|sample| sample.unsigned_abs()).max();
    assert!(loudest < Some(50), "{loudest:?} of 16,000 is left");
}

#[test]
fn stereo_is_mixed_and_eight_bits_are_widened() {
    let clip = Clip::from_wav_bytes(&wav(1, 2, 8_000, 16, &pcm16(&[1_000, 3_000, -4, -6]))).unwrap();
    assert_eq!(clip.samples(), [2_000, -5]);
    let clip = Clip::from_wav_bytes(&wav(1, 1, 8_000, 8, &[128, 255, 0])).unwrap();
    assert_eq!(clip.samples(), [0, 127 * 256, -128 * 256]);
}

#[test]
fn g711_files_are_decoded() {
    for (tag, codec) in [(6, Codec::Pcma), (7, Codec::Pcmu)] {
        let codes: Vec<u8> = (0..=255).collect();
        let clip = Clip::from_wav_bytes(&wav(tag, 1, 8_000, 8, &codes)).unwrap();
        let expected: Vec<i16> = codes.iter().map(|code| codec.decode(*code)).collect();
        assert_eq!(clip.samples(), expected);
    }
}

#[test]
fn what_is_no_prompt_is_refused() {
    let malformed = |bytes: &[u8]| matches!(Clip::from_wav_bytes(bytes), Err(ClipError::Malformed(_)));
    let unsupported = |bytes: &[u8]| matches!(Clip::from_wav_bytes(bytes), Err(ClipError::Unsupported(_)));
    assert!(malformed(b""));
    assert!(malformed(b"RIFF____WAVE"));
    assert!(malformed(b"RIFF____WAVEdata\x02\0\0\0ab"));
    assert!(malformed(b"RIFF____WAVEfmt \x02\0\0\0ab"));
    assert!(unsupported(&wav(3, 1, 8_000, 32, &[0; 8])));
    assert!(unsupported(&wav(1, 1, 8_000, 24, &[0; 6])));
    assert!(unsupported(&wav(1, 0, 8_000, 16, &[0; 6])));
    assert!(unsupported(&wav(1, 1, 200_000, 16, &[0; 6])));
    let long = wav(7, 1, 8_000, 8, &vec![0; 8 * 600_001]);
    assert!(matches!(Clip::from_wav_bytes(&long), Err(ClipError::TooLong)));
}

proptest! {
    #[test]
    fn no_file_panics(mut head in proptest::collection::vec(any::<u8>(), 0..200), valid: bool) {
        if valid {
            let mut bytes = wav(1, 1, 16_000, 16, &head);
            for (at, byte) in head.iter().enumerate().take(8) {
                if let Some(place) = bytes.get_mut(12 + at * 5) {
                    *place ^= *byte & 3;
                }
            }
            head = bytes;
        }
        let _outcome = Clip::from_wav_bytes(&head);
    }
}
