//! Routing by latency: what was observed of each model, and which models a conversation would use.

use crate::{Error, Ledger, instant};
use indexmap::IndexMap;
use serde::Serialize;
use vg_core::{
    Modality, UnixMicros,
    config::{Config, PerModality},
};
use vg_engine::{Route, route};
use vg_store::CostQuery;

/// How far back observations reach; their window begins with a whole hour.
const WINDOW_MICROS: i64 = 24 * HOUR_MICROS;
const HOUR_MICROS: i64 = 3_600_000_000;

/// The first outputs of one model in one project over the last day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observation {
    /// The project.
    pub project_id: String,
    /// The provider.
    pub provider: String,
    /// The modality.
    #[serde(serialize_with = "word")]
    pub modality: Modality,
    /// `provider/model`, as the ledger names it.
    pub model_id: String,
    /// The median time to the first token, audio or transcript in milliseconds, within 1 %.
    pub p50_ms: f64,
    /// The 95th percentile, likewise.
    pub p95_ms: f64,
    /// How many requests were timed. A stream that listens is not: the caller's silence is no latency.
    pub sample_count: u64,
    /// From when on.
    #[serde(serialize_with = "instant::serialize")]
    pub window_start: UnixMicros,
    /// Until when.
    #[serde(serialize_with = "instant::serialize")]
    pub window_end: UnixMicros,
    /// When it was added up: now, from hourly sketches that are kept as lines are written.
    #[serde(serialize_with = "instant::serialize")]
    pub refreshed_at: UnixMicros,
}

/// Which observations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ObservationArgs {
    /// Only this project.
    pub project: Option<String>,
    /// Only this tenant; empty asks for what is unattributed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Observations: the body of `GET /v1/routing/observations`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObservationList {
    /// By project, modality and model.
    pub observations: Vec<Observation>,
    /// What was asked for.
    pub filter: ObservationArgs,
}

/// How a project routes, and by what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routing {
    /// The project.
    pub project_id: String,
    /// Milliseconds for the three parts together.
    pub budget_ms: u32,
    /// The candidates of each modality, as the owner wrote them.
    pub rosters: IndexMap<&'static str, Vec<String>>,
    /// What was observed.
    pub observations: Vec<Observation>,
}

/// The models of a conversation, in the words of every API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutedTriple {
    /// For speech to text.
    pub stt: String,
    /// For text to text.
    pub llm: String,
    /// For text to speech.
    pub tts: String,
    /// Milliseconds that the three are predicted to take together.
    pub predicted_ms: f64,
    /// Whether that is more than the budget.
    pub budget_overrun: bool,
}

impl RoutedTriple {
    /// The models of a route.
    pub fn of(route: &Route) -> RoutedTriple {
        RoutedTriple {
            stt: route.parts.stt.model.clone(),
            llm: route.parts.llm.model.clone(),
            tts: route.parts.tts.model.clone(),
            predicted_ms: route.predicted_ms(),
            budget_overrun: route.budget_overrun(),
        }
    }
}

/// What was observed over the last 24 hours as seen at `now`. The first hour is a whole one.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn observation_list(
    ledger: &Ledger,
    args: ObservationArgs,
    now: UnixMicros,
) -> Result<ObservationList, Error> {
    let since = UnixMicros(UnixMicros(now.0 - WINDOW_MICROS).hour() * HOUR_MICROS);
    let query = CostQuery {
        since: Some(since),
        project: args.project.clone(),
        tenant_id: args.tenant.clone(),
        ..CostQuery::default()
    };
    let rows = match ledger.reader() {
        Some(reader) => reader.rollup_latency(&query).await?,
        None => Vec::new(),
    };
    let observation = |row: vg_store::LatencyRow| {
        Some(Observation {
            p50_ms: row.ttfb.percentile_ms(50.0)?,
            p95_ms: row.ttfb.percentile_ms(95.0)?,
            sample_count: row.ttfb.count(),
            project_id: row.project,
            provider: row.provider,
            modality: row.modality,
            model_id: row.model_id,
            window_start: since,
            window_end: now,
            refreshed_at: now,
        })
    };
    Ok(ObservationList { observations: rows.into_iter().filter_map(observation).collect(), filter: args })
}

/// How `project` routes.
///
/// # Errors
/// [`Error::NoProject`]; when the ledger cannot be read.
pub async fn route_show(
    ledger: &Ledger,
    config: &Config,
    project: &str,
    now: UnixMicros,
) -> Result<Routing, Error> {
    let section = config.projects.get(project).ok_or_else(|| no_project(project))?;
    let roster = |modality: Modality| {
        let written = section.routing.rosters.get(modality).iter();
        (modality.as_str(), written.map(|candidate| candidate.shown().to_owned()).collect())
    };
    let args = ObservationArgs { project: Some(project.to_owned()), tenant: None };
    Ok(Routing {
        project_id: project.to_owned(),
        budget_ms: section.routing.budget_ms,
        rosters: Modality::ALL.into_iter().map(roster).collect(),
        observations: observation_list(ledger, args, now).await?.observations,
    })
}

/// The models that a conversation of `project` would use if it began at `now`. A model in `fixed` is the only
/// candidate of its modality.
///
/// # Errors
/// [`Error::NoProject`], [`Error::Route`]; when the ledger cannot be read.
pub async fn route_simulate(
    ledger: &Ledger,
    config: &Config,
    project: &str,
    fixed: &PerModality<Option<String>>,
    now: UnixMicros,
) -> Result<Route, Error> {
    let observations = route_show(ledger, config, project, now).await?.observations;
    route_choose(config, project, fixed, &observations)
}

/// The same, by what was observed before.
///
/// # Errors
/// [`Error::NoProject`] and [`Error::Route`].
pub fn route_choose(
    config: &Config,
    project: &str,
    fixed: &PerModality<Option<String>>,
    observations: &[Observation],
) -> Result<Route, Error> {
    if !config.projects.contains_key(project) {
        return Err(no_project(project));
    }
    let observed = |modality, model_id: &str| {
        let of_model = |seen: &&Observation| seen.modality == modality && seen.model_id == model_id;
        observations.iter().find(of_model).map(|seen| seen.p50_ms)
    };
    Ok(route(config, project, fixed, &observed)?)
}

fn no_project(id: &str) -> Error {
    Error::NoProject { id: id.to_owned() }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
fn word<S: serde::Serializer>(modality: &Modality, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(modality.as_str())
}
