//! Tests of speaking.

use crate::{
    client::{Speaking, TtsClient},
    deepgram::tts::Tts,
    sim::rig::{Rig, audio_bytes, say},
};
use serde_json::Map;
use vg_core::{
    Kind,
    call::{Failure, SpeakRequest, Spoken},
};

async fn open(rig: &Rig) -> Result<Box<dyn Speaking>, Failure> {
    let request = SpeakRequest {
        sample_rate: 16_000,
        voice: Some("thalia".to_owned()),
        language: None,
        extra: Map::new(),
    };
    Tts.speak(rig.call("/deepgram/v1/speak", "aura-2"), request).await
}

async fn speak(rig: &Rig, texts: &[&str]) -> (Vec<Spoken>, Option<Failure>) {
    say(open(rig).await.unwrap(), texts).await
}

#[tokio::test]
async fn a_synthesis_is_metered_as_the_provider_bills_it_and_its_socket_is_kept() {
    let rig = Rig::start().await;
    let (all, failure) = speak(&rig, &["Hi there. ", "How are you? "]).await;
    assert_eq!((audio_bytes(&all), failure), (23 * 60 * 32, None));
    assert_eq!(rig.notes().received_nanos, 23 * 60 * 1_000_000);
    let (all, _) = speak(&rig, &["Again. "]).await;
    assert_eq!(audio_bytes(&all), 7 * 60 * 32);
    assert_eq!((rig.notes().sockets, rig.notes().characters), (1, 30));
    assert_eq!((rig.billed("characters"), rig.billed("requests")), (30, 2));
    // The row is that of the voice.
    assert_eq!(rig.model(), "aura-2-thalia-en");
}

#[tokio::test]
async fn a_cancelled_synthesis_is_metered_as_billed_and_its_socket_is_not_kept() {
    let rig = Rig::paced(0.2).await;
    let mut stream = open(&rig).await.unwrap();
    stream.say("A long sentence that nobody wants to hear. ".to_owned()).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Spoken::Audio(_)))));
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    let (all, failure) = speak(&rig, &["Sorry. "]).await;
    assert_eq!((audio_bytes(&all), failure), (7 * 60 * 32, None));
    assert_eq!((rig.notes().sockets, rig.notes().characters, rig.billed("characters")), (2, 50, 50));
}

#[tokio::test]
async fn what_the_provider_does_wrong_is_a_failure_and_billed() {
    for kind in ["drop", "error_frame", "malformed"] {
        let rig = Rig::start().await;
        rig.fault("deepgram", "tts", kind, 3, None);
        let (_, failure) = speak(&rig, &["Hi there. "]).await;
        assert_eq!(failure.unwrap().kind, Kind::UpstreamFailed, "{kind}");
        assert_eq!((rig.notes().characters, rig.billed("characters")), (10, 10), "{kind}");
        assert_eq!(rig.notes().refused, None, "{kind}");
    }
}

#[tokio::test]
async fn a_refused_handshake_says_why() {
    let rig = Rig::start().await;
    rig.fault("deepgram", "tts", "status", 0, Some(402));
    let failure = open(&rig).await.err().unwrap();
    assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Forbidden, Some("ASR_PAYMENT_REQUIRED")));
    assert_eq!((rig.notes().refused, rig.notes().sockets), (Some(402), 0));
}
