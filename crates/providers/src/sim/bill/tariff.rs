//! What the simulated providers charge: dated prices, a discount, and where they cut their days.

use super::{
    amount::{Amount, Rate},
    books::Line,
};
use crate::sim::{Counts, FLICKS_PER_SECOND};
use chrono::{FixedOffset, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Tokens of the prompt that have no price of their own.
    InputTokens,
    /// Those read from the prompt cache.
    CachedInputTokens,
    /// Those written to the prompt cache.
    CacheWriteTokens,
    /// Audio tokens of the input.
    InputAudioTokens,
    /// Tokens made that have no price of their own.
    OutputTokens,
    /// Audio tokens made.
    OutputAudioTokens,
    Characters,
    /// Audio, counted in flicks and priced by the second.
    AudioSeconds,
    /// What a credit costs. A model that has this price has all its others in credits.
    Credits,
}

impl fmt::Display for Unit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(json!(self).as_str().unwrap_or_default())
    }
}

/// The price of a model's unit from a day on.
#[derive(Debug, Clone)]
struct Price {
    provider: String,
    /// A product, or with a closing `*` all whose names begin so.
    model: String,
    unit: Unit,
    text: String,
    per: u64,
    from: NaiveDate,
    rate: Rate,
}

impl Price {
    /// How well it fits a product: exactly, or by so many letters.
    fn fit(&self, provider: &str, product: &str) -> Option<usize> {
        if self.provider != provider {
            return None;
        }
        match self.model.strip_suffix('*') {
            Some(family) => product.starts_with(family).then_some(family.len()),
            None => (self.model == product).then_some(usize::MAX),
        }
    }
}

/// A number as text or as a JSON number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Decimal {
    Text(String),
    Number(serde_json::Number),
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decimal::Text(text) => out.write_str(text),
            Decimal::Number(number) => write!(out, "{number}"),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenPrice {
    provider: String,
    model: String,
    unit: Unit,
    price: Decimal,
    #[serde(default = "one")]
    per: u64,
    #[serde(default)]
    from: Option<String>,
}

fn one() -> u64 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    prices: Vec<GivenPrice>,
    discount_percent: Option<Decimal>,
    utc_offset: Option<String>,
}

/// A quantity and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub unit: Unit,
    /// Flicks for audio.
    pub quantity: u64,
    /// Where the provider counts in credits.
    pub credits: Option<Amount>,
    /// Dollars, the discount taken off.
    pub usd: Amount,
    /// Dollars before the discount.
    pub list: Amount,
}

/// All prices, later ones over earlier ones.
#[derive(Debug)]
pub(crate) struct Tariff {
    prices: Vec<Price>,
    discount_percent: String,
    kept: Rate,
    offset: FixedOffset,
}

impl Tariff {
    /// The list prices, no discount, days of UTC.
    pub(crate) fn new() -> Tariff {
        let prices = LIST.iter().filter_map(|(provider, model, unit, price, per)| {
            Some(Price {
                provider: (*provider).to_owned(),
                model: (*model).to_owned(),
                unit: *unit,
                text: (*price).to_owned(),
                per: *per,
                from: NaiveDate::MIN,
                rate: Rate::parse(price, *per).ok()?,
            })
        });
        let offset = FixedOffset::east_opt(0).unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc));
        Tariff { prices: prices.collect(), discount_percent: "0".to_owned(), kept: Rate::ONE, offset }
    }

    /// Takes what a JSON object says: all of it, or none and the text says what is wrong.
    pub(crate) fn set(&mut self, json: &[u8]) -> Result<(), String> {
        let given: Given = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let mut prices = Vec::new();
        for (place, given) in given.prices.into_iter().enumerate() {
            let wrong = |problem: String| format!("price {}: {problem}", place + 1);
            let text = given.price.to_string();
            let rate = Rate::parse(&text, given.per).map_err(wrong)?;
            let from = match &given.from {
                Some(day) => super::day(day).map_err(wrong)?,
                None => NaiveDate::MIN,
            };
            let Some(provider) = crate::sim::provider_named(&given.provider) else {
                return Err(wrong(format!("no provider `{}` is simulated", given.provider)));
            };
            let provider = provider.to_owned();
            prices.push(Price {
                provider,
                model: given.model,
                unit: given.unit,
                text,
                per: given.per,
                from,
                rate,
            });
        }
        let offset = match &given.utc_offset {
            Some(text) => text.parse().map_err(|_| {
                format!("`utc_offset` is an offset such as `-08:00` or `+05:30`, not `{text}`")
            })?,
            None => self.offset,
        };
        if let Some(percent) = given.discount_percent {
            let percent = percent.to_string();
            let kept = Rate::parse(&percent, 1).ok().and_then(Rate::taken_off);
            self.kept =
                kept.ok_or_else(|| format!("`discount_percent` is a number from 0 to 100, not `{percent}`"))?;
            self.discount_percent = percent;
        }
        self.offset = offset;
        self.prices.extend(prices);
        Ok(())
    }

    /// As `GET /__tariff` shows it.
    pub(crate) fn shown(&self) -> Value {
        let prices: Vec<Value> = self
            .prices
            .iter()
            .map(|price| {
                let from = (price.from != NaiveDate::MIN).then(|| price.from.to_string());
                json!({
                    "provider": price.provider, "model": price.model, "unit": price.unit,
                    "price": price.text, "per": price.per, "from": from,
                })
            })
            .collect();
        json!({
            "discount_percent": self.discount_percent, "utc_offset": self.offset.to_string(), "prices": prices,
        })
    }

    /// Where the providers' days are cut.
    pub(crate) fn offset(&self) -> FixedOffset {
        self.offset
    }

    fn rate(&self, line: &Line, unit: Unit, day: NaiveDate) -> Option<Rate> {
        let fitting = self.prices.iter().filter(|price| price.unit == unit && price.from <= day);
        let fitting = fitting
            .filter_map(|price| Some((price.fit(line.provider, &line.product)?, price.from, price.rate)));
        fitting.max_by_key(|(fit, from, _)| (*fit, *from)).map(|(_, _, rate)| rate)
    }

    /// What is billed of these counts, part by part. Tokens without a price of their own cost what the others cost.
    fn parts(&self, line: &Line, counts: Counts, day: NaiveDate) -> [(Unit, u64); 8] {
        let own = |unit: Unit, quantity: u64| self.rate(line, unit, day).map_or(0, |_| quantity);
        let cached = own(Unit::CachedInputTokens, counts.cached_input_tokens);
        let written = own(Unit::CacheWriteTokens, counts.cache_write_tokens);
        let heard = own(Unit::InputAudioTokens, counts.input_audio_tokens);
        let spoken = own(Unit::OutputAudioTokens, counts.output_audio_tokens);
        [
            (Unit::InputTokens, counts.input_tokens.saturating_sub(cached + written + heard)),
            (Unit::CachedInputTokens, cached),
            (Unit::CacheWriteTokens, written),
            (Unit::InputAudioTokens, heard),
            (Unit::OutputTokens, counts.output_tokens.saturating_sub(spoken)),
            (Unit::OutputAudioTokens, spoken),
            (Unit::Characters, counts.characters),
            (Unit::AudioSeconds, counts.audio_flicks),
        ]
    }

    /// What these counts cost on a day; the error names a price that nobody gave.
    pub(crate) fn costs(&self, line: &Line, counts: Counts, day: NaiveDate) -> Result<Vec<Cost>, String> {
        let credit = self.rate(line, Unit::Credits, day);
        let mut costs = Vec::new();
        for (unit, quantity) in self.parts(line, counts, day) {
            if quantity == 0 {
                continue;
            }
            let rate = self.rate(line, unit, day).ok_or_else(|| {
                format!(
                    "the tariff has no price for `{unit}` of `{}/{}` on {day}: give one with PUT /__tariff",
                    line.provider, line.product
                )
            })?;
            let rate = if unit == Unit::AudioSeconds { rate.per(FLICKS_PER_SECOND) } else { rate };
            let in_usd = credit.map_or(rate, |credit| rate.times(credit));
            costs.push(Cost {
                unit,
                quantity,
                credits: credit.map(|_| rate.of(quantity)),
                usd: in_usd.times(self.kept).of(quantity),
                list: in_usd.of(quantity),
            });
        }
        Ok(costs)
    }
}

const MILLION: u64 = 1_000_000;
const THOUSAND: u64 = 1_000;
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

/// List prices in dollars of 2026-08, by the unit that each provider's page lists, after the figures and source notes of
/// the product's price data: what is independent of the book is the arithmetic, not the figure. ElevenLabs and Cartesia
/// count in credits. ElevenLabs lists hearing in dollars an hour; here those are as many of its credits as cost the
/// same.
const LIST: &[(&str, &str, Unit, &str, u64)] = &[
    ("openai", "gpt-4.1", Unit::InputTokens, "2.00", MILLION),
    ("openai", "gpt-4.1", Unit::CachedInputTokens, "0.50", MILLION),
    ("openai", "gpt-4.1", Unit::OutputTokens, "8.00", MILLION),
    ("openai", "gpt-4.1-mini*", Unit::InputTokens, "0.40", MILLION),
    ("openai", "gpt-4.1-mini*", Unit::CachedInputTokens, "0.10", MILLION),
    ("openai", "gpt-4.1-mini*", Unit::OutputTokens, "1.60", MILLION),
    ("openai", "gpt-4.1-nano*", Unit::InputTokens, "0.10", MILLION),
    ("openai", "gpt-4.1-nano*", Unit::CachedInputTokens, "0.025", MILLION),
    ("openai", "gpt-4.1-nano*", Unit::OutputTokens, "0.40", MILLION),
    ("openai", "gpt-4o-mini", Unit::InputTokens, "0.15", MILLION),
    ("openai", "gpt-4o-mini", Unit::CachedInputTokens, "0.075", MILLION),
    ("openai", "gpt-4o-mini", Unit::OutputTokens, "0.60", MILLION),
    ("openai", "gpt-5-mini*", Unit::InputTokens, "0.25", MILLION),
    ("openai", "gpt-5-mini*", Unit::CachedInputTokens, "0.025", MILLION),
    ("openai", "gpt-5-mini*", Unit::OutputTokens, "2.00", MILLION),
    ("openai", "gpt-5-nano*", Unit::InputTokens, "0.05", MILLION),
    ("openai", "gpt-5-nano*", Unit::CachedInputTokens, "0.005", MILLION),
    ("openai", "gpt-5-nano*", Unit::OutputTokens, "0.40", MILLION),
    ("openai", "gpt-4o-mini-transcribe*", Unit::InputTokens, "1.25", MILLION),
    ("openai", "gpt-4o-mini-transcribe*", Unit::InputAudioTokens, "3.00", MILLION),
    ("openai", "gpt-4o-mini-transcribe*", Unit::OutputTokens, "5.00", MILLION),
    ("openai", "gpt-4o-transcribe*", Unit::InputTokens, "2.50", MILLION),
    ("openai", "gpt-4o-transcribe*", Unit::InputAudioTokens, "6.00", MILLION),
    ("openai", "gpt-4o-transcribe*", Unit::OutputTokens, "10.00", MILLION),
    ("openai", "gpt-4o-mini-tts*", Unit::InputTokens, "0.60", MILLION),
    ("openai", "gpt-4o-mini-tts*", Unit::OutputAudioTokens, "12.00", MILLION),
    ("openai", "gpt-4o-mini-tts*", Unit::OutputTokens, "12.00", MILLION),
    ("openai", "tts-1*", Unit::Characters, "15.00", MILLION),
    ("openai", "tts-1-hd*", Unit::Characters, "30.00", MILLION),
    ("openai", "whisper-1", Unit::AudioSeconds, "0.006", MINUTE),
    ("anthropic", "claude-haiku-4-5*", Unit::InputTokens, "1.00", MILLION),
    ("anthropic", "claude-haiku-4-5*", Unit::CachedInputTokens, "0.10", MILLION),
    ("anthropic", "claude-haiku-4-5*", Unit::CacheWriteTokens, "1.25", MILLION),
    ("anthropic", "claude-haiku-4-5*", Unit::OutputTokens, "5.00", MILLION),
    ("anthropic", "claude-sonnet-4*", Unit::InputTokens, "3.00", MILLION),
    ("anthropic", "claude-sonnet-4*", Unit::CachedInputTokens, "0.30", MILLION),
    ("anthropic", "claude-sonnet-4*", Unit::CacheWriteTokens, "3.75", MILLION),
    ("anthropic", "claude-sonnet-4*", Unit::OutputTokens, "15.00", MILLION),
    ("anthropic", "claude-opus-4-6*", Unit::InputTokens, "5.00", MILLION),
    ("anthropic", "claude-opus-4-6*", Unit::CachedInputTokens, "0.50", MILLION),
    ("anthropic", "claude-opus-4-6*", Unit::CacheWriteTokens, "6.25", MILLION),
    ("anthropic", "claude-opus-4-6*", Unit::OutputTokens, "25.00", MILLION),
    ("deepgram", "nova-3", Unit::AudioSeconds, "0.0048", MINUTE),
    ("deepgram", "nova-3-general", Unit::AudioSeconds, "0.0048", MINUTE),
    ("deepgram", "nova-3-medical", Unit::AudioSeconds, "0.0048", MINUTE),
    ("deepgram", "nova-3-multilingual", Unit::AudioSeconds, "0.0058", MINUTE),
    ("deepgram", "nova-3-batch", Unit::AudioSeconds, "0.0043", MINUTE),
    ("deepgram", "nova-3-general-batch", Unit::AudioSeconds, "0.0043", MINUTE),
    ("deepgram", "nova-3-multilingual-batch", Unit::AudioSeconds, "0.0052", MINUTE),
    ("deepgram", "nova-2*", Unit::AudioSeconds, "0.35", HOUR),
    ("deepgram", "flux-general*", Unit::AudioSeconds, "0.0065", MINUTE),
    ("deepgram", "base", Unit::AudioSeconds, "0.87", HOUR),
    ("deepgram", "enhanced", Unit::AudioSeconds, "0.99", HOUR),
    ("deepgram", "aura-*", Unit::Characters, "0.015", THOUSAND),
    ("deepgram", "aura-2*", Unit::Characters, "0.030", THOUSAND),
    ("cartesia", "sonic*", Unit::Characters, "1", 1),
    ("cartesia", "ink-2*", Unit::AudioSeconds, "3", 1),
    ("cartesia", "ink-whisper*", Unit::AudioSeconds, "1", 1),
    ("cartesia", "*", Unit::Credits, "50", MILLION),
    ("elevenlabs", "eleven_flash*", Unit::Characters, "0.5", 1),
    ("elevenlabs", "eleven_turbo*", Unit::Characters, "0.5", 1),
    ("elevenlabs", "eleven_multilingual*", Unit::Characters, "1", 1),
    ("elevenlabs", "eleven_v3*", Unit::Characters, "1", 1),
    ("elevenlabs", "scribe_v2", Unit::AudioSeconds, "2200", HOUR),
    ("elevenlabs", "scribe_v2_realtime", Unit::AudioSeconds, "3900", HOUR),
    ("elevenlabs", "*", Unit::Credits, "0.10", THOUSAND),
    ("groq", "llama-3.3-70b-versatile", Unit::InputTokens, "0.59", MILLION),
    ("groq", "llama-3.3-70b-versatile", Unit::OutputTokens, "0.79", MILLION),
    ("groq", "llama-3.1-8b-instant", Unit::InputTokens, "0.05", MILLION),
    ("groq", "llama-3.1-8b-instant", Unit::OutputTokens, "0.08", MILLION),
    ("groq", "openai/gpt-oss-120b", Unit::InputTokens, "0.15", MILLION),
    ("groq", "openai/gpt-oss-120b", Unit::CachedInputTokens, "0.075", MILLION),
    ("groq", "openai/gpt-oss-120b", Unit::OutputTokens, "0.60", MILLION),
    ("groq", "openai/gpt-oss-20b", Unit::InputTokens, "0.075", MILLION),
    ("groq", "openai/gpt-oss-20b", Unit::CachedInputTokens, "0.0375", MILLION),
    ("groq", "openai/gpt-oss-20b", Unit::OutputTokens, "0.30", MILLION),
    ("groq", "whisper-large-v3", Unit::AudioSeconds, "0.111", HOUR),
    ("groq", "whisper-large-v3-turbo", Unit::AudioSeconds, "0.04", HOUR),
    ("groq", "canopylabs/orpheus-v1-english", Unit::Characters, "22.00", MILLION),
    ("assemblyai", "universal-streaming*", Unit::AudioSeconds, "0.15", HOUR),
    ("assemblyai", "universal-3-5-pro-streaming", Unit::AudioSeconds, "0.45", HOUR),
    ("assemblyai", "universal-3-5-pro", Unit::AudioSeconds, "0.21", HOUR),
    ("assemblyai", "universal-2", Unit::AudioSeconds, "0.15", HOUR),
];
