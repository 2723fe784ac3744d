//! How a provider is called: one trait for each modality it offers, and the network they share.
//!
//! A client does three things and no more: it speaks the provider's wire, tells the [`Tap`] what passes on it at
//! the moment it does, and says what failed. Which provider to call, when to give up and what it costs is the
//! engine's. Dropping a future, a stream or an open call cancels it: nothing is sent after that, and the
//! provider's connection is closed unless it is clean and can be kept for the next call.

mod check;
mod network;
mod pool;

pub use check::check;
pub(crate) use check::origin;
pub use network::{Body, Network, Socket, Words, full, full_leaving};
pub(crate) use network::{accepted, host_of};
pub use pool::{Lifetime, PooledSocket};

use futures_util::{future::BoxFuture, stream::BoxStream};
use std::{sync::Arc, time::Duration};
use vg_core::{
    Modality,
    call::{
        ChatPiece, ChatRequest, Endpoint, Failure, Heard, ListenInput, ListenRequest, SpeakRequest, Spoken,
        SynthesizeRequest, Tap, TranscribeRequest, Transcription,
    },
};

/// What every call is made with.
#[derive(Clone)]
pub struct Call {
    /// The connections.
    pub network: Arc<Network>,
    /// Where to and as whom.
    pub endpoint: Arc<Endpoint>,
    /// The meter.
    pub tap: Arc<dyn Tap>,
    /// How long to wait until the provider has accepted the call.
    pub connect_timeout: Duration,
}

/// The clients of one provider; none where it does not offer the modality, or no client was written yet.
#[derive(Clone, Copy, Default)]
pub struct Clients {
    /// Hears.
    pub stt: Option<&'static dyn SttClient>,
    /// Chats.
    pub llm: Option<&'static dyn LlmClient>,
    /// Speaks.
    pub tts: Option<&'static dyn TtsClient>,
}

impl Clients {
    /// The model of a request of this modality that names the provider alone.
    pub fn default_model(&self, modality: Modality) -> Option<&'static str> {
        match modality {
            Modality::Stt => self.stt?.default_model(),
            Modality::Llm => self.llm?.default_model(),
            Modality::Tts => self.tts?.default_model(),
        }
    }
}

/// A chat answer as it comes.
pub type ChatStream = BoxStream<'static, Result<ChatPiece, Failure>>;

/// Chats.
pub trait LlmClient: Send + Sync {
    /// The model of a request that names the provider alone, as LiveKit's clients may.
    fn default_model(&self) -> Option<&'static str> {
        None
    }

    /// Asks. Resolves when the provider has accepted the request (a 2xx status); the pieces follow, and the stream
    /// ends after the last one. A request with `stream: false` gives exactly one piece.
    fn chat(&self, call: Call, request: Arc<ChatRequest>) -> BoxFuture<'static, Result<ChatStream, Failure>>;
}

/// Hears.
pub trait SttClient: Send + Sync {
    /// The model of a request that names the provider alone, as LiveKit's clients may.
    fn default_model(&self) -> Option<&'static str> {
        None
    }

    /// Opens a stream. Resolves when the provider has accepted it.
    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>>;

    /// Transcribes a recording.
    fn transcribe(
        &self,
        call: Call,
        request: TranscribeRequest,
    ) -> BoxFuture<'static, Result<Transcription, Failure>>;
}

/// An open listening stream.
pub trait Listening: Send {
    /// Sends. Waits while the provider's socket takes no more. Not cancel-safe: a cancelled send ends the stream.
    fn send(&mut self, input: ListenInput) -> BoxFuture<'_, Result<(), Failure>>;

    /// The next thing heard; `None` once the provider has closed in good order. Cancel-safe. It also keeps the
    /// connection alive while there is no audio, so it must be polled.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Heard, Failure>>>;

    /// Says that no more audio comes, so that the provider finishes: `next` then gives what is left, and `None`.
    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>>;

    /// Whether the provider says at its end how much it heard, so that a stream nobody waits for is worth finishing.
    fn counts_at_its_end(&self) -> bool {
        true
    }
}

/// A file of speech as it comes.
pub struct Synthesized {
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub audio: BoxStream<'static, Result<bytes::Bytes, Failure>>,
}

/// Speaks.
pub trait TtsClient: Send + Sync {
    /// The model of a request that names the provider alone, as LiveKit's clients may.
    fn default_model(&self) -> Option<&'static str> {
        None
    }

    /// Opens a stream for one synthesis. Resolves when the provider has accepted it; a connection kept from an
    /// earlier synthesis is used where the provider allows it.
    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>>;

    /// Speaks one text into one file. Resolves when the provider has accepted it.
    fn synthesize(
        &self,
        call: Call,
        request: SynthesizeRequest,
    ) -> BoxFuture<'static, Result<Synthesized, Failure>>;
}

/// An open speaking stream.
pub trait Speaking: Send {
    /// Says the next text, with a trailing space where words must not run together. Not cancel-safe.
    fn say(&mut self, text: String) -> BoxFuture<'_, Result<(), Failure>>;

    /// Says that no more text comes: `next` then gives what is left, and `None`.
    fn finish(&mut self) -> BoxFuture<'_, Result<(), Failure>>;

    /// The next thing spoken; `None` when all audio has come. Cancel-safe.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Spoken, Failure>>>;
}
