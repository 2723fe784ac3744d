//! The clients against the simulated provider.

use crate::{
    client::{LlmClient, SttClient, TtsClient},
    groq::{llm::Llm, stt::Stt, tts::Tts},
    sim::rig::{Rig, answer_once, audio_bytes, content, http_answer, pieces, say, silence, speech, wav},
};
use futures_util::TryStreamExt;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use vg_core::{
    Kind, Quantity,
    call::{
        AudioFormat, ChatRequest, Failure, ListenRequest, Retry, SpeakRequest, SynthesizeRequest,
        TranscribeRequest, Transcription,
    },
};

const BASE: &str = "/groq/openai/v1";
const CHAT: &str = "llama-3.3-70b-versatile";
const EAR: &str = "whisper-large-v3-turbo";
const VOICE: &str = "canopylabs/orpheus-v1-english";

fn ask(stream: bool) -> Arc<ChatRequest> {
    let body = json!({"messages": [{"role": "user", "content": "Hello, who are you?"}]});
    Arc::new(ChatRequest { body: body.as_object().unwrap().clone(), stream })
}

#[tokio::test]
async fn a_chat_is_metered_once_though_its_usage_comes_twice() {
    for stream in [true, false] {
        let rig = Rig::start().await;
        let (pieces, failure) = pieces(Llm.chat(rig.call(BASE, CHAT), ask(stream)).await.unwrap()).await;
        assert_eq!(failure, None);
        let told = pieces.iter().filter(|piece| String::from_utf8_lossy(&piece.json).contains("x_groq"));
        assert_eq!(told.count(), if stream { 2 } else { 1 });
        rig.assert_tokens_billed_as_reported();
        assert_eq!(rig.outcome().await, "complete");
    }
}

#[tokio::test]
async fn the_usage_beside_the_last_piece_is_enough() {
    let rig = Rig::start().await;
    // Leaves out the message that OpenAI's API has for it.
    rig.fault("groq", "llm", "no_usage", 0, None);
    let (pieces, failure) = pieces(Llm.chat(rig.call(BASE, CHAT), ask(true)).await.unwrap()).await;
    assert_eq!(failure, None);
    assert!(!content(&pieces).is_empty());
    rig.assert_tokens_billed_as_reported();
}

#[tokio::test]
async fn a_chat_that_is_refused_or_cut_says_why() {
    for (fault, value, kind) in [
        ("status", Some(429), Kind::RateLimited),
        ("status", Some(498), Kind::BadRequest),
        ("drop", None, Kind::UpstreamFailed),
        ("error_frame", None, Kind::UpstreamFailed),
    ] {
        let rig = Rig::start().await;
        rig.fault("groq", "llm", fault, if value.is_some() { 0 } else { 3 }, value);
        let failure = match Llm.chat(rig.call(BASE, CHAT), ask(true)).await {
            Ok(stream) => pieces(stream).await.1.unwrap(),
            Err(failure) => failure,
        };
        assert_eq!(failure.kind, kind, "{fault} {failure}");
        assert_eq!(rig.notes().reported.iter().count(), 0, "{fault}");
    }
}

async fn transcribe(
    call: crate::client::Call,
    audio: bytes::Bytes,
    format: &str,
) -> Result<Transcription, Failure> {
    let request = TranscribeRequest {
        audio,
        file_name: "a.wav".to_owned(),
        content_type: None,
        language: Some("en".to_owned()),
        fields: vec![("response_format".to_owned(), format.to_owned())],
    };
    Stt.transcribe(call, request).await
}

#[tokio::test]
async fn a_recording_is_measured_by_its_file_and_billed_for_ten_seconds_at_least() {
    for (millis, billed) in [(1_300, 10_000_000_000), (12_300, 12_300_000_000)] {
        let rig = Rig::start().await;
        let audio = wav(&[silence(millis - 1_000), speech(1_000)].concat());
        let heard = transcribe(rig.call(BASE, EAR), audio, "json").await.unwrap();
        assert!(!heard.transcript.text.is_empty());
        let (_, body) = heard.native.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body["x_groq"]["id"].as_str().unwrap().starts_with("req_") && body.get("usage").is_none());
        assert_eq!(rig.notes().body_audio_nanos, millis as u64 * 1_000_000);
        assert_eq!((rig.billed_audio_nanos(), rig.reported(Quantity::AudioNanos)), (billed, None));
    }
}

#[tokio::test]
async fn the_length_of_a_file_we_cannot_read_is_asked_for() {
    let verbose = r#"{"task":"transcribe","language":"English","duration":12.5,"text":"Hi.","segments":[],"x_groq":{"id":"req_1"}}"#;
    for (wanted, media_type, body) in [
        ("json", "application/json", r#"{"text":"Hi.","x_groq":{"id":"req_1"}}"#),
        ("text", "text/plain; charset=utf-8", "Hi.\n"),
        ("verbose_json", "application/json", verbose),
    ] {
        let (origin, sent) = answer_once(http_answer("application/json", verbose)).await;
        let rig = Rig::start().await;
        let heard = transcribe(rig.call(&origin, EAR), b"ID3 music"[..].into(), wanted).await.unwrap();
        assert!(sent.await.unwrap().contains("verbose_json"));
        assert_eq!((heard.duration, heard.transcript.text.as_str()), (Some(12.5), "Hi."));
        assert_eq!(heard.native.unwrap(), (media_type.to_owned(), body.into()));
        assert_eq!(rig.notes().body_audio_nanos, 12_500_000_000);
    }
}

#[tokio::test]
async fn a_refused_recording_says_why() {
    let rig = Rig::start().await;
    rig.fault("groq", "stt", "status", 0, Some(413));
    let failure = transcribe(rig.call(BASE, EAR), wav(&speech(500)), "json").await.unwrap_err();
    assert_eq!((failure.kind, rig.notes().refused), (Kind::BadRequest, Some(413)));
}

#[tokio::test]
async fn a_live_stream_is_refused_with_what_to_do() {
    let rig = Rig::start().await;
    let request = ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() };
    let failure = Stt.listen(rig.call(BASE, EAR), request).await.err().unwrap();
    assert_eq!((failure.kind, failure.retry), (Kind::BadRequest, Retry::Elsewhere));
    assert!(failure.message.contains("StreamAdapter"));
    assert_eq!((rig.notes().sent, rig.notes().sockets), (0, 0));
}

fn text(format: AudioFormat) -> SynthesizeRequest {
    SynthesizeRequest {
        text: "Grüße an alle.".to_owned(),
        voice: None,
        format,
        speed: None,
        instructions: None,
        as_events: true,
        extra: Map::new(),
    }
}

#[tokio::test]
async fn a_file_of_speech_is_a_wav_or_what_is_in_it() {
    for (format, content_type, bytes) in
        [(AudioFormat::Mp3, "audio/wav", 44 + 14 * 60 * 96), (AudioFormat::Pcm, "audio/pcm", 14 * 60 * 48)]
    {
        let rig = Rig::start().await;
        let made = Tts.synthesize(rig.call(BASE, VOICE), text(format)).await.unwrap();
        assert_eq!(made.content_type, content_type);
        let pieces: Vec<bytes::Bytes> = made.audio.try_collect().await.unwrap();
        assert_eq!(pieces.iter().map(bytes::Bytes::len).sum::<usize>(), bytes);
        assert_eq!((rig.notes().characters, rig.billed("characters")), (14, 14));
        if format == AudioFormat::Pcm {
            assert_eq!(rig.notes().received_nanos, 14 * 60 * 1_000_000);
        }
    }
}

#[tokio::test]
async fn what_is_no_wav_file_is_an_error() {
    for body in ["not audio at all", ""] {
        let (origin, _sent) = answer_once(http_answer("audio/wav", body)).await;
        let rig = Rig::start().await;
        let made = Tts.synthesize(rig.call(&origin, VOICE), text(AudioFormat::Pcm)).await.unwrap();
        let failure = made.audio.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(failure.message.contains("no WAV file"), "{failure}");
    }
}

#[tokio::test]
async fn texts_are_spoken_in_order_at_the_wanted_rate() {
    let rig = Rig::start().await;
    let request = SpeakRequest { sample_rate: 16_000, voice: None, language: None, extra: Map::new() };
    let stream = Tts.speak(rig.call(BASE, VOICE), request).await.unwrap();
    let (spoken, failure) = say(stream, &["One two. ", "Three. "]).await;
    assert_eq!((failure, audio_bytes(&spoken)), (None, 16 * 60 * 32));
    assert_eq!((rig.notes().characters, rig.billed("sent_characters")), (16, 16));
    let no_key = rig.call_with(BASE, VOICE, "", Value::Null);
    let request = SpeakRequest { sample_rate: 16_000, voice: None, language: None, extra: Map::new() };
    assert_eq!(Tts.speak(no_key, request).await.err().unwrap().status, Some(401));
}
