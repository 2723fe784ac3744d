//! What the desk changes: the statements.

use super::{Database, Patience};
use crate::{
    Error,
    columns::integer,
    key::{LivekitKey, NewVirtualKey},
    reconciliation::NewReconciliation,
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use vg_core::{Money, UnixMicros};

/// How much later than the last noted use of a key the next one is noted, in microseconds.
const USE_EVERY: i64 = 60_000_000;

/// What is done in one transaction of the desk.
pub(crate) enum Change<'a> {
    VirtualKeyInsert(&'a NewVirtualKey),
    VirtualKeyRevoke(i64, UnixMicros),
    VirtualKeyTouch(&'a [i64], UnixMicros),
    LivekitKeyInsert(&'a LivekitKey),
    LivekitKeyRevoke(&'a str, UnixMicros),
    ReconciliationInsert(&'a NewReconciliation),
    ReconciliationClose(i64, UnixMicros),
}

impl Database {
    /// One change in a transaction of its own; the row it left behind, if it is about one that is there.
    pub(crate) async fn change(&mut self, change: &Change<'_>) -> Result<Option<SqliteRow>, Error> {
        let waits = Patience::new();
        self.begin(&|| waits.is_over()).await?;
        let failed = self.failed("write to");
        let changed = match apply(&mut self.connection, change).await {
            Ok(row) => self.commit(&|| waits.is_over()).await.map(|()| row),
            Err(error) => Err(failed(error)),
        };
        if changed.is_err() {
            self.rollback().await;
        }
        changed
    }
}

async fn apply(
    connection: &mut SqliteConnection,
    change: &Change<'_>,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    let query = match change {
        Change::VirtualKeyInsert(NewVirtualKey { prefix, hash, issue }) => sqlx::query(
            "INSERT INTO virtual_key_records (key_prefix, key_hash, secret_id, name, project, tenant_id, issued_by, \
             issued_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(prefix)
        .bind(hash.as_slice())
        .bind(&issue.secret_id)
        .bind(&issue.name)
        .bind(&issue.project)
        .bind(issue.tenant_id.as_deref())
        .bind(issue.issued_by.as_deref())
        .bind(issue.issued_at.0),
        Change::LivekitKeyInsert(LivekitKey { api_key, secret_encrypted, issue, revoked_at }) => sqlx::query(
            "INSERT INTO livekit_key_records (api_key, secret_encrypted, secret_id, name, project, tenant_id, \
             issued_by, issued_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(api_key)
        .bind(secret_encrypted)
        .bind(&issue.secret_id)
        .bind(&issue.name)
        .bind(&issue.project)
        .bind(issue.tenant_id.as_deref())
        .bind(issue.issued_by.as_deref())
        .bind(issue.issued_at.0)
        .bind(revoked_at.map(|at| at.0)),
        Change::VirtualKeyRevoke(id, at) => sqlx::query(
            "UPDATE virtual_key_records SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? RETURNING *",
        )
        .bind(at.0)
        .bind(*id),
        Change::LivekitKeyRevoke(api_key, at) => sqlx::query(
            "UPDATE livekit_key_records SET revoked_at = coalesce(revoked_at, ?) WHERE api_key = ? RETURNING *",
        )
        .bind(at.0)
        .bind(*api_key),
        Change::ReconciliationInsert(new) => sqlx::query(
            "INSERT INTO reconciliations (made_at, provider, since, until, ledger_cost_picos, provider_cost_picos, \
             flagged, one_sided, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(new.made_at.0)
        .bind(&new.provider)
        .bind(new.since.0)
        .bind(new.until.0)
        .bind(column(new.ledger_cost))
        .bind(new.provider_cost.map(column))
        .bind(integer(new.flagged))
        .bind(integer(new.one_sided))
        .bind(&new.report),
        Change::ReconciliationClose(id, at) => {
            sqlx::query("UPDATE reconciliations SET closed_at = coalesce(closed_at, ?) WHERE id = ? RETURNING *")
                .bind(at.0)
                .bind(*id)
        }
        Change::VirtualKeyTouch(ids, at) => {
            for id in *ids {
                sqlx::query(
                    "UPDATE virtual_key_records SET last_used_at = ?1 \
                     WHERE id = ?2 AND (last_used_at IS NULL OR last_used_at <= ?1 - ?3)",
                )
                .bind(at.0)
                .bind(*id)
                .bind(USE_EVERY)
                .execute(&mut *connection)
                .await?;
            }
            return Ok(None);
        }
    };
    query.fetch_optional(connection).await
}

/// A sum as its column holds it; one beyond nine million dollars is as much as it can.
fn column(amount: Money) -> i64 {
    amount.to_column().unwrap_or(if amount < Money::ZERO { i64::MIN } else { i64::MAX })
}
