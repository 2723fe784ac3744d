//! What was used: quantities, each with where its number comes from.

use std::fmt;

/// Where a number comes from, the most trusted first. Unknown is not a source: an unknown quantity is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The provider's own usage message.
    ProviderReported,
    /// Counted by us on the provider's wire.
    WireMeasured,
    /// What LiveKit's metrics said.
    FrameworkReported,
    /// Computed from what was seen; a lower bound.
    Estimated,
}

impl Source {
    /// All sources, the most trusted first.
    pub const ALL: [Source; 4] =
        [Source::ProviderReported, Source::WireMeasured, Source::FrameworkReported, Source::Estimated];

    /// The word used in the ledger and every API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::ProviderReported => "provider_reported",
            Source::WireMeasured => "wire_measured",
            Source::FrameworkReported => "framework_reported",
            Source::Estimated => "estimated",
        }
    }

    const fn code(self) -> u64 {
        match self {
            Source::ProviderReported => 1,
            Source::WireMeasured => 2,
            Source::FrameworkReported => 3,
            Source::Estimated => 4,
        }
    }

    fn from_code(code: u64) -> Option<Source> {
        Source::ALL.into_iter().find(|source| source.code() == code)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The quantities a line can hold. Those named `Sent…` and `Session` are facts of the wire; the others are what
/// the provider bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// All prompt tokens: cached, cache-written and audio ones included.
    InputTokens,
    /// The part of the prompt read from the provider's cache.
    CachedInputTokens,
    /// The part of the prompt written to the provider's cache.
    CacheWriteTokens,
    /// The part of the prompt that is audio.
    InputAudioTokens,
    /// The part of the prompt that is audio and was read from the cache.
    CachedAudioTokens,
    /// All completion tokens: reasoning and audio ones included.
    OutputTokens,
    /// The part of the completion spent on reasoning.
    ReasoningTokens,
    /// The part of the completion that is audio.
    OutputAudioTokens,
    /// Characters (Unicode code points) billed.
    Characters,
    /// Nanoseconds of audio billed, speech to text.
    AudioNanos,
    /// Nanoseconds of audio made, text to speech.
    OutputAudioNanos,
    /// Characters that left on the wire.
    SentCharacters,
    /// Nanoseconds of audio that left on the wire.
    SentAudioNanos,
    /// Nanoseconds the request's own sockets were open, summed over the sockets.
    SessionNanos,
}

impl Quantity {
    /// How many quantities there are.
    pub const COUNT: usize = 14;

    /// All quantities, in the order of the ledger's columns.
    pub const ALL: [Quantity; Quantity::COUNT] = [
        Quantity::InputTokens,
        Quantity::CachedInputTokens,
        Quantity::CacheWriteTokens,
        Quantity::InputAudioTokens,
        Quantity::CachedAudioTokens,
        Quantity::OutputTokens,
        Quantity::ReasoningTokens,
        Quantity::OutputAudioTokens,
        Quantity::Characters,
        Quantity::AudioNanos,
        Quantity::OutputAudioNanos,
        Quantity::SentCharacters,
        Quantity::SentAudioNanos,
        Quantity::SessionNanos,
    ];

    /// The column and field name; nanoseconds carry their unit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Quantity::InputTokens => "input_tokens",
            Quantity::CachedInputTokens => "cached_input_tokens",
            Quantity::CacheWriteTokens => "cache_write_tokens",
            Quantity::InputAudioTokens => "input_audio_tokens",
            Quantity::CachedAudioTokens => "cached_audio_tokens",
            Quantity::OutputTokens => "output_tokens",
            Quantity::ReasoningTokens => "reasoning_tokens",
            Quantity::OutputAudioTokens => "output_audio_tokens",
            Quantity::Characters => "characters",
            Quantity::AudioNanos => "audio_nanos",
            Quantity::OutputAudioNanos => "output_audio_nanos",
            Quantity::SentCharacters => "sent_characters",
            Quantity::SentAudioNanos => "sent_audio_nanos",
            Quantity::SessionNanos => "session_nanos",
        }
    }
}

/// A number and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The number, in the quantity's own unit.
    pub value: u64,
    /// Where it comes from.
    pub source: Source,
}

/// The quantities of one attempt. What is not known is absent, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage([Option<Measured>; Quantity::COUNT]);

/// Bits one source takes in [`Usage::sources`].
const SOURCE_BITS: usize = 4;

impl Usage {
    /// No quantity known.
    pub const UNKNOWN: Usage = Usage([None; Quantity::COUNT]);

    /// The quantity, if it is known.
    pub fn get(&self, quantity: Quantity) -> Option<Measured> {
        self.0.get(quantity as usize).copied().flatten()
    }

    /// The number of a quantity, if it is known.
    pub fn value(&self, quantity: Quantity) -> Option<u64> {
        self.get(quantity).map(|measured| measured.value)
    }

    /// Sets a quantity, replacing what was there.
    pub fn set(&mut self, quantity: Quantity, value: u64, source: Source) {
        if let Some(slot) = self.0.get_mut(quantity as usize) {
            *slot = Some(Measured { value, source });
        }
    }

    /// Sets a quantity and returns the usage, for building one in an expression.
    #[must_use]
    pub fn with(mut self, quantity: Quantity, value: u64, source: Source) -> Usage {
        self.set(quantity, value, source);
        self
    }

    /// Takes from `other` every quantity that is unknown here.
    #[must_use]
    pub fn or(mut self, other: &Usage) -> Usage {
        for (slot, fallback) in self.0.iter_mut().zip(other.0) {
            *slot = slot.or(fallback);
        }
        self
    }

    /// Whether the provider counts this as a request: some of what is billed was used, or nobody knows.
    pub fn is_billed(&self) -> bool {
        let billed = [
            Quantity::InputTokens,
            Quantity::OutputTokens,
            Quantity::Characters,
            Quantity::AudioNanos,
            Quantity::OutputAudioNanos,
        ];
        let mut known = billed.iter().filter_map(|quantity| self.value(*quantity)).peekable();
        known.peek().is_none() || known.any(|value| value > 0)
    }

    /// The known quantities, in column order.
    pub fn iter(&self) -> impl Iterator<Item = (Quantity, Measured)> {
        Quantity::ALL.into_iter().zip(self.0).filter_map(|(quantity, slot)| slot.map(|m| (quantity, m)))
    }

    /// The sources of all quantities packed in one integer for the ledger: four bits each, the first quantity
    /// lowest; 0 unknown, 1 provider_reported, 2 wire_measured, 3 framework_reported, 4 estimated.
    pub fn sources(&self) -> i64 {
        let packed = self.iter().fold(0u64, |packed, (quantity, measured)| {
            packed | measured.source.code() << (quantity as usize * SOURCE_BITS)
        });
        packed.cast_signed()
    }

    /// Rebuilds a usage from the ledger's columns: the numbers in column order and the packed sources.
    /// A number without a known source is dropped: it could not be told from a guess.
    pub fn from_columns(values: [Option<i64>; Quantity::COUNT], sources: i64) -> Usage {
        let sources = sources.cast_unsigned();
        let mut usage = Usage::UNKNOWN;
        for (quantity, value) in Quantity::ALL.into_iter().zip(values) {
            let code = sources >> (quantity as usize * SOURCE_BITS) & 0xf;
            if let (Some(value), Some(source)) = (value, Source::from_code(code)) {
                usage.set(quantity, u64::try_from(value).unwrap_or(0), source);
            }
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_read_back_what_was_written() {
        let usage = Usage::UNKNOWN
            .with(Quantity::InputTokens, 120, Source::ProviderReported)
            .with(Quantity::OutputTokens, 0, Source::Estimated)
            .with(Quantity::SessionNanos, u64::from(u32::MAX), Source::WireMeasured);
        let values = Quantity::ALL.map(|q| usage.value(q).map(|v| i64::try_from(v).unwrap()));
        assert_eq!(Usage::from_columns(values, usage.sources()), usage);
        assert_eq!(Usage::UNKNOWN.sources(), 0);
    }

    #[test]
    fn the_last_quantity_still_fits_the_packed_sources() {
        const { assert!(Quantity::COUNT * SOURCE_BITS < 63) };
        assert_eq!(Quantity::ALL[Quantity::COUNT - 1] as usize, Quantity::COUNT - 1);
    }
}
