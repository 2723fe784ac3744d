//! Hears.

use super::{
    listen::{Pieces, Turns},
    options, wire,
};
use crate::{
    client::{Call, Listening, SttClient, full_leaving},
    shared::{http, listening, multipart::Form, seconds, wav},
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
        Some("ink-2")
    }

    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        Box::pin(async move {
            let rate = request.sample_rate;
            let model = options::listening_model(&call.endpoint, request.language.as_deref());
            if options::tells_turns(model) {
                return listening::open(call, rate, Turns::new(request)).await;
            }
            listening::open(call, rate, Pieces::new(request)).await
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
    let mut form = Form::with_room(request.audio.len());
    form.text("model", options::recording_model(&call.endpoint));
    if let Some(language) = request.language.as_deref().or(call.endpoint.language.as_deref()) {
        form.text("language", options::base_language(language));
    }
    form.text("timestamp_granularities[]", "word");
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
    let posted = Request::post(options::over_http(&call.endpoint, "/stt"))
        .header(options::KEY_HEADER, http::secret(call.endpoint.key()?)?)
        .header(options::VERSION_HEADER, options::VERSION)
        .header(header::CONTENT_TYPE, content_type)
        .body(body);
    let answer = http::ask(&call, posted, wire::refusal).await?;
    call.tap.output();
    let answer = http::whole(answer).await?;
    let answer = std::str::from_utf8(&answer)
        .map_err(|_| Failure::malformed("Cartesia sent an answer that is no text"))?;
    let heard = wire::heard(answer)?;
    if let Some(nanos) = heard.duration.and_then(seconds::to_nanos) {
        call.tap.reported(&Usage::UNKNOWN.with(Quantity::AudioNanos, nanos, Source::ProviderReported));
    }
    Ok(transcription(heard))
}

fn transcription(heard: wire::Heard<'_>) -> Transcription {
    let words = heard.words();
    let start = words.first().map_or(0.0, |word| word.start);
    let end = words.last().map(|word| word.end).or(heard.duration).unwrap_or(start);
    Transcription {
        transcript: Transcript {
            text: heard.text.unwrap_or_default().trim().to_owned(),
            language: heard.language.map(|language| language.into_owned()),
            start,
            duration: (end - start).max(0.0),
            words,
            ..Transcript::default()
        },
        duration: heard.duration,
        native: None,
    }
}
