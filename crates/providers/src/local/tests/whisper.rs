//! Hearing with Whisper.

use crate::{
    client::{Call, Listening},
    local::whisper::CLIENTS,
    sim::rig::{Rig, finals, heard, heard_to_final, send, silence, speech, wav},
};
use serde_json::{Map, Value, json};
use vg_core::{
    Kind,
    call::{
        Failure, Heard, ListenInput, ListenRequest, ListenUpdate, Retry, TranscribeRequest, Transcription,
    },
};

const BASE: &str = "/whisper/v1";

async fn listen(call: Call) -> Box<dyn Listening> {
    let request =
        ListenRequest { sample_rate: 16_000, language: Some("en-US".to_owned()), extra: Map::new() };
    CLIENTS.stt.unwrap().listen(call, request).await.unwrap()
}

pub(super) async fn transcribe(call: Call) -> Result<Transcription, Failure> {
    let request = TranscribeRequest {
        audio: wav(&speech(1_250)),
        file_name: "a.wav".to_owned(),
        content_type: Some("audio/wav".to_owned()),
        language: Some("en".to_owned()),
        fields: vec![("response_format".to_owned(), "verbose_json".to_owned())],
    };
    CLIENTS.stt.unwrap().transcribe(call, request).await
}

#[tokio::test]
async fn a_recording_is_transcribed_by_the_model_under_its_own_name() {
    let rig = Rig::start().await;
    rig.script(json!({"transcripts": ["Good morning."]}));
    let heard = transcribe(rig.call(BASE, "large-v3")).await.unwrap();
    assert_eq!((heard.transcript.text.as_str(), heard.duration), ("Good morning.", Some(1.25)));
    assert_eq!(rig.model(), "Systran/faster-whisper-large-v3");
    assert_eq!((rig.notes().body_audio_nanos, rig.billed_audio_nanos()), (1_250_000_000, 1_250_000_000));
    // It reports no usage.
    assert_eq!(rig.notes().reported.iter().count(), 0);
}

#[tokio::test]
async fn a_stream_is_heard_utterance_by_utterance_and_metered_as_it_was_sent() {
    let rig = Rig::start().await;
    rig.script(json!({"transcripts": ["Good morning to you.", "And good night."]}));
    let mut stream = listen(rig.call(BASE, "large-v3")).await;
    for _ in 0..2 {
        send(&mut stream, silence(500)).await;
        send(&mut stream, speech(1_200)).await;
        send(&mut stream, silence(700)).await;
    }
    stream.finish().await.unwrap();
    let (heard, failure) = heard(&mut stream).await;
    assert_eq!(failure, None);
    assert_eq!(heard[0], Heard::SpeechStarted);
    let finals = finals(&heard);
    let texts: Vec<&str> = finals.iter().map(|said| said.text.as_str()).collect();
    assert_eq!(texts, ["Good morning to you.", "And good night."]);
    for (said, start) in finals.iter().zip([0.5, 2.9]) {
        assert!((said.start - start).abs() < 0.03 && (said.duration - 1.2).abs() < 0.03, "{said:?}");
    }
    assert_eq!(finals[0].language.as_deref(), Some("english"));
    // Each with 300 ms before and 400 ms after it; silence is not sent.
    assert_eq!((rig.notes().body_audio_nanos, rig.notes().sockets), (3_800_000_000, 0));
    assert_eq!(rig.billed_audio_nanos(), 3_800_000_000);
}

#[tokio::test]
async fn what_was_said_so_far_can_be_asked_for() {
    let rig = Rig::start().await;
    rig.script(json!({"transcripts": ["Good morning."]}));
    let mut stream = listen(rig.call(BASE, "large-v3")).await;
    send(&mut stream, speech(900)).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    let (before, said) = heard_to_final(&mut stream).await;
    assert_eq!((before, said.text.as_str()), (vec![Heard::SpeechStarted], "Good morning."));
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    // In silence there is nothing to transcribe, and nothing is sent.
    send(&mut stream, silence(900)).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Finalized)));
    let update = ListenUpdate { language: Some("de".to_owned()), extra: Map::new() };
    stream.send(ListenInput::Update(Box::new(update))).await.unwrap();
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    assert_eq!(rig.billed_audio_nanos(), 900_000_000);
}

#[tokio::test]
async fn silence_and_clicks_are_never_sent() {
    let rig = Rig::start().await;
    let mut stream = listen(rig.call(BASE, "large-v3")).await;
    send(&mut stream, silence(3_000)).await;
    send(&mut stream, speech(50)).await;
    send(&mut stream, silence(1_000)).await;
    stream.finish().await.unwrap();
    assert_eq!(heard(&mut stream).await, (Vec::new(), None));
    assert_eq!(rig.notes().sent, 0);
}

#[tokio::test]
async fn a_failure_of_one_utterance_ends_the_stream() {
    for (fault, value, kind, retry) in [
        ("status", Some(404), Kind::NotFound, Retry::Elsewhere),
        ("status", Some(500), Kind::UpstreamFailed, Retry::Again),
        ("drop", None, Kind::UpstreamFailed, Retry::Again),
        ("malformed", None, Kind::UpstreamFailed, Retry::Again),
        ("error_frame", None, Kind::UpstreamFailed, Retry::Again),
    ] {
        let rig = Rig::start().await;
        rig.fault("whisper", "stt", fault, 0, value);
        let mut stream = listen(rig.call(BASE, "large-v3")).await;
        send(&mut stream, speech(900)).await;
        stream.finish().await.unwrap();
        let (_, failure) = heard(&mut stream).await;
        let failure = failure.unwrap_or_else(|| panic!("{fault} passed"));
        assert_eq!((failure.kind, failure.retry), (kind, retry), "{fault}");
        assert_eq!(stream.next().await, None);
        // A failure of the server's own has cost it the work, which the simulator books and we do not.
        let booked = if fault == "error_frame" { 0 } else { rig.billed_audio_nanos() };
        assert_eq!(rig.notes().body_audio_nanos, booked, "{fault}");
        if value == Some(404) {
            let fix = "`POST /v1/models/Systran/faster-whisper-large-v3`";
            assert!(failure.message.ends_with(fix), "{failure}");
        }
    }
}

#[tokio::test]
async fn an_owners_key_is_sent_and_a_wrong_one_is_said() {
    let rig = Rig::start().await;
    let failure = transcribe(rig.call_with(BASE, "large-v3", "invalid", Value::Null)).await.err().unwrap();
    assert_eq!((failure.kind, failure.status), (Kind::Forbidden, Some(403)));
    assert!(failure.message.ends_with("Invalid API key"), "{failure}");
}

#[tokio::test]
async fn dropping_the_stream_cuts_what_is_being_transcribed() {
    let rig = Rig::paced(4.0).await;
    let mut stream = listen(rig.call(BASE, "large-v3")).await;
    send(&mut stream, speech(900)).await;
    stream.send(ListenInput::Finalize).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::SpeechStarted)));
    let _ = tokio::time::timeout(std::time::Duration::from_millis(300), stream.next()).await;
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert_eq!(rig.notes().body_audio_nanos, rig.billed_audio_nanos());
}
