//! Speaking.

use super::BASE;
use crate::{
    client::{Call, Speaking, Synthesized},
    openai::CLIENTS,
    sim::rig::Rig,
};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use std::time::Duration;
use vg_core::{
    Kind, Quantity,
    call::{AudioFormat, Failure, Retry, SpeakRequest, Spoken, SynthesizeRequest},
};

/// How long the simulated voice takes for a character.
const CHARACTER: u64 = 60_000_000;

async fn synthesize(call: Call, format: AudioFormat, as_events: bool) -> Result<Synthesized, Failure> {
    let request = SynthesizeRequest {
        text: "Grüße aus München!".to_owned(),
        voice: Some("coral".to_owned()),
        format,
        speed: Some(1.5),
        instructions: Some("Warmly.".to_owned()),
        as_events,
        extra: Map::new(),
    };
    CLIENTS.tts.unwrap().synthesize(call, request).await
}

async fn file(spoken: Synthesized) -> (Vec<u8>, Option<Failure>) {
    let pieces: Vec<_> = spoken.audio.collect().await;
    let failure = pieces.iter().find_map(|piece| piece.as_ref().err().cloned());
    (pieces.into_iter().filter_map(Result::ok).flatten().collect(), failure)
}

fn assert_billed_as_reported(rig: &Rig) {
    for (quantity, name) in [
        (Quantity::InputTokens, "input_tokens"),
        (Quantity::OutputTokens, "output_tokens"),
        (Quantity::OutputAudioTokens, "output_audio_tokens"),
    ] {
        assert_eq!(rig.reported(quantity), Some(rig.billed(name)), "{name}");
    }
}

#[tokio::test]
async fn characters_are_metered_as_they_are_billed() {
    let rig = Rig::start().await;
    let spoken = synthesize(rig.call(BASE, "tts-1"), AudioFormat::Mp3, false).await.unwrap();
    assert_eq!(spoken.content_type, "audio/mpeg");
    let (audio, failure) = file(spoken).await;
    assert!(failure.is_none() && audio.len() > 1_000);
    let notes = rig.notes();
    assert_eq!((notes.characters, rig.billed("characters")), (18, 18));
    assert_eq!((notes.received_nanos, notes.reported.iter().count()), (0, 0));
    assert!(notes.outputs > 0);
}

#[tokio::test]
async fn tokens_are_metered_even_if_the_client_wants_bare_audio() {
    let rig = Rig::start().await;
    let spoken = synthesize(rig.call(BASE, "gpt-4o-mini-tts"), AudioFormat::Pcm, false).await.unwrap();
    assert_eq!(spoken.content_type, "audio/pcm");
    let (audio, failure) = file(spoken).await;
    assert_eq!((failure, audio.len()), (None, 18 * 2_880));
    assert_eq!(rig.notes().received_nanos, 18 * CHARACTER);
    assert_billed_as_reported(&rig);
}

#[tokio::test]
async fn events_are_passed_on_as_they_came() {
    let rig = Rig::start().await;
    let spoken = synthesize(rig.call(BASE, "gpt-4o-mini-tts"), AudioFormat::Pcm, true).await.unwrap();
    assert!(spoken.content_type.starts_with("text/event-stream"));
    let (events, failure) = file(spoken).await;
    let events = String::from_utf8(events).unwrap();
    assert!(failure.is_none() && events.starts_with("data: {\"type\":\"speech.audio.delta\""));
    assert!(events.trim_end().lines().last().unwrap().contains("speech.audio.done"));
    assert_eq!(rig.notes().received_nanos, 18 * CHARACTER);
    assert_billed_as_reported(&rig);
}

#[tokio::test]
async fn a_refused_or_cut_file_fails() {
    for (model, fault, after, value, kind) in [
        ("tts-1", "status", 0, Some(429), Kind::RateLimited),
        ("tts-1", "drop", 5, None, Kind::UpstreamFailed),
        ("gpt-4o-mini-tts", "drop", 5, None, Kind::UpstreamFailed),
        ("gpt-4o-mini-tts", "error_frame", 5, None, Kind::UpstreamFailed),
        ("gpt-4o-mini-tts", "malformed", 5, None, Kind::UpstreamFailed),
    ] {
        let rig = Rig::start().await;
        rig.fault("openai", "tts", fault, after, value);
        let failure = match synthesize(rig.call(BASE, model), AudioFormat::Pcm, false).await {
            Ok(spoken) => file(spoken).await.1.unwrap_or_else(|| panic!("{fault} passed")),
            Err(failure) => failure,
        };
        assert_eq!((failure.kind, failure.retry), (kind, Retry::Again), "{fault} {failure}");
        assert_eq!(rig.notes().characters, 18);
        assert_eq!(rig.notes().reported.iter().count(), 0);
    }
    let rig = Rig::start().await;
    rig.fault("openai", "tts", "no_usage", 0, None);
    let spoken = synthesize(rig.call(BASE, "gpt-4o-mini-tts"), AudioFormat::Pcm, false).await.unwrap();
    assert_eq!(file(spoken).await.1, None);
    assert_eq!(rig.notes().reported.iter().count(), 0);
}

async fn speak(call: Call, sample_rate: u32) -> Box<dyn Speaking> {
    let extra = json!({"instructions": "Warmly."}).as_object().unwrap().clone();
    let request = SpeakRequest { sample_rate, voice: None, language: None, extra };
    CLIENTS.tts.unwrap().speak(call, request).await.unwrap()
}

/// Bytes of audio between the marks, and how many texts each mark says are done.
async fn rest(stream: &mut Box<dyn Speaking>) -> (Vec<(usize, usize)>, Option<Failure>) {
    let (mut texts, mut bytes) = (Vec::new(), 0);
    loop {
        match stream.next().await {
            Some(Ok(Spoken::Audio(audio))) => bytes += audio.len(),
            Some(Ok(Spoken::TextsDone(done))) => texts.push((done, std::mem::take(&mut bytes))),
            Some(Ok(other)) => panic!("{other:?}"),
            Some(Err(failure)) => return (texts, Some(failure)),
            None => return (texts, None),
        }
    }
}

#[tokio::test]
async fn texts_are_spoken_in_order_at_the_wanted_rate() {
    for (model, rate) in [("gpt-4o-mini-tts", 16_000), ("tts-1", 24_000), ("tts-1", 48_000)] {
        let rig = Rig::start().await;
        let mut stream = speak(rig.call(BASE, model), rate).await;
        for text in ["One two. ", "  ", "Three. ", "Four and five. "] {
            stream.say(text.to_owned()).await.unwrap();
        }
        stream.finish().await.unwrap();
        let (texts, failure) = rest(&mut stream).await;
        assert_eq!(failure, None);
        let per_character = rate as usize * 60 / 1000 * 2;
        assert_eq!(texts, [(1, 9 * per_character), (2, 0), (3, 7 * per_character), (4, 15 * per_character)]);
        assert_eq!((rig.notes().characters, rig.billed("sent_characters")), (31, 31));
        assert_eq!(rig.notes().received_nanos, 31 * CHARACTER);
        if model == "gpt-4o-mini-tts" {
            assert_billed_as_reported(&rig);
        }
    }
}

#[tokio::test]
async fn the_next_text_is_asked_for_while_the_one_before_is_heard() {
    let rig = Rig::paced(1.0).await;
    let mut stream = speak(rig.call(BASE, "tts-1"), 24_000).await;
    for text in ["A sentence of some length. ", "Another one. ", "And the last one. "] {
        stream.say(text.to_owned()).await.unwrap();
    }
    assert!(matches!(stream.next().await, Some(Ok(Spoken::Audio(_)))));
    assert_eq!(rig.billed("requests"), 2);
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert_eq!(rig.billed("requests"), 2);
}

#[tokio::test]
async fn a_stream_waits_for_its_texts() {
    let rig = Rig::start().await;
    let mut stream = speak(rig.call(BASE, "tts-1"), 24_000).await;
    let nothing = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
    assert!(nothing.is_err());
    stream.say("Now.".to_owned()).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Spoken::Audio(_)))));
    stream.finish().await.unwrap();
    assert_eq!(rest(&mut stream).await.1, None);
}

#[tokio::test]
async fn a_text_that_fails_ends_the_stream() {
    for (fault, value) in [("status", Some(500)), ("drop", None)] {
        let rig = Rig::start().await;
        rig.fault("openai", "tts", fault, 3, value);
        let mut stream = speak(rig.call(BASE, "tts-1"), 24_000).await;
        stream.say("One two three.".to_owned()).await.unwrap();
        stream.say("Four.".to_owned()).await.unwrap();
        let (texts, failure) = rest(&mut stream).await;
        let failure = failure.unwrap();
        assert_eq!((texts.len(), failure.kind, failure.retry), (0, Kind::UpstreamFailed, Retry::Again));
        assert_eq!(stream.next().await, None);
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_sent() {
    let rig = Rig::start().await;
    let request = |sample_rate| SpeakRequest { sample_rate, voice: None, language: None, extra: Map::new() };
    let client = CLIENTS.tts.unwrap();
    let without_key = client.speak(rig.call_with(BASE, "tts-1", "", Value::Null), request(24_000)).await;
    assert_eq!(without_key.err().unwrap().status, Some(401));
    let no_rate = client.speak(rig.call(BASE, "tts-1"), request(7)).await;
    assert_eq!(no_rate.err().unwrap().kind, Kind::BadRequest);
    assert_eq!((rig.notes().sent, rig.notes().characters), (0, 0));
}
