//! Speaks: a context for each synthesis, on sockets that are kept.

use super::{options, wire};
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
use vg_core::call::{Failure, SpeakRequest, Spoken, SynthesizeRequest};

/// The client.
pub struct Tts;

impl TtsClient for Tts {
    fn default_model(&self) -> Option<&'static str> {
        Some("sonic-3")
    }

    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        Box::pin(async move {
            let rate = speaking::made_rate(request.sample_rate, &options::SPOKEN_RATES);
            let contexts = Contexts::new(&call, &request, rate);
            speaking::open(call, (rate, request.sample_rate), contexts).await
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
    let output = options::file(request.format)?;
    let mut extra = request.extra;
    if let Some(speed) = request.speed.filter(|speed| (*speed - 1.0).abs() > f64::EPSILON) {
        extra.insert("speed".to_owned(), json!(speed));
    }
    let mut order = options::speech(&call.endpoint, (request.voice.as_deref(), None), output, &extra);
    order.insert("transcript".to_owned(), Value::from(request.text.as_str()));
    let characters = request.text.chars().count() as u64;
    let tap = Arc::clone(&call.tap);
    let posted = Request::post(options::over_http(&call.endpoint, "/tts/bytes"))
        .header(options::KEY_HEADER, http::secret(call.endpoint.key()?)?)
        .header(options::VERSION_HEADER, options::VERSION)
        .header(header::CONTENT_TYPE, "application/json")
        .body(full_leaving(Value::Object(order).to_string(), move || tap.sent_text(characters)));
    let answer = http::ask(&call, posted, wire::refusal).await?;
    Ok(speech_file::synthesized(&call, answer, request.format))
}

/// One synthesis. It is one context, unless Cartesia ends the context in a pause before the next text, as it does a
/// second after its last audio; then the next text begins another one.
pub(super) struct Contexts {
    /// What every order says, up to its context: a JSON object that is still open.
    beginning: String,
    /// Whether the caller wants to know when words sound.
    tells_words: bool,
    /// Whether words come back as they were sent, so that they tell where texts end.
    is_verbatim: bool,
    bytes_per_second: f64,
    name: String,
    /// How many contexts there were, the one that is open included.
    number: u32,
    is_open: bool,
    has_ended: bool,
    /// Seconds of audio before the open context.
    earlier: f64,
    audio_bytes: u64,
    texts: Progress,
}

impl Contexts {
    pub(super) fn new(call: &Call, request: &SpeakRequest, rate: u32) -> Contexts {
        let output = options::raw(rate);
        let asked = (request.voice.as_deref(), request.language.as_deref());
        let mut order = options::speech(&call.endpoint, asked, output, &request.extra);
        let tells_words = order.get("add_timestamps") == Some(&Value::Bool(true));
        let is_verbatim = order.get("use_normalized_timestamps") != Some(&Value::Bool(true));
        // Asked for even when the caller does not want them: they tell which texts were spoken to their end.
        order.entry("add_timestamps").or_insert(Value::Bool(true));
        // Texts are whole sentences, so there is nothing to wait for.
        order.entry("max_buffer_delay_ms").or_insert(json!(0));
        let mut beginning = Value::Object(order).to_string();
        beginning.pop(); // the brace that closes
        Contexts {
            beginning,
            tells_words,
            is_verbatim,
            bytes_per_second: f64::from(rate) * 2.0,
            name: speaking::context_name(),
            number: 0,
            is_open: false,
            has_ended: false,
            earlier: 0.0,
            audio_bytes: 0,
            texts: Progress::default(),
        }
    }

    fn context(&self) -> String {
        format!("{}-{}", self.name, self.number)
    }

    fn order(&self, text: &str, goes_on: bool) -> Order {
        let order = format!(
            r#"{},"context_id":"{}","transcript":{},"continue":{goes_on}}}"#,
            self.beginning,
            self.context(),
            Value::from(text),
        );
        Order { text: order.into(), characters: text.chars().count() as u64 }
    }

    fn seconds(&self) -> f64 {
        self.audio_bytes as f64 / self.bytes_per_second
    }
}

impl Tongue for Contexts {
    /// Cartesia closes after five minutes without use.
    const LIFETIME: Lifetime =
        Lifetime { idle: Duration::from_secs(240), whole: Duration::from_secs(24 * 3600) };

    fn request(&self, call: &Call) -> Result<Request<()>, Failure> {
        let path = format!("/tts/websocket?cartesia_version={}", options::VERSION);
        let address = options::address(&call.endpoint, &path);
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
        }
        self.texts.said(text);
        orders.push_back(self.order(text, true));
    }

    fn finish(&mut self, orders: &mut VecDeque<Order>) {
        self.has_ended = true;
        if self.is_open {
            orders.push_back(self.order("", false));
        }
    }

    fn is_silent(&self) -> bool {
        !self.is_open
    }

    fn cancel(&mut self) -> Option<Utf8Bytes> {
        Some(format!(r#"{{"context_id":"{}","cancel":true}}"#, self.context()).into())
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
        if !is_own(message.context_id.as_deref()) {
            return Ok(false);
        }
        match message.kind.as_ref() {
            "chunk" => {
                let audio = STANDARD
                    .decode(message.data.0.as_bytes())
                    .map_err(|_| Failure::malformed("Cartesia sent audio that cannot be decoded"))?;
                self.audio_bytes += audio.len() as u64;
                spoken.push_back(Spoken::Audio(audio.into()));
            }
            "timestamps" => {
                let words = message.word_timestamps.unwrap_or_default().letters(self.earlier);
                if self.is_verbatim {
                    self.texts.heard(&words);
                }
                if self.tells_words && !words.is_empty() {
                    spoken.push_back(Spoken::Words(words));
                }
            }
            "done" => self.is_open = false,
            _ => {}
        }
        if let Some(done) = self.texts.done_by(self.seconds()) {
            spoken.push_back(Spoken::TextsDone(done));
        }
        Ok(true)
    }
}
