//! Whisper behind a server that speaks OpenAI's `/v1/audio/transcriptions`: speaches (once faster-whisper-server) and its
//! like. <https://speaches.ai/usage/speech-to-text/>, read 2026-11.
//!
//! Such servers hear recordings. A live stream is cut into utterances here, by the energy of the audio, and each of
//! them is transcribed when it ends: final transcripts, no guesses before.

mod listen;
mod models;
#[cfg(feature = "sim")]
pub(crate) mod sim;
mod utterances;

pub(super) use models::served_name;

use super::{SERVER, WHISPER};
use crate::{
    client::{Call, Clients, Listening, SttClient},
    shared::openai_compat::{Dialect, transcription},
};
use futures_util::future::{BoxFuture, ready};
use std::sync::Arc;
use vg_core::call::{Endpoint, Failure, ListenRequest, TranscribeRequest, Transcription};

/// How it is called.
pub const CLIENTS: Clients = Clients { stt: Some(&Stt), llm: None, tts: None };

static DIALECT: Dialect = Dialect {
    base_url: "http://localhost:8000/v1",
    transcription_model: "Systran/faster-whisper-large-v3",
    ..SERVER
};

/// Hears with Whisper.
struct Stt;

impl SttClient for Stt {
    fn default_model(&self) -> Option<&'static str> {
        Some("large-v3")
    }

    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        let opened = listen::Session::open(served(call), request);
        Box::pin(ready(opened.map(|session| Box::new(session) as Box<dyn Listening>)))
    }

    fn transcribe(
        &self,
        call: Call,
        request: TranscribeRequest,
    ) -> BoxFuture<'static, Result<Transcription, Failure>> {
        Box::pin(transcribe(served(call), request))
    }
}

/// Transcribes a recording with the model under the name the server knows it by.
async fn transcribe(call: Call, request: TranscribeRequest) -> Result<Transcription, Failure> {
    let model = call.endpoint.model.clone();
    let heard = transcription::transcribe(call, request, &DIALECT).await;
    heard.map_err(|failure| {
        WHISPER.advised(failure, || format!("have the server fetch it with `POST /v1/models/{model}`"))
    })
}

/// The call with the model under the name the server knows it by.
fn served(call: Call) -> Call {
    let model = served_name(&call.endpoint.model).to_owned();
    let endpoint = Endpoint { model, ..Endpoint::clone(&call.endpoint) };
    Call { endpoint: Arc::new(endpoint), ..call }
}
