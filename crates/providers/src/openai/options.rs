//! What a realtime session is asked for.

use crate::shared::{openai_compat::language_code, query::is_unset};
use serde_json::{Map, Value, json};

/// Samples a second of the socket's audio.
pub(super) const RATE: u32 = 24_000;
/// Models that do not find the end of an utterance themselves.
const WITHOUT_VAD: [&str; 2] = ["gpt-realtime-whisper", "gpt-live-transcribe"];

/// What the session is asked for, by the request's options over those of the owner.
#[derive(Debug)]
pub(super) struct Config {
    pub model: String,
    pub language: Option<String>,
    pub options: Map<String, Value>,
}

impl Config {
    /// The message that sets it.
    pub(super) fn update(&self) -> Value {
        let option = |key: &str| self.options.get(key).filter(|value| !is_unset(value)).cloned();
        let mut transcription = json!({"model": self.model});
        let mut input = json!({"format": {"type": "audio/pcm", "rate": RATE}});
        if let Some(fields) = transcription.as_object_mut() {
            let code = self.language.as_deref().and_then(language_code);
            fields.extend(code.map(|code| ("language".to_owned(), json!(code))));
            for key in ["prompt", "keywords", "languages"] {
                fields.extend(option(key).map(|value| (key.to_owned(), value)));
            }
        }
        if let Some(fields) = input.as_object_mut() {
            fields.insert("transcription".to_owned(), transcription);
            let turns = self.options.get("turn_detection").cloned().unwrap_or_else(|| self.turn_detection());
            fields.insert("turn_detection".to_owned(), turns);
            fields.extend(option("noise_reduction").map(|value| ("noise_reduction".to_owned(), value)));
        }
        let mut session = json!({"type": "transcription", "audio": {"input": input}});
        if let (Some(include), Some(fields)) = (option("include"), session.as_object_mut()) {
            fields.insert("include".to_owned(), include);
        }
        json!({"type": "session.update", "session": session})
    }

    /// How ends of utterances are found: by the server, as LiveKit's plugin asks for it, or by nobody but the caller.
    fn turn_detection(&self) -> Value {
        if WITHOUT_VAD.contains(&self.model.as_str()) {
            return Value::Null;
        }
        json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 600, "silence_duration_ms": 350})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(model: &str, language: Option<&str>, options: Value) -> Value {
        let options = options.as_object().cloned().unwrap_or_default();
        Config { model: model.to_owned(), language: language.map(str::to_owned), options }.update()
    }

    #[test]
    fn a_session_is_asked_for_as_the_plugin_asks() {
        let input = json!({
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-4o-mini-transcribe", "language": "en"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 600, "silence_duration_ms": 350},
        });
        let wanted = json!({"type": "session.update", "session": {"type": "transcription", "audio": {"input": input}}});
        assert_eq!(config("gpt-4o-mini-transcribe", Some("en-US"), Value::Null), wanted);
    }

    #[test]
    fn options_are_put_where_they_belong() {
        let options = json!({"prompt": "names", "keywords": [], "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "semantic_vad"}, "include": ["item.input_audio_transcription.logprobs"], "x": 1});
        let message = config("gpt-4o-transcribe", Some("multi"), options);
        let session = &message["session"];
        assert_eq!(session["include"], json!(["item.input_audio_transcription.logprobs"]));
        let input = &session["audio"]["input"];
        assert_eq!(input["transcription"], json!({"model": "gpt-4o-transcribe", "prompt": "names"}));
        assert_eq!(input["turn_detection"], json!({"type": "semantic_vad"}));
        assert_eq!(input["noise_reduction"], json!({"type": "near_field"}));
        let live = config("gpt-live-transcribe", None, Value::Null);
        assert_eq!(live["session"]["audio"]["input"]["turn_detection"], Value::Null);
    }
}
