//! The RIFF/WAVE container, as far as prompts need it. Files are uploaded: every length is checked.

use crate::clip::ClipError;

/// How a sample is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Pcm8,
    Pcm16,
    Alaw,
    Ulaw,
}

impl Encoding {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Pcm16 => 2,
            Self::Pcm8 | Self::Alaw | Self::Ulaw => 1,
        }
    }
}

/// What is in a file.
#[derive(Debug)]
pub(crate) struct Wav<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) channels: u16,
    pub(crate) rate_hz: u32,
    pub(crate) data: &'a [u8],
}

/// The first `fmt ` and the `data` after it. A data chunk longer than the file is cut: recorders that die leave those.
pub(crate) fn parse(bytes: &[u8]) -> Result<Wav<'_>, ClipError> {
    let mut rest = match bytes.split_at_checked(12) {
        Some(([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'], rest)) => rest,
        _ => return Err(ClipError::Malformed("no RIFF/WAVE header")),
    };
    let mut format = None;
    while let Some((&[a, b, c, d, l0, l1, l2, l3], body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let data = body.get(..length.min(body.len())).unwrap_or_default();
        match &[a, b, c, d] {
            b"fmt " => format = Some(parse_format(data)?),
            b"data" => {
                let (encoding, channels, rate_hz) = format.ok_or(ClipError::Malformed("no format before the data"))?;
                return Ok(Wav { encoding, channels, rate_hz, data });
            }
            _ => {}
        }
        // Chunks are padded to even lengths.
        rest = body.get(length.saturating_add(length & 1)..).unwrap_or_default();
    }
    Err(ClipError::Malformed("no data"))
}

fn parse_format(data: &[u8]) -> Result<(Encoding, u16, u32), ClipError> {
    let word = |at: usize| match data.get(at..at + 2) {
        Some([low, high]) => Ok(u16::from_le_bytes([*low, *high])),
        _ => Err(ClipError::Malformed("a short format")),
    };
    let (channels, bits) = (word(2)?, word(14)?);
    let rate_hz = u32::from(word(4)?) | u32::from(word(6)?) << 16;
    // WAVE_FORMAT_EXTENSIBLE keeps the real one in the first bytes of its GUID.
    let tag = match word(0)? {
        0xfffe => word(24)?,
        tag => tag,
    };
    let encoding = match (tag, bits) {
        (1, 8) => Encoding::Pcm8,
        (1, 16) => Encoding::Pcm16,
        (6, 8) => Encoding::Alaw,
        (7, 8) => Encoding::Ulaw,
        (1, _) => return Err(ClipError::Unsupported("samples of neither 8 nor 16 bits")),
        _ => return Err(ClipError::Unsupported("neither PCM nor G.711")),
    };
    if !(1..=8).contains(&channels) {
        return Err(ClipError::Unsupported("no channel, or more than 8"));
    }
    if !(8_000..=96_000).contains(&rate_hz) {
        return Err(ClipError::Unsupported("a rate below 8 or above 96 kHz"));
    }
    Ok((encoding, channels, rate_hz))
}
