//! G.711 (ITU-T G.711), without tables or allocation: what runs per sample must stay in registers.

/// Samples a second of everything in this room.
pub(crate) const SAMPLE_RATE_HZ: u32 = 8_000;
/// Samples in a frame of 20 ms.
pub(crate) const FRAME_SAMPLES: usize = 160;
/// 20 ms of sound.
pub(crate) type Frame = [i16; FRAME_SAMPLES];
/// 20 ms of silence.
pub(crate) const SILENCE: Frame = [0; FRAME_SAMPLES];

/// An audio codec we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// µ-law, payload type 0.
    Pcmu,
    /// A-law, payload type 8.
    Pcma,
}

impl Codec {
    /// The static payload type (RFC 3551 §6).
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The encoding name in SDP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// One sample as its code.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => ulaw_encode(sample),
            Self::Pcma => alaw_encode(sample),
        }
    }

    /// One code as its sample.
    pub fn decode(self, code: u8) -> i16 {
        match self {
            Self::Pcmu => ulaw_decode(code),
            Self::Pcma => alaw_decode(code),
        }
    }
}

fn ulaw_encode(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = u32::from(sample.unsigned_abs()).min(32_635) + 132;
    // The bias puts the highest bit between 7 and 14, which is the segment.
    let segment = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | mantissa as u8)
}

fn ulaw_decode(code: u8) -> i16 {
    let code = !code;
    let magnitude = (((i32::from(code & 0x0f)) << 3) + 132) << ((code & 0x70) >> 4);
    (if code & 0x80 == 0 { magnitude - 132 } else { 132 - magnitude }) as i16
}

fn alaw_encode(sample: i16) -> u8 {
    let value = sample >> 3;
    let (mask, magnitude) = if value >= 0 { (0xd5, value) } else { (0x55, -value - 1) };
    let magnitude = magnitude as u16;
    let segment = if magnitude < 0x20 { 0 } else { 11 - magnitude.leading_zeros() };
    let shift = segment.max(1);
    let code = (segment << 4) as u8 | ((magnitude >> shift) & 0x0f) as u8;
    code ^ mask
}

fn alaw_decode(code: u8) -> i16 {
    let code = code ^ 0x55;
    let base = i32::from(code & 0x0f) << 4;
    let magnitude = match (code & 0x70) >> 4 {
        0 => base + 8,
        segment => (base + 0x108) << (segment - 1),
    };
    (if code & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

#[cfg(test)]
mod tests {
    use super::Codec;
    use audio_codec::{Decoder, Encoder, pcma, pcmu};

    fn decoded(mut reference: impl Decoder, codes: &[u8]) -> Vec<i16> {
        let mut out = vec![0; codes.len()];
        reference.decode_into(codes, &mut out).unwrap();
        out
    }

    fn encoded(mut reference: impl Encoder, samples: &[i16]) -> Vec<u8> {
        let mut out = vec![0; samples.len()];
        reference.encode_into(samples, &mut out).unwrap();
        out
    }

    #[test]
    fn every_code_decodes_as_the_reference_does() {
        let codes: Vec<u8> = (0..=255).collect();
        let ours = |codec: Codec| codes.iter().map(|code| codec.decode(*code)).collect::<Vec<_>>();
        assert_eq!(ours(Codec::Pcmu), decoded(pcmu::PcmuDecoder::new(), &codes));
        assert_eq!(ours(Codec::Pcma), decoded(pcma::PcmaDecoder::new(), &codes));
    }

    #[test]
    fn every_sample_encodes_as_the_reference_does() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let reference = encoded(pcmu::PcmuEncoder::new(), &samples);
        for (sample, expected) in samples.iter().zip(reference) {
            assert_eq!(Codec::Pcmu.decode(Codec::Pcmu.encode(*sample)), Codec::Pcmu.decode(expected), "{sample}");
        }
        let reference = encoded(pcma::PcmaEncoder::new(), &samples);
        for (sample, expected) in samples.iter().zip(reference) {
            let (ours, theirs) = (Codec::Pcma.decode(Codec::Pcma.encode(*sample)), Codec::Pcma.decode(expected));
            // Implementations differ by a step just below a border of two segments; none may be further off.
            let step = (i32::from(*sample).abs() / 16).max(16);
            assert!((i32::from(ours) - i32::from(theirs)).abs() <= step, "{sample}: {ours} {theirs}");
        }
    }

    #[test]
    fn a_code_survives_decoding_and_encoding() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for code in 0..=255 {
                let sample = codec.decode(code);
                assert_eq!(codec.decode(codec.encode(sample)), sample, "{codec:?} {code}");
            }
        }
    }

    #[test]
    fn silence_has_the_usual_codes() {
        assert_eq!(Codec::Pcmu.encode(0), 0xff);
        assert_eq!(Codec::Pcma.encode(0), 0xd5);
    }
}
