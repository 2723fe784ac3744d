//! The export for spreadsheets and scripts: ten columns, the oldest first, written as it is read.

use crate::{
    Days, Error, Ledger,
    instant::iso_8601,
    logs::{input_units, output_units},
};
use std::{borrow::Cow, io::Write};
use vg_core::Line;
use vg_store::{LineQuery, Order};

/// How many lines are in memory at once.
const PAGE: u32 = 1000;

/// The columns, in order; also the keys of the JSON form.
pub const COLUMNS: [&str; 10] = [
    "timestamp",
    "project",
    "modality",
    "provider",
    "model",
    "input_units",
    "output_units",
    "calculated_cost_usd",
    "pricing_source",
    "status",
];

/// What the export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with one header row.
    Csv,
    /// One JSON object a line.
    Json,
}

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportArgs {
    /// Which days.
    pub days: Days,
    /// Only this project.
    pub project: Option<String>,
    /// Written as what.
    pub format: Format,
}

/// Writes the export to `out` and returns how many records it has. A ledger that has not begun has none.
///
/// # Errors
/// [`Error::Off`] when there is to be no ledger; [`Error::Write`]; when the ledger cannot be read.
pub async fn export(ledger: &Ledger, args: &ExportArgs, out: &mut (dyn Write + Send)) -> Result<u64, Error> {
    if matches!(ledger, Ledger::Off) {
        return Err(Error::Off);
    }
    if args.format == Format::Csv {
        let header = COLUMNS.join(",");
        write!(out, "{header}\r\n").map_err(Error::Write)?;
    }
    let mut records = 0;
    if let Some(reader) = ledger.reader() {
        let window = args.days.window();
        let mut next = Some(LineQuery {
            since: window.since,
            until: window.until,
            project: args.project.clone(),
            order: Order::Oldest,
            limit: PAGE,
            ..LineQuery::default()
        });
        while let Some(query) = next {
            let page = reader.ledger_list(&query).await?;
            for line in &page {
                let record = match args.format {
                    Format::Csv => csv(line),
                    Format::Json => json(line),
                };
                out.write_all(record.as_bytes()).map_err(Error::Write)?;
            }
            records += page.len() as u64;
            next = query.next_page(&page);
        }
    }
    out.flush().map_err(Error::Write)?;
    Ok(records)
}

/// A cell: words are quoted in JSON, numbers are not.
enum Cell<'a> {
    Word(Cow<'a, str>),
    Number(Option<String>),
}

fn cells(line: &Line) -> [Cell<'_>; COLUMNS.len()] {
    let cost = line.cost.map(|cost| decimal(cost.to_string()));
    [
        Cell::Word(iso_8601(line.started_at).into()),
        Cell::Word((&*line.project).into()),
        Cell::Word(line.modality.as_str().into()),
        Cell::Word((&*line.provider).into()),
        Cell::Word((&*line.model_id).into()),
        Cell::Number(input_units(line).map(|units| decimal(units.to_string()))),
        Cell::Number(output_units(line).map(|units| decimal(units.to_string()))),
        // Text in JSON too, so that no reader rounds it.
        Cell::Word(cost.unwrap_or_default().into()),
        Cell::Word((&*line.pricing_source).into()),
        Cell::Word(line.status.as_str().into()),
    ]
}

/// A decimal always shows that it is one: `12.0`.
fn decimal(mut text: String) -> String {
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

fn csv(line: &Line) -> String {
    let cells = cells(line).map(|cell| match cell {
        Cell::Word(word) => quoted(word),
        Cell::Number(number) => number.unwrap_or_default().into(),
    });
    format!("{}\r\n", cells.join(","))
}

/// A word as a cell of CSV.
pub(crate) fn cell(word: &str) -> Cow<'_, str> {
    quoted(word.into())
}

/// RFC 4180, rules 5 to 7: a field with a comma, a quote or a line break stands in quotes, its quotes doubled.
fn quoted(field: Cow<'_, str>) -> Cow<'_, str> {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field
    }
}

fn json(line: &Line) -> String {
    let members = COLUMNS.iter().zip(cells(line)).map(|(name, cell)| match cell {
        Cell::Word(word) => format!("\"{name}\": {}", serde_json::Value::from(word)),
        Cell::Number(number) => format!("\"{name}\": {}", number.as_deref().unwrap_or("null")),
    });
    format!("{{{}}}\n", members.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_would_break_a_row_are_quoted() {
        for (field, written) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "=1+1"),
        ] {
            assert_eq!(quoted(field.into()), written);
        }
    }

    #[test]
    fn decimals_have_no_exponent_and_show_that_they_are_decimals() {
        for (value, written) in [(0.0, "0.0"), (120.0, "120.0"), (1e21, "1000000000000000000000.0")] {
            assert_eq!(decimal(f64::to_string(&value)), written);
        }
        assert_eq!(decimal(f64::to_string(&1e-7)), "0.0000001");
    }
}
