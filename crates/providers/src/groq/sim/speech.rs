//! Speech from text, as a WAV file.

use super::Groq;
use crate::{
    shared::wav,
    sim::{
        AudioFormat, Counts, Encoding, MILLIS_PER_CHARACTER, Sim, Speech, Step, openai_compat::House, text,
    },
};
use axum::{body::Bytes, http::HeaderMap, response::Response};
use serde_json::Value;
use vg_core::Modality;

/// The rate LiveKit's plugin expects.
const SAMPLE_RATE: u32 = 48_000;
/// Bytes before the samples.
const HEAD: usize = 44;

pub(super) async fn speech(sim: Sim, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return Groq::bad_request(&sim, &format!("the body is not JSON: {error}"), None),
    };
    let model = text(&body, "model").to_owned();
    if let Some(response) = Groq::refused_key(&sim, &headers, Modality::Tts, &model) {
        return response;
    }
    let (input, voice) = (text(&body, "input"), text(&body, "voice"));
    for (name, value) in [("model", model.as_str()), ("input", input), ("voice", voice)] {
        if value.is_empty() {
            return Groq::bad_request(&sim, &format!("`{name}` is required"), Some(name));
        }
    }
    if text(&body, "response_format") != "wav" {
        return Groq::bad_request(&sim, "response_format must be one of [wav]", Some("response_format"));
    }
    let ticket = match sim.admit(Groq::PROVIDER, Modality::Tts, &model) {
        Ok(ticket) => ticket,
        Err(status) => return Groq::refusal(&sim, status),
    };
    let format = AudioFormat { encoding: Encoding::Linear16, sample_rate: SAMPLE_RATE, channels: 1 };
    let speech = Speech::new(&sim, input, voice, format);
    let sent_characters = speech.characters();
    let received = Counts { characters: sent_characters, sent_characters, ..Counts::default() };
    let mut playback = speech.playback(&sim, ticket, received, |millis| speech.audio(millis).into());
    let whole = wav::file(SAMPLE_RATE, &speech.audio(0..sent_characters * MILLIS_PER_CHARACTER));
    let head = Step {
        after_millis: 0.0,
        bytes: whole.slice(..HEAD.min(whole.len())),
        counts: Counts::default(),
        units: 0,
    };
    playback.steps.push_front(head);
    playback.stream("audio/wav", Groq::headers(&sim)).await
}
