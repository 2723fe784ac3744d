//! Deepgram's addresses: which model, which audio, and the options of the owner and the caller under Deepgram's
//! own names.

use crate::shared::{
    query::{self, Address},
    speaking::made_rate,
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use vg_core::call::{
    AudioFormat, Endpoint, ListenRequest, SpeakRequest, SynthesizeRequest, TranscribeRequest,
};

/// The models taken when none is named: those of LiveKit's plugin.
const LISTEN_MODEL: &str = "nova-3";
const VOICE: &str = "aura-2-andromeda-en";
/// The first generation's, which is the API's own default.
const FIRST_VOICE: &str = "aura-asteria-en";

/// What no option may say: it is decided by the request itself, or would send results elsewhere.
const DECIDED: [&str; 12] = [
    "model",
    "encoding",
    "sample_rate",
    "channels",
    "multichannel",
    "container",
    "callback",
    "callback_method",
    "token",
    "access_token",
    "url",
    "bit_rate",
];

/// The options that a caller may set. Others are left out: the caller may have meant them for another provider in the
/// same chain. The owner, who names the model with them, may set any.
const LISTEN_OPTIONS: [&str; 25] = [
    "detect_entities",
    "diarize",
    "diarize_model",
    "dictation",
    "endpointing",
    "extra",
    "filler_words",
    "interim_results",
    "keyterm",
    "keywords",
    "language_hint",
    "mip_opt_out",
    "no_delay",
    "numerals",
    "profanity_filter",
    "punctuate",
    "redact",
    "replace",
    "search",
    "smart_format",
    "tag",
    "utterance_end",
    "utterance_end_ms",
    "vad_events",
    "version",
];
const TURN_OPTIONS: [&str; 10] = [
    "eager_eot_threshold",
    "eot_threshold",
    "eot_timeout_ms",
    "keyterm",
    "language_hint",
    "mip_opt_out",
    "numerals",
    "profanity_filter",
    "redact",
    "tag",
];
const SPEAK_OPTIONS: [&str; 3] = ["mip_opt_out", "speed", "tag"];
/// The options of a recording that a form may have.
const RECORDING_OPTIONS: [&str; 14] = [
    "detect_language",
    "diarize",
    "dictation",
    "filler_words",
    "keyterm",
    "keywords",
    "measurements",
    "mip_opt_out",
    "numerals",
    "paragraphs",
    "profanity_filter",
    "punctuate",
    "redact",
    "smart_format",
];

/// Whether a model belongs to the second version of the API, which tells turns itself.
pub fn is_flux(model: &str) -> bool {
    model.starts_with("flux")
}

fn model(endpoint: &Endpoint) -> &str {
    if endpoint.model.is_empty() { LISTEN_MODEL } else { &endpoint.model }
}

fn base<'a>(endpoint: &'a Endpoint, otherwise: &'static str) -> &'a str {
    endpoint.base_url.as_deref().unwrap_or(otherwise)
}

fn add_options(address: &mut Address, options: &Map<String, Value>) {
    for (name, value) in options.iter().filter(|(name, _)| !DECIDED.contains(&name.as_str())) {
        address.add_option(name, value);
    }
}

/// What a conversation needs, as LiveKit's plugin asks for it. Its `utterance_end_ms` is ours: where noise hides
/// the pause that endpointing looks for, no part says that the utterance is over, and nobody would answer.
fn conversation() -> Map<String, Value> {
    let defaults = json!({
        "punctuate": true, "interim_results": true, "no_delay": true, "vad_events": true, "endpointing": 25,
        "filler_words": true, "utterance_end_ms": 1000,
    });
    defaults.as_object().cloned().unwrap_or_default()
}

/// The address of a listening socket, first version of the API.
pub fn listen(endpoint: &Endpoint, request: &ListenRequest) -> String {
    let mut options =
        query::merged([&conversation(), &endpoint.extra, &query::known(&request.extra, &LISTEN_OPTIONS)]);
    // LiveKit's name for it, and the number that turns it off.
    if let Some(pause) = options.remove("utterance_end") {
        options.insert("utterance_end_ms".to_owned(), pause);
    }
    if options.get("interim_results") == Some(&Value::Bool(false)) {
        options.remove("utterance_end_ms"); // refused without
    }
    if options.get("endpointing").and_then(Value::as_u64) == Some(0) {
        options.insert("endpointing".to_owned(), Value::Bool(false));
    }
    // Only recordings can be listened to for their language first.
    options.remove("detect_language");
    if let Some(language) = request.language.as_ref().or(endpoint.language.as_ref()) {
        options.insert("language".to_owned(), Value::from(language.as_str()));
    }
    let mut address = Address::new(base(endpoint, "https://api.deepgram.com/v1/listen"));
    add_audio(&mut address, endpoint, request.sample_rate);
    address.add("channels", "1");
    add_options(&mut address, &options);
    address.finish()
}

/// The address of a listening socket, second version of the API. A language is a hint, and only to the model for
/// many.
pub fn listen_to_turns(endpoint: &Endpoint, request: &ListenRequest) -> String {
    let mut options = query::merged([&endpoint.extra, &query::known(&request.extra, &TURN_OPTIONS)]);
    for other in ["language", "detect_language"] {
        options.remove(other);
    }
    let language = request.language.as_deref().or(endpoint.language.as_deref());
    if let (true, Some(language)) = (model(endpoint).ends_with("multi"), language.filter(|l| *l != "multi")) {
        options.entry("language_hint").or_insert_with(|| Value::from(language));
    }
    let mut address = Address::new(base(endpoint, "https://api.deepgram.com/v2/listen"));
    add_audio(&mut address, endpoint, request.sample_rate);
    add_options(&mut address, &options);
    address.finish()
}

/// The address for a recording. Fields of the form that are Deepgram's options are passed on; those of OpenAI's API
/// have no meaning there.
pub fn transcribe(endpoint: &Endpoint, request: &TranscribeRequest) -> String {
    let defaults = json!({"punctuate": true}).as_object().cloned().unwrap_or_default();
    let mut fields = Map::new();
    for (name, value) in request.fields.iter().filter(|(name, _)| RECORDING_OPTIONS.contains(&name.as_str()))
    {
        let values = fields.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(Value::from(value.as_str()));
        }
    }
    let mut options = query::merged([&defaults, &endpoint.extra, &fields]);
    if let Some(language) = request.language.as_ref().or(endpoint.language.as_ref()) {
        options.insert("language".to_owned(), Value::from(language.as_str()));
    }
    let mut address = Address::over_http(base(endpoint, "https://api.deepgram.com/v1/listen"));
    address.add("model", model(endpoint));
    add_options(&mut address, &options);
    address.finish()
}

fn add_audio(address: &mut Address, endpoint: &Endpoint, sample_rate: u32) {
    address.add("model", model(endpoint));
    address.add("encoding", "linear16");
    address.add("sample_rate", &sample_rate.to_string());
}

/// An option that is one text or a list of them, as a list.
pub fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    }
}

/// Sample rates of Deepgram's speech as raw audio.
const SPOKEN_RATES: [u32; 5] = [8_000, 16_000, 24_000, 32_000, 48_000];

/// The model of a voice: `aura-2` and the voice `thalia` are Deepgram's model `aura-2-thalia-en`. A family without a
/// voice gets the default one.
pub fn voice_model<'a>(model: &'a str, voice: Option<&str>) -> Cow<'a, str> {
    match voice.filter(|voice| !voice.is_empty()) {
        Some(voice) if voice.starts_with("aura") || voice.starts_with("flux") || model.is_empty() => {
            Cow::Owned(voice.to_owned())
        }
        Some(voice) if voice.rsplit_once('-').is_some_and(|(_, language)| language.len() == 2) => {
            Cow::Owned(format!("{model}-{voice}"))
        }
        Some(voice) => Cow::Owned(format!("{model}-{voice}-en")),
        None if matches!(model, "" | "aura-2") => Cow::Borrowed(VOICE),
        None if matches!(model, "aura" | "aura-1") => Cow::Borrowed(FIRST_VOICE),
        None => Cow::Borrowed(model),
    }
}

/// The model that speaks a request; its own voice wins over the endpoint's.
pub fn speaking_model<'a>(endpoint: &'a Endpoint, voice: Option<&str>) -> Cow<'a, str> {
    voice_model(&endpoint.model, voice.filter(|voice| !voice.is_empty()).or(endpoint.voice.as_deref()))
}

/// The address of a speaking socket, and the rate it speaks at.
pub fn speak(endpoint: &Endpoint, request: &SpeakRequest) -> (String, u32) {
    let rate = made_rate(request.sample_rate, &SPOKEN_RATES);
    let mut address = Address::new(base(endpoint, "https://api.deepgram.com/v1/speak"));
    address.add("model", &speaking_model(endpoint, request.voice.as_deref()));
    address.add("encoding", "linear16");
    address.add("sample_rate", &rate.to_string());
    let options = query::merged([&endpoint.extra, &query::known(&request.extra, &SPEAK_OPTIONS)]);
    add_options(&mut address, &options);
    (address.finish(), rate)
}

/// The address for a file of speech. MP3 and the lossless formats come at Deepgram's own rates, bare audio at the 24 kHz of
/// OpenAI's API.
pub fn synthesize(endpoint: &Endpoint, request: &SynthesizeRequest) -> String {
    let mut address = Address::over_http(base(endpoint, "https://api.deepgram.com/v1/speak"));
    address.add("model", &speaking_model(endpoint, request.voice.as_deref()));
    let form: &[(&str, &str)] = match request.format {
        AudioFormat::Mp3 => &[("encoding", "mp3")],
        AudioFormat::Opus => &[("encoding", "opus"), ("container", "ogg")],
        AudioFormat::Aac => &[("encoding", "aac")],
        AudioFormat::Flac => &[("encoding", "flac")],
        AudioFormat::Wav => &[("encoding", "linear16"), ("container", "wav")],
        AudioFormat::Pcm => &[("encoding", "linear16"), ("container", "none"), ("sample_rate", "24000")],
    };
    for (name, value) in form {
        address.add(name, value);
    }
    let mut options = query::merged([&endpoint.extra]);
    if let Some(speed) = request.speed.filter(|speed| (*speed - 1.0).abs() > f64::EPSILON) {
        options.insert("speed".to_owned(), json!(speed));
    }
    add_options(&mut address, &options);
    address.finish()
}
