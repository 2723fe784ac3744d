//! Speaks with OpenAI.

use super::DIALECT;
use crate::{
    client::{Call, Speaking, Synthesized, TtsClient},
    shared::{openai_compat::speech, texts::Texts},
};
use futures_util::future::BoxFuture;
use std::future::ready;
use vg_core::call::{Failure, SpeakRequest, SynthesizeRequest};

/// The client.
pub struct Tts;

impl TtsClient for Tts {
    fn default_model(&self) -> Option<&'static str> {
        Some("gpt-4o-mini-tts")
    }

    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        // A missing key is told before the first text.
        let key = DIALECT.post(&call, "");
        let texts = key.and_then(|_| Texts::open(call, request, &Tts, DIALECT.speech_rate));
        Box::pin(ready(texts.map(|texts| Box::new(texts) as Box<dyn Speaking>)))
    }

    fn synthesize(
        &self,
        call: Call,
        request: SynthesizeRequest,
    ) -> BoxFuture<'static, Result<Synthesized, Failure>> {
        Box::pin(speech::synthesize(call, request, &DIALECT))
    }
}
