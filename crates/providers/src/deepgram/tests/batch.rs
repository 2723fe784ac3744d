//! Tests of recordings and files of speech.

use crate::{
    client::{SttClient, TtsClient},
    deepgram::{stt::Stt, tts::Tts},
    sim::rig::{Rig, silence, speech, wav},
};
use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use vg_core::{
    Kind, Quantity,
    call::{AudioFormat, Failure, SynthesizeRequest, TranscribeRequest, Transcription},
};

async fn transcribe(rig: &Rig) -> Result<Transcription, Failure> {
    let request = TranscribeRequest {
        audio: wav(&[silence(200), speech(1_000), silence(300)].concat()),
        file_name: "a.wav".to_owned(),
        content_type: Some("audio/wav".to_owned()),
        language: Some("en".to_owned()),
        fields: vec![("response_format".to_owned(), "json".to_owned())],
    };
    Stt.transcribe(rig.call("/deepgram/v1/listen", "nova-3"), request).await
}

async fn synthesize(rig: &Rig, format: AudioFormat, key: &str) -> Result<(String, usize), Failure> {
    let request = SynthesizeRequest {
        text: "Grüße an alle.".to_owned(),
        voice: None,
        format,
        speed: None,
        instructions: None,
        as_events: false,
        extra: Map::new(),
    };
    let call = rig.call_with("/deepgram/v1/speak", "aura-2-thalia-en", key, Value::Null);
    let made = Tts.synthesize(call, request).await?;
    let pieces: Vec<bytes::Bytes> = made.audio.try_collect().await?;
    Ok((made.content_type, pieces.iter().map(bytes::Bytes::len).sum()))
}

#[tokio::test]
async fn a_recording_is_transcribed_and_metered() {
    let rig = Rig::start().await;
    let heard = transcribe(&rig).await.unwrap();
    assert_eq!(heard.transcript.text, "Hi, I would like to book a table for two tonight.");
    assert_eq!((heard.duration, heard.transcript.start, heard.native), (Some(1.5), 0.2, None));
    assert_eq!(rig.notes().body_audio_nanos, 1_500_000_000);
    assert_eq!(rig.reported(Quantity::AudioNanos), Some(1_500_000_000));
    assert_eq!(rig.billed_audio_nanos(), 1_500_000_000);
    assert_eq!(rig.notes().outputs, 1);
}

#[tokio::test]
async fn a_refused_recording_says_why() {
    let rig = Rig::start().await;
    rig.fault("deepgram", "stt", "status", 0, Some(429));
    let failure = transcribe(&rig).await.unwrap_err();
    assert_eq!((failure.kind, rig.notes().refused), (Kind::RateLimited, Some(429)));
    assert_eq!(rig.reported(Quantity::AudioNanos), None);
}

#[tokio::test]
async fn a_file_of_speech_is_metered_by_the_characters_it_is_billed_for() {
    let rig = Rig::start().await;
    let (content_type, bytes) = synthesize(&rig, AudioFormat::Pcm, "k").await.unwrap();
    assert_eq!((content_type.as_str(), bytes), ("audio/pcm", 14 * 60 * 48));
    assert_eq!((rig.notes().characters, rig.billed("characters")), (14, 14));
    assert_eq!(rig.reported(Quantity::Characters), Some(14));
    assert_eq!(rig.notes().received_nanos, 14 * 60 * 1_000_000);
    let failure = synthesize(&rig, AudioFormat::Pcm, "invalid").await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Unauthenticated, Some("INVALID_AUTH")));
}
