//! What the simulated providers would bill: counted as it is served, per provider, model and modality.

use super::{Fault, FaultKind, Sim};
use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    ops::AddAssign,
    time::Instant,
};
use vg_core::Modality;

/// Audio time is kept in flicks, 1/705,600,000 s: one sample at any usual rate is a whole number of them.
pub(crate) const FLICKS_PER_SECOND: u64 = 705_600_000;

const RECORDS_KEPT: usize = 10_000;

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
    #[serde(flatten)]
    counts: ShownCounts,
}

#[derive(Debug)]
struct Record {
    number: u64,
    key: Key,
    outcome: &'static str,
    counts: Counts,
}

/// All that was billed since the last reset.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Counts resets, so that a request still running at one adds nothing to what comes after it.
    epoch: u64,
    next_number: u64,
    rows: BTreeMap<Key, Row>,
    ended: VecDeque<Record>,
}

impl Meter {
    pub(crate) fn clear(&mut self) {
        *self = Meter { epoch: self.epoch + 1, ..Meter::default() };
    }

    pub(crate) fn refuse(&mut self, provider: &'static str, modality: Modality, model: &str) {
        let key = Key { provider, model: model.to_owned(), modality };
        self.rows.entry(key.clone()).or_default().refused += 1;
        self.next_number += 1;
        let number = self.next_number;
        self.keep(Record { number, key, outcome: "refused", counts: Counts::default() });
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
        self.ended
            .iter()
            .map(|record| ShownRequest {
                number: record.number,
                provider: record.key.provider,
                model: record.key.model.clone(),
                modality: record.key.modality.as_str(),
                outcome: record.outcome,
                counts: record.counts.into(),
            })
            .collect()
    }

    fn keep(&mut self, record: Record) {
        if self.ended.len() == RECORDS_KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(record);
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
        Ticket { sim, key, epoch, number, fault, reports_usage, outcome: "cut", counts: Counts::default() }
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
        let record =
            Record { number: self.number, key: self.key.clone(), outcome: self.outcome, counts: self.counts };
        let mut meter = self.sim.meter();
        if meter.epoch == self.epoch {
            meter.keep(record);
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
