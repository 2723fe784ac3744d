//! Reconciliations: the statements that read them.

use super::file::version;
use crate::reconciliation::{NewReconciliation, Reconciliation};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use vg_core::{Money, UnixMicros};

/// The schema version that brought them; a file of an older one has none.
const SINCE: i64 = 3;

async fn is_there(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(version(connection).await? >= SINCE)
}

/// The newest first.
pub(crate) async fn reconciliation_list(
    connection: &mut SqliteConnection,
    provider: Option<&str>,
    limit: u32,
) -> Result<Vec<Reconciliation>, sqlx::Error> {
    if !is_there(connection).await? {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT * FROM reconciliations WHERE ?1 IS NULL OR provider = ?1 ORDER BY id DESC LIMIT ?2",
    )
    .bind(provider)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(reconciliation).collect()
}

/// One of them.
pub(crate) async fn reconciliation_get(
    connection: &mut SqliteConnection,
    id: i64,
) -> Result<Option<Reconciliation>, sqlx::Error> {
    if !is_there(connection).await? {
        return Ok(None);
    }
    let row = sqlx::query("SELECT * FROM reconciliations WHERE id = ?").bind(id);
    row.fetch_optional(connection).await?.map(|row| reconciliation(&row)).transpose()
}

pub(crate) fn reconciliation(row: &SqliteRow) -> Result<Reconciliation, sqlx::Error> {
    let count = |name: &str| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
    Ok(Reconciliation {
        id: row.try_get("id")?,
        found: NewReconciliation {
            made_at: UnixMicros(row.try_get("made_at")?),
            provider: row.try_get("provider")?,
            since: UnixMicros(row.try_get("since")?),
            until: UnixMicros(row.try_get("until")?),
            ledger_cost: Money(row.try_get::<i64, _>("ledger_cost_picos")?.into()),
            provider_cost: row
                .try_get::<Option<i64>, _>("provider_cost_picos")?
                .map(|picos| Money(picos.into())),
            flagged: count("flagged")?,
            one_sided: count("one_sided")?,
            report: row.try_get("report")?,
        },
        closed_at: row.try_get::<Option<i64>, _>("closed_at")?.map(UnixMicros),
    })
}
