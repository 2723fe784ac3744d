//! Speech from text.

use super::{PROVIDER, answer_headers, bad_request, error_event, refusal, refused_key};
use crate::sim::{
    AudioFormat, Counts, Encoding, MILLIS_PER_CHARACTER, Sim, Speech, Step, count, openai_compat::event, text,
};
use axum::{body::Bytes, http::HeaderMap, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use vg_core::Modality;

/// Audio tokens are of 50 ms of speech.
const MILLIS_PER_TOKEN: u64 = 50;

pub(super) async fn speech(sim: Sim, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return bad_request(&sim, &format!("the body is not JSON: {error}"), None),
    };
    let model = text(&body, "model").to_owned();
    if let Some(response) = refused_key(&sim, &headers, Modality::Tts, &model) {
        return response;
    }
    let (input, instructions) = (text(&body, "input"), text(&body, "instructions"));
    for (name, value) in [("model", model.as_str()), ("input", input)] {
        if value.is_empty() {
            return bad_request(&sim, &format!("you must provide `{name}`"), Some(name));
        }
    }
    let ticket = match sim.admit(PROVIDER, Modality::Tts, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let format = AudioFormat { encoding: Encoding::Linear16, sample_rate: 24_000, channels: 1 };
    let voice = body.get("voice").map(Value::to_string).unwrap_or_default();
    let speech = Speech::new(&sim, input, &voice, format);
    let by_characters = model.starts_with("tts-1");
    let sent_characters = speech.characters();
    let received = if by_characters {
        Counts { characters: sent_characters, sent_characters, ..Counts::default() }
    } else {
        let input_tokens = count(input) + count(instructions);
        Counts { input_tokens, sent_characters, ..Counts::default() }
    };
    let reports_usage = ticket.reports_usage();
    let events = text(&body, "stream_format") == "sse";
    // Formats that need a real encoder are answered with raw audio, and the content type says so; inside of events
    // there is no content type, so those get the default format.
    let mp3 = match text(&body, "response_format") {
        "" | "mp3" => true,
        "pcm" => false,
        _ => events,
    };
    let mut playback = speech.playback(&sim, ticket, received, |millis| {
        let audio = if mp3 { speech.mp3(millis) } else { speech.audio(millis) };
        if events {
            event(&json!({"type": "speech.audio.delta", "audio": STANDARD.encode(audio)})).into()
        } else {
            audio.into()
        }
    });
    let mut output_tokens = 0;
    if !by_characters {
        let mut made = 0;
        for step in &mut playback.steps {
            output_tokens = (step.units * MILLIS_PER_CHARACTER).div_ceil(MILLIS_PER_TOKEN);
            let new = output_tokens - made;
            step.counts = Counts { output_tokens: new, output_audio_tokens: new, ..Counts::default() };
            made = output_tokens;
        }
    }
    if events {
        playback.error_frame = Some(error_event().into());
        let input_tokens = received.input_tokens;
        let mut done = json!({"type": "speech.audio.done"});
        if let (true, Some(fields)) = (reports_usage && !by_characters, done.as_object_mut()) {
            let total_tokens = input_tokens + output_tokens;
            let usage = json!({
                "input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": total_tokens,
            });
            fields.insert("usage".to_owned(), usage);
        }
        let units = sent_characters;
        let bytes = event(&done).into();
        playback.steps.push_back(Step { after_millis: 0.0, bytes, counts: Counts::default(), units });
    }
    let content_type = match (events, mp3) {
        (true, _) => "text/event-stream",
        (false, true) => "audio/mpeg",
        (false, false) => "audio/pcm",
    };
    playback.stream(content_type, answer_headers(&sim)).await
}
