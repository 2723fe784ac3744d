//! What a period would have cost by other prices. Reads the ledger page by page and writes nothing.

use super::{reprice, reprice_by};
use crate::{Error, Ledger, Period, Window, price};
use indexmap::IndexMap;
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};
use vg_core::{Line, Money, UnixMicros, config::Config, price::Book};
use vg_store::{LineQuery, Order};

/// How many lines are in memory at once.
const PAGE: u32 = 1000;

/// Which lines to price again.
#[derive(Debug, Clone, Default)]
pub struct RepriceArgs {
    /// Over which days.
    pub period: Period,
    /// Over which days instead, when given.
    pub days: Option<Window>,
    /// Only this project.
    pub project: Option<String>,
}

/// The prices to go by.
#[derive(Debug, Clone, Copy)]
pub enum Basis<'a> {
    /// Those of a book alone.
    Book(&'a Book),
    /// Those that new requests are priced with: book, supplement and overrides of each line's project.
    Current(&'a Config),
}

impl Basis<'_> {
    fn price(&self, line: &Line) -> Option<Money> {
        match self {
            Basis::Book(book) => reprice(line, book),
            Basis::Current(config) => reprice_by(line, config),
        }
    }
}

/// What a period cost and what it would have cost. Both sums are over the requests that the other prices know; the
/// rest is counted beside them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repriced {
    /// Over which days: the word of a period, or `custom`.
    pub period: &'static str,
    /// Of which project; `None` is all of them.
    pub project: Option<String>,
    /// The sums.
    #[serde(flatten)]
    pub total: RepricedModel,
    /// By `provider/model`, the largest difference first.
    pub by_model: IndexMap<String, RepricedModel>,
}

/// What some requests cost and what they would have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RepricedModel {
    /// How many requests were priced again.
    pub requests: u64,
    /// What the ledger says they cost.
    #[serde(serialize_with = "price::serialize_known")]
    pub recorded: Money,
    /// What they would have cost.
    #[serde(serialize_with = "price::serialize_known")]
    pub repriced: Money,
    /// By how much that is more.
    #[serde(serialize_with = "price::serialize_known")]
    pub difference: Money,
    /// How many of them have no price in the ledger: they add nothing to `recorded`.
    pub newly_priced: u64,
    /// How many requests the other prices do not know; they are in neither sum.
    pub not_repriced: u64,
    /// What the ledger says those cost.
    #[serde(serialize_with = "price::serialize_known")]
    pub not_repriced_cost: Money,
}

impl RepricedModel {
    fn add(&mut self, recorded: Option<Money>, repriced: Option<Money>) {
        let before = recorded.unwrap_or(Money::ZERO);
        let Some(after) = repriced else {
            self.not_repriced += 1;
            self.not_repriced_cost = self.not_repriced_cost + before;
            return;
        };
        self.requests += 1;
        self.newly_priced += u64::from(recorded.is_none());
        self.recorded = self.recorded + before;
        self.repriced = self.repriced + after;
        self.difference = self.repriced + Money(-self.recorded.0);
    }
}

/// Prices the lines of a window again, as seen at `now`.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn reprice_summary(
    ledger: &Ledger,
    args: &RepriceArgs,
    basis: Basis<'_>,
    now: UnixMicros,
) -> Result<Repriced, Error> {
    let window = args.days.unwrap_or_else(|| args.period.window(now));
    let mut total = RepricedModel::default();
    let mut models: BTreeMap<String, RepricedModel> = BTreeMap::new();
    if let Some(reader) = ledger.reader() {
        let mut next = Some(LineQuery {
            since: window.since,
            until: window.until,
            project: args.project.clone(),
            order: Order::Oldest,
            limit: PAGE,
            ..LineQuery::default()
        });
        while let Some(query) = next {
            let page = reader.ledger_list(&query).await?;
            for line in &page {
                let repriced = basis.price(line);
                total.add(line.cost, repriced);
                match models.get_mut(&*line.model_id) {
                    Some(model) => model.add(line.cost, repriced),
                    None => models.entry(line.model_id.to_string()).or_default().add(line.cost, repriced),
                }
            }
            next = query.next_page(&page);
        }
    }
    let mut by_model: Vec<_> = models.into_iter().collect();
    by_model.sort_by_key(|(_, model)| Reverse(model.difference.0.unsigned_abs()));
    Ok(Repriced {
        period: if args.days.is_some() { "custom" } else { args.period.as_str() },
        project: args.project.clone(),
        total,
        by_model: by_model.into_iter().collect(),
    })
}
