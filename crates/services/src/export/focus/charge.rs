//! What a line is charged for. The ledger keeps one cost for an attempt; its meters are found by rating the line's
//! quantities again at the prices whose hash the line keeps: those in force, or those built in. They count only when
//! they come to the line's cost to the picodollar. Else the line is one charge of one request, at its cost.

use crate::prices::Asked;
use std::sync::Arc;
use vg_core::{
    Line, Modality, Money, Quantity, Source,
    config::Config,
    decimal::Decimal,
    price::{Book, Meter, Metered, Part, Tariff},
};

/// One charge.
#[derive(Debug)]
pub(super) struct Charge {
    /// What is charged, such as `Input Tokens`.
    pub(super) meter: &'static str,
    /// The good that is priced.
    pub(super) sku_id: String,
    /// How much was used of what, as it was metered.
    pub(super) consumed: Option<(Decimal, &'static str)>,
    /// Its price; `None` for a correction, which changes an amount and buys nothing.
    pub(super) priced: Option<Priced>,
    /// List price times quantity; where no list has a price, that of the contract.
    pub(super) list_cost: Cost,
    /// The owner's price times quantity.
    pub(super) contracted_cost: Cost,
    /// The ledger's amount; those of a line's charges add up to the line's.
    pub(super) effective_cost: Money,
    /// The least trusted source of the quantities.
    pub(super) source: Option<Source>,
    /// What the amounts are worth.
    pub(super) confidence: Confidence,
}

/// The price of a charge.
#[derive(Debug)]
pub(super) struct Priced {
    /// The price of the good: one of several, where it depends on the prompt's length or the voice.
    pub(super) sku_price_id: String,
    /// How much was used, in the unit of the price.
    pub(super) quantity: Decimal,
    /// The unit, such as `1000000 Tokens`.
    pub(super) unit: &'static str,
    /// US dollars for one unit, by the list and by the owner's contract; `None` when no price is known.
    pub(super) unit_prices: Option<(Decimal, Decimal)>,
    /// What the price depends on.
    pub(super) above_input_tokens: Option<Decimal>,
    /// The factor for the class of voice that is in the price.
    pub(super) voice_multiplier: Option<Decimal>,
}

/// An amount in US dollars, exact.
#[derive(Debug)]
pub(super) enum Cost {
    /// Whole picodollars.
    Ledger(Money),
    /// A price times a quantity, which may have more places.
    Product(Decimal),
}

impl std::fmt::Display for Cost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cost::Ledger(money) => money.fmt(formatter),
            Cost::Product(product) => product.fmt(formatter),
        }
    }
}

/// What an amount is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confidence {
    /// What is billed was reported by the provider or counted.
    Measured,
    /// What is billed is an estimate.
    Estimated,
    /// There is no price: the amounts of 0 say nothing.
    Unknown,
}

impl Confidence {
    /// The word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Confidence::Measured => "measured",
            Confidence::Estimated => "estimated",
            Confidence::Unknown => "unknown",
        }
    }
}

/// Tells lines apart into charges.
#[derive(Debug)]
pub(super) struct Charges<'config> {
    config: &'config Config,
    /// The prices built in, for lines of before another book was put in force.
    embedded: Tariff,
}

impl<'config> Charges<'config> {
    /// By the prices of a configuration and those that are built in.
    pub(super) fn by(config: &'config Config) -> Self {
        let (book, supplement) = (Arc::clone(Book::embedded()), Arc::clone(Book::supplement()));
        Charges { config, embedded: Tariff::new(book, Some(supplement), &[], &[]) }
    }

    /// The charges of a line; there is always one.
    pub(super) fn of(&self, line: &Line) -> Vec<Charge> {
        let Some(cost) = line.cost else { return vec![unpriced(line)] };
        if line.corrects.is_some() {
            return vec![correction(line, cost)];
        }
        self.metered(line, cost).unwrap_or_else(|| vec![whole(line, cost)])
    }

    /// The charges by meter, if they are those of the line's price book and come to its cost.
    fn metered(&self, line: &Line, cost: Money) -> Option<Vec<Charge>> {
        let asked = Asked::of(line)?;
        let product = asked.product(line);
        [self.config.tariff(&line.project), &self.embedded].into_iter().find_map(|tariff| {
            let Metered { charge: rated, listed, meters } =
                tariff.meters(&product, &line.usage, line.started_at).ok()?;
            (rated.cost == cost && *rated.stamp.book == *line.price_book).then_some(())?;
            let good = match listed {
                Some(listed) => format!("{}/{}", listed.model_provider(), listed.model()),
                None => line.model_id.to_string(),
            };
            let used = meters.into_iter().filter(|meter| meter.quantity.is_positive());
            balanced(used.map(|meter| charge(line, &good, meter)).collect::<Option<_>>()?, cost)
        })
    }
}

/// Gives what rounding leaves to the dearest charge, so that the sum is the cost.
fn balanced(mut charges: Vec<Charge>, cost: Money) -> Option<Vec<Charge>> {
    let sum: Money = charges.iter().map(|charge| charge.effective_cost).sum();
    let dearest = charges.iter_mut().max_by_key(|charge| charge.effective_cost)?;
    dearest.effective_cost = Money(dearest.effective_cost.0 + cost.0 - sum.0);
    Some(charges)
}

/// What a part of a price is called, its unit, the unit of its price, and the quantity it counts.
const fn words(part: Part) -> Option<(&'static str, &'static str, &'static str, Option<Quantity>)> {
    const MILLION: &str = "1000000 Tokens";
    Some(match part {
        Part::InputTokens => ("Input Tokens", "Tokens", MILLION, Some(Quantity::InputTokens)),
        Part::OutputTokens => ("Output Tokens", "Tokens", MILLION, Some(Quantity::OutputTokens)),
        Part::CacheReadTokens => {
            ("Cached Input Tokens", "Tokens", MILLION, Some(Quantity::CachedInputTokens))
        }
        Part::CacheWriteTokens => ("Cache Write Tokens", "Tokens", MILLION, Some(Quantity::CacheWriteTokens)),
        Part::InputAudioTokens => ("Input Audio Tokens", "Tokens", MILLION, Some(Quantity::InputAudioTokens)),
        Part::OutputAudioTokens => {
            ("Output Audio Tokens", "Tokens", MILLION, Some(Quantity::OutputAudioTokens))
        }
        Part::CacheAudioReadTokens => {
            ("Cached Input Audio Tokens", "Tokens", MILLION, Some(Quantity::CachedAudioTokens))
        }
        Part::InputKchars => ("Characters", "Characters", "1000 Characters", Some(Quantity::Characters)),
        Part::InputAudioKseconds => ("Input Audio", "Seconds", "1000 Seconds", Some(Quantity::AudioNanos)),
        Part::OutputAudioKseconds => {
            ("Output Audio", "Seconds", "1000 Seconds", Some(Quantity::OutputAudioNanos))
        }
        Part::AgentKminutes => ("Agent", "Minutes", "1000 Minutes", None),
        Part::TelephonyKminutes => ("Telephony", "Minutes", "1000 Minutes", None),
        Part::Requests => ("Requests", "Requests", "1000 Requests", None),
        Part::VoiceClassInputAdjustment | Part::VoiceClassOutputAdjustment => return None,
    })
}

fn charge(line: &Line, good: &str, meter: Meter) -> Option<Charge> {
    let (name, unit, price_unit, counted) = words(meter.part)?;
    let sku_id = format!("{good}/{}", meter.part.name());
    let mut sku_price_id = sku_id.clone();
    if let Some(tokens) = &meter.above_input_tokens {
        sku_price_id.push_str(&format!("/above-{tokens}"));
    }
    if let Some(factor) = &meter.voice_multiplier {
        sku_price_id.push_str(&format!("/voice-{factor}"));
    }
    let quantity = meter.quantity.divided_by_power_of_ten(meter.power);
    let list_price = meter.list_price.unwrap_or_else(|| meter.price.clone());
    let (list_cost, contracted_cost) = (&list_price * &quantity, &meter.price * &quantity);
    let effective_cost = Money(contracted_cost.to_scaled_integer(Money::SCALE).ok()?);
    let source = counted.and_then(|counted| line.usage.get(counted)).map(|measured| measured.source);
    Some(Charge {
        meter: name,
        sku_id,
        consumed: Some((meter.quantity, unit)),
        priced: Some(Priced {
            sku_price_id,
            quantity,
            unit: price_unit,
            unit_prices: Some((list_price, meter.price)),
            above_input_tokens: meter.above_input_tokens,
            voice_multiplier: meter.voice_multiplier,
        }),
        list_cost: Cost::Product(list_cost),
        contracted_cost: Cost::Product(contracted_cost),
        effective_cost,
        source,
        confidence: confidence(source),
    })
}

const fn confidence(source: Option<Source>) -> Confidence {
    match source {
        Some(Source::Estimated) => Confidence::Estimated,
        _ => Confidence::Measured,
    }
}

/// The good of a line that is not told apart into meters.
fn good(line: &Line) -> String {
    format!("{}/{}", line.model_id, line.modality)
}

/// What a line used, in one number: seconds heard, characters spoken, else tokens.
fn consumed(line: &Line) -> Option<(Decimal, &'static str, Source)> {
    let of = |quantity| line.usage.get(quantity);
    let heard =
        of(Quantity::AudioNanos).map(|nanos| (Decimal::from_scaled(nanos.value, 9), "Seconds", nanos.source));
    let spoken = of(Quantity::Characters).map(|counted| (counted.value.into(), "Characters", counted.source));
    let tokens = || {
        let counted = [Quantity::InputTokens, Quantity::OutputTokens].into_iter().filter_map(of);
        counted
            .reduce(|sum, more| vg_core::Measured {
                value: sum.value.saturating_add(more.value),
                source: sum.source.max(more.source),
            })
            .map(|tokens| (tokens.value.into(), "Tokens", tokens.source))
    };
    match line.modality {
        Modality::Stt => heard.or_else(tokens),
        Modality::Tts => spoken.or_else(tokens),
        Modality::Llm => tokens(),
    }
}

/// A priced line as one request at its cost: a price per request is exact whatever the cost is, while one per token
/// would have to be rounded.
fn whole(line: &Line, cost: Money) -> Charge {
    one_request(line, Some(cost))
}

/// A line without a price. FOCUS has no word for that and no null for a cost: the costs are 0, there is no unit
/// price, and the record says so in words and in columns of its own.
fn unpriced(line: &Line) -> Charge {
    one_request(line, None)
}

fn one_request(line: &Line, cost: Option<Money>) -> Charge {
    let (source, consumed) = match consumed(line) {
        Some((quantity, unit, source)) => (Some(source), (quantity, unit)),
        None => (None, (Decimal::ONE, "Requests")),
    };
    let amount = cost.unwrap_or(Money::ZERO);
    let price: Option<Decimal> = cost.and_then(|cost| cost.to_string().parse().ok());
    Charge {
        meter: "Requests",
        sku_id: good(line),
        consumed: Some(consumed),
        priced: Some(Priced {
            sku_price_id: good(line),
            quantity: Decimal::ONE,
            unit: "Requests",
            unit_prices: price.clone().zip(price),
            above_input_tokens: None,
            voice_multiplier: None,
        }),
        list_cost: Cost::Ledger(amount),
        contracted_cost: Cost::Ledger(amount),
        effective_cost: amount,
        source,
        confidence: if cost.is_some() { confidence(source) } else { Confidence::Unknown },
    }
}

/// A correction: an amount, of which no quantity or price says how it came about.
fn correction(line: &Line, cost: Money) -> Charge {
    Charge {
        meter: "Correction",
        sku_id: good(line),
        consumed: None,
        priced: None,
        list_cost: Cost::Ledger(cost),
        contracted_cost: Cost::Ledger(cost),
        effective_cost: cost,
        source: None,
        confidence: Confidence::Measured,
    }
}
