//! Speech to text: by turns, with the client saying when, or of a recording.

use super::{PROVIDER, REQUEST_ID, failure, refusal, refused_key};
use crate::sim::{
    AudioFormat, Counts, Dialect, Encoding, Heard, Listening, Playback, Query, Sim, SocketClock, Ticket,
    Utterance, Wav, json_response, listen, seconds, transcribe,
};
use axum::{
    body::Bytes,
    extract::{
        Multipart, Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::Duration;
use vg_core::Modality;

const TURN_PAUSE_MILLIS: u64 = 500;

pub(super) async fn turns(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    open(sim, Query(parameters), headers, upgrade, "ink-2", TURN_PAUSE_MILLIS, |id, _| Turns { id })
}

pub(super) async fn manual(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let query = Query(parameters);
    let pause = (query.number("max_silence_duration_secs", 0.5_f64) * 1000.0) as u64;
    open(sim, query, headers, upgrade, "ink-whisper", pause, |id, query| Manual {
        id,
        language: query.get("language").unwrap_or("en").to_owned(),
        told_until: 0,
    })
}

fn open<D: Dialect>(
    sim: Sim,
    query: Query,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    default_model: &str,
    pause_millis: u64,
    dialect: impl FnOnce(String, &Query) -> D,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let model = query.get("model").unwrap_or(default_model).to_owned();
    if let Some(response) = refused_key(&sim, &headers, &query, Modality::Stt, &model) {
        return response;
    }
    let id = sim.uuid();
    let Some(encoding) = Encoding::parse(query.get("encoding").unwrap_or("pcm_s16le")) else {
        return json_response(400, REQUEST_ID, &id, &failure(&id, 400));
    };
    let format = AudioFormat { encoding, sample_rate: query.number("sample_rate", 16_000), channels: 1 };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    ticket.name(&id);
    let dialect = dialect(id.clone(), &query);
    let mut response = upgrade.on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Stt, &model);
        listen(sim, socket, ticket, clock, format, pause_millis, dialect).await;
    });
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

struct Turns {
    id: String,
}

impl Turns {
    fn event(&self, kind: &str, transcript: Option<String>) -> Message {
        let mut event = json!({"type": kind, "request_id": self.id});
        if let (Some(transcript), Some(fields)) = (transcript, event.as_object_mut()) {
            fields.insert("transcript".to_owned(), json!(transcript));
        }
        Message::text(event.to_string())
    }
}

impl Dialect for Turns {
    fn opened(&mut self) -> Vec<Message> {
        vec![self.event("connected", None)]
    }

    fn tell(&mut self, heard: Heard, _: &mut Ticket) -> Vec<Message> {
        match heard {
            Heard::Started(_) => vec![self.event("turn.start", None)],
            Heard::Interim(utterance) => vec![self.event("turn.update", Some(utterance.text()))],
            Heard::Final { utterance, .. } => {
                let text = utterance.text();
                vec![self.event("turn.eager_end", Some(text.clone())), self.event("turn.end", Some(text))]
            }
            Heard::Nothing => Vec::new(),
        }
    }

    fn read(&mut self, frame: &str) -> Listening {
        let message: Value = serde_json::from_str(frame).unwrap_or_default();
        match message.get("type").and_then(Value::as_str) {
            Some("close") => Listening::Close,
            _ => Listening::Answer(Vec::new()),
        }
    }

    /// Twenty seconds without audio end the stream; some clients end theirs only so.
    fn patience(&self) -> (Duration, u16, &'static str) {
        (Duration::from_secs(20), 1000, "idle")
    }

    fn closing(&mut self, _: &Ticket) -> Vec<Message> {
        Vec::new()
    }

    fn failure(&mut self) -> (Message, u16, &'static str) {
        (error(&self.id), 1011, "internal_error")
    }
}

struct Manual {
    id: String,
    language: String,
    told_until: u64,
}

impl Manual {
    fn acknowledge(&self, kind: &str) -> Message {
        Message::text(json!({"type": kind, "request_id": self.id}).to_string())
    }
}

impl Dialect for Manual {
    fn tell(&mut self, heard: Heard, _: &mut Ticket) -> Vec<Message> {
        let (utterance, is_final, asked) = match heard {
            Heard::Interim(utterance) => (utterance, false, false),
            Heard::Final { utterance, asked } => (utterance, true, asked),
            Heard::Started(_) => return Vec::new(),
            Heard::Nothing => return vec![self.acknowledge("flush_done")],
        };
        let transcript = json!({
            "type": "transcript",
            "is_final": is_final,
            "request_id": self.id,
            "text": utterance.text(),
            "duration": utterance.end.saturating_sub(self.told_until) as f64 / 1000.0,
            "language": self.language,
            "words": words(&utterance),
        });
        let mut messages = vec![Message::text(transcript.to_string())];
        if is_final {
            self.told_until = utterance.end;
        }
        if asked {
            messages.push(self.acknowledge("flush_done"));
        }
        messages
    }

    fn read(&mut self, frame: &str) -> Listening {
        match frame.trim() {
            "finalize" => Listening::Finalize,
            "close" | "done" => Listening::Close,
            _ => Listening::Answer(Vec::new()),
        }
    }

    /// Twenty seconds without audio end the stream; some clients end theirs only so.
    fn patience(&self) -> (Duration, u16, &'static str) {
        (Duration::from_secs(20), 1000, "idle")
    }

    fn closing(&mut self, _: &Ticket) -> Vec<Message> {
        vec![self.acknowledge("done")]
    }

    fn failure(&mut self) -> (Message, u16, &'static str) {
        (error(&self.id), 1011, "internal_error")
    }
}

/// A recording in a form.
pub(super) async fn recording(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    mut parts: Multipart,
) -> Response {
    let (mut file, mut model) = (Bytes::new(), "ink-whisper".to_owned());
    while let Ok(Some(part)) = parts.next_field().await {
        let name = part.name().unwrap_or_default().to_owned();
        let Ok(value) = part.bytes().await else { break };
        match name.as_str() {
            "file" => file = value,
            "model" => model = String::from_utf8_lossy(&value).into_owned(),
            _ => {}
        }
    }
    if let Some(response) = refused_key(&sim, &headers, &Query(parameters), Modality::Stt, &model) {
        return response;
    }
    let id = sim.uuid();
    let Some(wav) = Wav::parse(&file) else {
        return json_response(400, REQUEST_ID, &id, &failure(&id, 400));
    };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let audio_flicks = wav.format.flicks(wav.data.len() as u64);
    ticket.add(Counts { audio_flicks, ..Counts::default() });
    ticket.is_for_a_recording();
    let utterance = transcribe(&sim, wav.format, wav.data);
    let utterance = utterance.unwrap_or(Utterance { words: Vec::new(), start: 0, end: 0 });
    let body = json!({
        "type": "transcript", "is_final": true, "request_id": id, "text": utterance.text(), "language": "en",
        "duration": seconds(audio_flicks), "words": words(&utterance),
    });
    let headers = json_response(200, REQUEST_ID, &id, &Value::Null).headers().clone();
    Playback::single(sim, ticket, 200.0, body.to_string(), failure(&id, 500).to_string())
        .whole("application/json", headers)
        .await
}

fn words(utterance: &Utterance) -> Vec<Value> {
    utterance
        .words
        .iter()
        .map(|word| {
            let (start, end) = (word.start as f64 / 1000.0, word.end as f64 / 1000.0);
            json!({"word": word.text, "start": start, "end": end})
        })
        .collect()
}

fn error(id: &str) -> Message {
    let mut message = failure(id, 500);
    if let Some(fields) = message.as_object_mut() {
        fields.insert("type".to_owned(), json!("error"));
        fields.insert("status_code".to_owned(), json!(500));
        fields.insert("code".to_owned(), json!(500));
    }
    Message::text(message.to_string())
}
