//! Rating: what a usage costs under a price block, part by part, in exact decimal arithmetic.
//!
//! The order of every multiplication and addition is that of the published price library, because each step
//! rounds to 28 digits: reordering changes the last digit of very long quantities.

use super::block::{Rate, RateKind, RateKinds, Rates};
use super::error::PriceError;
use super::usage::{PriceUsage, Quantity};
use crate::decimal::Decimal;

static ZERO: Decimal = Decimal::ZERO;

/// A component of a price, in the order breakdowns name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Prompt tokens that are neither cached nor audio, as far as those have their own rates.
    InputTokens,
    /// Generated tokens, without audio if that has its own rate.
    OutputTokens,
    /// Tokens read from a cache.
    CacheReadTokens,
    /// Tokens written to a cache.
    CacheWriteTokens,
    /// Audio tokens in the prompt.
    InputAudioTokens,
    /// Generated audio tokens.
    OutputAudioTokens,
    /// Audio tokens read from a cache.
    CacheAudioReadTokens,
    /// Characters sent.
    InputKchars,
    /// Seconds of audio made.
    OutputAudioKseconds,
    /// Seconds of audio sent.
    InputAudioKseconds,
    /// What the class of voice adds to, or takes off, the characters.
    VoiceClassInputAdjustment,
    /// What the class of voice adds to, or takes off, the audio made.
    VoiceClassOutputAdjustment,
    /// Minutes of a hosted agent.
    AgentKminutes,
    /// Minutes of telephony.
    TelephonyKminutes,
    /// The charge for the request itself.
    Requests,
}

impl Part {
    /// Every part, in the order breakdowns name them.
    pub const ALL: [Self; 15] = [
        Self::InputTokens,
        Self::OutputTokens,
        Self::CacheReadTokens,
        Self::CacheWriteTokens,
        Self::InputAudioTokens,
        Self::OutputAudioTokens,
        Self::CacheAudioReadTokens,
        Self::InputKchars,
        Self::OutputAudioKseconds,
        Self::InputAudioKseconds,
        Self::VoiceClassInputAdjustment,
        Self::VoiceClassOutputAdjustment,
        Self::AgentKminutes,
        Self::TelephonyKminutes,
        Self::Requests,
    ];

    /// The name in breakdowns, e.g. `input_tokens`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::CacheReadTokens => "cache_read_tokens",
            Self::CacheWriteTokens => "cache_write_tokens",
            Self::InputAudioTokens => "input_audio_tokens",
            Self::OutputAudioTokens => "output_audio_tokens",
            Self::CacheAudioReadTokens => "cache_audio_read_tokens",
            Self::InputKchars => "input_kchars",
            Self::OutputAudioKseconds => "output_audio_kseconds",
            Self::InputAudioKseconds => "input_audio_kseconds",
            Self::VoiceClassInputAdjustment => "voice_class_input_adjustment",
            Self::VoiceClassOutputAdjustment => "voice_class_output_adjustment",
            Self::AgentKminutes => "agent_kminutes",
            Self::TelephonyKminutes => "telephony_kminutes",
            Self::Requests => "requests",
        }
    }
}

/// The parts of a price, in US dollars.
#[derive(Debug, Clone)]
pub struct Parts([Decimal; Part::ALL.len()]);

impl Parts {
    /// One part; zero if it does not apply.
    #[must_use]
    pub fn get(&self, part: Part) -> &Decimal {
        self.0.get(part as usize).unwrap_or(&ZERO)
    }

    /// The parts that are not zero, in the order of [`Part::ALL`].
    pub fn charged(&self) -> impl Iterator<Item = (Part, &Decimal)> {
        Part::ALL.into_iter().zip(&self.0).filter(|(_, amount)| !amount.is_zero())
    }

    fn set(&mut self, part: Part, amount: Decimal) {
        if let Some(slot) = self.0.get_mut(part as usize) {
            *slot = amount;
        }
    }

    fn sum(&self, parts: &[Part]) -> Decimal {
        let mut amounts = parts.iter().map(|part| self.get(*part));
        let mut sum = amounts.next().unwrap_or(&ZERO).clone();
        amounts.for_each(|amount| sum += amount);
        sum
    }
}

/// One thing a call is charged for: so much of it, at a price. The exact amounts of all meters of a call add up to
/// its price; what a class of voice adds or takes off is in the price of what it changes.
#[derive(Debug, Clone)]
pub struct Meter {
    /// What is charged; never one of the adjustments for a class of voice.
    pub part: Part,
    /// How much of it was used: tokens, characters, seconds, minutes or requests. Not negative.
    pub quantity: Decimal,
    /// What the price is for, as a power of ten: 6 for a million of them, 3 for a thousand.
    pub power: u8,
    /// US dollars for that many, as charged.
    pub price: Decimal,
    /// US dollars for that many by the list; `None` when only an agreement has a price.
    pub list_price: Option<Decimal>,
    /// The prompt is longer than this many tokens, which selects the price.
    pub above_input_tokens: Option<Decimal>,
    /// The factor for the class of voice that is in the price.
    pub voice_multiplier: Option<Decimal>,
}

/// A set of quantities that were used but have no rate: their cost is unknown, not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unpriced(u16);

impl Unpriced {
    /// Whether everything used had a rate.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the quantity was used and has no rate.
    #[must_use]
    pub const fn contains(self, quantity: Quantity) -> bool {
        self.0 & (1 << quantity as u16) != 0
    }

    /// The quantities, in the order of [`Quantity::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Quantity> {
        Quantity::ALL.into_iter().filter(move |quantity| self.contains(*quantity))
    }
}

/// The price of a call in US dollars, not rounded beyond 28 digits.
///
/// A total is only the price if `unpriced` is empty: quantities without a rate add nothing to it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Rated<'book> {
    /// Everything: input, output, the request, agent and telephony minutes.
    pub total: Decimal,
    /// What went in: prompt tokens, characters, audio sent.
    pub input: Decimal,
    /// What came out: generated tokens, audio made.
    pub output: Decimal,
    /// The components.
    pub parts: Parts,
    /// What was used and has no rate; empty for models published as free.
    pub unpriced: Unpriced,
    /// The factor for the class of voice, if prices differ by it.
    pub voice_multiplier: Option<&'book Decimal>,
    /// Whether the class of voice is not one the provider publishes, so that the default factor was taken.
    pub voice_class_unknown: bool,
    /// Which block was in force, if the model has several.
    pub price_index: Option<usize>,
}

const INPUT: [Part; 8] = [
    Part::InputTokens,
    Part::CacheReadTokens,
    Part::CacheWriteTokens,
    Part::InputAudioTokens,
    Part::CacheAudioReadTokens,
    Part::InputKchars,
    Part::VoiceClassInputAdjustment,
    Part::InputAudioKseconds,
];

const OUTPUT: [Part; 4] = [
    Part::OutputTokens,
    Part::OutputAudioTokens,
    Part::OutputAudioKseconds,
    Part::VoiceClassOutputAdjustment,
];

const PER_THOUSAND: [(RateKind, Quantity, Part); 5] = [
    (RateKind::InputKchars, Quantity::Characters, Part::InputKchars),
    (RateKind::OutputAudioKseconds, Quantity::AudioOutputSeconds, Part::OutputAudioKseconds),
    (RateKind::InputAudioKseconds, Quantity::AudioInputSeconds, Part::InputAudioKseconds),
    (RateKind::AgentKminutes, Quantity::AgentMinutes, Part::AgentKminutes),
    (RateKind::TelephonyKminutes, Quantity::TelephonyMinutes, Part::TelephonyKminutes),
];

impl<'a> Rates<'a> {
    /// Prices a usage at these rates.
    pub(super) fn rate(self, usage: &PriceUsage) -> Result<Rated<'a>, PriceError> {
        let mut parts = Parts([const { Decimal::ZERO }; Part::ALL.len()]);
        let input = usage.get(Quantity::InputTokens).unwrap_or(&ZERO);
        self.charge(usage, |part, kind, used| {
            if let Some(rate) = self.get(kind) {
                parts.set(part, (rate.price(input) * used).divided_by_power_of_ten(kind.power()));
            }
        })?;
        let (voice_multiplier, voice_class_unknown) = self.voice_multiplier(usage.voice_class.as_deref());
        if let Some(multiplier) = voice_multiplier {
            let excess = multiplier - &Decimal::ONE;
            parts.set(Part::VoiceClassInputAdjustment, parts.get(Part::InputKchars) * &excess);
            parts.set(Part::VoiceClassOutputAdjustment, parts.get(Part::OutputAudioKseconds) * &excess);
        }
        let input = parts.sum(&INPUT);
        let output = parts.sum(&OUTPUT);
        let mut total = &input + &output;
        for part in [Part::Requests, Part::AgentKminutes, Part::TelephonyKminutes] {
            total += parts.get(part);
        }
        let unpriced = self.unpriced(usage);
        Ok(Rated {
            total,
            input,
            output,
            parts,
            unpriced,
            voice_multiplier,
            voice_class_unknown,
            price_index: None,
        })
    }

    /// The meters of a usage at these rates, those of quantity zero included.
    pub(super) fn meters(self, usage: &PriceUsage) -> Result<Vec<Meter>, PriceError> {
        let input = usage.get(Quantity::InputTokens).unwrap_or(&ZERO);
        let (voice_multiplier, _) = self.voice_multiplier(usage.voice_class.as_deref());
        let mut meters = Vec::new();
        self.charge(usage, |part, kind, used| {
            let Some(rate) = self.get(kind) else { return };
            let factor =
                voice_multiplier.filter(|_| matches!(part, Part::InputKchars | Part::OutputAudioKseconds));
            let price = |rate: &Rate| match factor {
                Some(factor) => rate.price(input) * factor,
                None => rate.price(input).clone(),
            };
            meters.push(Meter {
                part,
                quantity: used.clone(),
                power: kind.power(),
                price: price(rate),
                list_price: self.listed.and_then(|block| block.get(kind)).map(price),
                above_input_tokens: rate.tier_start(input).cloned(),
                voice_multiplier: factor.cloned(),
            });
        })?;
        Ok(meters)
    }

    /// Hands to `charge` everything that has a rate: what it is, which rate, and how much was used.
    fn charge(
        self,
        usage: &PriceUsage,
        mut charge: impl FnMut(Part, RateKind, &Decimal),
    ) -> Result<(), PriceError> {
        let mut charge = |part, kind, used: &Decimal| {
            if self.has(kind) {
                charge(part, kind, used);
            }
        };
        self.charge_tokens(usage, &mut charge)?;
        for (kind, quantity, part) in PER_THOUSAND {
            if let Some(used) = usage.get(quantity).filter(|used| used.is_positive()) {
                charge(part, kind, used);
            }
        }
        charge(Part::Requests, RateKind::RequestsKcount, &Decimal::ONE);
        Ok(())
    }

    /// Splits the token counts, which contain one another, into disjoint ones.
    fn charge_tokens(
        self,
        usage: &PriceUsage,
        mut charge: impl FnMut(Part, RateKind, &Decimal),
    ) -> Result<(), PriceError> {
        use RateKind::{
            CacheAudioReadMtok, CacheReadMtok, CacheWriteMtok, InputAudioMtok, InputMtok, OutputAudioMtok,
            OutputMtok,
        };
        let count = |quantity| usage.get(quantity).unwrap_or(&ZERO);
        let if_rated = |kind, count| if self.has(kind) { count } else { &ZERO };
        let input = count(Quantity::InputTokens);

        let all_cached_audio = count(Quantity::CacheAudioReadTokens);
        let cached_audio = if_rated(CacheAudioReadMtok, all_cached_audio);
        // Cached audio without a rate of its own is charged as cached, so it is not charged as audio.
        let audio_charged_as_cached =
            if self.has(CacheAudioReadMtok) { &ZERO } else { if_rated(CacheReadMtok, all_cached_audio) };

        let audio = if self.has(InputAudioMtok) {
            count(Quantity::InputAudioTokens)
                .minus_exactly(cached_audio)
                .minus_exactly(audio_charged_as_cached)
        } else {
            Decimal::ZERO
        };
        if audio.is_negative() {
            return Err(PriceError::CachedAudioAboveAudio);
        }
        let cached = if self.has(CacheReadMtok) {
            count(Quantity::CacheReadTokens).minus_exactly(cached_audio)
        } else {
            Decimal::ZERO
        };
        if cached.is_negative() {
            return Err(PriceError::CachedAudioAboveCached);
        }
        let written = if_rated(CacheWriteMtok, count(Quantity::CacheWriteTokens));
        let text = if self.has(InputMtok) {
            input
                .minus_exactly(&cached)
                .minus_exactly(written)
                .minus_exactly(&audio)
                .minus_exactly(cached_audio)
        } else {
            Decimal::ZERO
        };
        if text.is_negative() {
            return Err(PriceError::NegativeTextInput);
        }
        let audio_out = count(Quantity::OutputAudioTokens);
        let text_out = if self.has(OutputMtok) {
            count(Quantity::OutputTokens).minus_exactly(if_rated(OutputAudioMtok, audio_out))
        } else {
            Decimal::ZERO
        };
        if text_out.is_negative() {
            return Err(PriceError::OutputAudioAboveOutput);
        }

        charge(Part::InputTokens, InputMtok, &text);
        charge(Part::CacheWriteTokens, CacheWriteMtok, written);
        charge(Part::CacheReadTokens, CacheReadMtok, &cached);
        charge(Part::InputAudioTokens, InputAudioMtok, &audio);
        charge(Part::CacheAudioReadTokens, CacheAudioReadMtok, cached_audio);
        charge(Part::OutputTokens, OutputMtok, &text_out);
        // Not counted is not zero here: only the latter leaves its exponent in the sum.
        if let Some(audio_out) = usage.get(Quantity::OutputAudioTokens) {
            charge(Part::OutputAudioTokens, OutputAudioMtok, audio_out);
        }
        Ok(())
    }

    /// The factor for a class of voice, and whether the class is unknown.
    fn voice_multiplier(self, class: Option<&str>) -> (Option<&'a Decimal>, bool) {
        let Some(multipliers) = self.voice_multipliers() else { return (None, false) };
        let Some(class) = class else { return (Some(&multipliers.default), false) };
        match multipliers.classes.iter().find(|(name, _)| **name == *class) {
            Some((_, multiplier)) => (Some(multiplier), false),
            None => (Some(&multipliers.default), true),
        }
    }

    /// What was used and has neither a rate of its own nor one of a quantity containing it.
    fn unpriced(self, usage: &PriceUsage) -> Unpriced {
        let unpriced = Quantity::ALL.into_iter().filter(|quantity| {
            usage.get(*quantity).is_some_and(|used| !used.is_zero()) && !self.has_any(charged_as(*quantity))
        });
        Unpriced(unpriced.fold(0, |bits, quantity| bits | 1 << quantity as u16))
    }
}

/// The rates a quantity may be charged at.
fn charged_as(quantity: Quantity) -> RateKinds {
    use RateKind::{CacheAudioReadMtok, CacheReadMtok, CacheWriteMtok, InputAudioMtok, InputMtok};
    match quantity {
        Quantity::InputTokens => const { RateKinds::of(&[InputMtok]) },
        Quantity::CacheReadTokens => const { RateKinds::of(&[CacheReadMtok, InputMtok]) },
        Quantity::CacheWriteTokens => const { RateKinds::of(&[CacheWriteMtok, InputMtok]) },
        Quantity::InputAudioTokens => const { RateKinds::of(&[InputAudioMtok, InputMtok]) },
        Quantity::CacheAudioReadTokens => {
            const { RateKinds::of(&[CacheAudioReadMtok, CacheReadMtok, InputMtok]) }
        }
        Quantity::OutputTokens => const { RateKinds::of(&[RateKind::OutputMtok]) },
        Quantity::OutputAudioTokens => {
            const { RateKinds::of(&[RateKind::OutputAudioMtok, RateKind::OutputMtok]) }
        }
        Quantity::Characters => const { RateKinds::of(&[RateKind::InputKchars]) },
        Quantity::AudioInputSeconds => const { RateKinds::of(&[RateKind::InputAudioKseconds]) },
        Quantity::AudioOutputSeconds => const { RateKinds::of(&[RateKind::OutputAudioKseconds]) },
        Quantity::AgentMinutes => const { RateKinds::of(&[RateKind::AgentKminutes]) },
        Quantity::TelephonyMinutes => const { RateKinds::of(&[RateKind::TelephonyKminutes]) },
    }
}
