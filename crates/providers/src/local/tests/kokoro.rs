//! Speaking with Kokoro.

use crate::{
    client::{Call, Speaking, Synthesized},
    local::kokoro::CLIENTS,
    sim::rig::{Rig, answer_once, audio_bytes, http_answer, say},
};
use futures_util::StreamExt;
use serde_json::{Map, Value};
use vg_core::{
    Kind,
    call::{AudioFormat, Failure, Retry, SpeakRequest, Spoken, SynthesizeRequest},
};

const BASE: &str = "/kokoro/v1";

pub(super) async fn file(call: Call) -> Result<Synthesized, Failure> {
    let request = SynthesizeRequest {
        text: "Grüße aus München!".to_owned(),
        voice: None,
        format: AudioFormat::Pcm,
        speed: None,
        instructions: None,
        as_events: false,
        extra: Map::new(),
    };
    CLIENTS.tts.unwrap().synthesize(call, request).await
}

async fn speak(call: Call, sample_rate: u32) -> Box<dyn Speaking> {
    let request = SpeakRequest { sample_rate, voice: None, language: None, extra: Map::new() };
    CLIENTS.tts.unwrap().speak(call, request).await.unwrap()
}

#[tokio::test]
async fn texts_are_spoken_in_order_and_characters_counted_as_they_are_sent() {
    for rate in [16_000, 24_000] {
        let rig = Rig::start().await;
        let (spoken, failure) =
            say(speak(rig.call(BASE, ""), rate).await, &["Grüße, 😀. ", "And you?"]).await;
        assert_eq!(failure, None);
        assert_eq!(spoken.iter().filter(|s| matches!(s, Spoken::TextsDone(_))).count(), 2);
        assert_eq!(audio_bytes(&spoken), 18 * u64::from(rate) * 60 / 1000 * 2);
        let notes = rig.notes();
        assert_eq!((notes.characters, rig.billed("characters")), (18, 18));
        assert_eq!(notes.received_nanos, 18 * 60_000_000);
        assert_eq!(rig.model(), "kokoro");
    }
}

#[tokio::test]
async fn the_voice_of_the_model_string_reaches_the_server_and_has_a_default() {
    for (voice, wanted) in [(Some("am_adam"), r#""voice":"am_adam""#), (None, r#""voice":"af_heart""#)] {
        let rig = Rig::start().await;
        let (origin, sent) = answer_once(http_answer("audio/pcm", "abcd")).await;
        let mut call = rig.call(&origin, "");
        let mut endpoint = vg_core::call::Endpoint::clone(&call.endpoint);
        endpoint.voice = voice.map(str::to_owned);
        call.endpoint = std::sync::Arc::new(endpoint);
        let bytes: Vec<_> = file(call).await.unwrap().audio.collect().await;
        assert!(bytes.iter().all(Result::is_ok));
        let sent = sent.await.unwrap();
        assert!(sent.contains(wanted) && sent.contains(r#""model":"kokoro""#), "{sent}");
        assert!(sent.contains(r#""response_format":"pcm""#) && !sent.contains("stream_format"), "{sent}");
    }
}

#[tokio::test]
async fn a_refusal_is_read_in_the_servers_own_words() {
    let rig = Rig::start().await;
    let failure = file(rig.call(BASE, "no-such-model")).await.err().unwrap();
    assert_eq!((failure.kind, failure.retry), (Kind::BadRequest, Retry::Elsewhere));
    assert!(failure.message.ends_with("answered 400: Unsupported model"), "{failure}");
    rig.fault("kokoro", "tts", "status", 0, Some(500));
    let failure = file(rig.call(BASE, "kokoro")).await.err().unwrap();
    assert!(failure.message.ends_with("Failed to process the request"), "{failure}");
}

#[tokio::test]
async fn audio_that_is_cut_fails_and_a_stream_that_nobody_hears_is_cut() {
    let rig = Rig::start().await;
    rig.fault("kokoro", "tts", "drop", 5, None);
    let (_, failure) = say(speak(rig.call(BASE, ""), 24_000).await, &["Hello there."]).await;
    assert_eq!(failure.unwrap().retry, Retry::Again);
    assert_eq!((rig.notes().characters, rig.billed("characters")), (12, 12));

    let rig = Rig::paced(1.0).await;
    let mut stream = speak(rig.call_with(BASE, "", "", Value::Null), 24_000).await;
    stream.say("A text that takes a while to be spoken.".to_owned()).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Spoken::Audio(_)))));
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert_eq!((rig.notes().characters, rig.billed("characters")), (39, 39));
}
