//! Speech at one rate into speech at another, as it comes: 16-bit little-endian PCM, one channel, in and out.

use super::pcm::Track;
use bytes::{BufMut, Bytes, BytesMut};
use rubato::{Fft, FixedSync, Resampler as _, audioadapter_buffers::direct::InterleavedSlice};
use vg_core::call::Failure;

/// The rates that speech is ever recorded or played at.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
/// The part of a second that is computed at once; half of it is the delay. Longer blocks keep more of the highs.
const BLOCKS_PER_SECOND: u32 = 50;
const FULL_SCALE: f32 = 32_768.0;

/// A stream of samples from one rate to another. Where the rates are the same it only keeps samples whole.
pub struct Resampler {
    input: Track,
    convert: Option<Convert>,
}

struct Convert {
    fft: Fft<f32>,
    from: u64,
    to: u64,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Samples taken and given.
    taken: u64,
    given: u64,
    /// Samples at the beginning that are only the delay.
    delay: usize,
}

impl Resampler {
    /// Converts from `from` samples a second to `to`.
    ///
    /// # Errors
    /// When one of them is no rate of speech.
    pub fn new(from: u32, to: u32) -> Result<Resampler, Failure> {
        if let Some(rate) = [from, to].into_iter().find(|rate| !RATES.contains(rate)) {
            return Err(Failure::bad_request(format!("{rate} samples a second is no rate of speech")));
        }
        let convert = if from == to { None } else { Some(Convert::new(from, to)?) };
        Ok(Resampler { input: Track::new(from), convert })
    }

    /// Takes the next bytes, cut anywhere, and gives what can be told from all of them so far: whole samples, often
    /// none.
    pub fn push(&mut self, bytes: Bytes) -> Bytes {
        let (whole, _) = self.input.add(bytes);
        let Some(convert) = &mut self.convert else { return whole };
        let samples =
            whole.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / FULL_SCALE);
        convert.input.extend(samples);
        convert.run()
    }

    /// Gives the rest. In all, as much time has come out as went in, to the sample.
    pub fn finish(&mut self) -> Bytes {
        self.convert.as_mut().map(Convert::finish).unwrap_or_default()
    }
}

impl Convert {
    fn new(from: u32, to: u32) -> Result<Convert, Failure> {
        // An even number of the smallest blocks, so that the delay, half a block, is a whole number of samples.
        let even = 2 * from / greatest_common_divisor(from, to);
        let block = (from / BLOCKS_PER_SECOND).next_multiple_of(even);
        let fft = Fft::new(from as usize, to as usize, block as usize, 1, FixedSync::Both)
            .map_err(|error| Failure::bad_request(format!("{from} to {to} samples a second: {error}")))?;
        let output = vec![0.0; fft.output_frames_max()];
        let delay = fft.output_delay();
        let (from, to) = (u64::from(from), u64::from(to));
        Ok(Convert { fft, from, to, input: Vec::new(), output, taken: 0, given: 0, delay })
    }

    /// Converts the whole blocks there are.
    fn run(&mut self) -> Bytes {
        let mut made = BytesMut::new();
        let mut position = 0;
        while let Some(block) = self.input.get(position..position + self.fft.input_frames_next()) {
            let frames = (block.len(), self.output.len());
            let adapters = (
                InterleavedSlice::new(block, 1, frames.0),
                InterleavedSlice::new_mut(&mut self.output, 1, frames.1),
            );
            // The sizes are those it asked for, so it cannot refuse them.
            let (Ok(input), Ok(mut output)) = adapters else { break };
            let Ok((read, written)) = self.fft.process_into_buffer(&input, &mut output, None) else { break };
            position += read;
            self.taken += read as u64;
            let skipped = self.delay.min(written);
            self.delay -= skipped;
            for sample in self.output.get(skipped..written).unwrap_or_default() {
                made.put_i16_le((sample * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1.0) as i16);
            }
            self.given += (written - skipped) as u64;
        }
        self.input.drain(..position);
        made.freeze()
    }

    fn finish(&mut self) -> Bytes {
        let taken = self.taken + self.input.len() as u64;
        // Half a sample counts as one.
        let wanted = (taken * self.to + self.from / 2) / self.from;
        let given = self.given;
        let mut made = BytesMut::new();
        while self.given < wanted {
            let block = self.fft.input_frames_next();
            self.input.resize(self.input.len().next_multiple_of(block).max(block), 0.0);
            made.extend(self.run());
        }
        made.truncate(usize::try_from((wanted - given) * 2).unwrap_or(usize::MAX));
        made.freeze()
    }
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tone(rate: u32, hertz: f64, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        (0..samples).map(|n| (12_000.0 * (n as f64 * step).sin()).round() as i16).collect()
    }

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn convert(from: u32, to: u32, input: &[u8], cut: usize) -> Vec<u8> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut made = Vec::new();
        for piece in input.chunks(cut) {
            let piece = resampler.push(Bytes::copy_from_slice(piece));
            assert!(piece.len().is_multiple_of(2));
            made.extend(piece);
        }
        made.extend(resampler.finish());
        made
    }

    #[test]
    fn a_tone_stays_that_tone_in_its_place() {
        for (from, to) in
            [(16_000, 24_000), (48_000, 24_000), (8_000, 24_000), (24_000, 22_050), (24_000, 16_000)]
        {
            let input = bytes(&tone(from, 440.0, from as usize));
            let made = convert(from, to, &input, 960);
            let wanted = tone(to, 440.0, to as usize);
            assert_eq!(made.len(), wanted.len() * 2, "{from} to {to}");
            let made: Vec<i16> =
                made.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
            // At its ends a tone that begins and stops is more than that tone.
            let middle = to as usize / 20..to as usize * 19 / 20;
            let worst = middle.map(|n| (i32::from(made[n]) - i32::from(wanted[n])).abs()).max().unwrap();
            assert!(worst < 60, "{from} to {to}: off by {worst}");
        }
    }

    #[test]
    fn what_is_above_the_new_rate_is_gone_and_not_folded() {
        let made = convert(48_000, 16_000, &bytes(&tone(48_000, 11_000.0, 48_000)), 960);
        let loudest = made
            .as_chunks::<2>()
            .0
            .iter()
            .skip(800)
            .take(14_000)
            .map(|pair| i16::from_le_bytes(*pair).abs())
            .max();
        assert!(loudest < Some(60), "{loudest:?}");
    }

    #[test]
    fn no_rate_of_speech_is_refused() {
        for (from, to) in [(0, 24_000), (24_000, 1), (u32::MAX, 24_000)] {
            assert!(Resampler::new(from, to).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn as_much_time_comes_out_as_went_in(
            input in proptest::collection::vec(any::<u8>(), 0..6_000),
            cut in 1_usize..2_000,
            rates in prop::sample::select(vec![(16_000, 24_000), (44_100, 24_000), (24_000, 8_000), (11_025, 24_000), (24_000, 24_000)]),
        ) {
            let (from, to) = rates;
            let made = convert(from, to, &input, cut);
            let samples = input.len() as u64 / 2;
            let wanted = (samples * u64::from(to) + u64::from(from) / 2) / u64::from(from);
            prop_assert_eq!(made.len() as u64, wanted * 2);
            prop_assert_eq!(made, convert(from, to, &input, 4_096));
        }
    }
}
