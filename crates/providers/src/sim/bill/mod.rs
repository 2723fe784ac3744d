//! The other side of the invoice: the simulators' own books, tariff, and the bills they print from them.
//!
//! What a provider's export and billing API look like is in its folder's `sim/bill.rs`.

mod accounts;
mod amount;
mod books;
mod csv;
mod desk;
mod history;
mod summary;
mod tariff;
#[cfg(test)]
mod tests;

pub(crate) use accounts::{Accounts, Charge, DAY, grouped, total, zulu};
pub(crate) use amount::Amount;
pub(crate) use books::{Books, ENTRIES_KEPT, Entry, Line, Tally};
pub(crate) use csv::row;
pub(crate) use desk::{Problem, answer, dimensions, page_size, page_start, question, token, values};
pub(crate) use history::load;
pub(crate) use tariff::{Tariff, Unit};

use super::Query;
use chrono::NaiveDate;
use serde_json::Value;

/// How a bill is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Json,
}

/// Which of a provider's exports is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was used.
    Usage,
    /// What it costs.
    Cost,
    /// The single requests.
    Requests,
    /// One row a model, in the columns of `voicegw reconcile`.
    Summary,
}

/// What is to be printed.
#[derive(Debug)]
pub(crate) struct Order {
    pub format: Format,
    pub kind: Kind,
    /// The first day.
    pub start: NaiveDate,
    /// The last day, included.
    pub end: NaiveDate,
    /// Which of several usage exports, where a provider has them.
    pub endpoint: Option<String>,
}

/// A bill as it is downloaded.
pub(crate) enum Bill {
    Csv(String),
    Json(Value),
}

/// Prints a provider's own export; the error says what it does not have, or which price is missing.
type Printer = fn(&Accounts<'_>, &Order) -> Result<Bill, String>;

/// The providers that have exports of their own.
const PRINTERS: &[(&str, Printer)] = &[
    ("anthropic", crate::anthropic::sim::print_bill),
    ("cartesia", crate::cartesia::sim::print_bill),
    ("deepgram", crate::deepgram::sim::print_bill),
    ("elevenlabs", crate::elevenlabs::sim::print_bill),
    ("openai", crate::openai::sim::print_bill),
];

/// Prints the bill that a request's address asks for. Without dates it is all there is in the books.
pub(crate) fn print(accounts: &Accounts<'_>, query: &Query) -> Result<Bill, String> {
    let printer = PRINTERS.iter().find(|(name, _)| *name == accounts.provider).map(|(_, print)| *print);
    let kind = match query.get("kind") {
        None | Some("summary") => Kind::Summary,
        Some("usage") => Kind::Usage,
        Some("cost") => Kind::Cost,
        Some("requests") => Kind::Requests,
        Some(other) => return Err(format!("`kind` is summary, usage, cost or requests, not `{other}`")),
    };
    let format = match query.get("format") {
        None | Some("csv") => Format::Csv,
        Some("json") => Format::Json,
        Some(other) => return Err(format!("`format` is csv or json, not `{other}`")),
    };
    let (first, last) = accounts.span();
    let start = query.get("start").map_or(Ok(first), day)?;
    let end = query.get("end").map_or(Ok(last.max(start)), day)?;
    if end < start {
        return Err(format!("`end` ({end}) is before `start` ({start})"));
    }
    let order = Order { format, kind, start, end, endpoint: query.get("endpoint").map(str::to_owned) };
    match printer {
        Some(print) if kind != Kind::Summary => print(accounts, &order),
        _ => summary::print(accounts, &order),
    }
}

/// Reads a day such as `2026-11-01`.
fn day(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| format!("`{text}` is no day, write one as `2026-11-01`"))
}

/// The refusal to print what a provider does not offer.
pub(crate) fn not_offered(accounts: &Accounts<'_>, order: &Order, offers: &str) -> Result<Bill, String> {
    let (format, kind) = (order.format, order.kind);
    Err(format!("{} has no {kind:?} export as {format:?}, it has: {offers}", accounts.provider)
        .to_lowercase())
}
