//! Speech as MP3: the same letters as tones, written frame by frame.
//!
//! MPEG-2 Layer III, 24 kHz, mono, 32 kbit/s: a frame is 96 bytes and 24 ms (ISO/IEC 13818-3). One spectral line
//! is set per frame, so that no encoder is needed for something that any decoder plays.

use super::MILLIS_PER_CHARACTER;
use std::ops::Range;

const FRAME_MILLIS: u64 = 24;
const FRAME_BYTES: usize = 96;
/// Sync word, MPEG-2, Layer III, no checksum; 32 kbit/s at 24 kHz; mono.
const HEADER: [u8; 4] = [0xff, 0xf3, 0x44, 0xc0];
/// The exponent of a line's loudness, a quarter of a power of two each, from 210 at full scale.
const GAIN: u64 = 200;

/// The frames of `text` between two points in time, which must be a multiple of the frame's length apart from the
/// beginning.
pub(super) fn frames(text: &[char], millis: Range<u64>) -> Vec<u8> {
    (millis.start / FRAME_MILLIS..millis.end.div_ceil(FRAME_MILLIS))
        .flat_map(|frame| {
            let place = usize::try_from(frame * FRAME_MILLIS / MILLIS_PER_CHARACTER).unwrap_or(usize::MAX);
            match text.get(place).filter(|letter| letter.is_alphanumeric()) {
                // 20.8 Hz a line: from 330 to 830 Hz.
                Some(letter) => tone(8 + u64::from(u32::from(*letter) % 12)),
                None => silence(),
            }
        })
        .collect()
}

fn silence() -> Vec<u8> {
    let mut frame = HEADER.to_vec();
    frame.resize(FRAME_BYTES, 0);
    frame
}

/// A frame in which only the second line of the pair after `quiet_pairs` sounds.
fn tone(quiet_pairs: u64) -> Vec<u8> {
    let mut bits = Bits::default();
    // Side information.
    bits.put(0, 9); // main data begins here; private bit
    bits.put(quiet_pairs + 4, 12); // length of the main data
    bits.put(quiet_pairs + 1, 9); // pairs written
    bits.put(GAIN, 8);
    bits.put(0, 9 + 1); // no scale factors; long window
    for _region in 0..3 {
        bits.put(1, 5); // Huffman table 1
    }
    bits.put(0, 4 + 3 + 1 + 1); // regions; scale; table of small values
    // Main data: in table 1 the pair (0, 0) is `1`, the pair (0, 1) is `001` and a sign.
    for _pair in 0..quiet_pairs {
        bits.put(1, 1);
    }
    bits.put(0b0010, 4);
    let mut frame = HEADER.to_vec();
    frame.extend(bits.bytes);
    frame.resize(FRAME_BYTES, 0);
    frame
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    fn put(&mut self, value: u64, width: u32) {
        for place in (0..width).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> place & 1 == 1) << self.free;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_has_its_length_and_header() {
        let text: Vec<char> = "hi you".chars().collect();
        let audio = frames(&text, 0..360);
        assert_eq!(audio.len(), 15 * FRAME_BYTES);
        assert!(audio.chunks(FRAME_BYTES).all(|frame| frame.starts_with(&HEADER)));
        let parts = [0..120, 120..360].map(|part| frames(&text, part)).concat();
        assert_eq!(parts, audio);
    }

    #[test]
    fn side_information_is_nine_bytes() {
        let frame = tone(10);
        // 14 bits of main data in 11 pairs, at the gain.
        assert_eq!(&frame[4..9], [0, 0b0000_0000, 0b0111_0000, 0b0010_1111, 0b0010_0000]);
    }
}
