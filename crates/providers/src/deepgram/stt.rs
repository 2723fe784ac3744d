//! Hears.

use super::{flux::Turns, listen::Utterances, options, wire};
use crate::{
    client::{Call, Listening, SttClient, full_leaving},
    shared::{http, listening, wav, websocket},
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
        Some("nova-3")
    }

    fn listen(
        &self,
        call: Call,
        request: ListenRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Listening>, Failure>> {
        Box::pin(async move {
            let rate = request.sample_rate;
            if options::is_flux(&call.endpoint.model) {
                return listening::open(call, rate, Turns::new(request)).await;
            }
            let utterances = Utterances::new(&call.endpoint.model, request);
            listening::open(call, rate, utterances).await
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
    if options::is_flux(&call.endpoint.model) {
        return Err(Failure::unsupported("Deepgram's Flux models hear streams only, not recordings"));
    }
    let address = options::transcribe(&call.endpoint, &request);
    let nanos = wav::nanos(&request.audio);
    let tap = Arc::clone(&call.tap);
    let body = full_leaving(request.audio, move || {
        tap.sent();
        if let Some(nanos) = nanos {
            tap.sent_body_audio(nanos);
        }
    });
    // Deepgram finds the format out by itself when it is not named.
    let content_type = request.content_type.as_deref().unwrap_or("application/octet-stream");
    let credentials = format!("Token {}", call.endpoint.key()?);
    let posted = Request::post(address)
        .header(header::AUTHORIZATION, http::secret(&credentials)?)
        .header(header::CONTENT_TYPE, content_type)
        .body(body);
    let answer = http::ask(&call, posted, wire::refusal).await?;
    call.tap.output();
    let answer = http::whole(answer).await?;
    let recording: wire::Recording<'_> =
        serde_json::from_slice(&answer).map_err(|error| websocket::malformed(&error))?;
    if let Some(nanos) = recording.billed_nanos() {
        call.tap.reported(&Usage::UNKNOWN.with(Quantity::AudioNanos, nanos, Source::ProviderReported));
    }
    Ok(transcription(&recording))
}

fn transcription(recording: &wire::Recording<'_>) -> Transcription {
    let channel = recording.results.channels.first();
    let best = channel.and_then(|channel| channel.alternatives.first());
    let words = best.map(|best| wire::words(&best.words)).unwrap_or_default();
    let start = words.first().map_or(0.0, |word| word.start);
    let end = words.last().map_or(start, |word| word.end);
    let language = channel.and_then(|channel| channel.detected_language.as_ref());
    let language = language.or(best.and_then(|best| best.languages.first()));
    Transcription {
        transcript: Transcript {
            text: best.map(|best| best.transcript.clone().into_owned()).unwrap_or_default(),
            language: language.map(|language| language.clone().into_owned()),
            start,
            duration: end - start,
            confidence: best.filter(|best| !best.transcript.is_empty()).map(|best| best.confidence),
            speaker: wire::most_heard_speaker(&words),
            words,
        },
        duration: recording.metadata.duration,
        native: None,
    }
}
