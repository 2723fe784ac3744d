//! `voicegw route show` and `voicegw route simulate`.

use crate::{
    ledger::{FIRST, FIXED, after, days, now},
    machine::{Machine, Outcome},
};
use serde_json::{Value, json};
use std::time::Duration;
use vg_core::{Line, Modality, Routed, UnixMicros};
use vg_testkit::ledger::{in_session, lasting, line, write};

const CONFIG: &str = "
models:
  llm: {nano: {provider: openai, model: gpt-4.1-nano}}
projects:
  acme:
    name: Acme
    routing:
      rosters:
        stt: [assemblyai/universal-streaming, deepgram/nova-3]
        llm: [openai, groq/llama-3.1-8b-instant]
        tts: ['elevenlabs/eleven_flash_v2_5:ada', cartesia/sonic-3]
  strict:
    name: Strict
    routing: {budget_ms: 400, fallback_to_fastest: false, rosters: {stt: [openai/whisper-1], llm: [openai], tts: [openai/tts-1]}}
  bare: {name: Bare}
";

/// A machine whose ledger holds these lines.
fn machine(lines: impl IntoIterator<Item = Line>) -> Machine {
    let machine = Machine::new().with_config(CONFIG).with("VOICEGW_DB_PATH", "~/x.db");
    write(&machine.path("x.db"), lines);
    machine
}

/// A chat of `acme` whose first token came after so many milliseconds.
fn chat(model_id: &str, at: UnixMicros, number: u8, first_ms: u64) -> Line {
    let chat = lasting(line(Modality::Llm, model_id, at, number), Duration::from_millis(2 * first_ms));
    Line { project: "acme".into(), ..chat }
}

/// Groq was slow today, and faster than anybody three days ago.
fn lines() -> Vec<Line> {
    let today = now();
    let slow = (1..=4).map(|number| chat("groq/llama-3.1-8b-instant", today, number, 800));
    let past = UnixMicros(today.0 - days(3));
    slow.chain([chat("groq/llama-3.1-8b-instant", past, 9, 1)]).collect()
}

const SIMULATED: &str = "\
Modality  Model             Predicted  By
stt       deepgram/nova-3       250ms  the provider's published median
llm       nano                  300ms  the provider's published median
tts       cartesia/sonic-3      150ms  the provider's published median
Total: 700ms, within the budget of 1500ms
";

#[test]
fn simulate_goes_by_the_day_and_by_published_medians() {
    let machine = machine(lines());
    let outcome = machine.run("route simulate acme");
    assert_eq!(outcome, Outcome { code: Some(0), out: SIMULATED.into(), err: String::new() });
    let of_the_day = machine.run("route simulate acme --llm groq/llama-3.1-8b-instant").out;
    assert!(of_the_day.contains("the median of the last 24 hours\n"), "{of_the_day}");
}

#[test]
fn simulate_json_has_five_keys_and_a_provider_means_its_first_model() {
    let machine = machine([]);
    let answer = |flags: &str| -> Value {
        serde_json::from_str(&machine.run(&format!("route simulate acme --json {flags}")).out).unwrap()
    };
    let expected = json!({"stt": "deepgram/nova-3", "llm": "nano", "tts": "cartesia/sonic-3", "predicted_ms": 700.0,
        "budget_overrun": false});
    assert_eq!(answer("--llm openai"), expected);
    assert_eq!(answer("")["llm"], "groq/llama-3.1-8b-instant");
    let slow = answer("--stt openai/whisper-1 --llm anthropic/claude-haiku-4-5 --tts openai/tts-1");
    assert_eq!((&slow["predicted_ms"], &slow["budget_overrun"]), (&json!(1450.0), &json!(false)));
}

#[test]
fn no_route_and_no_project_exit_1() {
    let machine = machine([]);
    for (line, said) in [
        ("route simulate strict", "over the budget of 400 ms"),
        ("route simulate bare", "`projects.bare.routing.rosters.stt`"),
        ("route simulate acme --llm nobody", "`nobody` is not a model"),
        ("route simulate acme --stt whisper/base", "nothing is known of how fast whisper/base is for stt"),
        ("route simulate acmee", "there is no project `acmee`, did you mean 'acme'"),
        ("route show none", "there is no project `none`"),
    ] {
        let outcome = machine.run(line);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{line}");
        assert!(outcome.err.contains(said), "{line}: {}", outcome.err);
    }
    let off = Machine::new().with_config("cost_tracking: {enabled: false}\n").run("route show default");
    assert_eq!(
        (off.code, off.err.starts_with("error: the ledger is off\nhint: ")),
        (Some(1), true),
        "{}",
        off.err
    );
}

const SHOWN: &str = "\
Routing of acme
Budget: 1500 ms
Candidates for stt: assemblyai/universal-streaming, deepgram/nova-3
Candidates for llm: openai, groq/llama-3.1-8b-instant
Candidates for tts: elevenlabs/eleven_flash_v2_5:ada, cartesia/sonic-3

Modality  Provider  Model                      P50 ms  P95 ms  Samples
";

#[test]
fn show_has_budget_candidates_and_what_was_observed() {
    let machine = machine(lines());
    let outcome = machine.run("route show acme");
    let row = outcome.out.strip_prefix(SHOWN).unwrap_or_else(|| panic!("{}", outcome.out));
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(
        (cells[0], cells[1], cells[2], cells[5]),
        ("llm", "groq", "groq/llama-3.1-8b-instant", "4"),
        "{row}"
    );
    let json: Value = serde_json::from_str(&machine.run("route show acme --json").out).unwrap();
    assert_eq!((&json["project_id"], &json["budget_ms"]), (&json!("acme"), &json!(1500)));
    assert_eq!(json["rosters"]["llm"], json!(["openai", "groq/llama-3.1-8b-instant"]));
    let seen = &json["observations"][0];
    assert_eq!((&seen["sample_count"], &seen["modality"]), (&json!(4), &json!("llm")));
    for name in ["p50_ms", "p95_ms"] {
        assert!((seen[name].as_f64().unwrap() - 800.0).abs() <= 8.0, "{seen}");
    }
    assert!(machine.run("route show bare").err.contains("published medians hold"));
}

#[test]
fn a_routed_conversation_shows_its_route() {
    let routed = Routed {
        stt: Some("deepgram/nova-3".into()),
        llm: Some("nano".into()),
        tts: None,
        budget_ms: 900,
        budget_overrun: true,
    };
    let told = json!({Routed::FACT: routed}).to_string();
    let first = Line { metadata: Some(told.into()), ..chat("openai/gpt-4.1-nano", FIXED, 1, 200) };
    let second = chat("openai/gpt-4.1-nano", after(FIXED, 5_000), 2, 301);
    let machine = machine([in_session(first, FIRST, 0), in_session(second, FIRST, 1)]);
    let shown = machine.run(&format!("sessions show {FIRST}")).out;
    assert!(
        shown.contains("\nRouted to: deepgram/nova-3, nano\nLatency budget: 900ms, used: 250ms\n"),
        "{shown}"
    );
    let json: Value = serde_json::from_str(&machine.run("sessions --json").out).unwrap();
    let row = &json[0];
    assert_eq!((&row["routed_llm"], &row["routed_tts"]), (&json!("nano"), &Value::Null));
    assert_eq!(
        (&row["budget_ms"], &row["budget_ms_used"], &row["budget_overrun"]),
        (&json!(900), &json!(250.5), &json!(true))
    );
}
