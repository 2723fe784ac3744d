//! `voicegw logs`.

use crate::{
    ledger::{FIRST, FIXED, lines, machine},
    machine::{Machine, Outcome},
};
use serde_json::{Value, json};

const TABLE: &str = "\
Time      Project  Modality  Model                     Cost  Latency  Status
04:06:14  default  llm       openai/gpt-4.1-mini   unpriced     12ms  error
04:06:13  other    stt       whisper/base         $0.000000     40ms  success
04:06:12  other    llm       acme/odd, \"model\"     unpriced        -  success
04:06:11  default  llm       openai/gpt-4.1-mini  $0.000011     98ms  cancelled
04:05:09  default  tts       cartesia/sonic-3     $0.001400   1234ms  success
04:05:09  default  llm       openai/gpt-4.1-mini  $0.000087    410ms  success
04:05:06  default  stt       deepgram/nova-3      $0.000240   3250ms  success
";

#[test]
fn it_lists_the_newest_first() {
    let outcome = machine(lines(FIXED)).run("logs");
    assert_eq!(outcome, Outcome { code: Some(0), out: TABLE.into(), err: String::new() });
}

#[test]
fn each_flag_lets_through_its_own() {
    let machine = machine(lines(FIXED));
    let session = format!("--session {FIRST}");
    for (flags, numbers) in [
        ("-n 2", vec![7, 6]),
        ("-m stt", vec![6, 1]),
        ("-n 1 --modality stt", vec![6]),
        ("-p other", vec![6, 5]),
        (session.as_str(), vec![4, 3, 2, 1]),
        ("--status cancelled", vec![4]),
        ("--model openai/gpt-4.1-mini", vec![7, 4, 2]),
        ("--model openai/gpt-4.1-mini --status success", vec![2]),
        ("--session vg-none", vec![]),
    ] {
        let rows: Vec<Value> =
            serde_json::from_str(&machine.run(&format!("logs --json {flags}")).out).unwrap();
        // The last byte of the id is the number of the line.
        let found: Vec<i32> =
            rows.iter().map(|row| row["id"].as_str().unwrap()[35..].parse().unwrap()).collect();
        assert_eq!(found, numbers, "{flags}");
    }
    assert_eq!(machine.run("logs --session vg-none").err, "no requests were recorded that match\n");
}

#[test]
fn json_rows_hold_every_column_in_order_and_null_for_the_unknown() {
    let machine = machine(lines(FIXED));
    let text = machine.run("logs --json -n 7").out;
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let usage = json!({
        "input_tokens": null, "cached_input_tokens": null, "cache_write_tokens": null,
        "input_audio_tokens": null, "cached_audio_tokens": null, "output_tokens": null,
        "reasoning_tokens": null, "output_audio_tokens": null, "characters": null,
        "audio_seconds": 3.0, "output_audio_seconds": null, "sent_characters": null,
        "sent_audio_seconds": 3.02, "session_seconds": 4.0,
    });
    let sources = json!({
        "audio_seconds": "provider_reported",
        "sent_audio_seconds": "wire_measured",
        "session_seconds": "wire_measured",
    });
    let stt = json!({
        "id": "019c21ac-e950-7000-8101-010101010101",
        "timestamp": 1_770_091_506.0,
        "project": "default",
        "modality": "stt",
        "model_id": "deepgram/nova-3",
        "provider": "deepgram",
        "input_units": 0.05,
        "output_units": 0.0,
        "cached_input_units": 0.0,
        "cost_usd": 0.00024,
        "pricing_source": "voice-prices@1.2.3",
        "ttfb_ms": 1625.0,
        "total_latency_ms": 3250.0,
        "status": "success",
        "fallback_from": null,
        "error_message": null,
        "metadata": null,
        "session_id": FIRST,
        "tenant_id": null,
        "agent_id": null,
        "request_id": "019c21ac-e950-7000-8101-010101010101",
        "turn": 0,
        "sockets": 1,
        "probe": false,
        "price_book": "book",
        "cost_picos": 240_000_000,
        "usage": usage,
        "usage_sources": sources,
    });
    assert_eq!(rows[6], stt);
    // The text, not only the value: the order of the members is part of the shape.
    assert!(text.contains(&serde_json::to_string_pretty(&json!([stt])).unwrap()[2..]), "{text}");
    let units = |row: &Value| {
        ["input_units", "output_units", "cached_input_units", "cost_usd", "cost_picos"]
            .map(|key| row[key].clone())
    };
    assert_eq!(
        units(&rows[5]),
        [json!(120.0), json!(35.0), json!(64.0), json!(0.0000872), json!(87_200_000)]
    );
    assert_eq!(units(&rows[4]), [json!(28.0), json!(0.0), json!(0.0), json!(0.0014), json!(1_400_000_000)]);
    // A barge-in: what came is estimated, what went in is not known.
    assert_eq!(units(&rows[3]), [Value::Null, json!(7.0), Value::Null, json!(0.0000112), json!(11_200_000)]);
    assert_eq!(rows[3]["usage_sources"], json!({"output_tokens": "estimated"}));
    assert_eq!(units(&rows[1]), [json!(0.5 / 60.0), json!(0.0), json!(0.0), json!(0.0), json!(0)]);
    assert_eq!(units(&rows[0]), [Value::Null, Value::Null, Value::Null, Value::Null, Value::Null]);
    assert_eq!(
        (&rows[0]["error_message"], &rows[0]["session_id"]),
        (&json!("too many requests"), &Value::Null)
    );
}

#[test]
fn nothing_to_list_is_an_empty_array() {
    let outcome = Machine::new().with_config("{}\n").run("logs --json");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(0), "[]\n"));
    assert!(outcome.err.contains("does not exist yet"));
}

#[test]
fn wrong_words_exit_2() {
    for flags in ["-n 0", "-n many", "-m audio", "--status ok"] {
        let outcome = Machine::new().with_config("{}\n").run(&format!("logs {flags}"));
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{flags}");
    }
}
