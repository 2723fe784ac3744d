//! The writer: takes lines from memory, makes them durable in the background, and never troubles a call.

mod thread;

use crate::{Error, address, queue::Queue, spool::Places};
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use vg_core::Line;

/// How the writer behaves. The default suits agents and gateways.
#[derive(Debug, Clone)]
pub struct Options {
    /// Second place for spool files, when the database's own folder takes none: the system's temporary folder.
    pub temporary: PathBuf,
    /// How long lines gather before a transaction takes them.
    pub gather: Duration,
    /// How long a batch waits for a locked database before it goes to the spool.
    pub patience: Duration,
    /// How long the database is left alone after it failed.
    pub retry: Duration,
    /// Most lines kept in memory; beyond, lines are dropped and counted.
    pub capacity: usize,
    /// The name of SQLite's file layer, for tests of file systems without shared memory.
    #[doc(hidden)]
    pub vfs: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            temporary: PathBuf::from("/tmp"),
            gather: Duration::from_millis(5),
            patience: Duration::from_secs(2),
            retry: Duration::from_secs(1),
            capacity: 65_536,
            vfs: None,
        }
    }
}

/// How far a flush came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushed {
    /// How many lines of this writer are durable, from the first on: in the database or in a spool on disk.
    pub durable: u64,
    /// How many lines appended before the flush are not.
    pub pending: u64,
}

/// What a writer has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Lines taken by `append`.
    pub appended: u64,
    /// How many of them, from the first on, are durable.
    pub durable: u64,
    /// Lines that went to a spool file, because the database could not take them.
    pub spooled: u64,
    /// Lines brought from spool files into the database, this process's own and orphaned ones.
    pub imported: u64,
    /// Lines whose attempt the ledger held already.
    pub duplicates: u64,
    /// Those among the duplicates whose content differed; the first line stayed.
    pub conflicts: u64,
    /// Lines lost: neither database nor spool took lines for so long that memory was full.
    pub dropped: u64,
    /// What the database said when it last failed; none while it works.
    pub last_error: Option<String>,
}

/// A handle to the process's writer: cheap to clone, usable from any thread.
///
/// `append` moves the line into memory and returns; one background thread writes batches. While the database
/// cannot take them (locked, full disk, read-only, somebody else's file) lines go to a spool file on disk, and
/// from there into the database later, through this or any other process.
///
/// Dropping handles does nothing, on purpose: a forked child inherits the handle but not the thread, and must be
/// able to forget it without touching the parent's files. It must not use it either. The database is opened with
/// the first line; a process that has written lines must [`Writer::close`] before it forks children that write the
/// same file, because SQLite must not be open across a fork.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue,
    places: Places,
    path: PathBuf,
    options: Options,
    process: u32,
    stats: Mutex<Stats>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the writer of the store at `url` (a path, `sqlite:<path>` or `sqlite://<path>`). The file is opened
    /// in the background: trouble with it is logged and counted, and lines go to the spool.
    ///
    /// # Errors
    /// When the address is none of a store, or the thread cannot start.
    pub fn open(url: &str) -> Result<Writer, Error> {
        Writer::open_with(url, Options::default())
    }

    /// Starts the writer with options of the caller's.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn open_with(url: &str, options: Options) -> Result<Writer, Error> {
        let path = address::parse(url)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.capacity),
            places: Places::new(&path, &options.temporary),
            path,
            options,
            process: std::process::id(),
            stats: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("voicegw-ledger".to_owned())
            .spawn(move || thread::run(&of_thread))
            .map_err(Error::Thread)?;
        Ok(Writer { shared })
    }

    /// Takes a line. Never blocks on the disk and never fails; what became of it, `flush` and `stats` tell.
    pub fn append(&self, line: Line) {
        self.shared.queue.push(line);
    }

    /// How many lines, from the first appended on, are durable: a `kill -9` after this returned loses none of
    /// them.
    pub fn watermark(&self) -> u64 {
        self.shared.queue.durable()
    }

    /// Waits, at most `timeout`, until every line appended before is durable. Blocks the calling thread; several
    /// may call it at once. In a forked child it returns at once.
    pub fn flush(&self, timeout: Duration) -> Flushed {
        let timeout = if self.is_inherited() { Duration::ZERO } else { timeout };
        let (durable, pending) = self.shared.queue.flush(timeout);
        Flushed { durable, pending }
    }

    /// Has the thread close the database and rest, until [`Writer::unpark`]; waits for that at most `timeout` and
    /// says whether it is so. To be called before a fork: SQLite's state must not be in the middle of anything, nor
    /// know of locks, when a child gets a copy of it. Lines appended meanwhile wait in memory.
    pub fn park(&self, timeout: Duration) -> bool {
        !self.is_inherited() && self.shared.queue.park(timeout)
    }

    /// Lets the thread go on: for each [`Writer::park`], in the parent.
    pub fn unpark(&self) {
        if !self.is_inherited() {
            self.shared.queue.unpark();
        }
    }

    /// Flushes, ends the thread and closes the database. Lines appended later are dropped and counted.
    pub fn close(&self, timeout: Duration) -> Flushed {
        let started = Instant::now();
        let flushed = self.flush(timeout);
        if !self.is_inherited() {
            self.shared.queue.close();
            self.shared.queue.wait_closed(timeout.saturating_sub(started.elapsed()));
        }
        flushed
    }

    /// What this writer has done so far.
    pub fn stats(&self) -> Stats {
        let (appended, durable, dropped) = self.shared.queue.counts();
        Stats { appended, durable, dropped, ..self.shared.stats().clone() }
    }

    /// Whether this handle came from the parent through a fork: its thread is not here.
    fn is_inherited(&self) -> bool {
        std::process::id() != self.shared.process
    }
}

impl Shared {
    fn stats(&self) -> std::sync::MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
