//! Tests of recordings and files of speech.

use crate::{
    cartesia::{stt::Stt, tts::Tts},
    client::{SttClient, TtsClient},
    sim::rig::{Rig, silence, speech, wav},
};
use futures_util::TryStreamExt;
use serde_json::Map;
use vg_core::{
    Kind, Quantity,
    call::{AudioFormat, Failure, Retry, SynthesizeRequest, TranscribeRequest},
};

#[tokio::test]
async fn a_recording_is_transcribed_and_metered() {
    let rig = Rig::start().await;
    let request = TranscribeRequest {
        audio: wav(&[silence(200), speech(1_000), silence(300)].concat()),
        file_name: "a.wav".to_owned(),
        content_type: None,
        language: Some("en-US".to_owned()),
        fields: Vec::new(),
    };
    let heard = Stt.transcribe(rig.call("/cartesia", ""), request).await.unwrap();
    assert_eq!(heard.transcript.text, "Hi, I would like to book a table for two tonight.");
    assert_eq!((heard.duration, heard.transcript.words.len()), (Some(1.5), 11));
    assert_eq!(rig.notes().body_audio_nanos, 1_500_000_000);
    assert_eq!(rig.reported(Quantity::AudioNanos), Some(1_500_000_000));
    assert_eq!((rig.billed_audio_nanos(), rig.model().as_str()), (1_500_000_000, "ink-whisper"));
}

async fn synthesize(rig: &Rig, format: AudioFormat) -> Result<(String, usize), Failure> {
    let request = SynthesizeRequest {
        text: "Hi there.".to_owned(),
        voice: None,
        format,
        speed: Some(1.2),
        instructions: None,
        as_events: false,
        extra: Map::new(),
    };
    let made = Tts.synthesize(rig.call("/cartesia", "sonic-3"), request).await?;
    let pieces: Vec<bytes::Bytes> = made.audio.try_collect().await?;
    Ok((made.content_type, pieces.iter().map(bytes::Bytes::len).sum()))
}

#[tokio::test]
async fn a_file_of_speech_is_metered_as_the_provider_bills_it() {
    let rig = Rig::start().await;
    let made = synthesize(&rig, AudioFormat::Pcm).await.unwrap();
    assert_eq!(made, ("audio/pcm".to_owned(), 9 * 60 * 48));
    assert_eq!((rig.notes().characters, rig.billed("characters")), (9, 9));
    assert_eq!(rig.notes().received_nanos, 9 * 60 * 1_000_000);
}

#[tokio::test]
async fn a_format_cartesia_lacks_is_unsupported() {
    let rig = Rig::start().await;
    let failure = synthesize(&rig, AudioFormat::Opus).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (Kind::BadRequest, Retry::Elsewhere));
    assert!(failure.message.contains("`mp3`, `wav` and `pcm`"), "{}", failure.message);
}
