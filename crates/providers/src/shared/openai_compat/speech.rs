//! Speech: one text into one file, passed on as it comes.

use super::{
    Dialect,
    chat::extra_under,
    model,
    speech_wire::{self, Told},
};
use crate::{
    client::{Call, Synthesized, full_leaving},
    shared::{
        api_error::words,
        http,
        pcm::Track,
        speech_file,
        sse::{Decoder, Event},
    },
};
use ::http::header;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use std::{collections::VecDeque, sync::Arc};
use vg_core::call::{AudioFormat, Failure, SynthesizeRequest, Tap};

/// The keys of a request that its own fields decide.
const OURS: [&str; 5] = ["model", "input", "voice", "response_format", "stream_format"];

/// Speaks one text into one file.
///
/// # Errors
/// When the provider does not accept it.
pub async fn synthesize(
    call: Call,
    request: SynthesizeRequest,
    dialect: &'static Dialect,
) -> Result<Synthesized, Failure> {
    let model = model(&call, dialect.speech_model);
    // Where tokens are billed, only the events tell how many: they are asked for even if the client wants bare audio.
    let as_events = request.as_events || (dialect.has_speech_usage)(model);
    let body = json!(body(&call, &request, model, as_events, dialect)).to_string();
    let (tap, characters) = (Arc::clone(&call.tap), request.text.chars().count() as u64);
    let post = dialect
        .post_json(&call, "/audio/speech")?
        .body(full_leaving(body, move || tap.sent_text(characters)));
    let response = http::ask(&call, post, words).await?;
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    // Some models and servers have no events and answer with the audio itself.
    if !media_type.starts_with("text/event-stream") {
        return Ok(speech_file::synthesized(&call, response, request.format));
    }
    let file = File {
        body: response.into_body(),
        decoder: Decoder::default(),
        passes_events: request.as_events,
        ready: VecDeque::new(),
        track: (request.format == AudioFormat::Pcm).then(|| Track::new(dialect.speech_rate)),
        tap: call.tap,
        is_over: false,
    };
    let content_type = if request.as_events { media_type } else { request.format.media_type().to_owned() };
    let audio = stream::unfold(file, async |mut file| Some((file.next().await?, file))).boxed();
    Ok(Synthesized { content_type, audio })
}

fn body(
    call: &Call,
    request: &SynthesizeRequest,
    model: &str,
    as_events: bool,
    dialect: &Dialect,
) -> Map<String, Value> {
    let voice = request.voice.as_deref().or(call.endpoint.voice.as_deref()).unwrap_or(dialect.voice);
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("input".to_owned(), json!(request.text));
    body.insert("voice".to_owned(), json!(voice));
    body.insert("response_format".to_owned(), json!(request.format.as_str()));
    if as_events {
        body.insert("stream_format".to_owned(), json!("sse"));
    }
    body.extend(request.speed.map(|speed| ("speed".to_owned(), json!(speed))));
    body.extend(request.instructions.as_ref().map(|how| ("instructions".to_owned(), json!(how))));
    let extra = request.extra.iter().chain(extra_under(&request.extra, &call.endpoint.extra));
    for (key, value) in extra.filter(|(key, _)| !OURS.contains(&key.as_str())) {
        if !body.contains_key(key) {
            body.insert(key.clone(), value.clone());
        }
    }
    body
}

/// A file on its way in events.
struct File {
    body: Incoming,
    decoder: Decoder,
    /// Whether the client takes the events themselves.
    passes_events: bool,
    ready: VecDeque<Bytes>,
    track: Option<Track>,
    tap: Arc<dyn Tap>,
    is_over: bool,
}

impl File {
    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(Ok(bytes));
            }
            if self.is_over {
                return None;
            }
            let taken = match self.body.frame().await {
                Some(Ok(frame)) => frame.into_data().map_or(Ok(()), |bytes| self.take(bytes)),
                Some(Err(error)) => Err(Failure::dropped(format!("the audio was cut: {error}"))),
                None => {
                    self.is_over = true;
                    self.decoder.finish().map_or(Ok(()), |event| self.read(&event))
                }
            };
            if let Err(failure) = taken {
                self.is_over = true;
                self.ready.clear();
                return Some(Err(failure));
            }
        }
    }

    fn take(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.decoder.push(&bytes);
        if self.passes_events && !bytes.is_empty() {
            self.ready.push_back(bytes);
        }
        while let Some(event) = self.decoder.next()? {
            self.read(&event)?;
        }
        Ok(())
    }

    fn read(&mut self, event: &Event) -> Result<(), Failure> {
        match speech_wire::read(&event.data)? {
            Told::Audio(audio) => {
                let audio = self.came(audio);
                if !self.passes_events && !audio.is_empty() {
                    self.ready.push_back(audio);
                }
            }
            Told::Done(Some(usage)) => self.tap.reported_more(&usage.quantities()),
            Told::Failed(error) => {
                self.tap.refused(error.status());
                return Err(error.failure());
            }
            Told::Done(None) | Told::Nothing => {}
        }
        Ok(())
    }

    /// Tells the meter of audio, and keeps its samples whole.
    fn came(&mut self, audio: Bytes) -> Bytes {
        self.tap.output();
        let Some(track) = &mut self.track else { return audio };
        let (whole, nanos) = track.add(audio);
        self.tap.received_audio(nanos);
        whole
    }
}
