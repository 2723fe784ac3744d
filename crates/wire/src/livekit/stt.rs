//! `/stt`: the messages of a hearing socket.

use super::{
    Connection, Fallback, Unreadable,
    input::{self, Fallbacks, Rate, chosen, or_default},
    output::{self, finite, finite_if_any},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// What a client says.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage<'a> {
    /// The first message: what is to be heard, and how.
    Create(Box<Create>),
    /// Audio, in base64.
    Audio(Cow<'a, str>),
    /// Other options from now on.
    Update(Update),
    /// Transcribe what came so far.
    Finalize,
    /// The client is done.
    Close,
    /// A message of another kind, to be ignored.
    Unknown,
}

/// `session.create`.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// The model string; none is the project's default.
    pub model: Option<String>,
    /// Samples per second.
    pub sample_rate: u32,
    /// BCP-47, or `multi`.
    pub language: Option<String>,
    /// The provider's own options.
    pub extra: Map<String, Value>,
    /// What to fall back on, in order; `None` leaves it to the configuration.
    pub fallbacks: Option<Vec<Fallback>>,
    /// How patient the client is.
    pub connection: Connection,
}

/// `session.update`. Its `model` is not read: a stream stays with its provider.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Update {
    /// The new language.
    pub language: Option<String>,
    /// Options to merge, key by key.
    pub extra: Map<String, Value>,
}

/// All members of all messages: the type may come last, and audio must not be copied to find it.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    audio: Option<Borrowed<'a>>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    settings: Option<Settings<'a>>,
    #[serde(default)]
    fallback: Option<Fallbacks>,
    #[serde(default, deserialize_with = "or_default")]
    connection: Connection,
}

/// Text that is not copied. In an `Option`, `Cow` alone would be.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default, Deserialize)]
struct Settings<'a> {
    #[serde(default)]
    sample_rate: Option<Rate>,
    #[serde(default, borrow)]
    encoding: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    language: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "or_default")]
    extra: Map<String, Value>,
}

impl<'a> ClientMessage<'a> {
    /// Reads a text frame.
    ///
    /// # Errors
    /// No JSON, or a member of the wrong type.
    pub fn read(text: &'a str) -> Result<ClientMessage<'a>, Unreadable> {
        let frame: Frame<'a> = serde_json::from_str(text)
            .map_err(|error| Unreadable(format!("the message is wrong: {error}")))?;
        let settings = frame.settings.unwrap_or_default();
        Ok(match &*frame.kind {
            "input_audio" => match frame.audio {
                Some(Borrowed(audio)) => ClientMessage::Audio(audio),
                None => return Err(Unreadable("`input_audio` has no `audio`".to_owned())),
            },
            "session.create" => {
                input::check_encoding(settings.encoding.as_deref())?;
                ClientMessage::Create(Box::new(Create {
                    model: chosen(frame.model),
                    sample_rate: settings.sample_rate.map_or(16_000, |Rate(rate)| rate),
                    language: chosen(settings.language),
                    extra: settings.extra,
                    fallbacks: frame.fallback.map(|fallback| fallback.models),
                    connection: frame.connection,
                }))
            }
            "session.update" => {
                ClientMessage::Update(Update { language: chosen(settings.language), extra: settings.extra })
            }
            "session.finalize" => ClientMessage::Finalize,
            "session.close" => ClientMessage::Close,
            _ => ClientMessage::Unknown,
        })
    }
}

/// Whether clients of this model (of `session.create`) send `session.finalize` in mid-stream, at each pause they
/// hear themselves, so that it does not end the stream.
pub fn finalizes_in_mid_stream(model: &str) -> bool {
    let (provider, rest) = model.split_once('/').unwrap_or((model, ""));
    match provider {
        "openai" => true,
        "speechmatics" => rest.split(':').next() != Some("linden-1"),
        _ => false,
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum ServerMessage<'a> {
    /// The stream is open.
    #[serde(rename = "session.created")]
    Created {
        /// The socket's id.
        session_id: &'a str,
    },
    /// Speech began.
    #[serde(rename = "start_of_speech")]
    SpeechStarted {
        /// The socket's id.
        session_id: &'a str,
    },
    /// The hypothesis so far.
    #[serde(rename = "interim_transcript")]
    Interim(Transcript<'a>),
    /// The utterance has probably ended.
    #[serde(rename = "preflight_transcript")]
    Preflight(Transcript<'a>),
    /// The utterance ended.
    #[serde(rename = "final_transcript")]
    Final(Transcript<'a>),
    /// Everything before a `session.finalize` was transcribed.
    #[serde(rename = "session.finalized")]
    Finalized {
        /// The socket's id.
        session_id: &'a str,
    },
    /// Nothing more comes: before the end of the input, clients take it for a failure.
    #[serde(rename = "session.closed")]
    Closed {
        /// The socket's id.
        session_id: &'a str,
    },
    /// The stream failed.
    #[serde(rename = "error")]
    Error {
        /// What happened.
        message: &'a str,
        /// An HTTP status, or 2007 for a socket that was silent for too long.
        code: u16,
        /// The socket's id.
        session_id: &'a str,
    },
}

/// A transcript. Times are seconds from the first sample of the socket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transcript<'a> {
    /// The socket's id.
    pub session_id: &'a str,
    /// The request, as the ledger names it.
    pub request_id: &'a str,
    /// The text.
    pub transcript: &'a str,
    /// The language, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
    /// Where it begins.
    #[serde(serialize_with = "finite")]
    pub start: f64,
    /// How long it is.
    #[serde(serialize_with = "finite")]
    pub duration: f64,
    /// From 0 to 1, if known.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "finite_if_any")]
    pub confidence: Option<f64>,
    /// The words.
    pub words: Vec<Word<'a>>,
    /// Who spoke: a text, even where the provider counts speakers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker_id: Option<&'a str>,
}

/// A word of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word<'a> {
    /// The word.
    pub word: &'a str,
    /// Where it begins.
    #[serde(serialize_with = "finite")]
    pub start: f64,
    /// Where it ends.
    #[serde(serialize_with = "finite")]
    pub end: f64,
    /// From 0 to 1, if known.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "finite_if_any")]
    pub confidence: Option<f64>,
    /// Who spoke it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker_id: Option<&'a str>,
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

    #[test]
    fn what_both_clients_send_is_read() {
        let python = r#"{"settings":{"sample_rate":"16000","encoding":"pcm_s16le","extra":{"keyterm":["foo"],
            "smart_format":true},"language":"en"},"model":"deepgram/nova-3","fallback":{"models":[{"model":
            "cartesia/ink-whisper","extra":null},{"model":"assemblyai/universal-streaming","extra":{"format_turns":
            true}}]},"connection":{"timeout":10.0,"retries":3},"type":"session.create"}"#;
        let Ok(ClientMessage::Create(create)) = ClientMessage::read(python) else { panic!("not read") };
        assert_eq!((create.model.as_deref(), create.sample_rate), (Some("deepgram/nova-3"), 16_000));
        assert_eq!(create.language.as_deref(), Some("en"));
        let fallbacks = create.fallbacks.unwrap();
        assert_eq!((fallbacks[0].model.as_str(), fallbacks[0].extra.len()), ("cartesia/ink-whisper", 0));
        assert_eq!(fallbacks[1].extra["format_turns"], true);
        assert_eq!(create.connection, Connection { timeout: Some(10.0), retries: Some(3) });
    }

    #[test]
    fn what_is_left_to_the_server_is_none() {
        for model in
            [r#""model":"auto","#, r#""model":"NOT_GIVEN","#, r#""model":null,"#, r#""model":"","#, ""]
        {
            let text = format!(
                r#"{{"type":"session.create",{model}"settings":{{"sample_rate":24000,"extra":null,"language":null}},
                "fallback":null,"connection":null,"novelty":[1]}}"#
            );
            let Ok(ClientMessage::Create(create)) = ClientMessage::read(&text) else { panic!("not read") };
            assert_eq!((create.model, create.language, create.sample_rate), (None, None, 24_000));
            assert_eq!((create.fallbacks, create.connection), (None, Connection::default()));
        }
    }

    #[test]
    fn the_rest_of_the_messages_is_read_in_any_order_of_keys() {
        let read = |text: &'static str| ClientMessage::read(text).unwrap();
        let audio = read(r#"{"audio":"AAA=","type":"input_audio"}"#);
        assert!(matches!(audio, ClientMessage::Audio(Cow::Borrowed("AAA="))), "{audio:?}");
        assert_eq!(read(r#"{"type":"session.finalize"}"#), ClientMessage::Finalize);
        assert_eq!(read(r#"{"type":"session.close"}"#), ClientMessage::Close);
        assert_eq!(read(r#"{"type":"session.novelty","x":null}"#), ClientMessage::Unknown);
        let update =
            r#"{"type":"session.update","settings":{"model":"cartesia/ink-2","extra":{"endpointing":100}}}"#;
        let ClientMessage::Update(update) = read(update) else { panic!("not read") };
        assert_eq!((update.language, &update.extra["endpointing"]), (None, &Value::from(100)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| ClientMessage::read(text).unwrap_err().0;
        assert!(wrong("{").contains("wrong"));
        assert!(wrong(r#"{"type":"input_audio"}"#).contains("`audio`"));
        assert!(wrong(r#"{"type":"session.create","settings":{"encoding":"opus"}}"#).contains("pcm_s16le"));
        for rate in [r#""fast""#, "0", "4294983296", "1e9", "-1", "16000.5"] {
            let text = format!(r#"{{"type":"session.create","settings":{{"sample_rate":{rate}}}}}"#);
            assert!(wrong(&text).contains("sample rate"), "{rate}");
        }
    }

    #[test]
    fn only_models_whose_clients_listen_themselves_finalize_in_mid_stream() {
        for model in
            ["openai", "openai/gpt-live-transcribe", "speechmatics/enhanced", "speechmatics/standard:de"]
        {
            assert!(finalizes_in_mid_stream(model), "{model}");
        }
        for model in
            ["deepgram/nova-3", "speechmatics/linden-1", "speechmatics/linden-1:en", "cartesia", "auto"]
        {
            assert!(!finalizes_in_mid_stream(model), "{model}");
        }
    }

    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(items) => items.iter().any(has_null),
            Value::Object(members) => members.values().any(has_null),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn no_message_holds_a_null(
            (start, duration) in (any::<f64>(), any::<f64>()),
            confidence in proptest::option::of(any::<f64>()),
            text in ".*",
            name in proptest::option::of(".*"),
        ) {
            let word = Word { word: &text, start, end: duration, confidence, speaker_id: name.as_deref() };
            let transcript = Transcript {
                session_id: "s",
                request_id: "r",
                transcript: &text,
                language: name.as_deref(),
                start,
                duration,
                confidence,
                words: vec![word],
                speaker_id: name.as_deref(),
            };
            for message in [
                ServerMessage::Interim(transcript.clone()),
                ServerMessage::Preflight(transcript.clone()),
                ServerMessage::Final(transcript),
                ServerMessage::Error { message: &text, code: 500, session_id: "s" },
            ] {
                let value: Value = serde_json::from_str(&message.text()).unwrap();
                prop_assert!(!has_null(&value));
                prop_assert!(value["type"].is_string());
            }
        }

        #[test]
        fn nothing_a_client_sends_panics(text in ".*") {
            drop(ClientMessage::read(&text));
        }
    }
}
