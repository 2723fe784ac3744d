//! Whoever sends whatever over real sockets: it is answered, nothing of ours panics, and the next caller is served.

use crate::{dial::dial, server::TestServer};
use serde_json::json;
use std::{
    panic,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use vg_testkit::{fuzz::inputs, sim::Sim};

const STT: [&[u8]; 6] = [
    br#"{"type":"session.create","model":"deepgram/nova-3","settings":{"sample_rate":"16000","encoding":"pcm_s16le","language":"en","extra":{"keyterm":["a"],"endpointing":25}},"fallback":{"models":[{"model":"cartesia/ink-whisper","extra":null}]},"connection":{"timeout":1.0,"retries":0}}"#,
    br#"{"type":"input_audio","audio":"AEAAwABAAMAAQADAAEAAwA=="}"#,
    br#"{"type":"session.update","settings":{"language":"de","extra":{"keyterm":["a","b"]}}}"#,
    br#"{"type":"session.finalize"}"#,
    br#"{"type":"session.close"}"#,
    b"[]",
];

const TTS: [&[u8]; 5] = [
    br#"{"type":"session.create","model":"cartesia/sonic-3","sample_rate":"24000","encoding":"pcm_s16le","voice":"v","language":"en","extra":{"add_timestamps":true},"fallback":{"models":[{"model":"deepgram/aura-2","voice":"","extra":{}}]},"connection":{"timeout":1.0,"retries":0}}"#,
    br#"{"type":"input_transcript","transcript":"Hi. ","generation_config":{"voice":"v","model":"cartesia/sonic-3","language":"en"},"extra":{"add_timestamps":true}}"#,
    br#"{"type":"session.flush"}"#,
    br#"{"type":"session.close"}"#,
    b"null",
];

const CHATS: [&[u8]; 3] = [
    br#"{"model":"openai/gpt-4.1-mini","stream":true,"messages":[{"role":"user","content":"Hi"}],"stream_options":{"include_usage":true},"max_completion_tokens":4}"#,
    br#"{"model":"anthropic/claude-sonnet-4-5","messages":[{"role":"system","content":"x"},{"role":"user","content":[{"type":"text","text":"Hi"}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"auto","max_tokens":4}"#,
    br#"{"model":"openai/gpt-4.1-mini","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_object"},"fallbacks":["anthropic/claude-sonnet-4-5"],"max_tokens":4}"#,
];

const SPEECHES: [&[u8]; 2] = [
    br#"{"model":"openai/tts-1","input":"Hi.","voice":"alloy","response_format":"pcm","speed":1.0}"#,
    br#"{"model":"cartesia/sonic-3","input":"Hi.","voice":"v","response_format":"wav"}"#,
];

/// Panics in our own sources. A task that panics ends alone, so that nobody else would notice.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            let is_ours = panicked.location().is_some_and(|place| place.file().contains("/src/"));
            PANICS.fetch_add(usize::from(is_ours), Ordering::Relaxed);
            usual(panicked);
        }));
    });
}

/// Opens sockets, says something fuzzed a few times on each, and listens a little before it leaves.
async fn fuzz_sockets(path: &str, corpus: &[&[u8]], count: u64) {
    count_panics();
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut said = inputs(corpus, count).map(|input| String::from_utf8_lossy(&input).into_owned()).peekable();
    while said.peek().is_some() {
        let mut socket = dial(&server, path, None).await.unwrap();
        // Every other socket begins well, so that there is something to break.
        if said.size_hint().0 % 2 == 0 {
            socket.try_send(String::from_utf8_lossy(corpus[0]).into_owned()).await;
        }
        for text in said.by_ref().take(8) {
            if !socket.try_send(text).await {
                break;
            }
        }
        // Reading asserts that what comes is JSON without a null.
        drop(tokio::time::timeout(Duration::from_millis(20), socket.rest()).await);
    }
    assert_eq!(server.get("/health", None).await.status, 200);
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn fuzzed_hearing_sockets_break_nothing() {
    fuzz_sockets("/v1/stt?model=deepgram/nova-3", &STT, 400).await;
}

#[tokio::test]
async fn fuzzed_speaking_sockets_break_nothing() {
    fuzz_sockets("/v1/tts?model=cartesia/sonic-3", &TTS, 400).await;
}

#[tokio::test]
async fn fuzzed_bodies_are_answered_and_are_no_fault_of_ours() {
    count_panics();
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let requests = [("/v1/chat/completions", CHATS.as_slice()), ("/v1/audio/speech", SPEECHES.as_slice())];
    for (path, corpus) in requests {
        for input in inputs(corpus, 150) {
            let body = String::from_utf8_lossy(&input);
            let answer = server.ask("POST", path, &[("content-type", "application/json")], &body);
            let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.unwrap();
            assert!((200..600).contains(&answer.status) && answer.status != 500, "{path} {body}: {answer:?}");
        }
    }
    let sound = json!({"model": "openai/gpt-4.1-mini", "messages": [{"role": "user", "content": "Hi"}]});
    let answer = server.ask("POST", "/v1/chat/completions", &[], &sound.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}
