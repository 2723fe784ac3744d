//! `voicegw prices`.

use crate::machine::{Machine, Outcome};

#[test]
fn calc_answers_every_line_and_fails_if_one_was_not_valid() {
    let good = concat!(
        r#"{"id":1,"model_ref":"nova-3","provider_id":"deepgram","usage":{"audio_input_seconds":"60"}}"#,
        "\n",
        r#"{"id":2,"model_ref":"nope","provider_id":"deepgram","usage":{}}"#,
        "\n",
    );
    let answers = concat!(
        r#"{"id":1,"provider":"deepgram","model":"nova-3","model_provider":"deepgram","price_index":null,"total":"0.0048","input":"0.0048","output":"0","parts":{"input_audio_kseconds":"0.0048"},"raw":["0.0048","0.0048","0"],"voice_multiplier":null,"unpriced":[],"warned":false}"#,
        "\n",
        r#"{"id":2,"error":"LookupError","message":"Unable to find model with model_ref='nope' in deepgram"}"#,
        "\n",
    );
    let machine = Machine::new();
    // No price is an answer.
    let outcome = machine.run_with_answer("prices calc --jsonl", good);
    assert_eq!(outcome, Outcome { code: Some(0), out: answers.into(), err: String::new() });

    let mixed = format!("\n{{\"id\":0,\"model_ref\":7}}\nnonsense\n{good}");
    let refusals = concat!(
        r#"{"id":0,"error":"InvalidLine","message":"line 2: `model_ref`: invalid type: integer `7`, expected a string at line 1 column 1"}"#,
        "\n",
        r#"{"error":"InvalidLine","message":"line 3: not a valid line: expected ident at line 1 column 2"}"#,
        "\n",
    );
    let outcome = machine.run_with_answer("prices calc --jsonl", mixed.trim_end());
    assert_eq!(outcome, Outcome { code: Some(1), out: format!("{refusals}{answers}"), err: String::new() });
    assert_eq!(machine.run("prices calc").code, Some(2));
}

#[test]
fn show_explains_a_price() {
    let outcome = Machine::new().run("prices show anthropic/claude-sonnet-4-6 --at 2026-03-01T00:00:00Z");
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = outcome.out.lines().collect();
    assert_eq!(lines.first(), Some(&"anthropic/claude-sonnet-4-6"));
    let has = |wanted: &str| {
        lines.iter().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == wanted)
    };
    assert!(has("input 3 1M tokens otherwise (in force)"), "{}", outcome.out);
    assert!(has("input, prompt above 200000 tokens 6 1M tokens otherwise (in force)"), "{}", outcome.out);
    assert!(has("output 15 1M tokens from 2026-03-13"), "{}", outcome.out);

    let json = Machine::new().run("prices show sonic-3 --json");
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(value.pointer("/blocks/0/rates/0/usd"), Some(&"50".into()));
    assert_eq!(value.pointer("/blocks/0/voice_multipliers/1/multiplier"), Some(&"1.5".into()));
}

#[test]
fn show_says_what_is_wrong() {
    let unknown = Machine::new().run("prices show openai/gpt-nope");
    assert_eq!(
        unknown,
        Outcome {
            code: Some(1),
            out: String::new(),
            err: "error: Unable to find model with model_ref='gpt-nope' in openai\n\
                  hint: write the model as PROVIDER/MODEL, with the provider's own name for it, e.g. deepgram/nova-3\n"
                .into(),
        }
    );
    assert_eq!(Machine::new().run("prices show gpt-4o --at noon").code, Some(2));
}

/// A price book of one model of Deepgram, whose price is the argument.
fn book(version: &str, price: &str) -> String {
    format!(
        r#"{{"version": "{version}", "providers": [{{"id": "deepgram", "api_pattern": "x", "models": [
            {{"id": "nova-3", "match": {{"equals": "nova-3"}}, "prices": {{"input_audio_kseconds": "{price}"}}}}]}}]}}"#
    )
}

const QUIET: &str = "prices: { stale_after_days: 0 }\n";

#[test]
fn list_shows_prices_as_people_compare_them() {
    let machine = Machine::new().with_config(QUIET);
    let outcome = machine.run("prices list --provider deepgram --modality stt");
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    let has = |wanted: &str| {
        outcome
            .out
            .lines()
            .any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(wanted))
    };
    assert!(has("deepgram/nova-3 0.0048 per minute 2026-05-28"), "{}", outcome.out);
    assert!(
        has("deepgram/flux-general-multi 0.0078 per minute 2026-11-04, voicegateway-supplement@2026-11-21"),
        "{}",
        outcome.out
    );
    assert!(!has("deepgram/aura-2") && has("11 models. Price data: voice-prices@0.11.0"), "{}", outcome.out);
    let all = machine.run("prices list").out;
    let line = |name: &str| all.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("openai/gpt-4.1-mini").contains("input 0.4, cached input 0.1, output 1.6 per 1M tokens"));
    assert!(line("anthropic/claude-sonnet-4-5").contains("input 3 (6 above 200000 tokens)"));
    assert!(line("elevenlabs/scribe_v1 ").contains("unpriced"));

    let rows: serde_json::Value =
        serde_json::from_str(&machine.run("prices list --provider cartesia -m tts --json").out).unwrap();
    assert_eq!(rows.pointer("/0/rates/0/usd"), Some(&"50".into()));
    assert_eq!(rows.pointer("/0/modality"), Some(&"tts".into()));
    let unknown = machine.run("prices list --provider deepgrm");
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("no provider `deepgrm`, did you mean 'deepgram'"), "{}", unknown.err);
}

#[test]
fn diff_shows_both_figures_of_what_changed() {
    let machine = Machine::new();
    machine.write("old.json", &book("1", "0.08"));
    machine.write("new.json", &book("2", "0.1"));
    let outcome = machine.run("prices diff new.json --against old.json");
    let lines: Vec<&str> = outcome.out.lines().collect();
    assert!(
        lines[0].starts_with("voice-prices@1 (") && lines[0].contains(" -> voice-prices@2 ("),
        "{}",
        outcome.out
    );
    assert_eq!(
        lines[1..],
        [
            "Model            Change   Charged      Before  After  Per",
            "deepgram/nova-3  changed  audio input  0.0048  0.006  minute",
            "0 models added, 0 removed, 1 changed, 0 as before",
        ],
        "{}",
        outcome.out
    );
    let against_force = machine.run("prices diff new.json --json");
    let body: serde_json::Value = serde_json::from_str(&against_force.out).unwrap();
    assert_eq!(body["before"], "voice-prices@0.11.0");
    assert_eq!(body["changes"].as_array().unwrap().len(), 1469);
}

#[test]
fn update_installs_a_book_for_every_process_and_takes_it_away_again() {
    let machine = Machine::new().with_config(QUIET).with("VOICEGW_DB_PATH", "~/shop.db");
    machine.write("new.json", &book("2", "0.1"));
    let source = || {
        let body: serde_json::Value = serde_json::from_str(&machine.run("status --json").out).unwrap();
        body.pointer("/pricing/stt/source").unwrap().as_str().unwrap().to_owned()
    };
    let dry = machine.run("prices update new.json --dry-run");
    assert!(
        dry.out.ends_with("Nothing was changed. It would be installed at [HOME]/shop.prices.json\n"),
        "{}",
        dry.out
    );
    assert_eq!(source(), "voice-prices@0.11.0");

    let done = machine.run("prices update new.json");
    assert!(done.out.contains("Installed voice-prices@2 (") && done.code == Some(0), "{done:?}");
    assert_eq!(source(), "voice-prices@2");
    assert!(machine.run("prices show deepgram/nova-3").out.contains("0.006"));

    // What is refused changes nothing.
    machine.write("bad.json", &book("3", "-1"));
    let refused = machine.run("prices update bad.json");
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
    assert_eq!(
        refused.err,
        "error: `bad.json` is not used: price book refused: provider `deepgram`, model `nova-3`, field `prices`, \
         field `input_audio_kseconds`, `-1` is below zero\n"
    );
    machine.write("empty.json", "[]");
    assert_eq!(
        machine.run("prices update empty.json").err,
        "error: `empty.json` is not used: it has no models\n"
    );
    assert_eq!(source(), "voice-prices@2");

    let removed = machine.run("prices update --remove");
    assert!(removed.out.contains("Removed [HOME]/shop.prices.json; voice-prices@0.11.0"), "{}", removed.out);
    assert_eq!(source(), "voice-prices@0.11.0");
    assert!(machine.run("prices update --remove").out.contains("No price book is installed"));
    assert_eq!(machine.run("prices update").code, Some(2));
}

#[test]
fn an_installed_book_that_went_bad_is_warned_of_and_a_named_one_is_refused() {
    let machine = Machine::new().with_config(QUIET).with("VOICEGW_DB_PATH", "~/shop.db");
    machine.write("shop.prices.json", "no book");
    let status = machine.run("status");
    assert_eq!(status.code, Some(0));
    assert!(
        status.err.contains("warning: the embedded prices hold: `[HOME]/shop.prices.json` is not used"),
        "{}",
        status.err
    );
    machine.write("voicegw.yaml", "prices: { book: shop.prices.json }\n");
    let refused = machine.run("status");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.starts_with("error: `prices.book` names no usable price book"), "{}", refused.err);
    machine.write("shop.prices.json", &book("7", "0.1"));
    let body: serde_json::Value = serde_json::from_str(&machine.run("status --json").out).unwrap();
    assert_eq!(body.pointer("/pricing/llm/source"), Some(&"voice-prices@7".into()));
}

#[test]
fn override_lists_what_was_agreed_and_checks_a_model() {
    let machine = Machine::new();
    let none = machine.run("prices override");
    assert!(none.out.starts_with("No price of project default is overridden."), "{none:?}");
    machine.write(
        "voicegw.yaml",
        "
prices:
  overrides:
    - { model: deepgram/*, from: 2000-01-01, discount: 25%, reason: volume }
projects:
  shop:
    name: Shop
    prices:
      overrides:
        - { model: openai/gpt-4.1, from: 2000-01-01, until: 2000-12-31, output_mtok: 6 }
",
    );
    let listed = machine.run("prices override -p shop");
    assert_eq!(
        listed.out,
        "\
Price           Agreed         From        Until       State     Written for   Reason
openai/gpt-4.1  output_mtok 6  2000-01-01  2000-12-31  over      project shop
deepgram/*      25 % off       2000-01-01  -           in force  all projects  volume
"
    );
    let checked = machine.run("prices override deepgram/nova-3 --on 2026-03-01");
    let lines: Vec<&str> = checked.out.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "deepgram/nova-3, project default, 2026-03-01",
            "Override: deepgram/*, 25 % off, from 2000-01-01",
            "Charged        List    Paid  Per",
            "audio input  0.0048  0.0036  minute",
        ]
    );
    assert!(lines[4].starts_with("Lines will say: voice-prices@0.11.0+override ("), "{}", checked.out);
    let then = machine.run("prices override openai/gpt-4.1 -p shop --on 2000-06-01").out;
    let has = |wanted: &str| then.lines().any(|line| line.split_whitespace().eq(wanted.split(' ')));
    assert!(has("output 8 6 1M tokens") && has("input 2 2 1M tokens"), "{then}");
    let unknown = machine.run("prices override acme/voice");
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("no list has a price of `acme/voice`"), "{}", unknown.err);
    assert_eq!(machine.run("prices override openai/gpt-4.1 --on monday").code, Some(2));
}

#[test]
fn a_book_older_than_the_owner_allows_is_warned_of() {
    let machine = Machine::new().with_config("prices: { stale_after_days: 1 }\n");
    for command in ["status", "costs", "prices list --provider deepgram"] {
        let err = machine.run(command).err;
        assert!(
            err.contains("warning: no price of voice-prices@0.11.0 was verified since 2026-09-23, "),
            "{command}: {err}"
        );
    }
    machine.write("voicegw.yaml", QUIET);
    assert!(!machine.run("status").err.contains("was verified since"));
}
