//! What a provider says was used and what it charges: the rows of its bill, read from the documents it gives.
//!
//! Each provider's `export.rs` lists the formats it is known to give; the canonical columns, which every provider
//! can be brought into by hand, are read here. A document is recognised by its content, never by its name.

#[cfg(feature = "sim")]
#[cfg(test)]
mod bills_tests;
mod canonical;
mod document;
pub(crate) mod fetch;
#[cfg(feature = "sim")]
#[cfg(test)]
mod fetch_tests;
mod json;
mod place;
mod reading;
pub(crate) mod record;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use canonical::{Columns, tokens};
pub(crate) use document::listed;
pub use document::{BadDocument, Document};
pub use fetch::{Billing, BillingCall};
pub(crate) use reading::Reading;

use crate::registry;
use std::sync::Arc;
use vg_core::{Modality, Money, UnixMicros, Usage, decimal::Decimal};

/// What a provider gives to be checked against: its native formats, and its canonical columns.
#[derive(Clone, Copy)]
pub struct Export {
    /// What its bills are brought into by hand, one set of columns for each thing it bills, the usual one first.
    pub(crate) columns: &'static [Columns],
    /// What is downloaded from it, the most particular first.
    pub(crate) formats: &'static [Format],
    /// Fetches its bill; none where a provider has no API for it.
    pub(crate) billing: Option<&'static dyn Billing>,
}

/// One format of a provider.
pub struct Format {
    /// What it is called when it is spoken of.
    pub name: &'static str,
    /// Whether a document is of it.
    pub(crate) recognises: fn(&Document) -> bool,
    /// Reads a document of it.
    pub(crate) read: fn(&Document, &mut Reading) -> Result<(), BadDocument>,
}

/// What a provider's documents say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    /// The rows, in the order of the documents and of each of them.
    pub rows: Vec<Row>,
    /// What somebody should know who relies on them, as sentences.
    pub notes: Vec<String>,
    /// The formats that were recognised, each once, in the order they were met.
    pub formats: Vec<&'static str>,
}

/// Reads a provider's documents. One that is given twice is read once, and a request that stands in two is one request;
/// usage and cost of the same days are both kept, since [`Row::kind`] tells them apart.
///
/// # Errors
/// The first thing that is wrong in a document, and a document of no format that is known of this provider.
pub fn read(provider: &str, documents: &[Document]) -> Result<Statement, BadDocument> {
    let export = registry::export(provider).unwrap_or(Export { columns: &[], formats: &[], billing: None });
    let mut reading = Reading::default();
    for (position, document) in documents.iter().enumerate() {
        let same = documents.iter().take(position).find(|earlier| earlier.text() == document.text());
        if let Some(same) = same {
            reading.repeated(document, same);
            continue;
        }
        reading.begin();
        if let Some(format) = export.formats.iter().find(|format| (format.recognises)(document)) {
            (format.read)(document, &mut reading)?;
            reading.end(document, format.name);
        } else if !export.columns.is_empty() && canonical::resembles(document) {
            canonical::read(document, export.columns, &mut reading)?;
            reading.end(document, canonical::NAME);
        } else {
            return Err(unrecognised(provider, &export, document));
        }
    }
    Ok(reading.finish())
}

fn unrecognised(provider: &str, export: &Export, document: &Document) -> BadDocument {
    let mut known: Vec<&str> = export.formats.iter().map(|format| format.name).collect();
    let columns = canonical::described(export.columns);
    if export.columns.is_empty() {
        return document.bad_as_a_whole(format!("no export of the provider `{provider}` is known"));
    }
    known.push(&columns);
    document.bad_as_a_whole(format!(
        "this is no export of {provider} that is known: {}; known are: {}",
        document.seen(),
        known.join("; ")
    ))
}

/// What a document of a provider tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Quantities.
    Usage,
    /// Amounts. Quantities in it count only where no document of usage was given: both say the same.
    Cost,
    /// Quantities and amounts.
    Both,
    /// Single requests, with quantities and amounts as far as the provider tells them.
    Requests,
}

/// One row of a bill.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The document's name, as it was given.
    pub document: Arc<str>,
    /// The line of the document, from 1.
    pub line: u64,
    /// What kind of document it stands in.
    pub kind: Kind,
    /// From when to when (exclusive), where the row tells it. A single request begins and ends at its instant.
    pub span: Option<(UnixMicros, UnixMicros)>,
    /// The modality, where it is known.
    pub modality: Option<Modality>,
    /// The model as the provider names it, without the provider; empty for what is of no model, as a credit.
    pub model: String,
    /// Quantities in the ledger's units, all `provider_reported`.
    pub usage: Usage,
    /// How many requests, where the row tells it.
    pub requests: Option<u64>,
    /// The provider's own credits, where it bills in them.
    pub credits: Option<Decimal>,
    /// What is charged, in USD.
    pub amount: Option<Money>,
    /// How many decimals the document gives for the amount: it is right to half of the last.
    pub amount_places: u32,
    /// What it would have cost without discount, where the row tells it.
    pub list_amount: Option<Money>,
    /// The provider's id of the request, where the row is one.
    pub request_id: Option<String>,
    /// Who called, as the provider names it: a key's id or name, a project, a tag.
    pub account: Option<String>,
}
