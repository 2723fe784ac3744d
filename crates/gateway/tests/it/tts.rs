//! `/v1/tts`, and the traps of its clients.

use crate::{
    dial::{Socket, dial, kinds},
    server::{TestKeys, TestServer},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use vg_core::Status;
use vg_gateway::Limits;
use vg_testkit::sim::Sim;

const PATH: &str = "/v1/tts?model=cartesia/sonic-3";

async fn begun(server: &TestServer) -> Socket {
    let mut socket = dial(server, PATH, None).await.unwrap();
    socket
        .send(json!({"type": "session.create", "sample_rate": "24000", "encoding": "pcm_s16le",
            "extra": {"add_timestamps": true}, "voice": "voice-abc", "model": "cartesia/sonic-3", "language": "en",
            "connection": {"timeout": 10.0, "retries": 0}}))
        .await;
    let created = socket.next().await.unwrap();
    assert_eq!(created["type"], "session.created");
    socket
}

fn packet(text: &str, voice: &str) -> Value {
    json!({"type": "input_transcript", "transcript": text, "extra": {"add_timestamps": true},
        "generation_config": {"voice": voice, "model": "cartesia/sonic-3", "language": "en"}})
}

async fn flush(socket: &mut Socket) -> Vec<Value> {
    socket.send(json!({"type": "session.flush"})).await;
    socket.until("done").await
}

fn seconds(messages: &[Value]) -> f64 {
    let bytes = |message: &Value| STANDARD.decode(message["audio"].as_str().unwrap()).unwrap().len();
    let audio = messages.iter().filter(|message| message["type"] == "output_audio");
    audio.map(bytes).sum::<usize>() as f64 / 48_000.0
}

fn words(messages: &[Value]) -> Vec<(String, f64)> {
    let alignments = messages.iter().filter(|message| message["type"] == "output_alignment");
    let words = alignments.flat_map(|message| message["words"].as_array().unwrap().clone());
    words.map(|word| (word["word"].as_str().unwrap().to_owned(), word["start"].as_f64().unwrap())).collect()
}

#[tokio::test]
async fn syntheses_follow_on_one_socket_each_in_its_voice_with_its_own_clock_and_one_done() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    for voice in ["voice-abc", "voice-xyz"] {
        socket.send(packet("Hello there, my friend. ", voice)).await;
        socket.send(packet("And a second sentence. ", voice)).await;
        let messages = flush(&mut socket).await;
        assert_eq!(kinds(&messages).iter().filter(|kind| **kind == "done").count(), 1);
        assert!(seconds(&messages) > 1.0);
        let words = words(&messages);
        assert_eq!(words.first().map(|(word, _)| word.as_str()), Some("Hello"));
        assert!(words[0].1 < 0.5 && words.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{words:?}");
    }
    assert!(socket.is_silent_for(Duration::from_millis(200)).await);
    let id = socket.seen[0]["session_id"].clone();
    assert!(id.is_string() && socket.seen.iter().all(|message| message["session_id"] == id));
    let lines = server.lines(2).await;
    assert_eq!(lines.len(), 2);
    for (line, voice) in lines.iter().zip(["voice-abc", "voice-xyz"]) {
        let metadata: Value = serde_json::from_str(line.metadata.as_deref().unwrap()).unwrap();
        assert_eq!((line.status, &metadata["voice"]), (Status::Success, &json!(voice)));
    }
    assert_ne!(lines[0].request_id, lines[1].request_id);
    assert_eq!(lines[0].session_id, lines[1].session_id);
}

#[tokio::test]
async fn a_flush_without_text_is_done_at_once_and_costs_nothing() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    assert_eq!(kinds(&flush(&mut socket).await), ["done"]);
    socket.send(packet("  ", "voice-abc")).await;
    assert_eq!(kinds(&flush(&mut socket).await), ["done"]);
    socket.send(packet("Hello. ", "voice-abc")).await;
    assert!(seconds(&flush(&mut socket).await) > 0.0);
    assert_eq!(server.lines(1).await.len(), 1);
}

#[tokio::test]
async fn a_synthesis_in_two_manners_is_one_answer_and_two_lines() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    socket.send(packet("Hello there, my friend. ", "voice-abc")).await;
    socket.send(packet("Goodbye. ", "voice-xyz")).await;
    let messages = flush(&mut socket).await;
    assert_eq!(kinds(&messages).iter().filter(|kind| **kind == "done").count(), 1);
    let words = words(&messages);
    assert!(words.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{words:?}");
    let lines = server.lines(2).await;
    assert_eq!((lines.len(), lines[0].request_id == lines[1].request_id), (2, true));
}

#[tokio::test]
async fn syntheses_that_were_not_waited_for_are_answered_in_turn() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    for _ in 0..2 {
        socket.send(packet("Hello there. ", "voice-abc")).await;
        socket.send(json!({"type": "session.flush"})).await;
    }
    let (first, second) = (socket.until("done").await, socket.until("done").await);
    assert!((seconds(&first) - seconds(&second)).abs() < 0.01 && seconds(&first) > 0.0);
}

#[tokio::test]
async fn a_waiting_client_hears_that_we_live_and_an_idle_one_hears_nothing() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut idle = begun(&server).await;
    let mut waiting = begun(&server).await;
    waiting.send(packet("Hello there. ", "voice-abc")).await;
    let before = Instant::now();
    let messages = waiting.until("keepalive").await;
    assert!(kinds(&messages).contains(&"output_audio"));
    assert!(before.elapsed() >= Duration::from_secs(4));
    assert_eq!(kinds(&flush(&mut waiting).await).last(), Some(&"done"));
    assert!(idle.is_silent_for(Duration::from_millis(10)).await);
}

#[tokio::test]
async fn alignment_is_for_those_who_asked() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    let mut plain = packet("Hello there. ", "voice-abc");
    plain["extra"] = json!({});
    socket.send(plain).await;
    assert!(!kinds(&flush(&mut socket).await).contains(&"output_alignment"));
}

#[tokio::test]
async fn a_client_that_goes_cancels_what_is_spoken() {
    let sim = Sim::start(1.0).await;
    let server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    socket
        .send(packet("A long sentence that takes its time to be spoken to the end of it. ", "voice-abc"))
        .await;
    socket.until("output_audio").await;
    socket.close().await;
    let lines = server.lines(1).await;
    assert_eq!(lines[0].status, Status::Cancelled);
    assert!(lines[0].cost.is_some(), "{:?}", lines[0]);
}

#[tokio::test]
async fn a_failed_synthesis_is_told_and_the_socket_closed() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    sim.faults(
        json!([{"provider": "cartesia", "modality": "tts", "kind": "status", "value": 500, "times": 20}]),
    )
    .await;
    let mut socket = begun(&server).await;
    socket.send(packet("Hello there. ", "voice-abc")).await;
    let (messages, code) = socket.rest().await;
    let error = messages.last().unwrap();
    assert_eq!((error["type"].as_str(), code), (Some("error"), 1011));
    assert!(error["code"].as_u64().unwrap() >= 500 && error["session_id"].is_string());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let sim = Sim::start(0.0).await;
    let limits = Limits {
        write_wait: Duration::from_millis(200),
        speech_ahead: Duration::from_secs(100_000),
        ..Limits::default()
    };
    let server = TestServer::start(&sim.providers(), TestKeys::default(), limits).await;
    let mut socket = begun(&server).await;
    let text = "Words upon words upon words, and no end of them in sight. ".repeat(6);
    for _ in 0..60 {
        if !socket.try_send(packet(&text, "voice-abc").to_string()).await {
            break;
        }
    }
    let lines = server.lines(1).await;
    assert_eq!(lines[0].status, Status::Cancelled);
}

#[tokio::test]
async fn an_idle_socket_is_closed_in_order_when_the_server_stops() {
    let sim = Sim::start(0.0).await;
    let mut server = TestServer::simulated(&sim).await;
    let mut socket = begun(&server).await;
    server.stop.take();
    let before = Instant::now();
    assert_eq!(socket.rest().await, (vec![], 1001));
    assert!(before.elapsed() < Duration::from_secs(20), "nothing runs, so nothing is waited for");
    (&mut server.served).await.unwrap().unwrap();
}
