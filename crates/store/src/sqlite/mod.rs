//! The store on SQLite: one file, many processes.

pub(crate) mod change;
pub(crate) mod file;
pub(crate) mod key;
pub(crate) mod ledger;
pub(crate) mod reconciliation;
pub(crate) mod rollup;
pub(crate) mod session;
mod statement;

use crate::Error;
use rollup::Series;
use sqlx::SqliteConnection;
use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

/// A connection that writes. Only the writer and the import of spools hold one.
pub(crate) struct Database {
    path: PathBuf,
    connection: SqliteConnection,
    /// How long the last transaction waited for the write lock.
    pub(crate) waited: Duration,
    /// Ids of the series seen by committed transactions of this connection. Series are never deleted.
    series: HashMap<Series, i64>,
}

impl Database {
    /// Wraps what went wrong with this file.
    fn failed(&self, doing: &'static str) -> impl Fn(sqlx::Error) -> Error + use<> {
        let path = self.path.clone();
        move |source| match primary_code(&source) {
            Some(BUSY | LOCKED) => Error::Locked { path: path.clone() },
            Some(NOT_A_DATABASE) => Error::NotADatabase { path: path.clone() },
            _ => Error::Sql { path: path.clone(), doing, source },
        }
    }

    /// Takes the write lock. `gives_up` is asked between tries whether waiting still makes sense.
    async fn begin(&mut self, gives_up: &(dyn Fn() -> bool + Sync)) -> Result<(), Error> {
        let started = Instant::now();
        self.waited = Duration::ZERO;
        loop {
            match sqlx::query("BEGIN IMMEDIATE").execute(&mut self.connection).await {
                Ok(_) => return Ok(()),
                Err(error) if is_busy(&error) && !gives_up() => {
                    pause().await;
                    self.waited = started.elapsed();
                }
                Err(error) => return Err(self.failed("write to")(error)),
            }
        }
    }

    /// Ends the transaction. In a file without WAL readers can hold this up.
    async fn commit(&mut self, gives_up: &(dyn Fn() -> bool + Sync)) -> Result<(), Error> {
        loop {
            match sqlx::query("COMMIT").execute(&mut self.connection).await {
                Ok(_) => return Ok(()),
                Err(error) if is_busy(&error) && !gives_up() => pause().await,
                Err(error) => return Err(self.failed("commit to")(error)),
            }
        }
    }

    /// Takes back the transaction. SQLite may have done so itself, which is then no error.
    async fn rollback(&mut self) {
        let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
    }
}

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOT_A_DATABASE: i32 = 26;

/// SQLite's result code without its extension.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}

fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(BUSY | LOCKED))
}

/// SQLite's own wait backs off to 100 ms between tries, which starves a waiter while others commit every few
/// milliseconds; short even pauses give every process its turn.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// How long opening and setting up wait for other processes.
struct Patience(Instant);

impl Patience {
    const LIMIT: Duration = Duration::from_secs(5);

    fn new() -> Patience {
        Patience(Instant::now())
    }

    fn is_over(&self) -> bool {
        self.0.elapsed() >= Patience::LIMIT
    }
}
