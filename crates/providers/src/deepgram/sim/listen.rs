//! Speech to text, first version of the API: a socket, or a recording.

use super::{
    PROVIDER, REQUEST_ID, bad_request, model_of, product, refusal, refused_key, with_id,
    words::{alternative, frame, in_seconds, written},
};
use crate::sim::{
    AudioFormat, Counts, Dialect, Encoding, Heard, Listening, Query, Sim, SocketClock, Ticket, Utterance,
    Wav, json_response, listen, seconds, transcribe,
};
use axum::{
    body::Bytes,
    extract::{
        Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::Duration;
use vg_core::Modality;

/// The pause after which the real API ends an utterance when nothing is asked for.
const ENDPOINTING_MILLIS: u64 = 10;

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
    let model = model_of(&query, "base");
    if let Some(response) = refused_key(&sim, &headers, Modality::Stt, &model) {
        return response;
    }
    let Some(encoding) = Encoding::parse(query.get("encoding").unwrap_or("linear16")) else {
        return bad_request(&sim, "the simulator hears linear16, linear32, mulaw and alaw");
    };
    let format = AudioFormat {
        encoding,
        sample_rate: query.number("sample_rate", 16_000),
        channels: query.number("channels", 1),
    };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let id = sim.uuid();
    ticket.name(&id);
    ticket.bill_as(product(&query, &model, false));
    let dialect = Words {
        id: id.clone(),
        opened: sim.now(),
        interim: query.get("interim_results") == Some("true"),
        events: query.get("vad_events") == Some("true"),
        utterance_end: query.get("utterance_end_ms").is_some(),
        told_until: 0,
        model: model.clone(),
        channels: format.channels,
    };
    let endpointing = match query.get("endpointing") {
        // Turned off: only the client's own word ends an utterance.
        Some("false") => u64::MAX / 2,
        _ => query.number("endpointing", ENDPOINTING_MILLIS),
    };
    let response = upgrade.protocols(["token"]).on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Stt, &model);
        listen(sim, socket, ticket, clock, format, endpointing, dialect).await;
    });
    with_id(response, &id)
}

struct Words {
    id: String,
    opened: chrono::DateTime<chrono::Utc>,
    model: String,
    interim: bool,
    events: bool,
    utterance_end: bool,
    channels: u32,
    /// The millisecond of audio up to which final results were given.
    told_until: u64,
}

impl Words {
    fn results(&self, utterance: &Utterance, is_final: bool, speech_final: bool, asked: bool) -> Message {
        let end = utterance.end.max(self.told_until);
        frame(json!({
            "type": "Results",
            "channel_index": [0, self.channels],
            "start": in_seconds(self.told_until),
            "duration": in_seconds(end - self.told_until),
            "is_final": is_final,
            "speech_final": speech_final,
            "from_finalize": asked,
            "channel": {"alternatives": [alternative(utterance)]},
            "metadata": {
                "request_id": self.id,
                "model_info": {"name": self.model, "version": "2026-01-01.0", "arch": self.model},
                "model_uuid": self.id,
            },
        }))
    }
}

impl Dialect for Words {
    fn tell(&mut self, heard: Heard, _: &mut Ticket) -> Vec<Message> {
        match heard {
            Heard::Started(at) if self.events => {
                vec![frame(json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": in_seconds(at)}))]
            }
            Heard::Interim(utterance) if self.interim => {
                vec![self.results(&utterance, false, false, false)]
            }
            Heard::Started(_) | Heard::Interim(_) => Vec::new(),
            Heard::Final { utterance, asked } => {
                let mut messages = vec![self.results(&utterance, true, !asked, asked)];
                if self.utterance_end && !asked {
                    let end = in_seconds(utterance.end);
                    messages.push(frame(
                        json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": end}),
                    ));
                }
                self.told_until = utterance.end;
                messages
            }
            Heard::Nothing => {
                let nothing = Utterance { words: Vec::new(), start: self.told_until, end: self.told_until };
                vec![self.results(&nothing, true, false, true)]
            }
        }
    }

    fn read(&mut self, text: &str) -> Listening {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message.get("type").and_then(Value::as_str) {
            Some("KeepAlive") => Listening::Answer(Vec::new()),
            Some("Finalize") => Listening::Finalize,
            Some("CloseStream") => Listening::Close,
            Some("Configure") => Listening::Answer(vec![frame(json!({
                "type": "ConfigureSuccess",
                "request_id": self.id,
                "keyterms": message.get("keyterms").cloned().unwrap_or_else(|| json!([])),
            }))]),
            _ => Listening::Refuse(1008, "DATA-0000"),
        }
    }

    /// Neither audio nor `KeepAlive` for ten seconds ends the stream.
    fn patience(&self) -> (Duration, u16, &'static str) {
        (Duration::from_secs(10), 1011, "NET-0001")
    }

    fn closing(&mut self, ticket: &Ticket) -> Vec<Message> {
        if !ticket.reports_usage() {
            return Vec::new();
        }
        vec![frame(json!({
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self.id,
            "sha256": format!("{:0>64}", self.id.replace('-', "")),
            "created": written(self.opened),
            "duration": seconds(ticket.counts().audio_flicks),
            "channels": self.channels,
        }))]
    }

    fn failure(&mut self) -> (Message, u16, &'static str) {
        let message = frame(json!({
            "type": "Error",
            "variant": "INTERNAL_SERVER_ERROR",
            "description": "The simulated provider failed on request.",
            "message": "The simulated provider failed on request.",
        }));
        (message, 1011, "INTERNAL_SERVER_ERROR")
    }
}

pub(super) async fn recording(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = Query(parameters);
    let model = model_of(&query, "base");
    if let Some(response) = refused_key(&sim, &headers, Modality::Stt, &model) {
        return response;
    }
    let raw = query.get("encoding").and_then(Encoding::parse).map(|encoding| AudioFormat {
        encoding,
        sample_rate: query.number("sample_rate", 16_000),
        channels: query.number("channels", 1),
    });
    let wav = Wav::parse(&body).map(|wav| (wav.format, wav.data));
    let Some((format, audio)) = wav.or(raw.map(|format| (format, &*body))) else {
        return bad_request(
            &sim,
            "the simulator hears WAV files, or raw audio whose encoding the address names",
        );
    };
    let mut ticket = match sim.admit(PROVIDER, Modality::Stt, &model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let audio_flicks = format.flicks(audio.len() as u64);
    ticket.add(Counts { audio_flicks, ..Counts::default() });
    ticket.bill_as(product(&query, &model, true));
    ticket.is_for_a_recording();
    let id = sim.uuid();
    let understood = transcribe(&sim, format, audio);
    let utterance = understood.unwrap_or(Utterance { words: Vec::new(), start: 0, end: 0 });
    let mut metadata = json!({
        "transaction_key": "deprecated",
        "request_id": id,
        "sha256": format!("{:0>64}", id.replace('-', "")),
        "created": written(sim.now()),
        "duration": seconds(audio_flicks),
        "channels": format.channels,
        "models": [id],
        "model_info": {id.clone(): {"name": model, "version": "2026-01-01.0", "arch": model}},
    });
    if !ticket.reports_usage() {
        metadata.as_object_mut().map(|fields| fields.remove("duration"));
    }
    let mut channel = json!({"alternatives": [alternative(&utterance)]});
    if let (Some("true"), Some(fields)) = (query.get("detect_language"), channel.as_object_mut()) {
        fields.insert("detected_language".to_owned(), json!("en"));
    }
    let body = json!({"metadata": metadata, "results": {"channels": [channel]}});
    let failure =
        json!({"err_code": "INTERNAL_SERVER_ERROR", "err_msg": "Failed on request.", "request_id": id});
    let headers = json_response(200, REQUEST_ID, &id, &Value::Null).headers().clone();
    crate::sim::Playback::single(sim, ticket, 200.0, body.to_string(), failure.to_string())
        .whole("application/json", headers)
        .await
}
