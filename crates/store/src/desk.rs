//! The desk: what people change, in the same file that the ledger is kept in, while others write to it.

use crate::{
    Error, address,
    key::{LivekitKey, NewVirtualKey, VirtualKey},
    reconciliation::{NewReconciliation, Reconciliation},
    sqlite::{Database, change::Change, key, reconciliation},
};
use sqlx::sqlite::SqliteRow;
use std::path::PathBuf;
use vg_core::UnixMicros;

/// Changes what people manage. Each call is one transaction, waits at most seconds for other writers and survives
/// a loss of power once it returned. The file is opened for each: such changes are rare.
#[derive(Debug, Clone)]
pub struct Desk {
    path: PathBuf,
}

impl Desk {
    /// The desk of the store at `url`: a path, `sqlite:<path>` or `sqlite://<path>`. Nothing is opened yet; the
    /// first change makes a file that is not there.
    ///
    /// # Errors
    /// When the address is none of a store.
    pub fn new(url: &str) -> Result<Desk, Error> {
        Ok(Desk { path: address::parse(url)? })
    }

    /// Keeps a new bearer key.
    ///
    /// # Errors
    /// When the file is not ours or cannot be written.
    pub async fn virtual_key_insert(&self, new: &NewVirtualKey) -> Result<VirtualKey, Error> {
        let row = self.change(&Change::VirtualKeyInsert(new)).await?;
        self.inserted(row, key::virtual_key)
    }

    /// Revokes a bearer key; `None` when there is none of this id. One that was revoked keeps its first instant.
    ///
    /// # Errors
    /// When the file is not ours or cannot be written.
    pub async fn virtual_key_revoke(&self, id: i64, at: UnixMicros) -> Result<Option<VirtualKey>, Error> {
        let row = self.change(&Change::VirtualKeyRevoke(id, at)).await?;
        row.map(|row| key::virtual_key(&row)).transpose().map_err(self.failed())
    }

    /// Notes that bearer keys were used, except those whose last use was noted within the last minute.
    ///
    /// # Errors
    /// When the file is not ours or cannot be written.
    pub async fn virtual_key_touch(&self, ids: &[i64], at: UnixMicros) -> Result<(), Error> {
        self.change(&Change::VirtualKeyTouch(ids, at)).await.map(drop)
    }

    /// Keeps a new key pair.
    ///
    /// # Errors
    /// When the file is not ours or cannot be written, or there is such a key.
    pub async fn livekit_key_insert(&self, new: &LivekitKey) -> Result<LivekitKey, Error> {
        let row = self.change(&Change::LivekitKeyInsert(new)).await?;
        self.inserted(row, key::livekit_key)
    }

    /// Revokes a key pair; `None` when there is no such one. One that was revoked keeps its first instant.
    ///
    /// # Errors
    /// When the file is not ours or cannot be written.
    pub async fn livekit_key_revoke(
        &self,
        api_key: &str,
        at: UnixMicros,
    ) -> Result<Option<LivekitKey>, Error> {
        let row = self.change(&Change::LivekitKeyRevoke(api_key, at)).await?;
        row.map(|row| key::livekit_key(&row)).transpose().map_err(self.failed())
    }

    /// Keeps a reconciliation.
    ///
    /// # Errors
    /// When the file is not ours or cannot be written.
    pub async fn reconciliation_insert(&self, new: &NewReconciliation) -> Result<Reconciliation, Error> {
        let row = self.change(&Change::ReconciliationInsert(new)).await?;
        self.inserted(row, reconciliation::reconciliation)
    }

    /// Closes the period of a reconciliation on it; `None` when there is none of this number. One that was closed
    /// keeps its first instant.
    ///
    /// # Errors
    /// When the file is not ours or cannot be written.
    pub async fn reconciliation_close(
        &self,
        id: i64,
        at: UnixMicros,
    ) -> Result<Option<Reconciliation>, Error> {
        let row = self.change(&Change::ReconciliationClose(id, at)).await?;
        row.map(|row| reconciliation::reconciliation(&row)).transpose().map_err(self.failed())
    }

    async fn change(&self, change: &Change<'_>) -> Result<Option<SqliteRow>, Error> {
        let mut database = Database::open(&self.path, None).await?;
        let changed = database.change(change).await;
        if changed.is_ok() {
            // A panic in there would be a lost sync, as a loss of power in between would.
            let _ = tokio::task::spawn_blocking(Database::sync(&self.path)).await;
        }
        database.close().await;
        changed
    }

    fn inserted<T>(
        &self,
        row: Option<SqliteRow>,
        read: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        let row = row.ok_or(sqlx::Error::RowNotFound);
        row.and_then(|row| read(&row)).map_err(self.failed())
    }

    fn failed(&self) -> impl Fn(sqlx::Error) -> Error + use<'_> {
        |source| Error::Sql { path: self.path.clone(), doing: "read", source }
    }
}
