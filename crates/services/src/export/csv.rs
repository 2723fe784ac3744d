//! CSV for spreadsheets: ten columns, one header row, present even without data.

use super::Sink;
use crate::{
    Error,
    csv::Rows,
    instant::iso_8601,
    logs::{input_units, output_units},
};
use std::io::Write;
use vg_core::Line;

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

/// The export as CSV.
pub(super) struct Csv<'out> {
    out: &'out mut (dyn Write + Send),
    rows: Rows,
}

impl<'out> Csv<'out> {
    /// Begins with the header row.
    pub(super) fn begin(out: &'out mut (dyn Write + Send)) -> Result<Self, Error> {
        let mut csv = Csv { out, rows: Rows::default() };
        COLUMNS.iter().for_each(|name| csv.rows.text(name));
        csv.write()?;
        Ok(csv)
    }

    fn write(&mut self) -> Result<(), Error> {
        self.rows.end();
        self.out.write_all(self.rows.as_bytes()).map_err(Error::Write)?;
        self.rows.clear();
        Ok(())
    }
}

impl Sink for Csv<'_> {
    fn line(&mut self, line: Line) -> Result<u64, Error> {
        self.rows.number(iso_8601(line.started_at));
        self.rows.text(&line.project);
        self.rows.text(line.modality.as_str());
        self.rows.text(&line.provider);
        self.rows.text(&line.model_id);
        self.rows.number_or_empty(input_units(&line).map(|units| decimal(units.to_string())));
        self.rows.number_or_empty(output_units(&line).map(|units| decimal(units.to_string())));
        self.rows.number_or_empty(line.cost.map(|cost| decimal(cost.to_string())));
        self.rows.text(&line.pricing_source);
        self.rows.text(line.status.as_str());
        self.write()?;
        Ok(1)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.out.flush().map_err(Error::Write)
    }
}

/// A decimal always shows that it is one: `12.0`.
pub(super) fn decimal(mut text: String) -> String {
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_no_exponent_and_show_that_they_are_decimals() {
        for (value, written) in [(0.0, "0.0"), (120.0, "120.0"), (1e21, "1000000000000000000000.0")] {
            assert_eq!(decimal(f64::to_string(&value)), written);
        }
        assert_eq!(decimal(f64::to_string(&1e-7)), "0.0000001");
    }
}
