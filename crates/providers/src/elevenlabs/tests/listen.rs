//! Tests of listening.

use crate::{
    client::{Listening, SttClient},
    elevenlabs::{listen::Commits, stt::Stt},
    shared::listening::Dialect,
    sim::rig::{Rig, finals, heard, heard_to_final, send, silence, speech},
};
use serde_json::{Map, Value, json};
use std::{collections::VecDeque, time::Duration};
use vg_core::{
    Kind,
    call::{Heard, ListenInput, ListenRequest, Retry},
};

const BASE: &str = "/elevenlabs/v1";
const MODEL: &str = "scribe_v2_realtime";

fn request(extra: Value) -> ListenRequest {
    let extra = extra.as_object().cloned().unwrap_or_default();
    ListenRequest { sample_rate: 16_000, language: None, extra }
}

async fn open(rig: &Rig, extra: Value) -> Box<dyn Listening> {
    Stt.listen(rig.call(BASE, MODEL), request(extra)).await.unwrap()
}

#[tokio::test]
async fn an_utterance_is_heard_and_metered_as_the_provider_bills_it() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, json!({"vad_silence_threshold_secs": 0.5})).await;
    send(&mut stream, [silence(200), speech(1_000), silence(700)].concat()).await;
    let (before, last) = heard_to_final(&mut stream).await;
    assert_eq!(before[0], Heard::SpeechStarted);
    assert!(matches!(before[1], Heard::Interim(_)));
    assert_eq!(last.text, "Hi, I would like to book a table for two tonight.");
    assert_eq!((last.start, last.words.len(), last.language.as_deref()), (0.2, 11, Some("en")));
    stream.finish().await.unwrap();
    let (rest, failure) = heard(&mut stream).await;
    assert_eq!((finals(&rest).len(), failure), (0, None));
    let sent = rig.sent_audio_nanos();
    assert_eq!((sent, rig.billed_audio_nanos()), (sent, sent));
    assert!(sent >= 1_900_000_000 && rig.notes().audio[0].is_closed);
}

#[tokio::test]
async fn an_open_utterance_is_final_when_it_is_asked_for_or_the_stream_finishes() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, json!({"commit_strategy": "manual"})).await;
    send(&mut stream, speech(800)).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    heard_to_final(&mut stream).await;
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    send(&mut stream, speech(600)).await;
    stream.finish().await.unwrap();
    let (rest, failure) = heard(&mut stream).await;
    assert_eq!((finals(&rest).len(), failure), (1, None));
    assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (1_400_000_000, 1_400_000_000));
}

#[tokio::test]
async fn too_little_to_commit_is_filled_with_silence_that_is_billed_and_shifts_no_times() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, json!({"commit_strategy": "manual"})).await;
    send(&mut stream, speech(100)).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    heard_to_final(&mut stream).await;
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    // Nothing new: nothing is asked, and nothing is sent.
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    send(&mut stream, [silence(400), speech(600)].concat()).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    let (_, last) = heard_to_final(&mut stream).await;
    // 100 ms of speech, 400 of silence; the 200 ms in between were ours.
    assert!((last.start - 0.5).abs() < 0.03, "{}", last.start);
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (1_300_000_000, 1_300_000_000));
}

#[tokio::test]
async fn a_stream_without_audio_ends_at_once() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, Value::Null).await;
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (0, 0));
}

#[tokio::test]
async fn an_error_message_is_a_refusal() {
    let rig = Rig::start().await;
    rig.fault("elevenlabs", "stt", "error_frame", 300, None);
    let mut stream = open(&rig, Value::Null).await;
    send(&mut stream, speech(300)).await;
    let (_, failure) = heard(&mut stream).await;
    let failure = failure.unwrap();
    assert_eq!((failure.status, failure.code.as_deref()), (Some(500), Some("transcriber_error")));
    assert_eq!(rig.notes().refused, Some(500));
}

#[tokio::test]
async fn connections_that_break_are_failures() {
    for kind in ["drop", "malformed"] {
        let rig = Rig::start().await;
        rig.fault("elevenlabs", "stt", kind, 300, None);
        let mut stream = open(&rig, Value::Null).await;
        send(&mut stream, speech(300)).await;
        let (_, failure) = heard(&mut stream).await;
        assert_eq!(failure.unwrap().kind, Kind::UpstreamFailed, "{kind}");
    }
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let rig = Rig::start().await;
    let call = rig.call_with(BASE, MODEL, "invalid", Value::Null);
    let failure = Stt.listen(call, request(Value::Null)).await.err().unwrap();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unauthenticated, Some("invalid_api_key")));
    assert_eq!(rig.notes().refused, Some(401));
}

#[tokio::test]
async fn what_elevenlabs_cannot_hear_is_said_before_it_is_asked() {
    let rig = Rig::start().await;
    let odd = ListenRequest { sample_rate: 12_345, ..request(Value::Null) };
    for (model, request) in [("scribe_v2", request(Value::Null)), (MODEL, odd)] {
        let failure = Stt.listen(rig.call(BASE, model), request).await.err().unwrap();
        assert_eq!((failure.kind, failure.retry), (Kind::BadRequest, Retry::Elsewhere), "{model}");
    }
    assert_eq!(rig.notes().sockets, 0);
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, Value::Null).await;
    send(&mut stream, silence(100)).await;
    tokio::time::pause();
    assert!(tokio::time::timeout(Duration::from_secs(60), stream.next()).await.is_err());
    tokio::time::resume();
    assert_eq!(rig.notes().sockets, 1);
    assert!(!rig.notes().audio[0].is_closed);
}

#[test]
fn a_commit_that_is_told_twice_is_one_transcript() {
    let mut commits = Commits::new(request(json!({"previous_text": "Hello."})));
    let mut heard = VecDeque::new();
    for (kind, text) in [
        ("partial_transcript", "book"),
        ("committed_transcript", "Book a table."),
        ("committed_transcript_with_timestamps", "Book a table."),
        ("committed_transcript", ""),
        ("insufficient_audio_activity", ""),
    ] {
        let message = json!({"message_type": kind, "text": text, "words": Value::Null});
        commits.read(&message.to_string(), 2.0, &mut heard).unwrap();
    }
    let kinds: Vec<&str> = heard
        .iter()
        .map(|heard| match heard {
            Heard::SpeechStarted => "start",
            Heard::Interim(_) => "interim",
            Heard::Final(_) => "final",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["start", "interim", "final"]);
    let first = commits.audio(vec![0; 320].into()).into_text().unwrap();
    let second = commits.audio(vec![0; 320].into()).into_text().unwrap();
    assert!(first.contains("\"previous_text\":\"Hello.\"") && !second.contains("previous_text"));
}

#[test]
fn options_of_the_plugin_and_of_the_api_are_understood() {
    let endpoint = vg_core::call::Endpoint {
        extra: json!({"server_vad": {"vad_threshold": 0.6}, "keyterms": ["tea time"], "unknown": 1})
            .as_object()
            .cloned()
            .unwrap(),
        ..endpoint()
    };
    let asked = ListenRequest {
        language: Some("de-CH".to_owned()),
        ..request(json!({"secondary_languages": ["fr-CH"], "commit_strategy": "manual"}))
    };
    let address = crate::elevenlabs::options::listen(&endpoint, &asked);
    assert_eq!(
        address,
        "https://api.elevenlabs.io/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=pcm_16000\
         &include_timestamps=true&language_code=de&commit_strategy=manual&keyterms=tea%20time\
         &secondary_languages=fr&vad_threshold=0.6&include_language_detection=false"
    );
}

fn endpoint() -> vg_core::call::Endpoint {
    vg_core::call::Endpoint {
        model: String::new(),
        api_key: None,
        base_url: None,
        language: None,
        voice: None,
        extra: Map::new(),
    }
}
