//! Tests of listening, first version of the API.

use crate::{
    client::{Listening, SttClient},
    deepgram::stt::Stt,
    sim::rig::{Rig, finals, heard, heard_to_final, send, silence, speech},
};
use serde_json::{Value, json};
use std::time::Duration;
use vg_core::{
    Kind,
    call::{Failure, Heard, ListenInput, ListenRequest, Retry},
};

fn request() -> ListenRequest {
    ListenRequest { sample_rate: 16_000, language: Some("en".to_owned()), extra: serde_json::Map::new() }
}

async fn open(rig: &Rig) -> Result<Box<dyn Listening>, Failure> {
    Stt.listen(rig.call("/deepgram/v1/listen", "nova-3"), request()).await
}

#[tokio::test]
async fn an_utterance_is_heard_and_metered_as_the_provider_bills_it() {
    let rig = Rig::start().await;
    let mut stream = open(&rig).await.unwrap();
    send(&mut stream, [silence(200), speech(1_000), silence(600)].concat()).await;
    let (before, last) = heard_to_final(&mut stream).await;
    assert_eq!(before[0], Heard::SpeechStarted);
    assert!(before.iter().any(|heard| matches!(heard, Heard::Interim(guess) if !guess.text.is_empty())));
    assert_eq!(last.text, "Hi, I would like to book a table for two tonight.");
    assert_eq!((last.start, last.words.len()), (0.2, 11));
    assert!((last.start + last.duration - last.words[10].end).abs() < 1e-9);
    assert_eq!((last.words[0].text.as_str(), last.confidence), ("Hi,", Some(0.99)));
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    let notes = rig.notes();
    assert_eq!(notes.audio.len(), 1);
    assert_eq!((notes.audio[0].bytes_per_second, notes.audio[0].bytes), (32_000, 1_800 * 32));
    assert_eq!(notes.audio[0].reported_nanos, Some(1_800_000_000));
    assert!(notes.audio[0].is_closed && notes.outputs > 1);
    assert_eq!(rig.billed_audio_nanos(), 1_800_000_000);
}

#[tokio::test]
async fn finalize_ends_the_utterance_at_once() {
    let rig = Rig::start().await;
    let mut stream = open(&rig).await.unwrap();
    send(&mut stream, speech(800)).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    heard_to_final(&mut stream).await;
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    // With nothing left to transcribe it is confirmed all the same.
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
}

#[tokio::test]
async fn an_open_utterance_is_final_when_the_stream_finishes() {
    let rig = Rig::start().await;
    let mut stream = open(&rig).await.unwrap();
    send(&mut stream, speech(800)).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    stream.finish().await.unwrap();
    let (heard, failure) = heard(&mut stream).await;
    assert_eq!((finals(&heard).len(), failure), (1, None));
    assert_eq!(heard.iter().filter(|next| **next == Heard::Finalized).count(), 1);
    assert!(stream.send(ListenInput::Finalize).await.is_err());
}

#[tokio::test]
async fn a_dropped_stream_is_metered_up_to_its_last_frame() {
    let rig = Rig::start().await;
    let mut stream = open(&rig).await.unwrap();
    send(&mut stream, speech(500)).await;
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert!(rig.notes().audio[0].is_closed);
    assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (500_000_000, 500_000_000));
}

#[tokio::test]
async fn what_the_provider_does_wrong_is_a_failure() {
    for (kind, code, words) in [
        ("drop", None, "connection"),
        ("error_frame", Some("INTERNAL_SERVER_ERROR"), "failed on request"),
        ("malformed", None, "cannot be read"),
    ] {
        let rig = Rig::start().await;
        rig.fault("deepgram", "stt", kind, 300, None);
        let mut stream = open(&rig).await.unwrap();
        send(&mut stream, speech(300)).await;
        let (_, failure) = heard(&mut stream).await;
        let failure = failure.unwrap();
        assert_eq!((failure.kind, failure.retry), (Kind::UpstreamFailed, Retry::Again), "{kind}");
        assert_eq!(failure.code.as_deref(), code, "{kind}");
        assert!(failure.message.contains(words), "{kind}: {}", failure.message);
        assert!(rig.notes().audio[0].is_closed);
        assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (300_000_000, 300_000_000));
        assert_eq!(stream.next().await, None);
    }
}

#[tokio::test]
async fn a_refused_handshake_says_why_and_opens_no_socket() {
    let rig = Rig::start().await;
    rig.fault("deepgram", "stt", "status", 0, Some(429));
    let failure = open(&rig).await.err().unwrap();
    assert_eq!((failure.kind, failure.status), (Kind::RateLimited, Some(429)));
    assert_eq!(failure.code.as_deref(), Some("TOO_MANY_REQUESTS"));
    assert!(failure.message.contains("Too many requests"), "{}", failure.message);
    assert_eq!((rig.notes().refused, rig.notes().audio.len(), rig.billed("refused")), (Some(429), 0, 1));
}

#[tokio::test]
async fn a_stream_without_audio_is_kept_alive() {
    let rig = Rig::start().await;
    let mut stream = open(&rig).await.unwrap();
    send(&mut stream, silence(100)).await;
    tokio::time::pause();
    let waited = tokio::time::timeout(Duration::from_secs(60), stream.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    assert!(!rig.notes().audio[0].is_closed);
    assert_eq!(rig.notes().audio[0].bytes, 3_200);
}

#[test]
fn the_address_says_what_was_asked_in_deepgrams_words() {
    let mut request = request();
    request.extra = json!({
        "keyterm": ["tea"], "endpointing": 0, "utterance_end": 1500, "callback": "http://evil", "channels": 2,
        "sample_rate": 8000, "filler_words": false, "detect_language": true, "min_volume": 0.1,
    })
    .as_object()
    .cloned()
    .unwrap();
    let endpoint = vg_core::call::Endpoint {
        model: "nova-3".to_owned(),
        api_key: None,
        base_url: None,
        language: None,
        voice: None,
        extra: json!({"keyterm": ["owner"], "mip_opt_out": true}).as_object().cloned().unwrap(),
    };
    assert_eq!(
        super::super::options::listen(&endpoint, &request),
        "https://api.deepgram.com/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000&channels=1\
         &punctuate=true&interim_results=true&no_delay=true&vad_events=true&endpointing=false&filler_words=false\
         &utterance_end_ms=1500&keyterm=tea&mip_opt_out=true&language=en"
    );
    request.extra.insert("interim_results".to_owned(), Value::Bool(false));
    assert!(!super::super::options::listen(&endpoint, &request).contains("utterance_end"));
}
