//! What was served and when: every minute's sums for ever, the latest single requests beside them.

use crate::sim::Counts;
use chrono::{DateTime, Utc};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    sync::Arc,
};
use vg_core::Modality;

/// How many single requests are kept; the sums of all of them stay.
pub(crate) const ENTRIES_KEPT: u64 = 100_000;

/// What is billed together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub provider: &'static str,
    pub modality: Modality,
    /// The model as it was asked for.
    pub model: String,
    /// The name its price is listed under.
    pub product: String,
    /// Whether whole recordings are sent, and not streams.
    pub is_batch: bool,
    /// The id of the key that asked; empty when none was shown.
    pub api_key: String,
}

/// Requests and what they used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub requests: u64,
    pub counts: Counts,
}

/// One request that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub number: u64,
    pub line: Arc<Line>,
    pub outcome: &'static str,
    pub counts: Counts,
    pub started: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    /// As the client was told; empty where the provider tells none.
    pub request_id: String,
}

impl Entry {
    /// Whether it was turned away and is on no bill.
    pub(crate) fn is_refused(&self) -> bool {
        self.outcome == "refused"
    }
}

/// All requests that have ended.
#[derive(Debug, Default)]
pub(crate) struct Books {
    lines: BTreeSet<Arc<Line>>,
    /// By the minute in which requests began, counted from 1970.
    minutes: BTreeMap<i64, BTreeMap<Arc<Line>, Tally>>,
    entries: VecDeque<Entry>,
}

impl Books {
    /// The one copy of a line.
    pub(crate) fn line(&mut self, line: Line) -> Arc<Line> {
        if let Some(known) = self.lines.get(&line) {
            return Arc::clone(known);
        }
        let line = Arc::new(line);
        self.lines.insert(Arc::clone(&line));
        line
    }

    /// Adds to the sums. A request counts where it began, also when it ends on another day.
    pub(crate) fn book(&mut self, started: DateTime<Utc>, line: &Arc<Line>, tally: Tally) {
        let minute = started.timestamp().div_euclid(60);
        let sum = self.minutes.entry(minute).or_default().entry(Arc::clone(line)).or_default();
        sum.requests += tally.requests;
        sum.counts += tally.counts;
    }

    /// Keeps a single request, in the place of the oldest when there are too many.
    pub(crate) fn keep(&mut self, entry: Entry) {
        if self.entries.len() as u64 == ENTRIES_KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The single requests, in the order of their ends.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// What each of a provider's lines used in the minutes of a range.
    pub(crate) fn sums(&self, provider: &str, minutes: Range<i64>) -> BTreeMap<Arc<Line>, Tally> {
        let mut sums: BTreeMap<Arc<Line>, Tally> = BTreeMap::new();
        if minutes.is_empty() {
            return sums;
        }
        for (line, tally) in self.minutes.range(minutes).flat_map(|(_, lines)| lines) {
            if line.provider == provider {
                let sum = sums.entry(Arc::clone(line)).or_default();
                sum.requests += tally.requests;
                sum.counts += tally.counts;
            }
        }
        sums
    }

    /// The first and the last minute of a provider.
    pub(crate) fn span(&self, provider: &str) -> Option<(i64, i64)> {
        let is_busy = |lines: &BTreeMap<Arc<Line>, Tally>| lines.keys().any(|line| line.provider == provider);
        let first = self.minutes.iter().find(|(_, lines)| is_busy(lines))?.0;
        let last = self.minutes.iter().rev().find(|(_, lines)| is_busy(lines))?.0;
        Some((*first, *last))
    }
}
