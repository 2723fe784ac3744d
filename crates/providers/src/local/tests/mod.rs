//! The clients against the simulators: what comes, what the meter is told, and what the simulators count.

mod fuzz;
mod kokoro;
mod ollama;
mod piper;
mod whisper;

use crate::{
    local::{OLLAMA, PIPER},
    registry,
};
use vg_core::{
    Kind, Modality,
    provider::{Direction, PriceQuery, PriceRef, Provider, Said},
};

#[test]
fn every_local_runtime_is_free_needs_no_key_and_has_a_client() {
    let locals = [
        ("whisper", Modality::Stt),
        ("ollama", Modality::Llm),
        ("kokoro", Modality::Tts),
        ("piper", Modality::Tts),
    ];
    for (id, modality) in locals {
        let provider = registry::find(id).unwrap();
        assert_eq!((provider.modalities(), provider.key_variable()), (&[modality][..], None));
        assert_eq!(provider.price_ref(&PriceQuery::default()), PriceRef::Local);
        assert!(provider.warm_up() > std::time::Duration::from_secs(60));
        let clients = registry::clients(id);
        let is_there = match modality {
            Modality::Stt => clients.stt.is_some(),
            Modality::Llm => clients.llm.is_some(),
            Modality::Tts => clients.tts.is_some(),
        };
        assert!(is_there, "{id}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_run_is_said_with_how_to_start_it() {
    use crate::sim::rig::Rig;
    let rig = Rig::start().await;
    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let failures = [
        ("ollama", "ollama serve", ollama::ask(rig.call(&format!("{nowhere}/v1"), "m")).await.err()),
        ("whisper", "speaches", whisper::transcribe(rig.call(&format!("{nowhere}/v1"), "m")).await.err()),
        ("kokoro", "Kokoro-FastAPI", kokoro::file(rig.call(&format!("{nowhere}/v1"), "m")).await.err()),
        ("piper", "piper.http_server", piper::file(rig.call(&nowhere, "m")).await.err()),
    ];
    for (id, start, failure) in failures {
        let failure = failure.unwrap();
        assert_eq!(failure.kind, Kind::UpstreamFailed);
        let wanted = format!("set `providers.{id}.base_url`");
        assert!(failure.message.contains(start) && failure.message.ends_with(&wanted), "{failure}");
    }
    // Nothing left, so nothing is counted.
    let notes = rig.notes();
    assert_eq!((notes.sent, notes.characters, notes.body_audio_nanos), (0, 0, 0));
}

#[test]
fn what_is_given_to_a_voice_is_counted_in_code_points() {
    let said = |direction| PIPER.frame(Modality::Tts, direction, "Grüße 😀").map(|frame| frame.said);
    assert_eq!(said(Direction::Sent), Some(Said::Text(7)));
    assert_eq!(said(Direction::Received), None);
    assert!(OLLAMA.frame(Modality::Llm, Direction::Sent, "Hi").is_none());
}
