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

/// What names a session, and when it was.
const SESSION_NAMES: [&str; 6] = ["id", "project", "tenant_id", "agent_id", "started_at", "ended_at"];

/// What routing chose for a session.
const SESSION_ROUTE: [&str; 5] = ["routed_stt", "routed_llm", "routed_tts", "budget_ms", "budget_overrun"];

/// What a session sums up.
const SESSION_SUMS: [&str; 16] = [
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

/// The schema version that brought routes and times to sessions.
const ROUTES_SINCE: i64 = 4;

/// Adds to the sums of sessions.
pub(super) static SESSIONS: LazyLock<Insert> = LazyLock::new(|| {
    let firsts = [
        "tenant_id = coalesce(tenant_id, excluded.tenant_id)",
        "agent_id = coalesce(agent_id, excluded.agent_id)",
        "started_at = min(started_at, excluded.started_at)",
        "ended_at = max(ended_at, excluded.ended_at)",
    ];
    // What was told first stays, all of it: the budget says whether anything was.
    let told =
        |column| format!("{column} = CASE WHEN budget_ms IS NULL THEN excluded.{column} ELSE {column} END");
    let updates: Vec<String> = firsts
        .into_iter()
        .map(str::to_owned)
        .chain(SESSION_ROUTE.map(told))
        .chain(SESSION_SUMS.map(added))
        .collect();
    let columns: Vec<&str> = SESSION_NAMES.into_iter().chain(SESSION_ROUTE).chain(SESSION_SUMS).collect();
    Insert::new("session_totals", &columns, &format!("(id) DO UPDATE SET {}", updates.join(",")))
});

/// The questions about sessions, for one version of the schema.
pub(super) struct SessionTexts {
    pub(super) get: String,
    pub(super) newest: String,
    pub(super) oldest: String,
    pub(super) dearest: String,
    pub(super) cheapest: String,
}

impl SessionTexts {
    /// The texts for a file of this version. Another process may bring it up to date under a reader, so columns are
    /// named: a prepared statement must not find more of them than it had.
    pub(super) fn of(version: i64) -> &'static SessionTexts {
        static TEXTS: LazyLock<[SessionTexts; 2]> =
            LazyLock::new(|| [SessionTexts::new(false), SessionTexts::new(true)]);
        let [before, since] = &*TEXTS;
        if version < ROUTES_SINCE { before } else { since }
    }

    fn new(has_routes: bool) -> SessionTexts {
        let is_new = |column: &str| SESSION_ROUTE.contains(&column) || column.contains("_ttfb_");
        let column = |column: &str| match has_routes || !is_new(column) {
            true => column.to_owned(),
            false => format!("NULL AS {column}"),
        };
        let all = SESSION_NAMES.into_iter().chain(SESSION_ROUTE).chain(SESSION_SUMS);
        let columns = all.map(column).collect::<Vec<_>>().join(",");
        // By every filter that is not NULL, behind the session ?8 if that is one.
        let list = |key: &str, beyond: &str, direction: &str| {
            format!(
                "SELECT {columns} FROM session_totals WHERE (?1 IS NULL OR project = ?1) \
                 AND (?2 IS NULL OR coalesce(tenant_id, '') = ?2) \
                 AND (?3 IS NULL OR coalesce(agent_id, '') = ?3) \
                 AND (?4 IS NULL OR started_at >= ?4) AND (?5 IS NULL OR started_at < ?5) \
                 AND (?8 IS NULL OR {key} {beyond} (SELECT {key} FROM session_totals WHERE id = ?8) \
                 OR (id > ?8 AND {key} = (SELECT {key} FROM session_totals WHERE id = ?8))) \
                 ORDER BY {key} {direction}, id LIMIT ?6 OFFSET ?7"
            )
        };
        let cost = "(stt_cost_picos / 1e12 + llm_cost_picos / 1e12 + tts_cost_picos / 1e12)";
        SessionTexts {
            get: format!("SELECT {columns} FROM session_totals WHERE id = ?"),
            newest: list("started_at", "<", "DESC"),
            oldest: list("started_at", ">", "ASC"),
            dearest: list(cost, "<", "DESC"),
            cheapest: list(cost, ">", "ASC"),
        }
    }
}
