//! Plays Piper's HTTP server, with two voices of different rates.

use crate::sim::{AudioFormat, Counts, Encoding, Sim, Speech, Step, text};
use axum::{
    Json, Router,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use vg_core::Modality;

const PROVIDER: &str = "piper";
/// The voices and the rates they have; the first is the one it was started with.
const VOICES: [(&str, u32); 2] = [("en_US-lessac-medium", 22_050), ("en_US-danny-low", 16_000)];

pub(crate) fn router() -> Router<Sim> {
    Router::new().route("/info", get(info)).route("/voices", get(voices)).route("/synthesize", post(speak))
}

async fn info() -> Json<Value> {
    let voice = json!({"name": VOICES.first().map(|(name, _)| name), "language": "en-us", "num_speakers": 1});
    Json(json!({"voice": voice, "last": null}))
}

async fn voices() -> Json<Value> {
    let voices = VOICES.map(|(name, rate)| (name.to_owned(), json!({"audio": {"sample_rate": rate}})));
    Json(Value::Object(voices.into_iter().collect()))
}

/// The page of a web server for whatever went wrong.
fn page(status: u16) -> Response {
    let page = "<!doctype html>\n<html lang=en>\n<title>Error</title>\n<p>The server met an error.</p>\n";
    let mut response = Response::new(page.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

async fn speak(sim: Sim, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = text(&body, "text");
    if said.trim().is_empty() {
        return page(500);
    }
    let asked = text(&body, "voice");
    // A voice that is not there is spoken by the first.
    let known = VOICES.iter().find(|(name, _)| *name == asked).or(VOICES.first());
    let (voice, sample_rate) = known.copied().unwrap_or_default();
    let ticket = match sim.admit(PROVIDER, Modality::Tts, PROVIDER) {
        Ok(ticket) => ticket,
        Err(status) => return page(status),
    };
    let format = AudioFormat { encoding: Encoding::Linear16, sample_rate, channels: 1 };
    let speech = Speech::new(&sim, said, voice, format);
    let sent_characters = speech.characters();
    let received = Counts { characters: sent_characters, sent_characters, ..Counts::default() };
    let mut playback = speech.playback(&sim, ticket, received, |_| Bytes::new());
    let file = crate::shared::wav::file(sample_rate, &speech.audio(0..speech.millis()));
    let step = Step { after_millis: 0.0, bytes: file, counts: Counts::default(), units: sent_characters };
    playback.steps.extend(VecDeque::from([step]));
    playback.whole("audio/wav", HeaderMap::new()).await
}
