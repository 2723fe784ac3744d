//! A model's prices in the units people compare them in.

use serde::Serialize;

use super::block::{ConditionalBlock, PriceBlock, Rate, RateKind};
use super::book::ModelPrice;
use super::calendar::{Date, Timestamp};
use super::error::PriceError;
use super::freshness::Freshness;
use crate::decimal::Decimal;

/// Everything known about the price of a model, for display.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The id of the provider called.
    pub provider: String,
    /// The provider's name.
    pub provider_name: String,
    /// The model's id.
    pub model: String,
    /// The model's name, if it has one besides its id.
    pub model_name: Option<String>,
    /// The id of the provider whose list the model is from: another one after a fallback.
    pub model_provider: String,
    /// Whether the block in force has prices, and what it means if not.
    pub state: PriceState,
    /// The blocks, in published order; the last whose condition holds is in force, else the first.
    pub blocks: Vec<ExplainedBlock>,
    /// How far the price can be trusted.
    #[serde(flatten)]
    pub freshness: Freshness,
    /// Rates that the data set worked out rather than read from a price list.
    pub estimated_rates: Vec<String>,
    /// Whether the model is marked as deprecated.
    pub deprecated: bool,
    /// The page the price was read from: the model's, or else the provider's price list.
    pub source_url: Option<String>,
    /// The data set's remark on the price.
    pub comment: Option<String>,
    /// The data set and its version, as ledger lines name it.
    pub pricing_source: String,
    /// The hash of the price book.
    pub book_hash: String,
}

/// Whether a model has prices: three kinds of zero are not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceState {
    /// There are rates; a rate may be zero.
    Priced,
    /// Published as free of charge.
    Free,
    /// The model is known and its price is not: nothing about its cost can be said.
    Unpriced,
}

/// One set of rates and when it is in force.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedBlock {
    /// When the block applies, e.g. `from 2026-03-13`; nothing if always.
    pub condition: Option<String>,
    /// Whether it is the one in force at the time asked for.
    pub in_force: bool,
    /// The rates.
    pub rates: Vec<ExplainedRate>,
    /// Factors on the price of speech, by class of voice.
    pub voice_multipliers: Vec<VoiceMultiplier>,
}

/// A factor on the price of speech.
#[derive(Debug, Clone, Serialize)]
pub struct VoiceMultiplier {
    /// The class of voice; `default` when the caller names none.
    pub class: String,
    /// The factor.
    pub multiplier: Decimal,
}

/// A rate in US dollars per unit.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedRate {
    /// The name in the price data, e.g. `input_mtok`.
    pub rate: &'static str,
    /// What is charged, e.g. `input`, `cached input`, `audio in`.
    pub charged: &'static str,
    /// What the price is per: `1M tokens`, `1M characters`, `minute`, `1K requests`.
    pub unit: &'static str,
    /// The price, of the lowest tier if there are several.
    pub usd: Decimal,
    /// Prices of longer prompts, for the whole quantity.
    pub tiers: Vec<ExplainedTier>,
}

/// The price above a length of the prompt.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedTier {
    /// The prompt must be longer than this many tokens.
    pub above_input_tokens: Decimal,
    /// The price per unit.
    pub usd: Decimal,
}

impl ModelPrice<'_> {
    /// Sets out the model's prices as they are at a time, and how fresh they are on a day.
    ///
    /// # Errors
    /// [`PriceError::NaiveTimestamp`] where the time of day decides and the timestamp has no offset.
    pub fn explain(&self, at: Timestamp, today: Date) -> Result<Explanation, PriceError> {
        let (index, in_force) = self.model.prices.in_force(at)?;
        let state = match (self.model.free, in_force.is_empty()) {
            (true, true) => PriceState::Free,
            (false, true) => PriceState::Unpriced,
            (_, false) => PriceState::Priced,
        };
        let notes = self.model.notes.as_deref();
        let source_url =
            notes.and_then(|notes| notes.source_url.as_deref()).or(self.owner.pricing_url.as_deref());
        Ok(Explanation {
            provider: self.provider().to_owned(),
            provider_name: self.provider.name.to_string(),
            model: self.model().to_owned(),
            model_name: notes.and_then(|notes| notes.name.as_deref()).map(str::to_owned),
            model_provider: self.model_provider().to_owned(),
            state,
            blocks: self
                .model
                .prices
                .blocks()
                .enumerate()
                .map(|(position, block)| explained_block(block, position == index.unwrap_or(0)))
                .collect(),
            freshness: self.freshness(today),
            estimated_rates: self
                .model
                .provenance
                .iter()
                .flat_map(|provenance| &provenance.estimated_fields)
                .map(ToString::to_string)
                .collect(),
            deprecated: self.model.deprecated,
            source_url: source_url.map(str::to_owned),
            comment: notes.and_then(|notes| notes.comment.as_deref()).map(str::to_owned),
            pricing_source: self.book.pricing_source(),
            book_hash: self.book.hash().to_owned(),
        })
    }
}

fn explained_block(entry: &ConditionalBlock, in_force: bool) -> ExplainedBlock {
    let multipliers = entry.block.voice_multipliers.iter().flat_map(|multipliers| &multipliers.classes);
    ExplainedBlock {
        condition: entry.constraint.map(|constraint| constraint.to_string()),
        in_force,
        rates: explained_rates(&entry.block),
        voice_multipliers: multipliers
            .map(|(class, multiplier)| VoiceMultiplier {
                class: class.to_string(),
                multiplier: multiplier.clone(),
            })
            .collect(),
    }
}

fn explained_rates(block: &PriceBlock) -> Vec<ExplainedRate> {
    let rates = RateKind::ALL.into_iter().filter_map(|kind| Some((kind, block.get(kind)?)));
    rates
        .map(|(kind, rate)| {
            let (base, tiers) = match rate {
                Rate::Flat(price) => (price, &[][..]),
                Rate::Tiered(tiers) => (&tiers.base, &*tiers.tiers),
            };
            let (charged, unit) = kind.words();
            ExplainedRate {
                rate: kind.name(),
                charged,
                unit,
                usd: kind.per_unit(base),
                tiers: tiers
                    .iter()
                    .map(|tier| ExplainedTier {
                        above_input_tokens: tier.start.clone(),
                        usd: kind.per_unit(&tier.price),
                    })
                    .collect(),
            }
        })
        .collect()
}

impl RateKind {
    /// What is charged, and the unit people compare its price in.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InputMtok => ("input", "1M tokens"),
            Self::CacheWriteMtok => ("cache write", "1M tokens"),
            Self::CacheReadMtok => ("cached input", "1M tokens"),
            Self::OutputMtok => ("output", "1M tokens"),
            Self::InputAudioMtok => ("audio input", "1M tokens"),
            Self::CacheAudioReadMtok => ("cached audio input", "1M tokens"),
            Self::OutputAudioMtok => ("audio output", "1M tokens"),
            Self::RequestsKcount => ("requests", "1K requests"),
            Self::InputKchars => ("text to speak", "1M characters"),
            Self::InputAudioKseconds => ("audio input", "minute"),
            Self::OutputAudioKseconds => ("audio output", "minute"),
            Self::AgentKminutes => ("agent", "minute"),
            Self::TelephonyKminutes => ("telephony", "minute"),
        }
    }

    /// Turns a published rate into dollars per the unit of [`RateKind::words`].
    #[must_use]
    pub fn per_unit(self, published: &Decimal) -> Decimal {
        match self {
            Self::InputKchars => published * &Decimal::from(1_000_u64),
            Self::InputAudioKseconds | Self::OutputAudioKseconds => {
                (published * &Decimal::from(60_u64)).divided_by_power_of_ten(3)
            }
            Self::AgentKminutes | Self::TelephonyKminutes => published.divided_by_power_of_ten(3),
            _ => published.clone(),
        }
    }
}
