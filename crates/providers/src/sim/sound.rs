//! Raw audio: its encodings, its length, and the sound a simulated voice makes.

use super::{meter::FLICKS_PER_SECOND, script::mix};
use std::ops::Range;

/// How long a voice takes for one character.
pub(crate) const MILLIS_PER_CHARACTER: u64 = 60;

/// How one sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Signed 16-bit integers, little endian.
    Linear16,
    /// 32-bit floating point, little endian.
    Float32,
    /// G.711 mu-law.
    Mulaw,
    /// G.711 A-law.
    Alaw,
}

impl Encoding {
    /// Reads a provider's name for an uncompressed encoding; others are `None`.
    pub(crate) fn parse(name: &str) -> Option<Encoding> {
        match name {
            "linear16" | "pcm_s16le" | "pcm" | "pcm16" => Some(Encoding::Linear16),
            "linear32" | "pcm_f32le" => Some(Encoding::Float32),
            "mulaw" | "pcm_mulaw" => Some(Encoding::Mulaw),
            "alaw" | "pcm_alaw" => Some(Encoding::Alaw),
            _ => None,
        }
    }

    fn bytes_per_sample(self) -> u64 {
        match self {
            Encoding::Linear16 => 2,
            Encoding::Float32 => 4,
            Encoding::Mulaw | Encoding::Alaw => 1,
        }
    }

    pub(crate) fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Encoding::Linear16 => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Encoding::Float32 => {
                samples.iter().flat_map(|sample| (f32::from(*sample) / 32_768.0).to_le_bytes()).collect()
            }
            Encoding::Mulaw => samples.iter().map(|sample| mulaw_byte(*sample)).collect(),
            Encoding::Alaw => samples.iter().map(|sample| alaw_byte(*sample)).collect(),
        }
    }

    /// Reads whole samples; bytes of a broken last one are left out.
    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<i16> {
        match self {
            Encoding::Linear16 => {
                bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
            }
            Encoding::Float32 => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|quad| (f32::from_le_bytes(*quad) * 32_767.0) as i16)
                .collect(),
            Encoding::Mulaw => bytes.iter().map(|byte| mulaw_sample(*byte)).collect(),
            Encoding::Alaw => bytes.iter().map(|byte| alaw_sample(*byte)).collect(),
        }
    }
}

/// Uncompressed audio as it lies on a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioFormat {
    pub encoding: Encoding,
    pub sample_rate: u32,
    pub channels: u32,
}

impl AudioFormat {
    /// How long `bytes` bytes of it last, in flicks.
    pub(crate) fn flicks(self, bytes: u64) -> u64 {
        let per_second = u128::from(self.sample_rate)
            * u128::from(self.channels)
            * u128::from(self.encoding.bytes_per_sample());
        u64::try_from(u128::from(bytes) * u128::from(FLICKS_PER_SECOND) / per_second.max(1))
            .unwrap_or(u64::MAX)
    }

    /// The first channel of `bytes`, which begin with it.
    pub(crate) fn first_channel(self, bytes: &[u8]) -> Vec<i16> {
        let samples = self.encoding.decode(bytes);
        let channels = usize::try_from(self.channels).unwrap_or(1).max(1);
        samples.into_iter().step_by(channels).collect()
    }
}

/// A WAV file's format and samples.
pub(crate) struct Wav<'a> {
    pub format: AudioFormat,
    pub data: &'a [u8],
}

impl Wav<'_> {
    /// Reads the chunks of a RIFF file; `None` when it is not one, or is compressed.
    pub(crate) fn parse(file: &[u8]) -> Option<Wav<'_>> {
        let (b"RIFF", rest) = file.split_first_chunk::<4>()? else { return None };
        let (b"WAVE", mut rest) = rest.get(4..)?.split_first_chunk::<4>()? else { return None };
        let mut format = None;
        loop {
            let (id, after_id) = rest.split_first_chunk::<4>()?;
            let (size, body) = after_id.split_first_chunk::<4>()?;
            // Writers that stream leave the size open; what follows is then all of it.
            let size = usize::try_from(u32::from_le_bytes(*size)).ok()?.min(body.len());
            let (chunk, next) = body.split_at_checked(size)?;
            match id {
                b"fmt " => format = Some(wav_format(chunk)?),
                b"data" => return Some(Wav { format: format?, data: chunk }),
                _ => {}
            }
            rest = next.get(size % 2..)?;
        }
    }
}

fn wav_format(chunk: &[u8]) -> Option<AudioFormat> {
    let word = |at: usize| Some(u16::from_le_bytes(*chunk.get(at..)?.first_chunk()?));
    let sample_rate = u32::from_le_bytes(*chunk.get(4..)?.first_chunk()?);
    let encoding = match (word(0)?, word(14)?) {
        (1, 16) => Encoding::Linear16,
        (3, 32) => Encoding::Float32,
        (6, 8) => Encoding::Alaw,
        (7, 8) => Encoding::Mulaw,
        _ => return None,
    };
    Some(AudioFormat { encoding, sample_rate, channels: u32::from(word(2)?) })
}

/// How long a voice takes to say `characters` characters.
pub(crate) fn speech_millis(characters: u64) -> u64 {
    characters * MILLIS_PER_CHARACTER
}

/// The samples of `text` as spoken at `sample_rate`, between two points in time; `voice` chooses the pitch.
///
/// Every letter is a buzz with the timbre of a vowel, every space or mark a short quiet.
pub(crate) fn speech_samples(text: &[char], voice: u64, sample_rate: u32, millis: Range<u64>) -> Vec<i16> {
    let rate = u64::from(sample_rate);
    let pitch = 95.0 + (voice % 110) as f64;
    let per_character = (rate * MILLIS_PER_CHARACTER / 1000).max(1);
    (rate * millis.start / 1000..rate * millis.end / 1000)
        .map(|position| {
            let letter = usize::try_from(position / per_character).ok().and_then(|place| text.get(place));
            let Some(letter) = letter.filter(|letter| letter.is_alphanumeric()) else { return 0 };
            let within = (position % per_character) as f64 / per_character as f64;
            let loudness = 7_000.0 * (std::f64::consts::PI * within).sin().sqrt();
            let overtone = 2.0 + (mix(u64::from(u32::from(*letter))) % 6) as f64;
            let turn = std::f64::consts::TAU * pitch * position as f64 / rate as f64;
            (loudness * (0.6 * turn.sin() + 0.4 * (turn * overtone).sin())) as i16
        })
        .collect()
}

fn mulaw_byte(sample: i16) -> u8 {
    let magnitude = (i32::from(sample).abs() + 132).min(32_767);
    let exponent = (24 - magnitude.leading_zeros() as i32).max(0);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !((sign | (exponent << 4) | mantissa) as u8)
}

fn mulaw_sample(byte: u8) -> i16 {
    let bits = i32::from(!byte);
    let magnitude = ((((bits & 0x0f) << 3) + 132) << ((bits >> 4) & 7)) - 132;
    (if bits & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

fn alaw_byte(sample: i16) -> u8 {
    let (sign, magnitude) =
        if sample < 0 { (0, -(i32::from(sample) + 1) >> 3) } else { (0x80, i32::from(sample) >> 3) };
    let exponent = (27 - magnitude.leading_zeros() as i32).max(0);
    let mantissa = if exponent == 0 { magnitude >> 1 } else { magnitude >> exponent } & 0x0f;
    ((sign | (exponent << 4) | mantissa) as u8) ^ 0x55
}

fn alaw_sample(byte: u8) -> i16 {
    let bits = i32::from(byte ^ 0x55);
    let exponent = (bits >> 4) & 7;
    let mantissa = ((bits & 0x0f) << 4) + 8;
    let magnitude = if exponent == 0 { mantissa } else { (mantissa + 256) << (exponent - 1) };
    (if bits & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_back_what_it_was_given() {
        let samples: Vec<i16> = (-32_000..32_000).step_by(97).map(|n| n as i16).collect();
        for encoding in [Encoding::Linear16, Encoding::Float32, Encoding::Mulaw, Encoding::Alaw] {
            let heard = encoding.decode(&encoding.encode(&samples));
            assert_eq!(heard.len(), samples.len());
            for (said, heard) in samples.iter().zip(heard) {
                let off = (i32::from(*said) - i32::from(heard)).abs();
                // Companding keeps four bits of the mantissa.
                assert!(off <= i32::from(*said).abs() / 30 + 16, "{encoding:?}: {said} became {heard}");
            }
        }
    }

    #[test]
    fn a_wav_file_with_an_open_size_is_read_to_its_end() {
        let mut file =
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0".to_vec();
        file.extend(b"LIST\x03\0\0\0abc\0data\xff\xff\xff\xff");
        file.extend([1, 0, 2, 0]);
        let wav = Wav::parse(&file).unwrap();
        assert_eq!(
            wav.format,
            AudioFormat { encoding: Encoding::Linear16, sample_rate: 16_000, channels: 1 }
        );
        assert_eq!(wav.data, [1, 0, 2, 0]);
        assert!(Wav::parse(b"ID3").is_none());
    }

    #[test]
    fn a_sample_is_a_whole_number_of_flicks_at_every_usual_rate() {
        for sample_rate in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
            let format = AudioFormat { encoding: Encoding::Linear16, sample_rate, channels: 1 };
            assert_eq!(format.flicks(2 * u64::from(sample_rate)), FLICKS_PER_SECOND);
            assert_eq!(format.flicks(2) * u64::from(sample_rate), FLICKS_PER_SECOND);
        }
    }

    #[test]
    fn a_voice_is_audible_and_as_long_as_its_text() {
        let text: Vec<char> = "hello there".chars().collect();
        let samples = speech_samples(&text, 7, 24_000, 0..speech_millis(11));
        assert_eq!(samples.len(), 24_000 * 660 / 1000);
        assert!(samples.iter().any(|sample| sample.unsigned_abs() > 4_000));
        let parts = [0..300, 300..660].map(|part| speech_samples(&text, 7, 24_000, part)).concat();
        assert_eq!(parts, samples);
    }
}
