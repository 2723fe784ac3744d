//! Many processes on one file, some of them killed.

use crate::{
    PATIENCE, Place, Process, append, assert_consistent,
    lines::{Seed, at, line},
    sqlite3,
};
use std::{collections::HashSet, path::PathBuf, sync::Arc, thread};
use vg_core::Line;
use vg_store::{Options, Writer};

/// A line of a numbered sequence, in one of a few sessions.
pub fn numbered(number: u64) -> Line {
    Line {
        session_id: Some(Arc::from(format!("vg-{}", number / 500))),
        ..line(number, at(number as i64 * 1_000))
    }
}

/// What a child process runs: reads its task from standard input, appends, and prints its watermark all along.
#[test]
#[ignore = "run by other tests, in a process of its own"]
fn child() {
    let task = std::io::read_to_string(std::io::stdin()).unwrap();
    let [database, temporary, from, to] = task.lines().collect::<Vec<_>>()[..] else { return };
    let options = Options { temporary: PathBuf::from(temporary), ..Options::default() };
    let writer = Writer::open_with(database, options).unwrap();
    for number in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        writer.append(numbered(number));
        if number % 20 == 0 {
            println!("durable {}", writer.watermark());
            thread::yield_now();
        }
        if number % 100 == 0 {
            writer.flush(PATIENCE);
        }
    }
    writer.flush(PATIENCE);
    println!("durable {}", writer.watermark());
    println!("spooled {}", writer.stats().spooled);
    writer.close(PATIENCE);
}

#[tokio::test]
async fn processes_that_make_the_file_at_once_all_get_their_lines_in() {
    let place = Place::new();
    let processes: Vec<Process> =
        (0..8).map(|p| Process::start(&place, p * 1_000, p * 1_000 + 300)).collect();
    let ends: Vec<(u64, u64)> = processes.into_iter().map(Process::finish).collect();
    assert_eq!(ends, [(300, 0); 8], "durable and spooled lines of each process");
    assert_eq!(place.lines().await.len(), 2_400);
    assert_eq!(place.spools(), Vec::<PathBuf>::new());
    assert_consistent(&place.database());
}

#[tokio::test]
async fn every_line_up_to_the_watermark_survives_kill_nine_once() {
    let place = Place::new();
    let mut seed = Seed(std::process::id().into());
    for round in 0..4u64 {
        let first = |process: u64| (round * 10 + process) * 100_000;
        let mut processes: Vec<Process> =
            (0..8).map(|process| Process::start(&place, first(process), first(process) + 50_000)).collect();
        let mut watermarks = Vec::new();
        for process in &mut processes {
            // Some die before their first line, some in full flow.
            let steps = seed.below(60);
            watermarks.push((0..steps).filter_map(|_| process.watermark()).last().unwrap_or(0));
        }
        let last = processes.into_iter().zip(&watermarks).map(|(process, seen)| process.kill(*seen));
        let last: Vec<u64> = last.collect();
        let kept: HashSet<_> = place.lines().await.into_iter().map(|line| line.attempt_id).collect();
        for (process, durable) in last.into_iter().enumerate() {
            let first = first(process as u64);
            for number in first..first + durable {
                assert!(kept.contains(&numbered(number).attempt_id), "line {number} of {durable} is lost");
            }
        }
        assert_eq!(place.spools(), Vec::<PathBuf>::new());
        assert_consistent(&place.database());
    }
}

#[tokio::test]
async fn copies_made_while_eight_processes_write_are_consistent() {
    let place = Place::new();
    let mut processes: Vec<Process> =
        (0..8).map(|p| Process::start(&place, p * 100_000, p * 100_000 + 50_000)).collect();
    for process in &mut processes {
        while process.watermark().unwrap() == 0 {}
    }
    for number in 0..3 {
        let copy = place.folder.path().join(format!("copy-{number}.db"));
        sqlite3(&place.database(), &format!(".backup {}", copy.display()));
        assert_consistent(&copy);
        let vacuumed = place.folder.path().join(format!("vacuumed-{number}.db"));
        sqlite3(&place.database(), &format!("VACUUM INTO '{}'", vacuumed.display()));
        assert_consistent(&vacuumed);
        // A copy is a store of its own.
        let writer = Writer::open(vacuumed.to_str().unwrap()).unwrap();
        append(&writer, [numbered(99_999_999)]);
        writer.close(PATIENCE);
        assert_consistent(&vacuumed);
    }
    for process in processes {
        process.kill(0);
    }
}

/// The open files of this process whose path starts with `database`.
#[cfg(target_os = "linux")]
fn open_files(database: &std::path::Path) -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let paths = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    paths.filter(|path| path.to_str().unwrap().starts_with(database.to_str().unwrap())).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_parked_writer_has_nothing_open_and_goes_on_when_it_may() {
    let place = Place::new();
    let writer = place.writer();
    append(&writer, [numbered(0)]);
    assert!(open_files(&place.database()) > 0);
    assert!(writer.park(PATIENCE));
    assert!(writer.park(PATIENCE));
    assert_eq!(open_files(&place.database()), 0);
    writer.append(numbered(1));
    writer.unpark();
    assert_eq!(writer.flush(std::time::Duration::from_millis(20)).pending, 1);
    writer.unpark();
    assert_eq!(writer.flush(PATIENCE).pending, 0);
    assert_eq!(place.lines().await.len(), 2);
    writer.close(PATIENCE);
}
