//! Hears with OpenAI: live over the realtime socket, recordings over HTTP.

use super::{DIALECT, listen::Session};
use crate::{
    client::{Call, Listening, SttClient},
    shared::openai_compat::transcription,
};
use futures_util::future::BoxFuture;
use vg_core::call::{Failure, ListenRequest, TranscribeRequest, Transcription};

/// The client.
pub struct Stt;

impl SttClient for Stt {
    fn default_model(&self) -> Option<&'static str> {
        Some("gpt-4o-mini-transcribe")
    }

    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        Box::pin(async { Ok(Box::new(Session::open(call, request).await?) as Box<dyn Listening>) })
    }

    fn transcribe(
        &self,
        call: Call,
        request: TranscribeRequest,
    ) -> BoxFuture<'static, Result<Transcription, Failure>> {
        Box::pin(transcription::transcribe(call, request, &DIALECT))
    }
}
