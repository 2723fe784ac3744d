//! Speech to text: of a stream that is committed piece by piece, or of a recording.

use super::{PROVIDER, REQUEST_ID, Sounds, is_true, refusal, refused_key, text, word};
use crate::sim::{
    AudioFormat, Counts, Dialect, Heard, Listening, Playback, Query, Sim, SocketClock, Ticket, Utterance,
    Wav, json_response, listen, seconds, transcribe,
};
use axum::{
    body::Bytes,
    extract::{
        Multipart, Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::Duration;
use vg_core::Modality;

/// Less audio than this cannot be committed, in milliseconds.
const SHORTEST_COMMIT: u64 = 300;
/// A pause that nobody makes: the client alone says when to commit.
const NO_PAUSE: u64 = u64::MAX / 2;

pub(super) async fn stream(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let query = Query(parameters);
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let model = query.get("model_id").unwrap_or("scribe_v2_realtime").to_owned();
    if let Some(response) = refused_key(&sim, &headers, &query, Modality::Stt, &model) {
        return response;
    }
    // Plugins before 1.6 call it the encoding.
    let named = query.get("audio_format").or_else(|| query.get("encoding")).unwrap_or("pcm_16000");
    let Some(Sounds::Raw(format)) = Sounds::named(named) else {
        sim.refuse(PROVIDER, Modality::Stt, &model);
        return refusal(&sim, 400);
    };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let pause = match query.get("commit_strategy") {
        Some("vad") => (query.number("vad_silence_threshold_secs", 1.5_f64) * 1000.0) as u64,
        _ => NO_PAUSE,
    };
    let is_true = |name: &str| query.get(name) == Some("true");
    let id = sim.uuid();
    ticket.name(&id);
    let dialect = Session {
        id,
        language: query.get("language_code").unwrap_or("en").to_owned(),
        tells_times: is_true("include_timestamps"),
        tells_language: is_true("include_language_detection"),
        format,
        uncommitted: 0,
    };
    upgrade.on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Stt, &model);
        listen(sim, socket, ticket, clock, format, pause, dialect).await;
    })
}

struct Session {
    id: String,
    language: String,
    tells_times: bool,
    tells_language: bool,
    format: AudioFormat,
    /// Bytes of audio since the last commit.
    uncommitted: u64,
}

impl Session {
    fn committed(&self, utterance: &Utterance) -> Vec<Message> {
        let said = utterance.text();
        let mut messages = vec![event("committed_transcript", json!({"text": said}))];
        if self.tells_times || self.tells_language {
            let mut again = json!({"text": said});
            if let Some(fields) = again.as_object_mut() {
                fields.insert("language_code".to_owned(), json!(self.language));
                if self.tells_times {
                    fields.insert("words".to_owned(), json!(words(utterance)));
                }
            }
            messages.push(event("committed_transcript_with_timestamps", again));
        }
        messages
    }
}

impl Dialect for Session {
    fn opened(&mut self) -> Vec<Message> {
        vec![event("session_started", json!({"session_id": self.id, "config": {}}))]
    }

    fn tell(&mut self, heard: Heard, _: &mut Ticket) -> Vec<Message> {
        match heard {
            Heard::Started(_) => Vec::new(),
            Heard::Interim(utterance) => vec![event("partial_transcript", json!({"text": utterance.text()}))],
            Heard::Final { utterance, .. } => {
                self.uncommitted = 0;
                self.committed(&utterance)
            }
            Heard::Nothing => self.committed(&Utterance { words: Vec::new(), start: 0, end: 0 }),
        }
    }

    fn read(&mut self, frame: &str) -> Listening {
        let message: Value = serde_json::from_str(frame).unwrap_or_default();
        if text(&message, "message_type") != "input_audio_chunk" {
            return Listening::Refuse(1008, "invalid_request");
        }
        let audio = STANDARD.decode(text(&message, "audio_base_64")).unwrap_or_default();
        self.uncommitted += audio.len() as u64;
        if !is_true(&message, "commit") {
            return Listening::Audio(audio);
        }
        if seconds(self.format.flicks(self.uncommitted)) * 1000.0 < SHORTEST_COMMIT as f64 {
            return Listening::Refuse(1008, "commit_throttled");
        }
        self.uncommitted = 0;
        Listening::Finalize
    }

    fn patience(&self) -> (Duration, u16, &'static str) {
        (Duration::from_secs(15), 1000, "insufficient_audio_activity")
    }

    fn closing(&mut self, _: &Ticket) -> Vec<Message> {
        Vec::new()
    }

    fn failure(&mut self) -> (Message, u16, &'static str) {
        let error = json!({"error": "The simulated provider failed on request."});
        (event("transcriber_error", error), 1011, "transcriber_error")
    }
}

fn event(kind: &str, mut fields: Value) -> Message {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("message_type".to_owned(), json!(kind));
    }
    Message::text(fields.to_string())
}

/// A recording in a form.
pub(super) async fn recording(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    mut parts: Multipart,
) -> Response {
    let (mut file, mut model, mut language) = (Bytes::new(), String::new(), "eng".to_owned());
    while let Ok(Some(part)) = parts.next_field().await {
        let name = part.name().unwrap_or_default().to_owned();
        let Ok(value) = part.bytes().await else { break };
        let written = || String::from_utf8_lossy(&value).into_owned();
        match name.as_str() {
            "model_id" => model = written(),
            "language_code" => language = written(),
            "file" => file = value,
            _ => {}
        }
    }
    if let Some(response) = refused_key(&sim, &headers, &Query(parameters), Modality::Stt, &model) {
        return response;
    }
    let Some(wav) = Wav::parse(&file).filter(|_| model.starts_with("scribe") && !model.ends_with("realtime"))
    else {
        sim.refuse(PROVIDER, Modality::Stt, &model);
        return refusal(&sim, 400);
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
    let id = sim.uuid();
    let mut body = json!({
        "language_code": language, "language_probability": 0.98, "text": utterance.text(),
        "words": words(&utterance), "transcription_id": id,
    });
    if let (true, Some(fields)) = (ticket.reports_usage(), body.as_object_mut()) {
        fields.insert("audio_duration_secs".to_owned(), json!(seconds(audio_flicks)));
    }
    let failure = json!({"detail": {"status": word(500), "message": "Something went wrong."}});
    let headers = json_response(200, REQUEST_ID, &id, &Value::Null).headers().clone();
    Playback::single(sim, ticket, 200.0, body.to_string(), failure.to_string())
        .whole("application/json", headers)
        .await
}

/// The words with the blanks between them.
fn words(utterance: &Utterance) -> Vec<Value> {
    let mut all = Vec::new();
    for word in &utterance.words {
        let (start, end) = (word.start as f64 / 1000.0, word.end as f64 / 1000.0);
        if !all.is_empty() {
            all.push(json!({"text": " ", "start": start, "end": start, "type": "spacing", "logprob": 0.0}));
        }
        all.push(json!({"text": word.text, "start": start, "end": end, "type": "word", "logprob": -0.05}));
    }
    all
}
