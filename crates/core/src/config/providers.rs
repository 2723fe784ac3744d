//! The sections that say who answers: `providers`, `models`, `stacks`, `fallbacks`, `rate_limits`.

use super::{
    links::Target,
    reader::{Reader, Unknown},
    text::{Extra, Secret, Text},
    values::Word,
};
use crate::Modality;
use indexmap::IndexMap;

/// One value for each modality.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PerModality<T> {
    /// For speech to text.
    pub stt: T,
    /// For text to text.
    pub llm: T,
    /// For text to speech.
    pub tts: T,
}

impl<T> PerModality<T> {
    /// The value for one modality.
    pub const fn get(&self, modality: Modality) -> &T {
        match modality {
            Modality::Stt => &self.stt,
            Modality::Llm => &self.llm,
            Modality::Tts => &self.tts,
        }
    }

    /// What `one` makes for each modality, in the order of a conversation.
    ///
    /// # Errors
    /// The first one of `one`.
    pub fn try_from_fn<E>(mut one: impl FnMut(Modality) -> Result<T, E>) -> Result<Self, E> {
        Ok(PerModality { stt: one(Modality::Stt)?, llm: one(Modality::Llm)?, tts: one(Modality::Tts)? })
    }

    fn read(mut one: impl FnMut(&'static str, Modality) -> T) -> Self {
        PerModality {
            stt: one("stt", Modality::Stt),
            llm: one("llm", Modality::Llm),
            tts: one("tts", Modality::Tts),
        }
    }
}

/// An account at a provider, or a local runtime.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The provider's type name; `None` when the id is the type.
    pub provider_type: Option<Text>,
    /// The key; empty when none is given.
    pub api_key: Secret,
    /// The address, empty for the provider's own.
    pub base_url: Text,
    /// Whether it counts as configured.
    pub enabled: bool,
    /// Every other key, for the adapter.
    pub extra: Extra,
}

impl Provider {
    pub(super) fn read(id: &str, s: &mut Reader<'_>) -> Self {
        let provider = Provider {
            provider_type: s
                .optional_text("type", "the provider this is an account of, when the id is another name"),
            api_key: s.secret("api_key", "the provider's key; when none is given, the environment's"),
            base_url: s
                .text("base_url", "another address: the origin, with or without `/v1` or the full path"),
            enabled: s.switch("enabled", true, "`false` counts as not configured"),
            extra: s.rest(),
        };
        s.is_named_after(id, "type", Target::ProviderType);
        provider
    }
}

/// A model under a name of the owner's.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The provider's id.
    pub provider: Text,
    /// The model as the provider calls it, empty for the provider's default.
    pub model: Text,
    /// The voice when a request names none.
    pub default_voice: Option<Text>,
    /// The language when a request names none.
    pub default_language: Option<Text>,
    /// Every other key, for the adapter.
    pub extra: Extra,
}

impl Model {
    fn read(s: &mut Reader<'_>) -> Self {
        let model = Model {
            provider: s.required_text("provider", "the provider's id"),
            model: s.text("model", "the model as the provider calls it"),
            default_voice: s.optional_text("default_voice", "the voice when a request names none"),
            default_language: s.optional_text("default_language", "the language when a request names none"),
            extra: s.rest(),
        };
        s.points_to("provider", Target::Provider);
        model
    }
}

/// Reads `providers`, at the top or in a project.
pub(super) fn providers(s: &mut Reader<'_>, meaning: &'static str) -> IndexMap<String, Provider> {
    s.named("providers", "deepgram", Unknown::Keep, meaning, Provider::read)
}

/// Reads `models`.
pub(super) fn models(s: &mut Reader<'_>) -> PerModality<IndexMap<String, Model>> {
    s.section("models", Unknown::Warn, "models under names of your own, by modality", |s| {
        PerModality::read(|key, _| {
            s.named(key, "my-model", Unknown::Keep, "names for models of this modality", |_, s| {
                Model::read(s)
            })
        })
    })
}

/// A named triple.
pub type Stack = PerModality<Option<Text>>;

/// Reads `stacks`.
pub(super) fn stacks(s: &mut Reader<'_>) -> IndexMap<String, Stack> {
    s.named("stacks", "premium", Unknown::Refuse, "one model of each modality under one name", |_, s| {
        PerModality::read(|key, modality| {
            let text = s.optional_text(key, "a model string");
            s.points_to(key, Target::Model(modality));
            text
        })
    })
}

/// When a chain of models is walked in the agent's process. The server walks it in mid-call in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FallbackMode {
    /// When an object is built: the first member that can be built serves the whole call.
    #[default]
    Construct,
    /// In mid-call too: LiveKit's `FallbackAdapter` over every member that can be built.
    Runtime,
}

impl Word for FallbackMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("construct", FallbackMode::Construct), ("runtime", FallbackMode::Runtime)];
}

/// Reads `fallbacks`.
pub(super) fn fallbacks(s: &mut Reader<'_>) -> (PerModality<Vec<Text>>, FallbackMode) {
    s.section("fallbacks", Unknown::Warn, "what is tried in turn, by modality", |s| {
        let meaning = "in the agent's process: the first that can be built, or failover in mid-call too";
        (chains(s, Target::Model), s.word("mode", FallbackMode::Construct, meaning))
    })
}

/// Reads a list of model strings for each modality.
pub(super) fn chains(s: &mut Reader<'_>, target: fn(Modality) -> Target) -> PerModality<Vec<Text>> {
    PerModality::read(|key, modality| {
        let list = s.texts(key, "model strings, the first choice first");
        s.points_to(key, target(modality));
        list
    })
}

/// Reads `rate_limits`: requests per minute by provider, 0 for no limit.
pub(super) fn rate_limits(s: &mut Reader<'_>) -> IndexMap<String, u32> {
    let meaning = "requests per sliding minute, over all processes on one store";
    s.named("rate_limits", "deepgram", Unknown::Warn, meaning, |id, s| {
        s.is_named_after(id, "", Target::Provider);
        s.integer("requests_per_minute", 0, 0.., "0 is no limit")
    })
}
