//! What the simulated providers would bill: counted as it is served, per provider, model and modality.

use super::{
    Fault, FaultKind, Sim,
    bill::{Books, ENTRIES_KEPT, Entry, Line, Tally},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use std::{collections::BTreeMap, ops::AddAssign, sync::Arc, time::Instant};
use vg_core::Modality;

/// Audio time is kept in flicks, 1/705,600,000 s: one sample at any usual rate is a whole number of them.
pub(crate) const FLICKS_PER_SECOND: u64 = 705_600_000;

/// How many single requests `GET /__requests` shows.
const REQUESTS_SHOWN: usize = 10_000;

/// Quantities served, all of them whole numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All prompt tokens, audio and cached ones included.
    pub input_tokens: u64,
    /// Prompt tokens read from the prompt cache.
    pub cached_input_tokens: u64,
    /// Prompt tokens written to the prompt cache.
    pub cache_write_tokens: u64,
    /// All tokens made, audio ones included.
    pub output_tokens: u64,
    /// Audio tokens of the input.
    pub input_audio_tokens: u64,
    /// Audio tokens of the output.
    pub output_audio_tokens: u64,
    /// Characters billed.
    pub characters: u64,
    /// Characters received.
    pub sent_characters: u64,
    /// Audio billed, in flicks.
    pub audio_flicks: u64,
    /// How long sockets were open, in microseconds.
    pub session_micros: u64,
}

impl Counts {
    /// As many of each as that many requests have.
    fn times(self, requests: u64) -> Counts {
        Counts {
            input_tokens: self.input_tokens * requests,
            cached_input_tokens: self.cached_input_tokens * requests,
            cache_write_tokens: self.cache_write_tokens * requests,
            output_tokens: self.output_tokens * requests,
            input_audio_tokens: self.input_audio_tokens * requests,
            output_audio_tokens: self.output_audio_tokens * requests,
            characters: self.characters * requests,
            sent_characters: self.sent_characters * requests,
            audio_flicks: self.audio_flicks * requests,
            session_micros: self.session_micros * requests,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.input_tokens += other.input_tokens;
        self.cached_input_tokens += other.cached_input_tokens;
        self.cache_write_tokens += other.cache_write_tokens;
        self.output_tokens += other.output_tokens;
        self.input_audio_tokens += other.input_audio_tokens;
        self.output_audio_tokens += other.output_audio_tokens;
        self.characters += other.characters;
        self.sent_characters += other.sent_characters;
        self.audio_flicks += other.audio_flicks;
        self.session_micros += other.session_micros;
    }
}

/// Counts as the meter's JSON shows them.
#[derive(Debug, Serialize)]
struct ShownCounts {
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_tokens: u64,
    output_tokens: u64,
    input_audio_tokens: u64,
    output_audio_tokens: u64,
    characters: u64,
    sent_characters: u64,
    audio_seconds: f64,
    session_seconds: f64,
}

impl From<Counts> for ShownCounts {
    fn from(counts: Counts) -> ShownCounts {
        ShownCounts {
            input_tokens: counts.input_tokens,
            cached_input_tokens: counts.cached_input_tokens,
            cache_write_tokens: counts.cache_write_tokens,
            output_tokens: counts.output_tokens,
            input_audio_tokens: counts.input_audio_tokens,
            output_audio_tokens: counts.output_audio_tokens,
            characters: counts.characters,
            sent_characters: counts.sent_characters,
            audio_seconds: seconds(counts.audio_flicks),
            session_seconds: counts.session_micros as f64 / 1e6,
        }
    }
}

/// Flicks as seconds: the double nearest to the exact quotient, so it prints with the digits one would write.
pub(crate) fn seconds(flicks: u64) -> f64 {
    flicks as f64 / FLICKS_PER_SECOND as f64
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    provider: &'static str,
    model: String,
    modality: Modality,
}

#[derive(Debug, Default)]
struct Row {
    requests: u64,
    refused: u64,
    counts: Counts,
}

/// One line of `GET /__meter`.
#[derive(Debug, Serialize)]
pub(crate) struct ShownRow {
    provider: &'static str,
    model: String,
    modality: &'static str,
    requests: u64,
    refused: u64,
    #[serde(flatten)]
    counts: ShownCounts,
}

/// One line of `GET /__requests`.
#[derive(Debug, Serialize)]
pub(crate) struct ShownRequest {
    number: u64,
    provider: &'static str,
    model: String,
    modality: &'static str,
    outcome: &'static str,
    request_id: String,
    api_key_id: String,
    started_at: String,
    ended_at: String,
    #[serde(flatten)]
    counts: ShownCounts,
}

/// All that was billed since the last reset.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Counts resets, so that a request still running at one adds nothing to what comes after it.
    epoch: u64,
    next_number: u64,
    rows: BTreeMap<Key, Row>,
    books: Books,
}

impl Meter {
    pub(crate) fn clear(&mut self) {
        *self = Meter { epoch: self.epoch + 1, ..Meter::default() };
    }

    /// What was served, for bills.
    pub(crate) fn books(&self) -> &Books {
        &self.books
    }

    /// Books a request that was turned away.
    pub(super) fn refuse(&mut self, line: Line, now: DateTime<Utc>) {
        let key = Key { provider: line.provider, model: line.model.clone(), modality: line.modality };
        self.rows.entry(key).or_default().refused += 1;
        self.next_number += 1;
        let line = self.books.line(line);
        self.books.keep(Entry {
            number: self.next_number,
            line,
            outcome: "refused",
            counts: Counts::default(),
            started: now,
            ended: now,
            request_id: String::new(),
        });
    }

    /// Books `n` requests of the past that are alike; `id` gives each its id.
    pub(crate) fn remember(
        &mut self,
        line: Line,
        counts: Counts,
        (started, ended): (DateTime<Utc>, DateTime<Utc>),
        n: u64,
        id: impl Fn() -> String,
    ) {
        let key = Key { provider: line.provider, model: line.model.clone(), modality: line.modality };
        let row = self.rows.entry(key).or_default();
        row.requests += n;
        let line = self.books.line(line);
        let all = counts.times(n);
        row.counts += all;
        self.books.book(started, &line, Tally { requests: n, counts: all });
        // Those that the others would push out at once need not be written down.
        self.next_number += n.saturating_sub(ENTRIES_KEPT);
        for _ in 0..n.min(ENTRIES_KEPT) {
            self.next_number += 1;
            let (number, line, request_id) = (self.next_number, Arc::clone(&line), id());
            self.books.keep(Entry { number, line, outcome: "complete", counts, started, ended, request_id });
        }
    }

    pub(crate) fn rows(&self) -> Vec<ShownRow> {
        self.rows
            .iter()
            .map(|(key, row)| ShownRow {
                provider: key.provider,
                model: key.model.clone(),
                modality: key.modality.as_str(),
                requests: row.requests,
                refused: row.refused,
                counts: row.counts.into(),
            })
            .collect()
    }

    /// The requests that have ended, oldest first; the latest ten thousand.
    pub(crate) fn requests(&self) -> Vec<ShownRequest> {
        let written = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let entries = self.books.entries();
        let too_many = entries.len().saturating_sub(REQUESTS_SHOWN);
        entries
            .skip(too_many)
            .map(|entry| ShownRequest {
                number: entry.number,
                provider: entry.line.provider,
                model: entry.line.model.clone(),
                modality: entry.line.modality.as_str(),
                outcome: entry.outcome,
                request_id: entry.request_id.clone(),
                api_key_id: entry.line.api_key.clone(),
                started_at: written(entry.started),
                ended_at: written(entry.ended),
                counts: entry.counts.into(),
            })
            .collect()
    }

    fn add(&mut self, epoch: u64, key: &Key, counts: Counts) {
        if epoch == self.epoch {
            self.rows.entry(key.clone()).or_default().counts += counts;
        }
    }
}

/// One accepted request: what is counted on it is on the meter at once, and it ends when it is dropped.
pub(crate) struct Ticket {
    sim: Sim,
    key: Key,
    epoch: u64,
    number: u64,
    fault: Option<Fault>,
    reports_usage: bool,
    outcome: &'static str,
    counts: Counts,
    started: DateTime<Utc>,
    request_id: String,
    product: Option<String>,
    is_batch: bool,
}

impl Ticket {
    pub(super) fn open(
        sim: Sim,
        provider: &'static str,
        modality: Modality,
        model: &str,
        fault: Option<Fault>,
    ) -> Ticket {
        let key = Key { provider, model: model.to_owned(), modality };
        let (epoch, number) = {
            let mut meter = sim.meter();
            meter.rows.entry(key.clone()).or_default().requests += 1;
            meter.next_number += 1;
            (meter.epoch, meter.next_number)
        };
        let reports_usage = !fault.is_some_and(|fault| fault.kind == FaultKind::NoUsage);
        let fault = fault.filter(|fault| fault.kind != FaultKind::NoUsage);
        Ticket {
            key,
            epoch,
            number,
            fault,
            reports_usage,
            outcome: "cut",
            counts: Counts::default(),
            started: sim.now(),
            request_id: String::new(),
            product: None,
            is_batch: false,
            sim,
        }
    }

    /// Names the request as the client is told.
    pub(crate) fn name(&mut self, request_id: &str) {
        request_id.clone_into(&mut self.request_id);
    }

    /// Bills the request under the name its price is listed under, where that is not the model's.
    pub(crate) fn bill_as(&mut self, product: impl Into<String>) {
        self.product = Some(product.into());
    }

    /// Marks the request as one for a whole recording.
    pub(crate) fn is_for_a_recording(&mut self) {
        self.is_batch = true;
    }

    /// Bills `counts`.
    pub(crate) fn add(&mut self, counts: Counts) {
        self.counts += counts;
        self.sim.meter().add(self.epoch, &self.key, counts);
    }

    /// Takes the billed characters back: the request failed on the provider's side.
    pub(crate) fn waive_characters(&mut self) {
        let waived = std::mem::take(&mut self.counts.characters);
        let mut meter = self.sim.meter();
        if meter.epoch == self.epoch
            && let Some(row) = meter.rows.get_mut(&self.key)
        {
            row.counts.characters = row.counts.characters.saturating_sub(waived);
        }
    }

    /// The fault ordered for this request, once `units` have reached its point; it strikes only once.
    pub(crate) fn strike(&mut self, units: u64) -> Option<Fault> {
        self.fault.take_if(|fault| units >= fault.after_units)
    }

    /// Whether the answer tells what it cost.
    pub(crate) fn reports_usage(&self) -> bool {
        self.reports_usage
    }

    /// Marks the request as answered in full; without this it was cut.
    pub(crate) fn complete(&mut self) {
        self.outcome = "complete";
    }

    /// Marks the request as failed by the provider itself.
    pub(crate) fn fail(&mut self) {
        self.outcome = "failed";
    }

    /// What was billed so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let (number, outcome, counts, started) = (self.number, self.outcome, self.counts, self.started);
        let ended = self.sim.now();
        let line = self.sim.line(self.key.provider, self.key.modality, &self.key.model);
        let product = self.product.take().unwrap_or(line.product);
        let line = Line { product, is_batch: self.is_batch, ..line };
        let request_id = std::mem::take(&mut self.request_id);
        let mut meter = self.sim.meter();
        if meter.epoch == self.epoch {
            let line = meter.books.line(line);
            meter.books.book(started, &line, Tally { requests: 1, counts });
            meter.books.keep(Entry { number, line, outcome, counts, started, ended, request_id });
        }
    }
}

/// Measures how long a socket is open, and books it when dropped on the first model that was asked for on it.
pub(crate) struct SocketClock {
    sim: Sim,
    key: Key,
    epoch: u64,
    opened: Instant,
}

impl SocketClock {
    /// Starts with the opening of the socket; `model` may be empty while it is not known.
    pub(crate) fn start(sim: &Sim, provider: &'static str, modality: Modality, model: &str) -> SocketClock {
        let key = Key { provider, model: model.to_owned(), modality };
        SocketClock { sim: sim.clone(), key, epoch: sim.meter().epoch, opened: Instant::now() }
    }

    /// Names the model the time is booked on, unless one is already known.
    pub(crate) fn name_model(&mut self, model: &str) {
        if self.key.model.is_empty() {
            model.clone_into(&mut self.key.model);
        }
    }
}

impl Drop for SocketClock {
    fn drop(&mut self) {
        // A socket on which nothing was ever asked is not on any bill.
        if self.key.model.is_empty() {
            return;
        }
        let session_micros = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        let counts = Counts { session_micros, ..Counts::default() };
        self.sim.meter().add(self.epoch, &self.key, counts);
    }
}
