//! Text to speech: a socket with many requests on it, and one text for one answer.

use super::{PROVIDER, REQUEST_ID, failure, refusal, refused_key};
use crate::sim::{
    Asked, AudioFormat, Counts, Encoding, Playback, Query, Sim, SocketClock, Sound, Speech, Step, Ticket,
    Tongue, json_response, speak,
};
use axum::{
    body::Bytes,
    extract::{
        Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{collections::HashMap, ops::Range};
use vg_core::Modality;

pub(super) async fn stream(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    if let Some(response) = refused_key(&sim, &headers, &Query(parameters), Modality::Tts, "") {
        return response;
    }
    if let Some(status) = sim.refused_handshake(PROVIDER, Modality::Tts) {
        return refusal(&sim, status);
    }
    let id = sim.uuid();
    let tongue = Contexts { sim: sim.clone(), id: id.clone(), tells_times: false, flushes: HashMap::new() };
    let mut response = upgrade.on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Tts, "");
        speak(sim, socket, clock, tongue).await;
    });
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A speaking socket; a request is a context.
struct Contexts {
    sim: Sim,
    id: String,
    /// Whether the latest request asked when its words sound.
    tells_times: bool,
    /// How often each context was flushed.
    flushes: HashMap<String, u64>,
}

impl Tongue for Contexts {
    fn read(&mut self, frame: &str) -> Asked {
        let message: Value = serde_json::from_str(frame).unwrap_or_default();
        let context = text(&message, "context_id").to_owned();
        if is_true(&message, "cancel") {
            return Asked::Cancel { context, confirm: None };
        }
        let Some(order) = Order::read(&self.sim, &message) else {
            return Asked::Answer(self.failed(&context, 400));
        };
        let last = !is_true(&message, "continue");
        self.tells_times = is_true(&message, "add_timestamps");
        match order.speech.characters() {
            0 if is_true(&message, "flush") => {
                let count = self.flushes.entry(context.clone()).or_default();
                *count += 1;
                let done = json!({
                    "type": "flush_done", "context_id": context, "done": false, "flush_done": true,
                    "flush_id": *count, "status_code": 206,
                });
                Asked::Mark { context, message: Message::text(done.to_string()) }
            }
            0 if last => {
                self.flushes.remove(&context);
                Asked::Finish { context }
            }
            0 => Asked::Ignore,
            _ => Asked::Say { context, model: order.model, speech: order.speech, last },
        }
    }

    fn sound(&self, context: &str, sound: &Sound) -> Message {
        Message::text(chunk(Some(context), &sound.audio()).to_string())
    }

    fn times(&self, context: &str, words: &[(String, Range<u64>)]) -> Option<Message> {
        if !self.tells_times || words.is_empty() {
            return None;
        }
        let seconds = |millis: u64| millis as f64 / 1000.0;
        let starts: Vec<f64> = words.iter().map(|(_, times)| seconds(times.start)).collect();
        let ends: Vec<f64> = words.iter().map(|(_, times)| seconds(times.end)).collect();
        let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        let timestamps = json!({
            "type": "timestamps", "context_id": context, "done": false, "status_code": 206,
            "word_timestamps": {"words": words, "start": starts, "end": ends},
        });
        Some(Message::text(timestamps.to_string()))
    }

    fn finished(&mut self, context: &str) -> Message {
        let done = json!({"type": "done", "context_id": context, "done": true, "status_code": 200});
        Message::text(done.to_string())
    }

    fn failed(&self, context: &str, status: u16) -> Message {
        let mut message = failure(&self.id, status);
        if let Some(fields) = message.as_object_mut() {
            fields.insert("type".to_owned(), json!("error"));
            fields.insert("context_id".to_owned(), json!(context));
            fields.insert("done".to_owned(), json!(true));
            fields.insert("status_code".to_owned(), json!(status));
        }
        Message::text(message.to_string())
    }

    /// <https://cartesia.ai/pricing>: errors are free.
    fn failures_are_free(&self, _: bool) -> bool {
        true
    }

    /// <https://docs.cartesia.ai/use-the-api/tts-websocket/contexts>, read 2026-11: no input after a context expired.
    fn ends_for_good(&self) -> bool {
        true
    }

    fn admit(&self, model: &str) -> Result<Ticket, u16> {
        let mut ticket = self.sim.admit(PROVIDER, Modality::Tts, model)?;
        ticket.name(&self.id);
        Ok(ticket)
    }
}

/// What is to be said and by whom.
struct Order {
    model: String,
    speech: Speech,
}

impl Order {
    /// `None` when it is not understood: no model, or an encoding that is not raw audio.
    fn read(sim: &Sim, message: &Value) -> Option<Order> {
        let model = message.get("model_id")?.as_str()?.to_owned();
        let output = message.get("output_format")?;
        let encoding =
            Encoding::parse(output.get("encoding").and_then(Value::as_str).unwrap_or("pcm_s16le"))?;
        let sample_rate = output.get("sample_rate").and_then(Value::as_u64).unwrap_or(24_000);
        let sample_rate = u32::try_from(sample_rate).ok()?;
        let voice = message.get("voice").map(Value::to_string).unwrap_or_default();
        let format = AudioFormat { encoding, sample_rate, channels: 1 };
        Some(Order { model, speech: Speech::new(sim, text(message, "transcript"), &voice, format) })
    }
}

pub(super) async fn bytes(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match playback(&sim, Query(parameters), &headers, &body, Bytes::from) {
        Ok((playback, headers)) => playback.stream("audio/pcm", headers).await,
        Err(response) => response,
    }
}

pub(super) async fn events(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let frame = |audio: Vec<u8>| event("chunk", &chunk(None, &audio));
    match playback(&sim, Query(parameters), &headers, &body, frame) {
        Ok((mut playback, headers)) => {
            let mut error = failure("", 500);
            if let Some(fields) = error.as_object_mut() {
                fields.insert("type".to_owned(), json!("error"));
                fields.insert("done".to_owned(), json!(true));
                fields.insert("status_code".to_owned(), json!(500));
            }
            playback.error_frame = Some(event("error", &error));
            let units = playback.steps.back().map_or(0, |step| step.units);
            let bytes = event("done", &json!({"type": "done", "done": true, "status_code": 200}));
            playback.steps.push_back(Step { after_millis: 0.0, bytes, counts: Counts::default(), units });
            playback.stream("text/event-stream", headers).await
        }
        Err(response) => response,
    }
}

#[expect(clippy::result_large_err, reason = "a refusal is an answer like any other")]
fn playback(
    sim: &Sim,
    query: Query,
    headers: &HeaderMap,
    body: &[u8],
    frame: impl Fn(Vec<u8>) -> Bytes,
) -> Result<(Playback, HeaderMap), Response> {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(response) = refused_key(sim, headers, &query, Modality::Tts, text(&message, "model_id")) {
        return Err(response);
    }
    let id = sim.uuid();
    let order = Order::read(sim, &message).filter(|order| order.speech.characters() > 0);
    let Some(order) = order else {
        return Err(json_response(400, REQUEST_ID, &id, &failure(&id, 400)));
    };
    let ticket = sim.admit(PROVIDER, Modality::Tts, &order.model).map_err(|status| refusal(sim, status))?;
    let characters = order.speech.characters();
    let received = Counts { characters, sent_characters: characters, ..Counts::default() };
    let mut headers = HeaderMap::new();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static(REQUEST_ID), id);
    }
    Ok((order.speech.playback(sim, ticket, received, |millis| frame(order.speech.audio(millis))), headers))
}

fn chunk(context: Option<&str>, audio: &[u8]) -> Value {
    let mut chunk = json!({
        "type": "chunk", "data": STANDARD.encode(audio), "done": false, "status_code": 206, "step_time": 12.5,
    });
    if let (Some(context), Some(fields)) = (context, chunk.as_object_mut()) {
        fields.insert("context_id".to_owned(), json!(context));
    }
    chunk
}

fn event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_true(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}
