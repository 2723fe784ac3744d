//! What was used in one call, as far as prices know it.

use crate::{Usage, decimal::Decimal};

/// Something that is counted and may be charged, in the order reports name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// All prompt tokens: cached, cache-written and audio tokens included.
    InputTokens,
    /// Prompt tokens read from a cache.
    CacheReadTokens,
    /// Prompt tokens written to a cache.
    CacheWriteTokens,
    /// Audio tokens among the prompt tokens.
    InputAudioTokens,
    /// Audio tokens read from a cache: among the cache-read and among the audio tokens.
    CacheAudioReadTokens,
    /// All generated tokens, audio included.
    OutputTokens,
    /// Audio tokens among the generated tokens.
    OutputAudioTokens,
    /// Characters sent to a text-to-speech model.
    Characters,
    /// Seconds of audio sent to a model.
    AudioInputSeconds,
    /// Seconds of audio a model made.
    AudioOutputSeconds,
    /// Minutes of a hosted agent.
    AgentMinutes,
    /// Minutes of telephony.
    TelephonyMinutes,
}

impl Quantity {
    /// Every quantity, in the order reports name them.
    pub const ALL: [Self; 12] = [
        Self::InputTokens,
        Self::CacheReadTokens,
        Self::CacheWriteTokens,
        Self::InputAudioTokens,
        Self::CacheAudioReadTokens,
        Self::OutputTokens,
        Self::OutputAudioTokens,
        Self::Characters,
        Self::AudioInputSeconds,
        Self::AudioOutputSeconds,
        Self::AgentMinutes,
        Self::TelephonyMinutes,
    ];

    /// The name in usage records and in lists of unpriced quantities, e.g. `input_tokens`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InputTokens => "input_tokens",
            Self::CacheReadTokens => "cache_read_tokens",
            Self::CacheWriteTokens => "cache_write_tokens",
            Self::InputAudioTokens => "input_audio_tokens",
            Self::CacheAudioReadTokens => "cache_audio_read_tokens",
            Self::OutputTokens => "output_tokens",
            Self::OutputAudioTokens => "output_audio_tokens",
            Self::Characters => "characters",
            Self::AudioInputSeconds => "audio_input_seconds",
            Self::AudioOutputSeconds => "audio_output_seconds",
            Self::AgentMinutes => "agent_minutes",
            Self::TelephonyMinutes => "telephony_minutes",
        }
    }

    /// Whether the quantity is counted in whole numbers.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        !matches!(
            self,
            Self::AudioInputSeconds | Self::AudioOutputSeconds | Self::AgentMinutes | Self::TelephonyMinutes
        )
    }
}

/// The quantities of one call and the class of its voice. An absent quantity was not counted, which is not zero.
#[derive(Debug, Clone, Default)]
pub struct PriceUsage {
    quantities: [Option<Decimal>; Quantity::ALL.len()],
    /// The provider's class of voice, where prices differ by it, e.g. `pvc`.
    pub voice_class: Option<Box<str>>,
}

impl PriceUsage {
    /// Usage with nothing counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The billed quantities of a ledger line in the price book's terms; `None` when not one is known. The length of
    /// speech counts where nothing else does: who is billed by characters or tokens is not billed by that too.
    #[must_use]
    pub fn of(usage: &Usage) -> Option<Self> {
        use crate::Quantity as Counted;
        const TERMS: [(Counted, Quantity); 8] = [
            (Counted::InputTokens, Quantity::InputTokens),
            (Counted::CachedInputTokens, Quantity::CacheReadTokens),
            (Counted::CacheWriteTokens, Quantity::CacheWriteTokens),
            (Counted::InputAudioTokens, Quantity::InputAudioTokens),
            (Counted::CachedAudioTokens, Quantity::CacheAudioReadTokens),
            (Counted::OutputTokens, Quantity::OutputTokens),
            (Counted::OutputAudioTokens, Quantity::OutputAudioTokens),
            (Counted::Characters, Quantity::Characters),
        ];
        let counted = TERMS
            .into_iter()
            .filter_map(|(counted, term)| usage.value(counted).map(|value| (term, Decimal::from(value))));
        let heard = usage.value(Counted::AudioNanos);
        let heard = heard.map(|nanos| (Quantity::AudioInputSeconds, Decimal::from_scaled(nanos, 9)));
        let mut terms = None;
        for (term, value) in counted.chain(heard) {
            terms.get_or_insert_with(Self::new).set(term, value);
        }
        let spoken = usage.value(Counted::OutputAudioNanos).filter(|_| terms.is_none());
        if let Some(nanos) = spoken {
            terms = Some(Self::new().with(Quantity::AudioOutputSeconds, Decimal::from_scaled(nanos, 9)));
        }
        terms
    }

    /// Adds a quantity, replacing the one there was.
    #[must_use]
    pub fn with(mut self, quantity: Quantity, value: impl Into<Decimal>) -> Self {
        self.set(quantity, value.into());
        self
    }

    /// Sets a quantity, replacing the one there was.
    pub fn set(&mut self, quantity: Quantity, value: Decimal) {
        if let Some(slot) = self.quantities.get_mut(quantity as usize) {
            *slot = Some(value);
        }
    }

    /// The quantity, if it was counted.
    #[must_use]
    pub fn get(&self, quantity: Quantity) -> Option<&Decimal> {
        self.quantities.get(quantity as usize)?.as_ref()
    }
}
