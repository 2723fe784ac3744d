//! Bad days of an SQLite file: files that are not ours, disks that are full or read-only, locks held by others,
//! processes killed in the middle of it, copies made while it is written.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failing test may panic"
)]

mod files;
#[path = "../conformance/lines.rs"]
#[expect(dead_code, reason = "the conformance suite uses all of it")]
mod lines;
mod processes;
mod spools;
mod views;

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};
use vg_core::Line;
use vg_store::{LineQuery, Options, Order, Reader, Writer};

/// Long enough for a slow machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds` says so.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "never came true: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A folder of its own for a database and another one as the temporary folder.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        Place { folder }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// Options that give up quickly.
    fn options(&self) -> Options {
        Options {
            temporary: self.temporary(),
            patience: Duration::from_millis(30),
            retry: Duration::from_millis(20),
            ..Options::default()
        }
    }

    fn writer(&self) -> Writer {
        Writer::open_with(self.database().to_str().unwrap(), self.options()).unwrap()
    }

    async fn lines(&self) -> Vec<Line> {
        lines_of(&self.database(), &self.temporary()).await
    }

    /// Spool files of the database, in both places.
    fn spools(&self) -> Vec<PathBuf> {
        let folders = [self.folder.path().to_owned(), self.temporary()];
        let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_str().unwrap().contains(".spool-")).collect()
    }
}

/// All lines, oldest first; orphaned spools are brought in.
async fn lines_of(database: &Path, temporary: &Path) -> Vec<Line> {
    let reader = Reader::open_with(database.to_str().unwrap(), temporary).await.unwrap();
    let query = LineQuery { order: Order::Oldest, limit: u32::MAX, ..LineQuery::default() };
    let lines = reader.ledger_list(&query).await.unwrap();
    reader.close().await;
    lines
}

/// Appends lines and waits until they are durable.
fn append(writer: &Writer, lines: impl IntoIterator<Item = Line>) {
    lines.into_iter().for_each(|line| writer.append(line));
    assert_eq!(writer.flush(PATIENCE).pending, 0);
}

/// What the `sqlite3` command says to a statement.
fn sqlite3(database: &Path, statement: &str) -> String {
    let output =
        Command::new("sqlite3").arg("-cmd").arg(".timeout 20000").arg(database).arg(statement).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Asserts that a file is sound and that its sums are those of its lines.
fn assert_consistent(database: &Path) {
    assert_eq!(sqlite3(database, "PRAGMA integrity_check"), "ok");
    let of_ledger = "SELECT count(*), sum(cost_picos IS NULL), total(cost_picos), total(input_tokens), \
                     total(latency_micros), count(latency_micros) FROM ledger";
    let of_rollups = "SELECT total(request_count), total(unpriced_count), total(cost_picos), total(input_tokens), \
                      total(latency_micros), total(latency_count) FROM rollups";
    let numbers = |text: String| text.split('|').map(|n| n.parse().unwrap_or(0.0)).collect::<Vec<f64>>();
    assert_eq!(numbers(sqlite3(database, of_ledger)), numbers(sqlite3(database, of_rollups)));
    let of_lines = "SELECT session_id, count(*), sum(cost_picos) FROM ledger GROUP BY session_id ORDER BY 1";
    let of_sessions = "SELECT id, stt_request_count + llm_request_count + tts_request_count, \
                       stt_cost_picos + llm_cost_picos + tts_cost_picos FROM session_totals ORDER BY 1";
    assert_eq!(sqlite3(database, of_lines), sqlite3(database, of_sessions));
}

/// A connection of somebody else's that holds the write lock until it is dropped.
struct Lock {
    child: Child,
    input: Option<ChildStdin>,
}

impl Lock {
    fn hold(database: &Path) -> Lock {
        let mut child = Command::new("sqlite3")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b".timeout 20000\nBEGIN IMMEDIATE;\nSELECT 'held';\n").unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "held");
        Lock { child, input: Some(input) }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

/// A process of its own that writes lines: this test binary again, in [`processes::child`].
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a process that appends lines `from..to` to the database and says how far they are durable.
    fn start(place: &Place, from: u64, to: u64) -> Process {
        Process::start_with(place, from, to, Command::new(std::env::current_exe().unwrap()))
    }

    fn start_with(place: &Place, from: u64, to: u64, mut command: Command) -> Process {
        let mut child = command
            .args(["--exact", "processes::child", "--ignored", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let database = place.database();
        let temporary = place.temporary();
        let task = format!("{}\n{}\n{from}\n{to}\n", database.display(), temporary.display());
        child.stdin.take().unwrap().write_all(task.as_bytes()).unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Process { child, output }
    }

    /// The next watermark it prints; `None` at its end.
    fn watermark(&mut self) -> Option<u64> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, number)) = line.split_once("durable ") {
                return Some(number.trim().parse().unwrap());
            }
        }
    }

    /// Kills it and answers the last watermark it printed.
    fn kill(mut self, mut last: u64) -> u64 {
        self.child.kill().unwrap();
        while let Some(watermark) = self.watermark() {
            last = watermark;
        }
        self.child.wait().unwrap();
        last
    }

    /// Lets it end and answers how many lines are durable, and how many of them went to a spool.
    fn finish(mut self) -> (u64, u64) {
        let mut output = String::new();
        self.output.read_to_string(&mut output).unwrap();
        assert!(self.child.wait().unwrap().success());
        let last = |word: &str| output.lines().rev().find_map(|line| line.split_once(word)?.1.parse().ok());
        (last("durable ").unwrap(), last("spooled ").unwrap())
    }
}
