//! Text to speech: sockets with many contexts, and one text for one file.

use super::{PROVIDER, REQUEST_ID, Sounds, is_true, refusal, refused_key, text, word};
use crate::sim::{
    Asked, AudioFormat, Counts, Encoding, Query, Sim, SocketClock, Sound, Speech, Ticket, Tongue, speak,
};
use axum::{
    body::Bytes,
    extract::{
        Path, Query as Parameters, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::collections::HashSet;
use vg_core::Modality;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

pub(super) async fn texts(
    sim: Sim,
    Path(voice): Path<String>,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    open(sim, Some(voice), Query(parameters), headers, upgrade)
}

pub(super) async fn dialogue(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    open(sim, None, Query(parameters), headers, upgrade)
}

fn open(sim: Sim, voice: Option<String>, query: Query, headers: HeaderMap, upgrade: Upgrade) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let model = query.get("model_id").unwrap_or("eleven_multilingual_v2").to_owned();
    if let Some(response) = refused_key(&sim, &headers, &query, Modality::Tts, &model) {
        return response;
    }
    // Each family of models has its own address.
    let is_dialogue = model.starts_with("eleven_v3") || model.starts_with("eleven_v4");
    let Some(sounds) = Sounds::named(query.get("output_format").unwrap_or("mp3_44100_128"))
        .filter(|_| is_dialogue == voice.is_none())
    else {
        sim.refuse(PROVIDER, Modality::Tts, &model);
        return refusal(&sim, 400);
    };
    if let Some(status) = sim.refused_handshake(PROVIDER, Modality::Tts) {
        return refusal(&sim, status);
    }
    let tells_times = query.get("sync_alignment") == Some("true");
    let contexts = Contexts { sim: sim.clone(), model, voice, sounds, tells_times, open: HashSet::new() };
    upgrade.on_upgrade(move |socket| async move {
        let clock = SocketClock::start(&sim, PROVIDER, Modality::Tts, "");
        speak(sim, socket, clock, contexts).await;
    })
}

/// A speaking socket; a request is a context.
struct Contexts {
    sim: Sim,
    model: String,
    /// None on the socket for dialogues, whose lines name theirs.
    voice: Option<String>,
    sounds: Sounds,
    tells_times: bool,
    /// The contexts that were opened and not closed.
    open: HashSet<String>,
}

impl Contexts {
    fn is_dialogue(&self) -> bool {
        self.voice.is_none()
    }

    fn named(&self, context: &str, mut message: Value) -> Message {
        if let Some(fields) = message.as_object_mut() {
            let name = if self.is_dialogue() { "context_id" } else { "contextId" };
            fields.insert(name.to_owned(), json!(context));
        }
        Message::text(message.to_string())
    }

    /// What a message says and in which voice; `None` when it is not understood.
    fn said(&self, message: &Value) -> Option<(String, String)> {
        match &self.voice {
            Some(voice) => Some((message.get("text")?.as_str()?.to_owned(), voice.clone())),
            None => {
                let lines = message.get("inputs")?.as_array()?;
                let said = lines.iter().map(|line| text(line, "text")).collect();
                Some((said, lines.first().map(|line| text(line, "voice_id")).unwrap_or_default().to_owned()))
            }
        }
    }
}

impl Tongue for Contexts {
    fn read(&mut self, frame: &str) -> Asked {
        let message: Value = serde_json::from_str(frame).unwrap_or_default();
        let context = text(&message, "context_id").to_owned();
        if is_true(&message, "close_socket") {
            return Asked::Close;
        }
        if is_true(&message, "close_context") {
            self.open.remove(&context);
            return Asked::Finish { context };
        }
        if is_true(&message, "keep_alive") {
            return Asked::Ignore;
        }
        let is_opening =
            if self.is_dialogue() { message.get("voices").is_some() } else { text(&message, "text") == " " };
        if is_opening {
            self.open.insert(context);
            return Asked::Ignore;
        }
        match self.said(&message) {
            Some((said, _)) if said.is_empty() => Asked::Ignore,
            Some((said, voice)) if self.open.contains(&context) => {
                let format = match self.sounds {
                    Sounds::Raw(format) => format,
                    Sounds::Mp3 => UNUSED,
                };
                let speech = Speech::new(&self.sim, &said, &voice, format);
                Asked::Say { context, model: self.model.clone(), speech, last: false }
            }
            _ => Asked::Answer(self.failed(&context, 400)),
        }
    }

    fn sound(&self, context: &str, sound: &Sound) -> Message {
        let audio = match self.sounds {
            Sounds::Raw(_) => sound.audio(),
            Sounds::Mp3 => sound.speech.mp3(sound.millis.clone()),
        };
        let mut message = json!({"audio": STANDARD.encode(audio)});
        if self.tells_times
            && let Some(fields) = message.as_object_mut()
        {
            let before = if self.is_dialogue() { sound.start + sound.millis.start } else { 0 };
            let (mut chars, mut starts, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
            for (letter, millis) in sound.letters() {
                chars.push(letter.to_string());
                starts.push(millis.start - before);
                lengths.push(millis.end - millis.start);
            }
            if self.is_dialogue() {
                let alignment =
                    json!({"chars": chars, "char_start_times_ms": starts, "char_durations_ms": lengths});
                fields.insert("alignment".to_owned(), alignment);
            } else {
                let alignment =
                    json!({"chars": chars, "charStartTimesMs": starts, "charDurationsMs": lengths});
                fields.insert("normalizedAlignment".to_owned(), alignment.clone());
                fields.insert("alignment".to_owned(), alignment);
            }
        }
        self.named(context, message)
    }

    fn finished(&mut self, context: &str) -> Message {
        let last = if self.is_dialogue() { "is_final" } else { "isFinal" };
        self.named(context, json!({last: true}))
    }

    fn failed(&self, context: &str, status: u16) -> Message {
        let code = if status < 500 { 1008 } else { 1011 };
        let message = format!("The simulated provider failed on request with {status}.");
        self.named(context, json!({"error": word(status), "message": message, "code": code}))
    }

    /// No page says so; what has sounded was made.
    fn failures_are_free(&self, has_sounded: bool) -> bool {
        !has_sounded
    }

    fn ends_for_good(&self) -> bool {
        true
    }

    fn admit(&self, model: &str) -> Result<Ticket, u16> {
        self.sim.admit(PROVIDER, Modality::Tts, model)
    }
}

/// MP3 has a format of its own.
const UNUSED: AudioFormat = AudioFormat { encoding: Encoding::Linear16, sample_rate: 24_000, channels: 1 };

pub(super) async fn file_of_text(
    sim: Sim,
    Path(voice): Path<String>,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = text(&message, "text").to_owned();
    file(sim, Query(parameters), headers, &message, (said, voice)).await
}

pub(super) async fn file_of_dialogue(
    sim: Sim,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let lines = message.get("inputs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let said = lines.iter().map(|line| text(line, "text")).collect();
    let voice = lines.first().map(|line| text(line, "voice_id")).unwrap_or_default().to_owned();
    file(sim, Query(parameters), headers, &message, (said, voice)).await
}

async fn file(
    sim: Sim,
    query: Query,
    headers: HeaderMap,
    message: &Value,
    (said, voice): (String, String),
) -> Response {
    let model = message.get("model_id").and_then(Value::as_str).unwrap_or("eleven_multilingual_v2");
    if let Some(response) = refused_key(&sim, &headers, &query, Modality::Tts, model) {
        return response;
    }
    let sounds = Sounds::named(query.get("output_format").unwrap_or("mp3_44100_128"));
    let Some(sounds) = sounds.filter(|_| !said.is_empty()) else {
        sim.refuse(PROVIDER, Modality::Tts, model);
        return refusal(&sim, 400);
    };
    let ticket = match sim.admit(PROVIDER, Modality::Tts, model) {
        Ok(ticket) => ticket,
        Err(status) => return refusal(&sim, status),
    };
    let (format, content_type) = match sounds {
        Sounds::Raw(format) => (format, "audio/pcm"),
        Sounds::Mp3 => (UNUSED, "audio/mpeg"),
    };
    let speech = Speech::new(&sim, &said, &voice, format);
    let characters = speech.characters();
    let mut headers = HeaderMap::new();
    if ticket.reports_usage() {
        let is_half_priced = model.starts_with("eleven_flash") || model.starts_with("eleven_turbo");
        let credits = if is_half_priced { characters.div_ceil(2) } else { characters };
        headers.insert("character-cost", HeaderValue::from(credits));
    }
    if let Ok(id) = HeaderValue::from_str(&sim.uuid()) {
        headers.insert(REQUEST_ID, id);
    }
    let received = Counts { characters, sent_characters: characters, ..Counts::default() };
    let playback = speech.playback(&sim, ticket, received, |millis| match sounds {
        Sounds::Raw(_) => speech.audio(millis).into(),
        Sounds::Mp3 => speech.mp3(millis).into(),
    });
    playback.stream(content_type, headers).await
}
