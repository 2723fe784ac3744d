//! The list of providers. Nothing else matches on a provider's name.

use crate::{
    anthropic, assemblyai, cartesia,
    client::Clients,
    deepgram, elevenlabs, groq, local, openai,
    statement::{Billing, Export, Format},
};
use vg_core::provider::Provider;

/// Every provider, in the order documents list them.
pub static ALL: &[&dyn Provider] = &[
    &deepgram::Deepgram,
    &openai::OpenAi,
    &anthropic::Anthropic,
    &groq::Groq,
    &cartesia::Cartesia,
    &elevenlabs::ElevenLabs,
    &assemblyai::AssemblyAi,
    &local::WHISPER,
    &local::OLLAMA,
    &local::KOKORO,
    &local::PIPER,
];

/// The provider of that type name.
pub fn find(id: &str) -> Option<&'static dyn Provider> {
    ALL.iter().copied().find(|provider| provider.id() == id)
}

/// The clients of the provider of that type name; none for a provider the gateway cannot call yet.
pub fn clients(id: &str) -> Clients {
    match id {
        "deepgram" => deepgram::CLIENTS,
        "openai" => openai::CLIENTS,
        "anthropic" => anthropic::CLIENTS,
        "groq" => groq::CLIENTS,
        "whisper" => local::whisper::CLIENTS,
        "ollama" => local::ollama::CLIENTS,
        "kokoro" => local::kokoro::CLIENTS,
        "piper" => local::piper::CLIENTS,
        "cartesia" => cartesia::CLIENTS,
        "elevenlabs" => elevenlabs::CLIENTS,
        "assemblyai" => assemblyai::CLIENTS,
        _ => Clients::default(),
    }
}

/// What the provider of that type name gives to be checked against; none for a runtime on the owner's machine.
pub fn export(id: &str) -> Option<Export> {
    Some(match id {
        "deepgram" => deepgram::EXPORT,
        "openai" => openai::EXPORT,
        "anthropic" => anthropic::EXPORT,
        "groq" => groq::EXPORT,
        "cartesia" => cartesia::EXPORT,
        "elevenlabs" => elevenlabs::EXPORT,
        "assemblyai" => assemblyai::EXPORT,
        _ => return None,
    })
}

/// The formats of its own that are known of the provider of that type name.
pub fn formats(id: &str) -> &'static [Format] {
    export(id).map(|export| export.formats).unwrap_or_default()
}

/// What fetches the bill of the provider of that type name; none where it has no API for it.
pub fn billing(id: &str) -> Option<&'static dyn Billing> {
    export(id)?.billing
}

#[cfg(test)]
mod tests {
    use super::*;
    use vg_core::Modality;

    /// Every form an owner may write, and what the plugin needs: origin with prefix, with `/v1`, full path.
    #[test]
    fn every_form_of_a_base_url_means_the_same() {
        let table: &[(&str, Modality, &str, &str, &[&str])] = &[
            (
                "deepgram",
                Modality::Stt,
                "nova-3",
                "http://h:1/p/v1/listen",
                &["", "/", "/v1", "/v1/", "/v1/listen"],
            ),
            (
                "deepgram",
                Modality::Stt,
                "flux-general-en",
                "http://h:1/p/v2/listen",
                &["", "/v1", "/v2", "/v2/listen", "/v1/listen"],
            ),
            (
                "deepgram",
                Modality::Tts,
                "aura-2-thalia-en",
                "http://h:1/p/v1/speak",
                &["", "/v1", "/v1/speak", "/v1/listen"],
            ),
            (
                "openai",
                Modality::Llm,
                "gpt-4.1",
                "http://h:1/p/v1",
                &["", "/", "/v1", "/v1/", "/v1/chat/completions"],
            ),
            (
                "openai",
                Modality::Stt,
                "whisper-1",
                "http://h:1/p/v1",
                &["", "/v1", "/v1/audio/transcriptions"],
            ),
            ("openai", Modality::Tts, "tts-1", "http://h:1/p/v1", &["", "/v1", "/v1/audio/speech"]),
            (
                "cartesia",
                Modality::Tts,
                "sonic-3",
                "http://h:1/p",
                &["", "/", "/v1", "/tts/websocket", "/tts/bytes", "/tts/sse"],
            ),
            (
                "cartesia",
                Modality::Stt,
                "ink-2",
                "http://h:1/p",
                &["", "/stt/websocket", "/stt/turns/websocket"],
            ),
            ("anthropic", Modality::Llm, "claude-sonnet-4-6", "http://h:1/p", &["", "/v1", "/v1/messages"]),
            (
                "groq",
                Modality::Llm,
                "llama-3.3-70b-versatile",
                "http://h:1/p/openai/v1",
                &["", "/openai", "/openai/v1", "/v1", "/openai/v1/chat/completions"],
            ),
            (
                "elevenlabs",
                Modality::Tts,
                "eleven_turbo_v2_5",
                "http://h:1/p/v1",
                &["", "/v1", "/v1/text-to-speech", "/v1/speech-to-text"],
            ),
            (
                "assemblyai",
                Modality::Stt,
                "universal-3-6-pro",
                "http://h:1/p",
                &["", "/v3", "/v3/ws", "/v2/transcript"],
            ),
            (
                "ollama",
                Modality::Llm,
                "qwen2.5:3b",
                "http://h:1/p/v1",
                &["", "/v1", "/v1/chat/completions", "/api"],
            ),
            (
                "whisper",
                Modality::Stt,
                "large-v3",
                "http://h:1/p/v1",
                &["", "/v1", "/v1/audio/transcriptions"],
            ),
            ("kokoro", Modality::Tts, "", "http://h:1/p/v1", &["", "/v1", "/v1/audio/speech"]),
            ("piper", Modality::Tts, "", "http://h:1/p", &["", "/", "/synthesize"]),
        ];
        for (id, modality, model, wanted, endings) in table {
            let provider = find(id).unwrap();
            assert!(provider.modalities().contains(modality));
            for ending in *endings {
                let written = format!("http://h:1/p{ending}");
                assert_eq!(&provider.plugin_base_url(*modality, model, &written), wanted, "{id} {written}");
            }
        }
    }

    #[test]
    fn type_names_are_unique() {
        for (position, provider) in ALL.iter().enumerate() {
            assert!(ALL[..position].iter().all(|other| other.id() != provider.id()));
        }
    }
}
