//! Instants as people and other programs read them: UTC.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;
use vg_core::UnixMicros;

/// The instant as a calendar has it, UTC. What lies beyond the calendar (hundreds of millennia away) shows as the
/// epoch.
pub fn civil(at: UnixMicros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.0).unwrap_or_default()
}

/// ISO 8601 with `+00:00`; microseconds are written when there are any: `2026-01-31T08:00:00.250000+00:00`.
pub(crate) fn iso_8601(at: UnixMicros) -> String {
    let at = civil(at);
    let has_fraction = at.timestamp_subsec_micros() != 0;
    at.to_rfc3339_opts(if has_fraction { SecondsFormat::Micros } else { SecondsFormat::Secs }, false)
}

/// Serializes an instant as ISO 8601.
pub(crate) fn serialize<S: Serializer>(at: &UnixMicros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso_8601(*at))
}

/// Serializes an instant that may not have come as ISO 8601 or `null`.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(crate) fn serialize_known<S: Serializer>(
    at: &Option<UnixMicros>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize(at, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_written_when_there_are_any() {
        assert_eq!(iso_8601(UnixMicros(1_767_225_600_000_000)), "2026-01-01T00:00:00+00:00");
        assert_eq!(iso_8601(UnixMicros(1_767_225_600_250_000)), "2026-01-01T00:00:00.250000+00:00");
        assert_eq!(iso_8601(UnixMicros(-1)), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(iso_8601(UnixMicros(i64::MAX)), "1970-01-01T00:00:00+00:00");
    }
}
