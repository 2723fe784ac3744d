//! The reader: answers questions about the ledger. Opens the file read-only; lines that died with their process
//! in a spool are brought in first.

use crate::{
    Error, address,
    key::{LivekitKey, VirtualKey},
    query::{CostQuery, Costs, HourRow, LatencyRow, LineQuery, Session, SessionQuery, UsageRow},
    reconciliation::Reconciliation,
    spool::Places,
    sqlite::{Database, file, key, ledger, reconciliation, rollup, session},
};
use sqlx::{Sqlite, SqlitePool, pool::PoolConnection, sqlite::SqlitePoolOptions};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use vg_core::Line;

/// How many questions are answered at once; more wait.
const CONNECTIONS: u32 = 4;

/// How long opening waits for the write lock to bring in a spool before it answers without.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many lines of a spool are brought in at once.
const BATCH: usize = 1024;

/// Answers questions about a store: cheap to clone, usable from any task.
#[derive(Debug, Clone)]
pub struct Reader {
    path: PathBuf,
    pool: SqlitePool,
}

impl Reader {
    /// Opens the store at `url` (a path, `sqlite:<path>` or `sqlite://<path>`) for reading. Spools whose owners
    /// died are brought in first, where the file can be written.
    ///
    /// # Errors
    /// [`Error::Absent`] when nothing was written yet; [`Error::Foreign`], [`Error::NotADatabase`] and
    /// [`Error::Newer`] for files that are not ours to read.
    pub async fn open(url: &str) -> Result<Reader, Error> {
        Reader::open_with(url, Path::new("/tmp")).await
    }

    /// Opens the store with the temporary folder of the caller's, where spools may lie too.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub async fn open_with(url: &str, temporary: &Path) -> Result<Reader, Error> {
        import(&address::parse(url)?, temporary).await;
        Reader::open_as_it_is(url).await
    }

    /// Opens the store without bringing in spools, which can take seconds: for questions that are not about lines.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub async fn open_as_it_is(url: &str) -> Result<Reader, Error> {
        let path = address::parse(url)?;
        let options = file::open_for_reading(&path).await?;
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(options);
        Ok(Reader { path, pool })
    }

    async fn connection(&self) -> Result<PoolConnection<Sqlite>, Error> {
        self.pool.acquire().await.map_err(self.failed())
    }

    fn failed(&self) -> impl Fn(sqlx::Error) -> Error + use<'_> {
        |source| Error::Sql { path: self.path.clone(), doing: "read", source }
    }

    /// One page of lines; [`LineQuery::next_page`] makes the query of the next one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ledger_list(&self, query: &LineQuery) -> Result<Vec<Line>, Error> {
        ledger::ledger_list(&mut *self.connection().await?, query).await.map_err(self.failed())
    }

    /// What was spent in a window, from the rollups.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollup_costs(&self, query: &CostQuery) -> Result<Costs, Error> {
        let rows = rollup::rollup_costs(&mut *self.connection().await?, query).await;
        Ok(Costs { rows: rows.map_err(self.failed())? })
    }

    /// What was used in a window, by model, from the rollups.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollup_usage(&self, query: &CostQuery) -> Result<Vec<UsageRow>, Error> {
        rollup::rollup_usage(&mut *self.connection().await?, query).await.map_err(self.failed())
    }

    /// What was used in a window, by hour and model, from the rollups.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollup_hours(&self, query: &CostQuery) -> Result<Vec<HourRow>, Error> {
        rollup::rollup_hours(&mut *self.connection().await?, query).await.map_err(self.failed())
    }

    /// The reconciliations that were kept, the newest first; at most `limit`, of one provider if one is named.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reconciliation_list(
        &self,
        provider: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Reconciliation>, Error> {
        let mut connection = self.connection().await?;
        reconciliation::reconciliation_list(&mut connection, provider, limit).await.map_err(self.failed())
    }

    /// One reconciliation; `None` when there is none of this number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reconciliation_get(&self, id: i64) -> Result<Option<Reconciliation>, Error> {
        let mut connection = self.connection().await?;
        reconciliation::reconciliation_get(&mut connection, id).await.map_err(self.failed())
    }

    /// How long requests took in a window, by project and model, from the rollups.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollup_latency(&self, query: &CostQuery) -> Result<Vec<LatencyRow>, Error> {
        rollup::rollup_latency(&mut *self.connection().await?, query).await.map_err(self.failed())
    }

    /// One session; `None` when no line names it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session_get(&self, id: &str) -> Result<Option<Session>, Error> {
        session::session_get(&mut *self.connection().await?, id).await.map_err(self.failed())
    }

    /// One page of sessions.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session_list(&self, query: &SessionQuery) -> Result<Vec<Session>, Error> {
        session::session_list(&mut *self.connection().await?, query).await.map_err(self.failed())
    }

    /// Whether any key was ever issued, revoked ones included: whoever revokes the last key does not open the door.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn key_exists(&self) -> Result<bool, Error> {
        key::key_exists(&mut *self.connection().await?).await.map_err(self.failed())
    }

    /// The bearer key with one of these hashes, a revoked one too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn virtual_key_find(&self, hashes: &[[u8; 32]]) -> Result<Option<VirtualKey>, Error> {
        key::virtual_key_find(&mut *self.connection().await?, hashes).await.map_err(self.failed())
    }

    /// All bearer keys, the newest first, revoked ones too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn virtual_key_list(&self) -> Result<Vec<VirtualKey>, Error> {
        key::virtual_key_list(&mut *self.connection().await?).await.map_err(self.failed())
    }

    /// One key pair, a revoked one too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn livekit_key_get(&self, api_key: &str) -> Result<Option<LivekitKey>, Error> {
        key::livekit_key_get(&mut *self.connection().await?, api_key).await.map_err(self.failed())
    }

    /// All key pairs, the newest first, revoked ones too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn livekit_key_list(&self) -> Result<Vec<LivekitKey>, Error> {
        key::livekit_key_list(&mut *self.connection().await?).await.map_err(self.failed())
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Brings in what orphaned spools hold. A reader answers even when that fails: the lines stay where they are.
async fn import(path: &Path, temporary: &Path) {
    let orphans = Places::new(path, temporary).orphans();
    if orphans.is_empty() {
        return;
    }
    let imported = async {
        let mut database = Database::open(path, None).await?;
        let deadline = Instant::now() + PATIENCE;
        for mut orphan in orphans {
            while !orphan.next(BATCH).is_empty() {
                database.ledger_append(orphan.next(BATCH), &|| Instant::now() >= deadline).await?;
                orphan.imported();
            }
            orphan.finish();
        }
        database.close().await;
        Ok::<(), Error>(())
    };
    if let Err(error) = imported.await {
        tracing::warn!(path = %path.display(), error = error.chain(), "lines waiting in a spool are not included");
    }
}
