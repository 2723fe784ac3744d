//! Text from a recording.

use super::{House, event};
use crate::sim::{Counts, Playback, Sim, Step, Utterance, Wav, pieces, seconds, transcribe};
use axum::{body::Bytes, extract::Multipart, http::HeaderMap, response::Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use vg_core::Modality;

/// What is asked.
#[derive(Default)]
pub(crate) struct Form {
    file: Bytes,
    /// The model.
    pub(crate) model: String,
    /// What the model is told beside the audio.
    pub(crate) prompt: String,
    response_format: String,
    stream: bool,
}

pub(crate) async fn transcribe_file<H: House>(sim: Sim, headers: HeaderMap, parts: Multipart) -> Response {
    let form = match read(parts).await {
        Ok(form) => form,
        Err(problem) => return H::bad_request(&sim, &problem, None),
    };
    if let Some(response) = H::refused_key(&sim, &headers, Modality::Stt, &form.model) {
        return response;
    }
    if form.model.is_empty() {
        return H::bad_request(&sim, "you must provide a model parameter", Some("model"));
    }
    let Some(wav) = Wav::parse(&form.file) else {
        return H::bad_request(&sim, "the simulator hears WAV files with uncompressed audio", Some("file"));
    };
    let mut ticket = match sim.admit(H::PROVIDER, Modality::Stt, &form.model) {
        Ok(ticket) => ticket,
        Err(status) => return H::refusal(&sim, status),
    };
    let length = wav.format.flicks(wav.data.len() as u64);
    let utterance = transcribe(&sim, wav.format, wav.data);
    let said = utterance.as_ref().map(Utterance::text).unwrap_or_default();
    let usage = H::bill_recording(&mut ticket, &form, length, &said).filter(|_| ticket.reports_usage());
    let headers = H::headers(&sim);
    let beside = H::beside(&sim, None);
    let with_rest = |body: Value| with_field(with_usage(body, usage.clone()), beside.as_ref());

    if form.stream {
        let mut steps = VecDeque::new();
        for piece in pieces(&said) {
            let bytes = event(&json!({"type": "transcript.text.delta", "delta": piece})).into();
            steps.push_back(Step { after_millis: 20.0, bytes, counts: Counts::default(), units: u64::MAX });
        }
        let done = with_usage(json!({"type": "transcript.text.done", "text": said}), usage.clone());
        let bytes = event(&done).into();
        steps.push_back(Step { after_millis: 0.0, bytes, counts: Counts::default(), units: u64::MAX });
        let mut playback = Playback::new(sim, ticket, steps);
        playback.error_frame = Some(event(&H::failure()).into());
        return playback.stream("text/event-stream", headers).await;
    }
    let (content_type, body) = match form.response_format.as_str() {
        "text" => ("text/plain; charset=utf-8", format!("{said}\n")),
        "verbose_json" => ("application/json", with_rest(verbose(utterance, length, &said)).to_string()),
        _ => ("application/json", with_rest(json!({"text": said})).to_string()),
    };
    let mut playback = Playback::single(sim, ticket, 250.0, body, H::failure().to_string());
    playback.malformed = Bytes::from_static(b"{\"broken");
    playback.whole(content_type, headers).await
}

async fn read(mut parts: Multipart) -> Result<Form, String> {
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(|error| error.body_text())? {
        let name = part.name().unwrap_or_default().to_owned();
        let value = part.bytes().await.map_err(|error| error.body_text())?;
        let text = String::from_utf8_lossy(&value).into_owned();
        match name.as_str() {
            "file" => form.file = value,
            "model" => form.model = text,
            "prompt" => form.prompt = text,
            "response_format" => form.response_format = text,
            "stream" => form.stream = text.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
    Ok(form)
}

fn verbose(utterance: Option<Utterance>, length: u64, said: &str) -> Value {
    let segments: Vec<Value> = utterance
        .iter()
        .map(|utterance| {
            json!({
                "id": 0, "seek": 0, "text": said, "tokens": [], "temperature": 0.0,
                "start": utterance.start as f64 / 1000.0,
                "end": utterance.end as f64 / 1000.0,
                "avg_logprob": -0.2, "compression_ratio": 1.0, "no_speech_prob": 0.01,
            })
        })
        .collect();
    json!({"task": "transcribe", "language": "english", "duration": seconds(length), "text": said,
           "segments": segments})
}

fn with_usage(mut body: Value, usage: Option<Value>) -> Value {
    if let (Some(usage), Some(fields)) = (usage, body.as_object_mut()) {
        fields.insert("usage".to_owned(), usage);
    }
    body
}

fn with_field(mut body: Value, field: Option<&(&'static str, Value)>) -> Value {
    if let (Some((name, value)), Some(fields)) = (field, body.as_object_mut()) {
        fields.insert((*name).to_owned(), value.clone());
    }
    body
}
