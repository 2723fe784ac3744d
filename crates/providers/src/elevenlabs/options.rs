//! ElevenLabs' addresses and orders: which model, voice and audio, and the options of the owner and the caller under
//! ElevenLabs' own names.

use crate::shared::{
    query::{self, Address},
    speech_file::PCM_RATE,
};
use serde_json::{Map, Value, json};
use vg_core::call::{AudioFormat, Endpoint, Failure, ListenRequest};

/// The header with the key.
pub const KEY_HEADER: &str = "xi-api-key";
/// The model that hears recordings when none is named.
pub const RECORDING_MODEL: &str = "scribe_v2";
/// The model that hears streams.
pub const LISTENING_MODEL: &str = "scribe_v2_realtime";
/// The model that speaks when none is named: as LiveKit's plugin does.
pub const SPEAKING_MODEL: &str = "eleven_turbo_v2_5";
/// Its voice.
const VOICE: &str = "hpp4J3VqNfWAUOO0d1Us";

/// The rates ElevenLabs speaks at, in samples per second.
pub const SPOKEN_RATES: [u32; 7] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
/// The rates it hears.
pub const HEARD_RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

/// The options of speech that are parameters of the address.
const SPEECH_PARAMETERS: [&str; 8] = [
    "apply_language_text_normalization",
    "apply_text_normalization",
    "auto_mode",
    "enable_logging",
    "enable_ssml_parsing",
    "inactivity_timeout",
    "optimize_streaming_latency",
    "seed",
];
/// Those of them that a dialogue has.
const DIALOGUE_PARAMETERS: [&str; 2] = ["apply_text_normalization", "enable_logging"];
/// The options that belong to the voice.
const VOICE_SETTINGS: [&str; 5] = ["similarity_boost", "speed", "stability", "style", "use_speaker_boost"];
/// Those of them that a dialogue has.
const DIALOGUE_SETTINGS: [&str; 1] = ["stability"];
/// The options of a file of speech that are in its body.
const BODY_OPTIONS: [&str; 4] = [
    "apply_language_text_normalization",
    "apply_text_normalization",
    "pronunciation_dictionary_locators",
    "seed",
];
/// The options of hearing a stream.
const LISTENING_PARAMETERS: [&str; 10] = [
    "commit_strategy",
    "enable_logging",
    "include_language_detection",
    "keyterms",
    "min_silence_duration_ms",
    "min_speech_duration_ms",
    "no_verbatim",
    "secondary_languages",
    "vad_silence_threshold_secs",
    "vad_threshold",
];
/// The options of hearing a recording.
const RECORDING_FIELDS: [&str; 6] =
    ["diarize", "keyterms", "no_verbatim", "num_speakers", "tag_audio_events", "temperature"];

/// Whether a model speaks dialogues, which has addresses and messages of its own.
pub fn is_dialogue(model: &str) -> bool {
    model.starts_with("eleven_v3") || model.starts_with("eleven_v4")
}

/// How one synthesis is to sound.
#[derive(Debug)]
pub struct Manner {
    /// Its model.
    pub model: String,
    /// Its voice's id.
    pub voice: String,
    /// What the owner and the caller want beside that.
    options: Map<String, Value>,
    language: Option<String>,
}

impl Manner {
    /// The caller's wishes over the owner's.
    pub fn new(
        endpoint: &Endpoint,
        (voice, language): (Option<&str>, Option<&str>),
        extra: &Map<String, Value>,
    ) -> Manner {
        let voice = voice.filter(|voice| !voice.is_empty()).or(endpoint.voice.as_deref()).unwrap_or(VOICE);
        let model = if endpoint.model.is_empty() { SPEAKING_MODEL } else { &endpoint.model };
        Manner {
            model: model.to_owned(),
            voice: voice.to_owned(),
            options: query::merged([&endpoint.extra, extra]),
            language: language
                .or(endpoint.language.as_deref())
                .map(|language| base_language(language).to_owned()),
        }
    }

    /// Whether its model speaks dialogues.
    pub fn is_dialogue(&self) -> bool {
        is_dialogue(&self.model)
    }

    /// Whether the text has tags that are not spoken.
    pub fn has_tags(&self) -> bool {
        self.options.get("enable_ssml_parsing") == Some(&Value::Bool(true))
    }

    fn path(&self) -> String {
        match self.is_dialogue() {
            true => "/text-to-dialogue".to_owned(),
            false => format!("/text-to-speech/{}", query::encoded(&self.voice)),
        }
    }

    /// The address of a socket for it, which speaks at `rate`.
    pub fn socket(&self, endpoint: &Endpoint, rate: u32) -> String {
        let mut address = Address::new(&format!("{}{}/multi-stream-input", base(endpoint), self.path()));
        address.add("model_id", &self.model);
        address.add("output_format", &format!("pcm_{rate}"));
        if let Some(language) = &self.language {
            address.add("language_code", language);
        }
        // Says when the text's letters sound, which tells which texts were spoken to their end.
        address.add("sync_alignment", "true");
        let mut options = self.options.clone();
        if !self.is_dialogue() {
            // Texts are whole sentences, so there is nothing to wait for. Open as long as ElevenLabs allows.
            options.entry("auto_mode").or_insert(json!(true));
            options.entry("inactivity_timeout").or_insert(json!(180));
        }
        let known: &[&str] = if self.is_dialogue() { &DIALOGUE_PARAMETERS } else { &SPEECH_PARAMETERS };
        for (name, value) in query::known(&options, known) {
            address.add_option(&name, &value);
        }
        address.finish()
    }

    /// What opens a context on that socket, but for its name.
    pub fn opening(&self) -> Map<String, Value> {
        let mut opening = Map::new();
        if self.is_dialogue() {
            opening.insert("voices".to_owned(), json!([self.voice]));
        } else {
            opening.insert("text".to_owned(), json!(" "));
            let schedule = self.options.get("chunk_length_schedule").filter(|value| !query::is_unset(value));
            if let Some(schedule) = schedule {
                opening.insert("generation_config".to_owned(), json!({"chunk_length_schedule": schedule}));
            }
            opening.extend(query::known(&self.options, &["generation_config"]));
        }
        opening.extend(query::known(&self.options, &["pronunciation_dictionary_locators"]));
        if let Some(settings) = self.settings() {
            opening.insert("voice_settings".to_owned(), settings);
        }
        opening
    }

    /// The address of a file of speech.
    pub fn file(&self, endpoint: &Endpoint, format: &str) -> String {
        let mut address = Address::over_http(&format!("{}{}/stream", base(endpoint), self.path()));
        address.add("output_format", format);
        for (name, value) in query::known(&self.options, &["enable_logging", "optimize_streaming_latency"]) {
            address.add_option(&name, &value);
        }
        address.finish()
    }

    /// What asks for that file.
    pub fn order(&self, text: &str) -> Map<String, Value> {
        let mut order = query::known(&self.options, &BODY_OPTIONS);
        order.insert("model_id".to_owned(), json!(self.model));
        if let Some(language) = &self.language {
            order.insert("language_code".to_owned(), json!(language));
        }
        let settings = if self.is_dialogue() {
            order.insert("inputs".to_owned(), json!([{"text": text, "voice_id": self.voice}]));
            "settings"
        } else {
            order.insert("text".to_owned(), json!(text));
            "voice_settings"
        };
        if let Some(value) = self.settings() {
            order.insert(settings.to_owned(), value);
        }
        order
    }

    /// The voice's settings: given together, or each by its name.
    fn settings(&self) -> Option<Value> {
        let known: &[&str] = if self.is_dialogue() { &DIALOGUE_SETTINGS } else { &VOICE_SETTINGS };
        let together = self.options.get("voice_settings").and_then(Value::as_object);
        let mut settings = together.map(|given| query::known(given, known)).unwrap_or_default();
        settings.extend(query::known(&self.options, known));
        settings.retain(|_, value| !value.is_null());
        (!settings.is_empty()).then_some(Value::Object(settings))
    }
}

/// ElevenLabs' name of a file's format.
///
/// # Errors
/// When ElevenLabs does not make such files.
pub fn file_format(format: AudioFormat) -> Result<String, Failure> {
    match format {
        AudioFormat::Mp3 => Ok("mp3_44100_128".to_owned()),
        AudioFormat::Opus => Ok("opus_48000_64".to_owned()),
        AudioFormat::Pcm => Ok(format!("pcm_{PCM_RATE}")),
        AudioFormat::Wav | AudioFormat::Aac | AudioFormat::Flac => Err(Failure::unsupported(format!(
            "ElevenLabs makes `mp3`, `opus` and `pcm`, not `{}`",
            format.as_str()
        ))),
    }
}

/// The address of a stream of audio.
pub fn listen(endpoint: &Endpoint, request: &ListenRequest) -> String {
    let mut address = Address::new(&format!("{}/speech-to-text/realtime", base(endpoint)));
    address.add("model_id", if endpoint.model.is_empty() { LISTENING_MODEL } else { &endpoint.model });
    address.add("audio_format", &format!("pcm_{}", request.sample_rate));
    // Without times nobody could tell what of the audio a transcript covers.
    address.add("include_timestamps", "true");
    let language = request.language.as_deref().or(endpoint.language.as_deref());
    let language = language.filter(|language| *language != "multi");
    if let Some(language) = language {
        address.add("language_code", base_language(language));
    }
    let mut options = query::merged([&endpoint.extra, &request.extra]);
    // The plugin's way of saying how ElevenLabs finds the end of an utterance.
    if let Some(Value::Object(vad)) = options.remove("server_vad") {
        options.extend(vad);
    }
    // Whoever asks us waits for transcripts, not for a reason to ask for them.
    options.entry("commit_strategy").or_insert(json!("vad"));
    options.entry("include_language_detection").or_insert(json!(language.is_none()));
    for (name, value) in query::known(&options, &LISTENING_PARAMETERS) {
        match (name.as_str(), value) {
            ("secondary_languages", Value::Array(languages)) => {
                for language in languages.iter().filter_map(Value::as_str) {
                    address.add(&name, base_language(language));
                }
            }
            (_, value) => address.add_option(&name, &value),
        }
    }
    address.finish()
}

/// The address of recordings, and the fields that go with one.
pub fn transcribe(endpoint: &Endpoint) -> (String, Vec<(String, String)>) {
    let address = Address::over_http(&format!("{}/speech-to-text", base(endpoint))).finish();
    let mut fields = Vec::new();
    for (name, value) in query::known(&endpoint.extra, &RECORDING_FIELDS) {
        let values = if let Value::Array(values) = value { values } else { vec![value] };
        for value in values.into_iter().filter(|value| !value.is_null()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fields.push((name.clone(), text));
        }
    }
    (address, fields)
}

fn base(endpoint: &Endpoint) -> &str {
    endpoint.base_url.as_deref().unwrap_or("https://api.elevenlabs.io/v1").trim_end_matches('/')
}

/// The language without its region, which ElevenLabs refuses.
pub fn base_language(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}
