//! Parquet: every column of the ledger under its own name, typed. Money is a decimal with twelve places, never a
//! float; instants are microseconds, UTC; what is not known is null. Row groups are of a bounded size, which bounds
//! the memory.

use super::Sink;
use crate::Error;
use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};
use std::{
    io::{self, Write},
    sync::Arc,
};
use vg_core::{Line, Money, Quantity, UnixMicros};

/// How many lines make a row group; so many are held in memory.
const ROW_GROUP: usize = 32_768;

/// How one column takes its values off a line.
enum Column {
    Text(fn(&Line) -> Option<String>),
    Integer(fn(&Line) -> Option<i64>),
    Quantity(Quantity),
    Instant(fn(&Line) -> UnixMicros),
    Money(fn(&Line) -> Option<Money>),
    Flag(fn(&Line) -> bool),
}

/// The columns, in order, with the ledger's names.
fn columns() -> Vec<(&'static str, Column)> {
    use Column::{Flag, Instant, Integer, Money, Text};
    let words = [
        ("attempt_id", Text(|line| Some(line.attempt_id.to_string()))),
        ("request_id", Text(|line| Some(line.request_id.to_string()))),
        ("corrects", Text(|line| line.corrects.map(|id| id.to_string()))),
        ("session_id", Text(|line| line.session_id.as_deref().map(str::to_owned))),
        ("turn", Integer(|line| line.turn.map(i64::from))),
        ("project", Text(|line| Some(line.project.to_string()))),
        ("tenant_id", Text(|line| line.tenant_id.as_deref().map(str::to_owned))),
        ("agent_id", Text(|line| line.agent_id.as_deref().map(str::to_owned))),
        ("modality", Text(|line| Some(line.modality.to_string()))),
        ("provider", Text(|line| Some(line.provider.to_string()))),
        ("model_id", Text(|line| Some(line.model_id.to_string()))),
        ("started_at", Instant(|line| line.started_at)),
        ("ended_at", Instant(|line| line.ended_at)),
        ("ttfb_micros", Integer(|line| line.ttfb_micros.map(integer))),
        ("latency_micros", Integer(|line| line.latency_micros.map(integer))),
    ];
    let facts = [
        ("usage_sources", Text(sources)),
        ("cost_usd", Money(|line| line.cost)),
        ("pricing_source", Text(|line| known(&line.pricing_source))),
        ("price_book", Text(|line| known(&line.price_book))),
        ("status", Text(|line| Some(line.status.to_string()))),
        ("fallback_from", Text(|line| line.fallback_from.as_deref().map(str::to_owned))),
        ("error_kind", Text(|line| line.error.as_ref().map(|error| error.kind.as_str().to_owned()))),
        ("error_status", Integer(|line| line.error.as_ref()?.status.map(i64::from))),
        ("error_message", Text(|line| line.error.as_ref().map(|error| error.message.to_string()))),
        ("sockets", Integer(|line| Some(line.sockets.into()))),
        ("probe", Flag(|line| line.probe)),
        ("metadata", Text(|line| line.metadata.as_deref().map(str::to_owned))),
    ];
    let quantities = Quantity::ALL.map(|quantity| (quantity.as_str(), Column::Quantity(quantity)));
    words.into_iter().chain(quantities).chain(facts).collect()
}

/// A word that the ledger leaves empty when it is not known.
fn known(word: &str) -> Option<String> {
    (!word.is_empty()).then(|| word.to_owned())
}

/// Where each known quantity comes from, as a JSON object.
fn sources(line: &Line) -> Option<String> {
    let sources: serde_json::Map<_, _> = line
        .usage
        .iter()
        .map(|(quantity, measured)| (quantity.as_str().to_owned(), measured.source.as_str().into()))
        .collect();
    (!sources.is_empty()).then(|| serde_json::Value::Object(sources).to_string())
}

/// A count as Parquet's largest integer holds it.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Column {
    fn schema(&self, name: &str) -> Result<Type, ParquetError> {
        let of = |physical, logical| Type::primitive_type_builder(name, physical).with_logical_type(logical);
        let (builder, is_always_known) = match self {
            Column::Text(_) => (of(Physical::BYTE_ARRAY, Some(LogicalType::String)), false),
            Column::Integer(_) | Column::Quantity(_) => (of(Physical::INT64, None), false),
            Column::Instant(_) => {
                let unit = parquet::basic::TimeUnit::MICROS;
                (of(Physical::INT64, Some(LogicalType::timestamp(true, unit))), true)
            }
            Column::Money(_) => {
                let (scale, precision) = (12, 38);
                let decimal =
                    of(Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(scale, precision)));
                (decimal.with_length(16).with_scale(scale).with_precision(precision), false)
            }
            Column::Flag(_) => (of(Physical::BOOLEAN, None), true),
        };
        builder
            .with_repetition(if is_always_known { Repetition::REQUIRED } else { Repetition::OPTIONAL })
            .build()
    }

    fn write<W: Write + Send>(
        &self,
        lines: &[Line],
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        match self {
            Column::Text(take) => {
                let text = |line| take(line).map(|text| ByteArray::from(text.into_bytes()));
                write_known::<ByteArrayType, W>(lines.iter().map(text), group)
            }
            Column::Integer(take) => write_known::<Int64Type, W>(lines.iter().map(take), group),
            Column::Quantity(quantity) => {
                let value = |line: &Line| line.usage.value(*quantity).map(integer);
                write_known::<Int64Type, W>(lines.iter().map(value), group)
            }
            Column::Instant(take) => {
                write_all::<Int64Type, W>(lines.iter().map(|line| take(line).0).collect(), group)
            }
            Column::Money(take) => {
                let money = |line| take(line).map(|cost| cost.0.to_be_bytes().to_vec().into());
                write_known::<FixedLenByteArrayType, W>(lines.iter().map(money), group)
            }
            Column::Flag(take) => write_all::<BoolType, W>(lines.iter().map(take).collect(), group),
        }
    }
}

/// Writes a column that every line has a value for.
fn write_all<T: DataType, W: Write + Send>(
    values: Vec<T::T>,
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    write::<T, W>(&values, None, group)
}

/// Writes a column of which some values are not known.
fn write_known<T: DataType, W: Write + Send>(
    values: impl Iterator<Item = Option<T::T>>,
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    let mut levels = Vec::with_capacity(ROW_GROUP);
    let known: Vec<_> = values.inspect(|value| levels.push(i16::from(value.is_some()))).flatten().collect();
    write::<T, W>(&known, Some(&levels), group)
}

fn write<T: DataType, W: Write + Send>(
    values: &[T::T],
    levels: Option<&[i16]>,
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("there are more columns than the schema has".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// The export as Parquet.
pub(super) struct Parquet<'out> {
    columns: Vec<(&'static str, Column)>,
    writer: SerializedFileWriter<&'out mut (dyn Write + Send)>,
    lines: Vec<Line>,
}

impl<'out> Parquet<'out> {
    /// Begins with the schema.
    pub(super) fn begin(out: &'out mut (dyn Write + Send)) -> Result<Self, Error> {
        let columns = columns();
        let schema = schema(&columns).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("voicegateway".to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(failed)?;
        Ok(Parquet { columns, writer, lines: Vec::with_capacity(ROW_GROUP) })
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for (_, column) in &self.columns {
            column.write(&self.lines, &mut group)?;
        }
        group.close()?;
        self.lines.clear();
        Ok(())
    }
}

fn schema(columns: &[(&str, Column)]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|(name, column)| column.schema(name).map(Arc::new));
    let fields = fields.collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("ledger").with_fields(fields).build()?))
}

impl Sink for Parquet<'_> {
    fn line(&mut self, line: Line) -> Result<u64, Error> {
        self.lines.push(line);
        if self.lines.len() == ROW_GROUP {
            self.write().map_err(failed)?;
        }
        Ok(1)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        if !self.lines.is_empty() {
            self.write().map_err(failed)?;
        }
        let out = self.writer.into_inner().map_err(failed)?;
        out.flush().map_err(Error::Write)
    }
}

fn failed(error: ParquetError) -> Error {
    Error::Write(match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use vg_core::Modality;

    #[test]
    fn row_groups_have_a_bounded_size_whatever_the_number_of_lines() {
        let mut out = Vec::new();
        let mut parquet = Box::new(Parquet::begin(&mut out).unwrap());
        let line = vg_testkit::ledger::line(Modality::Tts, "cartesia/sonic-3", UnixMicros(1), 1);
        for _ in 0..2 * ROW_GROUP + 1 {
            parquet.line(line.clone()).unwrap();
        }
        parquet.finish().unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
        let groups = reader.metadata().row_groups().iter().map(|group| group.num_rows() as usize);
        assert_eq!(groups.collect::<Vec<_>>(), [ROW_GROUP, ROW_GROUP, 1]);
    }
}
