//! CSV and Parquet, read back and compared with the lines.

use crate::{csv_reader, month};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
};
use std::collections::HashMap;
use vg_core::{Line, Quantity};
use vg_services::export::Format;

#[tokio::test]
async fn names_that_a_spreadsheet_would_compute_are_made_harmless_in_csv_and_amounts_stay_numbers() {
    let lines = month::lines();
    let (exported, out) = month::exported(&lines, Format::Csv).await;
    assert_eq!((exported.records, exported.unpriced), (lines.len() as u64, 2));
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(",\"'=cmd|' /C calc'!A0\",llm,"), "{text}");
    let rows = csv_reader::read(&text).rows;
    assert_eq!(rows[18]["calculated_cost_usd"].as_deref(), Some("-0.000042000001"));
}

fn fields(row: &Row) -> HashMap<String, Field> {
    row.get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect()
}

fn text(text: impl AsRef<str>) -> Field {
    Field::Str(text.as_ref().to_owned())
}

fn or_null<T>(value: Option<T>, field: impl Fn(T) -> Field) -> Field {
    value.map_or(Field::Null, field)
}

fn check(line: &Line, row: &HashMap<String, Field>) {
    let is = |name: &str, expected: Field| assert_eq!(row[name], expected, "{name} of {}", line.attempt_id);
    is("attempt_id", text(line.attempt_id.to_string()));
    is("corrects", or_null(line.corrects, |id| text(id.to_string())));
    is("project", text(&line.project));
    is("tenant_id", or_null(line.tenant_id.as_deref(), text));
    is("model_id", text(&line.model_id));
    is("status", text(line.status.as_str()));
    is("started_at", Field::TimestampMicros(line.started_at.0));
    is("ended_at", Field::TimestampMicros(line.ended_at.0));
    is("turn", or_null(line.turn, |turn| Field::Long(turn.into())));
    is("sockets", Field::Long(line.sockets.into()));
    is("probe", Field::Bool(line.probe));
    is("metadata", or_null(line.metadata.as_deref(), text));
    for quantity in Quantity::ALL {
        let value = line.usage.value(quantity);
        is(quantity.as_str(), or_null(value, |value| Field::Long(value.try_into().unwrap())));
    }
    let picos = match &row["cost_usd"] {
        Field::Decimal(decimal) => {
            assert_eq!((decimal.scale(), decimal.precision()), (12, 38));
            Some(i128::from_be_bytes(decimal.data().try_into().unwrap()))
        }
        Field::Null => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(picos, line.cost.map(|cost| cost.0));
}

#[tokio::test]
async fn parquet_holds_every_line_with_its_types() {
    let lines = month::lines();
    let (exported, out) = month::exported(&lines, Format::Parquet).await;
    assert_eq!(exported.records, lines.len() as u64);
    let reader = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| fields(&row.unwrap())).collect();
    assert_eq!(rows.len(), lines.len());
    for (line, row) in lines.iter().zip(&rows) {
        check(line, row);
    }
    assert_eq!(rows[0]["usage_sources"], text(r#"{"audio_nanos":"provider_reported"}"#));
    assert_eq!(rows[16]["usage_sources"], Field::Null);
}

#[tokio::test]
async fn an_export_without_lines_is_whole_all_the_same() {
    for format in [Format::Csv, Format::Focus(Default::default()), Format::Parquet] {
        let (exported, out) = month::exported(&[], format).await;
        assert_eq!((exported.records, out.is_empty()), (0, false), "{format:?}");
        if format == Format::Parquet {
            let reader = SerializedFileReader::new(bytes::Bytes::from(out)).unwrap();
            assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
        }
    }
}
