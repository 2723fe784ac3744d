//! What changed between two price books, model by model, in the units people compare prices in.

use std::collections::BTreeMap;

use serde::Serialize;

use super::block::{ConditionalBlock, Rate, RateKind};
use super::book::{Book, ModelPrice};
use crate::decimal::Decimal;

/// What changed from one book to another one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The book before, as ledger lines name it.
    pub before: String,
    /// The hash of the book before.
    pub before_hash: String,
    /// The book after.
    pub after: String,
    /// The hash of the book after.
    pub after_hash: String,
    /// The models that changed, by provider and model.
    pub changes: Vec<ModelChange>,
    /// How many models have the same prices in both.
    pub unchanged: usize,
}

/// What changed of one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelChange {
    /// The provider's id.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// Which side has it.
    pub change: Change,
    /// The prices that differ; of a model that one side lacks, all of them.
    pub rates: Vec<RateChange>,
}

/// Which side has a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the book after.
    Added,
    /// Only the book before.
    Removed,
    /// Both, at other prices.
    Changed,
}

/// One price, before and after; a side that is `None` has none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateChange {
    /// When it applies, such as `from 2026-03-13`; `None` is always, or otherwise.
    pub condition: Option<String>,
    /// What is charged, such as `input` or `input, prompt above 200000 tokens`.
    pub charged: String,
    /// What the price is per, such as `1M tokens`.
    pub unit: &'static str,
    /// USD per unit before.
    pub before: Option<Decimal>,
    /// USD per unit after.
    pub after: Option<Decimal>,
}

/// The order of prices: by kind, then by tier.
type RateOrder = (usize, usize);
/// A price within a model: condition, order, what is charged, unit.
type Place = (Option<String>, RateOrder, String, &'static str);

impl Book {
    /// What changed from this book to another one.
    #[must_use]
    pub fn difference(&self, after: &Self) -> Difference {
        let mut models: BTreeMap<_, (Option<ModelPrice<'_>>, Option<ModelPrice<'_>>)> = BTreeMap::new();
        for price in self.prices() {
            models.entry((price.provider(), price.model())).or_default().0 = Some(price);
        }
        for price in after.prices() {
            models.entry((price.provider(), price.model())).or_default().1 = Some(price);
        }
        let all = models.len();
        let changes: Vec<_> = models
            .into_iter()
            .filter_map(|((provider, model), (old, new))| {
                let change = match (old, new) {
                    (None, _) => Change::Added,
                    (_, None) => Change::Removed,
                    _ => Change::Changed,
                };
                let rates = changed(rates(old), rates(new));
                (change != Change::Changed || !rates.is_empty()).then(|| ModelChange {
                    provider: provider.to_owned(),
                    model: model.to_owned(),
                    change,
                    rates,
                })
            })
            .collect();
        Difference {
            before: self.pricing_source(),
            before_hash: self.hash().to_owned(),
            after: after.pricing_source(),
            after_hash: after.hash().to_owned(),
            unchanged: all - changes.len(),
            changes,
        }
    }
}

fn changed(mut old: BTreeMap<Place, Decimal>, new: BTreeMap<Place, Decimal>) -> Vec<RateChange> {
    let mut pairs: BTreeMap<Place, (Option<Decimal>, Option<Decimal>)> = BTreeMap::new();
    for (place, price) in new {
        let before = old.remove(&place);
        pairs.insert(place, (before, Some(price)));
    }
    pairs.extend(old.into_iter().map(|(place, price)| (place, (Some(price), None))));
    let differ = pairs.into_iter().filter(|(_, (before, after))| before != after);
    differ
        .map(|((condition, _, charged, unit), (before, after))| RateChange {
            condition,
            charged,
            unit,
            before,
            after,
        })
        .collect()
}

/// Every price of a model by its place.
fn rates(price: Option<ModelPrice<'_>>) -> BTreeMap<Place, Decimal> {
    let blocks = price.into_iter().flat_map(|price| price.model.prices.blocks());
    blocks.flat_map(block_rates).collect()
}

fn block_rates(entry: &ConditionalBlock) -> Vec<(Place, Decimal)> {
    let condition = entry.constraint.map(|constraint| constraint.to_string());
    let mut all = Vec::new();
    let mut add = |order: RateOrder, charged: String, unit, price| {
        all.push(((condition.clone(), order, charged, unit), price));
    };
    for (kind, rate) in RateKind::ALL.into_iter().filter_map(|kind| Some((kind, entry.block.get(kind)?))) {
        let (charged, unit) = kind.words();
        match rate {
            Rate::Flat(price) => add((kind as usize, 0), charged.to_owned(), unit, kind.per_unit(price)),
            Rate::Tiered(tiers) => {
                add((kind as usize, 0), charged.to_owned(), unit, kind.per_unit(&tiers.base));
                for (index, tier) in tiers.tiers.iter().enumerate() {
                    let charged = format!("{charged}, prompt above {} tokens", tier.start);
                    add((kind as usize, index + 1), charged, unit, kind.per_unit(&tier.price));
                }
            }
        }
    }
    for (class, factor) in entry.block.voice_multipliers.iter().flat_map(|all| &all.classes) {
        add((RateKind::ALL.len(), 0), format!("voice class {class}"), "times the price", factor.clone());
    }
    all
}
