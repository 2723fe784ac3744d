//! Files that are not ours to write, or not to be written at all.

use crate::{PATIENCE, Place, append, lines_of, processes::numbered, sqlite3, wait_for};
use std::{fs, path::Path, process::Command};
use vg_core::UnixMicros;
use vg_store::{Desk, Error, Issue, NewVirtualKey, Reader, Writer};

async fn refusal(place: &Place) -> Error {
    Reader::open_with(place.database().to_str().unwrap(), &place.temporary()).await.unwrap_err()
}

/// Runs a writer against a file that must not change, and answers what it said.
fn write_in_vain(place: &Place) -> String {
    let before = fs::read(place.database()).unwrap();
    let writer = place.writer();
    append(&writer, (0..10).map(numbered));
    let stats = writer.stats();
    writer.close(PATIENCE);
    assert_eq!(stats.spooled, 10);
    assert_eq!(fs::read(place.database()).unwrap(), before);
    stats.last_error.unwrap()
}

#[tokio::test]
async fn a_database_of_another_program_is_never_written_and_the_error_names_it_and_the_way_out() {
    for journal in ["delete", "wal"] {
        let place = Place::new();
        let schema = format!(
            "PRAGMA journal_mode = {journal}; CREATE TABLE requests (id); INSERT INTO requests VALUES (1)"
        );
        sqlite3(&place.database(), &schema);
        let said = write_in_vain(&place);
        for part in [place.database().to_str().unwrap(), "VOICEGW_DB_PATH", "cost_tracking.db_path"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(matches!(refusal(&place).await, Error::Foreign { .. }));
        assert_eq!(sqlite3(&place.database(), "SELECT count(*) FROM requests"), "1");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_never_written() {
    let place = Place::new();
    fs::write(place.database(), "model_list:\n  - gpt-4o-mini\n").unwrap();
    assert!(write_in_vain(&place).contains("is not a database"));
    assert!(matches!(refusal(&place).await, Error::NotADatabase { .. }));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_never_written() {
    let place = Place::new();
    let writer = place.writer();
    append(&writer, [numbered(0)]);
    writer.close(PATIENCE);
    sqlite3(&place.database(), "PRAGMA user_version = 99");
    assert!(write_in_vain(&place).contains("schema version 99"));
    assert!(matches!(refusal(&place).await, Error::Newer { found: 99, .. }));
}

#[tokio::test]
async fn an_empty_file_and_one_without_tables_become_ours() {
    for prepare in ["", "PRAGMA user_version = 0; VACUUM"] {
        let place = Place::new();
        fs::write(place.database(), "").unwrap();
        sqlite3(&place.database(), prepare);
        let writer = place.writer();
        append(&writer, [numbered(0)]);
        assert_eq!(writer.stats().last_error, None);
        writer.close(PATIENCE);
        assert_eq!(sqlite3(&place.database(), "PRAGMA application_id"), 0x5647_5731.to_string());
        assert_eq!(sqlite3(&place.database(), "PRAGMA user_version"), "4");
        assert_eq!(sqlite3(&place.database(), "PRAGMA journal_mode"), "wal");
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_is_read_as_it_is_and_brought_up_to_date_by_a_change() {
    let place = Place::new();
    sqlite3(&place.database(), concat!("\n", include_str!("../../migrations/sqlite/0001_ledger.sql")));
    let values = "'vg-1', 'shop', 0, 1, 0, 0, 0, 0, 2, 0, 7, 0, 0, 0";
    let columns = "id, project, started_at, ended_at, error_count, stt_request_count, stt_unpriced_count, \
        stt_cost_picos, llm_request_count, llm_unpriced_count, llm_cost_picos, tts_request_count, \
        tts_unpriced_count, tts_cost_picos";
    sqlite3(&place.database(), &format!("INSERT INTO session_totals ({columns}) VALUES ({values})"));
    let reader = Reader::open(&place.database().display().to_string()).await.unwrap();
    let session = reader.session_get("vg-1").await.unwrap().unwrap();
    assert_eq!((session.requests(), session.routed.as_ref()), (2, None));
    assert!(!reader.key_exists().await.unwrap());
    assert_eq!(reader.virtual_key_list().await.unwrap(), []);
    assert_eq!(reader.livekit_key_get("APIone").await.unwrap(), None);
    let issue = Issue {
        secret_id: "0a1b2c3d".into(),
        name: "one".into(),
        project: "shop".into(),
        tenant_id: None,
        issued_by: None,
        issued_at: UnixMicros(1_772_323_200_000_000),
    };
    let new = NewVirtualKey { prefix: "vk_AAAAA".into(), hash: [1; 32], issue };
    let desk = Desk::new(&place.database().display().to_string()).unwrap();
    let key = desk.virtual_key_insert(&new).await.unwrap();
    // The same reader: a process that runs sees what another one brought.
    assert_eq!(reader.virtual_key_find(&[[1; 32]]).await.unwrap(), Some(key));
    assert_eq!(reader.session_get("vg-1").await.unwrap(), Some(session));
    let shown =
        "SELECT issued_at || ' ' || (last_used_at IS NULL) || ' ' || length(key_hash) FROM virtual_keys";
    assert_eq!(sqlite3(&place.database(), shown), "2026-03-01T00:00:00.000000+00:00 1 64");
}

#[tokio::test]
async fn folders_are_made_and_an_absent_file_is_told_from_an_empty_ledger() {
    let place = Place::new();
    assert!(matches!(refusal(&place).await, Error::Absent { .. }));
    let deep = place.folder.path().join("a/b/ledger.db");
    let writer = Writer::open(&format!("sqlite://{}", deep.display())).unwrap();
    append(&writer, [numbered(0)]);
    writer.close(PATIENCE);
    assert_eq!(lines_of(&deep, &place.temporary()).await, [numbered(0)]);
}

#[tokio::test]
async fn a_reader_in_the_writers_process_takes_none_of_its_locks_away() {
    let place = Place::new();
    let writer = place.writer();
    append(&writer, [numbered(0)]);
    // POSIX drops all locks of a process on a file when it closes any handle of it. Without the writer's lock, the
    // next program to close the file would believe to be the last one and remove the log under the writer.
    assert_eq!(place.lines().await.len(), 1);
    assert_eq!(sqlite3(&place.database(), "SELECT count(*) FROM ledger"), "1");
    assert!(place.folder.path().join("ledger.db-wal").exists());
    append(&writer, [numbered(1)]);
    assert_eq!(sqlite3(&place.database(), "SELECT count(*) FROM ledger"), "2");
    writer.close(PATIENCE);
}

/// Makes a folder that nothing can be written to, for any user: by its mode, and for root by mounting it read-only.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn make(folder: &'a Path) -> Option<ReadOnly<'a>> {
        let run = |command: &str, arguments: &[&str]| {
            Command::new(command).args(arguments).arg(folder).status().is_ok_and(|status| status.success())
        };
        let path = folder.to_str().unwrap();
        let probe = folder.join("probe");
        run("chmod", &["a-w"]);
        if fs::write(&probe, "").is_ok() {
            fs::remove_file(&probe).unwrap();
            if !(run("mount", &["--bind", path]) && run("mount", &["-o", "remount,bind,ro"])) {
                return None;
            }
        }
        Some(ReadOnly(folder))
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
        let _ = Command::new("chmod").arg("u+w").arg(self.0).output();
    }
}

#[tokio::test]
async fn a_read_only_folder_is_read_and_new_lines_wait_in_the_temporary_folder() {
    let place = Place::new();
    let folder = place.folder.path().join("kept");
    let database = folder.join("ledger.db");
    let writer = Writer::open(database.to_str().unwrap()).unwrap();
    append(&writer, (0..10).map(numbered));
    writer.close(PATIENCE);
    let read_only = ReadOnly::make(&folder);
    let is_read_only = read_only.is_some();
    assert_eq!(lines_of(&database, &place.temporary()).await.len(), 10);
    let writer = Writer::open_with(database.to_str().unwrap(), place.options()).unwrap();
    append(&writer, (10..20).map(numbered));
    assert_eq!(writer.stats().spooled, if is_read_only { 10 } else { 0 });
    assert_eq!(place.spools().len(), usize::from(is_read_only));
    drop(read_only);
    wait_for("the spool is imported", || place.spools().is_empty());
    writer.close(PATIENCE);
    assert_eq!(lines_of(&database, &place.temporary()).await.len(), 20);
}
