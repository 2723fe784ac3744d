//! The price book as the causes of a difference ask it.

use super::causes::Prices;
use vg_core::{
    Modality, Money, UnixMicros, Usage,
    price::Book,
    provider::{PriceQuery, PriceRef, Provider},
};

/// The prices of one provider in a book.
pub(super) struct BookPrices<'a> {
    pub book: &'a Book,
    pub provider: &'a dyn Provider,
}

impl BookPrices<'_> {
    fn reference(&self, model: &str, modality: Modality) -> Option<(&'static str, String)> {
        // A bill tells neither language nor voice; audio and text of agents are streamed.
        let query = PriceQuery { model, streaming: modality != Modality::Llm, ..PriceQuery::default() };
        match self.provider.price_ref(&query) {
            PriceRef::Book { provider, model, .. } => Some((provider, model)),
            PriceRef::Local | PriceRef::Unpriced(_) => None,
        }
    }
}

impl Prices for BookPrices<'_> {
    fn cost(&self, model: &str, modality: Modality, usage: &Usage, at: UnixMicros) -> Option<Money> {
        let (provider, model) = self.reference(model, modality)?;
        let reference = vg_core::price::PriceRef { provider: Some(provider), url: None, model: &model };
        let price = self.book.find(&reference).ok()?;
        let mut billed = vg_core::price::PriceUsage::new();
        use vg_core::{Quantity as Q, price::Quantity as P};
        for (quantity, term) in [
            (Q::InputTokens, P::InputTokens),
            (Q::CachedInputTokens, P::CacheReadTokens),
            (Q::CacheWriteTokens, P::CacheWriteTokens),
            (Q::OutputTokens, P::OutputTokens),
            (Q::Characters, P::Characters),
        ] {
            if let Some(value) = usage.value(quantity) {
                billed.set(term, vg_core::decimal::Decimal::from(value));
            }
        }
        if let Some(nanos) = usage.value(Q::AudioNanos) {
            billed.set(P::AudioInputSeconds, vg_core::decimal::Decimal::from_scaled(nanos, 9));
        }
        let rated = price.rate(&billed, vg_core::price::Timestamp::from_unix_microseconds(at.0)).ok()?;
        rated.total.to_scaled_integer(Money::SCALE).map(Money).ok()
    }

    fn revisions(&self, model: &str, modality: Modality) -> Vec<(String, UnixMicros)> {
        let _ = (model, modality);
        Vec::new()
    }
}
