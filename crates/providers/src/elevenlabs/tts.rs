//! Speaks: a context for each synthesis, on sockets that are kept.

use super::{
    options::{self, Manner},
    wire::{self, spoken_characters},
};
use crate::{
    client::{Call, Lifetime, Speaking, Synthesized, TtsClient, Words, full_leaving},
    shared::{
        http,
        progress::Progress,
        speaking::{self, Order, Tongue},
        speech_file, websocket,
    },
};
use ::http::{Request, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use vg_core::{
    Quantity, Source, Usage,
    call::{Failure, Letter, SpeakRequest, Spoken, SynthesizeRequest},
};

/// The client.
pub struct Tts;

impl TtsClient for Tts {
    fn default_model(&self) -> Option<&'static str> {
        Some(options::SPEAKING_MODEL)
    }

    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        Box::pin(async move {
            let rate = speaking::made_rate(request.sample_rate, &options::SPOKEN_RATES);
            let rates = (rate, request.sample_rate);
            let asked = (request.voice.as_deref(), request.language.as_deref());
            let manner = Manner::new(&call.endpoint, asked, &request.extra);
            if manner.is_dialogue() {
                return speaking::open(call, rates, Contexts::<true>::new(manner, rate)).await;
            }
            speaking::open(call, rates, Contexts::<false>::new(manner, rate)).await
        })
    }

    fn synthesize(
        &self,
        call: Call,
        request: SynthesizeRequest,
    ) -> BoxFuture<'static, Result<Synthesized, Failure>> {
        Box::pin(synthesize(call, request))
    }
}

async fn synthesize(call: Call, request: SynthesizeRequest) -> Result<Synthesized, Failure> {
    let format = options::file_format(request.format)?;
    let mut extra = request.extra;
    if let Some(speed) = request.speed.filter(|speed| (*speed - 1.0).abs() > f64::EPSILON) {
        extra.insert("speed".to_owned(), json!(speed));
    }
    let manner = Manner::new(&call.endpoint, (request.voice.as_deref(), None), &extra);
    let characters = request.text.chars().count() as u64;
    let tap = Arc::clone(&call.tap);
    let order = Value::Object(manner.order(&request.text)).to_string();
    let posted = Request::post(manner.file(&call.endpoint, &format))
        .header(options::KEY_HEADER, http::secret(call.endpoint.key()?)?)
        .header(header::CONTENT_TYPE, "application/json")
        .body(full_leaving(order, move || tap.sent_text(characters)));
    let answer = http::ask(&call, posted, wire::refusal).await?;
    let credits = answer.headers().get("character-cost").and_then(|value| value.to_str().ok());
    if let Some(credits) = credits.and_then(|credits| credits.trim().parse().ok()) {
        call.tap.reported(&Usage::UNKNOWN.with(Quantity::Characters, credits, Source::ProviderReported));
    }
    Ok(speech_file::synthesized(&call, answer, request.format))
}

/// One synthesis, of text or, with v3 and v4, of a dialogue of one voice. It is one context, unless ElevenLabs ends
/// the context in a pause before the next text; then the next text begins another one.
pub(super) struct Contexts<const DIALOGUE: bool> {
    manner: Manner,
    rate: u32,
    name: String,
    /// How many contexts there were, the one that is open included.
    number: u32,
    is_open: bool,
    has_ended: bool,
    /// Seconds of audio before the open context.
    earlier: f64,
    audio_bytes: u64,
    /// Where the last letter of the open context ends that has a time, in seconds of the context.
    aligned_until: f64,
    /// The word whose end has no time yet.
    word: Option<Letter>,
    texts: Progress,
}

impl<const DIALOGUE: bool> Contexts<DIALOGUE> {
    pub(super) fn new(manner: Manner, rate: u32) -> Contexts<DIALOGUE> {
        Contexts {
            manner,
            rate,
            name: speaking::context_name(),
            number: 0,
            is_open: false,
            has_ended: false,
            earlier: 0.0,
            audio_bytes: 0,
            aligned_until: 0.0,
            word: None,
            texts: Progress::default(),
        }
    }

    fn context(&self) -> String {
        format!("{}-{}", self.name, self.number)
    }

    fn opening(&self) -> Order {
        let mut opening = self.manner.opening();
        opening.insert("context_id".to_owned(), json!(self.context()));
        Order { text: Value::Object(opening).to_string().into(), characters: 0 }
    }

    fn order(&self, text: &str) -> Order {
        let order = if DIALOGUE {
            let line = json!({"text": text, "voice_id": self.manner.voice});
            json!({"context_id": self.context(), "inputs": [line], "flush": true})
        } else {
            json!({"context_id": self.context(), "text": text, "flush": true})
        };
        Order { text: order.to_string().into(), characters: spoken_characters(text) }
    }

    fn closing(&self) -> Utf8Bytes {
        json!({"context_id": self.context(), "close_context": true}).to_string().into()
    }

    fn seconds(&self) -> f64 {
        self.audio_bytes as f64 / f64::from(self.rate) / 2.0
    }

    /// Puts the letters together to words; `began_at` is how much audio of the context came before this message.
    fn align(&mut self, alignment: &wire::Alignment<'_>, began_at: f64, spoken: &mut VecDeque<Spoken>) {
        // The documentation counts from the message's own audio, as dialogues do; LiveKit's plugin takes the times of
        // the other socket as counted from the context's beginning. Times that go back are the former.
        let restarts = alignment.start().is_some_and(|start| start + 0.001 < self.aligned_until);
        let offset = if restarts { began_at } else { 0.0 };
        let mut words = Vec::new();
        for letter in alignment.letters(offset) {
            self.aligned_until = self.aligned_until.max(letter.end);
            let letter =
                Letter { start: letter.start + self.earlier, end: letter.end + self.earlier, ..letter };
            let is_blank = letter.text.chars().all(char::is_whitespace);
            let ends_text = !self.manner.has_tags() && self.texts.heard(std::slice::from_ref(&letter));
            match &mut self.word {
                Some(word) => {
                    word.text.push_str(&letter.text);
                    if !is_blank {
                        word.end = letter.end;
                    }
                }
                None if is_blank => continue,
                None => self.word = Some(letter),
            }
            if is_blank || ends_text {
                words.extend(self.word.take());
            }
        }
        if !words.is_empty() {
            spoken.push_back(Spoken::Words(words));
        }
    }
}

impl<const DIALOGUE: bool> Tongue for Contexts<DIALOGUE> {
    /// Sockets close after the three minutes without use that we ask for, and dialogues' after 20 seconds.
    const LIFETIME: Lifetime = Lifetime {
        idle: Duration::from_secs(if DIALOGUE { 15 } else { 150 }),
        whole: Duration::from_secs(24 * 3600),
    };

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        let address = self.manner.socket(&call.endpoint, self.rate);
        websocket::finish(websocket::request(&address, options::KEY_HEADER, call.endpoint.key()?)?)
    }

    fn words(body: &[u8]) -> Words {
        wire::refusal(body)
    }

    fn say(&mut self, text: &str, orders: &mut VecDeque<Order>) {
        if !self.is_open {
            self.is_open = true;
            self.number += 1;
            self.earlier = self.seconds();
            self.aligned_until = 0.0;
            orders.push_back(self.opening());
        }
        self.texts.said(text);
        orders.push_back(self.order(text));
    }

    fn finish(&mut self, orders: &mut VecDeque<Order>) {
        self.has_ended = true;
        if self.is_open {
            orders.push_back(Order { text: self.closing(), characters: 0 });
        }
    }

    fn is_silent(&self) -> bool {
        !self.is_open
    }

    /// What was sent is spoken to its end all the same; nobody listens to it.
    fn cancel(&mut self) -> Option<Utf8Bytes> {
        (!self.has_ended).then(|| self.closing())
    }

    fn read(&mut self, message: Message, spoken: &mut VecDeque<Spoken>) -> Result<bool, Failure> {
        let Message::Text(text) = message else { return Ok(false) };
        let is_own = |context: Option<&str>| context.is_none_or(|context| context == self.context());
        let message = match wire::spoken(&text) {
            Ok(message) => message,
            Err((context, failure)) if is_own(context.as_deref()) => {
                // The end of a context that had expired is refused; nothing of it is missing.
                if self.has_ended && self.texts.is_complete() && failure.status.is_some_and(|s| s < 500) {
                    self.is_open = false;
                    return Ok(true);
                }
                return Err(failure);
            }
            Err(_) => return Ok(false),
        };
        // The rest of a synthesis that was cancelled on this socket.
        if !is_own(message.context().as_deref()) {
            return Ok(false);
        }
        let began_at = self.seconds() - self.earlier;
        if !message.audio.0.is_empty() {
            let audio = STANDARD
                .decode(message.audio.0.as_bytes())
                .map_err(|_| Failure::malformed("ElevenLabs sent audio that cannot be decoded"))?;
            self.audio_bytes += audio.len() as u64;
            spoken.push_back(Spoken::Audio(audio.into()));
        }
        if let Some(alignment) = &message.alignment {
            self.align(alignment, began_at, spoken);
        }
        if message.is_last() {
            self.is_open = false;
            spoken.extend(self.word.take().map(|word| Spoken::Words(vec![word])));
        }
        if let Some(done) = self.texts.done_by(self.seconds()) {
            spoken.push_back(Spoken::TextsDone(done));
        }
        Ok(true)
    }
}
