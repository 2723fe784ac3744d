//! Speaks with Piper.

use crate::{
    client::{Body, Call, Speaking, Synthesized, TtsClient, Words, full, full_leaving},
    local::PIPER,
    shared::{
        http::{post, shortened, whole},
        openai_compat::chat::extra_under,
        resample::Resampler,
        speech_file::PCM_RATE,
        texts::Texts,
        wav::Wav,
    },
};
use ::http::{Response, header};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, future::BoxFuture, stream};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use std::{future::ready, sync::Arc};
use vg_core::call::{AudioFormat, Failure, SpeakRequest, SynthesizeRequest};

const BASE_URL: &str = "http://localhost:5000";
/// The keys of a request that we decide.
const OURS: [&str; 2] = ["text", "voice"];

/// The client.
pub struct Tts;

impl TtsClient for Tts {
    fn default_model(&self) -> Option<&'static str> {
        Some("piper")
    }

    fn speak(
        &self,
        call: Call,
        request: SpeakRequest,
    ) -> BoxFuture<'static, Result<Box<dyn Speaking>, Failure>> {
        let texts = Texts::open(call, request, &Tts, PCM_RATE);
        Box::pin(ready(texts.map(|texts| Box::new(texts) as Box<dyn Speaking>)))
    }

    fn synthesize(
        &self,
        call: Call,
        request: SynthesizeRequest,
    ) -> BoxFuture<'static, Result<Synthesized, Failure>> {
        Box::pin(synthesize(call, request))
    }
}

/// Speaks one text. Where bare audio is asked for, it comes at the rate all of it has; any other format is the WAV
/// file that Piper makes, and the content type says so.
async fn synthesize(call: Call, request: SynthesizeRequest) -> Result<Synthesized, Failure> {
    let characters = request.text.chars().count() as u64;
    let file = whole(ask(&call, &request).await?).await?;
    call.tap.output();
    let Some(wav) = Wav::parse(&file).filter(|wav| wav.bits == 16 && wav.channels == 1) else {
        return Err(Failure::malformed("Piper answered with what is no WAV file of 16 bits and one channel"));
    };
    // Nothing of a sentence without words is heard.
    if wav.data.is_empty() && characters > 0 && request.text.chars().any(char::is_alphanumeric) {
        return Err(Failure::malformed("Piper sent a file without any audio"));
    }
    call.tap.received_audio(wav.nanos());
    let (media_type, audio) = match request.format {
        AudioFormat::Pcm => (AudioFormat::Pcm.media_type(), resampled(file.slice_ref(wav.data), wav.rate)?),
        _ => (AudioFormat::Wav.media_type(), file.clone()),
    };
    Ok(Synthesized { content_type: media_type.to_owned(), audio: stream::iter([Ok(audio)]).boxed() })
}

fn resampled(samples: Bytes, rate: u32) -> Result<Bytes, Failure> {
    let mut resampler = Resampler::new(rate, PCM_RATE)?;
    let mut audio = BytesMut::from(resampler.push(samples));
    audio.extend_from_slice(&resampler.finish());
    Ok(audio.freeze())
}

/// Asks where texts are spoken, or else where the releases up to 1.3 spoke them.
async fn ask(call: &Call, request: &SynthesizeRequest) -> Result<Response<Incoming>, Failure> {
    let base = call.endpoint.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/');
    let json = Bytes::from(Value::Object(body(call, request)).to_string());
    let (tap, characters) = (Arc::clone(&call.tap), request.text.chars().count() as u64);
    let leaving = full_leaving(json.clone(), move || tap.sent_text(characters));
    let answer = match send(call, &format!("{base}/synthesize"), leaving).await {
        Err(Failure { status: Some(404 | 405), .. }) => send(call, &format!("{base}/"), full(json)).await,
        answer => answer,
    };
    answer.map_err(|failure| {
        if let Some(status) = failure.status {
            call.tap.refused(status);
        }
        PIPER.advised(failure, || "is this the address of Piper's server?".to_owned())
    })
}

async fn send(call: &Call, url: &str, body: Body) -> Result<Response<Incoming>, Failure> {
    let request = post(url, call.endpoint.key().ok())?.header(header::CONTENT_TYPE, "application/json");
    let request = request.body(body).map_err(|_| Failure::unsupported("the base URL of Piper is not one"))?;
    call.network.send(request, call.connect_timeout, words).await
}

fn body(call: &Call, request: &SynthesizeRequest) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("text".to_owned(), json!(request.text));
    let voice = request.voice.as_ref().or(call.endpoint.voice.as_ref());
    body.extend(voice.map(|voice| ("voice".to_owned(), json!(voice))));
    let speed = request.speed.filter(|speed| *speed > 0.0);
    body.extend(speed.map(|speed| ("length_scale".to_owned(), json!(1.0 / speed))));
    let extra = request.extra.iter().chain(extra_under(&request.extra, &call.endpoint.extra));
    for (key, value) in extra.filter(|(key, _)| !OURS.contains(&key.as_str())) {
        body.insert(key.clone(), value.clone());
    }
    body
}

/// An error of Piper is a page for people, which says nothing.
fn words(body: &[u8]) -> Words {
    let said = String::from_utf8_lossy(body);
    let is_page = said.trim_start().starts_with('<');
    Words { message: if is_page { String::new() } else { shortened(&said) }, code: None }
}
