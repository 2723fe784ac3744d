//! What the engine knows of a provider: its name, its addresses, what it bills and which price that is.
//! The implementations live in the `providers` crate, one folder each.

use crate::{Modality, Status, Usage};
use std::{borrow::Cow, time::Duration};

/// How far a request got. Decides what a provider bills when there is no usage message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing reached the provider: no connection.
    NotSent,
    /// It was sent, and nothing came back.
    Sent,
    /// The provider refused it with this HTTP status or close code.
    Refused(u16),
    /// The provider began to answer.
    Answered,
}

/// Which way a frame passed, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the provider.
    Sent,
    /// From the provider.
    Received,
}

/// What a text frame on a provider's wire says that concerns the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one frame; a box would cost an allocation"
)]
pub enum Said {
    /// Text to speak, in characters.
    Text(u64),
    /// Audio to hear, carried inside the text frame, in nanoseconds.
    Audio(u64),
    /// Output of the model arrived.
    Output,
    /// The provider's count of the audio it processed on this socket, in nanoseconds.
    AudioProcessed(u64),
    /// The provider's count of how long the session on this socket lasted, in nanoseconds.
    SessionLasted(u64),
    /// The provider's usage message for one part of the attempt.
    Usage(Usage),
    /// An error frame with this status.
    Refused(u16),
}

/// A text frame, read for the meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which of the requests that share a socket it belongs to, where the provider says so.
    pub context: Option<Cow<'a, str>>,
    /// What it says.
    pub said: Said,
}

/// What was seen of one attempt, from which the provider's rule makes the billed quantities.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The modality.
    pub modality: Modality,
    /// The model, without provider and suffix.
    pub model: &'a str,
    /// How it ended.
    pub status: Status,
    /// How far it got.
    pub reach: Reach,
    /// The status the provider gave up with, even if it had begun to answer.
    pub refusal: Option<u16>,
    /// Counted on the wire: sent characters, sent audio, session time.
    pub wire: Usage,
    /// From the provider's own usage messages.
    pub reported: Usage,
    /// Computed from the text that passed; made only when an answer has no usage message.
    pub estimated: Usage,
}

/// What a price depends on beside the quantities.
#[derive(Debug, Clone, Copy, Default)]
pub struct PriceQuery<'a> {
    /// The model, without provider and suffix.
    pub model: &'a str,
    /// The language asked for, such as `multi`.
    pub language: Option<&'a str>,
    /// Whether audio or text is streamed, not sent as one body.
    pub streaming: bool,
    /// The voice asked for.
    pub voice: Option<&'a str>,
    /// The class the owner's configuration gives that voice, such as `pvc`; no API reports it.
    pub voice_class: Option<&'a str>,
}

/// Which price a request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceRef {
    /// An entry of the price book: provider and model reference, and the voice class if one is known.
    Book {
        /// The provider's id in the price book.
        provider: &'static str,
        /// The model reference to look up.
        model: String,
        /// The voice class, such as `pvc`.
        voice_class: Option<String>,
    },
    /// A runtime on the owner's machine: exactly 0.
    Local,
    /// The price book would answer with the price of another product, so none is asked for.
    Unpriced(&'static str),
}

impl PriceRef {
    /// A reference into the price book without a voice class.
    pub fn book(provider: &'static str, model: impl Into<String>) -> PriceRef {
        PriceRef::Book { provider, model: model.into(), voice_class: None }
    }
}

/// The request that shows whether an address and a key work: a GET that costs nothing.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The provider's own origin.
    pub origin: &'static str,
    /// What follows the origin and an owner's prefix.
    pub path: &'static str,
    /// The header that carries the key, and what stands before the key in it.
    pub key: (&'static str, &'static str),
    /// Further headers.
    pub headers: &'static [(&'static str, &'static str)],
    /// The provider's word in a refusal that shows a good key all the same: one that may not ask for this.
    pub passing_refusal: Option<&'static str>,
}

impl Check {
    /// A check at `origin` and `path`, with the key as a bearer token.
    pub const fn new(origin: &'static str, path: &'static str) -> Check {
        Check { origin, path, key: ("authorization", "Bearer "), headers: &[], passing_refusal: None }
    }
}

/// One provider, as the engine sees it. An implementation never names another provider.
pub trait Provider: Send + Sync {
    /// The type name, such as `deepgram`.
    fn id(&self) -> &'static str;

    /// The modalities it offers.
    fn modalities(&self) -> &'static [Modality];

    /// The environment variable of its key; `None` for a runtime that needs no key.
    fn key_variable(&self) -> Option<&'static str>;

    /// Other names its key goes by in an environment, tried in turn when that one is not set.
    fn other_key_variables(&self) -> &'static [&'static str] {
        &[]
    }

    /// The key in an environment: that of the first of its variables that is set to something.
    fn key_in(&self, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let names = self.key_variable().into_iter().chain(self.other_key_variables().iter().copied());
        names.filter_map(variable).find(|key| !key.is_empty())
    }

    /// The path that LiveKit's plugin for this modality and model expects at the end of its `base_url`.
    fn endpoint(&self, modality: Modality, model: &str) -> &'static str;

    /// Path endings an owner may have written after the origin and prefix, the longest first.
    fn known_endings(&self) -> &'static [&'static str];

    /// The model as the provider names it in its requests, bills and exports. It is the one asked for, unless that
    /// is a family of which the voice is a part of the name.
    fn billed_model<'a>(&self, modality: Modality, model: &'a str, voice: Option<&str>) -> Cow<'a, str> {
        let _ = (modality, voice);
        Cow::Borrowed(model)
    }

    /// What shows that an address and a key work; `None` where nothing does.
    fn check(&self) -> Option<Check> {
        None
    }

    /// How long the first answer may take beyond what any provider is given: a runtime on the owner's machine reads
    /// its model from disk for it.
    fn warm_up(&self) -> Duration {
        Duration::ZERO
    }

    /// The price a request means.
    fn price_ref(&self, query: &PriceQuery<'_>) -> PriceRef;

    /// What a text frame says, for the meter. Frames that say nothing countable, and frames that are not
    /// understood, give nothing: a meter never breaks a call.
    fn frame<'a>(&self, modality: Modality, direction: Direction, text: &'a str) -> Option<Frame<'a>> {
        let _ = (modality, direction, text);
        None
    }

    /// The billed quantities of an attempt, by this provider's own rules.
    fn bill(&self, facts: &Facts<'_>) -> Usage;

    /// The `base_url` to give to LiveKit's plugin for what an owner wrote: the origin with its prefix, the same
    /// with `/v1`, or the plugin's full path all mean the same.
    fn plugin_base_url(&self, modality: Modality, model: &str, written: &str) -> String {
        format!("{}{}", self.stem(written), self.endpoint(modality, model))
    }

    /// The origin with an owner's prefix of what an owner wrote, in any of these forms.
    fn stem<'a>(&self, written: &'a str) -> &'a str {
        let trimmed = written.trim_end_matches('/');
        let stem = self.known_endings().iter().find_map(|ending| trimmed.strip_suffix(ending));
        stem.unwrap_or(trimmed).trim_end_matches('/')
    }
}
