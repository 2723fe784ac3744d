//! What every backend must do, asked through the crate's public doors only. A backend is a way to make a fresh
//! store; each case below runs against each of them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]

mod key;
mod ledger;
mod lines;
mod rollup;
mod session;

use std::time::Duration;
use vg_store::{Reader, Writer};

/// Long enough for a slow machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A kind of store.
trait Backend {
    /// What must live as long as the store.
    type Guard;

    /// The address of a new, empty store.
    fn fresh() -> (String, Self::Guard);
}

/// A store with its writer.
struct Store<B: Backend> {
    url: String,
    writer: Writer,
    _guard: B::Guard,
}

impl<B: Backend> Store<B> {
    fn fresh() -> Store<B> {
        let (url, guard) = B::fresh();
        let writer = Writer::open(&url).unwrap();
        Store { url, writer, _guard: guard }
    }

    /// Appends lines and waits until they are durable.
    fn append(&self, lines: impl IntoIterator<Item = vg_core::Line>) {
        lines.into_iter().for_each(|line| self.writer.append(line));
        assert_eq!(self.writer.flush(PATIENCE).pending, 0);
        assert_eq!(self.writer.stats().last_error, None);
    }

    async fn reader(&self) -> Reader {
        Reader::open(&self.url).await.unwrap()
    }
}

impl<B: Backend> Drop for Store<B> {
    fn drop(&mut self) {
        self.writer.close(PATIENCE);
    }
}

/// SQLite: one file.
struct Sqlite;

impl Backend for Sqlite {
    type Guard = tempfile::TempDir;

    fn fresh() -> (String, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (folder.path().join("ledger.db").display().to_string(), folder)
    }
}

macro_rules! suite {
    ($backend:ty: $($noun:ident :: { $($case:ident),* $(,)? })*) => {
        $(mod $noun {
            $(#[tokio::test]
            async fn $case() {
                crate::$noun::$case::<$backend>().await;
            })*
        })*
    };
}

mod sqlite {
    suite! { super::super::Sqlite:
        ledger::{
            a_line_reads_back_as_it_was_written,
            appending_an_attempt_again_changes_nothing,
            an_attempt_settled_with_other_content_keeps_its_first_line_and_is_counted,
            lines_are_listed_newest_first_by_any_filter,
            pages_join_without_gap_or_repetition,
            a_day_is_exported_oldest_first_by_when_attempts_started,
            an_amount_too_large_for_a_column_is_unpriced_and_not_wrong,
        }
        session::{
            the_first_request_makes_the_session_and_later_ones_add_to_it,
            late_lines_never_move_the_end_back,
            sessions_are_listed_by_time_and_by_cost,
            pages_of_sessions_join_in_every_order,
            the_lines_of_a_session_are_found_by_its_id,
            a_session_keeps_the_first_route_its_lines_tell_and_sums_what_they_took,
        }
        key::{
            a_bearer_key_is_found_by_its_hash_alone,
            a_key_pair_is_found_by_its_public_half,
            a_revoked_key_keeps_its_first_instant,
            uses_are_noted_at_most_once_a_minute,
            a_store_that_ever_issued_a_key_says_so,
            keys_and_lines_are_written_at_the_same_time,
        }
        rollup::{
            costs_equal_the_sum_of_the_lines,
            any_batches_with_duplicates_leave_rollups_equal_to_the_ledger,
            an_empty_tenant_asks_for_the_unattributed,
            windows_are_whole_hours,
            sums_beyond_64_bits_are_exact,
            percentiles_come_from_merged_sketches,
            a_correction_adds_its_cost_and_is_no_request,
            unknown_quantities_stay_unknown,
        }
    }
}
