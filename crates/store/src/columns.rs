//! The one mapping between a line and the ledger's columns: what SQL binds, what it reads back and what a spool
//! holds.

use crate::Error;
use std::sync::{Arc, LazyLock};
use vg_core::{
    AttemptId, Kind, Line, LineError, Modality, Money, Quantity, RequestId, Status, UnixMicros, Usage,
};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Id,
    Integer,
    Text,
}

/// A column's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Id([u8; 16]),
    Integer(i64),
    Text(Arc<str>),
}

const BEFORE_QUANTITIES: [(&str, Type); 15] = [
    ("attempt_id", Type::Id),
    ("request_id", Type::Id),
    ("corrects", Type::Id),
    ("session_id", Type::Text),
    ("turn", Type::Integer),
    ("project", Type::Text),
    ("tenant_id", Type::Text),
    ("agent_id", Type::Text),
    ("modality", Type::Text),
    ("provider", Type::Text),
    ("model_id", Type::Text),
    ("started_at", Type::Integer),
    ("ended_at", Type::Integer),
    ("ttfb_micros", Type::Integer),
    ("latency_micros", Type::Integer),
];

const AFTER_QUANTITIES: [(&str, Type); 12] = [
    ("usage_sources", Type::Integer),
    ("cost_picos", Type::Integer),
    ("pricing_source", Type::Text),
    ("price_book", Type::Text),
    ("status", Type::Text),
    ("fallback_from", Type::Text),
    ("error_kind", Type::Text),
    ("error_status", Type::Integer),
    ("error_message", Type::Text),
    ("sockets", Type::Integer),
    ("probe", Type::Integer),
    ("metadata", Type::Text),
];

/// How many columns the ledger has.
pub(crate) const COUNT: usize = BEFORE_QUANTITIES.len() + Quantity::COUNT + AFTER_QUANTITIES.len();

/// The ledger's columns, in order.
pub(crate) static COLUMNS: LazyLock<Vec<(&'static str, Type)>> = LazyLock::new(|| {
    let quantities = Quantity::ALL.into_iter().map(|quantity| (quantity.as_str(), Type::Integer));
    BEFORE_QUANTITIES.into_iter().chain(quantities).chain(AFTER_QUANTITIES).collect()
});

/// A count as a column holds it. What does not fit (beyond 9.2e18) is kept as the largest number there is.
pub(crate) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The cost as a column holds it. What no column can hold counts as unpriced: a wrong number would be worse.
pub(crate) fn cost(line: &Line) -> Option<i64> {
    line.cost.and_then(|cost| cost.to_column().ok())
}

fn text(value: &Arc<str>) -> Value {
    Value::Text(Arc::clone(value))
}

fn optional<T>(value: Option<T>, to_value: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, to_value)
}

/// Interned words, so that a line's fixed words cost no allocation.
fn word(word: &'static str) -> Value {
    static WORDS: LazyLock<Vec<Arc<str>>> = LazyLock::new(|| {
        let modalities = Modality::ALL.into_iter().map(Modality::as_str);
        let statuses = Status::ALL.into_iter().map(Status::as_str);
        modalities.chain(statuses).map(Arc::from).collect()
    });
    let known = WORDS.iter().find(|known| ***known == *word);
    Value::Text(known.map_or_else(|| Arc::from(word), Arc::clone))
}

/// Hands the values of a line to `sink`, in the order of [`COLUMNS`].
pub(crate) fn values(line: &Line, mut sink: impl FnMut(Value)) {
    sink(Value::Id(line.attempt_id.0));
    sink(Value::Id(line.request_id.0));
    sink(optional(line.corrects, |id| Value::Id(id.0)));
    sink(optional(line.session_id.as_ref(), text));
    sink(optional(line.turn, |turn| Value::Integer(turn.into())));
    sink(text(&line.project));
    sink(optional(line.tenant_id.as_ref(), text));
    sink(optional(line.agent_id.as_ref(), text));
    sink(word(line.modality.as_str()));
    sink(text(&line.provider));
    sink(text(&line.model_id));
    sink(Value::Integer(line.started_at.0));
    sink(Value::Integer(line.ended_at.0));
    sink(optional(line.ttfb_micros, |micros| Value::Integer(integer(micros))));
    sink(optional(line.latency_micros, |micros| Value::Integer(integer(micros))));
    for quantity in Quantity::ALL {
        sink(optional(line.usage.value(quantity), |value| Value::Integer(integer(value))));
    }
    sink(Value::Integer(line.usage.sources()));
    sink(optional(cost(line), Value::Integer));
    sink(text(&line.pricing_source));
    sink(text(&line.price_book));
    sink(word(line.status.as_str()));
    sink(optional(line.fallback_from.as_ref(), text));
    let error = line.error.as_ref();
    sink(optional(error, |error| Value::Text(Arc::from(error.kind.as_str()))));
    sink(optional(error.and_then(|error| error.status), |status| Value::Integer(status.into())));
    sink(optional(error, |error| text(&error.message)));
    sink(Value::Integer(line.sockets.into()));
    sink(Value::Integer(line.probe.into()));
    sink(optional(line.metadata.as_deref(), |metadata| Value::Text(Arc::from(metadata))));
}

/// Takes typed values off a row, naming the column in what goes wrong.
struct Row<I> {
    values: I,
    position: usize,
}

impl<I: Iterator<Item = Result<Value, Error>>> Row<I> {
    fn next(&mut self) -> Result<Value, Error> {
        self.position += 1;
        self.values.next().unwrap_or_else(|| Err(self.wrong()))
    }

    fn wrong(&self) -> Error {
        let column = COLUMNS.get(self.position.saturating_sub(1)).map_or("?", |(name, _)| name);
        Error::Row(format!("column `{column}`"))
    }

    fn id(&mut self) -> Result<Option<[u8; 16]>, Error> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Id(id) => Ok(Some(id)),
            _ => Err(self.wrong()),
        }
    }

    fn integer(&mut self) -> Result<Option<i64>, Error> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Integer(integer) => Ok(Some(integer)),
            _ => Err(self.wrong()),
        }
    }

    fn text(&mut self) -> Result<Option<Arc<str>>, Error> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Err(self.wrong()),
        }
    }

    fn count<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, Error> {
        self.integer()?.map(|integer| T::try_from(integer).map_err(|_| self.wrong())).transpose()
    }

    fn need<T>(&self, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.wrong())
    }

    fn word<T: std::str::FromStr>(&mut self) -> Result<T, Error> {
        let text = self.text()?;
        self.need(text)?.parse().map_err(|_| self.wrong())
    }

    fn needed_text(&mut self) -> Result<Arc<str>, Error> {
        let text = self.text()?;
        self.need(text)
    }
}

/// Rebuilds a line from values in the order of [`COLUMNS`].
pub(crate) fn line(values: impl Iterator<Item = Result<Value, Error>>) -> Result<Line, Error> {
    let mut row = Row { values, position: 0 };
    let attempt_id = row.id()?;
    let attempt_id = AttemptId(row.need(attempt_id)?);
    let request_id = row.id()?;
    let request_id = RequestId(row.need(request_id)?);
    let corrects = row.id()?.map(AttemptId);
    let session_id = row.text()?;
    let turn = row.count()?;
    let project = row.needed_text()?;
    let tenant_id = row.text()?;
    let agent_id = row.text()?;
    let modality = row.word()?;
    let provider = row.needed_text()?;
    let model_id = row.needed_text()?;
    let started_at = row.integer()?;
    let started_at = UnixMicros(row.need(started_at)?);
    let ended_at = row.integer()?;
    let ended_at = UnixMicros(row.need(ended_at)?);
    let ttfb_micros = row.count()?;
    let latency_micros = row.count()?;
    let mut quantities = [None; Quantity::COUNT];
    for quantity in &mut quantities {
        *quantity = row.integer()?;
    }
    let sources = row.integer()?;
    let usage = Usage::from_columns(quantities, row.need(sources)?);
    let cost = row.integer()?.map(|picos| Money(picos.into()));
    let pricing_source = row.needed_text()?;
    let price_book = row.needed_text()?;
    let status = row.word()?;
    let fallback_from = row.text()?;
    let kind = row.text()?;
    let kind = kind.map(|word| row.need(Kind::ALL.into_iter().find(|kind| *kind.as_str() == *word)));
    let kind = kind.transpose()?;
    let error_status = row.count()?;
    let message = row.text()?;
    let error =
        kind.map(|kind| LineError { kind, status: error_status, message: message.unwrap_or_default() });
    let sockets = row.count()?;
    let sockets = row.need(sockets)?;
    let probe = row.integer()? == Some(1);
    let metadata = row.text()?.map(|text| Box::from(&*text));
    Ok(Line {
        attempt_id,
        request_id,
        corrects,
        session_id,
        turn,
        project,
        tenant_id,
        agent_id,
        modality,
        provider,
        model_id,
        started_at,
        ended_at,
        ttfb_micros,
        latency_micros,
        usage,
        cost,
        pricing_source,
        price_book,
        status,
        fallback_from,
        error,
        sockets,
        probe,
        metadata,
    })
}
