//! A reconciliation as people read it.

use crate::{
    Printer, amounts,
    printer::{Align, Table},
};
use anyhow::Result;
use vg_core::Money;
use vg_services::{
    civil,
    reconcile::{Cause, Report, ReportRow, Requests},
};

/// What stands where there is nothing to compare with.
const NONE: &str = "-";

pub(super) fn text(report: &Report, printer: &mut Printer) -> Result<()> {
    let period = format!("{}, {} to {}", report.provider, report.first, report.last);
    if report.rows.is_empty() {
        return printer.line(&format!("Nothing to reconcile for {period}: neither side has anything."));
    }
    printer.heading(&format!("Reconciliation ({period})"))?;
    rows(report, printer)?;
    let said = [
        (report.flagged(), "flagged row(s) marked with *"),
        (report.one_sided(), "row(s) on one side only, not reconciled"),
    ];
    for (count, what) in said.into_iter().filter(|(count, _)| *count > 0) {
        printer.line(&format!("({count} {what})"))?;
    }
    if report.unpriced() > 0 {
        let unpriced = amounts::count(report.unpriced(), "request");
        printer.line(&format!("({unpriced} of the ledger without a price: units counted, cost not)"))?;
    }
    causes(report, printer)
}

fn rows(report: &Report, printer: &mut Printer) -> Result<()> {
    let label = report.unit().map_or("units", |unit| unit.label());
    let right = |name: String| (name, Align::Right);
    let mut table = Table::new([
        ("Model".to_owned(), Align::Left),
        right(format!("VG {label}")),
        right(format!("Provider {label}")),
        right("Δ%".to_owned()),
        right("VG cost".to_owned()),
        right("Prov cost".to_owned()),
        right("Δ$".to_owned()),
        right("Δ%".to_owned()),
    ]);
    for row in &report.rows {
        let cells = cells(row, report.unit().is_none());
        if row.flagged { table.marked_row(cells) } else { table.row(cells) }
    }
    let sums = report.total().map_or([NONE; 4].map(str::to_owned), |total| {
        [
            amounts::dollars(Some(total.vg_cost), 4),
            amounts::dollars(Some(total.provider_cost), 4),
            more(total.more(), 4),
            signed(total.percent(2)),
        ]
    });
    table.row(["Total", "", "", ""].map(str::to_owned).into_iter().chain(sums));
    printer.table(&table)
}

fn cells(row: &ReportRow, names_unit: bool) -> [String; 8] {
    let suffix = match (row.matched_in_vg, row.matched_in_provider) {
        (false, _) => " (no vg data)",
        (_, false) => " (no provider data)",
        _ if row.flagged => " *",
        _ => "",
    };
    let unit = if names_unit { format!(" {}", row.unit.label()) } else { String::new() };
    let units = |count: Option<i128>| {
        count.map_or(NONE.to_owned(), |count| format!("{}{unit}", row.units(Some(count), 1)))
    };
    let money =
        |amount: Option<Money>| amount.map_or(NONE.to_owned(), |amount| amounts::dollars(Some(amount), 4));
    [
        format!("{}{suffix}", row.model.name),
        units(row.vg_units),
        units(row.provider_units),
        row.units_percent(2).map_or(NONE.to_owned(), signed),
        money(row.vg_cost),
        money(row.provider_cost),
        row.more_cost().map_or(NONE.to_owned(), |amount| more(amount, 4)),
        row.cost_percent(2).map_or(NONE.to_owned(), signed),
    ]
}

/// Where the difference comes from, down to what nothing explains.
fn causes(report: &Report, printer: &mut Printer) -> Result<()> {
    printer.line("")?;
    if !report.causes.is_empty() {
        printer.heading("Where the difference comes from")?;
        let mut table = Table::new([
            ("Cause", Align::Left),
            ("Model", Align::Left),
            ("Requests", Align::Right),
            ("Units", Align::Right),
            ("Amount", Align::Right),
        ]);
        for cause in &report.causes {
            table.row(cause_cells(report, cause));
        }
        printer.table(&table)?;
    }
    let units = report.unexplained_units().into_iter();
    let units = units.map(|(unit, left)| format!("{} {}", unit.written(left, 0), unit.label()));
    let money = format!("{} USD", report.unexplained().to_fixed(6));
    let all: Vec<_> = units.chain([money]).collect();
    printer.line(&format!("Unexplained: {}", all.join(", ")))
}

fn cause_cells(report: &Report, cause: &Cause) -> [String; 5] {
    let detail = cause.reason.detail().map_or(String::new(), |detail| format!(" ({detail})"));
    let row = report.rows.iter().find(|row| row.model == cause.model);
    let units = row.filter(|_| cause.units != 0).map(|row| signed(row.units(Some(cause.units), 1)));
    [
        format!("{}{detail}", cause.reason.words()),
        cause.model.name.clone(),
        cause.requests.map_or(String::new(), |requests| signed(requests.to_string())),
        units.unwrap_or_default(),
        more(cause.amount, 6),
    ]
}

/// How many single requests of a side are shown.
const SHOWN: usize = 50;

/// The requests that only one side has.
pub(super) fn requests(requests: &Requests, printer: &mut Printer) -> Result<()> {
    let sides = [
        ("Only in the ledger", &requests.only_in_ledger),
        ("Only at the provider", &requests.only_at_provider),
    ];
    printer.line("")?;
    printer.line(&format!("{} on both sides", amounts::count(requests.matched, "request")))?;
    for (heading, side) in sides.into_iter().filter(|(_, side)| !side.is_empty()) {
        printer.heading(&format!("{heading}: {}", amounts::count(side.len() as u64, "request")))?;
        let mut table = Table::new([
            ("Time", Align::Left),
            ("Model", Align::Left),
            ("Units", Align::Right),
            ("Cost", Align::Right),
            ("Id", Align::Left),
        ]);
        for one in side.iter().take(SHOWN) {
            let units = one.units.map(|units| one.unit.written(units, 1));
            table.row([
                civil(one.at).format("%Y-%m-%d %H:%M:%S").to_string(),
                one.model.name.clone(),
                units.map_or(NONE.to_owned(), |units| format!("{units} {}", one.unit.label())),
                one.cost.map_or(NONE.to_owned(), |cost| amounts::dollars(Some(cost), 6)),
                one.id.clone().unwrap_or_else(|| NONE.to_owned()),
            ]);
        }
        printer.table(&table)?;
        if side.len() > SHOWN {
            printer.line(&format!("and {} more: `--format json` has all", side.len() - SHOWN))?;
        }
    }
    Ok(())
}

/// An amount with its sign: `+$0.1000`.
fn more(amount: Money, places: u32) -> String {
    let sign = if amount < Money::ZERO { '-' } else { '+' };
    format!("{sign}${}", amount.to_fixed(places).trim_start_matches('-'))
}

fn signed(number: String) -> String {
    if number.starts_with('-') { number } else { format!("+{number}") }
}
