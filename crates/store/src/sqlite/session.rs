//! Sessions: sums over the lines of one conversation, kept as the lines are appended.

use super::{
    Database,
    file::version,
    ledger::bind,
    statement::{self, SessionTexts},
};
use crate::{
    Error,
    columns::{self, Value},
    query::{Part, Session, SessionOrder, SessionQuery},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteArguments, sqlite::SqliteRow};
use std::{collections::HashMap, sync::Arc};
use vg_core::{Line, Modality, Money, Routed, Status, UnixMicros};

/// What a batch adds to one session.
pub(super) struct Sums {
    id: Arc<str>,
    project: Arc<str>,
    tenant_id: Option<Arc<str>>,
    agent_id: Option<Arc<str>>,
    started_at: i64,
    ended_at: i64,
    routed: Option<Routed>,
    error_count: i64,
    parts: [PartSums; Modality::ALL.len()],
}

#[derive(Default, Clone, Copy)]
struct PartSums {
    request_count: i64,
    unpriced_count: i64,
    cost_picos: i64,
    ttfb_count: i64,
    ttfb_micros: i64,
}

/// An empty name is no name.
pub(super) fn named(name: Option<&Arc<str>>) -> Option<Arc<str>> {
    name.filter(|name| !name.is_empty()).map(Arc::clone)
}

/// Adds up the lines of each session. A correcting line adds its cost; it is no request.
pub(super) fn sums<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<Sums> {
    let mut positions: HashMap<&'a str, usize> = HashMap::new();
    let mut all: Vec<Sums> = Vec::new();
    for line in lines {
        let Some(id) = &line.session_id else { continue };
        let position = *positions.entry(id).or_insert(all.len());
        if position == all.len() {
            all.push(Sums {
                id: Arc::clone(id),
                project: Arc::clone(&line.project),
                tenant_id: None,
                agent_id: None,
                started_at: line.started_at.0,
                ended_at: line.ended_at.0,
                routed: None,
                error_count: 0,
                parts: Default::default(),
            });
        }
        let Some(sums) = all.get_mut(position) else { continue };
        sums.tenant_id = sums.tenant_id.take().or_else(|| named(line.tenant_id.as_ref()));
        sums.agent_id = sums.agent_id.take().or_else(|| named(line.agent_id.as_ref()));
        sums.started_at = sums.started_at.min(line.started_at.0);
        sums.ended_at = sums.ended_at.max(line.ended_at.0);
        sums.routed = sums.routed.take().or_else(|| line.metadata.as_deref().and_then(Routed::told_by));
        let is_request = line.corrects.is_none();
        sums.error_count += i64::from(is_request && line.status == Status::Error);
        if let Some(part) = sums.parts.get_mut(line.modality as usize) {
            let cost = columns::cost(line);
            part.request_count += i64::from(is_request);
            part.unpriced_count += i64::from(is_request && cost.is_none());
            part.cost_picos = part.cost_picos.saturating_add(cost.unwrap_or(0));
            if let Some(ttfb) = line.ttfb_micros.filter(|_| is_request) {
                part.ttfb_count += 1;
                part.ttfb_micros = part.ttfb_micros.saturating_add(columns::integer(ttfb));
            }
        }
    }
    all
}

impl Database {
    /// Adds sums to their sessions, making those that are new.
    pub(super) async fn session_add(&mut self, sums: &[Sums]) -> Result<(), Error> {
        let failed = self.failed("add to the sessions of");
        let mut rest = sums;
        while !rest.is_empty() {
            let (text, width) = statement::SESSIONS.widest(rest.len());
            let (now, later) = rest.split_at(width);
            let mut arguments = SqliteArguments::default();
            for sums in now {
                bind(&mut arguments, Value::Text(Arc::clone(&sums.id)));
                bind(&mut arguments, Value::Text(Arc::clone(&sums.project)));
                bind(&mut arguments, sums.tenant_id.clone().map_or(Value::Null, Value::Text));
                bind(&mut arguments, sums.agent_id.clone().map_or(Value::Null, Value::Text));
                bind(&mut arguments, Value::Integer(sums.started_at));
                bind(&mut arguments, Value::Integer(sums.ended_at));
                bind_routed(&mut arguments, sums.routed.as_ref());
                bind(&mut arguments, Value::Integer(sums.error_count));
                for part in &sums.parts {
                    bind(&mut arguments, Value::Integer(part.request_count));
                    bind(&mut arguments, Value::Integer(part.unpriced_count));
                    bind(&mut arguments, Value::Integer(part.cost_picos));
                    bind(&mut arguments, Value::Integer(part.ttfb_count));
                    bind(&mut arguments, Value::Integer(part.ttfb_micros));
                }
            }
            sqlx::query_with(text, arguments).execute(&mut self.connection).await.map_err(&failed)?;
            rest = later;
        }
        Ok(())
    }
}

fn bind_routed(arguments: &mut SqliteArguments, routed: Option<&Routed>) {
    let text = |model: &String| Value::Text(Arc::from(model.as_str()));
    let models =
        routed.map_or([None; 3], |routed| [&routed.stt, &routed.llm, &routed.tts].map(Option::as_ref));
    for model in models {
        bind(arguments, model.map_or(Value::Null, text));
    }
    let budget = routed.map(|routed| (i64::from(routed.budget_ms), i64::from(routed.budget_overrun)));
    bind(arguments, budget.map_or(Value::Null, |(budget_ms, _)| Value::Integer(budget_ms)));
    bind(arguments, budget.map_or(Value::Null, |(_, overrun)| Value::Integer(overrun)));
}

/// When a session's first line started and its last one ended.
pub(super) async fn session_bounds(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Option<(UnixMicros, UnixMicros)>, sqlx::Error> {
    let row = sqlx::query("SELECT started_at, ended_at FROM session_totals WHERE id = ?").bind(id);
    let row = row.fetch_optional(connection).await?;
    row.map(|row| Ok((UnixMicros(row.try_get(0)?), UnixMicros(row.try_get(1)?)))).transpose()
}

/// One session.
pub(crate) async fn session_get(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Option<Session>, sqlx::Error> {
    let texts = texts(connection).await?;
    let row = sqlx::query(texts.get.as_str()).bind(id).fetch_optional(connection).await?;
    row.map(|row| session(&row)).transpose()
}

/// The questions as the file's schema has it. Asked each time: another process may bring it up to date.
async fn texts(connection: &mut SqliteConnection) -> Result<&'static SessionTexts, sqlx::Error> {
    Ok(SessionTexts::of(version(connection).await?))
}

/// One page of sessions.
pub(crate) async fn session_list(
    connection: &mut SqliteConnection,
    query: &SessionQuery,
) -> Result<Vec<Session>, sqlx::Error> {
    let texts = texts(connection).await?;
    let text = match query.order {
        SessionOrder::Newest => texts.newest.as_str(),
        SessionOrder::Oldest => texts.oldest.as_str(),
        SessionOrder::Dearest => texts.dearest.as_str(),
        SessionOrder::Cheapest => texts.cheapest.as_str(),
    };
    let rows = sqlx::query(text)
        .bind(query.project.as_deref())
        .bind(query.tenant_id.as_deref())
        .bind(query.agent_id.as_deref())
        .bind(query.since.map(|at| at.0))
        .bind(query.until.map(|at| at.0))
        .bind(i64::from(query.limit))
        .bind(i64::from(query.offset))
        .bind(query.after.as_deref())
        .fetch_all(connection)
        .await?;
    rows.iter().map(session).collect()
}

fn session(row: &SqliteRow) -> Result<Session, sqlx::Error> {
    let text = |name: &str| row.try_get::<Option<String>, _>(name);
    let count = |name: &str| row.try_get::<i64, _>(name);
    // A file of an older schema has no times.
    let known = |name: &str| row.try_get::<Option<i64>, _>(name).map(Option::unwrap_or_default);
    let part = |modality, [requests, unpriced, cost, answered, ttfb]: [&str; 5]| {
        Ok::<_, sqlx::Error>(Part {
            modality,
            requests: count(requests)?.unsigned_abs(),
            unpriced: count(unpriced)?.unsigned_abs(),
            cost: Money(count(cost)?.into()),
            answered: known(answered)?.unsigned_abs(),
            ttfb_micros: known(ttfb)?.unsigned_abs(),
        })
    };
    macro_rules! columns_of {
        ($modality:literal) => {
            [
                concat!($modality, "_request_count"),
                concat!($modality, "_unpriced_count"),
                concat!($modality, "_cost_picos"),
                concat!($modality, "_ttfb_count"),
                concat!($modality, "_ttfb_micros"),
            ]
        };
    }
    let parts = [
        part(Modality::Stt, columns_of!("stt"))?,
        part(Modality::Llm, columns_of!("llm"))?,
        part(Modality::Tts, columns_of!("tts"))?,
    ];
    let routed = match row.try_get::<Option<u32>, _>("budget_ms")? {
        None => None,
        Some(budget_ms) => Some(Routed {
            stt: text("routed_stt")?,
            llm: text("routed_llm")?,
            tts: text("routed_tts")?,
            budget_ms,
            budget_overrun: row.try_get("budget_overrun")?,
        }),
    };
    Ok(Session {
        id: row.try_get("id")?,
        project: row.try_get("project")?,
        tenant_id: text("tenant_id")?,
        agent_id: text("agent_id")?,
        started_at: UnixMicros(count("started_at")?),
        ended_at: UnixMicros(count("ended_at")?),
        routed,
        errors: count("error_count")?.unsigned_abs(),
        parts: parts.into_iter().filter(|part| part.requests > 0 || part.cost != Money::ZERO).collect(),
    })
}
