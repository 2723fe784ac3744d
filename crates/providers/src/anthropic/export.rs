//! What Anthropic gives to be checked against: usage and cost reports of its Admin API
//! (<https://platform.claude.com/docs/en/api/admin-api/usage-cost>, read 2026-10, version 2023-06-01) and the CSV of its
//! console, whose columns are those of exports published in 2026-03 to 2026-08.
//!
//! | trap | |
//! |---|---|
//! | `amount` of the cost report | cents, as a decimal string |
//! | input | three counts: uncached, written to the cache, read from it |
//! | models in the cost CSV | names for people, without the snapshot's date: `Claude Haiku 4.5` |
//! | priority tier | in the usage, not in the costs |

use crate::statement::{
    BadDocument, Document, Export, Format, Kind, Reading, Row,
    record::{Amount, Record},
    tokens,
};
use vg_core::{Modality, Quantity, UnixMicros};

/// What can be read of it.
pub const EXPORT: Export = Export {
    columns: &[tokens(|_| Modality::Llm)],
    formats: &[
        Format {
            name: "Anthropic cost report (JSON)",
            recognises: |document| document.has("data.starting_at") && document.has("data.results.amount"),
            read: |document, reading| pages(document, reading, cost),
        },
        Format {
            name: "Anthropic usage report of messages (JSON)",
            recognises: |document| {
                document.has("data.starting_at") && document.has("data.results.output_tokens")
            },
            read: |document, reading| pages(document, reading, usage),
        },
        Format {
            name: "Anthropic report without results (JSON)",
            recognises: |document| {
                document.has_empty("data.results") && document.has("data.starting_at")
                    || document.has_empty("data") && document.has("has_more")
            },
            read: |document, reading| pages(document, reading, usage),
        },
        Format {
            name: "Anthropic costs (CSV of the console)",
            recognises: |document| document.has_columns(&[DAY, "model", "cost_usd", "token_type"]),
            read: |document, reading| table(document, reading, console_cost),
        },
        Format {
            name: "Anthropic tokens (CSV of the console)",
            recognises: |document| document.has_columns(&[DAY, "model_version", "usage_output_tokens"]),
            read: |document, reading| table(document, reading, console_usage),
        },
    ],
    billing: Some(&super::fetch::AnthropicBilling),
};

const DAY: &str = "usage_date_utc";
const DAY_MICROS: i64 = 86_400_000_000;
/// A dollar has a hundred cents.
const CENTS: u8 = 2;

type ReadRow = fn(&Record<'_>, &mut Reading) -> Result<Row, BadDocument>;

fn pages(document: &Document, reading: &mut Reading, row: ReadRow) -> Result<(), BadDocument> {
    for page in document.records() {
        let page = page?;
        let mut last = None;
        for bucket in page.objects("data")? {
            let span = bucket.span("starting_at", "ending_at", |cell| cell.instant())?;
            last = last.max(Some(span.1));
            for result in bucket.objects("results")? {
                let row = row(&result, reading)?;
                reading.add(Row { span: Some(span), ..row });
            }
        }
        let has_more = page.get("has_more").is_some_and(|cell| cell.is("true"));
        reading.page(document, last, has_more);
    }
    Ok(())
}

fn table(document: &Document, reading: &mut Reading, row: ReadRow) -> Result<(), BadDocument> {
    for record in document.records() {
        let record = record?;
        let day = record.need(DAY)?.instant()?;
        let row = row(&record, reading)?;
        reading.add(Row { span: Some((day, UnixMicros(day.0.saturating_add(DAY_MICROS)))), ..row });
    }
    Ok(())
}

/// The counts of a message's usage and the quantities each is part of, under their names in a report and in the CSV.
const COUNTS: [(&str, &[Quantity]); 5] = [
    ("uncached_input_tokens", &[Quantity::InputTokens]),
    ("usage_input_tokens_no_cache", &[Quantity::InputTokens]),
    ("cache_read_input_tokens", &READ),
    ("usage_input_tokens_cache_read", &READ),
    ("cache_creation_input_tokens", &WRITTEN),
];
/// The same of the two lives of a cache.
const WRITES: [&str; 4] = [
    "ephemeral_5m_input_tokens",
    "ephemeral_1h_input_tokens",
    "usage_input_tokens_cache_write_5m",
    "usage_input_tokens_cache_write_1h",
];
const READ: [Quantity; 2] = [Quantity::InputTokens, Quantity::CachedInputTokens];
const WRITTEN: [Quantity; 2] = [Quantity::InputTokens, Quantity::CacheWriteTokens];

fn count(row: &mut Row, record: &Record<'_>) -> Result<(), BadDocument> {
    let writes = WRITES.into_iter().map(|name| (name, WRITTEN.as_slice()));
    for (name, quantities) in COUNTS.into_iter().chain(writes) {
        if let Some(tokens) = record.count(name)? {
            quantities.iter().for_each(|quantity| row.more(*quantity, tokens));
        }
    }
    Ok(())
}

fn usage(result: &Record<'_>, reading: &mut Reading) -> Result<Row, BadDocument> {
    let mut row = Row::new(result, Kind::Usage);
    row.modality = Some(Modality::Llm);
    row.account = either(result, "api_key_id", "workspace_id")?;
    count(&mut row, result)?;
    if let Some(creation) = result.object("cache_creation")? {
        count(&mut row, &creation)?;
    }
    row.more(Quantity::OutputTokens, result.need("output_tokens")?.count()?);
    let tier = result.text("service_tier")?;
    if tier.as_deref().is_some_and(|tier| tier.starts_with("priority")) {
        reading.note(format!(
            "`{}` has usage of the priority tier, which is paid ahead and stands in no cost report",
            row.document
        ));
    }
    match result.text("model")? {
        Some(model) => row.model = named(model, tier.as_deref()),
        None if row.is_idle() => {}
        None => reading.note(format!(
            "`{}` does not say of which models its usage is; group the report by model",
            row.document
        )),
    }
    Ok(row)
}

fn cost(result: &Record<'_>, reading: &mut Reading) -> Result<Row, BadDocument> {
    if let Some(currency) = result.get("currency").filter(|currency| !currency.is("usd")) {
        return Err(currency.bad("`USD`; amounts in another currency cannot be compared"));
    }
    let mut row = Row::new(result, Kind::Cost);
    row.charge(result.need("amount")?.amount_in(CENTS)?);
    row.account = either(result, "api_key_id", "workspace_id")?;
    let tier = result.text("service_tier")?;
    match (result.text("model")?, result.text("description")?) {
        (Some(model), _) => {
            row.modality = Some(Modality::Llm);
            row.model = named(model, tier.as_deref());
        }
        (None, Some(description)) => {
            reading.note(format!("`{}` charges for `{description}`, which is of no model", row.document))
        }
        (None, None) => reading.note(format!(
            "`{}` does not say what its amounts are for; group the report by description",
            row.document
        )),
    }
    Ok(row)
}

fn console_usage(record: &Record<'_>, _: &mut Reading) -> Result<Row, BadDocument> {
    let mut row = Row::new(record, Kind::Usage);
    row.modality = Some(Modality::Llm);
    let model = record.need("model_version")?.text()?.into_owned();
    row.model = named(model, record.text("usage_type")?.as_deref());
    row.account = either(record, "api_key", "workspace")?;
    count(&mut row, record)?;
    row.more(Quantity::OutputTokens, record.need("usage_output_tokens")?.count()?);
    Ok(row)
}

fn console_cost(record: &Record<'_>, reading: &mut Reading) -> Result<Row, BadDocument> {
    let mut row = Row::new(record, Kind::Cost);
    row.charge(record.need("cost_usd")?.amount()?);
    let list = record.get("list_price_usd").map(|cell| cell.amount()).transpose()?;
    row.list_amount = list.map(|Amount { money, .. }| money);
    row.account = either(record, "api_key", "workspace")?;
    match record.text("model")? {
        Some(model) => {
            row.modality = Some(Modality::Llm);
            row.model = named(id_of(&model), record.text("usage_type")?.as_deref());
            if row.model != model {
                reading.note(format!(
                    "`{}` names models for people: `{model}` is taken for every snapshot of `{}`",
                    row.document, row.model
                ));
            }
        }
        None => {
            let what = either(record, "cost_type", "token_type")?.unwrap_or_default();
            reading.note(format!("`{}` charges for `{what}`, which is of no model", row.document));
        }
    }
    Ok(row)
}

fn either(record: &Record<'_>, first: &str, second: &str) -> Result<Option<String>, BadDocument> {
    let found = record.text(first)?;
    if found.is_some() { Ok(found) } else { record.text(second) }
}

/// The model of a row. Batches cost less, and no agent makes them, so they are a model of their own.
fn named(model: String, tier: Option<&str>) -> String {
    if tier.is_some_and(|tier| tier.contains("batch")) { format!("{model} (batch)") } else { model }
}

/// The id of a model that is named for people: `Claude Haiku 4.5` is `claude-haiku-4-5`. Up to the third generation the
/// number stands before the family: `claude-3-5-haiku`.
fn id_of(name: &str) -> String {
    let words = name.to_lowercase().replace(' ', "-");
    let Some(rest) = words.strip_prefix("claude-") else { return words };
    match rest.rsplit_once('-') {
        Some((family, version)) if version.starts_with('3') && !family.starts_with('3') => {
            format!("claude-{}-{family}", version.replace('.', "-"))
        }
        _ => words.replace('.', "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::tests::read_text;

    #[test]
    fn reports_are_read_the_cost_in_cents() {
        let (rows, notes) = read_text("anthropic", include_str!("fixtures/usage_report.json"));
        assert_eq!(
            rows,
            [
                "7 usage 2026-11-01+24h llm `claude-haiku-4-5-20251001` input_tokens=10700 cached_input_tokens=9000 \
                 cache_write_tokens=500 output_tokens=2640 by=apikey_1",
                "19 usage 2026-11-01+24h llm `claude-haiku-4-5-20251001 (batch)` input_tokens=7 cached_input_tokens=0 \
                 cache_write_tokens=0 output_tokens=8 by=apikey_1",
            ]
        );
        assert!(notes.is_empty());
        let (rows, notes) = read_text("anthropic", include_str!("fixtures/cost_report.json"));
        assert_eq!(
            rows,
            [
                "7 cost 2026-11-01+24h llm `claude-haiku-4-5-20251001` $1.2345/6 by=wrkspc_1",
                "8 cost 2026-11-01+24h llm `claude-haiku-4-5-20251001` $0.000001/6 by=wrkspc_1",
                "9 cost 2026-11-01+24h `` $0.3/6",
            ]
        );
        assert_eq!(notes, ["`x` charges for `Web Search Usage`, which is of no model"]);
    }

    #[test]
    fn the_consoles_tables_say_the_same() {
        let (rows, notes) = read_text("anthropic", include_str!("fixtures/tokens.csv"));
        assert_eq!(
            rows,
            [
                "2 usage 2026-11-01+24h llm `claude-sonnet-4-20250514` input_tokens=100600 cached_input_tokens=300 \
                 cache_write_tokens=300 output_tokens=5000 by=test-key",
                "3 usage 2026-11-01+24h llm `claude-haiku-4-5-20251001 (batch)` input_tokens=50000 \
                 cached_input_tokens=0 cache_write_tokens=0 output_tokens=2000 by=test-key",
            ]
        );
        assert!(notes.is_empty());
        let (rows, notes) = read_text("anthropic", include_str!("fixtures/costs.csv"));
        assert_eq!(
            rows,
            [
                "2 cost 2026-11-01+24h llm `claude-haiku-4-5` $0.05/2 list=$0.05 by=demo-key",
                "3 cost 2026-11-01+24h llm `claude-haiku-4-5` $0.1/2 list=$1 by=demo-key",
                "4 cost 2026-11-02+24h `` $0.3/2 list=$0.3 by=demo-key",
            ]
        );
        assert_eq!(
            notes,
            [
                "`x` names models for people: `Claude Haiku 4.5` is taken for every snapshot of `claude-haiku-4-5`",
                "`x` charges for `web_search`, which is of no model",
            ]
        );
    }

    #[test]
    fn names_for_people_become_ids() {
        let table = [
            ("Claude Haiku 4.5", "claude-haiku-4-5"),
            ("Claude Sonnet 4", "claude-sonnet-4"),
            ("Claude Opus 5", "claude-opus-5"),
            ("Claude Haiku 3.5", "claude-3-5-haiku"),
            ("Claude 3.5 Haiku", "claude-3-5-haiku"),
            ("Claude Opus 3", "claude-3-opus"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929"),
            ("Something Else", "something-else"),
        ];
        for (name, id) in table {
            assert_eq!(id_of(name), id);
        }
    }
}
