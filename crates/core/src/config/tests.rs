//! What files mean and what is said of wrong ones.

use super::*;
use crate::{Modality, Money, Usage, provider::*};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

struct Fake(&'static str, &'static [Modality]);

impl super::provider::Provider for Fake {
    fn id(&self) -> &'static str {
        self.0
    }
    fn modalities(&self) -> &'static [Modality] {
        self.1
    }
    fn key_variable(&self) -> Option<&'static str> {
        None
    }
    fn endpoint(&self, _: Modality, _: &str) -> &'static str {
        ""
    }
    fn known_endings(&self) -> &'static [&'static str] {
        &[]
    }
    fn price_ref(&self, _: &PriceQuery<'_>) -> PriceRef {
        PriceRef::Local
    }
    fn bill(&self, facts: &Facts<'_>) -> Usage {
        facts.wire
    }
}

const PROVIDERS: [&dyn crate::provider::Provider; 3] = [
    &Fake("deepgram", &[Modality::Stt, Modality::Tts]),
    &Fake("openai", &Modality::ALL),
    &Fake("cartesia", &[Modality::Tts]),
];

fn variable(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("secret-12345".to_owned()),
        "PORT" => Some("8123".to_owned()),
        "HOME_PROJECT" => Some("acme".to_owned()),
        _ => None,
    }
}

fn read(text: &str) -> Loaded {
    load(text, "voicegw.yaml", &variable, &PROVIDERS).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str) -> String {
    load(text, "voicegw.yaml", &variable, &PROVIDERS).map(|_| ()).unwrap_err().to_string()
}

const EVERY_KEY: &str = r##"
providers:
  deepgram: { api_key: "${KEY}", base_url: "https://x.example/v1", enabled: true }
  openai: { api_key: k, api_version: 2024-10-01, timeout: 120, ratio: 1.5, verbose: True, tags: [a, "${KEY}", 1] }
  deepgram-staging: { type: deepgram, api_key: other }
models:
  stt:
    fast: { provider: deepgram, model: nova-3, default_language: en, endpointing: 25 }
  llm:
    smart: { provider: openai, model: gpt-4.1 }
  tts:
    voice: { provider: cartesia, model: sonic-3, default_voice: anna }
stacks:
  premium: { stt: fast, llm: smart, tts: null }
default_project: ${HOME_PROJECT}
fallbacks:
  stt: [fast, openai/whisper-1]
  llm: [smart]
  tts: [voice]
  mode: runtime
projects:
  acme:
    name: Acme
    description: the first
    default_stack: premium
    daily_budget: 25.50
    budget_action: block
    tags: [prod, "${KEY}"]
    stt_model: fast
    llm_model: smart
    tts_model: voice
    providers:
      openai: { api_key: own }
    metrics: { dead_air_threshold_seconds: 2.5, talk_over_min_overlap_ms: 50, turn_buffer_flush_size: 10 }
    replay: { enabled: no, content: true, retention_days: 7, buffer_size_events: 100, flush_size_events: 10 }
    tenant: { virtual_key_stale_days: 30 }
    routing:
      budget_ms: 900
      rosters: { stt: [deepgram], llm: [smart], tts: [cartesia] }
      fallback_to_fastest: false
    branding: { logo_url: "https://x.example/l.png", accent_color: "#0af", product_name: Acme Voice }
    guardrails:
      enabled: true
      categories: { pii: redact, financial: { action: block }, medical: alert, prompt_injection: off, off_topic: off }
observability: { latency_tracking: true, cost_tracking: true, request_logging: false }
cost_tracking: { enabled: true, db_path: ~/ledger.db, daily_budget_alert: 100, storage: sqlite }
latency: { ttfb_warning_ms: 750, percentiles: [50, 99.9], enabled: true }
rate_limits:
  deepgram: { requests_per_minute: 60 }
serve: { host: 0.0.0.0, port: "${PORT:-8080}" }
dashboard: { enabled: false, host: 127.0.0.1, port: 9091 }
auth:
  api_keys:
    - { token: "${KEY}", name: ci, scopes: [read, write] }
    - token: second-token
  cors_origins: [https://x.example]
ingest: { enabled: true, requests_per_minute: 0, burst: 10, max_batch_size: 5 }
retention: { enabled: true, default_days: 30 }
workers: { enabled: false, rollup_interval_seconds: 60, retention_interval_seconds: 600 }
"##;

#[test]
fn a_file_with_every_key_loads_and_says_what_it_said() {
    let Loaded { config, warnings } = read(EVERY_KEY);
    assert_eq!(warnings.to_string(), "");
    assert_eq!(config.providers["deepgram"].api_key.expose(), Ok("secret-12345"));
    let extra = serde_json::to_string(config.providers["openai"].extra.get().unwrap()).unwrap();
    assert_eq!(
        extra,
        r#"{"api_version":"2024-10-01","timeout":120,"ratio":1.5,"verbose":true,"tags":["a","secret-12345",1]}"#
    );
    assert_eq!(config.models.stt["fast"].extra.get().unwrap()["endpointing"], 25);
    assert_eq!(config.default_project(), Ok("acme"));
    let acme = &config.projects["acme"];
    assert_eq!(acme.daily_budget, Some(Money(25_500_000_000_000)));
    assert_eq!(acme.budget_action, BudgetAction::Block);
    assert_eq!(acme.tags[1].get(), Ok("secret-12345"));
    assert_eq!(acme.guardrails.categories["financial"], GuardrailAction::Block);
    assert_eq!(acme.routing.rosters.tts.len(), 1);
    assert!(!acme.replay.enabled);
    assert_eq!(config.stacks["premium"].tts, None);
    assert_eq!(config.fallback_mode, FallbackMode::Runtime);
    assert_eq!(config.latency.percentiles, [50.0, 99.9]);
    assert_eq!(config.serve.port, 8123);
    assert_eq!(config.auth.api_keys[0].scopes, [Scope::Read, Scope::Write]);
    assert_eq!(config.auth.api_keys[1].scopes, [Scope::All]);
    assert_eq!(config.rate_limits["deepgram"], 60);
}

#[test]
fn sections_without_effect_are_named_once_each() {
    let inert = read(EVERY_KEY).config.inert_sections().join(" ");
    assert_eq!(
        inert,
        "projects.acme.daily_budget projects.acme.budget_action projects.acme.metrics projects.acme.replay \
         projects.acme.tenant projects.acme.branding projects.acme.guardrails \
         cost_tracking.daily_budget_alert cost_tracking.storage auth.cors_origins rate_limits \
         dashboard ingest retention workers"
    );
    assert!(read("default_project: default").config.inert_sections().is_empty());
}

#[test]
fn nothing_written_is_the_same_as_no_file() {
    for text in ["", "# only words\n", "---\n", "~", "providers:\nprojects:\n"] {
        assert_eq!(
            read(text),
            Loaded { config: Config::without_file(), warnings: Problems::new("voicegw.yaml", vec![]) }
        );
    }
    let config = Config::without_file();
    assert!(config.cost_tracking.enabled);
    assert_eq!(config.default_project(), Ok("default"));
    assert_eq!(config.projects["default"].name.get(), Ok("Default"));
    assert_eq!((config.serve.port, config.dashboard.port), (8080, 9090));
}

#[test]
fn an_unknown_key_names_the_one_that_was_meant() {
    assert_eq!(
        problems("projects:\n  default:\n    name: x\nprovidrs:\n  openai: {}\n"),
        "providrs: unknown key (voicegw.yaml:4:1), did you mean 'providers'"
    );
    assert_eq!(problems("zzz: 1"), "zzz: unknown key (voicegw.yaml:1:1)");
}

#[test]
fn all_problems_are_listed_in_the_order_of_the_file() {
    let text = "\
projects:
  acme:
    daily_budget: -5
    budget_action: explode
    metrics: { dead_air_threshold_seconds: 0 }
    replay: { retention_days: 0, contnet: true }
    branding: { accent_color: blue }
    guardrails: { categories: { pii: hide, medical: { action: hide } } }
    routing: { rosters: { sst: [] } }
    tags: prod
serve: { port: 70000 }
latency: { percentiles: [50, 101, x] }
auth:
  api_keys:
    - { name: ci, scopes: [admin] }
  cors_origin: []
observability: all
default_project: [a]
retention: { default_days: 1, default_days: 2 }
";
    assert_eq!(
        problems(text),
        "\
projects.acme.name: is required (voicegw.yaml:3:5)
projects.acme.daily_budget: must be an amount in USD of at least 0, such as 25.50, not `-5` (voicegw.yaml:3:19)
projects.acme.budget_action: must be one of warn, throttle, block, not `explode` (voicegw.yaml:4:20)
projects.acme.metrics.dead_air_threshold_seconds: must be a number above 0, not `0` (voicegw.yaml:5:44)
projects.acme.replay.retention_days: must be a whole number of at least 1, not `0` (voicegw.yaml:6:31)
projects.acme.replay.contnet: unknown key (voicegw.yaml:6:34), did you mean 'content'
projects.acme.branding.accent_color: must be `#RGB` or `#RRGGBB`, not `blue` (voicegw.yaml:7:31)
projects.acme.guardrails.categories.pii: must be one of redact, block, alert, off, not `hide` (voicegw.yaml:8:38)
projects.acme.guardrails.categories.medical.action: must be one of redact, block, alert, off, not `hide` (voicegw.yaml:8:63)
projects.acme.routing.rosters.sst: unknown key (voicegw.yaml:9:27), did you mean 'stt'
projects.acme.tags: must be a list, not a single value (voicegw.yaml:10:11)
serve.port: must be a port of at least 1 and at most 65535, not `70000` (voicegw.yaml:11:16)
latency.percentiles[1]: must be a number of at least 0 and at most 100, not `101` (voicegw.yaml:12:30)
latency.percentiles[2]: must be a number of at least 0 and at most 100, not `x` (voicegw.yaml:12:35)
auth.api_keys[0].token: is required (voicegw.yaml:15:7)
auth.api_keys[0].scopes[0]: must be one of read, write, *, not `admin` (voicegw.yaml:15:28)
auth.cors_origin: unknown key (voicegw.yaml:16:3), did you mean 'cors_origins'
observability: must be a mapping, not a single value (voicegw.yaml:17:16)
default_project: must be text, not a list (voicegw.yaml:18:18)
default_days: written twice, first in line 19 (voicegw.yaml:19:31)"
    );
}

#[test]
fn the_root_must_be_a_readable_mapping() {
    assert_eq!(problems("- a"), "must be a mapping, not a list (voicegw.yaml:1:1)");
    assert_eq!(
        problems("a: 1\n---\nb: 2\n"),
        "a second document starts here; one file holds one (voicegw.yaml:2:1)"
    );
    assert!(problems("serve: [").starts_with("not valid YAML: "));
    let bare = problems("fallbacks:\n  stt: [${A}]\n");
    assert!(
        bare.ends_with("; within `[ ]` and `{ }` write \"${VAR}\" with quotes (voicegw.yaml:2:10)"),
        "{bare}"
    );
    assert!(problems("[a]: 1").contains("a key must be text"));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(problems(&deep), "nested more than 64 deep (voicegw.yaml:1:66)");
}

#[test]
fn an_empty_entry_is_missed_where_it_stands() {
    assert_eq!(
        problems("projects:\n  acme:\n  b: {}\nauth:\n  api_keys:\n    -\n    - {}\n"),
        "\
projects.acme.name: is required (voicegw.yaml:2:7)
projects.b.name: is required (voicegw.yaml:3:6)
auth.api_keys[0].token: is required (voicegw.yaml:6:6)
auth.api_keys[1].token: is required (voicegw.yaml:7:7)"
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_harmless() {
    assert_eq!(read("\u{feff}serve:\r\n  port: 81\r\n").config.serve.port, 81);
}

#[test]
fn tolerant_sections_warn_of_unknown_keys() {
    let text = "serve: { prot: 1 }\nlatency: { window: 5 }\nrate_limits: { openai: { rpm: 5 } }\n";
    assert_eq!(
        read(text).warnings.to_string(),
        "\
serve.prot: unknown key (voicegw.yaml:1:10), did you mean 'port'
latency.window: unknown key (voicegw.yaml:2:12)
rate_limits.openai.rpm: unknown key (voicegw.yaml:3:26)"
    );
}

#[test]
fn names_that_point_nowhere_are_warned_of() {
    let text = "\
providers:
  depgram: { api_key: k }
models:
  sst: { a: { provider: openai } }
  tts: { b: { provider: cartesa, model: x } }
stacks: { s: { stt: deepgram/nova-3, llm: nope } }
default_project: acme
fallbacks: { stt: [deepgram/nova-3, cartesia/sonic-3] }
projects: { p: { name: P, default_stack: t, routing: { rosters: { stt: [openai] } } } }
rate_limits: { elevenlabs: { requests_per_minute: 5 } }
";
    assert_eq!(
        read(text).warnings.to_string(),
        "\
providers.depgram: this version has no provider `depgram` (voicegw.yaml:2:12), did you mean 'deepgram'
models.sst: unknown key (voicegw.yaml:4:3), did you mean 'stt'
models.tts.b.provider: there is no provider `cartesa` (voicegw.yaml:5:25), did you mean 'cartesia'
stacks.s.llm: `nope` is not a model: it must be `provider/model`, or a name under `models.llm`; providers: openai (voicegw.yaml:6:43)
default_project: there is no project `acme` (voicegw.yaml:7:18)
fallbacks.stt[1]: cartesia offers no stt; it offers tts; stt is offered by deepgram, openai (voicegw.yaml:8:37)
projects.p.default_stack: there is no stack `t` (voicegw.yaml:9:42)
projects.p.routing.rosters.stt[0]: `openai` is not a model: it must be `provider/model`[:language], or a name under `models.stt`; providers: deepgram, openai (voicegw.yaml:9:73)
rate_limits.elevenlabs: there is no provider `elevenlabs` (voicegw.yaml:10:28)"
    );
}

#[test]
fn an_unset_variable_loads_and_fails_when_needed() {
    let text = "providers: { openai: { api_key: \"${NO_KEY}\", headers: [{ x: \"${NO_HEADER}\" }] } }\n";
    let config = read(text).config;
    let named = "the environment variable `NO_KEY` is not set";
    assert_eq!(config.providers["openai"].api_key.expose().unwrap_err().to_string(), named);
    let key = config.api_key("default", "openai", || variable("KEY"));
    assert_eq!(key.unwrap_err().to_string(), named, "another account's key must not step in");
    assert_eq!(config.providers["openai"].extra.get().unwrap_err().variable, "NO_HEADER");
    assert_eq!(
        problems("serve: { port: \"${NO_PORT}\" }"),
        "serve.port: the environment variable `NO_PORT` is not set (voicegw.yaml:1:16)"
    );
    assert_eq!(read("serve: { port: \"${NO_PORT:-81}\" }").config.serve.port, 81);
}

#[test]
fn a_key_comes_from_the_project_then_the_top_then_the_environment() {
    let text = "\
providers: { openai: { api_key: shared }, deepgram: { enabled: false, api_key: k }, cartesia: {} }
projects: { acme: { name: A, providers: { openai: { api_key: own } } }, bare: { name: B, providers: { openai: {} } } }
";
    let config = read(text).config;
    let key = |project, id| {
        let key = config.api_key(project, id, || variable("KEY")).unwrap();
        key.map(|key| key.expose().unwrap().to_owned())
    };
    assert_eq!(key("acme", "openai").as_deref(), Some("own"));
    assert_eq!(key("default", "openai").as_deref(), Some("shared"));
    assert_eq!(
        key("bare", "openai").as_deref(),
        Some("secret-12345"),
        "a project's block replaces the shared one"
    );
    assert_eq!(key("default", "deepgram"), None);
    assert_eq!(key("default", "cartesia").as_deref(), Some("secret-12345"));
    assert_eq!(config.api_key("default", "cartesia", || None), Ok(None));
}

#[test]
fn no_secret_shows_in_debug_output() {
    let shown = format!("{:?}", read("auth: { api_keys: [{ token: very-secret-token }] }").config);
    assert!(shown.contains("very...oken") && !shown.contains("secret-token"));
}

#[test]
fn anchors_and_merge_keys_work_and_bombs_do_not() {
    let text = "\
models:
  stt:
    a: &a { provider: deepgram, model: nova-3 }
    b: { <<: *a, model: nova-2 }
";
    let config = read(text).config;
    assert_eq!(config.models.stt["b"].provider.get(), Ok("deepgram"));
    assert_eq!(config.models.stt["b"].model.get(), Ok("nova-2"));
    let mut bomb = String::from("a0: &a0 [x, x]\n");
    for level in 1..30 {
        let under = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{under}, *a{under}]\n"));
    }
    assert!(problems(&bomb).contains("more than 200000 values"));
}

#[test]
fn dollars_are_exact() {
    let budget = |text: &str| {
        read(&format!("projects: {{ p: {{ name: P, daily_budget: {text} }} }}")).config.projects["p"]
            .daily_budget
    };
    assert_eq!(budget("0.1"), Some(Money(100_000_000_000)));
    assert_eq!(budget("\".5\""), Some(Money(500_000_000_000)));
    assert_eq!(budget("0.000000000001"), Some(Money(1)));
    assert_eq!(budget("0.0"), None);
    assert_eq!(budget("1000.000000000000000"), Some(Money(1_000_000_000_000_000)));
    for wrong in ["1e3", "nan", ".inf", "0.0000000000001", "99999999999999", "1.2.3", "."] {
        let text = format!("projects: {{ p: {{ name: P, daily_budget: {wrong} }} }}");
        assert!(problems(&text).contains("daily_budget: must be"), "{wrong}");
    }
}

#[test]
fn the_search_order_holds() {
    let home = Path::new("/people/me");
    let none = |_: &str| None;
    let set = |name: &str| (name == "VOICEGW_CONFIG").then(|| "~/v.yaml".to_owned());
    assert_eq!(files::candidates(Some("x.yaml"), &set, Some(home)), files::Search::Named("x.yaml".into()));
    assert_eq!(files::candidates(None, &set, Some(home)), files::Search::Named("/people/me/v.yaml".into()));
    let places =
        ["voicegw.yaml", "/people/me/.config/voicegateway/voicegw.yaml", "/etc/voicegateway/voicegw.yaml"];
    let places: Vec<PathBuf> = places.iter().map(PathBuf::from).collect();
    assert_eq!(files::candidates(None, &none, Some(home)), files::Search::Places(places.clone()));
    assert_eq!(
        files::Missing::Everywhere(places).to_string(),
        "no configuration file found (looked for `voicegw.yaml`, `/people/me/.config/voicegateway/voicegw.yaml`, \
         `/etc/voicegateway/voicegw.yaml`); write one with `voicegw init`"
    );
    assert_eq!(files::Missing::Named("x.yaml".into()).to_string(), "there is no configuration file `x.yaml`");
}

#[test]
fn the_database_is_the_url_then_the_path_then_the_files() {
    let home = Some(Path::new("/people/me"));
    let off = read("cost_tracking: { enabled: false, db_path: /x.db }").config;
    let on = read("cost_tracking: { db_path: ~/x.db }").config;
    let url = |config: &Config, set: &[(&str, &str)]| {
        let find =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        env::database_url(config, &find, home).unwrap()
    };
    let (db_url, db_path) =
        (("VOICEGW_DB_URL", "postgresql+asyncpg://h/d"), ("VOICEGW_DB_PATH", "/data/v.db"));
    assert_eq!(url(&off, &[]), None);
    assert_eq!(url(&off, &[db_path]).as_deref(), Some("sqlite:///data/v.db"));
    assert_eq!(url(&on, &[db_url, db_path]).as_deref(), Some("postgresql://h/d"));
    assert_eq!(url(&on, &[]).as_deref(), Some("sqlite:///people/me/x.db"));
    let default = Config::without_file();
    assert_eq!(url(&default, &[]).as_deref(), Some("sqlite:///people/me/.config/voicegateway/voicegw.db"));
}

#[test]
fn the_starter_and_the_annotated_file_load_clean() {
    for text in [reference::STARTER.to_owned(), reference::annotated()] {
        let loaded = read(&text);
        assert_eq!((loaded.warnings.to_string().as_str(), loaded.config.inert_sections()), ("", &[][..]));
    }
}

#[test]
fn every_key_of_the_annotated_file_loads_when_uncommented() {
    let annotated = reference::annotated();
    let (_, reference) = annotated.split_once("what you change.\n").unwrap();
    let text: String =
        reference.lines().map(|line| format!("{}\n", line.strip_prefix('#').unwrap())).collect();
    read(&text);
    let written = reference::compare(&text).unwrap();
    let silent: Vec<_> = written
        .iter()
        .filter(|key| !key.is_section() && key.written.is_none() && key.default != "null")
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
    let changed = written.iter().filter(|key| key.differs() && !key.kind.ends_with("required"));
    assert_eq!(changed.map(|key| key.path.as_str()).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn a_comparison_shows_what_the_file_changes() {
    let keys =
        reference::compare("serve: { port: 81 }\nlatency: { ttfb_warning_ms: 500 }\nproviders: { openai: { api_key: secret-12345 } }").unwrap();
    let changed: Vec<_> = keys
        .iter()
        .filter(|key| key.differs())
        .map(|key| (key.path.as_str(), key.written.as_deref()))
        .collect();
    assert_eq!(changed, [("providers.openai.api_key", Some("secr...2345")), ("serve.port", Some("81"))]);
    assert!(reference::markdown().contains("| `serve.port` | port | `8080` | the port |"));
}

proptest! {
    #[test]
    fn no_text_brings_the_reader_down(text in "(?s).{0,200}") {
        let _ = load(&text, "f", &variable, &PROVIDERS);
    }

    #[test]
    fn no_change_of_a_real_file_brings_the_reader_down(at in 0..EVERY_KEY.len(), with in "[-:{}\\[\\]&*!|>'\"%#\n \\t$a0]{0,3}") {
        let mut text = EVERY_KEY.to_owned();
        text.insert_str(at, &with);
        let _ = load(&text, "f", &variable, &PROVIDERS);
        let _ = reference::compare(&text);
    }
}
