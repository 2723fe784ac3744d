//! `/tts`: the messages of a speaking socket.

use super::{
    Connection, Fallback, Unreadable,
    input::{self, Fallbacks, Rate, chosen, or_default},
    output::{self, finite},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What a client says.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// The first message: what holds unless a packet says otherwise.
    Create(Box<Create>),
    /// A text to speak, and how.
    Text(Box<Packet>),
    /// The synthesis is complete.
    Flush,
    /// The client is done. (In Node's schema; no client sends it.)
    Close,
    /// A message of another kind, to be ignored.
    Unknown,
}

/// `session.create`.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// Samples per second, for the life of the socket.
    pub sample_rate: u32,
    /// What packets leave out.
    pub voicing: Voicing,
    /// The provider's own options; each packet brings its own.
    pub extra: Map<String, Value>,
    /// What to fall back on, in order; `None` leaves it to the configuration.
    pub fallbacks: Option<Vec<Fallback>>,
    /// How patient the client is.
    pub connection: Connection,
}

/// Which voice speaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Voicing {
    /// The model string, perhaps with `:voice`.
    pub model: Option<String>,
    /// The voice.
    pub voice: Option<String>,
    /// BCP-47.
    pub language: Option<String>,
}

impl Voicing {
    /// What a packet says, filled up with what the socket began with.
    #[must_use]
    pub fn or(self, defaults: &Voicing) -> Voicing {
        Voicing {
            model: self.model.or_else(|| defaults.model.clone()),
            voice: self.voice.or_else(|| defaults.voice.clone()),
            language: self.language.or_else(|| defaults.language.clone()),
        }
    }
}

/// `input_transcript`.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// The text, with the blank that separates it from the next.
    pub text: String,
    /// What must speak it.
    pub voicing: Voicing,
    /// The provider's own options; `None` when the packet says nothing about them.
    pub extra: Option<Map<String, Value>>,
}

/// All members of all messages.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    sample_rate: Option<Rate>,
    #[serde(default, borrow)]
    encoding: Option<Cow<'a, str>>,
    #[serde(default)]
    transcript: Option<String>,
    #[serde(default, borrow)]
    generation_config: Option<VoicingFrame<'a>>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    voice: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    language: Option<Cow<'a, str>>,
    #[serde(default)]
    extra: Option<Map<String, Value>>,
    #[serde(default)]
    fallback: Option<Fallbacks>,
    #[serde(default, deserialize_with = "or_default")]
    connection: Connection,
}

#[derive(Default, Deserialize)]
struct VoicingFrame<'a> {
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    voice: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    language: Option<Cow<'a, str>>,
}

impl VoicingFrame<'_> {
    fn voicing(self) -> Voicing {
        Voicing { model: chosen(self.model), voice: chosen(self.voice), language: chosen(self.language) }
    }
}

impl ClientMessage {
    /// Reads a text frame.
    ///
    /// # Errors
    /// No JSON, or a member of the wrong type.
    pub fn read(text: &str) -> Result<ClientMessage, Unreadable> {
        let frame: Frame<'_> = serde_json::from_str(text)
            .map_err(|error| Unreadable(format!("the message is wrong: {error}")))?;
        Ok(match &*frame.kind {
            "session.create" => {
                input::check_encoding(frame.encoding.as_deref())?;
                let voicing =
                    VoicingFrame { model: frame.model, voice: frame.voice, language: frame.language };
                ClientMessage::Create(Box::new(Create {
                    sample_rate: frame.sample_rate.map_or(24_000, |Rate(rate)| rate),
                    voicing: voicing.voicing(),
                    extra: frame.extra.unwrap_or_default(),
                    fallbacks: frame.fallback.map(|fallback| fallback.models),
                    connection: frame.connection,
                }))
            }
            "input_transcript" => ClientMessage::Text(Box::new(Packet {
                text: frame.transcript.unwrap_or_default(),
                voicing: frame.generation_config.unwrap_or_default().voicing(),
                extra: frame.extra,
            })),
            "session.flush" => ClientMessage::Flush,
            "session.close" => ClientMessage::Close,
            _ => ClientMessage::Unknown,
        })
    }
}

/// What the server says. Every message names the socket: a client opens its audio with the first that does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum ServerMessage<'a> {
    /// The socket is ready.
    #[serde(rename = "session.created")]
    Created {
        /// The socket's id.
        session_id: &'a str,
    },
    /// Audio: base64 of 16-bit little-endian PCM.
    #[serde(rename = "output_audio")]
    Audio {
        /// The audio.
        audio: &'a str,
        /// The socket's id.
        session_id: &'a str,
    },
    /// When words are spoken, in seconds from the start of the synthesis.
    #[serde(rename = "output_alignment")]
    Words {
        /// The socket's id.
        session_id: &'a str,
        /// The words.
        words: Vec<Word<'a>>,
    },
    /// When characters are spoken, likewise.
    #[serde(rename = "output_alignment")]
    Characters {
        /// The socket's id.
        session_id: &'a str,
        /// The characters.
        chars: Vec<Character<'a>>,
    },
    /// All audio up to a `session.flush` was sent. Exactly one for each.
    #[serde(rename = "done")]
    Done {
        /// The socket's id.
        session_id: &'a str,
    },
    /// Nothing; clients skip what they do not know, and see that the server lives.
    #[serde(rename = "keepalive")]
    Keepalive {
        /// The socket's id.
        session_id: &'a str,
    },
    /// The synthesis failed.
    #[serde(rename = "error")]
    Error {
        /// What happened.
        message: &'a str,
        /// An HTTP status.
        code: u16,
        /// The socket's id.
        session_id: &'a str,
    },
}

/// A word with its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word<'a> {
    /// The word; see [`separates_words`].
    pub word: Cow<'a, str>,
    /// Where it begins.
    #[serde(serialize_with = "finite")]
    pub start: f64,
    /// Where it ends.
    #[serde(serialize_with = "finite")]
    pub end: f64,
}

/// A character with its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Character<'a> {
    /// The character.
    pub char: &'a str,
    /// Where it begins.
    #[serde(serialize_with = "finite")]
    pub start: f64,
    /// Where it ends.
    #[serde(serialize_with = "finite")]
    pub end: f64,
}

/// Whether clients put a blank after each word of this model themselves. For every other one they join the words as
/// they come, so a word must bring its own.
pub fn separates_words(model: &str) -> bool {
    model.split('/').next() == Some("cartesia")
}

/// Whether the client of this model reads alignments, given its options.
pub fn wants_alignment(model: &str, extra: &Map<String, Value>) -> bool {
    let is_on = |key: &str| extra.get(key).is_some_and(is_truthy);
    match model.split(['/', ':']).next().unwrap_or_default() {
        "cartesia" => is_on("add_timestamps"),
        "inworld" => {
            matches!(extra.get("timestamp_type").and_then(Value::as_str), Some("WORD" | "CHARACTER"))
        }
        "elevenlabs" => is_on("sync_alignment"),
        "assemblyai" => extra.get("word_timestamps") != Some(&Value::Bool(false)),
        _ => false,
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

impl ServerMessage<'_> {
    /// The text frame.
    pub fn text(&self) -> String {
        output::text(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> ClientMessage {
        ClientMessage::read(text).unwrap()
    }

    #[test]
    fn what_both_clients_send_is_read() {
        let python = r#"{"type":"session.create","sample_rate":"24000","encoding":"pcm_s16le","extra":
            {"add_timestamps":true},"voice":"voice-abc","model":"cartesia/sonic-3","language":"en","fallback":
            {"models":[{"model":"rime/coda","voice":"","extra":{}},{"model":"deepgram/aura-2","voice":"x"}]},
            "connection":{"timeout":10,"retries":3}}"#;
        let ClientMessage::Create(create) = read(python) else { panic!("not read") };
        assert_eq!((create.sample_rate, create.voicing.voice.as_deref()), (24_000, Some("voice-abc")));
        let fallbacks = create.fallbacks.unwrap();
        assert_eq!((fallbacks[0].voice.as_str(), fallbacks[1].voice.as_str()), ("", "x"));
        let packet = r#"{"type":"input_transcript","transcript":"Hi. ","generation_config":
            {"voice":"voice-xyz","model":"cartesia/sonic-2:foo"},"extra":{"speed":"fast"}}"#;
        let ClientMessage::Text(packet) = read(packet) else { panic!("not read") };
        assert_eq!((packet.text.as_str(), &packet.extra.unwrap()["speed"]), ("Hi. ", &json!("fast")));
        let voicing = packet.voicing.or(&create.voicing);
        assert_eq!(voicing.model.as_deref(), Some("cartesia/sonic-2:foo"));
        assert_eq!((voicing.voice.as_deref(), voicing.language.as_deref()), (Some("voice-xyz"), Some("en")));
        assert_eq!(read(r#"{"type":"session.flush"}"#), ClientMessage::Flush);
        assert_eq!(read(r#"{"type":"x"}"#), ClientMessage::Unknown);
    }

    #[test]
    fn only_cartesia_clients_put_blanks_between_words() {
        assert!(separates_words("cartesia/sonic-3") && separates_words("cartesia"));
        assert!(!separates_words("inworld/inworld-tts-2"));
    }

    #[test]
    fn alignment_is_sent_to_clients_that_asked_for_it() {
        let extra = |value: Value| value.as_object().cloned().unwrap();
        for (model, options, wanted) in [
            ("cartesia/sonic-3", json!({"add_timestamps": true}), true),
            ("cartesia", json!({"add_timestamps": true}), true),
            ("cartesia/sonic-3", json!({}), false),
            ("cartesia/sonic-3", json!({"add_timestamps": false}), false),
            ("inworld/inworld-tts-2", json!({"timestamp_type": "WORD"}), true),
            ("assemblyai/x", json!({}), true),
            ("assemblyai/x", json!({"word_timestamps": false}), false),
            ("deepgram/aura-2", json!({"add_timestamps": true}), false),
        ] {
            assert_eq!(wants_alignment(model, &extra(options)), wanted, "{model}");
        }
    }

    proptest! {
        #[test]
        fn no_message_holds_a_null((start, end) in (any::<f64>(), any::<f64>()), text in ".*") {
            let word = Word { word: Cow::Borrowed(&text), start, end };
            for message in [
                ServerMessage::Words { session_id: "s", words: vec![word] },
                ServerMessage::Characters { session_id: "s", chars: vec![Character { char: &text, start, end }] },
                ServerMessage::Error { message: &text, code: 500, session_id: "s" },
                ServerMessage::Audio { audio: "AAA=", session_id: "s" },
                ServerMessage::Done { session_id: "s" },
                ServerMessage::Keepalive { session_id: "s" },
            ] {
                let written = message.text();
                let value: Value = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(&value["session_id"], &json!("s"));
                prop_assert!(text.contains("null") || !written.contains("null"));
            }
        }

        #[test]
        fn nothing_a_client_sends_panics(text in ".*") {
            drop(ClientMessage::read(&text));
        }
    }
}
