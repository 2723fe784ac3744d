//! Hears recordings with Groq.

use super::DIALECT;
use crate::{
    client::{Call, Listening, SttClient},
    shared::{openai_compat::transcription, wav},
};
use futures_util::future::{BoxFuture, ready};
use serde_json::{Value, json};
use vg_core::call::{Failure, ListenRequest, TranscribeRequest, Transcription};

const FORMAT: &str = "response_format";

/// The client.
pub struct Stt;

impl SttClient for Stt {
    fn default_model(&self) -> Option<&'static str> {
        Some(DIALECT.transcription_model)
    }

    fn listen(&self, _: Call, _: ListenRequest) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        Box::pin(ready(Err(Failure::unsupported(
            "Groq transcribes recordings, not a live stream: cut it into utterances with LiveKit's \
             `stt.StreamAdapter` and a VAD, or name a model that listens live",
        ))))
    }

    fn transcribe(
        &self,
        call: Call,
        request: TranscribeRequest,
    ) -> BoxFuture<'static, Result<Transcription, Failure>> {
        Box::pin(transcribe(call, request))
    }
}

/// Transcribes a recording. Groq tells its length only in its longest answer, so where the file does not, that one is
/// asked for, and shortened to what was wanted.
async fn transcribe(call: Call, mut request: TranscribeRequest) -> Result<Transcription, Failure> {
    let wanted = request.fields.iter().find(|(name, _)| name == FORMAT).map(|(_, format)| format.clone());
    let wanted = wanted.unwrap_or_else(|| "json".to_owned());
    if wav::nanos(&request.audio).is_some() || !matches!(wanted.as_str(), "json" | "text") {
        return transcription::transcribe(call, request, &DIALECT).await;
    }
    request.fields.retain(|(name, _)| name != FORMAT);
    request.fields.push((FORMAT.to_owned(), "verbose_json".to_owned()));
    let mut heard = transcription::transcribe(call, request, &DIALECT).await?;
    let text = &heard.transcript.text;
    heard.native = heard.native.map(|(media_type, body)| match wanted.as_str() {
        "text" => ("text/plain; charset=utf-8".to_owned(), format!("{text}\n").into()),
        _ => {
            let whole: Value = serde_json::from_slice(&body).unwrap_or_default();
            (media_type, json!({"text": text, "x_groq": whole.get("x_groq")}).to_string().into())
        }
    });
    Ok(heard)
}
