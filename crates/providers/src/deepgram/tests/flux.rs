//! Tests of listening, second version of the API.

use crate::{
    client::SttClient,
    deepgram::{flux::Turns, stt::Stt},
    shared::listening::Dialect,
    sim::rig::{Rig, finals, heard, heard_to_final, send, silence, speech},
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use vg_core::call::{Heard, ListenInput, ListenRequest};

fn request(extra: Value) -> ListenRequest {
    let extra = extra.as_object().cloned().unwrap_or_default();
    ListenRequest { sample_rate: 16_000, language: None, extra }
}

#[tokio::test]
async fn a_turn_is_heard_and_metered_as_the_provider_bills_it() {
    let rig = Rig::start().await;
    let call = rig.call("/deepgram/v2/listen", "flux-general-en");
    let mut stream = Stt.listen(call, request(json!({"eager_eot_threshold": 0.5}))).await.unwrap();
    send(&mut stream, [silence(200), speech(1_000), silence(700)].concat()).await;
    let (before, last) = heard_to_final(&mut stream).await;
    assert_eq!(before[0], Heard::SpeechStarted);
    assert_eq!(before.iter().filter(|heard| matches!(heard, Heard::SpeechStarted)).count(), 1);
    assert_eq!(before.last(), Some(&Heard::Preflight(last.clone())));
    assert_eq!((last.language.as_deref(), last.start, last.words.len()), (Some("en"), 0.2, 11));
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    assert_eq!((rig.sent_audio_nanos(), rig.billed_audio_nanos()), (1_900_000_000, 1_900_000_000));
    assert_eq!(rig.notes().audio[0].reported_nanos, None);
    assert!(rig.notes().audio[0].is_closed);
}

#[tokio::test]
async fn finalize_ends_an_open_turn_and_is_confirmed_without_one() {
    let rig = Rig::start().await;
    let call = rig.call("/deepgram/v2/listen", "flux-general-en");
    let mut stream = Stt.listen(call, request(Value::Null)).await.unwrap();
    send(&mut stream, speech(800)).await;
    while stream.next().await != Some(Ok(Heard::SpeechStarted)) {}
    stream.send(ListenInput::Finalize).await.unwrap();
    heard_to_final(&mut stream).await;
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
}

#[tokio::test]
async fn an_error_message_is_a_failure_with_its_code() {
    let rig = Rig::start().await;
    rig.fault("deepgram", "stt", "error_frame", 300, None);
    let call = rig.call("/deepgram/v2/listen", "flux-general-en");
    let mut stream = Stt.listen(call, request(Value::Null)).await.unwrap();
    send(&mut stream, speech(300)).await;
    let (_, failure) = heard(&mut stream).await;
    assert_eq!(failure.unwrap().code.as_deref(), Some("INTERNAL_SERVER_ERROR"));
}

fn turn(event: &str, text: &str) -> String {
    json!({"type": "TurnInfo", "request_id": "r", "sequence_id": 3, "event": event, "turn_index": 0,
           "audio_window_start": 1.0, "audio_window_end": 2.5, "transcript": text, "words": [],
           "end_of_turn_confidence": 0.4})
    .to_string()
}

#[test]
fn a_turn_that_is_resumed_has_one_final() {
    let mut turns = Turns::new(request(Value::Null));
    let mut heard = VecDeque::new();
    for (event, text) in [
        ("StartOfTurn", ""),
        ("Update", "I would"),
        ("EagerEndOfTurn", "I would"),
        ("TurnResumed", "I would"),
        ("Update", "I would like"),
        ("EndOfTurn", "I would like."),
        ("EndOfTurn", ""),
    ] {
        turns.read(&turn(event, text), 0.0, &mut heard).unwrap();
    }
    let kinds: String = heard
        .iter()
        .map(|heard| match heard {
            Heard::SpeechStarted => 's',
            Heard::Interim(_) => 'i',
            Heard::Preflight(_) => 'p',
            Heard::Final(_) => 'f',
            Heard::Finalized => '!',
        })
        .collect();
    assert_eq!(kinds, "sipiif");
    let last = finals(heard.make_contiguous())[0].clone();
    assert_eq!((last.text.as_str(), last.start, last.duration), ("I would like.", 1.0, 1.5));
}

#[test]
fn thresholds_and_terms_change_in_mid_stream() {
    let mut turns = Turns::new(request(Value::Null));
    let extra = json!({"eot_threshold": 0.8, "keyterm": "tea", "tag": "x"}).as_object().cloned().unwrap();
    let message: Value = serde_json::from_str(&turns.update(None, extra).unwrap()).unwrap();
    assert_eq!(
        message,
        json!({"type": "Configure", "thresholds": {"eot_threshold": 0.8}, "keyterms": ["tea"]})
    );
    assert_eq!(turns.update(Some("de".to_owned()), serde_json::Map::new()), None);
}
