-- What was held against a provider's bill, and what came of it. A closed period stays as it was reconciled: what is
-- corrected later is a line of its own in the ledger.
CREATE TABLE reconciliations (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    made_at INTEGER NOT NULL,
    provider TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    ledger_cost_picos INTEGER NOT NULL,
    provider_cost_picos INTEGER,
    flagged INTEGER NOT NULL,
    one_sided INTEGER NOT NULL,
    report TEXT NOT NULL,
    closed_at INTEGER
) STRICT;

-- Requests that used something, or may have: a refusal is none, and no provider counts it.
ALTER TABLE rollups ADD COLUMN used_count INTEGER NOT NULL DEFAULT 0;

PRAGMA user_version = 3;
