//! µ-law: 16-bit samples in 8 bits, with steps that grow with the loudness. ITU-T G.711.

/// Added to every magnitude, so that its highest bit tells the segment.
const BIAS: u32 = 0x84;
/// A float's exponent for the first segment, whose values have their highest bit at 7, with four bits of fraction.
const SEGMENT_0: u32 = (127 + 7) << 4;
/// Louder samples are clipped: with the bias they would not fit into 15 bits.
const LOUDEST: u32 = 0x7fff - BIAS;

/// Compresses 16-bit little-endian audio, a byte a sample. `half` holds a sample that the end of a frame cut in two.
pub(super) fn compress(half: &mut Option<u8>, audio: &[u8]) -> Vec<u8> {
    let (joined, audio) = match (half.take(), audio) {
        (Some(first), [second, rest @ ..]) => (Some(compressed([first, *second])), rest),
        (whole, audio) => {
            *half = whole;
            (None, audio)
        }
    };
    let (samples, rest) = audio.as_chunks::<2>();
    *half = half.or(rest.first().copied());
    let mut compact = Vec::with_capacity(samples.len() + usize::from(joined.is_some()));
    compact.extend(joined);
    compact.extend(samples.iter().copied().map(compressed));
    compact
}

/// The audio again, as near as µ-law comes.
pub(super) fn expand(compact: &[u8]) -> Vec<u8> {
    compact.iter().flat_map(|byte| expanded(*byte).to_le_bytes()).collect()
}

fn compressed(sample: [u8; 2]) -> u8 {
    let sample = i16::from_le_bytes(sample);
    let biased = u32::from(sample.unsigned_abs()).min(LOUDEST) + BIAS;
    // A float's exponent and the first bits of its fraction are just the segment and the step, and the compiler can
    // make floats of eight samples at once.
    let code = ((biased as f32).to_bits() >> 19) - SEGMENT_0;
    let sign = (sample >> 8) as u8 & 0x80;
    !(sign | code as u8)
}

const fn expanded(byte: u8) -> i16 {
    let byte = !byte;
    let (segment, step) = ((byte >> 4) & 7, (byte & 0xf) as i16);
    let magnitude = (((step << 3) + BIAS as i16) << segment) - BIAS as i16;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_g_711() {
        // Values of the recommendation's table 2a, at 16 bits.
        for (sample, byte) in
            [(0, 0xff), (8, 0xfe), (120, 0xf0), (-8, 0x7e), (32_124, 0x80), (-32_124, 0x00), (i16::MIN, 0)]
        {
            assert_eq!(compressed(sample.to_le_bytes()), byte, "{sample}");
        }
        assert_eq!([0xff, 0x7f, 0xfe, 0xf0, 0x80, 0x00].map(expanded), [0, 0, 8, 120, 32_124, -32_124]);
    }

    #[test]
    fn what_it_has_comes_back_and_the_rest_within_a_step() {
        for byte in 0..=255 {
            assert_eq!(expanded(compressed(expanded(byte).to_le_bytes())), expanded(byte));
        }
        for sample in i16::MIN..=i16::MAX {
            let back = i32::from(expanded(compressed(sample.to_le_bytes())));
            let off = (back - i32::from(sample)).abs();
            assert!(off <= (i32::from(sample).abs() + 132) / 32, "{sample} {back}");
        }
    }

    #[test]
    fn a_sample_cut_in_two_is_joined() {
        let audio = expand(&Vec::from_iter(0..=250));
        for size in 1..7 {
            let (mut half, mut compact) = (None, Vec::new());
            for frame in audio.chunks(size) {
                compact.extend(compress(&mut half, &[]));
                compact.extend(compress(&mut half, frame));
            }
            assert_eq!((half, compact), (None, compress(&mut None, &audio)));
        }
    }
}
