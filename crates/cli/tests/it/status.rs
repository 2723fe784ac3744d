//! `voicegw status`, and what every command says of a configuration.

use crate::machine::{Machine, Outcome};

const FILE: &str = "\
providers:
  deepgram: { api_key: \"${DG}\" }
  openai: { api_key: \"${OA}\" }
  cartesia: { enabled: false }
  whisper: {}
models:
  stt: { ears: { provider: deepgram, model: nova-3 }, other: { provider: deepgram, model: nova-2 } }
projects:
  acme: { name: Acme, providers: { openai: { api_key: own } } }
observability: { request_logging: false }
prices: { stale_after_days: 0 }
";

const TABLE: &str = "\
Provider  Configured  Models
deepgram  Yes         ears, other
openai    No API key
cartesia  Disabled
whisper   Yes
groq      Yes

Observability
Switch            State
latency_tracking  on
cost_tracking     on
request_logging   off
";

fn machine() -> Machine {
    Machine::new().with_config(FILE).with("DG", "k").with("GROQ_API_KEY", "k")
}

#[test]
fn it_shows_providers_switches_and_database() {
    let outcome = machine().run("status");
    let database = "[HOME]/.config/voicegateway/voicegw.db (not there yet; the first request makes it)";
    let head =
        format!("Configuration: voicegw.yaml\nProject: default\nDatabase: {database}\n\nProvider Status\n");
    let err = "hint: keys that are not set: `OA` for openai\n";
    assert_eq!(outcome, Outcome { code: Some(0), out: format!("{head}{TABLE}"), err: err.into() });
}

#[test]
fn a_projects_own_key_counts_for_it() {
    let outcome = machine().with("VOICEGW_DB_PATH", "/nowhere/x.db").run("status -p acme");
    assert!(outcome.out.contains("\nProject: acme\n"));
    assert!(outcome.out.contains("Database: /nowhere/x.db (not there yet"));
    assert!(outcome.out.contains("openai    Yes"), "{}", outcome.out);
}

#[test]
fn json_is_the_body_of_the_status_route() {
    let outcome = machine().run("status --json");
    let body: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    let source = &body["pricing"]["stt"]["source"];
    assert!(source.as_str().unwrap().starts_with("voice-prices@"));
    let provider = |configured: bool, kind: &str| serde_json::json!({"configured": configured, "type": kind});
    let expected = serde_json::json!({
        "providers": {
            "deepgram": provider(true, "cloud"),
            "openai": provider(false, "cloud"),
            "cartesia": provider(false, "cloud"),
            "whisper": provider(true, "local"),
            "groq": provider(true, "cloud"),
        },
        "model_count": 2,
        "project_count": 2,
        "pricing": {"llm": {"source": source}, "stt": {"source": source}, "tts": {"source": source}},
    });
    assert_eq!(body, expected);
}

#[test]
fn an_unknown_project_exits_1() {
    let outcome = machine().run("status --project acmee");
    let err = "error: there is no project `acmee`, did you mean 'acme'; projects: acme, default\n";
    assert_eq!(outcome, Outcome { code: Some(1), out: String::new(), err: err.into() });
}

#[test]
fn without_a_file_it_works_and_says_so() {
    let outcome = Machine::new().run("status");
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.out.starts_with("Configuration: none\nProject: default\n"));
    assert!(outcome.out.contains("assemblyai  No API key"));
    assert!(outcome.err.starts_with(
        "note: no configuration file found (looked for `voicegw.yaml`, \
         `[HOME]/.config/voicegateway/voicegw.yaml`, `/etc/voicegateway/voicegw.yaml`); \
         write one with `voicegw init`; the defaults hold\n"
    ));
}

#[test]
fn the_file_is_found_by_flag_then_variable_then_place() {
    let machine = Machine::new().with("VOICEGW_CONFIG", "~/named.yaml");
    machine.write(".config/voicegateway/voicegw.yaml", "default_project: home\n");
    machine.write("named.yaml", "default_project: named\n");
    machine.write("flag.yaml", "default_project: flag\n");
    assert!(machine.run("status -c flag.yaml").out.contains("Project: flag\n"));
    assert!(machine.run("status").out.contains("Project: named\n"));
    let machine = Machine::new();
    machine.write(".config/voicegateway/voicegw.yaml", "default_project: home\n");
    assert!(machine.run("status").out.contains("Project: home\n"));
    assert!(machine.with("VOICEGW_ACTIVE_PROJECT", "env").run("status").out.contains("Project: env\n"));
}

#[test]
fn a_named_file_that_is_missing_exits_1() {
    let outcome = Machine::new().run("status --config none.yaml");
    let err = "error: there is no configuration file `none.yaml`\nhint: write one with `voicegw init`\n";
    assert_eq!(outcome, Outcome { code: Some(1), out: String::new(), err: err.into() });
}

#[test]
fn a_file_that_does_not_load_lists_every_problem_and_exits_1() {
    let file = "providrs: {}\nprojects:\n  acme: { daily_budget: -1 }\n";
    let outcome = Machine::new().with_config(file).run("status");
    let err = "\
error: the configuration does not load
  providrs: unknown key (voicegw.yaml:1:1), did you mean 'providers'
  projects.acme.name: is required (voicegw.yaml:3:9)
  projects.acme.daily_budget: must be an amount in USD of at least 0, such as 25.50, not `-1` (voicegw.yaml:3:25)
";
    assert_eq!(outcome, Outcome { code: Some(1), out: String::new(), err: err.into() });
}

#[test]
fn sections_without_effect_and_odd_keys_are_told_on_stderr() {
    let file = "workers: { enabled: true }\nserve: { prot: 1 }\nprices: { stale_after_days: 0 }\n";
    let outcome = Machine::new().with_config(file).with("OPENAI_API_KEY", "k").run("status");
    assert_eq!(
        outcome.err,
        "warning: serve.prot: unknown key (voicegw.yaml:2:10), did you mean 'port'\n\
         note: accepted, without effect in this version: workers\n"
    );
}

/// A port that nothing listens on.
const NOWHERE: &str =
    "providers: { ollama: { base_url: \"http://127.0.0.1:9\" }, openai: { enabled: false } }";

#[test]
fn live_asks_what_can_be_used_and_exits_1_when_something_does_not_answer() {
    let outcome = Machine::new().with_config(NOWHERE).run("status --live");
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    let fix = "nothing answers there: start ollama, or set `providers.ollama.base_url`";
    assert!(outcome.out.contains("Live\n") && outcome.out.contains(fix), "{}", outcome.out);
    let outcome = Machine::new().with_config(NOWHERE).run("status --live --json");
    let body: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!((outcome.code, &body["providers"]["ollama"]["check"]["status"]), (Some(1), &"failed".into()));
    assert!(body["providers"]["openai"].get("check").is_none());
}
