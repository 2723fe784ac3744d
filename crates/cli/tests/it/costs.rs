//! `voicegw costs`.

use crate::{
    ledger::{PRICES, days, lines, machine, now},
    machine::{Machine, Outcome},
};
use serde_json::{Value, json};
use vg_core::{Line, Modality, UnixMicros};
use vg_testkit::ledger::{line, priced};

#[test]
fn it_sums_by_provider_and_model_dearest_first_and_counts_what_has_no_price() {
    let outcome = machine(lines(now())).run("costs");
    let today = chrono::Utc::now().format("%Y-%m-%d");
    let expected = Outcome {
        code: Some(0),
        out: "\
Cost Summary (today)
Total: $0.0017

By Provider
Provider      Cost  Requests
cartesia   $0.0014         1
deepgram   $0.0002         1
openai     $0.0001         3
whisper    $0.0000         1
acme      unpriced         1

By Model
Model                    Cost  Requests
cartesia/sonic-3      $0.0014         1
deepgram/nova-3       $0.0002         1
openai/gpt-4.1-mini   $0.0001         3
whisper/base          $0.0000         1
acme/odd, \"model\"    unpriced         1

Unpriced: 2 requests, in no sum (openai/gpt-4.1-mini 1; acme/odd, \"model\" 1)
Price sources: voice-prices@1.2.3, voicegateway-local
"
        .into(),
        err: format!(
            "\
hint: to see the unpriced ones: `voicegw logs --model openai/gpt-4.1-mini`
hint: no price is known of acme/odd, \"model\": write one into voicegw.yaml, `prices: {{ overrides: [{{ model: \"acme/odd, \\\"model\\\"\", input_mtok: USD, output_mtok: USD }}] }}`, or bring newer prices with `voicegw prices update FILE`
hint: to hold it against an invoice: `voicegw export-costs --start {today} --end {today}`
"
        ),
    };
    assert_eq!(outcome, expected);
}

#[test]
fn json_is_the_body_of_the_costs_route() {
    let machine = machine(lines(now()));
    let body: Value = serde_json::from_str(&machine.run("costs --json").out).unwrap();
    let source = &body["pricing_sources"]["stt"];
    assert!(source.as_str().unwrap().starts_with("voice-prices@"));
    let expected = json!({
        "period": "today",
        "project": null,
        "total": 0.0017384,
        "by_provider": {
            "cartesia": {"cost": 0.0014, "requests": 1},
            "deepgram": {"cost": 0.00024, "requests": 1},
            "openai": {"cost": 0.0000984, "requests": 3},
            "whisper": {"cost": 0.0, "requests": 1},
            "acme": {"cost": null, "requests": 1},
        },
        "by_model": {
            "cartesia/sonic-3": {"cost": 0.0014, "requests": 1, "pricing_source": PRICES},
            "deepgram/nova-3": {"cost": 0.00024, "requests": 1, "pricing_source": PRICES},
            "openai/gpt-4.1-mini": {"cost": 0.0000984, "requests": 3, "pricing_source": PRICES},
            "acme/odd, \"model\"": {"cost": null, "requests": 1, "pricing_source": ""},
            "whisper/base": {"cost": 0.0, "requests": 1, "pricing_source": "voicegateway-local"},
        },
        "by_project": {
            "default": {"cost": 0.0017384, "requests": 5},
            "other": {"cost": 0.0, "requests": 2},
        },
        "pricing_sources": {"llm": source, "stt": source, "tts": source},
        "unpriced_requests": 2,
    });
    assert_eq!(body, expected);
    let body: Value = serde_json::from_str(&machine.run("costs --json -p other").out).unwrap();
    assert_eq!(
        (&body["project"], &body["total"], &body["by_project"]),
        (&json!("other"), &json!(0.0), &json!({}))
    );
}

#[test]
fn a_week_is_seven_utc_days_and_a_month_thirty_of_which_month_wins() {
    let now = now();
    let midnight = UnixMicros(now.0 - now.0.rem_euclid(days(1)));
    let at = |day: i64, number| {
        let at = UnixMicros(midnight.0 - days(day));
        priced(line(Modality::Llm, "openai/gpt-4.1", at, number), 1_000_000_000_000, PRICES)
    };
    let just_before = UnixMicros(midnight.0 - 1);
    let yesterday = Line { started_at: just_before, ..at(0, 9) };
    let machine = machine([at(0, 1), yesterday, at(6, 2), at(7, 3), at(29, 4), at(30, 5)]);
    for (flags, heading) in [
        ("", "Cost Summary (today)\nTotal: $1.0000\n"),
        ("--week", "Cost Summary (week)\nTotal: $3.0000\n"),
        ("--month", "Cost Summary (month)\nTotal: $5.0000\n"),
        ("--week --month -p default", "Cost Summary (month, project default)\nTotal: $5.0000\n"),
    ] {
        let outcome = machine.run(&format!("costs {flags}"));
        assert!(outcome.out.starts_with(heading), "{flags}: {outcome:?}");
    }
}

#[test]
fn a_sum_of_unpriced_requests_alone_is_not_zero() {
    let machine = machine([line(Modality::Llm, "acme/model", now(), 1)]);
    assert!(machine.run("costs").out.starts_with("Cost Summary (today)\nTotal: unpriced\n"));
    let body: Value = serde_json::from_str(&machine.run("costs --json").out).unwrap();
    assert_eq!((&body["total"], &body["unpriced_requests"]), (&Value::Null, &json!(1)));
}

#[test]
fn a_ledger_that_has_not_begun_is_said_kindly() {
    let machine = Machine::new().with_config("prices: { stale_after_days: 0 }\n");
    let outcome = machine.run("costs");
    let path = "[HOME]/.config/voicegateway/voicegw.db";
    let expected = Outcome {
        code: Some(0),
        out: "Cost Summary (today)\nTotal: $0.0000\nNo requests were recorded.\n".into(),
        err: format!("note: `{path}` does not exist yet: no request was recorded\n"),
    };
    assert_eq!(outcome, expected);
    let body: Value = serde_json::from_str(&machine.run("costs --json").out).unwrap();
    assert_eq!((&body["total"], &body["by_model"]), (&json!(0.0), &json!({})));
}

#[test]
fn a_ledger_that_is_off_is_warned_of() {
    let machine = Machine::new().with_config("cost_tracking: { enabled: false }\n");
    let err = "\
warning: cost tracking is off, so there is no ledger to read
hint: set `cost_tracking.enabled: true` in the configuration, or name a file with VOICEGW_DB_PATH
";
    for command in ["costs", "logs", "sessions"] {
        let outcome = machine.run(command);
        assert_eq!(outcome, Outcome { code: Some(0), out: String::new(), err: err.into() }, "{command}");
    }
    assert_eq!(machine.run("logs --json").out, "[]\n");
    assert_eq!(machine.run("sessions --json").out, "[]\n");
    assert_eq!(machine.run("costs --json").code, Some(0));
}

#[test]
fn a_project_that_nobody_knows_is_doubted() {
    let machine = machine(lines(now()));
    for command in ["costs", "logs", "sessions"] {
        let outcome = machine.run(&format!("{command} -p defualt"));
        let doubt = "hint: no project `defualt` is configured, did you mean 'default'\n";
        assert!(outcome.code == Some(0) && outcome.err.ends_with(doubt), "{command}: {outcome:?}");
    }
}

#[test]
fn a_file_of_another_program_is_refused() {
    let machine = Machine::new().with_config("{}\n").with("VOICEGW_DB_PATH", "x.db");
    machine.write("x.db", "not a database");
    let outcome = machine.run("costs");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""));
    assert!(outcome.err.starts_with("error: `x.db` is not a database and is not touched"), "{}", outcome.err);
}

/// A minute of hearing at each of two prices, a minute that no book knows, and one without a price so far.
fn minutes() -> [Line; 5] {
    use vg_core::{AttemptId, Quantity, Source};
    let minute = |model: &str, number| {
        let line = line(Modality::Stt, model, now(), number);
        vg_testkit::ledger::using(line, Quantity::AudioNanos, 60_000_000_000, Source::ProviderReported)
    };
    let corrected = AttemptId::new(now(), [1; 10]);
    [
        priced(minute("deepgram/nova-3", 1), 4_800_000_000, PRICES),
        Line {
            metadata: Some(r#"{"language":"multi"}"#.into()),
            ..priced(minute("deepgram/nova-3", 2), 5_000_000_000, PRICES)
        },
        priced(minute("acme/ears", 3), 7_000_000_000, "voicegateway-override"),
        minute("elevenlabs/scribe_v2", 4),
        Line { corrects: Some(corrected), ..priced(minute("deepgram/nova-3", 5), -1_000_000_000, PRICES) },
    ]
}

#[test]
fn a_period_is_priced_again_and_the_ledger_stays() {
    let machine = machine(minutes());
    let before = machine.run("costs --json").out;
    let outcome = machine.run("costs --reprice embedded");
    let expected = "\
Costs by other prices (today)
Prices: voice-prices@0.11.0 (f0ff240c07847a3c)

Model                 Requests   Recorded   Repriced  Difference
elevenlabs/scribe_v2         1  $0.000000  $0.003667   $0.003667
deepgram/nova-3              2  $0.009800  $0.010600   $0.000800
Total                        3  $0.009800  $0.014267   $0.004467

Newly priced: 1 request without a price in the ledger
Not repriced: 2 requests, recorded at $0.006000, in no sum (deepgram/nova-3 1; acme/ears 1)
";
    assert_eq!(outcome, Outcome { code: Some(0), out: expected.into(), err: String::new() });

    // What is agreed on counts for new requests, and for a period by the prices of today.
    machine.write(
        "voicegw.yaml",
        "prices: { stale_after_days: 0, overrides: [{ model: deepgram/*, discount: 50% }, { model: acme/ears, input_audio_kseconds: 0.1 }] }",
    );
    let body: Value = serde_json::from_str(&machine.run("costs --reprice current --json").out).unwrap();
    let model = |requests, recorded, repriced, difference: f64, missed: u64, missed_cost: f64| {
        json!({"requests": requests, "recorded": recorded, "repriced": repriced, "difference": difference,
               "newly_priced": 0, "not_repriced": missed, "not_repriced_cost": missed_cost})
    };
    assert_eq!(body["by_model"]["deepgram/nova-3"], model(2, 0.0098, 0.0053001, -0.0044999, 1, -0.001));
    assert_eq!(body["by_model"]["acme/ears"], model(1, 0.007, 0.006, -0.001, 0, 0.0));
    assert_eq!((&body["period"], &body["requests"]), (&json!("today"), &json!(4)));

    assert_eq!(machine.run("costs --json").out, before);
    let missing = machine.run("costs --reprice nowhere.json");
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("error: failed to read the price book `nowhere.json`"), "{}", missing.err);
}
