//! Recordings.

use super::{BASE, MODEL};
use crate::{
    assemblyai::stt::Stt,
    client::SttClient,
    sim::rig::{Rig, silence, speech, wav},
};
use serde_json::Value;
use vg_core::{
    Kind, Quantity,
    call::{Failure, TranscribeRequest, Transcription},
};

async fn transcribe(rig: &Rig, key: &str) -> Result<Transcription, Failure> {
    let request = TranscribeRequest {
        audio: wav(&[silence(200), speech(1_000), silence(300)].concat()),
        file_name: "a.wav".to_owned(),
        content_type: Some("audio/wav".to_owned()),
        language: Some("en-US".to_owned()),
        fields: vec![("response_format".to_owned(), "json".to_owned())],
    };
    Stt.transcribe(rig.call_with(BASE, MODEL, key, Value::Null), request).await
}

#[tokio::test]
async fn a_recording_is_transcribed_and_costs_what_the_provider_says_it_lasts() {
    let rig = Rig::start().await;
    let heard = transcribe(&rig, "k").await.unwrap();
    assert_eq!(heard.transcript.text, "Hi, I would like to book a table for two tonight.");
    assert_eq!((heard.duration, heard.transcript.start, heard.native), (Some(2.0), 0.2, None));
    assert_eq!((rig.notes().body_audio_nanos, rig.notes().outputs), (1_500_000_000, 1));
    assert_eq!(rig.reported(Quantity::AudioNanos), Some(2_000_000_000));
    assert_eq!(rig.billed_audio_nanos(), 2_000_000_000);
    assert_eq!(rig.model(), MODEL);
}

#[tokio::test]
async fn a_transcript_is_waited_for() {
    let rig = Rig::start().await;
    rig.fault("assemblyai", "stt", "slow", 0, Some(700));
    let before = std::time::Instant::now();
    transcribe(&rig, "k").await.unwrap();
    assert!(before.elapsed().as_millis() >= 700);
}

#[tokio::test]
async fn a_recording_that_cannot_be_transcribed_says_why_and_is_free() {
    let rig = Rig::start().await;
    rig.fault("assemblyai", "stt", "error_frame", 0, None);
    let failure = transcribe(&rig, "k").await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (Kind::BadRequest, Some(422)));
    assert!(failure.message.contains("does not appear to contain audio"), "{failure}");
    assert_eq!((rig.notes().refused, rig.billed_audio_nanos()), (Some(422), 0));
}

#[tokio::test]
async fn a_refused_recording_says_why() {
    let rig = Rig::start().await;
    let failure = transcribe(&rig, "invalid").await.unwrap_err();
    assert_eq!((failure.kind, rig.notes().refused), (Kind::Unauthenticated, Some(401)));
    // Nothing that is billed was asked for.
    assert_eq!((rig.notes().sent, rig.notes().body_audio_nanos), (0, 0));
    let rig = Rig::start().await;
    rig.fault("assemblyai", "stt", "status", 0, Some(429));
    assert_eq!(transcribe(&rig, "k").await.unwrap_err().kind, Kind::RateLimited);
    for fault in ["malformed", "drop"] {
        let rig = Rig::start().await;
        rig.fault("assemblyai", "stt", fault, 0, None);
        assert_eq!(transcribe(&rig, "k").await.unwrap_err().kind, Kind::UpstreamFailed);
        assert_eq!(rig.notes().body_audio_nanos, 1_500_000_000);
    }
}
