//! Counting and cutting tokens, and the prompt cache.

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
pub(crate) fn encode(text: &str) -> Vec<u32> {
    vocabulary().encode_ordinary(text)
}

/// How many tokens a text has.
pub(crate) fn count(text: &str) -> u64 {
    encode(text).len() as u64
}

/// The text of each token. A character cut in two comes whole with the token that ends it, so some are empty.
pub(crate) fn pieces(text: &str) -> Vec<String> {
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

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

const CACHED_FROM: usize = 1024;
const CACHED_STEP: usize = 128;

/// The prompts seen before: a prefix of at least 1,024 tokens is cached, in steps of 128.
#[derive(Debug, Default)]
pub(crate) struct PromptCache(HashSet<u64>);

impl PromptCache {
    /// How many tokens of `prompt` were cached, and how many are written to the cache beside them.
    pub(crate) fn read_and_write(&mut self, model: &str, prompt: &[u32]) -> (u64, u64) {
        let mut hasher = DefaultHasher::new();
        model.hash(&mut hasher);
        let (mut cached, mut whole) = (0, 0);
        let mut start = 0;
        let mut end = CACHED_FROM;
        while let Some(part) = prompt.get(start..end) {
            part.hash(&mut hasher);
            if !self.0.insert(hasher.finish()) {
                cached = end as u64;
            }
            whole = end as u64;
            (start, end) = (end, end + CACHED_STEP);
        }
        (cached, whole - cached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(cache.read_and_write("m", &prompt), (0, 1024 + 3 * 128));
        assert_eq!(cache.read_and_write("m", &prompt), (1024 + 3 * 128, 0));
        assert_eq!(cache.read_and_write("other", &prompt).0, 0);
        let mut changed = prompt.clone();
        changed[1100] = 7;
        assert_eq!(cache.read_and_write("m", &changed), (1024, 3 * 128));
        assert_eq!(cache.read_and_write("m", &prompt[..1000]), (0, 0));
    }
}
