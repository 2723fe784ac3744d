//! The texts of the statements that write many rows at once, each made once from constant column lists. No value
//! ever becomes text.

use crate::columns::COLUMNS;
use std::sync::LazyLock;
use vg_core::Quantity;

/// How many rows one statement of each kind inserts; a batch is cut into these. Few widths keep the statements
/// few, wide ones keep the round trips to the connection's thread few.
pub(super) const WIDTHS: [usize; 4] = [512, 64, 8, 1];

/// One text per width.
pub(super) struct Insert {
    texts: [String; WIDTHS.len()],
}

impl Insert {
    fn new(table: &str, columns: &[&str], conflict: &str) -> Insert {
        let row = format!("({})", vec!["?"; columns.len()].join(","));
        let columns = columns.join(",");
        let text = |width| {
            let rows = vec![row.as_str(); width].join(",");
            format!("INSERT INTO {table} ({columns}) VALUES {rows} ON CONFLICT {conflict}")
        };
        Insert { texts: WIDTHS.map(text) }
    }

    /// The widest statement for at most `rows` rows, and how many it takes.
    pub(super) fn widest(&'static self, rows: usize) -> (&'static str, usize) {
        let fitting = WIDTHS.iter().zip(&self.texts).find(|(width, _)| **width <= rows);
        fitting.map_or(("", 0), |(width, text)| (text.as_str(), *width))
    }

    /// The statement for a single row.
    pub(super) fn single(&'static self) -> &'static str {
        self.widest(1).0
    }
}

/// What a sum becomes when a batch adds to it: at most the largest integer, where SQLite would turn to floats.
fn added(column: &str) -> String {
    format!("{column} = min(9223372036854775807, {column} + excluded.{column})")
}

/// The same for a sum that is NULL until something is known.
fn added_if_known(column: &str) -> String {
    format!(
        "{column} = coalesce(min(9223372036854775807, {column} + excluded.{column}), {column}, excluded.{column})"
    )
}

/// Appends lines; one that is there already is left as it is.
pub(super) static LEDGER: LazyLock<Insert> = LazyLock::new(|| {
    let columns: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    Insert::new("ledger", &columns, "(attempt_id) DO NOTHING")
});

/// All columns of the ledger, for reading lines back.
pub(super) static LINE_COLUMNS: LazyLock<String> =
    LazyLock::new(|| COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(","));

/// Adds to the hourly sums.
pub(super) static ROLLUPS: LazyLock<Insert> = LazyLock::new(|| {
    let sums = [
        "request_count",
        "unpriced_count",
        "used_count",
        "cost_picos",
        "ttfb_count",
        "ttfb_micros",
        "latency_count",
        "latency_micros",
    ];
    let quantities = Quantity::ALL.map(Quantity::as_str);
    let columns: Vec<&str> = ["hour", "series_id"].into_iter().chain(sums).chain(quantities).collect();
    let updates: Vec<String> =
        sums.iter().map(|column| added(column)).chain(quantities.map(added_if_known)).collect();
    Insert::new("rollups", &columns, &format!("(hour, series_id) DO UPDATE SET {}", updates.join(",")))
});

/// Adds to the sums of sessions.
pub(super) static SESSIONS: LazyLock<Insert> = LazyLock::new(|| {
    let routed = ["routed_stt", "routed_llm", "routed_tts", "budget_ms", "budget_overrun"];
    let sums = [
        "error_count",
        "stt_request_count",
        "stt_unpriced_count",
        "stt_cost_picos",
        "stt_ttfb_count",
        "stt_ttfb_micros",
        "llm_request_count",
        "llm_unpriced_count",
        "llm_cost_picos",
        "llm_ttfb_count",
        "llm_ttfb_micros",
        "tts_request_count",
        "tts_unpriced_count",
        "tts_cost_picos",
        "tts_ttfb_count",
        "tts_ttfb_micros",
    ];
    let names = ["id", "project", "tenant_id", "agent_id", "started_at", "ended_at"];
    let columns: Vec<&str> = names.into_iter().chain(routed).chain(sums).collect();
    let firsts = [
        "tenant_id = coalesce(tenant_id, excluded.tenant_id)",
        "agent_id = coalesce(agent_id, excluded.agent_id)",
        "started_at = min(started_at, excluded.started_at)",
        "ended_at = max(ended_at, excluded.ended_at)",
    ];
    // What was told first stays, all of it: the budget says whether anything was.
    let told =
        |column| format!("{column} = CASE WHEN budget_ms IS NULL THEN excluded.{column} ELSE {column} END");
    let firsts = firsts.into_iter().map(str::to_owned).chain(routed.map(told));
    let updates: Vec<String> = firsts.chain(sums.iter().map(|column| added(column))).collect();
    Insert::new("session_totals", &columns, &format!("(id) DO UPDATE SET {}", updates.join(",")))
});
