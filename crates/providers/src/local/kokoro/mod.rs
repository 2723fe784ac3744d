//! Kokoro as Kokoro-FastAPI serves it. <https://github.com/remsky/Kokoro-FastAPI>, read 2026-11.
//!
//! Speech is of one model, at 24 kHz; the voice is a name such as `af_heart`, or a mix such as `af_bella+af_sky`.

#[cfg(feature = "sim")]
pub(crate) mod sim;

use super::{KOKORO, SERVER};
use crate::{
    client::{Call, Clients, Speaking, Synthesized, TtsClient},
    shared::{
        openai_compat::{Dialect, speech},
        texts::Texts,
    },
};
use futures_util::future::BoxFuture;
use std::future::ready;
use vg_core::call::{Failure, SpeakRequest, SynthesizeRequest};

/// How it is called.
pub const CLIENTS: Clients = Clients { stt: None, llm: None, tts: Some(&Tts) };

static DIALECT: Dialect =
    Dialect { base_url: "http://localhost:8880/v1", speech_model: "kokoro", voice: "af_heart", ..SERVER };

/// Speaks with Kokoro.
struct Tts;

impl TtsClient for Tts {
    fn default_model(&self) -> Option<&'static str> {
        Some("kokoro")
    }

    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        let texts = Texts::open(call, request, &Tts, DIALECT.speech_rate);
        Box::pin(ready(texts.map(|texts| Box::new(texts) as Box<dyn Speaking>)))
    }

    fn synthesize(
        &self,
        call: Call,
        request: SynthesizeRequest,
    ) -> BoxFuture<'static, Result<Synthesized, Failure>> {
        Box::pin(async move {
            let spoken = speech::synthesize(call, request, &DIALECT).await;
            spoken
                .map_err(|failure| KOKORO.advised(failure, || "is this address Kokoro-FastAPI's?".to_owned()))
        })
    }
}
