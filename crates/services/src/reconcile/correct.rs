//! Corrections: what a closed period differs by, booked as new lines.
//!
//! The lines of a closed period stay as they are. A correction is a line of today, of the same project and model as the
//! last line of that model in the period, which it is linked to; it has a cost and no quantity, and is no request.

use crate::{Error, Ledger, reconcile::Kept};
use sha2::{Digest, Sha256};
use std::time::Duration;
use vg_core::{AttemptId, Line, Modality, Money, RequestId, Status, UnixMicros, Usage};
use vg_store::{LineQuery, Order};

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was booked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Corrected {
    /// The models, as `provider/model`, with what each was corrected by.
    pub booked: Vec<(String, Money)>,
    /// Models that the ledger has no line of in the period, so that there is nothing to correct.
    pub left_out: Vec<String>,
}

/// Books what each model of a closed period differs by. Doing so again books nothing more: a correction's id follows
/// from the reconciliation and the model.
///
/// # Errors
/// [`Error::PeriodIsOpen`]; [`Error::Off`]; when the ledger cannot be read, or does not take the lines.
pub async fn correct(ledger: &Ledger, url: &str, kept: &Kept) -> Result<Corrected, Error> {
    let closed_at = kept.closed_at.ok_or(Error::PeriodIsOpen { id: kept.id })?;
    let Ledger::Open(reader) = ledger else { return Err(Error::Off) };
    let mut lines = Vec::new();
    let mut corrected = Corrected::default();
    for (name, modality, amount) in differences(kept) {
        let model_id = format!("{}/{name}", kept.found.provider);
        let query = LineQuery {
            since: Some(kept.found.since),
            until: Some(kept.found.until),
            provider: Some(kept.found.provider.clone()),
            model_id: Some(model_id.clone()),
            modality: Some(modality),
            order: Order::Newest,
            limit: 1,
            ..LineQuery::default()
        };
        match reader.ledger_list(&query).await?.pop() {
            Some(last) => {
                lines.push(correction(kept, &last, amount, closed_at));
                corrected.booked.push((model_id, amount));
            }
            None => corrected.left_out.push(model_id),
        }
    }
    let writer = vg_store::open(url)?;
    let flushed = tokio::task::spawn_blocking(move || {
        lines.into_iter().for_each(|line| writer.append(line));
        writer.close(PATIENCE)
    });
    match flushed.await {
        Ok(flushed) if flushed.pending == 0 => Ok(corrected),
        _ => Err(Error::Slow { seconds: PATIENCE.as_secs() }),
    }
}

/// What each model differs by, where both sides have a cost.
fn differences(kept: &Kept) -> Vec<(String, Modality, Money)> {
    let report: serde_json::Value = serde_json::from_str(&kept.found.report).unwrap_or_default();
    let rows = report.get("rows").and_then(|rows| rows.as_array()).cloned().unwrap_or_default();
    let difference = |row: &serde_json::Value| {
        let text = |name: &str| row.get(name).and_then(|value| value.as_str());
        let modality = text("modality")?.parse().ok()?;
        let amount = text("cost_diff_exact")?.parse::<vg_core::decimal::Decimal>().ok()?;
        let amount = amount.to_scaled_integer(Money::SCALE).map(Money).ok()?;
        Some((text("model")?.to_owned(), modality, amount)).filter(|_| amount != Money::ZERO)
    };
    rows.iter().filter_map(difference).collect()
}

fn correction(kept: &Kept, last: &Line, amount: Money, at: UnixMicros) -> Line {
    let digest = Sha256::digest(format!("correction {} {}", kept.id, last.attempt_id));
    let mut random = [0; 10];
    random.copy_from_slice(digest.first_chunk::<10>().unwrap_or(&[0; 10]));
    let facts = serde_json::json!({"correction": "reconciliation", "reconciliation": kept.id});
    Line {
        attempt_id: AttemptId::new(at, random),
        request_id: RequestId::new(at, random),
        corrects: Some(last.attempt_id),
        session_id: None,
        turn: None,
        tenant_id: None,
        agent_id: None,
        started_at: at,
        ended_at: at,
        ttfb_micros: None,
        latency_micros: None,
        usage: Usage::UNKNOWN,
        cost: Some(amount),
        pricing_source: "reconciled".into(),
        price_book: "".into(),
        status: Status::Success,
        fallback_from: None,
        error: None,
        sockets: 0,
        probe: false,
        metadata: Some(facts.to_string().into_boxed_str()),
        ..last.clone()
    }
}
