//! The ledger held against a provider's bill: where they differ, by how much, and why.
//!
//! Three things are compared: what the ledger counted, priced by the price book; what the provider counted; and what
//! the provider charges. [`reconcile`] is pure but for reading the ledger; what it finds can be kept ([`keep`]), and
//! its period closed ([`close`]).

mod causes;
mod compare;
mod correct;
mod history;
mod names;
mod number;
mod pricing;
mod report;
mod requests;
mod side;
#[cfg(test)]
mod tests;

pub use causes::{Cause, Reason};
pub use compare::Model;
pub use correct::{Corrected, correct};
pub use history::{Kept, close, closed, get, history, keep};
pub use report::{Report, ReportRow, Total};
pub use requests::{Requests, Unmatched, requests};
pub use side::Unit;

use crate::{Days, Error, Ledger};
use compare::{DAY, Frame};
use vg_core::{Money, UnixMicros, config::Tolerances, price::Book, provider::Provider};
use vg_providers::statement::Row;
use vg_store::CostQuery;

/// What to reconcile.
#[derive(Clone)]
pub struct Asked<'a> {
    /// Whose bill it is.
    pub provider: &'a dyn Provider,
    /// The prices in force.
    pub book: &'a Book,
    /// The UTC days.
    pub days: Days,
    /// Only this model, as either side names it.
    pub model: Option<&'a str>,
    /// How far apart is too far.
    pub tolerances: Tolerances,
    /// What one of the provider's credits costs.
    pub usd_per_credit: Option<Money>,
}

/// Compares the ledger with the rows of a bill.
///
/// # Errors
/// [`Error::Off`] when there is to be no ledger; when it cannot be read.
pub async fn reconcile(ledger: &Ledger, asked: &Asked<'_>, rows: &[Row]) -> Result<Report, Error> {
    let window = asked.days.window();
    let (since, until) =
        (window.since.unwrap_or(UnixMicros(0)), window.until.unwrap_or(UnixMicros(i64::MAX)));
    let query = CostQuery {
        // Days of other zones reach beyond UTC's.
        since: Some(UnixMicros(since.0 - DAY)),
        until: Some(UnixMicros(until.0.saturating_add(DAY))),
        provider: Some(asked.provider.id().to_owned()),
        ..CostQuery::default()
    };
    let hours = match ledger {
        Ledger::Off => return Err(Error::Off),
        Ledger::NotBegun(_) => Vec::new(),
        Ledger::Open(reader) => reader.rollup_hours(&query).await?,
    };
    let frame = Frame {
        provider: asked.provider,
        book: asked.book,
        since,
        until,
        model: asked.model,
        usd_per_credit: asked.usd_per_credit,
    };
    let compared = frame.compare(&hours, rows);
    let causes =
        causes::causes(&compared, &pricing::BookPrices { book: asked.book, provider: asked.provider });
    Ok(Report::new(asked, &compared, causes))
}

/// A whole hour of a day, for messages about zones: `+05:00`.
fn zone_text(zone: i64) -> String {
    let sign = if zone < 0 { '-' } else { '+' };
    format!("{sign}{:02}:00", zone.abs())
}
