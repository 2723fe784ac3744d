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
