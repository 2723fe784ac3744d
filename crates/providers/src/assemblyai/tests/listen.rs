//! Sessions.

use super::{BASE, MODEL};
use crate::{
    assemblyai::stt::Stt,
    client::{Call, Listening, SttClient},
    sim::rig::{Rig, finals, heard, heard_to_final, send, silence, speech},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use vg_core::{
    Kind,
    call::{Failure, Heard, ListenInput, ListenRequest, ListenUpdate, Retry},
};

async fn listen(call: Call, extra: Value) -> Result<Box<dyn Listening>, Failure> {
    let extra = extra.as_object().cloned().unwrap_or_default();
    Stt.listen(call, ListenRequest { sample_rate: 16_000, language: None, extra }).await
}

/// The last session's length is billed as it was told: in whole seconds, however long it took.
fn assert_billed_as_told(rig: &Rig) {
    let told = rig.notes().audio[0].reported_session_nanos.unwrap();
    assert!(told > 0 && told.is_multiple_of(1_000_000_000), "{told}");
    assert_eq!(rig.billed_audio_nanos(), told);
}

#[tokio::test]
async fn a_stream_is_heard_in_turns_and_billed_by_the_session() {
    let rig = Rig::start().await;
    rig.script(json!({"transcripts": ["Hello there.", "And now?"]}));
    let mut stream = listen(rig.call(BASE, MODEL), Value::Null).await.unwrap();
    let (first, last) = {
        send(&mut stream, [silence(300), speech(1_200), silence(700)].concat()).await;
        heard_to_final(&mut stream).await
    };
    assert_eq!(first[0], Heard::SpeechStarted);
    assert!(first[1..].iter().all(|heard| matches!(heard, Heard::Interim(_))) && first.len() > 1);
    assert_eq!(last.text, "Hello there.");
    assert_eq!((last.language.as_deref(), last.words.len()), (Some("en"), 2));
    assert!((0.2..0.4).contains(&last.start) && (1.0..1.4).contains(&last.duration), "{last:?}");
    send(&mut stream, speech(800)).await;
    stream.finish().await.unwrap();
    let (rest, failure) = heard(&mut stream).await;
    assert_eq!((finals(&rest)[0].text.as_str(), failure), ("And now?", None));
    assert_eq!(rig.sent_audio_nanos(), 3_000_000_000);
    assert_eq!(rig.outcome().await, "complete");
    assert_billed_as_told(&rig);
    assert!(rig.notes().audio[0].is_closed);
}

#[tokio::test]
async fn frames_of_any_length_are_cut_to_what_is_taken() {
    for length in [320, 1_000, 3_200, 100_000] {
        let rig = Rig::start().await;
        let mut stream = listen(rig.call(BASE, MODEL), Value::Null).await.unwrap();
        let audio = [silence(300), speech(1_990)].concat().concat();
        for frame in audio.chunks(length) {
            stream.send(ListenInput::Audio(Bytes::copy_from_slice(frame))).await.unwrap();
        }
        stream.finish().await.unwrap();
        let (all, failure) = heard(&mut stream).await;
        assert_eq!((failure, finals(&all).len()), (None, 1), "{length}");
        assert_eq!(rig.sent_audio_nanos(), 2_290_000_000, "{length}");
    }
}

#[tokio::test]
async fn a_flush_ends_the_turn_at_once_and_sends_the_rest() {
    let rig = Rig::start().await;
    let mut stream = listen(rig.call(BASE, MODEL), Value::Null).await.unwrap();
    send(&mut stream, speech(600)).await;
    stream.send(ListenInput::Audio(speech(20).concat().into())).await.unwrap();
    assert_eq!(rig.sent_audio_nanos(), 600_000_000);
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(rig.sent_audio_nanos(), 620_000_000);
    heard_to_final(&mut stream).await;
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    // In silence nothing is confirmed, and nobody waits for ever.
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
}

#[tokio::test]
async fn a_formatted_turn_is_the_one_that_counts() {
    let rig = Rig::start().await;
    rig.script(json!({"transcripts": ["Hello there."]}));
    let call = rig.call(BASE, "universal-streaming");
    let mut stream = listen(call, json!({"format_turns": true})).await.unwrap();
    send(&mut stream, [speech(1_000), silence(700)].concat()).await;
    let (before, last) = heard_to_final(&mut stream).await;
    assert_eq!(last.text, "Hello there.");
    assert!(
        matches!(before.last(), Some(Heard::Preflight(turn)) if turn.text == "hello there"),
        "{before:?}"
    );
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    assert_eq!(rig.model(), "universal-streaming-english");
}

#[tokio::test]
async fn a_stream_that_is_dropped_terminates_its_session() {
    let rig = Rig::start().await;
    let mut stream = listen(rig.call(BASE, MODEL), Value::Null).await.unwrap();
    send(&mut stream, speech(500)).await;
    drop(stream);
    // A socket that is merely closed would be `cut`, and its session would go on.
    assert_eq!(rig.outcome().await, "complete");
    assert!(rig.notes().audio[0].is_closed);
}

#[tokio::test]
async fn a_bad_key_is_refused_though_the_socket_was_opened() {
    let rig = Rig::start().await;
    let failure =
        listen(rig.call_with(BASE, MODEL, "invalid", Value::Null), Value::Null).await.err().unwrap();
    assert_eq!((failure.kind, failure.retry), (Kind::Unauthenticated, Retry::Elsewhere));
    assert!(failure.message.contains("Unauthorized Connection"), "{failure}");
    assert_eq!((rig.notes().refused, rig.notes().sockets), (Some(401), 0));
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let rig = Rig::start().await;
    rig.fault("assemblyai", "stt", "status", 0, Some(429));
    let failure = listen(rig.call(BASE, MODEL), Value::Null).await.err().unwrap();
    assert_eq!((failure.kind, failure.status, rig.notes().sockets), (Kind::RateLimited, Some(429), 0));
}

#[tokio::test]
async fn a_failure_in_the_middle_is_told() {
    for (fault, refused) in [("drop", None), ("error_frame", Some(500)), ("malformed", None)] {
        let rig = Rig::start().await;
        rig.fault("assemblyai", "stt", fault, 700, None);
        let mut stream = listen(rig.call(BASE, MODEL), Value::Null).await.unwrap();
        for frame in speech(1_000) {
            if stream.send(ListenInput::Audio(frame)).await.is_err() {
                break;
            }
        }
        let failure = heard(&mut stream).await.1;
        if let Some(failure) = failure {
            assert_eq!((failure.kind, failure.retry), (Kind::UpstreamFailed, Retry::Again), "{fault}");
        }
        if rig.notes().refused.is_some() {
            assert_eq!(rig.notes().refused, refused, "{fault}");
        }
        assert!(rig.notes().audio[0].is_closed);
    }
}

#[tokio::test]
async fn a_session_without_its_count_is_measured_by_us() {
    let rig = Rig::start().await;
    rig.fault("assemblyai", "stt", "no_usage", 0, None);
    let mut stream = listen(rig.call(BASE, MODEL), Value::Null).await.unwrap();
    send(&mut stream, speech(500)).await;
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await.1, None);
    let notes = rig.notes();
    assert!(notes.audio[0].is_closed && notes.audio[0].reported_session_nanos.is_none());
}

#[tokio::test]
async fn options_change_in_mid_stream() {
    let rig = Rig::start().await;
    let mut stream = listen(rig.call(BASE, MODEL), Value::Null).await.unwrap();
    let extra = json!({"keyterms_prompt": ["tea"]}).as_object().cloned().unwrap_or_else(Map::new);
    let update = ListenUpdate { language: Some("de".to_owned()), extra };
    stream.send(ListenInput::Update(Box::new(update))).await.unwrap();
    send(&mut stream, [speech(600), silence(600)].concat()).await;
    heard_to_final(&mut stream).await;
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
}
