//! Reconciliations as the store keeps them: what was compared, what came of it, and whether the period is closed.

use vg_core::{Money, UnixMicros};

/// A reconciliation to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReconciliation {
    /// When it was made.
    pub made_at: UnixMicros,
    /// Whose bill it was.
    pub provider: String,
    /// The first instant of the period.
    pub since: UnixMicros,
    /// The first instant behind it.
    pub until: UnixMicros,
    /// What the ledger says.
    pub ledger_cost: Money,
    /// What the provider says; `None` when its documents tell no amounts.
    pub provider_cost: Option<Money>,
    /// How many rows lie beyond the tolerance.
    pub flagged: u64,
    /// How many rows only one side has.
    pub one_sided: u64,
    /// Everything else, as JSON.
    pub report: String,
}

/// A reconciliation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Its number, never given twice.
    pub id: i64,
    /// What was found.
    pub found: NewReconciliation,
    /// When its period was closed on it; `None` while it is open.
    pub closed_at: Option<UnixMicros>,
}
