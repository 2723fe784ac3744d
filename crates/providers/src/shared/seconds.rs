//! Durations as providers write them: seconds as a JSON number.

/// Whole nanoseconds of a number of seconds; `None` for what is not a duration (negative, not finite, absurd).
pub fn to_nanos(seconds: f64) -> Option<u64> {
    let nanos = (seconds * 1e9).round();
    (seconds.is_finite() && (0.0..9.0e18).contains(&nanos)).then_some(nanos as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_duration_is_nothing() {
        assert_eq!(to_nanos(25.933313), Some(25_933_313_000));
        assert_eq!(to_nanos(-1.0), None);
        assert_eq!(to_nanos(f64::NAN), None);
        assert_eq!(to_nanos(1e300), None);
    }
}
