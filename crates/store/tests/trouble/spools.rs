//! Spools: where lines go when the database cannot take them, and how they come back.

use crate::{
    Lock, PATIENCE, Place, Process, append, assert_consistent, lines_of, processes::numbered, sqlite3,
    wait_for,
};
use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
    process::Command,
};
use vg_store::{Options, Reader, Writer};

const NONE: Vec<PathBuf> = Vec::new();

/// A spool left behind by a killed process, with lines 0 to 99 except what `numbers` leaves out.
fn leave_a_spool(place: &Place) -> PathBuf {
    let writer = place.writer();
    append(&writer, [numbered(1_000_000)]);
    writer.close(PATIENCE);
    let lock = Lock::hold(&place.database());
    let mut process = Process::start(place, 0, 100_000);
    let mut seen = 0;
    while seen < 100 {
        seen = process.watermark().unwrap();
    }
    let last = process.kill(seen);
    assert!(last >= 100);
    drop(lock);
    let spools = place.spools();
    assert_eq!(spools.len(), 1, "{spools:?}");
    spools[0].clone()
}

#[tokio::test]
async fn a_locked_database_sends_lines_to_a_spool_and_they_come_back() {
    let place = Place::new();
    let writer = place.writer();
    append(&writer, (0..10).map(numbered));
    let lock = Lock::hold(&place.database());
    append(&writer, (5..2_000).map(numbered));
    assert_eq!(writer.watermark(), 2_005);
    assert!(writer.stats().spooled > 0);
    assert!(writer.stats().last_error.unwrap().contains("locked"));
    assert_eq!(place.spools().len(), 1);
    drop(lock);
    wait_for("the spool is imported", || place.spools().is_empty());
    let stats = writer.stats();
    assert_eq!((stats.imported, stats.duplicates, stats.dropped, stats.last_error), (1_990, 5, 0, None));
    assert_eq!(place.lines().await.len(), 2_000);
    assert_consistent(&place.database());
    writer.close(PATIENCE);
}

#[tokio::test]
async fn a_reader_brings_in_the_spool_of_a_killed_process() {
    let place = Place::new();
    leave_a_spool(&place);
    assert!(place.lines().await.len() >= 101);
    assert_eq!(place.spools(), NONE);
    assert_consistent(&place.database());
}

#[tokio::test]
async fn a_writer_brings_in_the_spool_of_a_killed_process() {
    let place = Place::new();
    leave_a_spool(&place);
    let writer = place.writer();
    append(&writer, [numbered(2_000_000)]);
    wait_for("the spool is imported", || place.spools().is_empty());
    assert!(writer.stats().imported >= 100);
    writer.close(PATIENCE);
    assert_consistent(&place.database());
}

#[tokio::test]
async fn a_spool_whose_owner_lives_is_left_alone() {
    let place = Place::new();
    let writer = place.writer();
    append(&writer, [numbered(1)]);
    let lock = Lock::hold(&place.database());
    append(&writer, [numbered(2)]);
    assert_eq!(place.lines().await, [numbered(1)]);
    assert_eq!(place.spools().len(), 1);
    drop(lock);
    wait_for("the spool is imported", || place.spools().is_empty());
    writer.close(PATIENCE);
}

#[tokio::test]
async fn a_record_cut_by_the_kill_is_dropped_and_those_before_it_are_kept() {
    let place = Place::new();
    let spool = leave_a_spool(&place);
    let file = OpenOptions::new().write(true).open(&spool).unwrap();
    file.set_len(file.metadata().unwrap().len() - 5).unwrap();
    let whole = place.lines().await;
    assert!(whole.len() >= 100);
    assert_eq!(whole[..99], (0..99).map(numbered).collect::<Vec<_>>());
    assert_eq!(place.spools(), NONE);
    assert_consistent(&place.database());
}

#[tokio::test]
async fn a_damaged_spool_is_kept_under_another_name() {
    let place = Place::new();
    let spool = leave_a_spool(&place);
    let mut file = OpenOptions::new().write(true).open(&spool).unwrap();
    file.seek(SeekFrom::Start(200)).unwrap();
    file.write_all(b"????").unwrap();
    assert_eq!(place.lines().await, [numbered(1_000_000)]);
    let [kept] = &place.spools()[..] else { return assert_eq!(place.spools().len(), 1) };
    assert_eq!(kept.extension().unwrap(), "damaged");
}

#[tokio::test]
async fn a_folder_that_takes_no_file_sends_the_spool_to_the_temporary_folder() {
    let place = Place::new();
    let in_the_way = place.folder.path().join("not-a-folder");
    fs::write(&in_the_way, "").unwrap();
    let database = in_the_way.join("ledger.db");
    let writer = Writer::open_with(database.to_str().unwrap(), place.options()).unwrap();
    append(&writer, (0..10).map(numbered));
    assert_eq!(writer.stats().spooled, 10);
    assert_eq!(place.spools()[0].parent().unwrap(), place.temporary());
    writer.close(PATIENCE);
    fs::remove_file(&in_the_way).unwrap();
    assert_eq!(lines_of(&database, &place.temporary()).await.len(), 10);
    assert_eq!(place.spools(), NONE);
}

#[tokio::test]
async fn without_any_place_for_a_spool_memory_holds_lines_up_to_its_bound_and_drops_are_counted() {
    let place = Place::new();
    let in_the_way = place.folder.path().join("not-a-folder");
    fs::write(&in_the_way, "").unwrap();
    let database = in_the_way.join("ledger.db");
    let options = Options { temporary: in_the_way.join("tmp"), capacity: 100, ..place.options() };
    let writer = Writer::open_with(database.to_str().unwrap(), options).unwrap();
    (0..150).for_each(|number| writer.append(numbered(number)));
    let flushed = writer.flush(std::time::Duration::from_millis(50));
    assert_eq!((flushed.durable, flushed.pending, writer.stats().dropped), (0, 100, 50));
    fs::remove_file(&in_the_way).unwrap();
    assert_eq!(writer.flush(PATIENCE).pending, 0);
    assert_eq!(writer.watermark(), 100);
    writer.close(PATIENCE);
    assert_eq!(lines_of(&database, &place.temporary()).await.len(), 100);
}

#[tokio::test]
async fn a_full_disk_loses_no_line() {
    // The shell forbids files beyond 256 KiB, as a full disk would: first the database fails, then each spool.
    let place = Place::new();
    let mut limited = Command::new("bash");
    let own = std::env::current_exe().unwrap();
    limited.args(["-c", "trap '' XFSZ; ulimit -f 256; exec \"$0\" \"$@\""]).arg(own);
    let (durable, spooled) = Process::start_with(&place, 0, 2_000, limited).finish();
    assert_eq!(durable, 2_000);
    assert!(spooled > 0);
    assert!(!place.spools().is_empty());
    assert_eq!(place.lines().await.len(), 2_000);
    assert_eq!(place.spools(), NONE);
    assert_consistent(&place.database());
}

#[tokio::test]
async fn without_shared_memory_a_new_file_does_without_wal() {
    let place = Place::new();
    let options = Options { vfs: Some("unix-dotfile"), ..place.options() };
    let writer = Writer::open_with(place.database().to_str().unwrap(), options).unwrap();
    append(&writer, (0..10).map(numbered));
    let stats = writer.stats();
    assert_eq!((stats.durable, stats.spooled, stats.last_error), (10, 0, None));
    writer.close(PATIENCE);
    assert_eq!(sqlite3(&place.database(), "PRAGMA journal_mode"), "delete");
    assert_eq!(place.lines().await.len(), 10);
}

#[tokio::test]
async fn without_shared_memory_a_file_with_wal_sends_lines_to_the_spool() {
    let place = Place::new();
    let writer = place.writer();
    append(&writer, [numbered(0)]);
    writer.close(PATIENCE);
    let options = Options { vfs: Some("unix-dotfile"), ..place.options() };
    let writer = Writer::open_with(place.database().to_str().unwrap(), options).unwrap();
    append(&writer, [numbered(1)]);
    assert_eq!(writer.stats().spooled, 1);
    writer.close(PATIENCE);
    assert_eq!(place.lines().await.len(), 2);
}

#[tokio::test]
async fn a_spool_of_lines_that_are_there_already_changes_nothing() {
    let place = Place::new();
    let spool = leave_a_spool(&place);
    let copy = fs::read(&spool).unwrap();
    let before = place.lines().await;
    fs::write(&spool, copy).unwrap();
    assert_eq!(place.lines().await, before);
    assert_eq!(place.spools(), NONE);
    assert_consistent(&place.database());
    let reader = Reader::open_with(place.database().to_str().unwrap(), &place.temporary()).await.unwrap();
    assert_eq!(reader.rollup_costs(&Default::default()).await.unwrap().total().requests, before.len() as u64);
}
