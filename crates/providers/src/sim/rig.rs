//! What tests of the providers' clients stand on: the simulators on a free port, and a meter that keeps notes.

use super::{Sim, router};
use crate::{
    client::{Call, ChatStream, Listening, Network, Speaking},
    shared::recorder::{AudioSocket, Notes, Recorder},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vg_core::{
    Quantity,
    call::{ChatPiece, Endpoint, Failure, Heard, ListenInput, Spoken, Tap, Transcript},
    config::Secret,
};

/// The simulators, running as fast as they can.
pub(crate) struct Rig {
    sim: Sim,
    /// `http://127.0.0.1:…`
    pub origin: String,
    /// The connections.
    pub network: Arc<Network>,
    /// What the clients told the meter.
    pub recorder: Arc<Recorder>,
}

impl Rig {
    pub(crate) async fn start() -> Rig {
        Rig::paced(0.0).await
    }

    pub(crate) async fn paced(pace: f64) -> Rig {
        // The tokenizer's table takes seconds to build without optimization.
        tokio::task::spawn_blocking(super::tokens::warm_up).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let sim = Sim::new(1, pace);
        let routes = router(sim.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let network = Arc::new(Network::new().unwrap());
        Rig { sim, origin, network, recorder: Arc::default() }
    }

    /// Orders one fault.
    pub(crate) fn fault(
        &self,
        provider: &str,
        modality: &str,
        kind: &str,
        after_units: u64,
        value: Option<u64>,
    ) {
        let order = json!([{"provider": provider, "modality": modality, "kind": kind,
            "after_units": after_units, "value": value}]);
        self.sim.faults().order(order.to_string().as_bytes()).unwrap();
    }

    /// Replaces what is said.
    pub(crate) fn script(&self, script: Value) {
        self.sim.script().load(script.to_string().as_bytes()).unwrap();
    }

    /// A call with a good key to `path` of the simulators.
    pub(crate) fn call(&self, path: &str, model: &str) -> Call {
        self.call_with(path, model, "sk-good", Value::Null)
    }

    /// The same with another key and further arguments.
    pub(crate) fn call_with(&self, path: &str, model: &str, key: &str, extra: Value) -> Call {
        let base_url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.origin) };
        let extra = extra.as_object().cloned().unwrap_or_default();
        Call {
            network: Arc::clone(&self.network),
            endpoint: Arc::new(Endpoint {
                model: model.to_owned(),
                api_key: Some(Secret::from(key)),
                base_url: Some(base_url),
                language: None,
                voice: None,
                extra,
            }),
            tap: Arc::clone(&self.recorder) as Arc<dyn Tap>,
            connect_timeout: Duration::from_secs(5),
        }
    }

    /// What the meter was told.
    pub(crate) fn notes(&self) -> Notes {
        self.recorder.notes().clone()
    }

    /// A quantity the provider reported.
    pub(crate) fn reported(&self, quantity: Quantity) -> Option<u64> {
        self.notes().reported.value(quantity)
    }

    /// A number of the only row of the simulators' meter.
    pub(crate) fn billed(&self, name: &str) -> u64 {
        self.row()[name].as_u64().unwrap()
    }

    /// Whether what the provider reported of a chat is what the simulators' meter has, cache included.
    pub(crate) fn assert_tokens_billed_as_reported(&self) {
        for (quantity, name) in [
            (Quantity::InputTokens, "input_tokens"),
            (Quantity::CachedInputTokens, "cached_input_tokens"),
            (Quantity::CacheWriteTokens, "cache_write_tokens"),
            (Quantity::OutputTokens, "output_tokens"),
        ] {
            let billed = self.row()[name].as_u64().unwrap_or(0);
            assert_eq!(self.reported(quantity).unwrap_or(0), billed, "{name}");
        }
        assert!(self.billed("output_tokens") > 0);
    }

    /// The audio on the only row of the simulators' meter, in nanoseconds.
    pub(crate) fn billed_audio_nanos(&self) -> u64 {
        (self.row()["audio_seconds"].as_f64().unwrap() * 1e9).round() as u64
    }

    /// How many requests were booked.
    pub(crate) fn requests(&self) -> usize {
        self.sim.meter().rows().len()
    }

    /// The model of the only row of the simulators' meter.
    pub(crate) fn model(&self) -> String {
        self.row()["model"].as_str().unwrap().to_owned()
    }

    fn row(&self) -> Value {
        let rows = serde_json::to_value(self.sim.meter().rows()).unwrap();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0].clone()
    }

    /// The audio the clients told the meter they sent, in nanoseconds.
    pub(crate) fn sent_audio_nanos(&self) -> u64 {
        let nanos = |socket: &AudioSocket| socket.bytes * 1_000_000_000 / u64::from(socket.bytes_per_second);
        self.notes().audio.iter().map(nanos).sum()
    }

    /// How the last request ended, once it has.
    pub(crate) async fn outcome(&self) -> String {
        for _ in 0..500 {
            let ended = serde_json::to_value(self.sim.meter().requests()).unwrap();
            if let Some(last) = ended.as_array().unwrap().last() {
                return last["outcome"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the request never ended")
    }
}

/// A server that answers one request with these bytes and closes; gives its origin, and what it was sent.
pub(crate) async fn answer_once(answer: impl Into<Vec<u8>>) -> (String, tokio::task::JoinHandle<String>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.unwrap();
            request.extend(&piece[..length]);
            let text = String::from_utf8_lossy(&request).to_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let wanted = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if wanted.is_none_or(|wanted| body.len() >= wanted.parse().unwrap()) {
                break;
            }
        }
        stream.write_all(&answer).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(request).unwrap()
    });
    (origin, task)
}

/// An HTTP answer with a body that ends with the connection.
pub(crate) fn http_answer(content_type: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n{body}")
}

/// Audio that the simulators take for speech, 16-bit at 16 kHz, in frames of 50 ms.
pub(crate) fn speech(millis: usize) -> Vec<Bytes> {
    frames(millis, |place| if place / 20 % 2 == 0 { 3_000 } else { -3_000 })
}

/// The same of silence.
pub(crate) fn silence(millis: usize) -> Vec<Bytes> {
    frames(millis, |_| 0)
}

fn frames(millis: usize, sample: impl Fn(usize) -> i16) -> Vec<Bytes> {
    let audio: Vec<u8> = (0..millis * 16).flat_map(|place| sample(place).to_le_bytes()).collect();
    audio.chunks(1600).map(Bytes::copy_from_slice).collect()
}

/// Sends audio.
pub(crate) async fn send(stream: &mut Box<dyn Listening>, frames: Vec<Bytes>) {
    for frame in frames {
        stream.send(ListenInput::Audio(frame)).await.unwrap();
    }
}

/// A chat's pieces up to the end, or the failure.
pub(crate) async fn pieces(stream: ChatStream) -> (Vec<ChatPiece>, Option<Failure>) {
    let items: Vec<_> = stream.collect().await;
    let failure = items.iter().find_map(|item| item.as_ref().err().cloned());
    (items.into_iter().filter_map(Result::ok).collect(), failure)
}

/// The text of them.
pub(crate) fn content(pieces: &[ChatPiece]) -> String {
    let said = pieces.iter().filter_map(|piece| {
        let chunk: Value = serde_json::from_slice(&piece.json).unwrap();
        chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
    });
    said.collect()
}

/// What is heard up to the end, or the failure.
pub(crate) async fn heard(stream: &mut Box<dyn Listening>) -> (Vec<Heard>, Option<Failure>) {
    let mut heard = Vec::new();
    loop {
        match stream.next().await {
            Some(Ok(next)) => heard.push(next),
            Some(Err(failure)) => return (heard, Some(failure)),
            None => return (heard, None),
        }
    }
}

/// What is heard up to a final transcript, which is the last.
pub(crate) async fn heard_to_final(stream: &mut Box<dyn Listening>) -> (Vec<Heard>, Transcript) {
    let mut heard = Vec::new();
    loop {
        match stream.next().await.unwrap().unwrap() {
            Heard::Final(last) => return (heard, last),
            next => heard.push(next),
        }
    }
}

/// The final transcripts of it.
pub(crate) fn finals(heard: &[Heard]) -> Vec<&Transcript> {
    heard.iter().filter_map(|heard| if let Heard::Final(last) = heard { Some(last) } else { None }).collect()
}

/// Says texts, then no more; gives what is spoken.
pub(crate) async fn say(mut stream: Box<dyn Speaking>, texts: &[&str]) -> (Vec<Spoken>, Option<Failure>) {
    for text in texts {
        stream.say((*text).to_owned()).await.unwrap();
    }
    stream.finish().await.unwrap();
    spoken(&mut stream).await
}

/// What is spoken up to the end, or the failure.
pub(crate) async fn spoken(stream: &mut Box<dyn Speaking>) -> (Vec<Spoken>, Option<Failure>) {
    let mut all = Vec::new();
    loop {
        match stream.next().await {
            Some(Ok(spoken)) => all.push(spoken),
            Some(Err(failure)) => return (all, Some(failure)),
            None => return (all, None),
        }
    }
}

/// How many bytes of audio it has.
pub(crate) fn audio_bytes(spoken: &[Spoken]) -> u64 {
    spoken.iter().map(|s| if let Spoken::Audio(audio) = s { audio.len() as u64 } else { 0 }).sum()
}

/// A WAV file of that audio.
pub(crate) fn wav(frames: &[Bytes]) -> Bytes {
    let audio = frames.concat();
    let length = u32::try_from(audio.len()).unwrap();
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(16_000_u32.to_le_bytes());
    file.extend(32_000_u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(audio);
    file.into()
}
