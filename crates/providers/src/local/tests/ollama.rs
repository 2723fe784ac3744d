//! Chats with Ollama.

use crate::{
    client::{Call, ChatStream},
    local::ollama::CLIENTS,
    sim::rig::{Rig, answer_once, content, http_answer, pieces},
};
use futures_util::StreamExt;
use serde_json::json;
use std::sync::Arc;
use vg_core::{
    Kind, Quantity,
    call::{ChatRequest, Failure, Retry},
};

const BASE: &str = "/ollama/v1";
const MODEL: &str = "qwen2.5:3b";

pub(super) async fn ask(call: Call) -> Result<ChatStream, Failure> {
    asked(call, true).await
}

async fn asked(call: Call, stream: bool) -> Result<ChatStream, Failure> {
    let body = json!({"messages": [{"role": "user", "content": "Hello, who are you?"}]});
    let request = ChatRequest { body: body.as_object().unwrap().clone(), stream };
    CLIENTS.llm.unwrap().chat(call, Arc::new(request)).await
}

#[tokio::test]
async fn an_answer_is_metered_as_the_runtime_counts_it_and_the_tag_reaches_it() {
    for stream in [true, false] {
        let rig = Rig::start().await;
        let answer = asked(rig.call(BASE, MODEL), stream).await.unwrap();
        let (pieces, failure) = pieces(answer).await;
        assert_eq!(failure, None);
        assert!(!stream || content(&pieces).len() > 10);
        assert_eq!(rig.model(), MODEL);
        rig.assert_tokens_billed_as_reported();
        // Ollama says nothing of a cache.
        assert_eq!(rig.reported(Quantity::CachedInputTokens), None);
        assert_eq!(rig.outcome().await, "complete");
    }
}

#[tokio::test]
async fn a_model_that_is_not_there_is_said_with_how_to_get_it() {
    let rig = Rig::start().await;
    rig.fault("ollama", "llm", "status", 0, Some(404));
    let failure = ask(rig.call(BASE, MODEL)).await.err().unwrap();
    assert_eq!((failure.kind, failure.retry), (Kind::NotFound, Retry::Elsewhere));
    assert_eq!(failure.code.as_deref(), Some("not_found_error"));
    assert!(failure.message.ends_with("; pull it with `ollama pull qwen2.5:3b`"), "{failure}");
    assert_eq!(rig.notes().refused, Some(404));
}

#[tokio::test]
async fn no_key_is_sent_unless_the_owner_gave_one() {
    for (key, wanted) in [("", false), ("sk-behind-a-proxy", true)] {
        let rig = Rig::start().await;
        let done =
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let (origin, sent) = answer_once(http_answer("text/event-stream", done)).await;
        let call = rig.call_with(&origin, MODEL, key, json!({"keep_alive": "10m"}));
        let (_, failure) = pieces(ask(call).await.unwrap()).await;
        assert_eq!(failure, None);
        let sent = sent.await.unwrap();
        assert_eq!(sent.to_lowercase().contains("authorization: bearer sk-behind-a-proxy"), wanted);
        assert!(sent.contains(r#""stream_options":{"include_usage":true}"#), "{sent}");
        assert!(sent.contains(r#""keep_alive":"10m""#));
    }
}

#[tokio::test]
async fn a_cut_answer_fails_and_one_that_nobody_waits_for_is_cut() {
    for fault in ["drop", "error_frame", "malformed"] {
        let rig = Rig::start().await;
        rig.fault("ollama", "llm", fault, 3, None);
        let (_, failure) = pieces(ask(rig.call(BASE, MODEL)).await.unwrap()).await;
        let failure = failure.unwrap_or_else(|| panic!("{fault} passed"));
        assert_eq!((failure.kind, failure.retry), (Kind::UpstreamFailed, Retry::Again), "{fault}");
        assert_eq!(rig.notes().reported.iter().count(), 0);
        assert!(!rig.notes().text.is_empty());
    }
    let rig = Rig::paced(1.0).await;
    let mut answer = ask(rig.call(BASE, MODEL)).await.unwrap();
    for _ in 0..3 {
        answer.next().await.unwrap().unwrap();
    }
    drop(answer);
    assert_eq!(rig.outcome().await, "cut");
}
