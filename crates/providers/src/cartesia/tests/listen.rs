//! Tests of listening.

use crate::{
    cartesia::{listen::Turns, stt::Stt},
    client::{Listening, SttClient},
    shared::listening::Dialect,
    sim::rig::{Rig, finals, heard, heard_to_final, send, silence, speech},
};
use serde_json::{Map, Value, json};
use std::{collections::VecDeque, time::Duration};
use vg_core::{
    Kind,
    call::{Heard, ListenInput, ListenRequest},
};

fn request() -> ListenRequest {
    ListenRequest { sample_rate: 16_000, language: None, extra: Map::new() }
}

async fn open(rig: &Rig, model: &str) -> Box<dyn Listening> {
    Stt.listen(rig.call("/cartesia", model), request()).await.unwrap()
}

#[tokio::test]
async fn a_turn_is_heard_and_metered_as_the_provider_bills_it() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, "ink-2").await;
    send(&mut stream, [silence(200), speech(1_000), silence(700)].concat()).await;
    let (before, last) = heard_to_final(&mut stream).await;
    assert_eq!(before[0], Heard::SpeechStarted);
    assert!(matches!(before.last(), Some(Heard::Preflight(guess)) if guess.text == last.text));
    assert_eq!(last.text, "Hi, I would like to book a table for two tonight.");
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (1_900_000_000, 1_900_000_000));
    assert!(rig.notes().audio[0].is_closed);
}

#[tokio::test]
async fn a_piece_is_heard_and_metered_as_the_provider_bills_it() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, "ink-whisper").await;
    send(&mut stream, [silence(200), speech(1_000), silence(700), speech(400)].concat()).await;
    let (before, last) = heard_to_final(&mut stream).await;
    assert_eq!(before[0], Heard::SpeechStarted);
    assert_eq!((last.start, last.words.len(), last.language.as_deref()), (0.2, 11, Some("en")));
    stream.send(ListenInput::Finalize).await.unwrap();
    let (_, second) = heard_to_final(&mut stream).await;
    assert!(second.start >= 1.9, "{}", second.start);
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (2_300_000_000, 2_300_000_000));
}

#[tokio::test]
async fn an_open_turn_is_final_when_the_stream_finishes() {
    for model in ["ink-2", "ink-whisper"] {
        let rig = Rig::start().await;
        let mut stream = open(&rig, model).await;
        send(&mut stream, speech(800)).await;
        stream.finish().await.unwrap();
        let (heard, failure) = heard(&mut stream).await;
        assert_eq!((finals(&heard).len(), failure), (1, None), "{model}");
    }
}

#[tokio::test]
async fn an_error_message_is_a_refusal() {
    for model in ["ink-2", "ink-whisper"] {
        let rig = Rig::start().await;
        rig.fault("cartesia", "stt", "error_frame", 300, None);
        let mut stream = open(&rig, model).await;
        send(&mut stream, speech(300)).await;
        let (_, failure) = heard(&mut stream).await;
        let failure = failure.unwrap();
        assert_eq!((failure.status, failure.code.as_deref()), (Some(500), Some("internal_error")));
        assert_eq!(rig.notes().refused, Some(500));
    }
}

#[tokio::test]
async fn a_socket_that_closes_for_want_of_audio_is_opened_anew_with_the_next() {
    let rig = Rig::start().await;
    let mut stream = open(&rig, "ink-whisper").await;
    send(&mut stream, silence(1_000)).await;
    tokio::time::pause();
    let waited = tokio::time::timeout(Duration::from_secs(60), stream.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    assert!(rig.notes().audio[0].is_closed);
    // Nothing is left to transcribe.
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    tokio::time::resume();
    send(&mut stream, [speech(1_000), silence(700)].concat()).await;
    let (_, last) = heard_to_final(&mut stream).await;
    assert_eq!((last.start, last.words[0].start), (1.0, 1.0));
    drop(stream);
    let notes = rig.notes();
    assert_eq!((notes.sockets, notes.audio[0].bytes, notes.audio[1].bytes), (2, 32_000, 54_400));
    assert!(notes.audio[1].is_closed);
}

#[tokio::test]
async fn a_connection_cut_while_it_finishes_is_a_failure() {
    let rig = Rig::start().await;
    rig.fault("cartesia", "stt", "stall", 0, Some(50));
    let mut stream = open(&rig, "ink-whisper").await;
    send(&mut stream, speech(300)).await;
    stream.finish().await.unwrap();
    let (_, failure) = heard(&mut stream).await;
    assert_eq!(failure.unwrap().kind, Kind::UpstreamFailed);
}

#[test]
fn a_turn_tells_each_text_once_and_counts_its_time_by_the_audio() {
    let mut turns = Turns::new(request());
    let mut heard = VecDeque::new();
    for (now, kind, text) in [
        (1.0, "turn.start", None),
        (1.5, "turn.update", Some("book")),
        (1.7, "turn.update", Some("book")),
        (1.9, "turn.eager_end", Some("book")),
        (2.1, "turn.resume", None),
        (2.3, "turn.update", Some("book a table")),
        (3.0, "turn.end", Some("Book a table.")),
        (3.1, "turn.end", None),
    ] {
        let mut message = json!({"type": kind, "request_id": "r"});
        if let Some(text) = text {
            message["transcript"] = Value::from(text);
        }
        turns.read(&message.to_string(), now, &mut heard).unwrap();
    }
    let told: Vec<(&str, &str, f64, f64)> = heard
        .iter()
        .map(|heard| match heard {
            Heard::SpeechStarted => ("start", "", 0.0, 0.0),
            Heard::Interim(t) => ("interim", t.text.as_str(), t.start, t.duration),
            Heard::Preflight(t) => ("preflight", t.text.as_str(), t.start, t.duration),
            Heard::Final(t) => ("final", t.text.as_str(), t.start, t.duration),
            Heard::Finalized => ("finalized", "", 0.0, 0.0),
        })
        .collect();
    assert_eq!(
        told.iter().map(|(kind, text, ..)| (*kind, *text)).collect::<Vec<_>>(),
        [
            ("start", ""),
            ("interim", "book"),
            ("preflight", "book"),
            ("interim", "book"),
            ("interim", "book a table"),
            ("final", "Book a table.")
        ]
    );
    assert_eq!((told[5].2, told[5].3), (1.0, 2.0));
}

#[test]
fn thresholds_change_in_mid_stream() {
    let mut turns = Turns::new(request());
    let extra = json!({"turn_end_threshold": 0.3, "keyterm": ["x"]}).as_object().cloned().unwrap();
    let message: Value = serde_json::from_str(&turns.update(None, extra).unwrap()).unwrap();
    assert_eq!(message, json!({"type": "config", "turn": {"end_threshold": 0.3}}));
}
