//! Hourly rollups: sums and latency sketches by series, kept as the lines are appended.

use super::{Database, file::version, ledger::bind, session::named, statement};
use crate::{
    Error,
    columns::{self, Value},
    query::{CostQuery, CostRow, HourRow, LatencyRow, UsageRow},
    sketch::Sketch,
};
use futures_util::TryStreamExt;
use sqlx::{Row, SqliteConnection, sqlite::SqliteArguments, sqlite::SqliteRow};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock},
};
use vg_core::{Line, Modality, Money, Quantity, Status, UnixMicros};

/// What rollups are kept by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Series {
    project: Arc<str>,
    tenant_id: Option<Arc<str>>,
    agent_id: Option<Arc<str>>,
    modality: Modality,
    provider: Arc<str>,
    model_id: Arc<str>,
    pricing_source: Arc<str>,
    status: Status,
}

/// Series a transaction found or made: known for good once it is committed.
pub(super) type NewSeries = Vec<(Series, i64)>;

/// What a batch adds to one series in one hour.
#[derive(Default)]
pub(super) struct Sums {
    request_count: i64,
    unpriced_count: i64,
    used_count: i64,
    cost_picos: i64,
    quantities: [Option<i64>; Quantity::COUNT],
    ttfb: Samples,
    latency: Samples,
}

#[derive(Default)]
struct Samples {
    count: i64,
    micros: i64,
    sketch: Sketch,
}

impl Samples {
    fn add(&mut self, sample: Option<u64>) {
        if let Some(sample) = sample {
            self.count += 1;
            self.micros = self.micros.saturating_add(columns::integer(sample));
            self.sketch.add(sample);
        }
    }
}

/// Adds up the lines of each series and hour. A correcting line adds its cost and quantities; it is no request.
pub(super) fn sums<'a>(lines: impl Iterator<Item = &'a Line>) -> HashMap<(Series, i64), Sums> {
    let mut all: HashMap<(Series, i64), Sums> = HashMap::new();
    for line in lines {
        let series = Series {
            project: Arc::clone(&line.project),
            tenant_id: named(line.tenant_id.as_ref()),
            agent_id: named(line.agent_id.as_ref()),
            modality: line.modality,
            provider: Arc::clone(&line.provider),
            model_id: Arc::clone(&line.model_id),
            pricing_source: Arc::clone(&line.pricing_source),
            status: line.status,
        };
        let sums = all.entry((series, line.started_at.hour())).or_default();
        let cost = columns::cost(line);
        sums.cost_picos = sums.cost_picos.saturating_add(cost.unwrap_or(0));
        for (slot, quantity) in sums.quantities.iter_mut().zip(Quantity::ALL) {
            if let Some(value) = line.usage.value(quantity) {
                *slot = Some(slot.unwrap_or(0).saturating_add(columns::integer(value)));
            }
        }
        if line.corrects.is_none() {
            sums.request_count += 1;
            sums.unpriced_count += i64::from(cost.is_none());
            sums.used_count += i64::from(line.usage.is_billed());
            sums.ttfb.add(line.ttfb_micros);
            sums.latency.add(line.latency_micros);
        }
    }
    all
}

impl Database {
    /// Adds sums to their rollups.
    pub(super) async fn rollup_add(
        &mut self,
        sums: HashMap<(Series, i64), Sums>,
    ) -> Result<NewSeries, Error> {
        let failed = self.failed("add to the rollups of");
        let mut new_series = NewSeries::new();
        let mut by_key = BTreeMap::new();
        for ((series, hour), sums) in sums {
            let id = match self
                .series
                .get(&series)
                .or_else(|| new_series.iter().find(|(known, _)| *known == series).map(|(_, id)| id))
            {
                Some(id) => *id,
                None => {
                    let id = self.series_id(&series).await.map_err(&failed)?;
                    new_series.push((series, id));
                    id
                }
            };
            by_key.insert((hour, id), sums);
        }
        let rows: Vec<_> = by_key.iter().collect();
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let (text, width) = statement::ROLLUPS.widest(rest.len());
            let (now, later) = rest.split_at(width);
            let mut arguments = SqliteArguments::default();
            for ((hour, id), sums) in now {
                let counts =
                    [*hour, *id, sums.request_count, sums.unpriced_count, sums.used_count, sums.cost_picos];
                let times = [sums.ttfb.count, sums.ttfb.micros, sums.latency.count, sums.latency.micros];
                for count in counts.into_iter().chain(times) {
                    bind(&mut arguments, Value::Integer(count));
                }
                for quantity in sums.quantities {
                    bind(&mut arguments, quantity.map_or(Value::Null, Value::Integer));
                }
            }
            sqlx::query_with(text, arguments).execute(&mut self.connection).await.map_err(&failed)?;
            rest = later;
        }
        for ((hour, id), sums) in by_key {
            if !sums.ttfb.sketch.is_empty() || !sums.latency.sketch.is_empty() {
                self.sketch_add(hour, id, sums).await.map_err(&failed)?;
            }
        }
        Ok(new_series)
    }

    async fn sketch_add(&mut self, hour: i64, series_id: i64, sums: Sums) -> Result<(), sqlx::Error> {
        let kept = sqlx::query("SELECT ttfb, latency FROM rollup_sketches WHERE hour = ? AND series_id = ?")
            .bind(hour)
            .bind(series_id)
            .fetch_optional(&mut self.connection)
            .await?;
        let (mut ttfb, mut latency) = (sums.ttfb.sketch, sums.latency.sketch);
        if let Some(row) = kept {
            ttfb.merge_encoded(row.try_get(0)?).ok_or_else(damaged)?;
            latency.merge_encoded(row.try_get(1)?).ok_or_else(damaged)?;
        }
        sqlx::query(
            "INSERT INTO rollup_sketches (hour, series_id, ttfb, latency) VALUES (?, ?, ?, ?) \
             ON CONFLICT (hour, series_id) DO UPDATE SET ttfb = excluded.ttfb, latency = excluded.latency",
        )
        .bind(hour)
        .bind(series_id)
        .bind(ttfb.encode())
        .bind(latency.encode())
        .execute(&mut self.connection)
        .await
        .map(drop)
    }

    /// The id of a series, which is made when it is new.
    async fn series_id(&mut self, series: &Series) -> Result<i64, sqlx::Error> {
        // The update changes nothing; without it, RETURNING answers nothing for a series that is there.
        let row = sqlx::query(
            "INSERT INTO rollup_series \
             (project, tenant_id, agent_id, modality, provider, model_id, pricing_source, status) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (project, tenant_id, agent_id, modality, provider, model_id, pricing_source, status) \
             DO UPDATE SET project = excluded.project RETURNING id",
        )
        .bind(&*series.project)
        .bind(series.tenant_id.as_deref().unwrap_or(""))
        .bind(series.agent_id.as_deref().unwrap_or(""))
        .bind(series.modality.as_str())
        .bind(&*series.provider)
        .bind(&*series.model_id)
        .bind(&*series.pricing_source)
        .bind(series.status.as_str())
        .fetch_one(&mut self.connection)
        .await?;
        row.try_get(0)
    }
}

fn damaged() -> sqlx::Error {
    sqlx::Error::Decode("not a latency sketch".into())
}

/// The hours of a window, from `since` on and before `until`.
fn hours(query: &CostQuery) -> (i64, i64) {
    let last_instant = |until: UnixMicros| UnixMicros(until.0.saturating_sub(1)).hour().saturating_add(1);
    (query.since.map_or(i64::MIN, UnixMicros::hour), query.until.map_or(i64::MAX, last_instant))
}

macro_rules! of_series {
    () => {
        " JOIN rollup_series ON rollup_series.id = sums.series_id \
         WHERE (?3 IS NULL OR project = ?3) AND (?4 IS NULL OR tenant_id = ?4) \
         AND (?5 IS NULL OR agent_id = ?5) AND (?6 IS NULL OR modality = ?6) \
         AND (?7 IS NULL OR provider = ?7)"
    };
}

macro_rules! window {
    ($text:expr, $query:expr) => {{
        let (from, to) = hours($query);
        sqlx::query($text)
            .bind(from)
            .bind(to)
            .bind($query.project.as_deref())
            .bind($query.tenant_id.as_deref())
            .bind($query.agent_id.as_deref())
            .bind($query.modality.map(Modality::as_str))
            .bind($query.provider.as_deref())
    }};
}

/// Costs are summed in two halves, whose sums no number of rows can overflow: billions of picodollars and the
/// rest.
const COSTS: &str = concat!(
    "SELECT project, modality, provider, model_id, pricing_source, status, SUM(requests), SUM(unpriced), \
     SUM(thousandths), SUM(rest) FROM (SELECT series_id, SUM(request_count) AS requests, \
     SUM(unpriced_count) AS unpriced, SUM(cost_picos / 1000000000) AS thousandths, \
     SUM(cost_picos % 1000000000) AS rest FROM rollups WHERE hour >= ?1 AND hour < ?2 GROUP BY series_id) AS sums",
    of_series!(),
    " GROUP BY 1, 2, 3, 4, 5, 6"
);

/// What was spent in a window, by everything but tenant and agent.
pub(crate) async fn rollup_costs(
    connection: &mut SqliteConnection,
    query: &CostQuery,
) -> Result<Vec<CostRow>, sqlx::Error> {
    let rows = window!(COSTS, query).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let thousandths: i64 = row.try_get(8)?;
            let rest: i64 = row.try_get(9)?;
            Ok(CostRow {
                project: row.try_get(0)?,
                modality: word(row, 1)?,
                provider: row.try_get(2)?,
                model_id: row.try_get(3)?,
                pricing_source: row.try_get(4)?,
                status: word(row, 5)?,
                requests: row.try_get::<i64, _>(6)?.unsigned_abs(),
                unpriced: row.try_get::<i64, _>(7)?.unsigned_abs(),
                cost: Money(i128::from(thousandths) * 1_000_000_000 + i128::from(rest)),
            })
        })
        .collect()
}

fn word<T: std::str::FromStr<Err = vg_core::Error>>(
    row: &SqliteRow,
    column: usize,
) -> Result<T, sqlx::Error> {
    row.try_get::<&str, _>(column)?
        .parse()
        .map_err(|error: vg_core::Error| sqlx::Error::Decode(Box::new(error)))
}

/// The schema version that brought the count of requests that used something; before, all of them are taken for such.
const USED_SINCE: i64 = 3;

/// The rollups of a window, for a file of this version. Another process may bring it up to date under a reader, so
/// columns are named: a prepared statement must not find more of them than it had.
fn rows_text(version: i64) -> &'static str {
    static TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| {
        ["request_count AS used_count", "used_count"].map(|used| {
            let quantities = Quantity::ALL.map(Quantity::as_str).join(",");
            format!(
                "SELECT hour, modality, provider, model_id, pricing_source, request_count, unpriced_count, {used}, \
                 cost_picos, {quantities} FROM (SELECT * FROM rollups WHERE hour >= ?1 AND hour < ?2) AS sums{}",
                of_series!()
            )
        })
    });
    let [before, since] = &*TEXTS;
    if version < USED_SINCE { before } else { since }
}

/// What was used in a window, by model. Sums are made here, where they cannot overflow.
pub(crate) async fn rollup_usage(
    connection: &mut SqliteConnection,
    query: &CostQuery,
) -> Result<Vec<UsageRow>, sqlx::Error> {
    let rows = window!(rows_text(version(connection).await?), query).fetch_all(connection).await?;
    Ok(usage_by(&rows, |_| Ok(()))?.into_values().collect())
}

/// What was used in a window, by hour and model, requests without a price apart.
pub(crate) async fn rollup_hours(
    connection: &mut SqliteConnection,
    query: &CostQuery,
) -> Result<Vec<HourRow>, sqlx::Error> {
    let rows = window!(rows_text(version(connection).await?), query).fetch_all(connection).await?;
    let by_hour = usage_by(&rows, |row| {
        Ok((row.try_get::<i64, _>("hour")?, row.try_get::<&str, _>("pricing_source")?.is_empty()))
    })?;
    let hours = by_hour.into_iter();
    Ok(hours.map(|(((hour, is_unpriced), _, _), usage)| HourRow { hour, is_unpriced, usage }).collect())
}

type ByModel<K> = BTreeMap<(K, Modality, String), UsageRow>;

/// Sums by what `key` takes from a row, by modality and model.
fn usage_by<K: Ord>(
    rows: &[SqliteRow],
    key: impl Fn(&SqliteRow) -> Result<K, sqlx::Error>,
) -> Result<ByModel<K>, sqlx::Error> {
    let mut by_model = ByModel::new();
    for row in rows {
        let modality: Modality = word_named(row, "modality")?;
        let model_id: String = row.try_get("model_id")?;
        let provider: String = row.try_get("provider")?;
        let slot = by_model.entry((key(row)?, modality, model_id.clone())).or_insert_with(|| UsageRow {
            modality,
            provider,
            model_id,
            requests: 0,
            unpriced: 0,
            used: 0,
            cost: Money::ZERO,
            quantities: [None; Quantity::COUNT],
        });
        slot.requests += row.try_get::<i64, _>("request_count")?.unsigned_abs();
        slot.unpriced += row.try_get::<i64, _>("unpriced_count")?.unsigned_abs();
        slot.used += row.try_get::<i64, _>("used_count")?.unsigned_abs();
        slot.cost = slot.cost + Money(row.try_get::<i64, _>("cost_picos")?.into());
        for (sum, quantity) in slot.quantities.iter_mut().zip(Quantity::ALL) {
            if let Some(value) = row.try_get::<Option<i64>, _>(quantity.as_str())? {
                *sum = Some(sum.unwrap_or(0) + i128::from(value));
            }
        }
    }
    Ok(by_model)
}

fn word_named<T: std::str::FromStr<Err = vg_core::Error>>(
    row: &SqliteRow,
    column: &str,
) -> Result<T, sqlx::Error> {
    row.try_get::<&str, _>(column)?
        .parse()
        .map_err(|error: vg_core::Error| sqlx::Error::Decode(Box::new(error)))
}

const SERIES: &str = concat!(
    "SELECT project, modality, provider, model_id, sums.series_id FROM (SELECT DISTINCT series_id FROM rollups \
     WHERE hour >= ?1 AND hour < ?2) AS sums",
    of_series!()
);

const LATENCIES: &str = "SELECT series_id, request_count, ttfb_count, ttfb_micros, latency_count, latency_micros, \
     ttfb, latency FROM rollups LEFT JOIN rollup_sketches USING (hour, series_id) WHERE hour >= ? AND hour < ?";

/// How long requests took in a window, by project and model.
pub(crate) async fn rollup_latency(
    connection: &mut SqliteConnection,
    query: &CostQuery,
) -> Result<Vec<LatencyRow>, sqlx::Error> {
    // The names are read once for each series, not with each of its hours.
    let mut by_name: HashMap<(String, Modality, String), usize> = HashMap::new();
    let mut by_id: HashMap<i64, usize> = HashMap::new();
    let mut all: Vec<LatencyRow> = Vec::new();
    for row in window!(SERIES, query).fetch_all(&mut *connection).await? {
        let (project, model_id): (String, String) = (row.try_get(0)?, row.try_get(3)?);
        let modality = word(&row, 1)?;
        let position = *by_name.entry((project.clone(), modality, model_id.clone())).or_insert(all.len());
        if position == all.len() {
            let provider = row.try_get(2)?;
            let (ttfb, latency) = Default::default();
            all.push(LatencyRow { project, modality, provider, model_id, requests: 0, ttfb, latency });
        }
        by_id.insert(row.try_get(4)?, position);
    }
    let (from, to) = hours(query);
    let mut rows = sqlx::query(LATENCIES).bind(from).bind(to).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let position = by_id.get(&row.try_get(0)?);
        let Some(slot) = position.and_then(|position| all.get_mut(*position)) else { continue };
        let count = |column: usize| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
        slot.requests += count(1)?;
        slot.ttfb.add(count(2)?, count(3)?, row.try_get(6)?).ok_or_else(damaged)?;
        slot.latency.add(count(4)?, count(5)?, row.try_get(7)?).ok_or_else(damaged)?;
    }
    let name = |row: &LatencyRow| (row.project.clone(), row.modality, row.model_id.clone());
    all.sort_by_cached_key(name);
    Ok(all)
}
