//! Conversations: what each of them used and cost.

use crate::{Error, Ledger, Page, instant, logs::LogRow, price};
use indexmap::IndexMap;
use serde::Serialize;
use std::collections::BTreeSet;
use vg_core::{Modality, Money, UnixMicros};
use vg_store::{LineQuery, Order, Part, Reader, Session, SessionQuery};

pub use vg_store::SessionOrder;

/// How many lines of a session are read at once.
const PAGE: u32 = 1000;

/// Which sessions to list. A tenant or agent that is empty asks for what is unattributed.
#[derive(Debug, Clone, Default)]
pub struct SessionArgs {
    /// At most this many.
    pub limit: u32,
    /// Only this project.
    pub project: Option<String>,
    /// Only this tenant.
    pub tenant: Option<String>,
    /// Only this agent.
    pub agent: Option<String>,
    /// Which end first.
    pub order: SessionOrder,
    /// Only sessions behind this one: where the page before ended.
    pub after: Option<String>,
}

/// What no part of the product records yet: always `null`.
type NotRecorded = ();

/// One conversation: an element of the body of `GET /v1/sessions`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    /// `vg-<uuid>`.
    pub id: String,
    /// The project of its first request.
    pub project: String,
    /// When its earliest request started.
    #[serde(serialize_with = "instant::serialize")]
    pub started_at: UnixMicros,
    /// When its latest request ended.
    #[serde(serialize_with = "instant::serialize")]
    pub ended_at: UnixMicros,
    /// What it used, in the order of a conversation.
    pub modalities: Vec<&'static str>,
    /// The sum; `None` when none of its requests has a price.
    #[serde(serialize_with = "price::serialize")]
    pub total_cost_usd: Option<Money>,
    /// How many requests it made.
    pub request_count: u64,
    /// The first tenant named.
    pub tenant_id: Option<String>,
    /// The first agent named.
    pub agent_id: Option<String>,
    /// The model that routing chose for speech to text; `null` when it was not routed.
    pub routed_stt: Option<String>,
    /// For text to text, likewise.
    pub routed_llm: Option<String>,
    /// For text to speech, likewise.
    pub routed_tts: Option<String>,
    /// The latency budget that was in force, in milliseconds; `null` when it was not routed.
    pub budget_ms: Option<u32>,
    /// How much of it was taken: the mean times to the first output, summed over the modalities that have one.
    pub budget_ms_used: Option<f64>,
    /// Whether it was predicted to take more.
    pub budget_overrun: Option<bool>,
    guardrails_active: NotRecorded,
    guardrails_bypassed: NotRecorded,
    guardrail_policy_snapshot: NotRecorded,
    /// How many of its requests have no price and are not in the sum.
    pub unpriced_requests: u64,
    /// How many of its requests failed.
    #[serde(skip)]
    pub errors: u64,
}

/// One conversation in full: the body of `GET /v1/sessions/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionDetail {
    /// As in the list.
    #[serde(flatten)]
    pub row: SessionRow,
    /// What each modality cost.
    pub by_modality: IndexMap<&'static str, SessionPart>,
    /// The providers it used, sorted.
    pub providers: BTreeSet<String>,
    guardrail_events: [NotRecorded; 0],
    /// Its lines, the oldest first.
    #[serde(skip)]
    pub lines: Vec<LogRow>,
}

/// What one modality of a conversation cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionPart {
    /// The sum; `None` when none of its requests has a price.
    #[serde(serialize_with = "price::serialize")]
    pub cost: Option<Money>,
    /// How many requests.
    pub request_count: u64,
}

/// A page of conversations: the body of `GET /v1/sessions`.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn session_list(ledger: &Ledger, args: &SessionArgs) -> Result<Page<SessionRow>, Error> {
    let Some(reader) = ledger.reader() else { return Ok(Page::default()) };
    let query = SessionQuery {
        project: args.project.clone(),
        tenant_id: args.tenant.clone(),
        agent_id: args.agent.clone(),
        order: args.order,
        limit: args.limit,
        after: args.after.clone(),
        ..SessionQuery::default()
    };
    let sessions = reader.session_list(&query).await?;
    let next = query.next_page(&sessions).and_then(|query| query.after);
    Ok(Page { rows: sessions.into_iter().map(row).collect(), next })
}

/// One conversation with its lines; for a `tenant`, only when it is that one's.
///
/// # Errors
/// [`Error::NoSession`] when no line names it, or none of that tenant; when the ledger cannot be read.
pub async fn session_get(ledger: &Ledger, id: &str, tenant: Option<&str>) -> Result<SessionDetail, Error> {
    let no_session = || Error::NoSession { id: id.to_owned() };
    let reader = ledger.reader().ok_or_else(no_session)?;
    let session = reader.session_get(id).await?.ok_or_else(no_session)?;
    if tenant.is_some() && tenant != session.tenant_id.as_deref() {
        return Err(no_session());
    }
    let lines = lines(reader, id).await?;
    Ok(SessionDetail {
        by_modality: session.parts.iter().map(|part| (part.modality.as_str(), session_part(part))).collect(),
        row: row(session),
        providers: lines.iter().map(|line| line.provider.clone()).collect(),
        guardrail_events: [],
        lines,
    })
}

async fn lines(reader: &Reader, id: &str) -> Result<Vec<LogRow>, Error> {
    let mut rows = Vec::new();
    let mut next = Some(LineQuery {
        session_id: Some(id.to_owned()),
        order: Order::Oldest,
        limit: PAGE,
        ..LineQuery::default()
    });
    while let Some(query) = next {
        let page = reader.ledger_list(&query).await?;
        rows.extend(page.iter().map(LogRow::of));
        next = query.next_page(&page);
    }
    Ok(rows)
}

fn session_part(part: &Part) -> SessionPart {
    SessionPart { cost: price::known(part.cost, part.requests, part.unpriced), request_count: part.requests }
}

fn row(session: Session) -> SessionRow {
    let (requests, unpriced) = (session.requests(), session.unpriced());
    let routed = session.routed.as_ref();
    SessionRow {
        routed_stt: routed.and_then(|routed| routed.stt.clone()),
        routed_llm: routed.and_then(|routed| routed.llm.clone()),
        routed_tts: routed.and_then(|routed| routed.tts.clone()),
        budget_ms: routed.map(|routed| routed.budget_ms),
        budget_ms_used: session.budget_ms_used(),
        budget_overrun: routed.map(|routed| routed.budget_overrun),
        started_at: session.started_at,
        ended_at: session.ended_at,
        modalities: session.parts.iter().map(|part| part.modality).map(Modality::as_str).collect(),
        total_cost_usd: price::known(session.cost(), requests, unpriced),
        request_count: requests,
        unpriced_requests: unpriced,
        errors: session.errors,
        id: session.id,
        project: session.project,
        tenant_id: session.tenant_id,
        agent_id: session.agent_id,
        guardrails_active: (),
        guardrails_bypassed: (),
        guardrail_policy_snapshot: (),
    }
}
