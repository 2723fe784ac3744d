//! Text from a recording.

use super::{PROVIDER, answer_headers, bad_request, error_event, event, refusal, refused_key};
use crate::sim::{Counts, Playback, Sim, Step, Utterance, Wav, count, pieces, seconds, transcribe};
use axum::{
    body::Bytes,
    extract::{Multipart, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use vg_core::Modality;

/// Audio tokens of the input are of 100 ms each.
const TOKENS_PER_SECOND: f64 = 10.0;

#[derive(Default)]
struct Form {
    file: Bytes,
    model: String,
    prompt: String,
    response_format: String,
    stream: bool,
}

pub(super) async fn transcribe_file(
    State(sim): State<Sim>,
    headers: HeaderMap,
    parts: Multipart,
) -> Response {
    let form = match read(parts).await {
        Ok(form) => form,
        Err(problem) => return bad_request(&sim, &problem, None),
    };
    if let Some(response) = refused_key(&sim, &headers, Modality::Stt, &form.model) {
        return response;
    }
    if form.model.is_empty() {
        return bad_request(&sim, "you must provide a model parameter", Some("model"));
    }
    let Some(wav) = Wav::parse(&form.file) else {
        return bad_request(&sim, "the simulator hears WAV files with uncompressed audio", Some("file"));
    };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &form.model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let length = wav.format.flicks(wav.data.len() as u64);
    let utterance = transcribe(&sim, wav.format, wav.data);
    let said = utterance.as_ref().map(Utterance::text).unwrap_or_default();
    let usage = bill(&mut ticket, &form, length, &said);
    let usage = ticket.reports_usage().then_some(usage);
    let headers = answer_headers(&sim);

    if form.stream {
        let mut steps = VecDeque::new();
        for piece in pieces(&said) {
            let bytes = event(&json!({"type": "transcript.text.delta", "delta": piece})).into();
            steps.push_back(Step { after_millis: 20.0, bytes, counts: Counts::default(), units: u64::MAX });
        }
        let done = with_usage(json!({"type": "transcript.text.done", "text": said}), usage);
        let bytes = event(&done).into();
        steps.push_back(Step { after_millis: 0.0, bytes, counts: Counts::default(), units: u64::MAX });
        let mut playback = Playback::new(sim, ticket, steps);
        playback.error_frame = Some(error_event().into());
        return playback.stream("text/event-stream", headers).await;
    }
    let (content_type, body) = match form.response_format.as_str() {
        "text" => ("text/plain; charset=utf-8", format!("{said}\n")),
        "verbose_json" => {
            ("application/json", with_usage(verbose(utterance, length, &said), usage).to_string())
        }
        _ => ("application/json", with_usage(json!({"text": said}), usage).to_string()),
    };
    let failure = json!({"error": {
        "message": "The server had an error.", "type": "server_error", "param": null, "code": null,
    }});
    let mut playback = Playback::single(sim, ticket, 250.0, body, failure.to_string());
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

/// Bills a recording and gives the usage object for it: whole seconds, rounded up, for Whisper, tokens for the
/// others.
fn bill(ticket: &mut crate::sim::Ticket, form: &Form, length: u64, said: &str) -> Value {
    if form.model.starts_with("whisper") {
        let second = crate::sim::FLICKS_PER_SECOND;
        let billed = length.div_ceil(second);
        ticket.add(Counts { audio_flicks: billed * second, ..Counts::default() });
        return json!({"type": "duration", "seconds": billed});
    }
    let text_tokens = count(&form.prompt);
    let audio_tokens = (seconds(length) * TOKENS_PER_SECOND).ceil() as u64;
    let (input_tokens, output_tokens) = (text_tokens + audio_tokens, count(said));
    ticket.add(Counts { input_tokens, output_tokens, input_audio_tokens: audio_tokens, ..Counts::default() });
    json!({
        "type": "tokens",
        "input_tokens": input_tokens,
        "input_token_details": {"text_tokens": text_tokens, "audio_tokens": audio_tokens},
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    })
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
