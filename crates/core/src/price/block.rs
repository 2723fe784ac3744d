//! Price blocks: the rates of a model, and which of several blocks is in force at a time.

use super::calendar::{Date, TimeOfDay, Timestamp};
use super::error::PriceError;
use crate::decimal::Decimal;

/// What a rate is charged for. Amounts are US dollars per million tokens, or per thousand of anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateKind {
    /// Per 1,000,000 prompt tokens that are neither cached nor audio, as far as those have their own rates.
    InputMtok,
    /// Per 1,000,000 tokens written to a cache.
    CacheWriteMtok,
    /// Per 1,000,000 tokens read from a cache.
    CacheReadMtok,
    /// Per 1,000,000 generated tokens.
    OutputMtok,
    /// Per 1,000,000 audio tokens in the prompt.
    InputAudioMtok,
    /// Per 1,000,000 audio tokens read from a cache.
    CacheAudioReadMtok,
    /// Per 1,000,000 generated audio tokens.
    OutputAudioMtok,
    /// Per 1,000 requests; a call is always one.
    RequestsKcount,
    /// Per 1,000 characters sent.
    InputKchars,
    /// Per 1,000 seconds of audio sent.
    InputAudioKseconds,
    /// Per 1,000 seconds of audio made.
    OutputAudioKseconds,
    /// Per 1,000 minutes of a hosted agent.
    AgentKminutes,
    /// Per 1,000 minutes of telephony.
    TelephonyKminutes,
}

impl RateKind {
    /// Every kind, in the order of their bits in [`PriceBlock`].
    pub const ALL: [Self; 13] = [
        Self::InputMtok,
        Self::CacheWriteMtok,
        Self::CacheReadMtok,
        Self::OutputMtok,
        Self::InputAudioMtok,
        Self::CacheAudioReadMtok,
        Self::OutputAudioMtok,
        Self::RequestsKcount,
        Self::InputKchars,
        Self::InputAudioKseconds,
        Self::OutputAudioKseconds,
        Self::AgentKminutes,
        Self::TelephonyKminutes,
    ];

    /// The name in price data, e.g. `input_mtok`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InputMtok => "input_mtok",
            Self::CacheWriteMtok => "cache_write_mtok",
            Self::CacheReadMtok => "cache_read_mtok",
            Self::OutputMtok => "output_mtok",
            Self::InputAudioMtok => "input_audio_mtok",
            Self::CacheAudioReadMtok => "cache_audio_read_mtok",
            Self::OutputAudioMtok => "output_audio_mtok",
            Self::RequestsKcount => "requests_kcount",
            Self::InputKchars => "input_kchars",
            Self::InputAudioKseconds => "input_audio_kseconds",
            Self::OutputAudioKseconds => "output_audio_kseconds",
            Self::AgentKminutes => "agent_kminutes",
            Self::TelephonyKminutes => "telephony_kminutes",
        }
    }

    /// Whether the rate is per million tokens, and so may be tiered.
    #[must_use]
    pub const fn is_per_token(self) -> bool {
        matches!(
            self,
            Self::InputMtok
                | Self::CacheWriteMtok
                | Self::CacheReadMtok
                | Self::OutputMtok
                | Self::InputAudioMtok
                | Self::CacheAudioReadMtok
                | Self::OutputAudioMtok
        )
    }

    /// What the price data charges the rate for, in words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InputMtok => "USD per 1,000,000 prompt tokens",
            Self::CacheWriteMtok => "USD per 1,000,000 tokens written to a cache",
            Self::CacheReadMtok => "USD per 1,000,000 tokens read from a cache",
            Self::OutputMtok => "USD per 1,000,000 generated tokens",
            Self::InputAudioMtok => "USD per 1,000,000 audio tokens in the prompt",
            Self::CacheAudioReadMtok => "USD per 1,000,000 audio tokens read from a cache",
            Self::OutputAudioMtok => "USD per 1,000,000 generated audio tokens",
            Self::RequestsKcount => "USD per 1,000 requests",
            Self::InputKchars => "USD per 1,000 characters to speak",
            Self::InputAudioKseconds => "USD per 1,000 seconds of audio heard",
            Self::OutputAudioKseconds => "USD per 1,000 seconds of audio made",
            Self::AgentKminutes => "USD per 1,000 minutes of a hosted agent",
            Self::TelephonyKminutes => "USD per 1,000 minutes of telephony",
        }
    }

    /// What the rate is for, as a power of ten: 6 for a million, 3 for a thousand.
    pub(super) const fn power(self) -> u8 {
        if self.is_per_token() { 6 } else { 3 }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of kinds of rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateKinds(u16);

impl RateKinds {
    pub(super) const fn of(kinds: &[RateKind]) -> Self {
        let (mut bits, mut rest) = (0, kinds);
        while let [kind, others @ ..] = rest {
            bits |= kind.bit();
            rest = others;
        }
        Self(bits)
    }
}

/// One rate: flat, or by the size of the prompt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rate {
    Flat(Decimal),
    Tiered(Box<Tiers>),
}

/// Prices by the number of prompt tokens, lowest start first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tiers {
    pub(super) base: Decimal,
    pub(super) tiers: Box<[Tier]>,
}

/// The price of the whole quantity once the prompt is longer than `start` tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tier {
    pub(super) start: Decimal,
    pub(super) price: Decimal,
}

impl Rate {
    /// The price per unit for a prompt of `input_tokens`, whichever quantity it is charged for: the length of the
    /// prompt selects the tier of every rate, those of the output included.
    pub(super) fn price(&self, input_tokens: &Decimal) -> &Decimal {
        match self {
            Self::Flat(price) => price,
            Self::Tiered(tiers) => tiers.tier(input_tokens).map_or(&tiers.base, |tier| &tier.price),
        }
    }

    /// What the prompt must be longer than for that price; `None` for the price of the shortest ones.
    pub(super) fn tier_start(&self, input_tokens: &Decimal) -> Option<&Decimal> {
        match self {
            Self::Flat(_) => None,
            Self::Tiered(tiers) => tiers.tier(input_tokens).map(|tier| &tier.start),
        }
    }
}

impl Tiers {
    fn tier(&self, input_tokens: &Decimal) -> Option<&Tier> {
        self.tiers.iter().rev().find(|tier| *input_tokens > tier.start)
    }
}

/// Factors on the price of speech by class of voice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VoiceMultipliers {
    pub(super) default: Decimal,
    /// All classes as published, `default` among them.
    pub(super) classes: Box<[(Box<str>, Decimal)]>,
}

/// The rates of a model; an absent rate is not a rate of zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PriceBlock {
    /// One bit per kind present; `rates` holds those, in the order of their bits.
    present: u16,
    rates: Box<[Rate]>,
    pub(super) voice_multipliers: Option<Box<VoiceMultipliers>>,
}

impl PriceBlock {
    pub(super) fn new(mut rates: Vec<(RateKind, Rate)>, voice_multipliers: Option<VoiceMultipliers>) -> Self {
        rates.sort_by_key(|(kind, _)| kind.bit());
        Self {
            present: rates.iter().fold(0, |bits, (kind, _)| bits | kind.bit()),
            rates: rates.into_iter().map(|(_, rate)| rate).collect(),
            voice_multipliers: voice_multipliers.map(Box::new),
        }
    }

    /// These rates alone.
    pub(super) fn rates(&self) -> Rates<'_> {
        Rates { agreed: None, listed: Some(self) }
    }

    pub(super) fn has(&self, kind: RateKind) -> bool {
        self.present & kind.bit() != 0
    }

    pub(super) fn has_any(&self, kinds: RateKinds) -> bool {
        self.present & kinds.0 != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.present == 0
    }

    pub(super) fn get(&self, kind: RateKind) -> Option<&Rate> {
        if !self.has(kind) {
            return None;
        }
        let before = (self.present & (kind.bit() - 1)).count_ones();
        self.rates.get(before as usize)
    }
}

/// The rates a usage is charged at: those an owner agreed on go before those of the list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates<'a> {
    pub(super) agreed: Option<&'a PriceBlock>,
    pub(super) listed: Option<&'a PriceBlock>,
}

impl<'a> Rates<'a> {
    fn blocks(self) -> impl Iterator<Item = &'a PriceBlock> {
        self.agreed.into_iter().chain(self.listed)
    }

    pub(super) fn has(self, kind: RateKind) -> bool {
        self.blocks().any(|block| block.has(kind))
    }

    pub(super) fn has_any(self, kinds: RateKinds) -> bool {
        self.blocks().any(|block| block.has_any(kinds))
    }

    pub(super) fn get(self, kind: RateKind) -> Option<&'a Rate> {
        self.blocks().find_map(|block| block.get(kind))
    }

    pub(super) fn voice_multipliers(self) -> Option<&'a VoiceMultipliers> {
        self.blocks().find_map(|block| block.voice_multipliers.as_deref())
    }
}

/// When a block is in force.
#[derive(Debug, Clone, Copy)]
pub(super) enum Constraint {
    /// From this date on, by the calendar on the wall where the timestamp was taken.
    FromDate(Date),
    /// From this instant on.
    FromInstant(Timestamp),
    /// From the first time of day up to, not including, the second.
    Daily(TimeOfDay, TimeOfDay),
}

impl Constraint {
    /// The day (UTC for an instant) from which the block is in force; nothing for one that comes and goes each day.
    pub(super) fn start(self) -> Option<Date> {
        match self {
            Self::FromDate(date) => Some(date),
            Self::FromInstant(instant) => {
                Some(Timestamp::from_unix_microseconds(instant.unix_microseconds()).local_date())
            }
            Self::Daily(..) => None,
        }
    }

    fn is_met(self, at: Timestamp) -> Result<bool, PriceError> {
        Ok(match self {
            Self::FromDate(start) => at.local_date() >= start,
            Self::FromInstant(start) => at.unix_microseconds() >= start.unix_microseconds(),
            Self::Daily(start, end) => {
                let time = at.time_of_day().ok_or(PriceError::NaiveTimestamp)?;
                start <= time && time < end
            }
        })
    }
}

impl std::fmt::Display for Constraint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FromDate(date) => write!(formatter, "from {date}"),
            Self::FromInstant(instant) => write!(formatter, "from {instant}"),
            Self::Daily(start, end) => write!(formatter, "daily from {start} to {end}"),
        }
    }
}

/// A model's block, or its blocks and when each is in force.
#[derive(Debug)]
pub(super) struct Prices {
    pub(super) first: ConditionalBlock,
    /// The blocks after the first; `None` for a model whose one block is published without conditions.
    pub(super) later: Option<Box<[ConditionalBlock]>>,
}

#[derive(Debug)]
pub(super) struct ConditionalBlock {
    pub(super) constraint: Option<Constraint>,
    pub(super) block: PriceBlock,
}

impl Prices {
    /// The block in force and, if blocks have conditions, its index: the last whose constraint is met, else the
    /// first.
    pub(super) fn in_force(&self, at: Timestamp) -> Result<(Option<usize>, &PriceBlock), PriceError> {
        let Some(later) = &self.later else { return Ok((None, &self.first.block)) };
        for (index, entry) in later.iter().enumerate().rev() {
            if entry.is_in_force(at)? {
                return Ok((Some(index + 1), &entry.block));
            }
        }
        // The first is taken either way, yet a timestamp it cannot judge is an error here as anywhere.
        self.first.is_in_force(at)?;
        Ok((Some(0), &self.first.block))
    }

    /// All blocks, in published order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &ConditionalBlock> {
        std::iter::once(&self.first).chain(self.later.iter().flatten())
    }
}

impl ConditionalBlock {
    fn is_in_force(&self, at: Timestamp) -> Result<bool, PriceError> {
        self.constraint.map_or(Ok(true), |constraint| constraint.is_met(at))
    }
}
