//! The columns of a record: those of FOCUS in the order of their names, then ours, whose names begin with `x_`.

use super::{
    BilledCost, Version,
    charge::{Charge, Priced},
};
use crate::{civil, csv::Rows};
use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde_json::{Map, Value};
use vg_core::{Line, Modality, UnixMicros, decimal::Decimal, price::Book};

/// A column: its name, the versions that have it, and how it is written.
pub(super) struct Column {
    pub(super) name: &'static str,
    only: Option<Version>,
    pub(super) write: fn(&Record<'_>, &mut Rows),
}

impl Column {
    /// Whether this version has it.
    pub(super) fn is_in(&self, version: Version) -> bool {
        self.only.is_none_or(|only| only == version)
    }
}

const fn both(name: &'static str, write: fn(&Record<'_>, &mut Rows)) -> Column {
    Column { name, only: None, write }
}

const fn only(version: Version, name: &'static str, write: fn(&Record<'_>, &mut Rows)) -> Column {
    Column { name, only: Some(version), write }
}

/// One record.
pub(super) struct Record<'line> {
    pub(super) line: &'line Attempt<'line>,
    pub(super) charge: &'line Charge,
    pub(super) billed_cost: BilledCost,
}

/// What the records of one line share.
pub(super) struct Attempt<'line> {
    line: &'line Line,
    /// The provider's name as it writes itself.
    provider: &'line str,
    /// The calendar month that it began in, UTC: the first instants of it and of the next, as FOCUS writes them.
    period: (String, String),
    /// From the second it began in up to the second behind the one it ended in, as FOCUS writes them: in whole seconds
    /// and with an exclusive end.
    seconds: (String, String),
}

impl<'line> Attempt<'line> {
    pub(super) fn of(line: &'line Line) -> Self {
        let start = civil(line.started_at).trunc_subsecs(0);
        let end = civil(line.ended_at.max(line.started_at)).trunc_subsecs(0) + TimeDelta::seconds(1);
        let first = start.date_naive().with_day(1).unwrap_or_else(|| start.date_naive());
        let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
        let midnight = |day: NaiveDate| instant(day.and_time(NaiveTime::MIN).and_utc());
        Attempt {
            line,
            provider: Book::embedded().provider_name(&line.provider).unwrap_or(&line.provider),
            period: (midnight(first), midnight(next)),
            seconds: (instant(start), instant(end)),
        }
    }

    fn service(&self) -> String {
        let service = match self.line.modality {
            Modality::Stt => "Speech to Text",
            Modality::Llm => "Language Models",
            Modality::Tts => "Text to Speech",
        };
        format!("{} {service}", self.provider)
    }
}

/// As FOCUS writes instants.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Record<'_> {
    fn priced(&self) -> Option<&Priced> {
        self.charge.priced.as_ref()
    }

    fn unit_prices(&self) -> Option<&(Decimal, Decimal)> {
        self.priced()?.unit_prices.as_ref()
    }

    fn is_unpriced(&self) -> bool {
        self.line.line.cost.is_none()
    }

    fn is_correction(&self) -> bool {
        self.line.line.corrects.is_some()
    }

    fn description(&self) -> String {
        let line = self.line.line;
        match line.corrects {
            _ if self.is_unpriced() => {
                format!("{}: no price is known, so costs of 0 are no amounts", line.model_id)
            }
            Some(corrected) => format!("{}: correction of {corrected}", line.model_id),
            None => format!("{}: {}", line.model_id, self.charge.meter.to_lowercase()),
        }
    }
}

fn provider(record: &Record<'_>, rows: &mut Rows) {
    rows.text(record.line.provider);
}

fn account(record: &Record<'_>, rows: &mut Rows) {
    rows.text(&record.line.line.provider);
}

fn project(record: &Record<'_>, rows: &mut Rows) {
    rows.text(&record.line.line.project);
}

/// A JSON object of text, or an empty field when it has no members.
fn object<'a>(members: impl IntoIterator<Item = (&'a str, Option<Value>)>, rows: &mut Rows) {
    let members: Map<_, _> =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if members.is_empty() {
        rows.empty();
    } else {
        rows.text(&Value::Object(members).to_string());
    }
}

fn details(record: &Record<'_>, rows: &mut Rows) {
    let Some(priced) = record.priced() else { return rows.empty() };
    // Numbers as text: JSON readers would round them.
    let text = |number: Option<&Decimal>| number.map(|number| number.to_string().into());
    object(
        [
            ("x_AboveInputTokens", text(priced.above_input_tokens.as_ref())),
            ("x_VoiceMultiplier", text(priced.voice_multiplier.as_ref())),
        ],
        rows,
    );
}

fn tags(record: &Record<'_>, rows: &mut Rows) {
    let Line { agent_id, tenant_id, .. } = record.line.line;
    let value = |id: &Option<std::sync::Arc<str>>| id.as_deref().map(Value::from);
    object([("agent", value(agent_id)), ("tenant", value(tenant_id))], rows);
}

/// Every column, in order.
pub(super) static COLUMNS: &[Column] = &[
    both("BilledCost", |record, rows| match record.billed_cost {
        // With a point: tools that guess types would take a column of 0 for integers.
        BilledCost::Zero => rows.number("0.0"),
        BilledCost::Estimate => rows.number(record.charge.effective_cost),
    }),
    both("BillingAccountId", account),
    both("BillingAccountName", provider),
    both("BillingCurrency", |_, rows| rows.text("USD")),
    both("BillingPeriodEnd", |record, rows| rows.number(&record.line.period.1)),
    both("BillingPeriodStart", |record, rows| rows.number(&record.line.period.0)),
    both("ChargeCategory", |_, rows| rows.text("Usage")),
    both("ChargeClass", |record, rows| {
        rows.text_or_empty(record.is_correction().then_some("Correction"));
    }),
    both("ChargeDescription", |record, rows| rows.text(&record.description())),
    both("ChargeFrequency", |_, rows| rows.text("Usage-Based")),
    both("ChargePeriodEnd", |record, rows| rows.number(&record.line.seconds.1)),
    both("ChargePeriodStart", |record, rows| rows.number(&record.line.seconds.0)),
    both("ConsumedQuantity", |record, rows| {
        rows.number_or_empty(record.charge.consumed.as_ref().map(|(quantity, _)| quantity));
    }),
    both("ConsumedUnit", |record, rows| {
        rows.text_or_empty(record.charge.consumed.as_ref().map(|(_, unit)| *unit));
    }),
    both("ContractedCost", |record, rows| rows.number(&record.charge.contracted_cost)),
    both("ContractedUnitPrice", |record, rows| {
        rows.number_or_empty(record.unit_prices().map(|(_, contracted)| contracted));
    }),
    both("EffectiveCost", |record, rows| rows.number(record.charge.effective_cost)),
    only(Version::V1_4, "HostProviderName", provider),
    both("InvoiceIssuerName", provider),
    both("ListCost", |record, rows| rows.number(&record.charge.list_cost)),
    both("ListUnitPrice", |record, rows| rows.number_or_empty(record.unit_prices().map(|(list, _)| list))),
    both("PricingCategory", |record, rows| rows.text_or_empty(record.priced().map(|_| "Standard"))),
    both("PricingQuantity", |record, rows| {
        rows.number_or_empty(record.priced().map(|priced| &priced.quantity));
    }),
    both("PricingUnit", |record, rows| rows.text_or_empty(record.priced().map(|priced| priced.unit))),
    only(Version::V1_2, "ProviderName", provider),
    only(Version::V1_2, "PublisherName", provider),
    both("ServiceCategory", |_, rows| rows.text("AI and Machine Learning")),
    both("ServiceName", |record, rows| rows.text(&record.line.service())),
    only(Version::V1_4, "ServiceProviderName", provider),
    both("ServiceSubcategory", |record, rows| {
        rows.text(match record.line.line.modality {
            Modality::Stt => "Natural Language Processing",
            Modality::Llm | Modality::Tts => "Generative AI",
        });
    }),
    both("SkuId", |record, rows| rows.text(&record.charge.sku_id)),
    both("SkuMeter", |record, rows| rows.text_or_empty(record.priced().map(|_| record.charge.meter))),
    both("SkuPriceDetails", details),
    both("SkuPriceId", |record, rows| {
        rows.text_or_empty(record.priced().map(|priced| &*priced.sku_price_id));
    }),
    both("SubAccountId", project),
    both("SubAccountName", project),
    both("Tags", tags),
    both("x_AgentId", |record, rows| rows.text_or_empty(record.line.line.agent_id.as_deref())),
    both("x_AttemptId", |record, rows| rows.number(record.line.line.attempt_id)),
    both("x_CorrectsAttemptId", |record, rows| rows.number_or_empty(record.line.line.corrects)),
    both("x_CostConfidence", |record, rows| rows.text(record.charge.confidence.as_str())),
    both("x_EndedAt", |record, rows| rows.number(precise(record.line.line.ended_at))),
    both("x_FallbackFrom", |record, rows| rows.text_or_empty(record.line.line.fallback_from.as_deref())),
    both("x_Modality", |record, rows| rows.text(record.line.line.modality.as_str())),
    both("x_ModelId", |record, rows| rows.text(&record.line.line.model_id)),
    both("x_PriceBook", |record, rows| rows.text(&record.line.line.price_book)),
    both("x_PricingSource", |record, rows| rows.text(&record.line.line.pricing_source)),
    both("x_RequestId", |record, rows| rows.number(record.line.line.request_id)),
    both("x_SessionId", |record, rows| rows.text_or_empty(record.line.line.session_id.as_deref())),
    both("x_StartedAt", |record, rows| rows.number(precise(record.line.line.started_at))),
    both("x_Status", |record, rows| rows.text(record.line.line.status.as_str())),
    both("x_TenantId", |record, rows| rows.text_or_empty(record.line.line.tenant_id.as_deref())),
    both("x_Turn", |record, rows| rows.number_or_empty(record.line.line.turn)),
    both("x_Unpriced", |record, rows| rows.number(record.is_unpriced())),
    both("x_UsageSource", |record, rows| {
        rows.text_or_empty(record.charge.source.map(|source| source.as_str()));
    }),
];

/// An instant to the microsecond.
fn precise(at: UnixMicros) -> String {
    civil(at).to_rfc3339_opts(SecondsFormat::Micros, true)
}
