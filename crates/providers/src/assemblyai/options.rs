//! AssemblyAI's addresses: which model, which audio, and the options of the owner and the caller under AssemblyAI's
//! own names.

use crate::shared::query::{self, Address};
use serde_json::{Map, Value, json};
use vg_core::call::{Endpoint, ListenRequest, TranscribeRequest};

/// The model when none is named: that of LiveKit's plugin.
pub const MODEL: &str = "universal-3-6-pro";
const STREAMING: &str = "wss://streaming.assemblyai.com";

/// What no option may say: it is decided by the request itself.
const DECIDED: [&str; 4] = ["encoding", "sample_rate", "speech_model", "token"];
/// The options that a caller may set. Others are left out: the caller may have meant them for another provider in the
/// same chain. The owner, who names the model with them, may set any.
const LISTEN_OPTIONS: [&str; 22] = [
    "agent_context",
    "continuous_partials",
    "domain",
    "end_of_turn_confidence_threshold",
    "format_turns",
    "inactivity_timeout",
    "interruption_delay",
    "keyterms_prompt",
    "language_codes",
    "language_detection",
    "max_speakers",
    "max_turn_silence",
    "min_end_of_turn_silence_when_confident",
    "min_turn_silence",
    "mode",
    "previous_context_n_turns",
    "prompt",
    "speaker_labels",
    "vad_threshold",
    "voice_focus",
    "voice_focus_threshold",
    "include_partial_turns",
];
/// Those that can change in mid-stream.
const CHANGING: [&str; 9] = [
    "agent_context",
    "continuous_partials",
    "end_of_turn_confidence_threshold",
    "interruption_delay",
    "keyterms_prompt",
    "language_codes",
    "max_turn_silence",
    "min_turn_silence",
    "prompt",
];
/// The options of a recording that a form may have.
const RECORDING_OPTIONS: [&str; 10] = [
    "disfluencies",
    "filter_profanity",
    "format_text",
    "keyterms_prompt",
    "language_detection",
    "multichannel",
    "prompt",
    "punctuate",
    "speaker_labels",
    "speakers_expected",
];

/// Whether a model is of the family that takes languages, prompts and modes.
fn is_universal_3(model: &str) -> bool {
    model.starts_with("universal-3") || model.starts_with("u3")
}

/// The model as the API calls it. LiveKit's names for the two streaming models leave the language to a parameter, and
/// its plugin replaces the oldest name of the third generation.
pub fn model<'a>(named: &'a str, language: Option<&str>) -> &'a str {
    match named {
        "" | "u3-pro" => MODEL,
        "universal-streaming" if language.is_none_or(|language| language.starts_with("en")) => {
            "universal-streaming-english"
        }
        "universal-streaming" => "universal-streaming-multilingual",
        other => other,
    }
}

/// What the stream's options are by now.
pub fn listening(endpoint: &Endpoint, request: &ListenRequest) -> Map<String, Value> {
    let language = request.language.as_deref().or(endpoint.language.as_deref());
    let model = model(&endpoint.model, language);
    let mut options = query::merged([&endpoint.extra, &query::known(&request.extra, &LISTEN_OPTIONS)]);
    if let Some(silence) = options.remove("min_end_of_turn_silence_when_confident") {
        options.entry("min_turn_silence").or_insert(silence); // its name until 2026
    }
    options.retain(|name, _| !DECIDED.contains(&name.as_str()));
    let is_universal_3 = is_universal_3(model);
    if is_universal_3 {
        if let Some(code) = language.and_then(|language| language.split('-').next()) {
            options.entry("language_codes").or_insert_with(|| json!([code]));
        }
        // The pauses LiveKit's plugin asks for, unless a preset of the server's is to decide.
        if !options.contains_key("mode") {
            let shortest = options.entry("min_turn_silence").or_insert_with(|| json!(100)).clone();
            options.entry("max_turn_silence").or_insert(shortest);
        }
    }
    let detects = is_universal_3 || model.contains("multilingual");
    options.entry("language_detection").or_insert_with(|| json!(detects));
    options
}

/// The address of a streaming session.
pub fn listen(endpoint: &Endpoint, request: &ListenRequest) -> String {
    let base = endpoint.base_url.as_deref().unwrap_or(STREAMING).trim_end_matches('/');
    let language = request.language.as_deref().or(endpoint.language.as_deref());
    let mut address = Address::new(&format!("{base}/v3/ws"));
    address.add("sample_rate", &request.sample_rate.to_string());
    address.add("encoding", "pcm_s16le");
    address.add("speech_model", model(&endpoint.model, language));
    for (name, value) in listening(endpoint, request) {
        match value {
            // Lists are written as JSON.
            Value::Array(_) | Value::Object(_) => address.add(&name, &value.to_string()),
            value => address.add_option(&name, &value),
        }
    }
    address.finish()
}

/// The message that changes what can change in mid-stream; none when there is nothing of it.
pub fn update(language: Option<&str>, extra: &Map<String, Value>) -> Option<String> {
    let mut message = query::known(extra, &CHANGING);
    if let Some(code) = language.and_then(|language| language.split('-').next()) {
        message.entry("language_codes").or_insert_with(|| json!([code]));
    }
    if message.is_empty() {
        return None;
    }
    message.insert("type".to_owned(), json!("UpdateConfiguration"));
    Some(Value::Object(message).to_string())
}

/// The address of an operation on recordings: at the host of the streaming one's region, or wherever the owner said.
pub fn recordings(endpoint: &Endpoint, path: &str) -> String {
    let base = endpoint.base_url.as_deref().unwrap_or(STREAMING).trim_end_matches('/');
    let base = Address::over_http(base).finish();
    let base = base.replacen("//streaming.", "//api.", 1);
    format!("{base}/v2/{path}")
}

/// What a transcript of the recording at `audio_url` is asked for with.
pub fn transcript(endpoint: &Endpoint, request: &TranscribeRequest, audio_url: &str) -> Value {
    let mut body = query::merged([&endpoint.extra]);
    body.retain(|name, _| !DECIDED.contains(&name.as_str()));
    for (name, value) in request.fields.iter().filter(|(name, _)| RECORDING_OPTIONS.contains(&name.as_str()))
    {
        // A form has texts only; numbers and booleans among them are meant as such.
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        body.insert(name.clone(), value);
    }
    let language = request.language.as_deref().or(endpoint.language.as_deref());
    match language.filter(|language| *language != "multi") {
        Some(language) => {
            body.insert("language_code".to_owned(), json!(language.replace('-', "_").to_lowercase()))
        }
        None => Some(body.entry("language_detection").or_insert(json!(true)).clone()),
    };
    body.insert("speech_models".to_owned(), json!([model(&endpoint.model, language)]));
    body.insert("audio_url".to_owned(), json!(audio_url));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(model: &str, base_url: Option<&str>, extra: Value) -> Endpoint {
        Endpoint {
            model: model.to_owned(),
            api_key: None,
            base_url: base_url.map(str::to_owned),
            language: None,
            voice: None,
            extra: extra.as_object().cloned().unwrap_or_default(),
        }
    }

    fn request(language: Option<&str>, extra: Value) -> ListenRequest {
        let extra = extra.as_object().cloned().unwrap_or_default();
        ListenRequest { sample_rate: 16_000, language: language.map(str::to_owned), extra }
    }

    #[test]
    fn a_session_is_asked_for_as_the_plugin_asks() {
        let address = listen(&endpoint("", None, Value::Null), &request(None, Value::Null));
        assert_eq!(
            address,
            "wss://streaming.assemblyai.com/v3/ws?sample_rate=16000&encoding=pcm_s16le&speech_model=universal-3-6-pro\
             &min_turn_silence=100&max_turn_silence=100&language_detection=true"
        );
    }

    #[test]
    fn options_go_by_their_names_and_lists_are_json() {
        let own = endpoint(
            "universal-3-5-pro",
            Some("http://h/"),
            json!({"mode": "balanced", "speech_model": "x"}),
        );
        let asked = request(Some("de-DE"), json!({"keyterms_prompt": ["tea, hot"], "smart_format": true}));
        let address = listen(&own, &asked);
        assert_eq!(
            address,
            "http://h/v3/ws?sample_rate=16000&encoding=pcm_s16le&speech_model=universal-3-5-pro&mode=balanced\
             &keyterms_prompt=%5B%22tea%2C%20hot%22%5D&language_codes=%5B%22de%22%5D&language_detection=true"
        );
    }

    #[test]
    fn the_streaming_models_go_by_their_language() {
        assert_eq!(model("universal-streaming", None), "universal-streaming-english");
        assert_eq!(model("universal-streaming", Some("es")), "universal-streaming-multilingual");
        assert_eq!(model("universal-2", Some("es")), "universal-2");
        let address =
            listen(&endpoint("universal-streaming", None, Value::Null), &request(Some("en"), Value::Null));
        assert!(
            address.ends_with("speech_model=universal-streaming-english&language_detection=false"),
            "{address}"
        );
    }

    #[test]
    fn recordings_go_to_the_same_region() {
        for (base, wanted) in [
            (None, "https://api.assemblyai.com/v2/upload"),
            (Some("wss://streaming.eu.assemblyai.com"), "https://api.eu.assemblyai.com/v2/upload"),
            (Some("http://127.0.0.1:1/assemblyai"), "http://127.0.0.1:1/assemblyai/v2/upload"),
        ] {
            assert_eq!(recordings(&endpoint("", base, Value::Null), "upload"), wanted);
        }
    }

    #[test]
    fn only_what_can_change_is_sent_in_mid_stream() {
        let extra = json!({"keyterms_prompt": [], "format_turns": true});
        let sent: Value =
            serde_json::from_str(&update(Some("es"), extra.as_object().unwrap()).unwrap()).unwrap();
        assert_eq!(
            sent,
            json!({"type": "UpdateConfiguration", "keyterms_prompt": [], "language_codes": ["es"]})
        );
        assert_eq!(update(None, json!({"format_turns": true}).as_object().unwrap()), None);
    }
}
