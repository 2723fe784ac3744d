//! Counting tokens the way the published recipe does, and the automatic prompt cache.

use serde_json::Value;
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

/// The vocabulary of gpt-4o and later.
fn vocabulary() -> &'static tiktoken_rs::CoreBPE {
    tiktoken_rs::o200k_base_singleton()
}

/// Builds the vocabulary's table, which takes a while, ahead of the first request.
pub(crate) fn warm_up() {
    vocabulary();
}

/// The tokens of a text.
pub(super) fn encode(text: &str) -> Vec<u32> {
    vocabulary().encode_ordinary(text)
}

/// How many tokens a text has.
pub(super) fn count(text: &str) -> u64 {
    encode(text).len() as u64
}

/// The text of each token. A character cut in two comes whole with the token that ends it, so some are empty.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let mut pending = Vec::new();
    encode(text)
        .iter()
        .map(|token| {
            pending.extend(vocabulary().decode_bytes(&[*token]).unwrap_or_default());
            match String::from_utf8(std::mem::take(&mut pending)) {
                Ok(piece) => piece,
                Err(error) => {
                    pending = error.into_bytes();
                    String::new()
                }
            }
        })
        .collect()
}

/// Stands in a prompt for the tokens between messages, which have no text.
const FRAMING: u32 = u32::MAX;

/// The tokens of a chat prompt, by the recipe of the OpenAI cookbook ("How to count tokens with tiktoken"): three
/// for each message, those of its values, one more for a name, and three that begin the answer. Functions come
/// first, and twelve end them.
pub(super) fn prompt(body: &Value) -> Vec<u32> {
    let mut tokens = Vec::new();
    for tool in list(body, "tools") {
        declare(tool.get("function").unwrap_or(tool), &mut tokens);
    }
    if !tokens.is_empty() {
        tokens.extend([FRAMING; 12]);
    }
    for message in list(body, "messages") {
        tokens.extend([FRAMING; 3]);
        tokens.extend(encode(text(message, "role")));
        match message.get("content") {
            Some(Value::String(content)) => tokens.extend(encode(content)),
            Some(Value::Array(parts)) => {
                for part in parts {
                    tokens.extend(encode(text(part, "text")));
                }
            }
            _ => {}
        }
        if message.get("name").is_some() {
            tokens.push(FRAMING);
            tokens.extend(encode(text(message, "name")));
        }
        for call in list(message, "tool_calls") {
            let function = call.get("function").unwrap_or(&Value::Null);
            tokens.extend(encode(text(function, "name")));
            tokens.extend(encode(text(function, "arguments")));
        }
    }
    tokens.extend([FRAMING; 3]);
    tokens
}

/// One function by the same recipe, with its numbers for gpt-4o and later: seven, "name:description", and where there
/// are parameters three, then for each three and "name:type:description"; of an enumeration's values each costs its
/// tokens and three, less three for all.
fn declare(function: &Value, tokens: &mut Vec<u32>) {
    let described = |value: &Value| text(value, "description").trim_end_matches('.').to_owned();
    tokens.extend([FRAMING; 7]);
    tokens.extend(encode(&format!("{}:{}", text(function, "name"), described(function))));
    let properties = function.pointer("/parameters/properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|properties| !properties.is_empty()) else { return };
    tokens.extend([FRAMING; 3]);
    for (name, property) in properties {
        tokens.extend([FRAMING; 3]);
        for (place, value) in list(property, "enum").iter().enumerate() {
            if place > 0 {
                tokens.extend([FRAMING; 3]);
            }
            tokens.extend(encode(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        tokens.extend(encode(&format!("{name}:{}:{}", text(property, "type"), described(property))));
    }
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

const CACHED_FROM: usize = 1024;
const CACHED_STEP: usize = 128;

/// The prompts seen before: a prefix of at least 1,024 tokens is cached, in steps of 128.
#[derive(Debug, Default)]
pub(crate) struct PromptCache(HashSet<u64>);

impl PromptCache {
    /// How many tokens of `prompt` were cached; from now on all of it is.
    pub(super) fn read_and_write(&mut self, model: &str, prompt: &[u32]) -> u64 {
        let mut hasher = DefaultHasher::new();
        model.hash(&mut hasher);
        let mut cached = 0;
        let mut start = 0;
        let mut end = CACHED_FROM;
        while let Some(part) = prompt.get(start..end) {
            part.hash(&mut hasher);
            if !self.0.insert(hasher.finish()) {
                cached = end as u64;
            }
            (start, end) = (end, end + CACHED_STEP);
        }
        cached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_prompt_counts_as_the_published_recipe_says() {
        // 3 + "system" + 3 tokens; 3 + "user" + 1 token; 3 to begin.
        let body = json!({"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ]});
        assert_eq!(prompt(&body).len(), (3 + 1 + 3) + (3 + 1 + 1) + 3);
        let named = json!({"messages": [{"role": "user", "content": "Hello", "name": "ada"}]});
        assert_eq!(prompt(&named).len() as u64, 3 + 1 + 1 + 1 + count("ada") + 3);
    }

    #[test]
    fn functions_count_as_the_published_recipe_says() {
        let function = json!({"name": "look", "description": "Looks.", "parameters": {"type": "object", "properties": {
            "where": {"type": "string", "description": "A place.", "enum": ["here", "there"]},
        }}});
        let body = json!({"messages": [], "tools": [{"type": "function", "function": function}]});
        let texts = count("look:Looks") + count("where:string:A place") + count("here") + count("there");
        assert_eq!(prompt(&body).len() as u64, 7 + 3 + 3 + 3 + texts + 12 + 3);
        let bare = json!({"messages": [], "tools": [{"type": "function", "function": {"name": "look"}}]});
        assert_eq!(prompt(&bare).len() as u64, 7 + count("look:") + 12 + 3);
    }

    #[test]
    fn pieces_are_the_text_and_one_per_token() {
        let text = "Grüße aus München 👩🏽‍🚀, 你好!";
        let pieces = pieces(text);
        assert_eq!(pieces.concat(), text);
        assert_eq!(pieces.len() as u64, count(text));
    }

    #[test]
    fn the_cache_gives_whole_steps_of_a_prefix_seen_before() {
        let mut cache = PromptCache::default();
        let prompt: Vec<u32> = (0..1500).collect();
        assert_eq!(cache.read_and_write("m", &prompt), 0);
        assert_eq!(cache.read_and_write("m", &prompt), 1024 + 3 * 128);
        assert_eq!(cache.read_and_write("other", &prompt), 0);
        let mut changed = prompt.clone();
        changed[1100] = 7;
        assert_eq!(cache.read_and_write("m", &changed), 1024);
        assert_eq!(cache.read_and_write("m", &prompt[..1000]), 0);
    }
}
