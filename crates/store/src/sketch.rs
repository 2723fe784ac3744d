//! A mergeable latency sketch: counts in buckets whose bounds grow by a constant factor, so that a quantile read
//! from it is within 1 % of the sample it stands for (DDSketch, Masson, Rim and Lee, VLDB 2019).

/// The ratio between the bounds of a bucket, for a relative error of 1 %.
const GAMMA: f64 = 1.01 / 0.99;

/// No sample that fits 64 bits falls into a later bucket; an encoded form that names one is no sketch.
const BUCKETS: usize = 2_224;

/// Layout of the encoded form, in its first byte.
const VERSION: u8 = 1;

/// Counts of samples by bucket. Samples are whole microseconds. Bucket 0 holds the samples that are exactly 0;
/// bucket 1 starts at 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sketch {
    /// Ends at the last bucket that holds a sample.
    buckets: Vec<u64>,
}

impl Sketch {
    /// Adds a sample.
    pub(crate) fn add(&mut self, sample: u64) {
        let bucket = if sample == 0 { 0 } else { ((sample as f64).ln() / GAMMA.ln()).floor() as usize + 1 };
        self.add_count(bucket, 1);
    }

    fn add_count(&mut self, bucket: usize, count: u64) {
        if self.buckets.len() <= bucket && count > 0 {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(slot) = self.buckets.get_mut(bucket) {
            *slot = slot.saturating_add(count);
        }
    }

    /// Adds all samples of another sketch.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        for (bucket, count) in other.buckets.iter().enumerate() {
            self.add_count(bucket, *count);
        }
    }

    /// Adds all samples of an encoded sketch; `None`, with some of them added, when the bytes are not one.
    pub(crate) fn merge_encoded(&mut self, bytes: &[u8]) -> Option<()> {
        let (version, mut rest) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let mut bucket = 0usize;
        while !rest.is_empty() {
            bucket = bucket.checked_add(usize::try_from(take(&mut rest)?).ok()?).filter(|b| *b < BUCKETS)?;
            self.add_count(bucket, take(&mut rest)?);
        }
        Some(())
    }

    /// Whether it holds no sample.
    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many samples it holds.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The sample at `quantile` (0 to 1, clamped), within 1 %; `None` without samples.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let rank = (quantile.clamp(0.0, 1.0) * last as f64) as u64;
        let mut seen = 0u64;
        self.buckets.iter().enumerate().find_map(|(bucket, count)| {
            seen = seen.saturating_add(*count);
            (seen > rank).then(|| middle(bucket))
        })
    }

    /// The compact form: the version, then for each bucket that holds something its distance from the one before
    /// and its count, as variable-length integers of seven bits a byte.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let mut before = 0;
        for (bucket, count) in self.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            put(&mut bytes, (bucket - before) as u64);
            put(&mut bytes, *count);
            before = bucket;
        }
        bytes
    }
}

/// The value a bucket stands for: no sample in it is further away than 1 %.
fn middle(bucket: usize) -> f64 {
    match bucket.checked_sub(1) {
        None => 0.0,
        Some(power) => (power as f64 * GAMMA.ln()).exp() * (2.0 * GAMMA / (1.0 + GAMMA)),
    }
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(samples: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        samples.iter().for_each(|sample| sketch.add(*sample));
        sketch
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent_of_the_sample_and_agree_with_the_reference(
            mut samples in prop::collection::vec(prop_oneof![Just(0u64), 1u64..100, 1u64..1_000_000_000], 1..200),
            quantile in 0.001f64..0.999,
        ) {
            let mine = sketch(&samples).quantile(quantile).unwrap();
            let mut reference = sketches_ddsketch::DDSketch::new(sketches_ddsketch::Config::defaults());
            samples.iter().for_each(|sample| reference.add(*sample as f64));
            samples.sort_unstable();
            let exact = samples[(quantile * (samples.len() - 1) as f64) as usize] as f64;
            prop_assert!((mine - exact).abs() <= exact * 0.010_001, "{mine} for {exact}");
            let theirs = reference.quantile(quantile).unwrap().unwrap();
            prop_assert!((mine - theirs).abs() <= theirs * 1e-9, "{mine} against {theirs}");
        }

        #[test]
        fn merging_equals_adding_and_the_compact_form_reads_back(
            left in prop::collection::vec(any::<u64>(), 0..100),
            right in prop::collection::vec(0u64..10_000_000, 0..100),
        ) {
            let mut merged = sketch(&left);
            merged.merge(&sketch(&right));
            let all: Vec<u64> = left.into_iter().chain(right).collect();
            prop_assert_eq!(&merged, &sketch(&all));
            prop_assert_eq!(merged.count(), all.len() as u64);
            let mut decoded = Sketch::default();
            decoded.merge_encoded(&merged.encode()).unwrap();
            prop_assert_eq!(decoded, merged);
        }

        #[test]
        fn bytes_that_are_no_sketch_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Sketch::default().merge_encoded(&bytes);
        }
    }

    #[test]
    fn an_hour_of_one_model_takes_a_few_hundred_bytes() {
        let samples: Vec<u64> = (0..10_000).map(|n| 150_000 + n * 37).collect();
        assert!(sketch(&samples).encode().len() < 400);
    }
}
