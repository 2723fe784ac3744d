//! What OpenAI gives to be checked against: costs and usage of its admin API
//! (<https://platform.openai.com/docs/api-reference/usage>, read 2026-11) and the CSV of its dashboard, whose columns bear
//! the same names (seen in exports of 2025-10 and 2026-07).
//!
//! | trap | |
//! |---|---|
//! | input | usage counts cached tokens as input too; a cost line of `input` does not |
//! | line items | `gpt-4o-mini-2024-07-18, cached input`, `gpt-audio-mini audio, output`, `priority \| gpt-5.6-sol, output, long context`; others name no model |
//! | empty days | a bucket without results; in CSV a row of times alone |
//! | counts in CSV | `3.0` |

use crate::statement::{
    BadDocument, Columns, Document, Export, Format, Kind, Reading, Row,
    record::{Cell, Record, SECOND},
    tokens,
};
use vg_core::{Modality, Quantity, UnixMicros};

/// What can be read of it.
pub const EXPORT: Export = Export {
    columns: &[tokens(modality), Columns::AUDIO_SECONDS, Columns::CHARACTERS],
    formats: &[
        Format {
            name: "OpenAI costs (JSON of `/v1/organization/costs`)",
            recognises: |document| document.has("data.results.amount.value"),
            read: |document, reading| pages(document, reading, cost_of_json),
        },
        Format {
            name: "OpenAI usage (JSON of `/v1/organization/usage/...`)",
            recognises: |document| document.has("data.results.num_model_requests"),
            read: |document, reading| pages(document, reading, usage),
        },
        Format {
            name: "OpenAI costs or usage without results (JSON)",
            recognises: |document| {
                document.has_empty("data.results") && document.has("data.start_time")
                    || document.has_empty("data") && document.has("next_page") && document.has("object")
            },
            read: |document, reading| pages(document, reading, |_, _| Ok(None)),
        },
        Format {
            name: "OpenAI costs (CSV of the dashboard)",
            recognises: |document| document.has_columns(&["start_time", "end_time", "amount_value"]),
            read: |document, reading| table(document, reading, cost_of_csv),
        },
        Format {
            name: "OpenAI usage (CSV of the dashboard)",
            recognises: |document| {
                document.has_columns(&["start_time", "end_time", "num_model_requests"])
                    || document.columns().is_some_and(|columns| columns == TIMES)
            },
            read: |document, reading| table(document, reading, usage),
        },
    ],
    billing: Some(&super::fetch::OpenAiBilling),
};

/// All that a usage CSV of a time without usage has.
const TIMES: [&str; 4] = ["start_time", "end_time", "start_time_iso", "end_time_iso"];

/// What a model is for, by its name.
fn modality(model: &str) -> Modality {
    if model.contains("transcribe") || model.starts_with("whisper") || model.contains("realtime-whisper") {
        Modality::Stt
    } else if model.contains("tts") {
        Modality::Tts
    } else {
        Modality::Llm
    }
}

type ReadRow = fn(&Record<'_>, &mut Reading) -> Result<Option<Row>, BadDocument>;

fn pages(document: &Document, reading: &mut Reading, row: ReadRow) -> Result<(), BadDocument> {
    for page in document.records() {
        let page = page?;
        let mut last = None;
        for bucket in page.objects("data")? {
            let span = span(&bucket)?;
            last = last.max(span.map(|(_, end)| end));
            for result in bucket.objects("results")? {
                if let Some(row) = row(&result, reading)? {
                    reading.add(Row { span, ..row });
                }
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
        let span = span(&record)?;
        if let Some(row) = row(&record, reading)? {
            reading.add(Row { span, ..row });
        }
    }
    Ok(())
}

fn span(record: &Record<'_>) -> Result<Option<(UnixMicros, UnixMicros)>, BadDocument> {
    const SECOND_MICROS: u32 = 1_000_000;
    record.span("start_time", "end_time", |cell| cell.unix(SECOND_MICROS)).map(Some)
}

fn account(record: &Record<'_>) -> Result<Option<String>, BadDocument> {
    let key = record.text("api_key_id")?;
    if key.is_some() { Ok(key) } else { record.text("project_id") }
}

fn cost_of_json(result: &Record<'_>, reading: &mut Reading) -> Result<Option<Row>, BadDocument> {
    let Some(amount) = result.object("amount")? else { return Ok(None) };
    let currency = amount.get("currency");
    cost(result, &amount.need("value")?, currency, reading).map(Some)
}

fn cost_of_csv(record: &Record<'_>, reading: &mut Reading) -> Result<Option<Row>, BadDocument> {
    // A day without costs has times alone.
    let Some(amount) = record.get("amount_value") else { return Ok(None) };
    cost(record, &amount, record.get("amount_currency"), reading).map(Some)
}

fn cost(
    record: &Record<'_>,
    amount: &Cell<'_>,
    currency: Option<Cell<'_>>,
    reading: &mut Reading,
) -> Result<Row, BadDocument> {
    if let Some(currency) = currency
        && !currency.text()?.eq_ignore_ascii_case("usd")
    {
        return Err(currency.bad("`usd`; amounts in another currency cannot be compared"));
    }
    let mut row = Row::new(record, Kind::Cost);
    row.charge(amount.amount()?);
    row.account = account(record)?;
    let Some(line_item) = record.text("line_item")? else {
        reading.note(format!(
            "`{}` does not say what its amounts are for; group costs by line item",
            row.document
        ));
        return Ok(row);
    };
    let Some(item) = LineItem::read(&line_item) else {
        reading.note(format!("`{}` charges for `{line_item}`, which is of no model", row.document));
        return Ok(row);
    };
    row.modality = Some(modality(&item.model));
    if let Some(quantity) = record.get("quantity") {
        let unit = record.text("quantity_unit")?;
        item.count(&mut row, &quantity, unit.as_deref())?;
    }
    row.model = item.model;
    Ok(row)
}

/// What a cost is for: a model, and which side of it.
struct LineItem {
    model: String,
    flow: Option<Flow>,
    is_audio: bool,
    is_cached: bool,
    is_cache_write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Flow {
    Input,
    Output,
}

impl LineItem {
    /// Reads a line item; none if it names no model.
    fn read(text: &str) -> Option<LineItem> {
        let (tiers, body) = text.rsplit_once('|').unwrap_or(("", text));
        let (head, tail) = body.split_once(',').unwrap_or((body, ""));
        let mut words = head.split_whitespace();
        let model = words.next()?;
        let media: Vec<&str> = words.collect();
        // A model has no blanks and no capitals in its name, and a number or a dash; `web search tool calls` is none.
        let is_model = model.contains(['-', '.', ':']) || model.contains(|c: char| c.is_ascii_digit());
        let is_plain = model.chars().all(|c| !c.is_uppercase());
        let has_media = media.iter().all(|word| ["audio", "text", "image"].contains(word));
        let tiers: Vec<&str> = tiers.split('|').map(str::trim).filter(|tier| !tier.is_empty()).collect();
        let has_tiers =
            tiers.iter().all(|tier| ["priority", "flex", "scale", "batch", "standard"].contains(tier));
        if !(is_model && is_plain && has_media && has_tiers) {
            return None;
        }
        let tail = tail.replace(['_', ','], " ").to_lowercase();
        let said: Vec<&str> = tail.split_whitespace().chain(media).collect();
        let says = |word: &str| said.contains(&word);
        let is_cache_write = says("cache") && (says("writes") || says("write"));
        Some(LineItem {
            model: named(model, tiers.contains(&"batch") || says("batch")),
            flow: if says("output") {
                Some(Flow::Output)
            } else if says("input") || is_cache_write {
                Some(Flow::Input)
            } else {
                None
            },
            is_audio: says("audio"),
            is_cached: says("cached"),
            is_cache_write,
        })
    }

    fn count(&self, row: &mut Row, quantity: &Cell<'_>, unit: Option<&str>) -> Result<(), BadDocument> {
        let tokens = match unit {
            Some("tokens") => quantity.count()?,
            None if self.flow.is_some() => quantity.count()?,
            Some("1000_tokens") => quantity.times(1_000)?,
            Some("duration_seconds") => return audio(row, quantity, SECOND),
            Some("duration_minutes") => return audio(row, quantity, 60 * SECOND),
            Some("duration_hours") => return audio(row, quantity, 3_600 * SECOND),
            Some("characters") => {
                row.more(Quantity::Characters, quantity.count()?);
                return Ok(());
            }
            // Images, storage: nothing the ledger has.
            Some(_) | None => return Ok(()),
        };
        let parts: &[(Quantity, bool)] = match self.flow {
            // A line of plain input has no cached tokens in it: the lines of a model add up to all of its input.
            Some(Flow::Input) => &[
                (Quantity::InputTokens, true),
                (Quantity::CachedInputTokens, self.is_cached),
                (Quantity::CacheWriteTokens, self.is_cache_write),
                (Quantity::InputAudioTokens, self.is_audio),
                (Quantity::CachedAudioTokens, self.is_audio && self.is_cached),
            ],
            Some(Flow::Output) => {
                &[(Quantity::OutputTokens, true), (Quantity::OutputAudioTokens, self.is_audio)]
            }
            None => &[],
        };
        for (part, _) in parts.iter().filter(|(_, is_of_it)| *is_of_it) {
            row.more(*part, tokens);
        }
        Ok(())
    }
}

fn audio(row: &mut Row, quantity: &Cell<'_>, unit: u64) -> Result<(), BadDocument> {
    row.more(Quantity::AudioNanos, quantity.nanos(unit)?);
    Ok(())
}

/// The model of a row. Batches cost less, and no agent makes them, so they are a model of their own.
fn named(model: &str, is_batch: bool) -> String {
    if is_batch { format!("{model} (batch)") } else { model.to_owned() }
}

/// The counts of usage, under the names they have in JSON and in CSV.
const COUNTS: [(&str, Quantity); 8] = [
    ("input_tokens", Quantity::InputTokens),
    ("output_tokens", Quantity::OutputTokens),
    ("input_cached_tokens", Quantity::CachedInputTokens),
    ("input_cache_write_tokens", Quantity::CacheWriteTokens),
    ("input_audio_tokens", Quantity::InputAudioTokens),
    ("input_cached_audio_tokens", Quantity::CachedAudioTokens),
    ("output_audio_tokens", Quantity::OutputAudioTokens),
    ("characters", Quantity::Characters),
];

fn usage(record: &Record<'_>, reading: &mut Reading) -> Result<Option<Row>, BadDocument> {
    let mut row = Row::new(record, Kind::Usage);
    // A time without usage has times alone.
    let Some(requests) = record.count("num_model_requests")? else { return Ok(None) };
    row.requests = Some(requests);
    row.account = account(record)?;
    for (name, quantity) in COUNTS {
        if let Some(count) = record.count(name)? {
            row.more(quantity, count);
        }
    }
    if let Some(seconds) = record.get("seconds") {
        audio(&mut row, &seconds, SECOND)?;
    }
    match record.text("model")? {
        Some(model) => {
            let is_batch = record.get("batch").is_some_and(|cell| cell.is("true"));
            row.modality = Some(modality(&model));
            row.model = named(&model, is_batch);
        }
        None => {
            if !row.is_idle() {
                let document = &row.document;
                reading.note(format!(
                    "`{document}` does not say of which models its usage is; group usage by model"
                ));
            }
        }
    }
    Ok(Some(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{
        read,
        tests::{opened, read_text, told},
    };

    #[test]
    fn costs_are_read_with_their_quantities() {
        let (rows, notes) = read_text("openai", include_str!("fixtures/costs.json"));
        let mini = "2026-11-01+24h llm `gpt-4o-mini-2024-07-18`";
        assert_eq!(
            rows,
            [
                format!("9 cost {mini} input_tokens=400000 $0.06/12 by=proj_abc"),
                format!(
                    "18 cost {mini} input_tokens=100000 cached_input_tokens=100000 $0.0075/12 by=proj_abc"
                ),
                format!("27 cost {mini} output_tokens=90000 $0.054/12 by=proj_abc"),
                "36 cost 2026-11-01+24h llm `gpt-audio-mini-2025-12-15` output_tokens=60000 \
                 output_audio_tokens=60000 $1.2/12 by=proj_abc"
                    .into(),
                "44 cost 2026-11-01+24h stt `whisper-1` audio_nanos=360000000000 $0.036/12 by=proj_abc"
                    .into(),
                "52 cost 2026-11-01+24h tts `tts-1` characters=20000 $0.3/12 by=proj_abc".into(),
                "60 cost 2026-11-01+24h `` $0.5/12 by=proj_abc".into(),
            ]
        );
        assert_eq!(notes, ["`x` charges for `web search tool calls`, which is of no model"]);
    }

    #[test]
    fn usage_is_read_and_pages_that_are_missing_are_missed() {
        let (rows, notes) = read_text("openai", include_str!("fixtures/usage_completions.json"));
        assert_eq!(
            rows,
            [
                "9 usage 2026-11-01+24h llm `gpt-4o-mini-2024-07-18` input_tokens=500000 \
                 cached_input_tokens=100000 input_audio_tokens=0 output_tokens=90000 output_audio_tokens=0 n=310 \
                 by=key_1",
                "24 usage 2026-11-01+24h llm `gpt-4o-mini-2024-07-18 (batch)` input_tokens=10 output_tokens=20 n=1 \
                 by=proj_abc",
            ]
        );
        assert_eq!(notes, ["`x` says that more pages follow it, and they were not given"]);
        let (rows, notes) = read_text("openai", include_str!("fixtures/usage_audio.json"));
        assert_eq!(
            rows,
            [
                "3 usage 2026-11-01+24h tts `tts-1` characters=20000 n=12",
                "6 usage 2026-11-01+24h stt `whisper-1` audio_nanos=360000000000 n=7",
            ]
        );
        assert!(notes.is_empty());
    }

    #[test]
    fn a_page_that_follows_closes_the_one_before_it() {
        let first = include_str!("fixtures/usage_completions.json");
        let next = first.replace("1793577600", "1793664000").replace("1793491200", "1793577600");
        let next = next.replace("\"has_more\": true", "\"has_more\": false");
        let statement = read("openai", &[opened("1", first), opened("2", &next)]).unwrap();
        assert_eq!((statement.rows.len(), statement.notes), (4, vec![]));
        // The same days again are no mistake of the format's, but they would count twice.
        let again = first.replace("310", "311");
        let statement =
            read("openai", &[opened("1", first), opened("2", &next), opened("3", &again)]).unwrap();
        assert_eq!(
            statement.notes,
            [
                "`3` (from line 9) and `1` tell the same days of the same models: if these are the same requests, they \
              count twice; give each day once"
            ]
        );
    }

    #[test]
    fn the_dashboards_tables_say_the_same() {
        let (rows, notes) = read_text("openai", include_str!("fixtures/costs.csv"));
        assert_eq!(
            rows,
            [
                "2 cost 2026-11-01+24h llm `gpt-5-nano` input_tokens=323000 $0.01615/12 by=proj_abc",
                "3 cost 2026-11-01+24h llm `gpt-5-nano` output_tokens=10000 $0.004/12 by=proj_abc",
            ]
        );
        assert!(notes.is_empty());
        let (rows, notes) = read_text("openai", include_str!("fixtures/usage.csv"));
        assert_eq!(
            rows,
            ["2 usage 2026-11-01+24h llm `gpt-4o-2024-08-06` input_tokens=59200 cached_input_tokens=5760 \
              input_audio_tokens=0 output_tokens=10646 output_audio_tokens=0 n=10 by=key_1"]
        );
        assert!(notes.is_empty());
        for nothing in [
            "start_time,end_time,start_time_iso,end_time_iso\n1793491200,1793577600,a,b\n",
            r#"{"object":"page","data":[],"has_more":false,"next_page":null}"#,
            r#"{"object":"page","data":[{"object":"bucket","start_time":1,"end_time":2,"results":[]}],"has_more":false}"#,
        ] {
            assert_eq!(read_text("openai", nothing), (vec![], vec![]), "{nothing}");
        }
    }

    #[test]
    fn line_items_name_a_model_or_none() {
        let table = [
            ("gpt-4o-mini, input", Some(("gpt-4o-mini", Some(Flow::Input)))),
            ("gpt-5.6-sol, cache writes", Some(("gpt-5.6-sol", Some(Flow::Input)))),
            (
                "ft:gpt-4o-mini-2024-07-18:acme::id, output",
                Some(("ft:gpt-4o-mini-2024-07-18:acme::id", Some(Flow::Output))),
            ),
            ("batch | gpt-4o, input", Some(("gpt-4o (batch)", Some(Flow::Input)))),
            ("o3, output", Some(("o3", Some(Flow::Output)))),
            (
                "gpt-image-2.5-sunburst text, cached input",
                Some(("gpt-image-2.5-sunburst", Some(Flow::Input))),
            ),
            ("whisper-1, audio", Some(("whisper-1", None))),
            ("assistants api | file search", None),
            ("web search tool calls", None),
            ("Vector storage", None),
            ("", None),
        ];
        for (text, wanted) in table {
            let item = LineItem::read(text);
            let found = item.as_ref().map(|item| (item.model.as_str(), item.flow));
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn what_openai_never_says_is_told() {
        let costs = include_str!("fixtures/costs.json");
        let refused = |text: String| read("openai", &[opened("x", &text)]).unwrap_err().to_string();
        assert_eq!(
            refused(costs.replacen("\"usd\"", "\"eur\"", 1)),
            "x:11:49: `currency` is `\"eur\"`; expected `usd`; amounts in another currency cannot be compared"
        );
        assert_eq!(
            refused(costs.replacen("400000", "400000.5", 1)),
            "x:15:23: `quantity` is `400000.5`; expected a whole number"
        );
        assert_eq!(
            refused(costs.replacen("1793577600", "1793491199", 1)),
            "x:7:19: `end_time` is `1793491199`; expected an end that is not before the start"
        );
        let ungrouped = r#"{"data":[{"start_time":0,"end_time":86400,"results":[{"amount":{"value":-0.06,"currency":"usd"},"line_item":null}]}]}"#;
        let statement = read("openai", &[opened("x", ungrouped)]).unwrap();
        assert_eq!(told(&statement.rows[0]), "1 cost 1970-01-01+24h `` $-0.06/2");
        assert_eq!(statement.notes, ["`x` does not say what its amounts are for; group costs by line item"]);
    }
}
