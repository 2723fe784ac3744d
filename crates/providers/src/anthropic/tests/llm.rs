//! Chats with the simulator.

use crate::{
    anthropic::CLIENTS,
    client::{Call, ChatStream},
    sim::rig::{Rig, content, pieces},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use vg_core::{
    Kind, Quantity,
    call::{ChatRequest, Failure, Retry},
};

const BASE: &str = "/anthropic";
const MODEL: &str = "claude-sonnet-4-6";

fn ask(stream: bool, more: Value) -> Arc<ChatRequest> {
    let mut body = json!({
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello, who are you?"}],
        "temperature": 1.2, "stream_options": {"include_usage": true},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Arc::new(ChatRequest { body: body.as_object().unwrap().clone(), stream })
}

async fn start(call: Call, request: Arc<ChatRequest>) -> Result<ChatStream, Failure> {
    CLIENTS.llm.unwrap().chat(call, request).await
}

#[tokio::test]
async fn a_streamed_answer_is_metered_as_it_is_billed() {
    let rig = Rig::start().await;
    let (pieces, failure) = pieces(start(rig.call(BASE, MODEL), ask(true, json!({}))).await.unwrap()).await;
    assert_eq!(failure, None);
    rig.assert_tokens_billed_as_reported();
    let notes = rig.notes();
    assert_eq!((notes.sent, notes.text), (1, content(&pieces)));
    let first: Value = serde_json::from_slice(&pieces[0].json).unwrap();
    assert!(first["created"].as_u64().unwrap() > 1_700_000_000);
    let last: Value = serde_json::from_slice(&pieces.last().unwrap().json).unwrap();
    assert_eq!(last["usage"]["prompt_tokens"], rig.billed("input_tokens"));
    assert_eq!(rig.outcome().await, "complete");
}

#[tokio::test]
async fn what_the_cache_wrote_and_read_is_told_apart() {
    let rig = Rig::start().await;
    let marked =
        json!({"type": "text", "text": "word ".repeat(1500), "cache_control": {"type": "ephemeral"}});
    let messages =
        json!({"messages": [{"role": "system", "content": [marked]}, {"role": "user", "content": "Hi"}]});
    for (read, written) in [(false, true), (true, false)] {
        pieces(start(rig.call(BASE, MODEL), ask(true, messages.clone())).await.unwrap()).await;
        assert_eq!(rig.reported(Quantity::CachedInputTokens).unwrap() > 1000, read);
        assert_eq!(rig.reported(Quantity::CacheWriteTokens).unwrap() > 1000, written);
    }
    assert_eq!(rig.billed("cached_input_tokens"), rig.billed("cache_write_tokens"));
    assert_eq!(
        rig.reported(Quantity::InputTokens).map(|tokens| tokens * 2),
        Some(rig.billed("input_tokens"))
    );
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_understood() {
    for stream in [true, false] {
        let rig = Rig::start().await;
        rig.script(json!({"replies": [{"tool": {"name": "book_table", "arguments": {"people": 2}}, "then": "Done."}]}));
        let tools = json!([{"type": "function", "function": {"name": "book_table", "parameters": {"type": "object"}}}]);
        let request = ask(stream, json!({"tools": tools}));
        let (called, failure) =
            pieces(start(rig.call(BASE, MODEL), Arc::clone(&request)).await.unwrap()).await;
        assert_eq!(failure, None);
        assert_eq!(rig.notes().text, "book_table{\"people\":2}");
        assert!(called.iter().any(|piece| piece.is_output));
        rig.assert_tokens_billed_as_reported();
        let mut messages = request.body["messages"].as_array().unwrap().clone();
        messages.push(json!({"role": "assistant", "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "book_table", "arguments": "{\"people\":2}"}}]}));
        messages.push(json!({"role": "tool", "tool_call_id": "t1", "content": "booked"}));
        let request = ask(true, json!({"tools": tools, "messages": messages}));
        let (answer, failure) = pieces(start(rig.call(BASE, MODEL), request).await.unwrap()).await;
        assert_eq!((content(&answer).as_str(), failure), ("Done.", None));
    }
}

#[tokio::test]
async fn a_whole_answer_is_one_piece() {
    let rig = Rig::start().await;
    let (pieces, failure) = pieces(start(rig.call(BASE, MODEL), ask(false, json!({}))).await.unwrap()).await;
    assert_eq!((pieces.len(), failure), (1, None));
    let answer: Value = serde_json::from_slice(&pieces[0].json).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], rig.notes().text);
    assert_eq!(answer["usage"]["completion_tokens"], rig.billed("output_tokens"));
    rig.assert_tokens_billed_as_reported();
}

#[tokio::test]
async fn an_answer_in_json_is_the_content() {
    for stream in [true, false] {
        let rig = Rig::start().await;
        let request = ask(stream, json!({"response_format": {"type": "json_object"}}));
        let (_, failure) = pieces(start(rig.call(BASE, MODEL), request).await.unwrap()).await;
        assert_eq!(failure, None);
        let answer: Value = serde_json::from_str(&rig.notes().text).unwrap();
        assert!(answer["text"].is_string());
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_whether_to_try_again() {
    let table = [
        (429, Kind::RateLimited, Retry::Again, "rate_limit_error"),
        (529, Kind::UpstreamFailed, Retry::Again, "overloaded_error"),
        (500, Kind::UpstreamFailed, Retry::Again, "api_error"),
        (403, Kind::Forbidden, Retry::Elsewhere, "permission_error"),
    ];
    for (status, kind, retry, code) in table {
        let rig = Rig::start().await;
        rig.fault("anthropic", "llm", "status", 0, Some(status));
        let failure = start(rig.call(BASE, MODEL), ask(true, json!({}))).await.err().unwrap();
        assert_eq!((failure.kind, failure.retry, failure.code.as_deref()), (kind, retry, Some(code)));
        assert_eq!(rig.notes().refused.map(u64::from), Some(status));
    }
    let rig = Rig::start().await;
    let failure =
        start(rig.call_with(BASE, MODEL, "invalid", Value::Null), ask(true, json!({}))).await.err().unwrap();
    assert_eq!((failure.kind, failure.status), (Kind::Unauthenticated, Some(401)));
}

#[tokio::test]
async fn a_failure_in_the_middle_ends_the_answer_and_keeps_what_the_prompt_cost() {
    for (fault, refused) in [("drop", None), ("error_frame", Some(529)), ("malformed", None)] {
        let rig = Rig::start().await;
        rig.fault("anthropic", "llm", fault, 3, None);
        let (pieces, failure) =
            pieces(start(rig.call(BASE, MODEL), ask(true, json!({}))).await.unwrap()).await;
        let failure = failure.unwrap_or_else(|| panic!("{fault} passed"));
        assert_eq!((failure.kind, failure.retry), (Kind::UpstreamFailed, Retry::Again), "{fault}");
        assert_eq!(rig.notes().refused, refused, "{fault}");
        assert_eq!(rig.notes().text, content(&pieces), "{fault}");
        assert_eq!(rig.reported(Quantity::InputTokens), Some(rig.billed("input_tokens")), "{fault}");
        assert_eq!(rig.reported(Quantity::OutputTokens), None, "{fault}");
    }
}

#[tokio::test]
async fn an_answer_without_usage_leaves_it_unknown() {
    let rig = Rig::start().await;
    rig.fault("anthropic", "llm", "no_usage", 0, None);
    let (_, failure) = pieces(start(rig.call(BASE, MODEL), ask(true, json!({}))).await.unwrap()).await;
    assert_eq!((failure, rig.notes().reported.iter().count()), (None, 0));
}

#[tokio::test]
async fn dropping_the_stream_cancels_it_at_the_provider() {
    let rig = Rig::paced(0.5).await;
    rig.script(json!({"replies": ["one two three four five six seven eight nine ten ".repeat(20)]}));
    let mut stream = start(rig.call(BASE, MODEL), ask(true, json!({}))).await.unwrap();
    for _ in 0..4 {
        stream.next().await.unwrap().unwrap();
    }
    drop(stream);
    assert_eq!(rig.outcome().await, "cut");
    assert!(rig.billed("output_tokens") < 60);
}
