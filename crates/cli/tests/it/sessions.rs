//! `voicegw sessions` and `voicegw sessions show`.

use crate::{
    ledger::{FIRST, FIXED, SECOND, lines, machine},
    machine::{Machine, Outcome},
};
use serde_json::{Value, json};

const TABLE: &str = "\
Session                                  Started              Duration  Project  Requests     Cost  Modalities
vg-22222222-2222-7222-8222-222222222222  2026-02-03 04:06:12        1s  other           2  $0.0000  stt, llm
vg-11111111-1111-7111-8111-111111111111  2026-02-03 04:05:06    1m 05s  default         4  $0.0017  stt, llm, tts
";

const SHOWN: &str = "\
Session vg-11111111-1111-7111-8111-111111111111
Project: default
Started: 2026-02-03 04:05:06
Duration: 1m 05s
Requests: 4
Cost: $0.001738
Providers: cartesia, deepgram, openai

Modality  Requests       Cost
stt              1  $0.000240
llm              2  $0.000098
tts              1  $0.001400

Turn  Time      Modality  Model                          Units       Cost   First  Latency  Status
   0  04:05:06  stt       deepgram/nova-3               3.00 s  $0.000240  1625ms   3250ms  success
   0  04:05:09  llm       openai/gpt-4.1-mini  120 + 35 tokens  $0.000087   205ms    410ms  success
   0  04:05:09  tts       cartesia/sonic-3            28 chars  $0.001400   617ms   1234ms  success
   1  04:06:11  llm       openai/gpt-4.1-mini     ? + 7 tokens  $0.000011    49ms     98ms  cancelled
";

#[test]
fn it_lists_the_newest_first() {
    let outcome = machine(lines(FIXED)).run("sessions");
    assert_eq!(outcome, Outcome { code: Some(0), out: TABLE.into(), err: String::new() });
}

#[test]
fn flags_choose_project_number_and_order() {
    let machine = machine(lines(FIXED));
    for (flags, ids) in [
        ("-p default", vec![FIRST]),
        ("-n 1", vec![SECOND]),
        ("--order oldest", vec![FIRST, SECOND]),
        ("--order dearest", vec![FIRST, SECOND]),
        ("--order cheapest -n 1", vec![SECOND]),
        ("-p none", vec![]),
    ] {
        let rows: Vec<Value> =
            serde_json::from_str(&machine.run(&format!("sessions --json {flags}")).out).unwrap();
        let found: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(found, ids, "{flags}");
    }
}

fn row() -> Value {
    json!({
        "id": FIRST,
        "project": "default",
        "started_at": "2026-02-03T04:05:06+00:00",
        "ended_at": "2026-02-03T04:06:11.098000+00:00",
        "modalities": ["stt", "llm", "tts"],
        "total_cost_usd": 0.0017384,
        "request_count": 4,
        "tenant_id": null,
        "agent_id": null,
        "routed_stt": null,
        "routed_llm": null,
        "routed_tts": null,
        "budget_ms": null,
        "budget_ms_used": null,
        "budget_overrun": null,
        "guardrails_active": null,
        "guardrails_bypassed": null,
        "guardrail_policy_snapshot": null,
        "unpriced_requests": 0,
    })
}

#[test]
fn json_is_the_body_of_the_sessions_routes() {
    let machine = machine(lines(FIXED));
    let list: Value = serde_json::from_str(&machine.run("sessions --json -p default").out).unwrap();
    assert_eq!(list, json!([row()]));
    let shown: Value =
        serde_json::from_str(&machine.run(&format!("sessions show --json {FIRST}")).out).unwrap();
    let mut detail = row();
    let more = json!({
        "by_modality": {
            "stt": {"cost": 0.00024, "request_count": 1},
            "llm": {"cost": 0.0000984, "request_count": 2},
            "tts": {"cost": 0.0014, "request_count": 1},
        },
        "providers": ["cartesia", "deepgram", "openai"],
        "guardrail_events": [],
    });
    detail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert_eq!(shown, detail);
}

#[test]
fn show_has_costs_and_requests_by_turn() {
    let machine = machine(lines(FIXED));
    let outcome = machine.run(&format!("sessions show {FIRST}"));
    assert_eq!(outcome, Outcome { code: Some(0), out: SHOWN.into(), err: String::new() });
    let out = machine.run(&format!("sessions show {SECOND}")).out;
    assert!(out.contains("Cost: $0.000000, without 1 unpriced request\n"), "{out}");
}

#[test]
fn an_unknown_session_exits_1() {
    let err = "error: there is no session `vg-none`\nhint: `voicegw sessions` lists them\n";
    let outcome = machine(lines(FIXED)).run("sessions show vg-none");
    assert_eq!(outcome, Outcome { code: Some(1), out: String::new(), err: err.into() });
    let outcome = Machine::new().with_config("{}\n").run("sessions show vg-none");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.ends_with(err), "{}", outcome.err);
}

#[test]
fn a_ledger_that_has_not_begun_has_no_sessions() {
    let outcome = Machine::new().with_config("{}\n").run("sessions --json");
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(0), "[]\n"));
}
