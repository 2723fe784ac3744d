//! The sections that say what is written down and who may ask: `observability`, `cost_tracking`, `latency`,
//! `serve`, `dashboard`, `auth`, `ingest`, `retention`, `workers`.

use super::{
    reader::{Reader, Unknown},
    text::{Secret, Text},
    values::Word,
};
use crate::Money;

/// What is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observability {
    /// Latency fields and the warning for a late first answer.
    pub latency_tracking: bool,
    /// The ledger, costs and budgets.
    pub cost_tracking: bool,
    /// One log line for each request.
    pub request_logging: bool,
}

pub(super) fn observability(s: &mut Reader<'_>) -> Observability {
    s.section("observability", Unknown::Refuse, "what is observed", |s| Observability {
        latency_tracking: s.switch("latency_tracking", true, "latency fields and the late-answer warning"),
        cost_tracking: s.switch("cost_tracking", true, "the ledger, costs and budgets"),
        request_logging: s.switch("request_logging", true, "one log line for each request"),
    })
}

/// The ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct CostTracking {
    /// Whether there is one.
    pub enabled: bool,
    /// The SQLite file; `None` for the default place.
    pub db_path: Option<Text>,
    /// A sum over all projects and one UTC day that is worth one log line.
    pub daily_budget_alert: Option<Money>,
    /// Accepted from older files.
    pub storage: Option<Text>,
}

pub(super) fn cost_tracking(s: &mut Reader<'_>) -> CostTracking {
    s.section("cost_tracking", Unknown::Warn, "the ledger", |s| {
        let cost_tracking = CostTracking {
            enabled: s.switch("enabled", true, "keep the ledger"),
            db_path: s
                .optional_text("db_path", "the SQLite file; by default `~/.config/voicegateway/voicegw.db`"),
            daily_budget_alert: s.dollars(
                "daily_budget_alert",
                "null",
                "a sum of one UTC day that is logged once",
            ),
            storage: s.optional_text("storage", "accepted from older files"),
        };
        s.without_effect(&["daily_budget_alert", "storage"]);
        cost_tracking
    })
}

/// How latency is reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// A first answer later than this is warned of, in milliseconds.
    pub ttfb_warning_ms: f64,
    /// The percentiles of every report.
    pub percentiles: Vec<f64>,
    /// Whether late answers are warned of.
    pub enabled: bool,
}

pub(super) fn latency(s: &mut Reader<'_>) -> Latency {
    s.section("latency", Unknown::Warn, "how latency is reported", |s| Latency {
        ttfb_warning_ms: s.decimal(
            "ttfb_warning_ms",
            500.0,
            0.0..,
            "a first answer later than this is warned of",
        ),
        percentiles: s.decimals(
            "percentiles",
            &[50.0, 95.0, 99.0],
            0.0..=100.0,
            "the percentiles of every report",
        ),
        enabled: s.switch("enabled", true, "warn of late answers"),
    })
}

/// When a call moves on to its next candidate. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failover {
    /// How long a provider may take to accept a stream of audio or of text to speak. A chat is accepted by its first
    /// token.
    pub connect_timeout_ms: u32,
    /// How long a chat may take to its first token.
    pub first_token_ms: u32,
    /// How long speech may take to its first audio, from the first text.
    pub first_audio_ms: u32,
    /// How long somebody may speak before anything is heard of it.
    pub transcript_ms: u32,
    /// After how long a second candidate is asked the same; 0 is never.
    pub hedge_after_ms: u32,
    /// How often each candidate is tried again, once all were tried.
    pub retries: u32,
    /// Failures in a row after which a model is left alone.
    pub breaker_failures: u32,
    /// For how many seconds it is.
    pub breaker_cooldown_seconds: u32,
}

pub(super) fn failover(s: &mut Reader<'_>) -> Failover {
    s.section("failover", Unknown::Refuse, "when the gateway moves on to the next model of a chain", |s| {
        Failover {
            connect_timeout_ms: s.integer(
                "connect_timeout_ms",
                5_000,
                1..,
                "to accept a stream; a chat has `first_token_ms`",
            ),
            first_token_ms: s.integer("first_token_ms", 8_000, 1.., "to the first token of a chat"),
            first_audio_ms: s.integer("first_audio_ms", 5_000, 1.., "from the first text to the first audio"),
            transcript_ms: s.integer("transcript_ms", 4_000, 1.., "of speech without a word heard of it"),
            hedge_after_ms: s.integer(
                "hedge_after_ms",
                0,
                0..,
                "without a token, after which the next model is asked too; 0 is never",
            ),
            retries: s.integer("retries", 1, 0.., "further tries of each model, once all were tried"),
            breaker_failures: s.integer(
                "breaker_failures",
                5,
                1..,
                "failures in a row after which a model is left alone",
            ),
            breaker_cooldown_seconds: s.integer("breaker_cooldown_seconds", 15, 1.., "for how long it is"),
        }
    })
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Whether to listen.
    pub enabled: bool,
    /// The interface.
    pub host: Text,
    /// The port.
    pub port: u16,
}

pub(super) fn serve(s: &mut Reader<'_>) -> Listener {
    s.section("serve", Unknown::Warn, "the HTTP API, dashboard and MCP server", |s| Listener {
        enabled: true,
        host: host(s),
        port: s.port("port", 8080, "the port"),
    })
}

pub(super) fn dashboard(s: &mut Reader<'_>) -> Listener {
    s.section("dashboard", Unknown::Warn, "a second listener for the dashboard alone", |s| Listener {
        enabled: s.switch("enabled", true, "whether to listen"),
        host: host(s),
        port: s.port("port", 9090, "the port; a taken one only warns"),
    })
}

fn host(s: &mut Reader<'_>) -> Text {
    s.text_or("host", "127.0.0.1", "the interface; any other than loopback needs keys")
}

/// Who may ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    /// The static keys.
    pub api_keys: Vec<ApiKey>,
    /// Web pages of these origins may ask.
    pub cors_origins: Vec<Text>,
}

/// A static key.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// The bearer token.
    pub token: Secret,
    /// What the logs call it.
    pub name: Text,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Ask.
    Read,
    /// Change.
    Write,
    /// Everything.
    All,
}

impl Word for Scope {
    const WORDS: &'static [(&'static str, Self)] =
        &[("read", Scope::Read), ("write", Scope::Write), ("*", Scope::All)];
}

pub(super) fn auth(s: &mut Reader<'_>) -> Auth {
    s.section("auth", Unknown::Refuse, "who may ask", |s| {
        let auth = Auth {
            api_keys: s.items(
                "api_keys",
                Unknown::Refuse,
                "static keys; without any the server is open",
                |s| ApiKey {
                    token: s.required_secret("token", "the bearer token"),
                    name: s.text("name", "what the logs call it"),
                    scopes: s.words("scopes", &[Scope::All], "what it may do"),
                },
            ),
            cors_origins: s.texts("cors_origins", "web pages of these origins may ask"),
        };
        s.without_effect(&["cors_origins"]);
        auth
    })
}

/// Lines pushed by agents elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingest {
    /// Whether they are taken.
    pub enabled: bool,
    /// For each key; 0 is no limit.
    pub requests_per_minute: u32,
    /// Requests at once.
    pub burst: u32,
    /// Lines in one request.
    pub max_batch_size: u32,
}

pub(super) fn ingest(s: &mut Reader<'_>) -> Ingest {
    s.section("ingest", Unknown::Refuse, "ledger lines pushed by agents elsewhere", |s| Ingest {
        enabled: s.switch("enabled", true, "take them"),
        requests_per_minute: s.integer("requests_per_minute", 120, 0.., "for each key; 0 is no limit"),
        burst: s.integer("burst", 240, 0.., "requests at once"),
        max_batch_size: s.integer("max_batch_size", 1000, 1.., "lines in one request"),
    })
}

/// The age of detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whether old rows go.
    pub enabled: bool,
    /// Their age in days.
    pub default_days: u32,
}

pub(super) fn retention(s: &mut Reader<'_>) -> Retention {
    s.section("retention", Unknown::Refuse, "how long detail is kept; totals stay", |s| Retention {
        enabled: s.switch("enabled", true, "remove old rows"),
        default_days: s.integer("default_days", 90, 1.., "their age in days"),
    })
}

/// Background jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    /// Whether this process runs them.
    pub enabled: bool,
    /// Seconds between rollups.
    pub rollup_interval_seconds: u32,
    /// Seconds between removals.
    pub retention_interval_seconds: u32,
}

pub(super) fn workers(s: &mut Reader<'_>) -> Workers {
    s.section("workers", Unknown::Refuse, "background jobs; run them on one replica", |s| Workers {
        enabled: s.switch("enabled", true, "run them in this process"),
        rollup_interval_seconds: s.integer("rollup_interval_seconds", 900, 1.., "seconds between rollups"),
        retention_interval_seconds: s.integer(
            "retention_interval_seconds",
            3600,
            1..,
            "seconds between removals",
        ),
    })
}
