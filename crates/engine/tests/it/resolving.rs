//! From a model string and a project to a target.

use crate::House;
use vg_core::Modality;
use vg_engine::Ask;

#[test]
fn a_suffix_is_a_language_or_a_voice_and_an_argument_wins_over_it() {
    let house = House::new("");
    assert_eq!(house.target(Modality::Stt, "deepgram/nova-3:es").endpoint.language.as_deref(), Some("es"));
    assert_eq!(house.target(Modality::Tts, "cartesia/sonic-3:v").endpoint.voice.as_deref(), Some("v"));
    assert_eq!(house.target(Modality::Llm, "ollama/qwen2.5:3b").endpoint.model, "qwen2.5:3b");
    let ask = Ask {
        modality: Modality::Stt,
        model: Some("deepgram/nova-3:es"),
        language: Some("fr"),
        ..Ask::of_project("default")
    };
    assert_eq!(house.engine.resolve(&ask).unwrap().endpoint.language.as_deref(), Some("fr"));
}

#[test]
fn a_provider_beside_the_model_wins_over_its_own_segment() {
    let house = House::new("");
    for model in ["gpt-4o-mini", "openai/gpt-4o-mini"] {
        let ask = Ask { model: Some(model), provider: Some("openai"), ..Ask::of_project("default") };
        let target = house.engine.resolve(&ask).unwrap();
        assert_eq!((&*target.model_id, &*target.endpoint.model), ("openai/gpt-4o-mini", "gpt-4o-mini"));
    }
}

#[test]
fn a_key_is_the_arguments_then_the_projects_then_the_shared_one_then_the_environments() {
    let house = House::new(
        "providers: { openai: { api_key: shared } }\n\
         projects: { acme: { name: Acme, providers: { openai: { api_key: own } } } }",
    );
    let key = |project: &str, model: &str, given: Option<&str>| {
        let ask = Ask { model: Some(model), api_key: given, ..Ask::of_project(project) };
        let target = house.engine.resolve(&ask).unwrap();
        target.endpoint.api_key.as_ref().unwrap().expose().unwrap().to_owned()
    };
    assert_eq!(key("acme", "openai/gpt-4.1", Some("argument")), "argument");
    assert_eq!(key("acme", "openai/gpt-4.1", None), "own");
    assert_eq!(key("default", "openai/gpt-4.1", None), "shared");
    let ask = Ask { modality: Modality::Stt, model: Some("deepgram/nova-3"), ..Ask::of_project("acme") };
    let target = house.engine.resolve(&ask).unwrap();
    assert_eq!(target.endpoint.api_key.as_ref().unwrap().expose().unwrap(), "from-environment");
}

#[test]
fn a_missing_key_says_where_it_was_looked_for() {
    let house = House::new("");
    let ask = Ask { model: Some("anthropic/claude-sonnet-4-6"), ..Ask::of_project("acme") };
    assert_eq!(
        house.engine.resolve(&ask).unwrap_err().to_string(),
        "no API key for `anthropic` in project `acme`: pass api_key=, set `providers.anthropic.api_key` or \
         `projects.acme.providers.anthropic.api_key` in voicegw.yaml, set the environment variable \
         ANTHROPIC_API_KEY, or store one with the MCP tool `vg_add_provider`"
    );
}

#[test]
fn a_provider_that_is_switched_off_says_where() {
    let house = House::new(
        "providers: { openai: { api_key: k, enabled: false }, ollama: { enabled: false } }\n\
         projects: { acme: { name: Acme, providers: { openai: { api_key: k } } },\n\
         \x20           off: { name: Off, providers: { openai: { api_key: k, enabled: false } } } }",
    );
    let error = |project, model| {
        let ask = Ask { model: Some(model), api_key: Some("argument"), ..Ask::of_project(project) };
        house.engine.resolve(&ask).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(error("acme", "openai/gpt-4.1"), Ok(()));
    assert_eq!(
        error("off", "openai/gpt-4.1").unwrap_err(),
        "provider `openai` is switched off in project `off`: `projects.off.providers.openai.enabled` is false in \
         voicegw.yaml"
    );
    // A runtime that needs no key can be switched off too.
    for model in ["openai/gpt-4.1", "ollama/qwen2.5:3b"] {
        let message = error("default", model).unwrap_err();
        assert!(message.contains("`providers.o") && message.contains(".enabled` is false"), "{message}");
    }
}

#[test]
fn an_address_is_handed_on_in_the_plugins_form() {
    let house = House::new("providers: { deepgram: { base_url: 'http://h:1/deepgram' } }");
    let target = house.target(Modality::Stt, "deepgram/nova-3");
    assert_eq!(target.endpoint.base_url.as_deref(), Some("http://h:1/deepgram/v1/listen"));
    assert_eq!(house.target(Modality::Llm, "openai/gpt-4.1").endpoint.base_url, None);
}

#[test]
fn no_model_is_the_projects_default_stack() {
    let house = House::new(
        "stacks: { fast: { stt: deepgram/nova-3, llm: openai/gpt-4.1-mini, tts: cartesia/sonic-3 } }\n\
         projects: { default: { name: Default, default_stack: fast } }",
    );
    for model in [None, Some("auto")] {
        let ask = Ask { modality: Modality::Tts, model, ..Ask::of_project("default") };
        assert_eq!(&*house.engine.resolve(&ask).unwrap().model_id, "cartesia/sonic-3");
    }
}

#[test]
fn a_local_runtime_needs_no_key_and_takes_its_accounts_voice_timeout_and_key() {
    let house = House::new(
        "providers:\n  kokoro: { voice: af_bella, timeout: 2.5 }\n  piper: { default_voice: de_DE-thorsten-high }\n  \
         whisper: { api_key: of-the-server, base_url: 'http://gpu:8000' }",
    );
    let kokoro = house.target(Modality::Tts, "local/kokoro");
    assert_eq!(kokoro.endpoint.voice.as_deref(), Some("af_bella"));
    assert_eq!(kokoro.timeout(), Some(std::time::Duration::from_millis(2_500)));
    assert!(kokoro.endpoint.api_key.is_none() && kokoro.endpoint.base_url.is_none());
    let voice = |model| house.target(Modality::Tts, model).endpoint.voice.clone();
    assert_eq!(voice("local/kokoro:am_adam").as_deref(), Some("am_adam"));
    assert_eq!(voice("piper/piper").as_deref(), Some("de_DE-thorsten-high"));
    assert_eq!(voice("cartesia/sonic-3"), None);
    let whisper = house.target(Modality::Stt, "local/whisper-large-v3");
    assert_eq!(whisper.endpoint.key().unwrap(), "of-the-server");
    assert_eq!(whisper.endpoint.base_url.as_deref(), Some("http://gpu:8000/v1"));
    assert_eq!(whisper.timeout(), None);
}
