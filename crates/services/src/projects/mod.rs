//! The projects, and what each of them did today.

use crate::{Error, Ledger, Period, budgets::BudgetStatus, price};
use indexmap::IndexMap;
use serde::Serialize;
use std::collections::BTreeMap;
use vg_core::{
    Money, UnixMicros,
    config::{Config, Project, Text},
};
use vg_store::{CostQuery, Distribution, Group};

/// All projects: the body of `GET /v1/projects`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectList {
    /// The projects, in the order of the configuration.
    pub projects: Vec<ProjectRow>,
    /// What each did today, by id.
    pub stats: IndexMap<String, ProjectStats>,
}

/// One project.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectRow {
    /// Its id.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// USD for a UTC day; 0 is no limit.
    #[serde(serialize_with = "price::serialize_limit")]
    pub daily_budget: Option<Money>,
    /// What happens at the budget.
    pub budget_action: &'static str,
    /// The stack used when a request names no model; empty for none.
    pub default_stack: String,
    /// Words to sort by.
    pub tags: Vec<String>,
    /// The colour, from the first tag.
    pub accent: &'static str,
    /// `yaml`, or `auto` for the project that is there without being written down.
    pub source: &'static str,
    /// How far the budget is used up.
    pub budget_status: BudgetStatus,
    /// What was spent today; `null` when there were requests and none of them has a price.
    #[serde(serialize_with = "price::serialize")]
    pub today_spend: Option<Money>,
}

/// What a project did today.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectStats {
    /// Its id.
    pub project: String,
    /// How many requests.
    pub requests_today: u64,
    /// What they cost; `null` when none of them has a price.
    #[serde(serialize_with = "price::serialize")]
    pub cost_today: Option<Money>,
    /// The mean time to the first token, audio or transcript; `null` without samples.
    pub avg_ttfb_ms: Option<f64>,
    /// The mean duration; `null` without samples.
    pub avg_latency_ms: Option<f64>,
}

/// Lists the projects as seen at `now`. A tenant that is given limits what they did to its own; an empty one to what
/// is unattributed.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn project_list(
    ledger: &Ledger,
    config: &Config,
    tenant: Option<&str>,
    now: UnixMicros,
) -> Result<ProjectList, Error> {
    let window = Period::Today.window(now);
    let query = CostQuery {
        since: window.since,
        until: window.until,
        tenant_id: tenant.map(str::to_owned),
        ..CostQuery::default()
    };
    let mut spent: BTreeMap<String, Group> = BTreeMap::new();
    let mut took: BTreeMap<String, (Distribution, Distribution)> = BTreeMap::new();
    if let Some(reader) = ledger.reader() {
        spent = reader.rollup_costs(&query).await?.by(|row| row.project.clone());
        for row in reader.rollup_latency(&query).await? {
            let (ttfb, latency) = took.entry(row.project).or_default();
            ttfb.merge(&row.ttfb);
            latency.merge(&row.latency);
        }
    }
    let mut list = ProjectList { projects: Vec::new(), stats: IndexMap::new() };
    for (id, project) in &config.projects {
        let group = spent.remove(id).unwrap_or_default();
        let (ttfb, latency) = took.remove(id).unwrap_or_default();
        let cost = price::known(group.cost, group.requests, group.unpriced);
        list.projects.push(row(id, project, group.cost, cost));
        list.stats.insert(
            id.clone(),
            ProjectStats {
                project: id.clone(),
                requests_today: group.requests,
                cost_today: cost,
                avg_ttfb_ms: ttfb.mean_ms(),
                avg_latency_ms: latency.mean_ms(),
            },
        );
    }
    Ok(list)
}

fn row(id: &str, project: &Project, spent: Money, today_spend: Option<Money>) -> ProjectRow {
    let tags: Vec<String> = project.tags.iter().map(|tag| tag.shown().to_owned()).collect();
    ProjectRow {
        id: id.to_owned(),
        name: shown(&project.name),
        description: shown(&project.description),
        daily_budget: project.daily_budget,
        budget_action: project.budget_action.as_str(),
        default_stack: shown(&project.default_stack),
        accent: accent(tags.first()),
        tags,
        source: if project.is_built_in { "auto" } else { "yaml" },
        budget_status: BudgetStatus::of(spent, project.daily_budget),
        today_spend,
    }
}

fn shown(text: &Text) -> String {
    text.shown().to_owned()
}

fn accent(tag: Option<&String>) -> &'static str {
    const COLOURS: [(&str, &str); 4] =
        [("prod", "green"), ("stag", "yellow"), ("dev", "blue"), ("test", "blue")];
    let Some(tag) = tag.map(|tag| tag.to_lowercase()) else { return "blue" };
    COLOURS.iter().find(|(part, _)| tag.contains(part)).map_or("pink", |(_, colour)| colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tag_gives_the_colour() {
        for (tag, colour) in [
            ("production", "green"),
            ("Staging", "yellow"),
            ("dev", "blue"),
            ("my-test", "blue"),
            ("acme", "pink"),
        ] {
            assert_eq!(accent(Some(&tag.to_owned())), colour, "{tag}");
        }
        assert_eq!(accent(None), "blue");
    }

    #[tokio::test]
    async fn projects_are_listed_as_the_file_has_them_and_the_built_in_one_last() {
        let text = "projects:\n  b: {name: B, daily_budget: 5, tags: [prod]}\n  a: {name: A}";
        let config = vg_core::config::load(text, "f", &|_| None, &[]).unwrap().config;
        let list = project_list(&Ledger::Off, &config, None, UnixMicros(0)).await.unwrap();
        let sources: Vec<_> = list.projects.iter().map(|row| (row.id.as_str(), row.source)).collect();
        assert_eq!(sources, [("b", "yaml"), ("a", "yaml"), ("default", "auto")]);
        let first = serde_json::to_value(&list.projects[0]).unwrap();
        let expected = serde_json::json!({"id": "b", "name": "B", "description": "", "daily_budget": 5.0,
            "budget_action": "warn", "default_stack": "", "tags": ["prod"], "accent": "green", "source": "yaml",
            "budget_status": "ok", "today_spend": 0.0});
        assert_eq!(first, expected);
        assert_eq!(list.stats["a"].requests_today, 0);
    }
}
