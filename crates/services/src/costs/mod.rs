//! What was spent in a window, from the hourly sums: the answer takes as long for a thousand requests as for
//! billions.

use crate::{Error, Ledger, Period, Window, price};
use indexmap::IndexMap;
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};
use vg_core::{Modality, Money, UnixMicros, price::Book};
use vg_store::{CostQuery, Group};

/// What to sum. A tenant or agent that is empty asks for what is unattributed.
#[derive(Debug, Clone, Default)]
pub struct CostArgs {
    /// Over which days.
    pub period: Period,
    /// Over which days instead, when given.
    pub days: Option<Window>,
    /// Only this project.
    pub project: Option<String>,
    /// Only this tenant.
    pub tenant: Option<String>,
    /// Only this agent.
    pub agent: Option<String>,
    /// Whether to sum by modality too.
    pub per_modality: bool,
    /// Whether to leave out where prices come from.
    pub without_pricing_sources: bool,
    /// What new requests are priced with, as lines name it; `None` is the embedded book.
    pub pricing_source: Option<String>,
}

/// What was spent: the body of `GET /v1/costs`. Groups come dearest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostSummary {
    /// Over which days: the word of a period, or `custom` for days of the caller's.
    pub period: &'static str,
    /// Of which project; `None` is all of them.
    pub project: Option<String>,
    /// The sum; `None` when there were requests and none of them has a price.
    #[serde(serialize_with = "price::serialize")]
    pub total: Option<Money>,
    /// By provider.
    pub by_provider: IndexMap<String, Spent>,
    /// By `provider/model`.
    pub by_model: IndexMap<String, SpentOnModel>,
    /// By project; empty when one was asked for.
    pub by_project: IndexMap<String, Spent>,
    /// The price data in force, which newly made requests are priced with, by modality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_sources: Option<PricingSources>,
    /// By modality, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_modality: Option<IndexMap<&'static str, Spent>>,
    /// How many requests have no price and are in no sum.
    pub unpriced_requests: u64,
    /// How many requests there were.
    #[serde(skip)]
    pub requests: u64,
    /// Where the prices of the requests came from, sorted.
    #[serde(skip)]
    pub priced_by: Vec<String>,
    /// The models of which requests have no price, those with the most of them first.
    #[serde(skip)]
    pub unpriced_models: Vec<UnpricedModel>,
}

/// A model of which requests have no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedModel {
    /// `provider/model`.
    pub model: String,
    /// What it was asked for.
    pub modality: Modality,
    /// How many requests have no price.
    pub requests: u64,
}

/// What some requests cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spent {
    /// The sum; `None` when none of them has a price.
    #[serde(serialize_with = "price::serialize")]
    pub cost: Option<Money>,
    /// How many requests.
    pub requests: u64,
}

/// What the requests to one model cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpentOnModel {
    /// As for any group.
    #[serde(flatten)]
    pub spent: Spent,
    /// Where the prices came from, with commas between; empty when there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_source: Option<String>,
    /// How many of the requests have no price.
    #[serde(skip)]
    pub unpriced: u64,
}

/// The price data in force by modality.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PricingSources {
    llm: String,
    stt: String,
    tts: String,
}

impl PricingSources {
    fn current(args: &CostArgs) -> PricingSources {
        // One set of data holds the prices of all modalities.
        let source = args.pricing_source.clone().unwrap_or_else(|| Book::embedded().pricing_source());
        PricingSources { llm: source.clone(), stt: source.clone(), tts: source }
    }
}

/// Sums what was spent, as seen at `now`.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn cost_summary(ledger: &Ledger, args: &CostArgs, now: UnixMicros) -> Result<CostSummary, Error> {
    let window = args.days.unwrap_or_else(|| args.period.window(now));
    let query = CostQuery {
        since: window.since,
        until: window.until,
        project: args.project.clone(),
        tenant_id: args.tenant.clone(),
        agent_id: args.agent.clone(),
        ..CostQuery::default()
    };
    let costs = match ledger.reader() {
        Some(reader) => reader.rollup_costs(&query).await?,
        None => vg_store::Costs::default(),
    };
    let total = costs.total();
    let with_sources = !args.without_pricing_sources;
    let by_project = match args.project {
        Some(_) => IndexMap::new(),
        None => dearest_first(costs.by(|row| row.project.clone()), spent),
    };
    let by_modality = || dearest_first(costs.by(|row| row.modality), spent);
    let words = |groups: IndexMap<Modality, Spent>| {
        groups.into_iter().map(|(modality, spent)| (modality.as_str(), spent)).collect()
    };
    Ok(CostSummary {
        period: if args.days.is_some() { "custom" } else { args.period.as_str() },
        project: args.project.clone(),
        total: price::known(total.cost, total.requests, total.unpriced),
        by_provider: dearest_first(costs.by(|row| row.provider.clone()), spent),
        by_model: dearest_first(costs.by(|row| row.model_id.clone()), |group| SpentOnModel {
            spent: spent(group),
            pricing_source: with_sources.then(|| group.pricing_sources.join(",")),
            unpriced: group.unpriced,
        }),
        by_project,
        pricing_sources: with_sources.then(|| PricingSources::current(args)),
        by_modality: args.per_modality.then(|| words(by_modality())),
        unpriced_requests: total.unpriced,
        requests: total.requests,
        priced_by: total.pricing_sources,
        unpriced_models: unpriced(&costs),
    })
}

fn unpriced(costs: &vg_store::Costs) -> Vec<UnpricedModel> {
    let groups = costs.by(|row| (row.model_id.clone(), row.modality));
    let of = |((model, modality), group): ((String, Modality), Group)| UnpricedModel {
        model,
        modality,
        requests: group.unpriced,
    };
    let mut models: Vec<_> = groups.into_iter().filter(|(_, group)| group.unpriced > 0).map(of).collect();
    models.sort_by_key(|model| Reverse(model.requests));
    models
}

fn spent(group: &Group) -> Spent {
    Spent { cost: price::known(group.cost, group.requests, group.unpriced), requests: group.requests }
}

/// Groups in the order of what they cost; those that cost the same by name, those without a price last.
fn dearest_first<K: Ord + std::hash::Hash, V>(
    groups: BTreeMap<K, Group>,
    value: impl Fn(&Group) -> V,
) -> IndexMap<K, V> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| Reverse(price::known(group.cost, group.requests, group.unpriced)));
    groups.into_iter().map(|(key, group)| (key, value(&group))).collect()
}
