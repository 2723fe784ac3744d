//! The writer: takes lines from memory, makes them durable in the background, and never troubles a call.

use crate::{
    Error, address,
    queue::Queue,
    spool::{Orphan, Places, Spool},
    sqlite::{Database, ledger::Appended},
};
use std::{
    collections::VecDeque,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use vg_core::Line;

/// Most lines of one transaction: at this size the cost of a commit no longer shows, and other processes wait for
/// it a few tens of milliseconds at most.
const BATCH: usize = 1024;

/// How long the writer rests, at least and at most, between batches while more lines wait. It rests for half of what
/// it waited for the lock: of many busy processes, those that waited longest then find the lock least contested.
const REST: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(200));

/// How long the writer rests when neither database nor spool takes lines.
const STUCK: Duration = Duration::from_millis(100);

/// How often the log mentions that lines do not reach the database.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// How long a committed line may be at the mercy of the machine's power.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How often a writer looks for spools that died with their owners.
const LOOK_EVERY: Duration = Duration::from_secs(30);

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
            .spawn(move || run(&of_thread))
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

fn run(shared: &Arc<Shared>) {
    match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(Thread::new(shared).run()),
        Err(error) => tracing::error!(%error, "the ledger's writer could not start: no line will be written"),
    }
    shared.queue.closed();
}

/// The state of the writer's thread.
struct Thread<'a> {
    shared: &'a Shared,
    database: Option<Database>,
    /// When a failed database is tried again.
    retry_at: Option<Instant>,
    /// Our own spool, while the database cannot take lines.
    spool: Option<Spool>,
    /// Spools to bring into the database.
    orphans: Vec<Orphan>,
    looked_at: Option<Instant>,
    /// Lines taken from the queue that neither database nor spool took yet.
    held: VecDeque<Line>,
    /// Neither database nor spool took the last batch.
    is_stuck: bool,
    /// Since when there are commits that the log's file was not synced after.
    unsynced_since: Option<Instant>,
    warned_at: Option<Instant>,
}

impl<'a> Thread<'a> {
    fn new(shared: &'a Shared) -> Thread<'a> {
        Thread {
            shared,
            database: None,
            retry_at: None,
            spool: None,
            orphans: Vec::new(),
            looked_at: None,
            held: VecDeque::new(),
            is_stuck: false,
            unsynced_since: None,
            warned_at: None,
        }
    }

    async fn run(mut self) {
        let queue = &self.shared.queue;
        // The database is opened for the first line, not before: SQLite keeps its locks by process and must not be
        // open across a fork, and a process that only forks others writes no line.
        loop {
            if queue.must_park() {
                if let Some(database) = self.database.take() {
                    database.close().await;
                }
                queue.stay_parked();
            }
            if self.is_stuck {
                tokio::time::sleep(STUCK.min(self.shared.options.retry)).await;
            } else if self.held.is_empty() {
                queue.wait(self.idle()).await;
                queue.gather(self.shared.options.gather, BATCH).await;
            }
            let work = queue.take();
            self.held.extend(work.lines);
            self.store().await;
            self.import().await;
            self.sync();
            if work.closing && self.end().await {
                break;
            }
            if !self.held.is_empty() {
                let waited = self.database.as_ref().map_or(Duration::ZERO, |database| database.waited);
                tokio::time::sleep((waited / 2).clamp(REST.0, REST.1)).await;
            }
        }
    }

    /// How long the thread may sleep when no line comes.
    fn idle(&self) -> Duration {
        let import = match self.retry_at {
            _ if !self.has_imports() => LOOK_EVERY,
            Some(at) => at.saturating_duration_since(Instant::now()),
            None => Duration::ZERO,
        };
        let sync = self.unsynced_since.map_or(LOOK_EVERY, |since| SYNC_EVERY.saturating_sub(since.elapsed()));
        import.min(sync)
    }

    /// Has the log synced when it is time, on a thread of its own: lines go on being committed meanwhile.
    fn sync(&mut self) {
        if self.unsynced_since.is_some_and(|since| since.elapsed() >= SYNC_EVERY) {
            self.unsynced_since = None;
            tokio::task::spawn_blocking(Database::sync(&self.shared.path));
        }
    }

    /// Makes the oldest held lines durable: in the database, else in the spool, else they stay held.
    async fn store(&mut self) {
        if self.held.is_empty() {
            return;
        }
        // Out of `self` while they are written, back in when nobody took them.
        let mut lines = std::mem::take(&mut self.held);
        let batch = lines.make_contiguous();
        let batch = batch.get(..BATCH).unwrap_or(batch);
        let count = batch.len();
        let (is_durable, error) = match self.append(batch).await {
            Ok(appended) => {
                self.count(appended);
                (true, None)
            }
            Err(error) => match self.spool_append(batch) {
                Ok(()) => {
                    self.shared.stats().spooled += count as u64;
                    (true, error)
                }
                Err(spool_error) => (false, error.or(Some(spool_error))),
            },
        };
        self.is_stuck = !is_durable;
        if is_durable {
            lines.drain(..count);
            self.shared.queue.done(count as u64);
        }
        self.held = lines;
        if let Some(error) = error {
            self.failed(&error);
        }
    }

    /// Tries the database; `Err(None)` when it failed lately and is left alone.
    async fn append(&mut self, lines: &[Line]) -> Result<Appended, Option<Error>> {
        if !self.may_try() {
            return Err(None);
        }
        let shared = self.shared;
        let Some(database) = self.database().await else { return Err(None) };
        let deadline = Instant::now() + shared.options.patience;
        let gives_up = || Instant::now() >= deadline || shared.queue.is_pressing();
        let appended = database.ledger_append(lines, &gives_up).await;
        if appended.is_err() {
            self.leave_alone();
        }
        appended.map_err(Some)
    }

    fn may_try(&self) -> bool {
        self.retry_at.is_none_or(|at| Instant::now() >= at)
    }

    fn leave_alone(&mut self) {
        self.retry_at = Some(Instant::now() + self.shared.options.retry);
        // Whatever state the connection is in, the next try starts from a fresh one.
        self.database = None;
    }

    async fn database(&mut self) -> Option<&mut Database> {
        if self.database.is_none() {
            match Database::open(&self.shared.path, self.shared.options.vfs).await {
                Ok(database) => {
                    self.database = Some(database);
                    self.looked_at = None;
                }
                Err(error) => {
                    self.leave_alone();
                    self.failed(&error);
                }
            }
        }
        self.database.as_mut()
    }

    fn spool_append(&mut self, lines: &[Line]) -> Result<(), Error> {
        let places = &self.shared.places;
        if let Some(spool) = &mut self.spool {
            if spool.append(lines).is_ok() {
                return Ok(());
            }
            // That place is full or gone. What the spool holds is safe and will be imported from there.
            self.orphans.extend(self.spool.take().and_then(|spool| spool.into_orphan().ok()));
        }
        let mut spool = Spool::create(places)?;
        if spool.append(lines).is_err() {
            self.orphans.extend(spool.into_orphan().ok());
            spool = Spool::create_elsewhere(places)?;
            spool.append(lines)?;
        }
        self.spool = Some(spool);
        Ok(())
    }

    fn has_imports(&self) -> bool {
        self.spool.is_some() || !self.orphans.is_empty()
    }

    /// Brings one batch from a spool into the database, so that new lines never wait for a long import.
    async fn import(&mut self) {
        if !self.may_try() || (self.has_imports() && self.database().await.is_none()) {
            return;
        }
        if self.database.is_some() && self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            self.looked_at = Some(Instant::now());
            self.orphans.extend(self.shared.places.orphans());
        }
        self.orphans.extend(self.spool.take().and_then(|spool| spool.into_orphan().ok()));
        let Some(mut orphan) = self.orphans.pop() else { return };
        let lines = orphan.next(BATCH).to_vec();
        if lines.is_empty() {
            orphan.finish();
            return;
        }
        match self.append(&lines).await {
            Ok(appended) => {
                orphan.imported();
                self.count(appended);
                self.shared.stats().imported += appended.inserted;
            }
            Err(error) => {
                if let Some(error) = error {
                    self.failed(&error);
                }
                // Our own spool goes on taking lines, or each try would leave another file behind.
                if self.spool.is_none() {
                    match orphan.into_spool() {
                        Ok(spool) => self.spool = Some(spool),
                        Err(orphan) => self.orphans.push(orphan),
                    }
                    return;
                }
            }
        }
        self.orphans.push(orphan);
    }

    fn count(&mut self, appended: Appended) {
        self.retry_at = None;
        self.unsynced_since = self.unsynced_since.or_else(|| Some(Instant::now()));
        let mut stats = self.shared.stats();
        stats.duplicates += appended.duplicates + appended.conflicts;
        stats.conflicts += appended.conflicts;
        stats.last_error = None;
        drop(stats);
        if appended.conflicts > 0 {
            tracing::warn!(
                path = %self.shared.path.display(), conflicts = appended.conflicts,
                "attempts were settled twice with different content; the first lines stay"
            );
        }
    }

    /// Remembers what went wrong and says so once a minute.
    fn failed(&mut self, error: &Error) {
        let error = error.chain();
        let (appended, durable, dropped) = self.shared.queue.counts();
        let mut stats = self.shared.stats();
        stats.last_error = Some(error.clone());
        let spooled = stats.spooled;
        drop(stats);
        if self.warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            tracing::warn!(
                path = %self.shared.path.display(),
                spool = self.spool.as_ref().map(|spool| tracing::field::display(spool.path().display())),
                spooled, dropped, in_memory = appended - durable, error,
                "the ledger cannot be written: lines wait in a spool and are brought in later"
            );
        }
    }

    /// Ends, unless there is something it can still do. Says whether the thread is done.
    async fn end(&mut self) -> bool {
        let may_import = self.has_imports() && self.may_try() && self.database.is_some();
        if may_import || (!self.held.is_empty() && !self.is_stuck) {
            return false;
        }
        // What is held now could not be kept anywhere; whoever flushed was told so.
        if let Some(database) = self.database.take() {
            database.close().await;
        }
        true
    }
}
