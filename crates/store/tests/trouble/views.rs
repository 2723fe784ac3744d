//! What other tools see: the views, and the rules of the ledger's table.

use crate::{
    PATIENCE, Place, append,
    lines::{HOUR, MIDNIGHT, SECOND, at, line},
    sqlite3,
};
use std::{path::Path, process::Command, sync::Arc};
use vg_core::{AttemptId, Kind, Line, LineError, Modality, Money, Quantity, Source, Status, Usage};

fn place_with(lines: impl IntoIterator<Item = Line>) -> Place {
    let place = Place::new();
    let writer = place.writer();
    append(&writer, lines);
    writer.close(PATIENCE);
    place
}

fn columns(database: &Path, view: &str) -> String {
    sqlite3(database, &format!("SELECT group_concat(name, ' ') FROM pragma_table_info('{view}')"))
}

#[test]
fn the_views_have_the_columns_other_tools_select() {
    let place = place_with([line(1, at(0))]);
    let mut of_sessions: Vec<String> =
        columns(&place.database(), "sessions").split(' ').map(str::to_owned).collect();
    of_sessions.sort_unstable();
    let mut expected: Vec<&str> = "id project started_at ended_at modalities total_cost_usd request_count \
        talk_time_seconds per_minute_cost_usd response_speed_p50_ms response_speed_p95_ms talk_over_rate \
        replay_size_bytes tenant_id agent_id budget_ms budget_ms_used budget_overrun routed_llm routed_tts \
        guardrails_active guardrails_bypassed guardrail_policy_snapshot_json routed_stt"
        .split_whitespace()
        .collect();
    expected.sort_unstable();
    assert_eq!(of_sessions, expected);
    assert_eq!(
        columns(&place.database(), "requests"),
        "id timestamp project modality model_id provider input_units output_units cached_input_units cost_usd \
         pricing_source ttfb_ms total_latency_ms status fallback_from error_message metadata session_id tenant_id \
         agent_id"
    );
    assert_eq!(
        columns(&place.database(), "daily_costs"),
        "day modality model_id provider request_count total_cost avg_ttfb avg_latency"
    );
    assert_eq!(
        columns(&place.database(), "project_daily_costs"),
        "project day modality model_id request_count total_cost avg_ttfb"
    );
}

#[test]
fn requests_are_in_the_units_of_their_modality() {
    let heard = Usage::UNKNOWN.with(Quantity::AudioNanos, 90_000_000_000, Source::WireMeasured);
    let spoken = Usage::UNKNOWN.with(Quantity::Characters, 42, Source::WireMeasured);
    let error = LineError { kind: Kind::RateLimited, status: Some(429), message: Arc::from("slow down") };
    let place = place_with([
        Line { modality: Modality::Stt, usage: heard, ..line(1, at(0)) },
        Line { modality: Modality::Tts, usage: spoken, cost: None, ..line(2, at(SECOND)) },
        Line { usage: Usage::UNKNOWN, status: Status::Error, error: Some(error), ..line(3, at(2 * SECOND)) },
        line(4, at(3 * SECOND)),
    ]);
    let select = "SELECT modality, input_units, output_units, cached_input_units, cost_usd, status, error_message \
                  FROM requests";
    assert_eq!(
        sqlite3(&place.database(), select),
        "stt|1.5|0.0|0.0|2.7e-05|success|\ntts|42.0|0.0|0.0||success|\nllm||||2.7e-05|error|slow down\n\
         llm|100.0|20.0||2.7e-05|success|"
    );
    let first = "SELECT id, timestamp, ttfb_ms, total_latency_ms FROM requests LIMIT 1";
    let seconds = MIDNIGHT / SECOND;
    assert_eq!(
        sqlite3(&place.database(), first),
        format!("{}|{seconds}.0|200.0|900.0", line(1, at(0)).attempt_id)
    );
}

#[test]
fn days_are_utc_and_unknown_costs_are_not_zero() {
    let unpriced =
        |number, instant| Line { cost: None, pricing_source: Arc::from(""), ..line(number, instant) };
    let place = place_with([
        line(1, at(0)),
        unpriced(2, at(24 * HOUR - 1)),
        unpriced(3, at(24 * HOUR)),
        Line { ttfb_micros: None, session_id: Some(Arc::from("vg-1")), ..line(4, at(SECOND)) },
    ]);
    let days = "SELECT day, request_count, total_cost, avg_ttfb, avg_latency FROM daily_costs";
    assert_eq!(
        sqlite3(&place.database(), days),
        "2026-03-01|3|5.4e-05|200.0|900.0\n2026-03-02|1||200.0|900.0"
    );
    let sessions = "SELECT id, started_at, ended_at, modalities, total_cost_usd, request_count FROM sessions";
    assert_eq!(
        sqlite3(&place.database(), sessions),
        "vg-1|2026-03-01T00:00:01.000000+00:00|2026-03-01T00:00:02.000000+00:00|llm|2.7e-05|1"
    );
}

#[test]
fn a_routed_session_shows_its_route_and_how_much_of_its_budget_it_took() {
    let told = r#"{"routed":{"stt":"deepgram/nova-3","llm":"groq/a","tts":null,"budget_ms":900,"budget_overrun":false}}"#;
    let of = |id: &str, line: Line| Line { session_id: Some(Arc::from(id)), ..line };
    let place = place_with([
        of("vg-1", Line { metadata: Some(told.into()), ..line(1, at(0)) }),
        of("vg-1", Line { modality: Modality::Tts, ttfb_micros: Some(50_500), ..line(2, at(0)) }),
        of("vg-2", line(3, at(0))),
    ]);
    let select = "SELECT id, routed_stt, routed_llm, routed_tts, budget_ms, budget_ms_used, budget_overrun FROM sessions";
    assert_eq!(sqlite3(&place.database(), select), "vg-1|deepgram/nova-3|groq/a||900|250.5|0\nvg-2||||||");
}

#[test]
fn the_ledger_refuses_changes_and_lets_go_only_of_what_lies_before_its_horizon() {
    let place = place_with([line(1, at(0)), Line { cost: Some(Money(1)), ..line(2, at(HOUR)) }]);
    let refused = |statement: &str| {
        let output = Command::new("sqlite3").arg(place.database()).arg(statement).output().unwrap();
        String::from_utf8_lossy(&output.stderr).contains("append-only")
    };
    assert!(refused("UPDATE ledger SET cost_picos = 0"));
    assert!(refused("DELETE FROM ledger"));
    let bound = AttemptId::first_at(at(HOUR)).to_string().replace('-', "");
    let horizon = format!("INSERT INTO ledger_horizon VALUES (x'{bound}', 0)");
    sqlite3(&place.database(), &format!("{horizon}; DELETE FROM ledger WHERE attempt_id < x'{bound}'"));
    assert!(refused("DELETE FROM ledger"));
    assert_eq!(sqlite3(&place.database(), "SELECT count(*) FROM ledger"), "1");
}
