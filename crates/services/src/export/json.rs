//! JSON lines for scripts: one object a line, with the keys and the order of the CSV columns.

use super::{
    Sink,
    csv::{COLUMNS, decimal},
};
use crate::{
    Error,
    instant::iso_8601,
    logs::{input_units, output_units},
};
use serde_json::Value;
use std::io::Write;
use vg_core::Line;

/// The export as JSON lines.
pub(super) struct Json<'out> {
    out: &'out mut (dyn Write + Send),
}

impl<'out> Json<'out> {
    /// Begins; there is no header.
    pub(super) fn begin(out: &'out mut (dyn Write + Send)) -> Self {
        Json { out }
    }
}

impl Sink for Json<'_> {
    fn line(&mut self, line: Line) -> Result<u64, Error> {
        let text = |text: &str| Value::from(text).to_string();
        let number = |units: Option<f64>| units.map_or("null".to_owned(), |units| decimal(units.to_string()));
        let values = [
            text(&iso_8601(line.started_at)),
            text(&line.project),
            text(line.modality.as_str()),
            text(&line.provider),
            text(&line.model_id),
            number(input_units(&line)),
            number(output_units(&line)),
            // Text, so that no reader rounds it; empty when unpriced.
            text(&line.cost.map(|cost| decimal(cost.to_string())).unwrap_or_default()),
            text(&line.pricing_source),
            text(line.status.as_str()),
        ];
        let members: Vec<_> =
            COLUMNS.iter().zip(values).map(|(name, value)| format!("\"{name}\": {value}")).collect();
        writeln!(self.out, "{{{}}}", members.join(", ")).map_err(Error::Write)?;
        Ok(1)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.out.flush().map_err(Error::Write)
    }
}
