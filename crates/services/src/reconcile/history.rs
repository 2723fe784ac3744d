//! Reconciliations that were kept, and periods that are closed.

use super::{Report, ReportRow};
use crate::{Error, Ledger};
use std::ops::Add;
use vg_core::{Money, UnixMicros};
use vg_store::{Desk, NewReconciliation, Reconciliation};

/// A reconciliation as it is kept.
pub type Kept = Reconciliation;

/// Keeps what was found.
///
/// # Errors
/// When the store cannot be written.
pub async fn keep(url: &str, report: &Report, made_at: UnixMicros) -> Result<Kept, Error> {
    let sum =
        |costs: fn(&ReportRow) -> Option<Money>| report.rows.iter().filter_map(costs).reduce(Money::add);
    let window = crate::Days::of_dates(report.first, report.last).window();
    let new = NewReconciliation {
        made_at,
        provider: report.provider.to_owned(),
        since: window.since.unwrap_or(UnixMicros(0)),
        until: window.until.unwrap_or(UnixMicros(i64::MAX)),
        ledger_cost: sum(|row| row.vg_cost).unwrap_or(Money::ZERO),
        provider_cost: sum(|row| row.provider_cost),
        flagged: report.flagged() as u64,
        one_sided: report.one_sided() as u64,
        report: report.json(None).to_string(),
    };
    Ok(Desk::new(url)?.reconciliation_insert(&new).await?)
}

/// What was kept, the newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn history(ledger: &Ledger, provider: Option<&str>, limit: u32) -> Result<Vec<Kept>, Error> {
    match ledger.reader() {
        Some(reader) => Ok(reader.reconciliation_list(provider, limit).await?),
        None => Ok(Vec::new()),
    }
}

/// One that was kept.
///
/// # Errors
/// [`Error::NoReconciliation`]; when the store cannot be read.
pub async fn get(ledger: &Ledger, id: i64) -> Result<Kept, Error> {
    let kept = match ledger.reader() {
        Some(reader) => reader.reconciliation_get(id).await?,
        None => None,
    };
    kept.ok_or(Error::NoReconciliation { id })
}

/// The numbers of the reconciliations on which the period of a report, or a part of it, is closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn closed(ledger: &Ledger, report: &Report) -> Result<Vec<i64>, Error> {
    let window = crate::Days::of_dates(report.first, report.last).window();
    let overlaps = |kept: &Kept| {
        kept.closed_at.is_some()
            && Some(kept.found.since) < window.until
            && Some(kept.found.until) > window.since
    };
    let kept = history(ledger, Some(report.provider), u32::MAX).await?;
    Ok(kept.iter().filter(|kept| overlaps(kept)).map(|kept| kept.id).collect())
}

/// Closes the period of a reconciliation on it.
///
/// # Errors
/// [`Error::NoReconciliation`]; when the store cannot be written.
pub async fn close(url: &str, id: i64, at: UnixMicros) -> Result<Kept, Error> {
    Desk::new(url)?.reconciliation_close(id, at).await?.ok_or(Error::NoReconciliation { id })
}
