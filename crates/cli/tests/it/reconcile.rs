//! `voicegw reconcile`: the documented samples, the exit codes, what is kept and closed.

use crate::{
    ledger::{FIXED, PRICES, after, machine},
    machine::{Machine, Outcome},
};
use vg_core::{Line, Modality, Quantity, Source};
use vg_testkit::ledger::{line, priced, using};

const DAYS: &str = "--start 2026-02-03 --end 2026-02-04";

/// What three providers served; two models of OpenAI's, one of which the bill below does not have.
fn lines() -> Vec<Line> {
    use Source::{ProviderReported, WireMeasured};
    let mut all = Vec::new();
    for number in 0..4 {
        let chat = line(Modality::Llm, "openai/gpt-4o-mini", after(FIXED, number), 1);
        let chat = using(chat, Quantity::InputTokens, 100_000, ProviderReported);
        all.push(priced(
            using(chat, Quantity::OutputTokens, 22_500, ProviderReported),
            28_500_000_000,
            PRICES,
        ));
    }
    let other = line(Modality::Llm, "openai/gpt-4.1", after(FIXED, 10), 2);
    all.push(priced(using(other, Quantity::InputTokens, 1_000, ProviderReported), 2_000_000_000, PRICES));
    let heard = line(Modality::Stt, "deepgram/nova-3", after(FIXED, 20), 3);
    all.push(priced(
        using(heard, Quantity::AudioNanos, 7_000_000_000_000, ProviderReported),
        898_333_333_333,
        PRICES,
    ));
    let spoken = line(Modality::Tts, "cartesia/sonic-3", after(FIXED, 30), 4);
    all.push(priced(using(spoken, Quantity::Characters, 120_000, WireMeasured), 4_800_000_000_000, PRICES));
    all
}

fn with_bills() -> Machine {
    let machine = machine(lines());
    machine.write(
        "openai.csv",
        "model,input_tokens,output_tokens,n_requests,cost_usd\r\ngpt-4o-mini,400000,90000,4,0.114\r\n",
    );
    machine.write("deepgram.csv", "model,audio_seconds,n_requests,cost_usd\nnova-3,7200.5,1,1.924\n");
    let cartesia = r#"[{"model": "sonic-3", "characters": 120000, "credits": 120000, "n_requests": 1, "cost_usd": 4.8}]"#;
    machine.write("cartesia.json", cartesia);
    machine
}

fn run(machine: &Machine, provider: &str, file: &str, more: &str) -> Outcome {
    machine.run(&format!("reconcile --provider {provider} {DAYS} --provider-usage-file {file} {more}"))
}

#[test]
fn the_documented_samples_give_the_documented_table() {
    let machine = with_bills();
    let outcome = run(&machine, "openai", "openai.csv", "");
    let table = "\
Reconciliation (openai, 2026-02-03 to 2026-02-04)
Model                     VG tokens  Provider tokens     Δ%  VG cost  Prov cost        Δ$     Δ%
gpt-4.1 (no provider data)     1000.0                -      -  $0.0020          -         -      -
gpt-4o-mini                  490000.0         490000.0  +0.00  $0.1140    $0.1140  +$0.0000  +0.00
";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(&outcome.out).starts_with(&squeezed(table)), "{}", outcome.out);
    assert!(outcome.out.contains("(1 row(s) on one side only, not reconciled)"), "{}", outcome.out);
    assert!(outcome.out.contains("Unexplained: 0 tokens, 0.000000 USD"), "{}", outcome.out);
    assert_eq!(outcome.code, Some(0));
    let outcome = run(&machine, "cartesia", "cartesia.json", "--check");
    assert!(outcome.out.contains("Unexplained: 0 chars, 0.000000 USD"), "{}", outcome.out);
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn csv_and_json_have_the_documented_fields() {
    let machine = with_bills();
    let csv = "model,vg_units,provider_units,units_diff_abs,units_diff_pct,vg_cost_usd,provider_cost_usd,cost_diff_abs,\
               cost_diff_pct,matched_in_vg,matched_in_provider,flagged\r\n\
               nova-3,7000.0000,7200.5000,200.5000,2.7845,0.898333,1.924000,1.025667,53.3091,True,True,True\r\n";
    assert_eq!(run(&machine, "deepgram", "deepgram.csv", "-f csv").out, csv);
    let json = run(&machine, "deepgram", "deepgram.csv", "-f json").out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let period = serde_json::json!({"start": "2026-02-03", "end": "2026-02-04"});
    assert_eq!((&json["provider"], &json["period"]), (&"deepgram".into(), &period));
    let row = &json["rows"][0];
    let shown = [&row["vg_units"], &row["provider_units"], &row["vg_cost"], &row["provider_cost"]];
    assert_eq!(shown.map(|value| value.as_f64().unwrap()), [7000.0, 7200.5, 0.898333333333, 1.924]);
    assert_eq!((&json["flagged_count"], &json["one_sided_count"]), (&1.into(), &0.into()));
}

#[test]
fn only_a_check_fails_on_what_differs() {
    let machine = with_bills();
    let code = |more: &str| run(&machine, "deepgram", "deepgram.csv", more).code;
    assert_eq!([code(""), code("--check"), code("--check --threshold 60")], [Some(0), Some(3), Some(0)]);
    // A row on one side only is no match either.
    assert_eq!(run(&machine, "openai", "openai.csv", "--check").code, Some(3));
    let strict = with_bills().with_config("reconcile: { tolerances: { stt: 60 } }\n");
    assert_eq!(run(&strict, "deepgram", "deepgram.csv", "--check").code, Some(0));
}

#[test]
fn bad_input_is_named_with_its_place() {
    let machine = with_bills();
    machine.write("typo.csv", "model,input_tokens,output_tokens,cost_usd\ngpt-4o-mini,4e5,x,0.1\n");
    for (provider, file, said) in [
        ("openai", "typo.csv", "typo.csv:2:17: "),
        ("openai", "absent.csv", "failed to read"),
        ("cartesia", "openai.csv", "there is no column"),
        ("opnai", "openai.csv", "did you mean 'openai'"),
        ("ollama", "openai.csv", "no bill of `ollama` can be read"),
    ] {
        let outcome = run(&machine, provider, file, "");
        assert_eq!(outcome.code, Some(2), "{}", outcome.err);
        assert!(outcome.err.contains(said), "{said}: {}", outcome.err);
    }
    for wrong in ["--format pdf", "--threshold much"] {
        assert_eq!(run(&machine, "openai", "openai.csv", wrong).code, Some(2));
    }
    let off = Machine::new().with_config("cost_tracking: { enabled: false }\n");
    off.write("openai.csv", &machine.read("openai.csv"));
    assert_eq!(run(&off, "openai", "openai.csv", "").code, Some(1));
}

#[test]
fn a_period_is_kept_closed_and_corrected_once() {
    let machine = with_bills();
    assert_eq!(machine.run("reconcile history").out, "No reconciliation was kept.\n");
    assert!(run(&machine, "deepgram", "deepgram.csv", "").err.contains("kept as 1"));
    let history = machine.run("reconcile history").out;
    assert!(history.contains("deepgram") && history.contains("$1.9240"), "{history}");
    let open = machine.run("reconcile correct 1");
    assert_eq!(open.code, Some(1), "{}", open.err);
    assert!(open.err.contains("voicegw reconcile close 1"), "{}", open.err);
    assert_eq!(
        machine.run("reconcile close 1").out,
        "Closed deepgram from 2026-02-03 to 2026-02-04 on reconciliation 1\n"
    );
    for _ in 0..2 {
        assert_eq!(machine.run("reconcile correct 1").out, "Booked 1.025667 USD for deepgram/nova-3\n");
    }
    // The closed days stay as they were; the correction is of today, and no request.
    let costs: serde_json::Value = serde_json::from_str(&machine.run("costs --json").out).unwrap();
    assert_eq!((costs["total"].as_f64().unwrap() * 1e6).round(), 1_025_667.0, "{costs}");
    assert_eq!(costs["by_provider"]["deepgram"]["requests"], 0, "{costs}");
    assert!(run(&machine, "deepgram", "deepgram.csv", "").out.contains("$0.8983"));
    assert_eq!(machine.run("reconcile close 9").code, Some(1));
}
