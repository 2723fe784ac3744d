//! Hearing.

use super::BASE;
use crate::{
    client::{Call, Listening},
    openai::CLIENTS,
    sim::rig::Rig,
};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use vg_core::{
    Kind, Quantity,
    call::{
        Failure, Heard, ListenInput, ListenRequest, ListenUpdate, Retry, TranscribeRequest, Transcription,
    },
};

const MODEL: &str = "gpt-4o-mini-transcribe";

/// Something like a voice.
fn voice(rate: u32, millis: u32) -> Vec<u8> {
    let samples = (0..rate / 1000 * millis).map(|n| {
        let turn = std::f64::consts::TAU * 180.0 * f64::from(n) / f64::from(rate);
        (turn.sin() * 9_000.0) as i16
    });
    samples.flat_map(i16::to_le_bytes).collect()
}

/// A WAV file around it.
fn wav(rate: u32, samples: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(u32::try_from(samples.len()).unwrap().to_le_bytes());
    file.extend(samples);
    file
}

fn silence(rate: u32, millis: u32) -> Vec<u8> {
    vec![0; (rate / 1000 * millis * 2) as usize]
}

async fn listen(call: Call, rate: u32) -> Result<Box<dyn Listening>, Failure> {
    let request = ListenRequest { sample_rate: rate, language: Some("en-US".to_owned()), extra: Map::new() };
    CLIENTS.stt.unwrap().listen(call, request).await
}

async fn say(stream: &mut Box<dyn Listening>, audio: &[u8]) -> Result<(), Failure> {
    for piece in audio.chunks(1_600) {
        stream.send(ListenInput::Audio(Bytes::copy_from_slice(piece))).await?;
    }
    Ok(())
}

async fn rest(stream: &mut Box<dyn Listening>) -> (Vec<Heard>, Option<Failure>) {
    let mut heard = Vec::new();
    loop {
        match stream.next().await {
            Some(Ok(event)) => heard.push(event),
            Some(Err(failure)) => return (heard, Some(failure)),
            None => return (heard, None),
        }
    }
}

fn assert_billed_as_reported(rig: &Rig) {
    for (quantity, name) in [
        (Quantity::InputTokens, "input_tokens"),
        (Quantity::InputAudioTokens, "input_audio_tokens"),
        (Quantity::OutputTokens, "output_tokens"),
    ] {
        assert_eq!(rig.reported(quantity), Some(rig.billed(name)), "{name}");
    }
}

#[tokio::test]
async fn two_utterances_are_heard_with_their_times_and_metered_as_they_are_billed() {
    let rig = Rig::start().await;
    rig.script(json!({"transcripts": ["Good morning to you.", "And good night."]}));
    let mut stream = listen(rig.call(BASE, MODEL), 16_000).await.unwrap();
    for _ in 0..2 {
        say(&mut stream, &[silence(16_000, 200), voice(16_000, 1_200), silence(16_000, 800)].concat())
            .await
            .unwrap();
    }
    stream.finish().await.unwrap();
    let (heard, failure) = rest(&mut stream).await;
    assert_eq!(failure, None);
    let finals: Vec<_> = heard
        .iter()
        .filter_map(|heard| match heard {
            Heard::Final(transcript) => Some(transcript),
            _ => None,
        })
        .collect();
    assert_eq!(finals.len(), 2);
    assert_eq!(
        (finals[0].text.as_str(), finals[1].text.as_str()),
        ("Good morning to you.", "And good night.")
    );
    assert_eq!(finals[0].language.as_deref(), Some("en-US"));
    for (place, transcript) in [0.2, 2.4].into_iter().zip(finals) {
        assert!((transcript.start - place).abs() < 0.1, "{transcript:?}");
        assert!((1.0..1.5).contains(&transcript.duration), "{transcript:?}");
    }
    assert_eq!(heard[0], Heard::SpeechStarted);
    let guesses: Vec<_> = heard
        .iter()
        .filter_map(|heard| match heard {
            Heard::Interim(transcript) => Some(transcript.text.as_str()),
            _ => None,
        })
        .collect();
    assert!(guesses.len() > 2 && guesses[1].starts_with(guesses[0]), "{guesses:?}");
    let notes = rig.notes();
    assert_eq!((notes.body_audio_nanos, notes.sockets), (4_400_000_000, 1));
    assert_billed_as_reported(&rig);
}

#[tokio::test]
async fn what_was_said_so_far_can_be_asked_for() {
    let rig = Rig::start().await;
    rig.script(json!({"transcripts": ["Good morning to you."]}));
    let mut stream = listen(rig.call(BASE, MODEL), 24_000).await.unwrap();
    say(&mut stream, &voice(24_000, 900)).await.unwrap();
    stream.send(ListenInput::Finalize).await.unwrap();
    let mut last = None;
    loop {
        match stream.next().await.unwrap().unwrap() {
            Heard::Finalized => break,
            Heard::Final(transcript) => last = Some(transcript.text),
            _ => {}
        }
    }
    assert_eq!(last.as_deref(), Some("Good morning to you."));
    // Asked again when nothing was said, in silence and with no audio at all.
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    say(&mut stream, &silence(24_000, 500)).await.unwrap();
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    let update = ListenUpdate { language: Some("de".to_owned()), extra: Map::new() };
    let update = ListenInput::Update(Box::new(update));
    stream.send(update).await.unwrap();
    stream.finish().await.unwrap();
    assert_eq!(rest(&mut stream).await, (Vec::new(), None));
    assert_billed_as_reported(&rig);
}

#[tokio::test]
async fn a_model_for_recordings_is_not_listened_with() {
    let rig = Rig::start().await;
    let failure = listen(rig.call(BASE, "whisper-1"), 16_000).await.err().unwrap();
    assert_eq!((failure.kind, failure.retry), (Kind::BadRequest, Retry::Elsewhere));
    assert!(failure.message.contains("whisper-1"));
    assert_eq!(rig.notes().sockets, 0);
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let rig = Rig::start().await;
    rig.fault("openai", "stt", "status", 0, Some(429));
    let failure = listen(rig.call(BASE, MODEL), 16_000).await.err().unwrap();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::RateLimited, Some("rate_limit_exceeded")));
    assert_eq!((rig.notes().refused, rig.notes().sockets), (Some(429), 0));
    let failure = listen(rig.call_with(BASE, MODEL, "invalid", Value::Null), 16_000).await.err().unwrap();
    assert_eq!((failure.kind, failure.status), (Kind::Unauthenticated, Some(401)));
}

#[tokio::test]
async fn a_failure_in_the_middle_is_told() {
    for (fault, refused) in [("drop", None), ("error_frame", Some(500)), ("malformed", None)] {
        let rig = Rig::start().await;
        rig.fault("openai", "stt", fault, 700, None);
        let mut stream = listen(rig.call(BASE, MODEL), 16_000).await.unwrap();
        let failure = match say(&mut stream, &voice(16_000, 1_000)).await {
            Ok(()) => rest(&mut stream).await.1.unwrap_or_else(|| panic!("{fault} passed")),
            Err(failure) => failure,
        };
        assert_eq!((failure.kind, failure.retry), (Kind::UpstreamFailed, Retry::Again), "{fault}");
        if rig.notes().refused.is_some() {
            assert_eq!(rig.notes().refused, refused, "{fault}");
        }
        assert!(rig.notes().body_audio_nanos >= 700_000_000);
    }
}

#[tokio::test]
async fn dropping_the_stream_closes_the_socket() {
    let rig = Rig::start().await;
    let mut stream = listen(rig.call(BASE, MODEL), 16_000).await.unwrap();
    say(&mut stream, &voice(16_000, 500)).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::SpeechStarted)));
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
}

#[tokio::test]
async fn an_utterance_without_usage_leaves_it_unknown() {
    let rig = Rig::start().await;
    rig.fault("openai", "stt", "no_usage", 0, None);
    let mut stream = listen(rig.call(BASE, MODEL), 16_000).await.unwrap();
    say(&mut stream, &voice(16_000, 1_000)).await.unwrap();
    stream.finish().await.unwrap();
    let (heard, failure) = rest(&mut stream).await;
    assert!(failure.is_none() && heard.iter().any(|heard| matches!(heard, Heard::Final(_))));
    assert_eq!(rig.notes().reported.iter().count(), 0);
}

// --- recordings ---

async fn transcribe(call: Call, fields: &[(&str, &str)]) -> Result<Transcription, Failure> {
    let request = TranscribeRequest {
        audio: wav(16_000, &[silence(16_000, 100), voice(16_000, 1_250)].concat()).into(),
        file_name: "a \"quoted\" name.wav".to_owned(),
        content_type: Some("audio/wav".to_owned()),
        language: Some("en".to_owned()),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    CLIENTS.stt.unwrap().transcribe(call, request).await
}

#[tokio::test]
async fn a_recording_is_metered_as_it_is_billed_in_tokens_or_seconds() {
    let rig = Rig::start().await;
    let transcription =
        transcribe(rig.call(BASE, MODEL), &[("prompt", "some names"), ("model", "other")]).await.unwrap();
    assert!(!transcription.transcript.text.is_empty());
    assert_eq!(rig.notes().body_audio_nanos, 1_350_000_000);
    assert_billed_as_reported(&rig);

    let rig = Rig::start().await;
    let asked = [("response_format", "verbose_json"), ("timestamp_granularities[]", "segment")];
    let transcription = transcribe(rig.call(BASE, "whisper-1"), &asked).await.unwrap();
    assert_eq!(transcription.duration, Some(1.35));
    assert_eq!(rig.reported(Quantity::AudioNanos), Some(2_000_000_000));
    assert_eq!(rig.reported(Quantity::InputTokens), None);
    let (media_type, body) = transcription.native.unwrap();
    assert!(media_type.starts_with("application/json"));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["task"], "transcribe");
}

#[tokio::test]
async fn every_form_of_an_answer_is_passed_on_as_it_came() {
    let rig = Rig::start().await;
    let text = transcribe(rig.call(BASE, MODEL), &[("response_format", "text")]).await.unwrap();
    let (media_type, body) = text.native.unwrap();
    assert!(media_type.starts_with("text/plain"));
    assert_eq!(String::from_utf8_lossy(&body).trim(), text.transcript.text);
    let streamed = transcribe(rig.call(BASE, MODEL), &[("stream", "true")]).await.unwrap();
    let (media_type, body) = streamed.native.unwrap();
    assert!(media_type.starts_with("text/event-stream") && body.starts_with(b"data: "));
    assert!(!streamed.transcript.text.is_empty());
    assert!(rig.reported(Quantity::OutputTokens).is_some());
}

#[tokio::test]
async fn a_recording_that_is_refused_or_cut_fails() {
    for (fault, value, kind) in [
        ("status", Some(429), Kind::RateLimited),
        ("status", Some(413), Kind::BadRequest),
        ("drop", None, Kind::UpstreamFailed),
        ("error_frame", None, Kind::UpstreamFailed),
        ("malformed", None, Kind::UpstreamFailed),
    ] {
        let rig = Rig::start().await;
        rig.fault("openai", "stt", fault, 0, value);
        let failure = transcribe(rig.call(BASE, MODEL), &[]).await.err().unwrap();
        assert_eq!(failure.kind, kind, "{fault} {failure}");
        assert_eq!(rig.notes().reported.iter().count(), 0);
    }
    let rig = Rig::start().await;
    let failure = transcribe(rig.call_with(BASE, MODEL, "", Value::Null), &[]).await.err().unwrap();
    assert_eq!((failure.status, rig.notes().body_audio_nanos), (Some(401), 0));
}
