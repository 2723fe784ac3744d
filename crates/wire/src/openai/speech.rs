//! `POST /v1/audio/speech`.

use super::{Invalid, object, text};
use serde_json::{Map, Value};

/// A text to speak.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechBody {
    /// The model string.
    pub model: String,
    /// The text.
    pub input: String,
    /// The voice; none is the model's default. (OpenAI requires one; other providers have defaults.)
    pub voice: Option<String>,
    /// The format's name; `mp3` when unset, as the API has it.
    pub response_format: String,
    /// Times the normal speed.
    pub speed: Option<f64>,
    /// How to speak.
    pub instructions: Option<String>,
    /// Whether the answer is server-sent events.
    pub as_events: bool,
    /// Every other key.
    pub rest: Map<String, Value>,
}

impl SpeechBody {
    /// Reads a request.
    ///
    /// # Errors
    /// No JSON object, a missing `model` or `input`, or a value of the wrong type or range.
    pub fn read(bytes: &[u8]) -> Result<SpeechBody, Invalid> {
        let mut body = object(bytes)?;
        let model = text(&mut body, "model")?;
        let input = text(&mut body, "input")?;
        let voice = match body.remove("voice") {
            None | Some(Value::Null) => None,
            Some(Value::String(voice)) => Some(voice).filter(|voice| !voice.is_empty()),
            Some(Value::Object(voice)) => match voice.get("id") {
                Some(Value::String(id)) => Some(id.clone()),
                _ => return Err(Invalid::param("voice", "`voice.id` must be a text")),
            },
            Some(_) => {
                return Err(Invalid::param("voice", "`voice` must be a text or an object with an `id`"));
            }
        };
        let response_format = match body.remove("response_format") {
            None | Some(Value::Null) => "mp3".to_owned(),
            Some(Value::String(format)) => format,
            Some(_) => return Err(Invalid::param("response_format", "`response_format` must be a text")),
        };
        let speed = match body.remove("speed") {
            None | Some(Value::Null) => None,
            Some(speed) => match speed.as_f64() {
                Some(speed) if (0.25..=4.0).contains(&speed) => Some(speed),
                _ => return Err(Invalid::param("speed", "`speed` must be a number from 0.25 to 4")),
            },
        };
        let instructions = match body.remove("instructions") {
            None | Some(Value::Null) => None,
            Some(Value::String(instructions)) => Some(instructions),
            Some(_) => return Err(Invalid::param("instructions", "`instructions` must be a text")),
        };
        let as_events = match body.remove("stream_format") {
            None | Some(Value::Null) => false,
            Some(Value::String(format)) if format == "sse" => true,
            Some(Value::String(format)) if format == "audio" => false,
            Some(_) => {
                return Err(Invalid::param("stream_format", "`stream_format` must be `audio` or `sse`"));
            }
        };
        Ok(SpeechBody { model, input, voice, response_format, speed, instructions, as_events, rest: body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_api() {
        let body = br#"{"model":"openai/tts-1","input":"Hi.","voice":{"id":"v1"},"novelty":1}"#;
        let speech = SpeechBody::read(body).unwrap();
        assert_eq!((speech.response_format.as_str(), speech.voice.as_deref()), ("mp3", Some("v1")));
        assert!(speech.rest.contains_key("novelty"));
    }

    #[test]
    fn a_wrong_value_names_the_parameter() {
        let param = |rest: &str| {
            SpeechBody::read(format!(r#"{{"model":"a/b","input":"x",{rest}}}"#).as_bytes()).unwrap_err().param
        };
        assert_eq!(param(r#""speed":9"#), Some("speed"));
        assert_eq!(param(r#""voice":3"#), Some("voice"));
        assert_eq!(param(r#""stream_format":"x""#), Some("stream_format"));
        assert_eq!(SpeechBody::read(br#"{"model":"a/b"}"#).unwrap_err().param, Some("input"));
    }
}
