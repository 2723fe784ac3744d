//! Tests of recordings and files of speech.

use crate::{
    client::{SttClient, TtsClient},
    elevenlabs::{stt::Stt, tts::Tts, usage},
    sim::rig::{Rig, silence, speech, wav},
};
use futures_util::TryStreamExt;
use serde_json::{Map, Value, json};
use vg_core::{
    Kind, Modality, Quantity, Status,
    call::{AudioFormat, Failure, Retry, SynthesizeRequest, TranscribeRequest},
    provider::{Facts, Reach},
};

const BASE: &str = "/elevenlabs/v1";

fn recording(language: Option<&str>) -> TranscribeRequest {
    TranscribeRequest {
        audio: wav(&[silence(200), speech(1_000), silence(300)].concat()),
        file_name: "a.wav".to_owned(),
        content_type: None,
        language: language.map(str::to_owned),
        fields: Vec::new(),
    }
}

#[tokio::test]
async fn a_recording_is_transcribed_and_metered() {
    let rig = Rig::start().await;
    let heard = Stt.transcribe(rig.call(BASE, ""), recording(Some("en-US"))).await.unwrap();
    assert_eq!(heard.transcript.text, "Hi, I would like to book a table for two tonight.");
    assert_eq!((heard.duration, heard.transcript.words.len()), (Some(1.5), 11));
    assert_eq!(heard.transcript.language.as_deref(), Some("en"));
    assert!(heard.transcript.confidence.is_some_and(|sure| (0.9..1.0).contains(&sure)));
    assert_eq!(rig.notes().body_audio_nanos, 1_500_000_000);
    assert_eq!(rig.reported(Quantity::AudioNanos), Some(1_500_000_000));
    assert_eq!((rig.billed_audio_nanos(), rig.model().as_str()), (1_500_000_000, "scribe_v2"));
}

#[tokio::test]
async fn a_model_for_streams_hears_no_recordings() {
    let rig = Rig::start().await;
    let failure = Stt.transcribe(rig.call(BASE, "scribe_v2_realtime"), recording(None)).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::BadRequest, Retry::Elsewhere));
    assert!(failure.message.contains("`scribe_v2`"), "{}", failure.message);
}

#[tokio::test]
async fn a_refused_recording_says_why() {
    let rig = Rig::start().await;
    rig.fault("elevenlabs", "stt", "status", 0, Some(429));
    let failure = Stt.transcribe(rig.call(BASE, "scribe_v1"), recording(None)).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_deref()),
        (Kind::RateLimited, Some("too_many_concurrent_requests"))
    );
    assert_eq!((rig.notes().refused, rig.billed("refused")), (Some(429), 1));
}

async fn synthesize(
    rig: &Rig,
    model: &str,
    format: AudioFormat,
    extra: Value,
) -> Result<(String, usize), Failure> {
    let request = SynthesizeRequest {
        text: "Hi there.".to_owned(),
        voice: None,
        format,
        speed: Some(1.1),
        instructions: None,
        as_events: false,
        extra: extra.as_object().cloned().unwrap_or_default(),
    };
    let made = Tts.synthesize(rig.call(BASE, model), request).await?;
    let pieces: Vec<bytes::Bytes> = made.audio.try_collect().await?;
    Ok((made.content_type, pieces.iter().map(bytes::Bytes::len).sum()))
}

/// What the ledger would bill for what the meter was told.
fn billed(rig: &Rig, model: &str) -> Option<u64> {
    let notes = rig.notes();
    let wire = vg_core::Usage::UNKNOWN.with(
        Quantity::SentCharacters,
        notes.characters,
        vg_core::Source::WireMeasured,
    );
    let facts = Facts {
        modality: Modality::Tts,
        model,
        status: Status::Success,
        reach: Reach::Answered,
        refusal: None,
        wire,
        reported: notes.reported,
        estimated: vg_core::Usage::UNKNOWN,
    };
    usage::bill(&facts).value(Quantity::Characters)
}

#[tokio::test]
async fn a_file_of_speech_is_metered_as_the_provider_bills_it() {
    for model in ["eleven_multilingual_v2", "eleven_flash_v2_5", "eleven_v3"] {
        let rig = Rig::start().await;
        let made = synthesize(&rig, model, AudioFormat::Pcm, Value::Null).await.unwrap();
        assert_eq!(made, ("audio/pcm".to_owned(), 9 * 60 * 48));
        assert_eq!((rig.notes().characters, rig.billed("characters")), (9, 9));
        assert_eq!(rig.notes().received_nanos, 9 * 60 * 1_000_000);
        // Credits: half as many for Flash, rounded up.
        let credits = if model.contains("flash") { 5 } else { 9 };
        assert_eq!((rig.reported(Quantity::Characters), billed(&rig, model)), (Some(credits), Some(9)));
        let made = synthesize(&rig, model, AudioFormat::Mp3, Value::Null).await.unwrap();
        assert_eq!(made.0, "audio/mpeg");
    }
}

#[tokio::test]
async fn a_file_whose_cost_is_not_told_is_billed_as_sent() {
    let rig = Rig::start().await;
    rig.fault("elevenlabs", "tts", "no_usage", 0, None);
    synthesize(&rig, "eleven_turbo_v2_5", AudioFormat::Pcm, Value::Null).await.unwrap();
    assert_eq!((rig.reported(Quantity::Characters), billed(&rig, "eleven_turbo_v2_5")), (None, Some(9)));
}

#[tokio::test]
async fn a_format_elevenlabs_lacks_is_unsupported() {
    let rig = Rig::start().await;
    let failure = synthesize(&rig, "eleven_turbo_v2_5", AudioFormat::Flac, Value::Null).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::BadRequest, Retry::Elsewhere));
    assert!(failure.message.contains("`mp3`, `opus` and `pcm`"), "{}", failure.message);
}

#[tokio::test]
async fn an_order_says_what_the_owner_and_the_caller_want() {
    let body = r#"{"detail":{"status":"voice_not_found","message":"No such voice."}}"#;
    let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (origin, asked) = crate::sim::rig::answer_once(answer).await;
    let rig = Rig::start().await;
    let call = rig.call_with(
        &origin,
        "eleven_turbo_v2_5",
        "sk-good",
        json!({"stability": 0.3, "seed": 7, "enable_logging": false, "voice_settings": {"style": 0.1}}),
    );
    let request = SynthesizeRequest {
        text: "Hi.".to_owned(),
        voice: Some("a/b".to_owned()),
        format: AudioFormat::Mp3,
        speed: Some(1.2),
        instructions: None,
        as_events: false,
        extra: Map::new(),
    };
    let failure = Tts.synthesize(call, request).await.err().unwrap();
    assert_eq!((failure.kind, failure.message.contains("No such voice.")), (Kind::NotFound, true));
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with(
            "POST /text-to-speech/a%2Fb/stream?output_format=mp3_44100_128&enable_logging=false"
        )
    );
    let order: Value = serde_json::from_str(asked.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let wanted = json!({
        "model_id": "eleven_turbo_v2_5", "text": "Hi.", "seed": 7,
        "voice_settings": {"stability": 0.3, "style": 0.1, "speed": 1.2},
    });
    assert_eq!(order, wanted);
}
