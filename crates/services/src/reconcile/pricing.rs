//! The price book as the causes of a difference ask it.

use super::causes::Prices;
use crate::window::midnight;
use chrono::NaiveDate;
use vg_core::{
    Modality, Money, UnixMicros, Usage,
    price::{self, Book},
    provider::{PriceQuery, PriceRef, Provider},
};

/// The prices of one provider in a book.
pub(super) struct BookPrices<'a> {
    pub book: &'a Book,
    pub provider: &'a dyn Provider,
}

impl BookPrices<'_> {
    /// A bill tells neither language nor voice; audio and text of agents are streamed.
    fn reference(&self, model: &str, modality: Modality) -> PriceRef {
        let query = PriceQuery { model, streaming: modality != Modality::Llm, ..PriceQuery::default() };
        self.provider.price_ref(&query)
    }
}

impl Prices for BookPrices<'_> {
    fn cost(&self, model: &str, modality: Modality, usage: &Usage, at: UnixMicros) -> Option<Money> {
        self.book.cost(&self.reference(model, modality), usage, at).ok()
    }

    fn revisions(&self, model: &str, modality: Modality) -> Vec<(String, UnixMicros)> {
        let PriceRef::Book { provider, model, .. } = self.reference(model, modality) else {
            return Vec::new();
        };
        let reference = price::PriceRef { provider: Some(provider), url: None, model: &model };
        let Ok(found) = self.book.find(&reference) else { return Vec::new() };
        let dates: Vec<_> = found.revisions().filter_map(|date| date.to_string().parse().ok()).collect();
        // What holds before the first change is dated by the day before it.
        let before = dates.first().and_then(NaiveDate::pred_opt);
        before.into_iter().chain(dates).map(|date| (date.to_string(), midnight(date))).collect()
    }
}
