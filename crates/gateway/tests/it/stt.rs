//! `/v1/stt`, and the traps of its clients.

use crate::{
    dial::{Socket, dial, kinds},
    server::{TestKeys, TestServer},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use vg_core::Status;
use vg_gateway::Limits;
use vg_testkit::sim::Sim;

/// Less than anything here would be waited for.
const AT_ONCE: Duration = Duration::from_secs(8);

const PATH: &str = "/v1/stt?model=deepgram/nova-3";

fn create(model: &str) -> Value {
    json!({"settings": {"sample_rate": "16000", "encoding": "pcm_s16le", "language": "en", "extra": {"keyterm": []}},
        "model": model, "connection": {"timeout": 10.0, "retries": 0}, "type": "session.create"})
}

async fn begun(server: &TestServer) -> Socket {
    let mut socket = dial(server, PATH, None).await.unwrap();
    socket.send(create("deepgram/nova-3")).await;
    assert_eq!(socket.next().await.unwrap()["type"], "session.created");
    socket
}

#[tokio::test]
async fn an_utterance_is_begun_guessed_and_ended_once_and_finalize_ends_the_socket() {
    let sim = Sim::start(0.0).await;
    sim.script(json!({"transcripts": ["hello there general"]})).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    socket.audio(1_500, true).await;
    socket.audio(1_500, false).await;
    let spoken = socket.until("final_transcript").await;
    let last = spoken.last().unwrap();
    assert_eq!(kinds(&spoken).iter().filter(|kind| **kind == "start_of_speech").count(), 1, "{spoken:?}");
    assert!(kinds(&spoken).contains(&"interim_transcript"));
    assert!(!last["transcript"].as_str().unwrap().is_empty());
    assert!(last["duration"].as_f64().unwrap() > 0.0 && last["start"].as_f64().unwrap() < 1.5, "{last}");
    assert!(!last["words"].as_array().unwrap().is_empty());
    socket.send(json!({"type": "session.finalize"})).await;
    let (rest, code) = socket.rest().await;
    assert_eq!((kinds(&rest), code), (vec!["session.finalized", "session.closed"], 1000));
    let lines = server.lines(1).await;
    assert_eq!((lines.len(), lines[0].status), (1, Status::Success));
    assert!(lines[0].session_id.is_some());
}

#[tokio::test]
async fn finalize_without_any_speech_ends_at_once_and_says_nothing_empty() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    let before = Instant::now();
    socket.send(json!({"type": "session.finalize"})).await;
    let (rest, code) = socket.rest().await;
    assert_eq!((kinds(&rest), code), (vec!["session.finalized", "session.closed"], 1000));
    assert!(before.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn after_session_close_there_is_only_a_close_frame() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    socket.audio(1_000, true).await;
    // As a cancelled Python stream does: both back to back.
    socket.send(json!({"type": "session.finalize"})).await;
    socket.send(json!({"type": "session.close"})).await;
    let (rest, code) = socket.rest().await;
    assert_eq!(code, 1000);
    assert!(!kinds(&rest).contains(&"session.closed"), "{rest:?}");
    let lines = server.lines(1).await;
    assert_eq!(lines.len(), 1);
}

#[tokio::test]
async fn a_close_frame_is_answered_at_once_and_what_was_heard_is_booked() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    socket.audio(1_000, true).await;
    let before = Instant::now();
    socket.close().await;
    assert!(before.elapsed() < AT_ONCE);
    let lines = server.lines(1).await;
    assert_eq!(lines[0].status, Status::Cancelled);
    assert!(lines[0].usage.value(vg_core::Quantity::AudioNanos).is_some(), "{:?}", lines[0].usage);
}

#[tokio::test]
async fn a_handshake_names_its_model_in_any_way_or_not_at_all() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    for path in
        ["/v1/stt", "/v1//stt?model=deepgram%2Fnova-3", "/v1/stt?model=auto", "/v1/stt?model=NOT_GIVEN", PATH]
    {
        assert!(dial(&server, path, None).await.is_ok(), "{path}");
    }
    assert_eq!(dial(&server, "/v1/stt?model=nobody/x", None).await.err(), Some(404));
    assert_eq!(dial(&server, "/v1/bargein", None).await.err(), Some(404));
}

#[tokio::test]
async fn what_is_wrong_after_the_handshake_is_told_with_a_status_and_closed() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let cases = [
        (json!({"type": "session.finalize"}), 400),
        (json!({"type": "session.create", "model": "nobody/x"}), 404),
        (json!({"type": "session.create", "settings": {"encoding": "opus"}}), 400),
        (json!({"type": "session.create", "settings": {"sample_rate": "fast"}}), 400),
    ];
    for (first, code) in cases {
        let mut socket = dial(&server, "/v1/stt", None).await.unwrap();
        socket.send(first).await;
        let (messages, closed) = socket.rest().await;
        assert_eq!(kinds(&messages), ["error"]);
        assert_eq!((&messages[0]["code"], closed), (&json!(code), 1008));
        assert!(messages[0]["session_id"].is_string());
    }
    let mut socket = begun(&server).await;
    socket.send(json!({"type": "input_audio", "audio": "%%%"})).await;
    assert_eq!(socket.rest().await.0[0]["code"], 400);
}

#[tokio::test]
async fn what_changes_nothing_is_ignored() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    socket.send(json!({"type": "session.novelty", "x": null})).await;
    socket.send(json!({"type": "session.update", "settings": {"model": "cartesia/ink-2"}})).await;
    socket.send(json!({"type": "session.update", "settings": {"extra": {"endpointing": 100}}})).await;
    socket.audio(500, true).await;
    socket.send(json!({"type": "session.finalize"})).await;
    assert_eq!(socket.rest().await.1, 1000);
    let lines = server.lines(1).await;
    assert_eq!((lines.len(), &*lines[0].provider), (1, "deepgram"));
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_told_2007_and_closed() {
    let sim = Sim::start(0.0).await;
    let limits = Limits { socket_idle: Duration::from_millis(300), ..Limits::default() };
    let server = TestServer::start(&sim.providers(), TestKeys::default(), limits).await;
    let mut socket = begun(&server).await;
    let (messages, code) = socket.rest().await;
    assert_eq!((messages[0]["code"].as_u64(), code), (Some(2007), 1000));
}

#[tokio::test]
async fn sockets_and_messages_are_capped() {
    let sim = Sim::start(0.0).await;
    let limits = Limits {
        sockets_per_key: 2,
        message_bytes: 4_096,
        first_message_wait: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = TestServer::start(&sim.providers(), TestKeys::default(), limits).await;
    let mut first = begun(&server).await;
    let mut second = dial(&server, PATH, None).await.unwrap();
    assert_eq!(dial(&server, PATH, None).await.err(), Some(429));
    let (messages, code) = second.rest().await;
    assert_eq!((kinds(&messages), code), (vec!["error"], 1008));
    first.try_send("x".repeat(5_000)).await;
    first.rest().await;
    for _ in 0..100 {
        if dial(&server, PATH, None).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a closed socket goes on to count");
}

#[tokio::test]
async fn a_server_that_stops_refuses_new_sockets_lets_calls_go_on_and_then_ends_them() {
    let sim = Sim::start(0.0).await;
    let limits = Limits { grace: Duration::from_millis(600), ..Limits::default() };
    let mut server = TestServer::start(&sim.providers(), TestKeys::default(), limits).await;
    let mut socket = begun(&server).await;
    socket.audio(500, true).await;
    server.stop.take();
    while server.get("/health", None).await.json()["status"] != "draining" {}
    assert_eq!(dial(&server, PATH, None).await.err(), Some(503));
    socket.audio(500, true).await;
    let (_, code) = socket.rest().await;
    assert_eq!(code, 1001);
    (&mut server.served).await.unwrap().unwrap();
    assert_eq!(server.lines(1).await[0].status, Status::Cancelled);
}
