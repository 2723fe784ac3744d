//! What a chat answer in OpenAI's shape says that concerns us; everything else in it is passed on unread.

use crate::shared::{api_error::ErrorBody, json_text::Text};
use serde::{Deserialize, de};
use vg_core::{Quantity, Source, Usage, call::Tap};

/// A `chat.completion.chunk`, or a `chat.completion`, whose messages have the shape of the chunks' deltas.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chunk<'a> {
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    usage: Option<CompletionUsage>,
    /// A failure in the middle of a stream.
    pub error: Option<ErrorBody>,
    /// Groq's own words beside OpenAI's: the usage comes here first, and for some models only here.
    x_groq: Option<XGroq>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow, alias = "message")]
    delta: Option<Delta<'a>>,
    finish_reason: Option<de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow)]
    refusal: Text<'a>,
    #[serde(borrow)]
    reasoning: Text<'a>,
    #[serde(borrow)]
    reasoning_content: Text<'a>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct XGroq {
    usage: Option<CompletionUsage>,
    error: Option<ErrorBody>,
}

/// The usage message of a chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CompletionUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<TokenDetails>,
    completion_tokens_details: Option<TokenDetails>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct TokenDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
}

impl CompletionUsage {
    /// The quantities this message reports. Cached, written, audio and reasoning tokens are parts of the totals.
    pub fn quantities(&self) -> Usage {
        let prompt = self.prompt_tokens_details.unwrap_or_default();
        let completion = self.completion_tokens_details.unwrap_or_default();
        let reported = [
            (Quantity::InputTokens, self.prompt_tokens),
            (Quantity::CachedInputTokens, prompt.cached_tokens),
            (Quantity::CacheWriteTokens, prompt.cache_write_tokens),
            (Quantity::InputAudioTokens, prompt.audio_tokens),
            (Quantity::OutputTokens, self.completion_tokens),
            (Quantity::ReasoningTokens, completion.reasoning_tokens),
            (Quantity::OutputAudioTokens, completion.audio_tokens),
        ];
        reported.into_iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| match value {
            Some(value) => usage.with(quantity, value, Source::ProviderReported),
            None => usage,
        })
    }
}

impl Chunk<'_> {
    /// The usage, if this piece carries it.
    pub fn usage(&self) -> Option<CompletionUsage> {
        self.usage.or(self.x_groq.as_ref().and_then(|groq| groq.usage))
    }

    /// The failure, if this piece is one.
    pub fn failure(&self) -> Option<&ErrorBody> {
        self.error.as_ref().or(self.x_groq.as_ref().and_then(|groq| groq.error.as_ref()))
    }

    /// Whether this piece is only the usage message, which comes last and has no choices.
    pub fn is_usage_only(&self) -> bool {
        self.usage.is_some() && self.choices.as_ref().is_none_or(Vec::is_empty)
    }

    /// Whether a choice says why it ended.
    pub fn is_finish(&self) -> bool {
        self.choices.iter().flatten().any(|choice| choice.finish_reason.is_some())
    }

    /// Tells the meter the text of this piece; returns whether there is output in it.
    pub fn tell(&self, tap: &dyn Tap) -> bool {
        let mut is_output = false;
        for delta in self.choices.iter().flatten().filter_map(|choice| choice.delta.as_ref()) {
            // Some servers write the same thought under both names.
            let thought =
                if delta.reasoning.0.is_empty() { &delta.reasoning_content } else { &delta.reasoning };
            let said = [&delta.content, &delta.refusal, thought];
            let calls = delta.tool_calls.iter().flatten();
            is_output |= delta.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
            let called = calls.filter_map(|call| call.function.as_ref());
            for text in said.into_iter().chain(called.flat_map(|made| [&made.name, &made.arguments])) {
                is_output |= !text.0.is_empty();
                if !text.0.is_empty() {
                    tap.output_text(&text.0);
                }
            }
        }
        is_output
    }
}

/// Reads a piece of an answer. `None` for JSON in a shape that is not known, which is passed on all the same.
///
/// # Errors
/// When it is not JSON.
pub fn read(json: &[u8]) -> Result<Option<Chunk<'_>>, serde_json::Error> {
    match serde_json::from_slice(json) {
        Ok(chunk) => Ok(Some(chunk)),
        Err(error) if error.is_data() => serde_json::from_slice::<de::IgnoredAny>(json).map(|_| None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::recorder::Recorder;
    use proptest::prelude::*;

    fn told(json: &str) -> (bool, String) {
        let recorder = Recorder::default();
        let is_output = read(json.as_bytes()).unwrap().unwrap().tell(&recorder);
        (is_output, recorder.notes().text.clone())
    }

    #[test]
    fn what_the_model_wrote_is_told_whatever_form_it_has() {
        let choice =
            |delta: &str| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}],"obfuscation":"x"}}"#);
        let table = [
            (r#"{"role":"assistant","content":""}"#, false, ""),
            (r#"{"content":"a \"b\" \u00e9"}"#, true, "a \"b\" é"),
            (r#"{"refusal":"No."}"#, true, "No."),
            (r#"{"content":null,"reasoning":"hm"}"#, true, "hm"),
            (r#"{"reasoning_content":"hm"}"#, true, "hm"),
            (r#"{"reasoning":"hm","reasoning_content":"hm"}"#, true, "hm"),
            (
                r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
                true,
                "f",
            ),
            (r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}"#, true, "{\"a\":1}"),
            (r#"{"tool_calls":null,"content":[{"type":"text","text":"x"}]}"#, false, ""),
            ("{}", false, ""),
        ];
        for (delta, is_output, text) in table {
            assert_eq!(told(&choice(delta)), (is_output, text.to_owned()), "{delta}");
        }
        assert_eq!(
            told(r#"{"choices":[{"message":{"role":"assistant","content":"all"}}]}"#),
            (true, "all".to_owned())
        );
    }

    #[test]
    fn the_usage_message_is_read_in_full_and_the_last_one_alone() {
        let json = br#"{"id":"c","choices":[],"usage":{"prompt_tokens":120,"completion_tokens":9,"total_tokens":129,
            "prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":3,"audio_tokens":1,"text_tokens":120},
            "completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":2,"accepted_prediction_tokens":0}}}"#;
        let chunk = read(json).unwrap().unwrap();
        assert!(chunk.is_usage_only());
        let wanted = [
            (Quantity::InputTokens, 120),
            (Quantity::CachedInputTokens, 64),
            (Quantity::CacheWriteTokens, 3),
            (Quantity::InputAudioTokens, 1),
            (Quantity::OutputTokens, 9),
            (Quantity::ReasoningTokens, 5),
            (Quantity::OutputAudioTokens, 2),
        ];
        let got: Vec<_> =
            chunk.usage().unwrap().quantities().iter().map(|(quantity, m)| (quantity, m.value)).collect();
        assert_eq!(got, wanted);
        let without = br#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":null}"#;
        let chunk = read(without).unwrap().unwrap();
        assert!(!chunk.is_usage_only() && chunk.is_finish() && chunk.usage().is_none());
    }

    #[test]
    fn what_no_message_names_stays_unknown() {
        let ollama = br#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
        let usage = read(ollama).unwrap().unwrap().usage().unwrap().quantities();
        assert_eq!(usage.get(Quantity::CachedInputTokens), None);
        assert_eq!(usage.iter().count(), 2);
        let groq = br#"{"choices":[{"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":7}}}"#;
        let usage = read(groq).unwrap().unwrap().usage().unwrap().quantities();
        assert_eq!(usage.value(Quantity::InputTokens), Some(7));
    }

    #[test]
    fn a_shape_nobody_knows_is_no_error_and_broken_json_is() {
        assert!(read(br#"{"choices":7}"#).unwrap().is_none());
        assert!(read(b"[]").is_ok());
        assert!(read(b"{\"broken").is_err());
        assert!(read(b"{\"choices\":7,\"broken").is_err());
        assert!(read(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_can_make_it_panic(bytes: Vec<u8>) {
            if let Ok(Some(chunk)) = read(&bytes) {
                chunk.tell(&Recorder::default());
            }
        }
    }
}
