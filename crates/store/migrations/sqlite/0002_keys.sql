-- Keys of projects. No key is kept as it is given out: of a bearer key its keyed hash, of a LiveKit pair the
-- encrypted secret. `secret_id` tells under which of the owner's secrets, so that one can be rotated.

-- Ids are never given twice: a revoked key stays what the ledger and the logs call by it.
CREATE TABLE virtual_key_records (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key_prefix TEXT NOT NULL,
    key_hash BLOB NOT NULL UNIQUE,
    secret_id TEXT NOT NULL,
    name TEXT NOT NULL,
    project TEXT NOT NULL,
    tenant_id TEXT,
    issued_by TEXT,
    issued_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE TABLE livekit_key_records (
    api_key TEXT NOT NULL PRIMARY KEY,
    secret_encrypted TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    name TEXT NOT NULL,
    project TEXT NOT NULL,
    tenant_id TEXT,
    issued_by TEXT,
    issued_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- The name other tools read.
CREATE VIEW virtual_keys AS SELECT
    id,
    key_prefix,
    lower(hex(key_hash)) AS key_hash,
    name,
    project,
    tenant_id,
    issued_by,
    strftime('%Y-%m-%dT%H:%M:%S', issued_at / 1000000, 'unixepoch')
        || printf('.%06d+00:00', issued_at % 1000000) AS issued_at,
    strftime('%Y-%m-%dT%H:%M:%S', last_used_at / 1000000, 'unixepoch')
        || printf('.%06d+00:00', last_used_at % 1000000) AS last_used_at,
    strftime('%Y-%m-%dT%H:%M:%S', revoked_at / 1000000, 'unixepoch')
        || printf('.%06d+00:00', revoked_at % 1000000) AS revoked_at
FROM virtual_key_records;

PRAGMA user_version = 2;
