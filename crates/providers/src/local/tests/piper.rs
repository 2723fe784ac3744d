//! Speaking with Piper.

use crate::{
    client::{Call, Speaking, Synthesized},
    local::piper::CLIENTS,
    shared::wav::{self, Wav},
    sim::rig::{Rig, answer_once, audio_bytes, http_answer, say},
};
use futures_util::StreamExt;
use serde_json::{Map, json};
use vg_core::{
    Kind,
    call::{AudioFormat, Failure, Retry, SpeakRequest, SynthesizeRequest},
};

const BASE: &str = "/piper";

fn request(format: AudioFormat, voice: Option<&str>) -> SynthesizeRequest {
    SynthesizeRequest {
        text: "Hello there.".to_owned(),
        voice: voice.map(str::to_owned),
        format,
        speed: Some(2.0),
        instructions: None,
        as_events: false,
        extra: Map::new(),
    }
}

pub(super) async fn file(call: Call) -> Result<Synthesized, Failure> {
    CLIENTS.tts.unwrap().synthesize(call, request(AudioFormat::Pcm, None)).await
}

async fn speak(call: Call, voice: &str, sample_rate: u32) -> Box<dyn Speaking> {
    let voice = Some(voice.to_owned());
    let request = SpeakRequest { sample_rate, voice, language: None, extra: Map::new() };
    CLIENTS.tts.unwrap().speak(call, request).await.unwrap()
}

async fn bytes(spoken: Synthesized) -> Vec<u8> {
    let pieces: Vec<_> = spoken.audio.collect().await;
    pieces.into_iter().flat_map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_voice_of_any_rate_comes_at_the_rate_that_was_asked_for() {
    for voice in ["en_US-lessac-medium", "en_US-danny-low"] {
        for rate in [16_000, 24_000, 48_000] {
            let rig = Rig::start().await;
            let texts = ["Hello there. ", "And you?"];
            let (spoken, failure) = say(speak(rig.call(BASE, ""), voice, rate).await, &texts).await;
            assert_eq!(failure, None);
            assert_eq!(audio_bytes(&spoken), 21 * u64::from(rate) * 60 / 1000 * 2, "{voice} at {rate}");
            assert_eq!((rig.notes().characters, rig.billed("characters")), (21, 21));
            // To the sample of the voice's own rate.
            assert!(rig.notes().received_nanos.abs_diff(21 * 60_000_000) < 100_000);
        }
    }
}

#[tokio::test]
async fn a_file_is_the_wav_it_is_and_bare_audio_has_the_common_rate() {
    let rig = Rig::start().await;
    let client = CLIENTS.tts.unwrap();
    let made = client.synthesize(rig.call(BASE, ""), request(AudioFormat::Mp3, None)).await.unwrap();
    assert_eq!(made.content_type, "audio/wav");
    let wav = bytes(made).await;
    assert_eq!(Wav::parse(&wav).unwrap().rate, 22_050);
    let made = file(rig.call(BASE, "")).await.unwrap();
    assert_eq!(made.content_type, "audio/pcm");
    assert_eq!(bytes(made).await.len(), 12 * 1_440 * 2);
}

#[tokio::test]
async fn voice_speed_and_the_owners_options_are_sent_by_pipers_names() {
    let rig = Rig::start().await;
    let answer =
        [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", wav::file(22_050, &[0; 8]).as_ref()].concat();
    let (origin, sent) = answer_once(answer).await;
    let call = rig.call_with(&origin, "", "", json!({"speaker_id": 3, "text": "no"}));
    let asked = request(AudioFormat::Wav, Some("en_US-danny-low"));
    CLIENTS.tts.unwrap().synthesize(call, asked).await.unwrap();
    let sent = sent.await.unwrap();
    assert!(sent.starts_with("POST /synthesize "), "{sent}");
    let body: serde_json::Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        body,
        json!({"text": "Hello there.", "voice": "en_US-danny-low", "length_scale": 0.5, "speaker_id": 3})
    );
}

#[tokio::test]
async fn an_older_release_is_asked_at_the_root_and_its_text_counted_once() {
    use axum::{Router, routing::post};
    let rig = Rig::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let speak = async || wav::file(22_050, &[0; 2_205 * 2]);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(speak))).await });
    file(rig.call(&origin, "")).await.unwrap();
    let notes = rig.notes();
    assert_eq!((notes.characters, notes.received_nanos, notes.refused), (12, 100_000_000, None));
}

#[tokio::test]
async fn what_is_no_speech_fails_without_a_page_of_html() {
    for (fault, value) in [("status", Some(500)), ("drop", None), ("malformed", None)] {
        let rig = Rig::start().await;
        rig.fault("piper", "tts", fault, 0, value);
        let failure = file(rig.call(BASE, "")).await.err().unwrap_or_else(|| panic!("{fault} passed"));
        assert_eq!((failure.kind, failure.retry), (Kind::UpstreamFailed, Retry::Again), "{fault}");
        assert!(!failure.message.contains("<p>"), "{failure}");
    }
    let rig = Rig::start().await;
    for body in ["", "RIFF", "not audio at all, but long enough to be taken for a header of a file"] {
        let (origin, _sent) = answer_once(http_answer("audio/wav", body)).await;
        let failure = file(rig.call(&origin, "")).await.err().unwrap();
        assert!(failure.message.contains("WAV"), "{failure}");
    }
}
