//! Chats.

use crate::{
    client::{Call, ChatStream},
    openai::CLIENTS,
    sim::rig::{Rig, answer_once, content, http_answer, pieces},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use vg_core::{
    Kind,
    call::{ChatRequest, Failure, Retry},
};

use super::BASE;

fn ask(stream: bool, more: Value) -> Arc<ChatRequest> {
    let mut body =
        json!({"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": "Hello, who are you?"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Arc::new(ChatRequest { body: body.as_object().unwrap().clone(), stream })
}

fn livekit() -> Arc<ChatRequest> {
    ask(true, json!({"stream_options": {"include_usage": true}}))
}

async fn start(call: Call, request: Arc<ChatRequest>) -> Result<ChatStream, Failure> {
    CLIENTS.llm.unwrap().chat(call, request).await
}

#[tokio::test]
async fn a_streamed_answer_is_passed_on_and_metered_as_it_is_billed() {
    let rig = Rig::start().await;
    let (pieces, failure) = pieces(start(rig.call(BASE, "gpt-4.1"), livekit()).await.unwrap()).await;
    assert_eq!(failure, None);
    let said = content(&pieces);
    assert!(said.len() > 20);
    assert!(!pieces[0].is_output && pieces[1].is_output && !pieces.last().unwrap().is_output);
    let last: Value = serde_json::from_slice(&pieces.last().unwrap().json).unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], rig.billed("output_tokens"));
    rig.assert_tokens_billed_as_reported();
    let notes = rig.notes();
    assert_eq!((notes.sent, notes.outputs, notes.text), (1, 1, said));
    assert_eq!(rig.outcome().await, "complete");
}

#[tokio::test]
async fn the_usage_message_is_asked_for_always_and_shown_only_to_who_asked() {
    let rig = Rig::start().await;
    let (pieces, _) = pieces(start(rig.call(BASE, "gpt-4.1"), ask(true, json!({}))).await.unwrap()).await;
    rig.assert_tokens_billed_as_reported();
    let last: Value = serde_json::from_slice(&pieces.last().unwrap().json).unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn a_tool_call_is_output_and_its_words_are_kept_for_the_estimate() {
    let rig = Rig::start().await;
    rig.script(json!({"replies": [{"tool": {"name": "book_table", "arguments": {"people": 2}}}]}));
    let (pieces, failure) = pieces(start(rig.call(BASE, "gpt-4.1"), livekit()).await.unwrap()).await;
    assert_eq!(failure, None);
    assert!(pieces.iter().filter(|piece| piece.is_output).count() > 1);
    assert_eq!(rig.notes().text, "book_table{\"people\":2}");
    rig.assert_tokens_billed_as_reported();
}

#[tokio::test]
async fn a_whole_answer_is_one_piece_on_one_line() {
    let rig = Rig::start().await;
    let (pieces, failure) =
        pieces(start(rig.call(BASE, "gpt-4.1"), ask(false, json!({}))).await.unwrap()).await;
    assert_eq!((pieces.len(), failure), (1, None));
    let answer: Value = serde_json::from_slice(&pieces[0].json).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], rig.notes().text);
    rig.assert_tokens_billed_as_reported();
}

#[tokio::test]
async fn what_a_server_writes_is_passed_on_byte_for_byte() {
    let rig = Rig::start().await;
    let chunk = r#"{ "choices": [ {"delta":{"content":"é\u00e9"},"finish_reason":"stop" , "x":1.0} ],"o":1}"#;
    let body = format!(": hello\r\n\r\ndata: {chunk}\r\n\r\ndata: [DONE]\r\n\r\n");
    let (origin, server) = answer_once(http_answer("text/event-stream", &body)).await;
    let call = rig.call_with(&origin, "m", "sk-x", json!({"temperature": 0.5, "seed": 7, "stream": false}));
    let request =
        ask(true, json!({"temperature": 1, "stream_options": {"include_obfuscation": false}, "user": "u"}));
    let (pieces, failure) = pieces(start(call, request).await.unwrap()).await;
    assert_eq!(failure, None);
    assert_eq!(pieces[0].json, chunk);
    let sent = server.await.unwrap();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /chat/completions HTTP/1.1"));
    assert!(head.contains("authorization: Bearer sk-x"));
    let wanted = r#"{"model":"m","messages":[{"role":"user","content":"Hello, who are you?"}],"temperature":1,"user":"u","seed":7,"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#;
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn a_stream_without_done_is_whole_after_its_finish_and_dropped_before() {
    let rig = Rig::start().await;
    let word = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let (origin, _server) = answer_once(http_answer("text/event-stream", &format!("{word}{end}"))).await;
    let (all, failure) = pieces(start(rig.call(&origin, "m"), livekit()).await.unwrap()).await;
    assert_eq!((all.len(), failure), (2, None));
    let (origin, _server) = answer_once(http_answer("text/event-stream", word)).await;
    let (all, failure) = pieces(start(rig.call(&origin, "m"), livekit()).await.unwrap()).await;
    let failure = failure.unwrap();
    assert_eq!((all.len(), failure.kind, failure.retry), (1, Kind::UpstreamFailed, Retry::Again));
}

#[tokio::test]
async fn a_refusal_says_why_and_whether_to_try_again() {
    let table = [
        (429, Kind::RateLimited, Retry::Again, "rate_limit_exceeded"),
        (500, Kind::UpstreamFailed, Retry::Again, "server_error"),
        (404, Kind::NotFound, Retry::Elsewhere, "model_not_found"),
    ];
    for (status, kind, retry, code) in table {
        let rig = Rig::start().await;
        rig.fault("openai", "llm", "status", 0, Some(status));
        let failure = start(rig.call(BASE, "gpt-4.1"), livekit()).await.err().unwrap();
        assert_eq!((failure.kind, failure.retry, failure.code.as_deref()), (kind, retry, Some(code)));
        assert_eq!(failure.status.map(u64::from), Some(status));
        let notes = rig.notes();
        assert_eq!((notes.sent, notes.outputs, notes.refused.map(u64::from)), (1, 0, Some(status)));
    }
}

#[tokio::test]
async fn a_bad_key_or_none_is_refused() {
    let rig = Rig::start().await;
    for (key, sent) in [("invalid", 1), ("", 1)] {
        let call = rig.call_with(BASE, "gpt-4.1", key, Value::Null);
        let failure = start(call, livekit()).await.err().unwrap();
        assert_eq!((failure.kind, failure.status), (Kind::Unauthenticated, Some(401)));
        assert_eq!(rig.notes().sent, sent);
    }
}

#[tokio::test]
async fn a_request_that_got_no_connection_was_never_sent() {
    let rig = Rig::start().await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failure = start(rig.call(&format!("http://{nobody}"), "m"), livekit()).await.err().unwrap();
    assert_eq!((failure.kind, failure.status, failure.retry), (Kind::UpstreamFailed, None, Retry::Again));
    assert_eq!(rig.notes().sent, 0);
}

#[tokio::test]
async fn a_failure_in_the_middle_ends_the_answer_with_its_reason() {
    for (fault, refused) in [("drop", None), ("error_frame", Some(500)), ("malformed", None)] {
        let rig = Rig::start().await;
        rig.fault("openai", "llm", fault, 3, None);
        let (pieces, failure) = pieces(start(rig.call(BASE, "gpt-4.1"), livekit()).await.unwrap()).await;
        let failure = failure.unwrap_or_else(|| panic!("{fault} passed"));
        assert_eq!((failure.kind, failure.retry), (Kind::UpstreamFailed, Retry::Again), "{fault}");
        assert_eq!(rig.notes().refused, refused, "{fault}");
        assert_eq!(rig.notes().text, content(&pieces), "{fault}");
        assert_eq!(rig.notes().reported.iter().count(), 0, "{fault}");
    }
}

#[tokio::test]
async fn a_failure_before_the_first_word_fails_too() {
    for fault in ["drop", "error_frame", "malformed"] {
        for stream in [true, false] {
            let rig = Rig::start().await;
            rig.fault("openai", "llm", fault, 0, None);
            let failure = match start(rig.call(BASE, "gpt-4.1"), ask(stream, json!({}))).await {
                Err(failure) => failure,
                Ok(stream) => pieces(stream).await.1.unwrap_or_else(|| panic!("{fault} passed")),
            };
            assert_eq!(
                (failure.kind, failure.retry),
                (Kind::UpstreamFailed, Retry::Again),
                "{fault} {failure}"
            );
            assert_eq!(rig.notes().text, "", "{fault}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_usage_leaves_it_unknown() {
    let rig = Rig::start().await;
    rig.fault("openai", "llm", "no_usage", 0, None);
    let (pieces, failure) = pieces(start(rig.call(BASE, "gpt-4.1"), livekit()).await.unwrap()).await;
    assert_eq!(failure, None);
    assert_eq!(rig.notes().reported.iter().count(), 0);
    assert_eq!(rig.notes().text, content(&pieces));
}

#[tokio::test]
async fn dropping_the_stream_cancels_it_at_the_provider() {
    let rig = Rig::paced(0.5).await;
    rig.script(json!({"replies": ["one two three four five six seven eight nine ten ".repeat(20)]}));
    let mut stream = start(rig.call(BASE, "gpt-4.1"), livekit()).await.unwrap();
    for _ in 0..4 {
        stream.next().await.unwrap().unwrap();
    }
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert!(rig.billed("output_tokens") < 60);
    assert!(!rig.notes().text.is_empty());
}

#[tokio::test]
async fn dropping_the_question_cancels_it_too() {
    let rig = Rig::start().await;
    rig.fault("openai", "llm", "stall", 0, None);
    let asked = start(rig.call(BASE, "gpt-4.1"), livekit());
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), asked).await.is_err());
    assert_eq!(rig.outcome().await, "cut");
    assert_eq!(rig.notes().sent, 1);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        pieces(start(rig.call(BASE, "gpt-4.1"), livekit()).await.unwrap()).await;
    }
    assert_eq!(rig.billed("requests"), 3);
}
