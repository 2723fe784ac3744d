//! Recordings: uploaded, then transcribed in the background, and asked for until they are done.

use super::{options, wire};
use crate::{
    client::{Body, Call, full, full_leaving},
    shared::{http, seconds, wav, websocket},
};
use ::http::{Request, header, request};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};
use vg_core::{
    Quantity, Source, Usage,
    call::{Failure, TranscribeRequest, Transcription},
};

/// The first wait for a transcript, each one twice as long as the one before, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// Transcribes a recording.
///
/// # Errors
/// When AssemblyAI does not, or what it answers cannot be read.
pub async fn transcribe(call: Call, request: TranscribeRequest) -> Result<Transcription, Failure> {
    let upload = asking(&call, Request::post(options::recordings(&call.endpoint, "upload")))?
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(full(request.audio.clone()));
    let uploaded: wire::Uploaded = answer(&call, upload).await?;

    // What is billed is the transcript: an upload that nobody asks to transcribe costs nothing.
    let nanos = wav::nanos(&request.audio);
    let tap = Arc::clone(&call.tap);
    let body = options::transcript(&call.endpoint, &request, &uploaded.upload_url).to_string();
    let body = full_leaving(body, move || match nanos {
        Some(nanos) => tap.sent_body_audio(nanos),
        None => tap.sent(),
    });
    let submit = asking(&call, Request::post(options::recordings(&call.endpoint, "transcript")))?
        .header(header::CONTENT_TYPE, "application/json")
        .body(body);
    let mut answer = ask(&call, submit).await?;
    let mut wait = WAITS.0;
    loop {
        let recording: wire::Recording<'_> =
            serde_json::from_slice(&answer).map_err(|error| websocket::malformed(&error))?;
        match recording.status.as_ref() {
            "completed" => return Ok(transcription(&call, &recording)),
            "error" => {
                let said = http::shortened(recording.error.as_deref().unwrap_or("no reason given"));
                call.tap.refused(422);
                return Err(Failure::refused(
                    422,
                    format!("AssemblyAI could not transcribe the recording: {said}"),
                ));
            }
            _ => {}
        }
        let address = options::recordings(&call.endpoint, &format!("transcript/{}", recording.id));
        drop(recording);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(WAITS.1);
        answer = ask(&call, asking(&call, Request::get(address))?.body(full(Bytes::new()))).await?;
    }
}

fn transcription(call: &Call, recording: &wire::Recording<'_>) -> Transcription {
    call.tap.output();
    if let Some(nanos) = recording.audio_duration.and_then(seconds::to_nanos) {
        call.tap.reported(&Usage::UNKNOWN.with(Quantity::AudioNanos, nanos, Source::ProviderReported));
    }
    Transcription { transcript: recording.transcript(), duration: recording.audio_duration, native: None }
}

fn asking(call: &Call, builder: request::Builder) -> Result<request::Builder, Failure> {
    Ok(builder.header(header::AUTHORIZATION, http::secret(call.endpoint.key()?)?))
}

async fn ask(call: &Call, request: Result<Request<Body>, ::http::Error>) -> Result<Bytes, Failure> {
    http::whole(http::ask(call, request, wire::refusal).await?).await
}

async fn answer<T: DeserializeOwned>(
    call: &Call,
    request: Result<Request<Body>, ::http::Error>,
) -> Result<T, Failure> {
    serde_json::from_slice(&ask(call, request).await?).map_err(|error| websocket::malformed(&error))
}
