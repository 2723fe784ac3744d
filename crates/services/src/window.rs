//! Windows of time. A day is a UTC day, for budgets and reports alike.

use crate::{Error, civil};
use chrono::{NaiveDate, NaiveTime};
use serde::Serialize;
use vg_core::UnixMicros;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// From one instant on, up to another one; an end that is `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// The first instant inside.
    pub since: Option<UnixMicros>,
    /// The first instant behind it.
    pub until: Option<UnixMicros>,
}

impl Window {
    /// Reads a first and a last UTC day, each written as `YYYY-MM-DD` and inside; one that is `None` is open.
    ///
    /// # Errors
    /// [`Error::NotADay`] and [`Error::BackwardDays`].
    pub fn of_days(first: Option<&str>, last: Option<&str>) -> Result<Window, Error> {
        let (first, last) = (first.map(day).transpose()?, last.map(day).transpose()?);
        if let (Some(first), Some(last)) = (first, last)
            && last < first
        {
            return Err(Error::BackwardDays { first, last });
        }
        Ok(Window {
            since: first.map(midnight),
            until: last.map(|last| UnixMicros(midnight(last).0 + MICROS_PER_DAY)),
        })
    }
}

/// A window named after how far it reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// The UTC day.
    #[default]
    Today,
    /// That day and the 6 before it.
    Week,
    /// That day and the 29 before it.
    Month,
    /// Everything.
    All,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Period; 4] = [Period::Today, Period::Week, Period::Month, Period::All];

    /// The word used in every API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Period::Today => "today",
            Period::Week => "week",
            Period::Month => "month",
            Period::All => "all",
        }
    }

    /// The window as seen at `now`; it ends with the current day.
    pub const fn window(self, now: UnixMicros) -> Window {
        let days_before = match self {
            Period::Today => 0,
            Period::Week => 6,
            Period::Month => 29,
            Period::All => return Window { since: None, until: None },
        };
        let midnight = now.0 - now.0.rem_euclid(MICROS_PER_DAY);
        Window {
            since: Some(UnixMicros(midnight - days_before * MICROS_PER_DAY)),
            until: Some(UnixMicros(midnight + MICROS_PER_DAY)),
        }
    }
}

/// Whole UTC days, the first and the last one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    first: NaiveDate,
    last: NaiveDate,
}

impl Days {
    /// Reads two days, each written as `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`Error::NotADay`] and [`Error::BackwardDays`].
    pub fn parse(first: &str, last: &str) -> Result<Days, Error> {
        let (first, last) = (day(first)?, day(last)?);
        if last < first { Err(Error::BackwardDays { first, last }) } else { Ok(Days { first, last }) }
    }

    /// The days of a period as seen at `now`; `None` when it has no first day.
    pub fn of(period: Period, now: UnixMicros) -> Option<Days> {
        let first = civil(period.window(now).since?).date_naive();
        Some(Days { first, last: civil(now).date_naive() })
    }

    /// From the first day to the last one, which does not lie before it.
    pub(crate) const fn of_dates(first: NaiveDate, last: NaiveDate) -> Days {
        Days { first, last }
    }

    /// The first day.
    pub const fn first(&self) -> NaiveDate {
        self.first
    }

    /// The last day.
    pub const fn last(&self) -> NaiveDate {
        self.last
    }

    /// From the first instant of the first day to the last one of the last day.
    pub fn window(&self) -> Window {
        Window {
            since: Some(midnight(self.first)),
            until: Some(UnixMicros(midnight(self.last).0 + MICROS_PER_DAY)),
        }
    }
}

/// The first instant of a day.
pub(crate) fn midnight(day: NaiveDate) -> UnixMicros {
    UnixMicros(day.and_time(NaiveTime::MIN).and_utc().timestamp_micros())
}

fn day(given: &str) -> Result<NaiveDate, Error> {
    // The parser lets short forms and signs through; a day has exactly one way to be written.
    let day = NaiveDate::parse_from_str(given, "%Y-%m-%d").ok();
    day.filter(|day| day.format("%Y-%m-%d").to_string() == given)
        .ok_or_else(|| Error::NotADay { given: given.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_utc_days() {
        // 2026-03-01T23:59:59.999999Z, the last instant of its day.
        let now = UnixMicros(1_772_409_599_999_999);
        let window = |first, last| Some(Days::parse(first, last).unwrap().window());
        let of = |period: Period| Some(period.window(now));
        assert_eq!(of(Period::Today), window("2026-03-01", "2026-03-01"));
        assert_eq!(of(Period::Week), window("2026-02-23", "2026-03-01"));
        assert_eq!(of(Period::Month), window("2026-01-31", "2026-03-01"));
        assert_eq!(Period::All.window(now), Window::default());
        assert_eq!(Period::Today.window(UnixMicros(now.0 + 1)).since, Period::Today.window(now).until);
        assert_eq!(Days::of(Period::Week, now).unwrap(), Days::parse("2026-02-23", "2026-03-01").unwrap());
    }

    #[test]
    fn a_day_is_written_in_one_way() {
        for wrong in ["", "today", "2026-1-1", "2026-02-30", "2026-01-01T00:00", "+2026-01-01", " 2026-01-01"]
        {
            assert!(matches!(Days::parse(wrong, "2026-01-01"), Err(Error::NotADay { .. })), "{wrong}");
        }
        assert!(matches!(Days::parse("2026-01-02", "2026-01-01"), Err(Error::BackwardDays { .. })));
        let backward = Window::of_days(Some("2026-01-02"), Some("2026-01-01"));
        assert!(matches!(backward, Err(Error::BackwardDays { .. })));
    }

    #[test]
    fn an_end_that_is_not_given_is_open() {
        let january = Days::parse("2026-01-01", "2026-01-31").unwrap().window();
        assert_eq!(Window::of_days(Some("2026-01-01"), Some("2026-01-31")).unwrap(), january);
        assert_eq!(Window::of_days(Some("2026-01-01"), None).unwrap(), Window { until: None, ..january });
        assert_eq!(Window::of_days(None, Some("2026-01-31")).unwrap(), Window { since: None, ..january });
    }
}
