//! How amounts, times and durations look in tables.

use vg_core::{Money, UnixMicros};
use vg_services::civil;

/// An amount in USD with so many decimals, or that there is no price.
pub(crate) fn dollars(cost: Option<Money>, places: u32) -> String {
    let Some(cost) = cost else { return "unpriced".into() };
    let text = cost.to_fixed(places);
    text.strip_prefix('-').map_or_else(|| format!("${text}"), |amount| format!("-${amount}"))
}

/// A number of things: `1 request`, `2 requests`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Milliseconds, or a dash when not known.
pub(crate) fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.0}ms"))
}

/// The time of day, UTC.
pub(crate) fn time_of_day(at: UnixMicros) -> String {
    civil(at).format("%H:%M:%S").to_string()
}

/// Day and time, UTC.
pub(crate) fn day_and_time(at: UnixMicros) -> String {
    civil(at).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// From one instant to another, in the two largest units.
pub(crate) fn duration(from: UnixMicros, to: UnixMicros) -> String {
    let seconds = to.0.saturating_sub(from.0).max(0) / 1_000_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_sign_before_the_currency() {
        assert_eq!(dollars(Some(Money(12_550_000_000)), 4), "$0.0126");
        assert_eq!(dollars(Some(Money(-12_550_000_000)), 4), "-$0.0126");
        assert_eq!(dollars(Some(Money(0)), 4), "$0.0000");
        assert_eq!(dollars(None, 4), "unpriced");
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        for (seconds, shown) in [(0, "0s"), (59, "59s"), (60, "1m 00s"), (3599, "59m 59s"), (7380, "2h 03m")]
        {
            assert_eq!(duration(UnixMicros(5), UnixMicros(5 + seconds * 1_000_000)), shown);
        }
        assert_eq!(duration(UnixMicros(5), UnixMicros(0)), "0s");
    }
}
