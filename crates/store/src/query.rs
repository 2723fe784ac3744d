//! What readers ask and what they get. A filter that is `None` lets everything through; an empty tenant or agent
//! asks for what is unattributed.

use crate::sketch::Sketch;
use std::collections::BTreeMap;
use vg_core::{AttemptId, Line, Modality, Money, Quantity, Routed, Status, UnixMicros};

/// The order of lines, by attempt id, which is the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest first: for people.
    #[default]
    Newest,
    /// The oldest first: for exports.
    Oldest,
}

/// Which lines to list.
#[derive(Debug, Clone)]
pub struct LineQuery {
    /// Only lines that started at or after this instant.
    pub since: Option<UnixMicros>,
    /// Only lines that started before this instant.
    pub until: Option<UnixMicros>,
    /// Only this project.
    pub project: Option<String>,
    /// Only this modality.
    pub modality: Option<Modality>,
    /// Only this `provider/model`.
    pub model_id: Option<String>,
    /// Only this provider.
    pub provider: Option<String>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this tenant; empty asks for the unattributed lines.
    pub tenant_id: Option<String>,
    /// Only this agent; empty asks for the unattributed lines.
    pub agent_id: Option<String>,
    /// Only this session.
    pub session_id: Option<String>,
    /// Which end first.
    pub order: Order,
    /// Start behind this line, in the chosen order: the last line of the page before.
    pub after: Option<AttemptId>,
    /// At most this many lines.
    pub limit: u32,
}

impl Default for LineQuery {
    /// The newest hundred lines.
    fn default() -> Self {
        LineQuery {
            since: None,
            until: None,
            project: None,
            modality: None,
            model_id: None,
            provider: None,
            status: None,
            tenant_id: None,
            agent_id: None,
            session_id: None,
            order: Order::Newest,
            after: None,
            limit: 100,
        }
    }
}

impl LineQuery {
    /// The query of the page after `page`; `None` when that was the last one.
    pub fn next_page(&self, page: &[Line]) -> Option<LineQuery> {
        let last = page.last().filter(|_| page.len() >= self.limit as usize)?;
        Some(LineQuery { after: Some(last.attempt_id), ..self.clone() })
    }
}

/// Which rollups to sum. The window is whole hours: `since` is rounded down to one, `until` up.
#[derive(Debug, Clone, Default)]
pub struct CostQuery {
    /// From this hour on.
    pub since: Option<UnixMicros>,
    /// Before this instant.
    pub until: Option<UnixMicros>,
    /// Only this project.
    pub project: Option<String>,
    /// Only this tenant; empty asks for what is unattributed.
    pub tenant_id: Option<String>,
    /// Only this agent; empty asks for what is unattributed.
    pub agent_id: Option<String>,
    /// Only this modality.
    pub modality: Option<Modality>,
    /// Only this provider.
    pub provider: Option<String>,
}

/// Sums over the requests of one project, model, price source and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRow {
    /// The project.
    pub project: String,
    /// The modality.
    pub modality: Modality,
    /// The provider.
    pub provider: String,
    /// `provider/model`.
    pub model_id: String,
    /// Where the price came from; empty when unpriced.
    pub pricing_source: String,
    /// How the requests ended.
    pub status: Status,
    /// How many requests.
    pub requests: u64,
    /// How many of them have no price.
    pub unpriced: u64,
    /// What the priced ones cost.
    pub cost: Money,
}

/// What was spent in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Costs {
    /// The sums, by everything that they can be grouped by.
    pub rows: Vec<CostRow>,
}

/// Sums over some rows of [`Costs`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// How many requests.
    pub requests: u64,
    /// How many of them have no price.
    pub unpriced: u64,
    /// How many of them failed.
    pub errors: u64,
    /// What the priced ones cost.
    pub cost: Money,
    /// Where the prices came from, sorted, without the empty one.
    pub pricing_sources: Vec<String>,
}

impl Group {
    fn add(&mut self, row: &CostRow) {
        self.requests += row.requests;
        self.unpriced += row.unpriced;
        self.errors += if row.status == Status::Error { row.requests } else { 0 };
        self.cost = self.cost + row.cost;
        if let Err(position) = self.pricing_sources.binary_search(&row.pricing_source)
            && !row.pricing_source.is_empty()
        {
            self.pricing_sources.insert(position, row.pricing_source.clone());
        }
    }
}

impl Costs {
    /// The sum of everything.
    pub fn total(&self) -> Group {
        let mut total = Group::default();
        self.rows.iter().for_each(|row| total.add(row));
        total
    }

    /// Sums by what `key` takes from a row, in the order of the keys:
    /// `costs.by(|row| row.provider.clone())`.
    pub fn by<K: Ord>(&self, key: impl Fn(&CostRow) -> K) -> BTreeMap<K, Group> {
        let mut groups: BTreeMap<K, Group> = BTreeMap::new();
        for row in &self.rows {
            groups.entry(key(row)).or_default().add(row);
        }
        groups
    }
}

/// What was used of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The modality.
    pub modality: Modality,
    /// The provider.
    pub provider: String,
    /// `provider/model`.
    pub model_id: String,
    /// How many requests.
    pub requests: u64,
    /// How many of them have no price.
    pub unpriced: u64,
    /// How many of them used something, or may have: those that a provider counts.
    pub used: u64,
    /// What the priced ones cost.
    pub cost: Money,
    /// Sums of what is known, in the order of [`Quantity::ALL`]; `None` where nothing is.
    pub quantities: [Option<i128>; Quantity::COUNT],
}

impl UsageRow {
    /// The sum of a quantity, if any request knew it.
    pub fn quantity(&self, quantity: Quantity) -> Option<i128> {
        self.quantities.get(quantity as usize).copied().flatten()
    }
}

/// What was used of one model in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourRow {
    /// The hour, counted from the epoch.
    pub hour: i64,
    /// Whether these are the requests without a price; those with one are a row of their own.
    pub is_unpriced: bool,
    /// What was used.
    pub usage: UsageRow,
}

/// How long the requests of one project and model took.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyRow {
    /// The project.
    pub project: String,
    /// The modality.
    pub modality: Modality,
    /// The provider.
    pub provider: String,
    /// `provider/model`.
    pub model_id: String,
    /// How many requests, measured or not.
    pub requests: u64,
    /// Time to the first token, audio or transcript.
    pub ttfb: Distribution,
    /// The whole duration.
    pub latency: Distribution,
}

/// A distribution of durations that can be merged with others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    count: u64,
    micros: u128,
    sketch: Sketch,
}

impl Distribution {
    /// Adds a stored rollup; `None` when its sketch is damaged.
    pub(crate) fn add(&mut self, count: u64, micros: u64, sketch: Option<&[u8]>) -> Option<()> {
        self.count += count;
        self.micros += u128::from(micros);
        sketch.map_or(Some(()), |sketch| self.sketch.merge_encoded(sketch))
    }

    /// Adds everything of another one, such as another model's.
    pub fn merge(&mut self, other: &Distribution) {
        self.count += other.count;
        self.micros += other.micros;
        self.sketch.merge(&other.sketch);
    }

    /// Their exact sum in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.micros as f64 / 1e6
    }

    /// How many durations it holds.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The exact mean in milliseconds; `None` without durations.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.count > 0).then(|| self.micros as f64 / self.count as f64 / 1e3)
    }

    /// The duration at a percentile (0 to 100) in milliseconds, within 1 %; `None` without durations.
    pub fn percentile_ms(&self, percentile: f64) -> Option<f64> {
        self.sketch.quantile(percentile / 100.0).map(|micros| micros / 1e3)
    }
}

/// The order of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionOrder {
    /// The last started first.
    #[default]
    Newest,
    /// The first started first.
    Oldest,
    /// The dearest first.
    Dearest,
    /// The cheapest first.
    Cheapest,
}

/// Which sessions to list.
#[derive(Debug, Clone)]
pub struct SessionQuery {
    /// Only this project.
    pub project: Option<String>,
    /// Only this tenant; empty asks for the unattributed sessions.
    pub tenant_id: Option<String>,
    /// Only this agent; empty asks for the unattributed sessions.
    pub agent_id: Option<String>,
    /// Only sessions that started at or after this instant.
    pub since: Option<UnixMicros>,
    /// Only sessions that started before this instant.
    pub until: Option<UnixMicros>,
    /// Which end first.
    pub order: SessionOrder,
    /// At most this many.
    pub limit: u32,
    /// Without the first so many.
    pub offset: u32,
    /// Start behind this session, in the chosen order: the last one of the page before.
    pub after: Option<String>,
}

impl Default for SessionQuery {
    /// The newest hundred sessions.
    fn default() -> Self {
        SessionQuery {
            project: None,
            tenant_id: None,
            agent_id: None,
            since: None,
            until: None,
            order: SessionOrder::Newest,
            limit: 100,
            offset: 0,
            after: None,
        }
    }
}

impl SessionQuery {
    /// The query of the page after `page`; `None` when that was the last one.
    pub fn next_page(&self, page: &[Session]) -> Option<SessionQuery> {
        let last = page.last().filter(|_| page.len() >= self.limit as usize)?;
        Some(SessionQuery { after: Some(last.id.clone()), offset: 0, ..self.clone() })
    }
}

/// One conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `vg-<uuid>`.
    pub id: String,
    /// The project of its first request.
    pub project: String,
    /// The first tenant named.
    pub tenant_id: Option<String>,
    /// The first agent named.
    pub agent_id: Option<String>,
    /// When its earliest request started.
    pub started_at: UnixMicros,
    /// When its latest request ended.
    pub ended_at: UnixMicros,
    /// What routing chose for it; `None` when it was not routed.
    pub routed: Option<Routed>,
    /// How many requests failed.
    pub errors: u64,
    /// The modalities that were used, in the order of [`Modality::ALL`].
    pub parts: Vec<Part>,
}

/// The requests of one modality in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The modality.
    pub modality: Modality,
    /// How many requests.
    pub requests: u64,
    /// How many of them have no price.
    pub unpriced: u64,
    /// What the priced ones cost.
    pub cost: Money,
    /// How many of them have a time to the first token, audio or transcript.
    pub answered: u64,
    /// The sum of these times.
    pub ttfb_micros: u64,
}

impl Session {
    /// How many requests it made.
    pub fn requests(&self) -> u64 {
        self.parts.iter().map(|part| part.requests).sum()
    }

    /// How many of them have no price.
    pub fn unpriced(&self) -> u64 {
        self.parts.iter().map(|part| part.unpriced).sum()
    }

    /// What the priced ones cost.
    pub fn cost(&self) -> Money {
        self.parts.iter().map(|part| part.cost).sum()
    }

    /// How much of its latency budget a routed session took, in milliseconds: the mean times to the first output,
    /// summed over the modalities that have one. `None` for a session that was not routed, and while nothing is
    /// measured.
    pub fn budget_ms_used(&self) -> Option<f64> {
        let measured = || self.parts.iter().filter(|part| part.answered > 0);
        let mean_ms = |part: &Part| part.ttfb_micros as f64 / part.answered as f64 / 1e3;
        (self.routed.is_some() && measured().count() > 0).then(|| measured().map(mean_ms).sum())
    }
}
