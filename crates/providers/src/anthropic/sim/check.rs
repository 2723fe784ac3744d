//! What the Messages API refuses.

use crate::sim::{list, text};
use serde_json::Value;
use std::collections::HashSet;

const KEYS: [&str; 19] = [
    "cache_control",
    "container",
    "context_management",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// What is wrong with a request.
pub(super) fn problem(body: &Value, version: &str) -> Option<String> {
    if !matches!(version, "2023-06-01" | "2026-10-21") {
        return Some("anthropic-version: header is required".to_owned());
    }
    let fields = body.as_object()?;
    if let Some(unknown) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Some(format!("{unknown}: Extra inputs are not permitted"));
    }
    let sampling = ["temperature", "top_p", "top_k"].into_iter().find(|key| fields.contains_key(*key));
    if let (Some(key), "2026-10-21") = (sampling, version) {
        return Some(format!("{key}: not supported in this version"));
    }
    if text(body, "model").is_empty() {
        return Some("model: Field required".to_owned());
    }
    if body.get("max_tokens").and_then(Value::as_u64).is_none_or(|tokens| tokens == 0) {
        return Some("max_tokens: Field required".to_owned());
    }
    if body.get("temperature").and_then(Value::as_f64).is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        return Some("temperature: Input should be between 0 and 1".to_owned());
    }
    for tool in list(body, "tools") {
        if text(tool, "name").is_empty() || (tool.get("input_schema").is_none() && tool.get("type").is_none())
        {
            return Some("tools: name and input_schema are required".to_owned());
        }
    }
    turns(list(body, "messages"))
}

fn turns(messages: &[Value]) -> Option<String> {
    if messages.first().map(|message| text(message, "role")) != Some("user") {
        return Some("messages: first message must use the \"user\" role".to_owned());
    }
    if messages.last().map(|message| text(message, "role")) == Some("assistant") {
        return Some("This model does not support assistant message prefill.".to_owned());
    }
    let mut open: HashSet<&str> = HashSet::new();
    for message in messages {
        let blocks = list(message, "content");
        if blocks.is_empty() && text(message, "content").is_empty() {
            return Some("messages: content must be non-empty".to_owned());
        }
        for block in blocks {
            let kind = text(block, "type");
            match (text(message, "role"), kind) {
                (_, "text") if text(block, "text").is_empty() => {
                    return Some("messages: text content blocks must be non-empty".to_owned());
                }
                ("user" | "assistant", "text") | ("user", "image" | "document") => {}
                ("assistant", "thinking" | "redacted_thinking") => {}
                ("assistant", "tool_use") if block.get("input").is_some_and(Value::is_object) => {
                    open.insert(text(block, "id"));
                }
                ("user", "tool_result") if open.remove(text(block, "tool_use_id")) => {}
                (role, kind) => return Some(format!("messages: unexpected `{kind}` in a turn of `{role}`")),
            }
        }
        if text(message, "role") == "user" && !open.is_empty() {
            return Some("messages: `tool_use` ids were found without `tool_result` blocks".to_owned());
        }
    }
    None
}
