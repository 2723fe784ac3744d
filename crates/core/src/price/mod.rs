//! The price engine: which published price a model has, and what a usage costs under it.
//!
//! A [`Book`] is a set of prices loaded from JSON. [`Book::find`] resolves a reference to a [`ModelPrice`], and
//! [`ModelPrice::rate`] prices a [`PriceUsage`] in exact decimal arithmetic. Everything is pure: no clock, no I/O,
//! no cache. Which reference a request means is not decided here. A [`Tariff`] is a book with the owner's overrides over
//! it and a supplement beneath; it turns usage into money.

mod agreed;
mod block;
mod book;
mod calendar;
mod clause;
mod diff;
mod error;
mod explain;
mod freshness;
mod load;
mod python_text;
mod rate;
mod tariff;
mod usage;
pub mod vector;

pub use agreed::{AgreedRates, Override, Terms};
pub use block::RateKind;
pub use book::{Book, ModelKey, ModelPrice, PriceRef};
pub use calendar::{CalendarError, Date, TimeOfDay, Timestamp};
pub use diff::{Change, Difference, ModelChange, RateChange};
pub use error::{BookError, NoPrice, PriceError, VectorError};
pub use explain::{ExplainedBlock, ExplainedRate, ExplainedTier, Explanation, PriceState, VoiceMultiplier};
pub use freshness::{Confidence, Freshness, PriceOrigin, VerificationStatus};
pub use rate::{Meter, Part, Parts, Rated, Unpriced};
pub use tariff::{Charge, Metered, Product, Quote, Stamp, Tariff};
pub use usage::{PriceUsage, Quantity};
