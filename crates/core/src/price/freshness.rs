//! How far a price can be trusted: when it was last checked, and by whom.

use serde::Serialize;

use super::calendar::Date;

/// Where a model's prices come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceOrigin {
    /// Read from the provider's own price list by a program.
    Imported,
    /// Taken over when the data set began.
    Seed,
}

/// What is recorded about the checking of a model's prices.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenance {
    pub(super) last_verified: Option<Date>,
    pub(super) origin: Option<PriceOrigin>,
    pub(super) unanimous: bool,
    pub(super) estimated_fields: Vec<Box<str>>,
}

/// Whether a price has been verified and how long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerificationStatus {
    /// Verified within the provider's staleness threshold.
    Verified,
    /// Verified, but longer ago than that.
    Stale,
    /// Never verified; imported.
    Imported,
    /// Never verified; there from the start.
    Seed,
}

/// A grade of trust, not a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Never verified.
    Low,
    /// Verified long ago, or imported with every reviewer agreeing.
    Medium,
    /// Verified recently.
    High,
}

impl Confidence {
    /// The grade in lower case, e.g. `high`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The freshness of a price on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// Whether and how recently it was verified.
    pub verification_status: VerificationStatus,
    /// The grade of trust that follows.
    pub confidence: Confidence,
    /// The day it was last verified, if ever.
    pub last_verified: Option<Date>,
    /// Days since then; negative if that day is yet to come.
    pub age_days: Option<i64>,
    /// Whether that is longer ago than the provider's threshold.
    pub stale: bool,
}

impl Provenance {
    pub(super) fn freshness(&self, threshold_days: i64, today: Date) -> Freshness {
        let age_days = self.last_verified.map(|verified| today.days_since(verified));
        let stale = age_days.is_some_and(|age| age > threshold_days);
        let verification_status = match (age_days, self.origin) {
            (Some(_), _) if stale => VerificationStatus::Stale,
            (Some(_), _) => VerificationStatus::Verified,
            (None, Some(PriceOrigin::Imported)) => VerificationStatus::Imported,
            (None, _) => VerificationStatus::Seed,
        };
        let confidence = match verification_status {
            VerificationStatus::Verified => Confidence::High,
            VerificationStatus::Stale => Confidence::Medium,
            VerificationStatus::Imported if self.unanimous => Confidence::Medium,
            VerificationStatus::Imported | VerificationStatus::Seed => Confidence::Low,
        };
        Freshness { verification_status, confidence, last_verified: self.last_verified, age_days, stale }
    }
}
