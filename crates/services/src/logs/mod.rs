//! The ledger's lines, as rows with the columns of the `requests` view and what the ledger knows beyond them.

mod row;

pub use row::{LogRow, Sources, Units};
pub(crate) use row::{input_units, output_units};

use crate::{Error, Ledger, Page};
use vg_core::{AttemptId, Modality, Status};
use vg_store::LineQuery;

/// Which rows to list. A tenant or agent that is empty asks for what is unattributed.
#[derive(Debug, Clone, Default)]
pub struct LogArgs {
    /// At most this many.
    pub limit: u32,
    /// Only this project.
    pub project: Option<String>,
    /// Only this modality.
    pub modality: Option<Modality>,
    /// Only this `provider/model`.
    pub model: Option<String>,
    /// Only this session.
    pub session: Option<String>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this tenant.
    pub tenant: Option<String>,
    /// Only this agent.
    pub agent: Option<String>,
    /// Only rows behind this one: where the page before ended.
    pub after: Option<AttemptId>,
}

/// A page of rows, the newest first: the body of `GET /v1/logs`.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn log_list(ledger: &Ledger, args: &LogArgs) -> Result<Page<LogRow>, Error> {
    let Some(reader) = ledger.reader() else { return Ok(Page::default()) };
    let query = LineQuery {
        project: args.project.clone(),
        modality: args.modality,
        model_id: args.model.clone(),
        session_id: args.session.clone(),
        status: args.status,
        tenant_id: args.tenant.clone(),
        agent_id: args.agent.clone(),
        after: args.after,
        limit: args.limit,
        ..LineQuery::default()
    };
    let lines = reader.ledger_list(&query).await?;
    let next = query.next_page(&lines).and_then(|query| query.after).map(|id| id.to_string());
    Ok(Page { rows: lines.iter().map(LogRow::of).collect(), next })
}
