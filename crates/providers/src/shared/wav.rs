//! WAV files, as far as the meter reads them.

/// How much audio a WAV file holds, in nanoseconds; `None` when it is none. The same rule as in the embedded layer:
/// the bytes of the `data` chunk that are there, by the byte rate of the format.
pub fn nanos(file: &[u8]) -> Option<u64> {
    if file.len() < 44 || file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut byte_rate = 0_u64;
    let mut rest = file.get(12..)?;
    while let Some((head, body)) = rest.split_at_checked(8) {
        let (name, size) = head.split_at_checked(4)?;
        let size = u32::from_le_bytes(size.try_into().ok()?) as usize;
        match name {
            b"fmt " => byte_rate = u32::from_le_bytes(body.get(8..12)?.try_into().ok()?).into(),
            b"data" if byte_rate > 0 => {
                let bytes = size.min(body.len()) as u128;
                return u64::try_from(bytes * 1_000_000_000 / u128::from(byte_rate)).ok();
            }
            _ => {}
        }
        rest = body.get(size.checked_add(size % 2)?..)?;
    }
    None
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

    proptest::proptest! {
        #[test]
        fn any_file_is_read_without_a_panic(mut file: Vec<u8>) {
            let _ = nanos(&file);
            file.splice(0..0, *b"RIFF\0\0\0\0WAVE");
            let _ = nanos(&file);
        }
    }
}
