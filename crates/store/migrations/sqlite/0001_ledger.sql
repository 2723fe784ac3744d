-- The ledger, sessions and hourly rollups. Instants are microseconds since the epoch (UTC), money is whole
-- picodollars, what is not known is NULL.

-- One row is one attempt. Ids are UUIDv7, so the key is also the order of time; it is the only index.
CREATE TABLE ledger (
    attempt_id BLOB NOT NULL PRIMARY KEY,
    request_id BLOB NOT NULL,
    corrects BLOB,
    session_id TEXT,
    turn INTEGER,
    project TEXT NOT NULL,
    tenant_id TEXT,
    agent_id TEXT,
    modality TEXT NOT NULL,
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    ttfb_micros INTEGER,
    latency_micros INTEGER,
    input_tokens INTEGER,
    cached_input_tokens INTEGER,
    cache_write_tokens INTEGER,
    input_audio_tokens INTEGER,
    cached_audio_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    output_audio_tokens INTEGER,
    characters INTEGER,
    audio_nanos INTEGER,
    output_audio_nanos INTEGER,
    sent_characters INTEGER,
    sent_audio_nanos INTEGER,
    session_nanos INTEGER,
    usage_sources INTEGER NOT NULL,
    cost_picos INTEGER,
    pricing_source TEXT NOT NULL,
    price_book TEXT NOT NULL,
    status TEXT NOT NULL,
    fallback_from TEXT,
    error_kind TEXT,
    error_status INTEGER,
    error_message TEXT,
    sockets INTEGER NOT NULL,
    probe INTEGER NOT NULL,
    metadata TEXT
) STRICT, WITHOUT ROWID;

-- Retention moves this bound in the transaction that deletes: nothing at or after it can be deleted.
CREATE TABLE ledger_horizon (
    kept_from BLOB NOT NULL,
    moved_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: a correction is a new line');
END;

CREATE TRIGGER ledger_is_kept_from_its_horizon BEFORE DELETE ON ledger
WHEN OLD.attempt_id >= (SELECT COALESCE(MAX(kept_from), x'') FROM ledger_horizon)
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: only what lies before ledger_horizon may go');
END;

-- One row is one conversation; its figures are sums over its lines.
CREATE TABLE session_totals (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    tenant_id TEXT,
    agent_id TEXT,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    stt_request_count INTEGER NOT NULL,
    stt_unpriced_count INTEGER NOT NULL,
    stt_cost_picos INTEGER NOT NULL,
    llm_request_count INTEGER NOT NULL,
    llm_unpriced_count INTEGER NOT NULL,
    llm_cost_picos INTEGER NOT NULL,
    tts_request_count INTEGER NOT NULL,
    tts_unpriced_count INTEGER NOT NULL,
    tts_cost_picos INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_totals_by_start ON session_totals (started_at);

-- What rollups are kept by. An empty tenant or agent is unattributed.
CREATE TABLE rollup_series (
    id INTEGER NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    modality TEXT NOT NULL,
    provider TEXT NOT NULL,
    model_id TEXT NOT NULL,
    pricing_source TEXT NOT NULL,
    status TEXT NOT NULL,
    UNIQUE (project, tenant_id, agent_id, modality, provider, model_id, pricing_source, status)
) STRICT;

-- Sums over the lines of a series that started in an hour (whole hours since the epoch). A quantity is NULL
-- until a line knew it.
CREATE TABLE rollups (
    hour INTEGER NOT NULL,
    series_id INTEGER NOT NULL,
    request_count INTEGER NOT NULL,
    unpriced_count INTEGER NOT NULL,
    cost_picos INTEGER NOT NULL,
    ttfb_count INTEGER NOT NULL,
    ttfb_micros INTEGER NOT NULL,
    latency_count INTEGER NOT NULL,
    latency_micros INTEGER NOT NULL,
    input_tokens INTEGER,
    cached_input_tokens INTEGER,
    cache_write_tokens INTEGER,
    input_audio_tokens INTEGER,
    cached_audio_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    output_audio_tokens INTEGER,
    characters INTEGER,
    audio_nanos INTEGER,
    output_audio_nanos INTEGER,
    sent_characters INTEGER,
    sent_audio_nanos INTEGER,
    session_nanos INTEGER,
    PRIMARY KEY (hour, series_id)
) STRICT, WITHOUT ROWID;

-- The latency sketches of the same rows, apart so that sums do not read them.
CREATE TABLE rollup_sketches (
    hour INTEGER NOT NULL,
    series_id INTEGER NOT NULL,
    ttfb BLOB NOT NULL,
    latency BLOB NOT NULL,
    PRIMARY KEY (hour, series_id)
) STRICT, WITHOUT ROWID;

-- The names other tools read.

CREATE VIEW requests AS SELECT
    lower(substr(hex(attempt_id), 1, 8) || '-' || substr(hex(attempt_id), 9, 4) || '-'
        || substr(hex(attempt_id), 13, 4) || '-' || substr(hex(attempt_id), 17, 4) || '-'
        || substr(hex(attempt_id), 21)) AS id,
    started_at / 1e6 AS timestamp,
    project,
    modality,
    model_id,
    provider,
    CASE modality
        WHEN 'stt' THEN audio_nanos / 6e10
        WHEN 'llm' THEN CAST(input_tokens AS REAL)
        ELSE CAST(characters AS REAL)
    END AS input_units,
    CASE modality WHEN 'llm' THEN CAST(output_tokens AS REAL) ELSE 0.0 END AS output_units,
    CASE modality WHEN 'llm' THEN CAST(cached_input_tokens AS REAL) ELSE 0.0 END AS cached_input_units,
    cost_picos / 1e12 AS cost_usd,
    pricing_source,
    ttfb_micros / 1e3 AS ttfb_ms,
    latency_micros / 1e3 AS total_latency_ms,
    status,
    fallback_from,
    error_message,
    metadata,
    session_id,
    tenant_id,
    agent_id
FROM ledger;

CREATE VIEW sessions AS SELECT
    id,
    project,
    strftime('%Y-%m-%dT%H:%M:%S', started_at / 1000000, 'unixepoch')
        || printf('.%06d+00:00', started_at % 1000000) AS started_at,
    strftime('%Y-%m-%dT%H:%M:%S', ended_at / 1000000, 'unixepoch')
        || printf('.%06d+00:00', ended_at % 1000000) AS ended_at,
    ltrim(
        CASE WHEN stt_request_count > 0 THEN ',stt' ELSE '' END
            || CASE WHEN llm_request_count > 0 THEN ',llm' ELSE '' END
            || CASE WHEN tts_request_count > 0 THEN ',tts' ELSE '' END, ',') AS modalities,
    CASE WHEN stt_request_count + llm_request_count + tts_request_count
            > stt_unpriced_count + llm_unpriced_count + tts_unpriced_count
        THEN (stt_cost_picos / 1e12) + (llm_cost_picos / 1e12) + (tts_cost_picos / 1e12) END AS total_cost_usd,
    stt_request_count + llm_request_count + tts_request_count AS request_count,
    NULL AS talk_time_seconds,
    NULL AS per_minute_cost_usd,
    NULL AS response_speed_p50_ms,
    NULL AS response_speed_p95_ms,
    NULL AS talk_over_rate,
    NULL AS replay_size_bytes,
    tenant_id,
    agent_id,
    NULL AS budget_ms,
    NULL AS budget_ms_used,
    NULL AS budget_overrun,
    NULL AS routed_llm,
    NULL AS routed_tts,
    NULL AS routed_stt,
    NULL AS guardrails_active,
    NULL AS guardrails_bypassed,
    NULL AS guardrail_policy_snapshot_json
FROM session_totals;

CREATE VIEW daily_costs AS SELECT
    strftime('%Y-%m-%d', hour * 3600, 'unixepoch') AS day,
    modality,
    model_id,
    provider,
    SUM(request_count) AS request_count,
    CASE WHEN SUM(request_count) > SUM(unpriced_count) THEN TOTAL(cost_picos) / 1e12 END AS total_cost,
    TOTAL(ttfb_micros) / NULLIF(SUM(ttfb_count), 0) / 1e3 AS avg_ttfb,
    TOTAL(latency_micros) / NULLIF(SUM(latency_count), 0) / 1e3 AS avg_latency
FROM rollups JOIN rollup_series ON rollup_series.id = rollups.series_id
GROUP BY day, modality, model_id, provider;

CREATE VIEW project_daily_costs AS SELECT
    project,
    strftime('%Y-%m-%d', hour * 3600, 'unixepoch') AS day,
    modality,
    model_id,
    SUM(request_count) AS request_count,
    CASE WHEN SUM(request_count) > SUM(unpriced_count) THEN TOTAL(cost_picos) / 1e12 END AS total_cost,
    TOTAL(ttfb_micros) / NULLIF(SUM(ttfb_count), 0) / 1e3 AS avg_ttfb
FROM rollups JOIN rollup_series ON rollup_series.id = rollups.series_id
GROUP BY project, day, modality, model_id;

-- 'VGW1': the mark of our files.
PRAGMA application_id = 0x56475731;
PRAGMA user_version = 1;
