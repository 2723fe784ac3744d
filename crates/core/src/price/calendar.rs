//! Dates and timestamps as far as prices need them: civil dates, wall-clock times with an optional offset from UTC.
//!
//! There is no clock and no time zone database here: a timestamp is passed in.

use std::fmt;
use std::str::FromStr;

use crate::UnixMicros;

const MICROSECONDS_PER_SECOND: i64 = 1_000_000;
const MICROSECONDS_PER_DAY: i64 = 86_400 * MICROSECONDS_PER_SECOND;

/// Why a text is not a date, a time of day or a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct CalendarError {
    text: Box<str>,
    expected: &'static str,
}

impl CalendarError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(100).collect(), expected }
    }
}

/// A day of the Gregorian calendar, years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    days_since_1970: i32,
}

impl Date {
    /// Days from `earlier` to this day, negative if it is later.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        i64::from(self.days_since_1970) - i64::from(earlier.days_since_1970)
    }

    fn from_civil(year: i64, month: i64, day: i64) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
            return None;
        }
        // Years are counted from March, so that the leap day is the last of its year.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let days =
            365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year;
        // 719_468 days lie between 0000-03-01 and 1970-01-01.
        Some(Self { days_since_1970: i32::try_from(days - 719_468).ok()? })
    }

    fn to_civil(self) -> (i64, i64, i64) {
        let days = i64::from(self.days_since_1970) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let year = era * 400 + year_of_era;
        if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.to_civil();
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = CalendarError;

    /// Reads `2026-11-15`.
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        parse_date(text).ok_or_else(|| CalendarError::new(text, "a date like 2026-11-15"))
    }
}

impl serde::Serialize for Date {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A time of day with its offset from UTC, in microseconds after midnight UTC.
///
/// The offset is subtracted without wrapping into one day, as Python compares times of day: 20:00-05:00 is 25:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay {
    utc_microseconds: i64,
}

impl FromStr for TimeOfDay {
    type Err = CalendarError;

    /// Reads `16:30:00Z` or `18:30:00+02:00`; the offset is required.
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let parsed = parse_time(text)
            .and_then(|(local, offset)| Some(local - i64::from(offset?) * MICROSECONDS_PER_SECOND));
        let utc_microseconds =
            parsed.ok_or_else(|| CalendarError::new(text, "a time of day with an offset, like 16:30:00Z"))?;
        Ok(Self { utc_microseconds })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.utc_microseconds / MICROSECONDS_PER_SECOND;
        write!(formatter, "{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// A wall-clock time in microseconds, with its offset from UTC or naive (without one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    local_microseconds: i64,
    offset_seconds: Option<i32>,
}

impl Timestamp {
    /// Makes a UTC timestamp from microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_microseconds(microseconds: i64) -> Self {
        Self { local_microseconds: microseconds, offset_seconds: Some(0) }
    }

    /// The date on the wall where the timestamp was taken, not the date in UTC.
    #[must_use]
    pub fn local_date(self) -> Date {
        let days = self.local_microseconds.div_euclid(MICROSECONDS_PER_DAY);
        Date { days_since_1970: i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }) }
    }

    /// Microseconds since 1970-01-01T00:00:00Z; a naive timestamp is taken as UTC.
    #[must_use]
    pub fn unix_microseconds(self) -> i64 {
        self.local_microseconds - i64::from(self.offset_seconds.unwrap_or(0)) * MICROSECONDS_PER_SECOND
    }

    /// The time of day in UTC, not wrapped into one day; `None` for a naive timestamp.
    #[must_use]
    pub fn time_of_day(self) -> Option<TimeOfDay> {
        let offset = i64::from(self.offset_seconds?) * MICROSECONDS_PER_SECOND;
        Some(TimeOfDay {
            utc_microseconds: self.local_microseconds.rem_euclid(MICROSECONDS_PER_DAY) - offset,
        })
    }
}

impl From<UnixMicros> for Timestamp {
    fn from(instant: UnixMicros) -> Self {
        Self::from_unix_microseconds(instant.0)
    }
}

impl FromStr for Timestamp {
    type Err = CalendarError;

    /// Reads ISO 8601: a date, optionally `T` or a space and a time, optionally an offset; digits of a second
    /// beyond the sixth are dropped.
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let parsed = (|| {
            let (date, rest) = text.split_at_checked(10)?;
            let (time, offset_seconds) = match rest.strip_prefix(['T', 't', ' ']) {
                Some(time) => parse_time(time)?,
                None if rest.is_empty() => (0, None),
                None => return None,
            };
            let days = i64::from(parse_date(date)?.days_since_1970);
            Some(Self { local_microseconds: days * MICROSECONDS_PER_DAY + time, offset_seconds })
        })();
        parsed.ok_or_else(|| CalendarError::new(text, "a timestamp like 2026-11-15T12:00:00+00:00"))
    }
}

impl fmt::Display for Timestamp {
    /// Writes UTC, to the second; a naive timestamp is taken as UTC.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = Self::from_unix_microseconds(self.unix_microseconds());
        let seconds = utc.local_microseconds.rem_euclid(MICROSECONDS_PER_DAY) / MICROSECONDS_PER_SECOND;
        write!(
            formatter,
            "{}T{:02}:{:02}:{:02}Z",
            utc.local_date(),
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    Date::from_civil(number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?)
}

/// Reads `HH:MM[:SS[.ffffff]][Z|±HH:MM[:SS]]` as microseconds after midnight and offset in seconds.
fn parse_time(text: &str) -> Option<(i64, Option<i32>)> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(index) => {
            let (clock, offset) = text.split_at_checked(index)?;
            (clock, Some(parse_offset(offset)?))
        }
        None => (text, None),
    };
    let (clock, fraction) =
        clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let seconds = clock_seconds(clock)?;
    let microseconds = match fraction {
        // A fraction needs seconds to belong to.
        Some(_) if clock.len() != 8 => return None,
        Some(fraction) if fraction.bytes().all(|byte| byte.is_ascii_digit()) && !fraction.is_empty() => {
            format!("{fraction:0<6}").get(..6)?.parse().ok()?
        }
        Some(_) => return None,
        None => 0,
    };
    Some((seconds * MICROSECONDS_PER_SECOND + microseconds, offset))
}

fn parse_offset(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, clock) = match text.strip_prefix('-') {
        Some(clock) => (-1, clock),
        None => (1, text.strip_prefix('+')?),
    };
    Some(sign * i32::try_from(clock_seconds(clock)?).ok()?)
}

fn clock_seconds(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let (hours, minutes) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let seconds = parts.next().map_or(Some(0), |seconds| number(seconds, 2))?;
    (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let well_formed = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_millennia_survives_text() {
        let (first, last): (Date, Date) = ("0001-01-01".parse().unwrap(), "9999-12-31".parse().unwrap());
        assert_eq!(last.days_since(first), 3_652_058);
        for days_since_1970 in (first.days_since_1970..=last.days_since_1970).step_by(7) {
            let date = Date { days_since_1970 };
            assert_eq!(date.to_string().parse(), Ok(date));
        }
    }

    #[test]
    fn local_date_is_the_date_on_the_wall() {
        let stamp: Timestamp = "2026-03-13T00:30:00+14:00".parse().unwrap();
        assert_eq!(stamp.local_date(), "2026-03-13".parse().unwrap());
        assert_eq!(stamp.to_string(), "2026-03-12T10:30:00Z");
    }

    #[test]
    fn time_of_day_does_not_wrap() {
        let late: Timestamp = "2026-11-15T20:00:00-05:00".parse().unwrap();
        assert_eq!(late.time_of_day().unwrap().to_string(), "25:00:00Z");
        let naive: Timestamp = "2026-11-15T20:00:00".parse().unwrap();
        assert_eq!(naive.time_of_day(), None);
    }

    #[test]
    fn broken_timestamps_are_refused() {
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-11-15T24:00:00",
            "2026-11-15T12:00:00.",
            "2026-11-15T12:00:00+25:00",
            "2026-11-15T1:00:00",
            "2026-11-15x12:00:00",
            "+026-11-15",
            "2026-11-15T12:00.5",
            "2026-11-15é12:00:00",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        for text in ["16:30:00", "25:00:00Z", "16:30:00 Z"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }
}
