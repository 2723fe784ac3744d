//! Opening the file: whose it is, making it ours when it is empty, bringing its schema up to date.

use super::{BUSY, Database, LOCKED, NOT_A_DATABASE, Patience, is_busy, pause, primary_code};
use crate::Error;
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// `PRAGMA application_id` of our files: `VGW1`.
pub(crate) const APPLICATION_ID: i64 = 0x5647_5731;

/// The steps from an empty file to today's schema; the version is how many of them a file has had.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/sqlite/0001_ledger.sql"),
    include_str!("../../migrations/sqlite/0002_keys.sql"),
    include_str!("../../migrations/sqlite/0003_reconciliations.sql"),
    include_str!("../../migrations/sqlite/0004_routing.sql"),
];

/// The schema version of this program.
pub(crate) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Pages of 4 KiB the log may hold before a commit also copies it into the file.
const CHECKPOINT_PAGES: &str = "4000";

/// How long a reader waits for a lock; with WAL it never has to.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// Whose a file is, as far as a look without locks can tell.
enum Owner {
    /// No file, or an empty one.
    Nobody,
    /// Our application id.
    Us,
    /// Perhaps without tables, perhaps just being made: only a look under locks can tell.
    Unclear,
    /// Another program's, or no database at all.
    Somebody(Error),
}

/// Looks at a file without changing anything about it. It must be SQLite that opens it: when a process closes a
/// file, POSIX drops all its locks on it, also those of a connection that is just writing, and SQLite alone knows
/// to keep the file open until then.
async fn owner(path: &Path, vfs: Option<&'static str>) -> Result<Owner, Error> {
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 => return Ok(Owner::Nobody),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Owner::Nobody),
        Err(source) => return Err(Error::Io { path: path.to_owned(), doing: "read", source }),
    }
    let looked = async {
        let mut connection = options(path, vfs).read_only(true).immutable(true).connect().await?;
        let tables: i64 =
            sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(&mut connection).await?.try_get(0)?;
        let id: i64 = sqlx::query("PRAGMA application_id").fetch_one(&mut connection).await?.try_get(0)?;
        connection.close().await?;
        Ok::<_, sqlx::Error>((tables, id))
    };
    Ok(match looked.await {
        // Our files get their id before they turn to WAL, so it is never only in the log.
        Ok((_, APPLICATION_ID)) => Owner::Us,
        Ok((0, 0)) if !has(path, "-wal") => Owner::Unclear,
        Ok(_) if !has(path, "-journal") => Owner::Somebody(Error::Foreign { path: path.to_owned() }),
        Err(error) if primary_code(&error) == Some(NOT_A_DATABASE) && !has(path, "-journal") => {
            Owner::Somebody(Error::NotADatabase { path: path.to_owned() })
        }
        Ok(_) | Err(_) => Owner::Unclear,
    })
}

/// Whether there is a file beside the database that holds more of it: its log or a transaction under way.
fn has(path: &Path, suffix: &str) -> bool {
    fs::metadata(beside(path, suffix)).is_ok_and(|file| file.len() > 0)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Options that change nothing in a file by themselves.
fn options(path: &Path, vfs: Option<&'static str>) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .thread_name(|_| "voicegw-sqlite".to_owned())
        .disable_statement_logging();
    if let Some(vfs) = vfs { options.vfs(vfs) } else { options }
}

impl Database {
    /// Opens the file for writing: makes it and its folders when they are not there, makes an empty file ours,
    /// brings an older schema up to date. Any number of processes may do this at once.
    pub(crate) async fn open(path: &Path, vfs: Option<&'static str>) -> Result<Database, Error> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|source| Error::Io {
                path: folder.to_owned(),
                doing: "make the folder",
                source,
            })?;
        }
        let was_ours = match owner(path, vfs).await? {
            Owner::Somebody(error) => return Err(error),
            Owner::Us => true,
            Owner::Nobody | Owner::Unclear => false,
        };
        let options = options(path, vfs)
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Patience::LIMIT)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("journal_size_limit", "67108864");
        let waits = Patience::new();
        let connection = loop {
            match options.connect().await {
                Ok(connection) => break connection,
                Err(error) if is_busy(&error) && !waits.is_over() => pause().await,
                Err(error) => return Err(opening(path, error)),
            }
        };
        let mut database =
            Database { path: path.to_owned(), connection, waited: Duration::ZERO, series: HashMap::new() };
        let is_current = was_ours && database.schema_version().await? == SCHEMA_VERSION;
        if !is_current {
            database.migrate().await?;
        }
        database.use_wal().await?;
        // From here on the wait for the lock is ours: see `begin`.
        database.run("PRAGMA busy_timeout = 0").await?;
        Ok(database)
    }

    async fn pragma(&mut self, statement: &'static str) -> Result<i64, Error> {
        let waits = Patience::new();
        loop {
            let row = sqlx::query(statement).fetch_one(&mut self.connection).await;
            match row.and_then(|row| row.try_get::<i64, _>(0)) {
                Ok(value) => return Ok(value),
                Err(error) if is_busy(&error) && !waits.is_over() => pause().await,
                Err(error) => return Err(self.failed("read")(error)),
            }
        }
    }

    async fn schema_version(&mut self) -> Result<i64, Error> {
        let found = self.pragma("PRAGMA user_version").await?;
        if found > SCHEMA_VERSION {
            return Err(Error::Newer { path: self.path.clone(), found, known: SCHEMA_VERSION });
        }
        Ok(found)
    }

    /// Brings the schema up to date, in one transaction: another process sees all of it or nothing.
    async fn migrate(&mut self) -> Result<(), Error> {
        // Asked before the write lock is taken: taking it would already touch a file that is not ours.
        self.refuse_foreign().await?;
        let waits = Patience::new();
        self.begin(&|| waits.is_over()).await?;
        let migrated = self.migrate_inside().await;
        match migrated {
            Ok(()) => self.commit(&|| waits.is_over()).await,
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }

    async fn refuse_foreign(&mut self) -> Result<(), Error> {
        // In this order: tables of ours that another process has just made come with our id.
        let tables = self.pragma("SELECT count(*) FROM sqlite_schema").await?;
        let application_id = self.pragma("PRAGMA application_id").await?;
        if application_id == APPLICATION_ID || (application_id == 0 && tables == 0) {
            Ok(())
        } else {
            Err(Error::Foreign { path: self.path.clone() })
        }
    }

    async fn migrate_inside(&mut self) -> Result<(), Error> {
        // Another process may have been quicker, so everything is asked again under the lock.
        self.refuse_foreign().await?;
        let version = self.schema_version().await?;
        let done = usize::try_from(version).unwrap_or(0);
        for step in MIGRATIONS.iter().skip(done) {
            self.run(step).await?;
        }
        Ok(())
    }

    async fn run(&mut self, statements: &'static str) -> Result<(), Error> {
        let failed = self.failed("set up");
        sqlx::raw_sql(statements).execute(&mut self.connection).await.map(drop).map_err(failed)
    }

    /// Turns to write-ahead logging. A file system without shared memory (some network ones) cannot: the file
    /// then keeps its rollback journal, which is as safe and slower.
    async fn use_wal(&mut self) -> Result<(), Error> {
        let waits = Patience::new();
        loop {
            let row = sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut self.connection).await;
            match row.and_then(|row| row.try_get::<String, _>(0)) {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(mode) => {
                    tracing::warn!(
                        path = %self.path.display(), mode,
                        "the ledger's file system has no shared memory: readers and writers wait for each other"
                    );
                    return Ok(());
                }
                Err(error) if is_busy(&error) && !waits.is_over() => pause().await,
                Err(error) => return Err(self.failed("open")(error)),
            }
        }
    }

    /// What makes everything committed so far survive a power loss, to be run where it may block: it syncs the
    /// log without holding a lock, so that no other process waits for the disk. SQLite takes no locks on the log
    /// file itself, so opening it here takes none away.
    pub(crate) fn sync(path: &Path) -> impl FnOnce() + Send + use<> {
        let log = beside(path, "-wal");
        move || {
            // Without a log everything is in the file, which was synced when the log was moved there.
            let _ = File::open(log).and_then(|log| log.sync_data());
        }
    }

    /// Closes the connection; the last one of all processes moves the log into the file.
    pub(crate) async fn close(self) {
        let _ = self.connection.close().await;
    }
}

fn opening(path: &Path, source: sqlx::Error) -> Error {
    match primary_code(&source) {
        Some(BUSY | LOCKED) => Error::Locked { path: path.to_owned() },
        Some(NOT_A_DATABASE) => Error::NotADatabase { path: path.to_owned() },
        _ => Error::Sql { path: path.to_owned(), doing: "open", source },
    }
}

/// How many of the steps a file has had. Asked each time: another process may bring it up to date.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA user_version").fetch_one(connection).await?.try_get(0)
}

/// Options for reading the file, once it is known to be ours and of a version we read.
pub(crate) async fn open_for_reading(path: &Path) -> Result<SqliteConnectOptions, Error> {
    match owner(path, None).await? {
        Owner::Nobody => return Err(Error::Absent { path: path.to_owned() }),
        Owner::Somebody(error) => return Err(error),
        Owner::Unclear => return Err(Error::Foreign { path: path.to_owned() }),
        Owner::Us => {}
    }
    let shared = options(path, None).read_only(true).busy_timeout(READER_PATIENCE);
    let (options, mut connection) = match try_reading(&shared).await {
        Ok(connection) => (shared, connection),
        // On a read-only file system WAL's shared memory cannot be made. Nobody can write there, so the file may
        // be read without locks, as long as no log holds something newer.
        Err(error) if !has(path, "-wal") => {
            let immutable = shared.immutable(true);
            let connection = try_reading(&immutable).await.map_err(|_| opening(path, error))?;
            (immutable, connection)
        }
        Err(error) => return Err(opening(path, error)),
    };
    let failed = |source| Error::Sql { path: path.to_owned(), doing: "read", source };
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut connection).await.map_err(failed)?;
    let found: i64 = row.try_get(0).map_err(failed)?;
    if found > SCHEMA_VERSION {
        return Err(Error::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    let _ = connection.close().await;
    Ok(options)
}

async fn try_reading(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(&mut connection).await?;
    Ok(connection)
}
