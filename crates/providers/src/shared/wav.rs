//! WAV files, as far as we read and write them.

use bytes::{BufMut, Bytes, BytesMut};

/// A WAV file's format and the samples that are there.
#[derive(Debug)]
pub struct Wav<'a> {
    /// Samples a second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Bits of a sample.
    pub bits: u16,
    byte_rate: u32,
    /// The `data` chunk, as far as it is there.
    pub data: &'a [u8],
}

impl Wav<'_> {
    /// Reads a file; `None` when it is none.
    pub fn parse(file: &[u8]) -> Option<Wav<'_>> {
        if file.len() < 44 || file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
            return None;
        }
        let mut format = None;
        let mut rest = file.get(12..)?;
        while let Some((head, body)) = rest.split_at_checked(8) {
            let (name, size) = head.split_at_checked(4)?;
            let size = u32::from_le_bytes(size.try_into().ok()?) as usize;
            match (name, format) {
                (b"fmt ", _) => {
                    let word = |at: usize| Some(u16::from_le_bytes(*body.get(at..)?.first_chunk()?));
                    let number = |at: usize| Some(u32::from_le_bytes(*body.get(at..)?.first_chunk()?));
                    format = Some((word(2)?, number(4)?, number(8)?, word(14)?));
                }
                (b"data", Some((channels, rate, byte_rate, bits))) if byte_rate > 0 => {
                    // Writers that stream leave the size open: the audio that is there counts.
                    let data = body.get(..size.min(body.len()))?;
                    return Some(Wav { rate, channels, bits, byte_rate, data });
                }
                _ => {}
            }
            rest = body.get(size.checked_add(size % 2)?..)?;
        }
        None
    }

    /// How long its audio is, in nanoseconds.
    pub fn nanos(&self) -> u64 {
        let nanos = self.data.len() as u128 * 1_000_000_000 / u128::from(self.byte_rate.max(1));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// How much audio a WAV file holds, in nanoseconds; `None` when it is none. The same rule as in the embedded layer:
/// the bytes of the `data` chunk that are there, by the byte rate of the format.
pub fn nanos(file: &[u8]) -> Option<u64> {
    Wav::parse(file).map(|wav| wav.nanos())
}

/// A file of 16-bit samples of one channel.
pub fn file(rate: u32, samples: &[u8]) -> Bytes {
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let mut file = BytesMut::with_capacity(44 + samples.len());
    file.put_slice(b"RIFF");
    file.put_u32_le(length.saturating_add(36));
    file.put_slice(b"WAVEfmt ");
    file.put_u32_le(16);
    file.put_u16_le(1); // uncompressed
    file.put_u16_le(1);
    file.put_u32_le(rate);
    file.put_u32_le(rate.saturating_mul(2));
    file.put_u16_le(2);
    file.put_u16_le(16);
    file.put_slice(b"data");
    file.put_u32_le(length);
    file.put_slice(samples);
    file.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(size: u32, bytes: usize) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(16_000_u32.to_le_bytes());
        file.extend(32_000_u32.to_le_bytes());
        file.extend([2, 0, 16, 0]);
        file.extend(b"data");
        file.extend(size.to_le_bytes());
        file.resize(file.len() + bytes, 0);
        file
    }

    #[test]
    fn the_audio_that_is_there_counts() {
        assert_eq!(nanos(&wav(16_000, 16_000)), Some(500_000_000));
        assert_eq!(nanos(&wav(u32::MAX, 16_000)), Some(500_000_000)); // as it comes from a pipe
        assert_eq!(nanos(b"ID3"), None);
    }

    #[test]
    fn a_file_that_was_written_is_read_as_it_was() {
        let written = file(22_050, &[1, 2, 3, 4]);
        let read = Wav::parse(&written).unwrap();
        assert_eq!((read.rate, read.channels, read.bits, read.data), (22_050, 1, 16, &[1, 2, 3, 4][..]));
        assert_eq!(read.nanos(), 2 * 1_000_000_000 / 22_050);
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_without_a_panic(mut file: Vec<u8>) {
            let _ = nanos(&file);
            file.splice(0..0, *b"RIFF\0\0\0\0WAVE");
            let _ = nanos(&file);
        }
    }
}
