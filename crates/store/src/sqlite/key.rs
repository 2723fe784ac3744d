//! Keys of projects: the statements that read them.

use super::file::version;
use crate::key::{Issue, LivekitKey, VirtualKey};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use vg_core::UnixMicros;

/// The schema version that brought keys; a file of an older one has none.
const SINCE: i64 = 2;

/// Whether the file is of a version that has keys.
async fn has_keys(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(version(connection).await? >= SINCE)
}

/// Whether any key was ever issued, revoked ones included.
pub(crate) async fn key_exists(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if !has_keys(connection).await? {
        return Ok(false);
    }
    sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM virtual_key_records) OR EXISTS (SELECT 1 FROM livekit_key_records)",
    )
    .fetch_one(connection)
    .await?
    .try_get(0)
}

/// The bearer key with one of these hashes.
pub(crate) async fn virtual_key_find(
    connection: &mut SqliteConnection,
    hashes: &[[u8; 32]],
) -> Result<Option<VirtualKey>, sqlx::Error> {
    if !has_keys(connection).await? {
        return Ok(None);
    }
    for hash in hashes {
        let row = sqlx::query("SELECT * FROM virtual_key_records WHERE key_hash = ?").bind(hash.as_slice());
        if let Some(row) = row.fetch_optional(&mut *connection).await? {
            return virtual_key(&row).map(Some);
        }
    }
    Ok(None)
}

/// All bearer keys, the newest first.
pub(crate) async fn virtual_key_list(
    connection: &mut SqliteConnection,
) -> Result<Vec<VirtualKey>, sqlx::Error> {
    if !has_keys(connection).await? {
        return Ok(Vec::new());
    }
    let rows =
        sqlx::query("SELECT * FROM virtual_key_records ORDER BY id DESC").fetch_all(connection).await?;
    rows.iter().map(virtual_key).collect()
}

/// One key pair.
pub(crate) async fn livekit_key_get(
    connection: &mut SqliteConnection,
    api_key: &str,
) -> Result<Option<LivekitKey>, sqlx::Error> {
    if !has_keys(connection).await? {
        return Ok(None);
    }
    let row = sqlx::query("SELECT * FROM livekit_key_records WHERE api_key = ?").bind(api_key);
    row.fetch_optional(connection).await?.map(|row| livekit_key(&row)).transpose()
}

/// All key pairs, the newest first.
pub(crate) async fn livekit_key_list(
    connection: &mut SqliteConnection,
) -> Result<Vec<LivekitKey>, sqlx::Error> {
    if !has_keys(connection).await? {
        return Ok(Vec::new());
    }
    let rows = sqlx::query("SELECT * FROM livekit_key_records ORDER BY issued_at DESC, api_key");
    rows.fetch_all(connection).await?.iter().map(livekit_key).collect()
}

pub(crate) fn virtual_key(row: &SqliteRow) -> Result<VirtualKey, sqlx::Error> {
    Ok(VirtualKey {
        id: row.try_get("id")?,
        prefix: row.try_get("key_prefix")?,
        issue: issue(row)?,
        last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(UnixMicros),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(UnixMicros),
    })
}

pub(crate) fn livekit_key(row: &SqliteRow) -> Result<LivekitKey, sqlx::Error> {
    Ok(LivekitKey {
        api_key: row.try_get("api_key")?,
        secret_encrypted: row.try_get("secret_encrypted")?,
        issue: issue(row)?,
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(UnixMicros),
    })
}

fn issue(row: &SqliteRow) -> Result<Issue, sqlx::Error> {
    Ok(Issue {
        secret_id: row.try_get("secret_id")?,
        name: row.try_get("name")?,
        project: row.try_get("project")?,
        tenant_id: row.try_get("tenant_id")?,
        issued_by: row.try_get("issued_by")?,
        issued_at: UnixMicros(row.try_get("issued_at")?),
    })
}
