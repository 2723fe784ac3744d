//! Where a project stands against its budget of the UTC day, by what the ledger holds.

use crate::{Error, Ledger, Period, price};
use serde::{Serialize, Serializer};
use vg_core::{
    Money, UnixMicros,
    config::{BudgetAction, Config},
};
use vg_store::CostQuery;

/// How far a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetStatus {
    /// Below four fifths, or there is no limit.
    Ok,
    /// From four fifths on.
    Warning,
    /// At the limit, or over it.
    Exceeded,
}

impl BudgetStatus {
    /// The status of what was spent against a limit; `None` is no limit.
    pub fn of(spent: Money, limit: Option<Money>) -> BudgetStatus {
        match limit {
            Some(limit) if spent >= limit => BudgetStatus::Exceeded,
            Some(limit) if spent.0.saturating_mul(5) >= limit.0.saturating_mul(4) => BudgetStatus::Warning,
            _ => BudgetStatus::Ok,
        }
    }
}

/// A project's budget as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// The project.
    pub project: String,
    /// How far it is used up.
    pub status: BudgetStatus,
    /// What happens at the limit.
    #[serde(serialize_with = "action_word")]
    pub action: BudgetAction,
    /// What the day's priced requests cost.
    #[serde(rename = "spent_usd", serialize_with = "price::serialize_known")]
    pub spent: Money,
    /// The limit; 0 is none.
    #[serde(rename = "budget_usd", serialize_with = "price::serialize_limit")]
    pub limit: Option<Money>,
    /// How many of the day's requests have no price and are not in what was spent.
    pub unpriced_requests: u64,
}

/// Where `project` stands at `now`. One that the configuration does not name has no limit.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn budget_show(
    ledger: &Ledger,
    config: &Config,
    project: &str,
    now: UnixMicros,
) -> Result<Budget, Error> {
    let window = Period::Today.window(now);
    let query = CostQuery {
        since: window.since,
        until: window.until,
        project: Some(project.to_owned()),
        ..CostQuery::default()
    };
    let total = match ledger.reader() {
        Some(reader) => reader.rollup_costs(&query).await?.total(),
        None => vg_store::Group::default(),
    };
    let section = config.projects.get(project);
    let limit = section.and_then(|section| section.daily_budget);
    Ok(Budget {
        project: project.to_owned(),
        status: BudgetStatus::of(total.cost, limit),
        action: section.map_or(BudgetAction::Warn, |section| section.budget_action),
        spent: total.cost,
        limit,
        unpriced_requests: total.unpriced,
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
fn action_word<S: Serializer>(action: &BudgetAction, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(action.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_warns_from_four_fifths_and_is_exceeded_at_the_limit() {
        let limit = Some(Money(100));
        for (spent, status) in [
            (0, BudgetStatus::Ok),
            (79, BudgetStatus::Ok),
            (80, BudgetStatus::Warning),
            (99, BudgetStatus::Warning),
            (100, BudgetStatus::Exceeded),
            (101, BudgetStatus::Exceeded),
        ] {
            assert_eq!(BudgetStatus::of(Money(spent), limit), status, "{spent}");
        }
        assert_eq!(BudgetStatus::of(Money(i128::MAX), None), BudgetStatus::Ok);
    }

    #[tokio::test]
    async fn a_ledger_that_is_off_has_spent_nothing() {
        let text = "projects: {p: {name: P, daily_budget: 2.5, budget_action: block}}";
        let config = vg_core::config::load(text, "f", &|_| None, &[]).unwrap().config;
        let budget = budget_show(&Ledger::Off, &config, "p", UnixMicros(0)).await.unwrap();
        let json = serde_json::to_value(&budget).unwrap();
        let expected = serde_json::json!({"project": "p", "status": "ok", "action": "block", "spent_usd": 0.0,
            "budget_usd": 2.5, "unpriced_requests": 0});
        assert_eq!(json, expected);
        let unnamed = budget_show(&Ledger::Off, &config, "x", UnixMicros(0)).await.unwrap();
        assert_eq!((unnamed.limit, unnamed.action), (None, BudgetAction::Warn));
    }
}
