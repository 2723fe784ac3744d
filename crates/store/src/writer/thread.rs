//! The writer's thread: lines out of the queue into the database, else into a spool, and spools into the database.

use super::Shared;
use crate::{
    Error,
    spool::{Orphan, Spool},
    sqlite::{Database, ledger::Appended},
};
use std::{
    collections::VecDeque,
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

/// Writes until the queue is closed.
pub(super) fn run(shared: &Shared) {
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
