//! The errors of the price engine.

use super::python_text::repr;
use super::rate::Unpriced;
use crate::Kind;
use crate::decimal::DecimalError;

/// Why a call has no price.
///
/// The texts are those of the published price library, word for word, so that both can be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// No provider has this id or recognises it.
    #[error("Unable to find provider provider_id={}", repr(.0))]
    UnknownProvider(Box<str>),
    /// No provider serves this URL.
    #[error("Unable to find provider provider_api_url={}", repr(.0))]
    UnknownUrl(Box<str>),
    /// No provider recognises the model, and none was named.
    #[error("Unable to find provider with model matching {}", repr(.0))]
    NoProviderForModel(Box<str>),
    /// The provider, and those it falls back to, have no such model.
    #[error("Unable to find model with model_ref={} in {provider}", repr(model))]
    UnknownModel {
        /// The reference, lower-cased and without a router's prefix.
        model: Box<str>,
        /// The id of the provider asked.
        provider: Box<str>,
    },
    /// The price depends on the time of day, and the timestamp has no offset from UTC.
    #[error("can't compare offset-naive and offset-aware times")]
    NaiveTimestamp,
    /// More cached audio than audio.
    #[error("cache_audio_read_tokens cannot be greater than input_audio_tokens")]
    CachedAudioAboveAudio,
    /// More cached audio than cached tokens.
    #[error("cache_audio_read_tokens cannot be greater than cache_read_tokens")]
    CachedAudioAboveCached,
    /// More cached and audio tokens than prompt tokens.
    #[error("Uncached text input tokens cannot be negative")]
    NegativeTextInput,
    /// More audio tokens than generated tokens.
    #[error("output_audio_tokens cannot be greater than output_tokens")]
    OutputAudioAboveOutput,
}

impl PriceError {
    /// The kind this error maps to.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::UnknownProvider(_)
            | Self::UnknownUrl(_)
            | Self::NoProviderForModel(_)
            | Self::UnknownModel { .. } => Kind::NotFound,
            Self::NaiveTimestamp
            | Self::CachedAudioAboveAudio
            | Self::CachedAudioAboveCached
            | Self::NegativeTextInput
            | Self::OutputAudioAboveOutput => Kind::BadRequest,
        }
    }

    /// The name of the exception the published library raises in this case.
    #[must_use]
    pub const fn python_exception(&self) -> &'static str {
        match self {
            Self::UnknownProvider(_)
            | Self::UnknownUrl(_)
            | Self::NoProviderForModel(_)
            | Self::UnknownModel { .. } => "LookupError",
            Self::NaiveTimestamp => "TypeError",
            Self::CachedAudioAboveAudio
            | Self::CachedAudioAboveCached
            | Self::NegativeTextInput
            | Self::OutputAudioAboveOutput => "ValueError",
        }
    }
}

/// Why a request has no cost. That is a state of its own, which is counted; it is never zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPrice {
    /// No list has the model, or the quantities contradict one another.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// Nothing that is billed is known.
    #[error("no billed quantity is known")]
    NoQuantity,
    /// What was used has no rate.
    #[error("the price book has no rate for {}", names(*.0))]
    NoRate(Unpriced),
    /// The book would answer with the price of another product; the text says which case it is.
    #[error("{0}")]
    NotListed(&'static str),
    /// More than a line can hold.
    #[error(transparent)]
    TooLarge(#[from] DecimalError),
}

fn names(unpriced: Unpriced) -> String {
    unpriced.iter().map(super::Quantity::name).collect::<Vec<_>>().join(", ")
}

/// Why a price book is refused, and where in it the fault lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookError {
    /// Provider, model and field, outermost first, as far as known.
    place: Vec<String>,
    problem: String,
}

impl BookError {
    pub(super) fn new(problem: impl ToString) -> Self {
        Self { place: Vec::new(), problem: problem.to_string() }
    }

    /// Names what the fault lies within.
    pub(super) fn within(mut self, kind: &str, name: &str) -> Self {
        self.place.insert(0, format!("{kind} `{name}`"));
        self
    }
}

impl std::fmt::Display for BookError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("price book refused: ")?;
        for place in &self.place {
            write!(formatter, "{place}, ")?;
        }
        formatter.write_str(&self.problem)
    }
}

impl std::error::Error for BookError {}

/// Why one line of vector input has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VectorError {
    /// The line is not a JSON object of a known form.
    #[error("not a valid line: {0}")]
    Shape(String),
    /// A field has an unusable value.
    #[error("`{field}`: {problem}")]
    Field {
        /// The field's path, e.g. `usage.input_tokens`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The line's own price block is refused.
    #[error(transparent)]
    Prices(#[from] BookError),
}
