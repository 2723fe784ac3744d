//! Every listed price, in the units people compare prices in.

use serde::Serialize;
use vg_core::price::{
    Book, ExplainedRate, Freshness, ModelPrice, PriceError, PriceState, RateKind, Tariff, Timestamp,
};

/// Which prices to list.
#[derive(Debug, Clone, Default)]
pub struct ListArgs {
    /// Only this provider, by its id in the price data.
    pub provider: Option<String>,
    /// Only models of this kind; see [`ListedPrice::modality`].
    pub modality: Option<String>,
}

/// A model and what it costs now.
#[derive(Debug, Clone, Serialize)]
pub struct ListedPrice {
    /// The provider's id.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// What the rates show it is for: `stt`, `llm`, `tts`, `s2s`, `agent` or `telephony`; `None` without rates.
    pub modality: Option<&'static str>,
    /// Whether it has rates.
    pub state: PriceState,
    /// The rates in force.
    pub rates: Vec<ExplainedRate>,
    /// How far they can be trusted.
    #[serde(flatten)]
    pub freshness: Freshness,
    /// Whether the model is marked as deprecated.
    pub deprecated: bool,
    /// Where the price is from, as ledger lines name it.
    pub pricing_source: String,
}

/// What the rates of a model show that it is for.
pub const MODALITIES: [&str; 6] = ["stt", "llm", "tts", "s2s", "agent", "telephony"];

/// Lists a tariff's prices as they are at a time: the book's, then those that its supplement adds.
///
/// # Errors
/// [`PriceError::NaiveTimestamp`] where the time of day decides and the time has no offset.
pub fn price_list(tariff: &Tariff, args: &ListArgs, at: Timestamp) -> Result<Vec<ListedPrice>, PriceError> {
    let books = std::iter::once(tariff.book()).chain(tariff.supplement());
    let prices = books.flat_map(|book: &std::sync::Arc<Book>| book.prices());
    let of_provider = prices
        .filter(|price| args.provider.as_deref().is_none_or(|id| id.eq_ignore_ascii_case(price.provider())));
    let listed = of_provider.map(|price| listed(&price, at)).collect::<Result<Vec<_>, _>>()?;
    let modality = args.modality.as_deref();
    Ok(listed.into_iter().filter(|price| modality.is_none_or(|word| price.modality == Some(word))).collect())
}

fn listed(price: &ModelPrice<'_>, at: Timestamp) -> Result<ListedPrice, PriceError> {
    let explained = price.explain(at, at.local_date())?;
    let rates: Vec<_> =
        explained.blocks.into_iter().filter(|block| block.in_force).flat_map(|block| block.rates).collect();
    Ok(ListedPrice {
        provider: explained.provider,
        model: explained.model,
        modality: modality(&rates),
        state: explained.state,
        rates,
        freshness: explained.freshness,
        deprecated: explained.deprecated,
        pricing_source: explained.pricing_source,
    })
}

/// The rule of the data set's own pages, in its order; speech alone that is billed in tokens is speech too.
fn modality(rates: &[ExplainedRate]) -> Option<&'static str> {
    let has = |kind: RateKind| rates.iter().any(|rate| rate.rate == kind.name());
    if has(RateKind::TelephonyKminutes) {
        Some("telephony")
    } else if has(RateKind::AgentKminutes) {
        Some("agent")
    } else if has(RateKind::InputAudioMtok) && has(RateKind::OutputAudioMtok) {
        Some("s2s")
    } else if [RateKind::InputKchars, RateKind::OutputAudioKseconds, RateKind::OutputAudioMtok]
        .into_iter()
        .any(has)
    {
        Some("tts")
    } else if has(RateKind::InputAudioKseconds) {
        Some("stt")
    } else {
        rates.iter().any(|rate| rate.rate.ends_with("_mtok")).then_some("llm")
    }
}
