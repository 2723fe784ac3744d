//! Chat over both wires.

use crate::server::TestServer;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use vg_core::Status;
use vg_testkit::sim::Sim;

fn body(stream: bool) -> String {
    json!({"model": "openai/gpt-4.1-mini", "messages": [{"role": "user", "content": "hello"}], "stream": stream,
        "stream_options": if stream { json!({"include_usage": true}) } else { Value::Null }})
    .to_string()
}

#[tokio::test]
async fn a_stream_ends_with_its_usage_and_done_and_is_one_line_of_its_job() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let headers = [
        ("authorization", "Bearer anything"),
        ("x-livekit-room-id", "RM_1"),
        ("x-livekit-job-id", "AJ_1"),
        ("x-livekit-session-id", "inference_0"),
    ];
    let answer = server.ask("POST", "/v1/chat/completions", &headers, &body(true)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let events: Vec<&str> =
        answer.body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let last: Value = serde_json::from_str(chunks.last().unwrap()).unwrap();
    assert!(last["usage"]["total_tokens"].as_u64().unwrap() > 0, "{last}");
    let lines = server.lines(1).await;
    let [line] = &*lines else { panic!("not one line") };
    assert_eq!(
        (line.status, line.request_id.to_string().as_str()),
        (Status::Success, answer.header("x-request-id").unwrap())
    );
    assert_eq!(answer.header("x-livekit-request-id"), answer.header("x-request-id"));
    assert!(line.session_id.as_deref().unwrap().starts_with("vg-"));
    let metadata: Value = serde_json::from_str(line.metadata.as_deref().unwrap()).unwrap();
    assert_eq!((&metadata["livekit_room_id"], &metadata["livekit_job_id"]), (&json!("RM_1"), &json!("AJ_1")));
}

#[tokio::test]
async fn one_answer_is_the_providers_own() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let answer = server.ask("POST", "/v1//chat/completions", &[], &body(false)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json()["object"], "chat.completion");
}

#[tokio::test]
async fn a_refusal_keeps_its_status_and_openais_shape() {
    let sim = Sim::start(0.0).await;
    let server = TestServer::simulated(&sim).await;
    let ask = async |body: &str| server.ask("POST", "/v1/chat/completions", &[], body).await;
    let unknown = ask(r#"{"model":"nobody/x","messages":[{"role":"user","content":"x"}]}"#).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!("model_not_found")));
    assert!(unknown.header("x-request-id").is_some());
    let wrong = ask("{").await;
    assert_eq!((wrong.status, &wrong.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    let order =
        json!([{"provider": "openai", "modality": "llm", "kind": "status", "value": 429, "times": 20}]);
    sim.faults(order).await;
    let limited = ask(&body(true)).await;
    assert_eq!((limited.status, &limited.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_and_is_booked() {
    let sim = Sim::start(1.0).await;
    let server = TestServer::simulated(&sim).await;
    let body = body(true);
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("data: ") {
        let count = client.read(&mut buffer).await.unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    drop(client);
    let lines = server.lines(1).await;
    assert_eq!(lines[0].status, Status::Cancelled);
    let requests = sim.requests().await;
    assert_ne!(requests[0]["outcome"], "completed", "{requests}");
}

#[tokio::test]
async fn a_body_is_limited_in_size_and_in_time() {
    let sim = Sim::start(0.0).await;
    let limits =
        vg_gateway::Limits { body_bytes: 100, body_wait: Duration::from_millis(50), ..Default::default() };
    let server = TestServer::start(&sim.providers(), crate::server::TestKeys::default(), limits).await;
    let large = server.ask("POST", "/v1/chat/completions", &[], &"x".repeat(101)).await;
    assert_eq!(large.status, 413);
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
        .await
        .unwrap();
    let mut buffer = [0; 64];
    let count = slow.read(&mut buffer).await.unwrap();
    assert!(std::str::from_utf8(&buffer[..count]).unwrap().starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn a_limit_and_its_use_are_told_and_no_limit_is_not() {
    let sim = Sim::start(0.0).await;
    let yaml = format!("{}rate_limits: {{ openai: {{ requests_per_minute: 60 }} }}\n", sim.providers());
    let limited = TestServer::start(&yaml, crate::server::TestKeys::default(), Default::default()).await;
    limited.ask("POST", "/v1/chat/completions", &[], &body(true)).await;
    let answer = limited.ask("POST", "/v1/chat/completions", &[], &body(true)).await;
    assert_eq!(answer.header("x-livekit-inference-rpm-limit"), Some("60"));
    assert_eq!(answer.header("x-livekit-inference-rpm-used"), Some("2"));
    let free = TestServer::simulated(&sim).await.ask("POST", "/v1/chat/completions", &[], &body(true)).await;
    assert_eq!(free.header("x-livekit-inference-rpm-used"), None);
}
