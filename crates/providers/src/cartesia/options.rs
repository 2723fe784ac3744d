//! Cartesia's addresses and orders: which model, voice and audio, and the options of the owner and the caller under
//! Cartesia's own names.

use crate::shared::{
    query::{self, Address},
    speech_file::PCM_RATE,
};
use serde_json::{Map, Value, json};
use vg_core::call::{AudioFormat, Endpoint, Failure, ListenRequest};

/// The version of the API spoken: the one of LiveKit's plugin.
pub const VERSION: &str = "2025-04-16";
/// The header that names it.
pub const VERSION_HEADER: &str = "cartesia-version";
/// The header with the key.
pub const KEY_HEADER: &str = "x-api-key";

/// The options of a stream of turns that can change while it goes on.
pub const TURN_OPTIONS: [&str; 4] =
    ["turn_start_threshold", "turn_eager_end_threshold", "turn_end_threshold", "turn_end_timeout_ms"];

/// What is taken when nothing is named: as LiveKit's plugin does.
const TURNS_MODEL: &str = "ink-2";
const PIECES_MODEL: &str = "ink-whisper";
const MODEL: &str = "sonic-3";
const VOICE: &str = "f786b574-daa5-4673-aa0c-cbe3e8534c02";
const LANGUAGE: &str = "en";

/// The rates Cartesia speaks at, in samples per second.
pub const SPOKEN_RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

/// The options that a caller may set. Others are left out: the caller may have meant them for another provider in the
/// same chain. The owner, who names the model with them, may set any.
const SPEECH_OPTIONS: [&str; 10] = [
    "add_phoneme_timestamps",
    "add_timestamps",
    "duration",
    "emotion",
    "generation_config",
    "max_buffer_delay_ms",
    "pronunciation_dict_id",
    "speed",
    "use_normalized_timestamps",
    "volume",
];

/// What no option may say: it is decided by the request itself.
const DECIDED: [&str; 12] = [
    "model_id",
    "model",
    "voice",
    "output_format",
    "language",
    "context_id",
    "transcript",
    "continue",
    "flush",
    "cancel",
    "sample_rate",
    "encoding",
];

/// The address of `path` for a request that is no WebSocket.
pub fn over_http(endpoint: &Endpoint, path: &str) -> String {
    Address::over_http(&address(endpoint, path)).finish()
}

/// The address of `path`.
pub fn address(endpoint: &Endpoint, path: &str) -> String {
    let base = endpoint.base_url.as_deref().unwrap_or("https://api.cartesia.ai");
    format!("{}{path}", base.trim_end_matches('/'))
}

/// How to speak, as every order of a synthesis says it: everything but the text.
pub fn speech(
    endpoint: &Endpoint,
    (voice, language): (Option<&str>, Option<&str>),
    output_format: Value,
    extra: &Map<String, Value>,
) -> Map<String, Value> {
    let model = if endpoint.model.is_empty() { MODEL } else { &endpoint.model };
    let voice = voice.filter(|voice| !voice.is_empty()).or(endpoint.voice.as_deref()).unwrap_or(VOICE);
    let language = language.or(endpoint.language.as_deref()).unwrap_or(LANGUAGE);
    let mut order = Map::new();
    order.insert("model_id".to_owned(), json!(model));
    order.insert("voice".to_owned(), json!({"mode": "id", "id": voice}));
    order.insert("output_format".to_owned(), output_format);
    order.insert("language".to_owned(), json!(base_language(language)));
    let mut options = query::merged([&endpoint.extra, &query::known(extra, &SPEECH_OPTIONS)]);
    options.retain(|name, _| !DECIDED.contains(&name.as_str()));
    if model.starts_with("sonic-3") {
        generation(&mut options);
    }
    order.extend(options);
    order
}

/// Sonic-3 takes speed, volume and emotion as `generation_config`, the speed as a number and one emotion.
fn generation(options: &mut Map<String, Value>) {
    let mut config = Map::new();
    for name in ["speed", "volume", "emotion"] {
        let taken = match options.get(name) {
            Some(Value::Array(several)) => several.first().cloned(),
            // Words for the speed are the older models' option of the same name.
            Some(Value::String(_)) if name == "speed" => None,
            Some(value) => Some(value.clone()),
            None => None,
        };
        if let Some(value) = taken {
            options.remove(name);
            config.insert(name.to_owned(), value);
        }
    }
    if !config.is_empty() {
        options.entry("generation_config").or_insert(Value::Object(config));
    }
}

/// The model that listens to a stream: without a name Ink-2, or Ink-Whisper for a language that Ink-2 lacks.
pub fn listening_model<'a>(endpoint: &'a Endpoint, language: Option<&str>) -> &'a str {
    let language = language.or(endpoint.language.as_deref()).map(base_language);
    match endpoint.model.as_str() {
        "" if language.is_none_or(|language| language == "en") => TURNS_MODEL,
        "" => PIECES_MODEL,
        named => named,
    }
}

/// Whether a model tells turns itself.
pub fn tells_turns(model: &str) -> bool {
    !model.starts_with(PIECES_MODEL)
}

/// The model that listens to recordings.
pub fn recording_model(endpoint: &Endpoint) -> &str {
    if endpoint.model.is_empty() { PIECES_MODEL } else { &endpoint.model }
}

/// The address of a stream of turns.
pub fn listen_to_turns(endpoint: &Endpoint, request: &ListenRequest) -> String {
    let address = listening_address(endpoint, request, "/stt/turns/websocket");
    with_options(address, endpoint, request, |name| name == "keyterm" || TURN_OPTIONS.contains(&name))
}

/// The address of a stream of pieces.
pub fn listen(endpoint: &Endpoint, request: &ListenRequest) -> String {
    let mut address = listening_address(endpoint, request, "/stt/websocket");
    let language = request.language.as_deref().or(endpoint.language.as_deref());
    if let Some(language) = language.filter(|language| *language != "multi") {
        address.add("language", base_language(language));
    }
    with_options(address, endpoint, request, |name| {
        matches!(name, "min_volume" | "max_silence_duration_secs" | "keyterm")
    })
}

fn listening_address(endpoint: &Endpoint, request: &ListenRequest, path: &str) -> Address {
    let mut address = Address::new(&self::address(endpoint, path));
    address.add("model", listening_model(endpoint, request.language.as_deref()));
    address.add("encoding", "pcm_s16le");
    address.add("sample_rate", &request.sample_rate.to_string());
    address
}

/// The options of the owner and the caller that the endpoint knows.
fn with_options(
    mut address: Address,
    endpoint: &Endpoint,
    request: &ListenRequest,
    is_known: impl Fn(&str) -> bool,
) -> String {
    let options = query::merged([&endpoint.extra, &request.extra]);
    for (name, value) in options.iter().filter(|(name, _)| is_known(name)) {
        address.add_option(name, value);
    }
    address.finish()
}

/// Raw audio at `sample_rate`, one of [`SPOKEN_RATES`].
pub fn raw(sample_rate: u32) -> Value {
    json!({"container": "raw", "encoding": "pcm_s16le", "sample_rate": sample_rate})
}

/// A file in that format.
///
/// # Errors
/// When Cartesia does not make such files.
pub fn file(format: AudioFormat) -> Result<Value, Failure> {
    match format {
        AudioFormat::Mp3 => Ok(json!({"container": "mp3", "sample_rate": 44_100, "bit_rate": 128_000})),
        AudioFormat::Wav => Ok(json!({"container": "wav", "encoding": "pcm_s16le", "sample_rate": PCM_RATE})),
        AudioFormat::Pcm => Ok(raw(PCM_RATE)),
        AudioFormat::Opus | AudioFormat::Aac | AudioFormat::Flac => Err(Failure::unsupported(format!(
            "Cartesia makes `mp3`, `wav` and `pcm`, not `{}`",
            format.as_str()
        ))),
    }
}

/// The language without its region: Cartesia takes ISO 639-1.
pub fn base_language(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}
