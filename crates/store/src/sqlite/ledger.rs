//! The ledger's lines: appending and listing them.

use super::{Database, rollup, session, statement};
use crate::{
    Error,
    columns::{self, COLUMNS, Type, Value},
    query::{LineQuery, Order},
};
use sqlx::{Arguments, Row, SqliteConnection, sqlite::SqliteArguments, sqlite::SqliteRow};
use std::sync::{Arc, LazyLock};
use vg_core::{AttemptId, Line, UnixMicros};

/// What an append did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Lines that are new.
    pub(crate) inserted: u64,
    /// Lines that were there already, equal.
    pub(crate) duplicates: u64,
    /// Lines whose attempt was there already with other content; the first one stays.
    pub(crate) conflicts: u64,
}

impl Database {
    /// Appends lines with their sessions and rollups, all or none, durable on return. A line whose attempt is
    /// there already changes nothing. `gives_up` bounds the wait for the write lock.
    pub(crate) async fn ledger_append(
        &mut self,
        lines: &[Line],
        gives_up: &(dyn Fn() -> bool + Sync),
    ) -> Result<Appended, Error> {
        if let Some(appended) = self.append(lines, false, gives_up).await? {
            return Ok(appended);
        }
        let appended = self.append(lines, true, gives_up).await?;
        Ok(appended.unwrap_or_default())
    }

    /// One transaction. A plain one answers `None`, undone, when some line was there already: only a careful
    /// one, line by line, can tell which.
    async fn append(
        &mut self,
        lines: &[Line],
        careful: bool,
        gives_up: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Appended>, Error> {
        self.begin(gives_up).await?;
        let written = if careful { self.write_carefully(lines).await } else { self.write(lines).await };
        let committed = match written {
            Ok(Some(written)) => self.commit(gives_up).await.map(|()| Some(written)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match committed {
            Ok(Some((appended, new_series))) => {
                self.series.extend(new_series);
                Ok(Some(appended))
            }
            undone => {
                self.rollback().await;
                undone.map(|_| None)
            }
        }
    }

    async fn write(&mut self, lines: &[Line]) -> Result<Option<(Appended, rollup::NewSeries)>, Error> {
        let failed = self.failed("append to");
        let mut rest = lines;
        while !rest.is_empty() {
            let (text, width) = statement::LEDGER.widest(rest.len());
            let (now, later) = rest.split_at(width);
            let done = sqlx::query_with(text, arguments(now)).execute(&mut self.connection).await;
            if done.map_err(&failed)?.rows_affected() != now.len() as u64 {
                return Ok(None);
            }
            rest = later;
        }
        let new_series = self.add_up(lines.iter()).await?;
        let appended = Appended { inserted: lines.len() as u64, ..Appended::default() };
        Ok(Some((appended, new_series)))
    }

    async fn write_carefully(
        &mut self,
        lines: &[Line],
    ) -> Result<Option<(Appended, rollup::NewSeries)>, Error> {
        let failed = self.failed("append to");
        let mut appended = Appended::default();
        let mut inserted = Vec::with_capacity(lines.len());
        for line in lines {
            let insert = sqlx::query_with(statement::LEDGER.single(), arguments(std::slice::from_ref(line)));
            let done = insert.execute(&mut self.connection).await.map_err(&failed)?;
            if done.rows_affected() == 1 {
                appended.inserted += 1;
                inserted.push(line);
            } else if self.ledger_get(line.attempt_id).await?.as_ref() == Some(line) {
                appended.duplicates += 1;
            } else {
                appended.conflicts += 1;
            }
        }
        let new_series = self.add_up(inserted.into_iter()).await?;
        Ok(Some((appended, new_series)))
    }

    /// Adds lines that are new to sessions and rollups.
    async fn add_up<'a>(
        &mut self,
        lines: impl Iterator<Item = &'a Line> + Clone,
    ) -> Result<rollup::NewSeries, Error> {
        self.session_add(&session::sums(lines.clone())).await?;
        self.rollup_add(rollup::sums(lines)).await
    }

    async fn ledger_get(&mut self, id: AttemptId) -> Result<Option<Line>, Error> {
        let failed = self.failed("read");
        let row = sqlx::query(GET.as_str()).bind(id.0.to_vec()).fetch_optional(&mut self.connection);
        row.await.map_err(failed)?.map(|row| line(&row)).transpose()
    }
}

/// Adds a value to the values to bind. Encoding these types cannot fail.
pub(super) fn bind(arguments: &mut SqliteArguments, value: Value) {
    let _ = match value {
        Value::Null => arguments.add(Option::<i64>::None),
        Value::Id(id) => arguments.add(Vec::from(id)),
        Value::Integer(integer) => arguments.add(integer),
        Value::Text(text) => arguments.add(text),
    };
}

fn arguments(lines: &[Line]) -> SqliteArguments {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(lines.len() * columns::COUNT, 0);
    for line in lines {
        columns::values(line, |value| bind(&mut arguments, value));
    }
    arguments
}

/// Reads a row of all columns.
fn line(row: &SqliteRow) -> Result<Line, Error> {
    let wrong = |error: sqlx::Error| Error::Row(error.to_string());
    columns::line(COLUMNS.iter().enumerate().map(|(position, (_, kind))| {
        let value = match kind {
            Type::Integer => row.try_get::<Option<i64>, _>(position).map_err(wrong)?.map(Value::Integer),
            Type::Text => row
                .try_get::<Option<&str>, _>(position)
                .map_err(wrong)?
                .map(|text| Value::Text(Arc::from(text))),
            Type::Id => match row.try_get::<Option<&[u8]>, _>(position).map_err(wrong)? {
                Some(bytes) => Some(Value::Id(
                    AttemptId::from_slice(bytes).map_err(|error| Error::Row(error.to_string()))?.0,
                )),
                None => None,
            },
        };
        Ok(value.unwrap_or(Value::Null))
    }))
}

static GET: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM ledger WHERE attempt_id = ?", *statement::LINE_COLUMNS));

/// Lines between two ids (exclusive), by every filter that is not NULL. An empty tenant or agent asks for the
/// unattributed ones.
fn list(direction: &str) -> String {
    format!(
        "SELECT {} FROM ledger WHERE attempt_id > ?1 AND attempt_id < ?2 \
         AND (?3 IS NULL OR started_at >= ?3) AND (?4 IS NULL OR started_at < ?4) \
         AND (?5 IS NULL OR project = ?5) AND (?6 IS NULL OR modality = ?6) \
         AND (?7 IS NULL OR model_id = ?7) AND (?8 IS NULL OR provider = ?8) \
         AND (?9 IS NULL OR status = ?9) AND (?10 IS NULL OR coalesce(tenant_id, '') = ?10) \
         AND (?11 IS NULL OR coalesce(agent_id, '') = ?11) AND (?12 IS NULL OR session_id = ?12) \
         ORDER BY attempt_id {direction} LIMIT ?13",
        *statement::LINE_COLUMNS
    )
}

static NEWEST: LazyLock<String> = LazyLock::new(|| list("DESC"));
static OLDEST: LazyLock<String> = LazyLock::new(|| list("ASC"));

/// Ids carry the time of their minting, which may differ a little from when the attempt started: scans by time
/// look this much further.
const SLACK_MICROS: i64 = 60_000_000;

/// Reads one page of lines.
pub(crate) async fn ledger_list(
    connection: &mut SqliteConnection,
    query: &LineQuery,
) -> Result<Vec<Line>, sqlx::Error> {
    let (mut since, mut until) = (query.since, query.until);
    if let Some(id) = &query.session_id {
        // A session's lines lie between its ends: no index on the ledger is needed to find them.
        match session::session_bounds(connection, id).await? {
            Some((first, last)) => {
                since = Some(since.map_or(first, |since| since.max(first)));
                let end = UnixMicros(last.0.saturating_add(1));
                until = Some(until.map_or(end, |until| until.min(end)));
            }
            None => return Ok(Vec::new()),
        }
    }
    let mut above = since.map(|at| AttemptId::first_at(UnixMicros(at.0.saturating_sub(SLACK_MICROS))));
    let mut below = until.map(|at| AttemptId::first_at(UnixMicros(at.0.saturating_add(SLACK_MICROS))));
    let text = match query.order {
        Order::Newest => {
            below = below.into_iter().chain(query.after).min();
            NEWEST.as_str()
        }
        Order::Oldest => {
            above = above.into_iter().chain(query.after).max();
            OLDEST.as_str()
        }
    };
    let bound = |id: Option<AttemptId>, none: Vec<u8>| id.map_or(none, |id| id.0.to_vec());
    let rows = sqlx::query(text)
        .bind(bound(above, Vec::new()))
        .bind(bound(below, vec![0xff; 17]))
        .bind(since.map(|at| at.0))
        .bind(until.map(|at| at.0))
        .bind(query.project.as_deref())
        .bind(query.modality.map(vg_core::Modality::as_str))
        .bind(query.model_id.as_deref())
        .bind(query.provider.as_deref())
        .bind(query.status.map(vg_core::Status::as_str))
        .bind(query.tenant_id.as_deref())
        .bind(query.agent_id.as_deref())
        .bind(query.session_id.as_deref())
        .bind(i64::from(query.limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(line).collect::<Result<_, _>>().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::{AssertSqlSafe, Connection};

    #[tokio::test]
    async fn pages_are_found_by_the_primary_key_and_never_sorted() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let schema = include_str!("../../migrations/sqlite/0001_ledger.sql");
        sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
        for list in [NEWEST.as_str(), OLDEST.as_str()] {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {list}")))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            assert_eq!(steps, ["SEARCH ledger USING PRIMARY KEY (attempt_id>? AND attempt_id<?)"]);
        }
    }
}
