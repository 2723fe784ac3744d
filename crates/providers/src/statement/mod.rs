//! What a provider says was used and what it charges: the rows of its bill, read from the documents it gives.
//!
//! Each provider's `export.rs` lists the formats it is known to give; the canonical columns, which every provider
//! can be brought into by hand, are read here. A document is recognised by its content, never by its name.

use std::sync::Arc;
use vg_core::{Modality, Money, UnixMicros, Usage, decimal::Decimal};

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
