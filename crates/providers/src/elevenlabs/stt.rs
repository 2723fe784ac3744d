//! Hears.

use super::{listen::Commits, options, wire};
use crate::{
    client::{Call, Listening, SttClient, full_leaving},
    shared::{http, listening, multipart::Form, seconds, wav, websocket},
};
use ::http::{Request, header};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use vg_core::{
    Quantity, Source, Usage,
    call::{Failure, ListenRequest, TranscribeRequest, Transcript, Transcription},
};

/// The client.
pub struct Stt;

impl SttClient for Stt {
    fn default_model(&self) -> Option<&'static str> {
        Some(options::LISTENING_MODEL)
    }

    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        Box::pin(async move {
            let model = &call.endpoint.model;
            if !model.is_empty() && !model.ends_with("realtime") {
                return Err(Failure::unsupported(format!(
                    "ElevenLabs' `{model}` hears recordings, not a live stream; `{}` does",
                    options::LISTENING_MODEL
                )));
            }
            let rate = request.sample_rate;
            if !options::HEARD_RATES.contains(&rate) {
                return Err(Failure::unsupported(format!(
                    "ElevenLabs hears at {:?} samples a second, not at {rate}",
                    options::HEARD_RATES
                )));
            }
            listening::open(call, rate, Commits::new(request)).await
        })
    }

    fn transcribe(
        &self,
        call: Call,
        request: TranscribeRequest,
    ) -> BoxFuture<'static, Result<Transcription, Failure>> {
        Box::pin(transcribe(call, request))
    }
}

async fn transcribe(call: Call, request: TranscribeRequest) -> Result<Transcription, Failure> {
    let model = match call.endpoint.model.as_str() {
        "" => options::RECORDING_MODEL,
        live if live.ends_with("realtime") => {
            return Err(Failure::unsupported(format!(
                "ElevenLabs' `{live}` hears live streams, not recordings; `{}` does",
                options::RECORDING_MODEL
            )));
        }
        model => model,
    };
    let (address, fields) = options::transcribe(&call.endpoint);
    let mut form = Form::with_room(request.audio.len());
    form.text("model_id", model);
    if let Some(language) = request.language.as_deref().or(call.endpoint.language.as_deref()) {
        form.text("language_code", options::base_language(language));
    }
    for (name, value) in &fields {
        form.text(name, value);
    }
    let kind = request.content_type.as_deref().unwrap_or("application/octet-stream");
    form.file("file", &request.file_name, kind, &request.audio);
    let (content_type, body) = form.finish();
    let nanos = wav::nanos(&request.audio);
    let tap = Arc::clone(&call.tap);
    let body = full_leaving(body, move || {
        tap.sent();
        if let Some(nanos) = nanos {
            tap.sent_body_audio(nanos);
        }
    });
    let posted = Request::post(address)
        .header(options::KEY_HEADER, http::secret(call.endpoint.key()?)?)
        .header(header::CONTENT_TYPE, content_type)
        .body(body);
    let answer = http::ask(&call, posted, wire::refusal).await?;
    call.tap.output();
    let answer = http::whole(answer).await?;
    let heard: wire::Heard<'_> =
        serde_json::from_slice(&answer).map_err(|error| websocket::malformed(&error))?;
    if let Some(nanos) = heard.audio_duration_secs.and_then(seconds::to_nanos) {
        call.tap.reported(&Usage::UNKNOWN.with(Quantity::AudioNanos, nanos, Source::ProviderReported));
    }
    Ok(transcription(&heard))
}

fn transcription(heard: &wire::Heard<'_>) -> Transcription {
    let words = heard.words();
    let start = words.first().map_or(0.0, |word| word.start);
    let end = words.last().map(|word| word.end).or(heard.audio_duration_secs).unwrap_or(start);
    Transcription {
        transcript: Transcript {
            text: heard.text.0.trim().to_owned(),
            language: heard.language_code.as_deref().map(str::to_owned),
            start,
            duration: (end - start).max(0.0),
            confidence: wire::confidence(&words),
            speaker: words.first().and_then(|word| word.speaker.clone()),
            words,
        },
        duration: heard.audio_duration_secs,
        native: None,
    }
}
