-- What routing chose for a conversation, as its lines tell it, and how long its first outputs took.

ALTER TABLE session_totals ADD COLUMN routed_stt TEXT;
ALTER TABLE session_totals ADD COLUMN routed_llm TEXT;
ALTER TABLE session_totals ADD COLUMN routed_tts TEXT;
-- NULL for a conversation that was not routed.
ALTER TABLE session_totals ADD COLUMN budget_ms INTEGER;
ALTER TABLE session_totals ADD COLUMN budget_overrun INTEGER;
ALTER TABLE session_totals ADD COLUMN stt_ttfb_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session_totals ADD COLUMN stt_ttfb_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session_totals ADD COLUMN llm_ttfb_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session_totals ADD COLUMN llm_ttfb_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session_totals ADD COLUMN tts_ttfb_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session_totals ADD COLUMN tts_ttfb_micros INTEGER NOT NULL DEFAULT 0;

DROP VIEW sessions;

-- `budget_ms_used` is the sum of the mean times to the first output of the modalities that have one.
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
    budget_ms,
    CASE WHEN budget_ms IS NOT NULL AND stt_ttfb_count + llm_ttfb_count + tts_ttfb_count > 0
        THEN coalesce(stt_ttfb_micros / 1e3 / nullif(stt_ttfb_count, 0), 0)
            + coalesce(llm_ttfb_micros / 1e3 / nullif(llm_ttfb_count, 0), 0)
            + coalesce(tts_ttfb_micros / 1e3 / nullif(tts_ttfb_count, 0), 0) END AS budget_ms_used,
    budget_overrun,
    routed_llm,
    routed_tts,
    routed_stt,
    NULL AS guardrails_active,
    NULL AS guardrails_bypassed,
    NULL AS guardrail_policy_snapshot_json
FROM session_totals;

PRAGMA user_version = 4;
