//! Ledgers for tests, written the way the product writes them.

use std::{path::Path, time::Duration};
use vg_core::{
    AttemptId, Kind, Line, LineError, Modality, Money, Quantity, RequestId, Source, Status, UnixMicros, Usage,
};

/// Writes lines to the ledger at `path`, which is made when it is not there; they are durable on return.
///
/// # Panics
/// When the ledger does not take them.
#[expect(clippy::expect_used, reason = "a test that cannot set itself up has failed")]
pub fn write(path: &Path, lines: impl IntoIterator<Item = Line>) {
    let writer = vg_store::open(&path.to_string_lossy()).expect("the address of a ledger");
    lines.into_iter().for_each(|line| writer.append(line));
    let flushed = writer.close(Duration::from_secs(60));
    let stats = writer.stats();
    assert!(
        flushed.pending == 0 && stats.spooled + stats.dropped + stats.duplicates == 0,
        "the ledger did not take all lines: {stats:?}"
    );
}

/// The lines of the ledger at `path`, oldest first; none when there is no ledger yet.
///
/// # Panics
/// When there is one and it cannot be read.
#[expect(clippy::panic, reason = "a test that cannot read its ledger has failed")]
pub async fn read(path: &Path) -> Vec<Line> {
    let reader = match vg_store::Reader::open(&path.to_string_lossy()).await {
        Ok(reader) => reader,
        Err(vg_store::Error::Absent { .. }) => return Vec::new(),
        Err(error) => panic!("the ledger does not open: {error}"),
    };
    match reader.ledger_list(&vg_store::LineQuery::default()).await {
        Ok(lines) => lines.into_iter().rev().collect(),
        Err(error) => panic!("the ledger does not read: {error}"),
    }
}

/// A line of a successful request to `provider/model`, with nothing known but when it started. `number` tells
/// lines of one instant apart and orders them.
pub fn line(modality: Modality, model_id: &str, started_at: UnixMicros, number: u8) -> Line {
    let provider = model_id.split('/').next().unwrap_or_default();
    Line {
        attempt_id: AttemptId::new(started_at, [number; 10]),
        request_id: RequestId::new(started_at, [number; 10]),
        corrects: None,
        session_id: None,
        turn: None,
        project: "default".into(),
        tenant_id: None,
        agent_id: None,
        modality,
        provider: provider.into(),
        model_id: model_id.into(),
        started_at,
        ended_at: started_at,
        ttfb_micros: None,
        latency_micros: None,
        usage: Usage::UNKNOWN,
        cost: None,
        pricing_source: "".into(),
        price_book: "".into(),
        status: Status::Success,
        fallback_from: None,
        error: None,
        sockets: 1,
        probe: false,
        metadata: None,
    }
}

/// Puts a price on a line.
#[must_use]
pub fn priced(line: Line, picos: i128, pricing_source: &str) -> Line {
    Line {
        cost: Some(Money(picos)),
        pricing_source: pricing_source.into(),
        price_book: "book".into(),
        ..line
    }
}

/// Puts a line into a turn of a session.
#[must_use]
pub fn in_session(line: Line, session_id: &str, turn: u32) -> Line {
    Line { session_id: Some(session_id.into()), turn: Some(turn), ..line }
}

/// Makes a line last so long, with the first answer half-way.
#[must_use]
pub fn lasting(line: Line, latency: Duration) -> Line {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    Line {
        ended_at: UnixMicros(line.started_at.0.saturating_add_unsigned(micros)),
        ttfb_micros: Some(micros / 2),
        latency_micros: Some(micros),
        ..line
    }
}

/// Adds a quantity to a line.
#[must_use]
pub fn using(line: Line, quantity: Quantity, value: u64, source: Source) -> Line {
    Line { usage: line.usage.with(quantity, value, source), ..line }
}

/// Makes a line one that the provider refused.
#[must_use]
pub fn refused(line: Line, status: u16, message: &str) -> Line {
    let error = LineError { kind: Kind::UpstreamFailed, status: Some(status), message: message.into() };
    Line { status: Status::Error, error: Some(error), ..line }
}
