//! The Cost and Usage dataset of FOCUS, the FinOps Open Cost and Usage Specification, as CSV: version 1.4 (ratified
//! 2026-06-04) and 1.2 (2025-05-29), which many tools still read. The rules are those of the specification's
//! requirements model, `requirements_model/releases/1.2` and `1.4` of FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, read
//! 2026-11. A test checks what is written against them.
//!
//! A record is a charge: one SKU meter of one attempt. Records of an attempt add up to its line's cost exactly.

mod charge;
mod column;

use super::Sink;
use crate::{Error, csv};
use charge::Charges;
use column::{COLUMNS, Record};
use std::io::Write;
use vg_core::{Line, config::Config};

/// How FOCUS is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Focus {
    /// The version of the specification.
    pub version: Version,
    /// What `BilledCost` says.
    pub billed_cost: BilledCost,
}

/// A version of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    /// With `ProviderName` and `PublisherName`.
    V1_2,
    /// With `ServiceProviderName` and `HostProviderName` in their place.
    #[default]
    V1_4,
}

/// What `BilledCost` says. It is the invoiced amount, and only the provider writes invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BilledCost {
    /// 0, as the specification asks of whoever does not write the invoice: merged with the provider's own data,
    /// nothing counts twice.
    #[default]
    Zero,
    /// The ledger's cost, for tools that look at no other column.
    Estimate,
}

/// The export as records of FOCUS.
pub(super) struct Rows<'out> {
    focus: Focus,
    out: &'out mut (dyn Write + Send),
    rows: csv::Rows,
    charges: Charges<'out>,
}

impl<'out> Rows<'out> {
    /// Begins with the header row.
    pub(super) fn begin(
        focus: Focus,
        config: &'out Config,
        out: &'out mut (dyn Write + Send),
    ) -> Result<Self, Error> {
        let mut rows = Rows { focus, out, rows: csv::Rows::default(), charges: Charges::by(config) };
        for column in COLUMNS.iter().filter(|column| column.is_in(focus.version)) {
            rows.rows.text(column.name);
        }
        rows.rows.end();
        rows.write()?;
        Ok(rows)
    }

    fn write(&mut self) -> Result<(), Error> {
        self.out.write_all(self.rows.as_bytes()).map_err(Error::Write)?;
        self.rows.clear();
        Ok(())
    }
}

impl Sink for Rows<'_> {
    fn line(&mut self, line: Line) -> Result<u64, Error> {
        let charges = self.charges.of(&line);
        let line = column::Attempt::of(&line);
        for charge in &charges {
            let record = Record { line: &line, charge, billed_cost: self.focus.billed_cost };
            for column in COLUMNS.iter().filter(|column| column.is_in(self.focus.version)) {
                (column.write)(&record, &mut self.rows);
            }
            self.rows.end();
        }
        self.write()?;
        Ok(charges.len() as u64)
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.out.flush().map_err(Error::Write)
    }
}
