//! Instants as the ledger keeps them. Clocks are read elsewhere.

/// An instant: microseconds since 1970-01-01T00:00:00Z. Differences of two of these are not durations (the
/// wall clock may step); durations are measured on a monotonic clock and stored beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixMicros(pub i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;

impl UnixMicros {
    /// The whole hours since the epoch: the bucket of the hourly rollups.
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(MICROS_PER_HOUR)
    }

    /// The first instant of an hour bucket.
    pub const fn from_hour(hour: i64) -> UnixMicros {
        UnixMicros(hour.saturating_mul(MICROS_PER_HOUR))
    }

    /// Milliseconds since the epoch, rounded down; negative instants count as 0. The time part of a UUIDv7.
    pub const fn millis(self) -> u64 {
        if self.0 < 0 { 0 } else { (self.0 / 1_000).unsigned_abs() }
    }

    /// Seconds since the epoch as a float, for the `timestamp` column other tools read.
    pub fn seconds_f64(self) -> f64 {
        self.0 as f64 / MICROS_PER_SECOND as f64
    }
}
