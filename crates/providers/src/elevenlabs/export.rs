//! What ElevenLabs gives to be checked against: usage of its workspace analytics and of the older `character-stats`
//! (<https://elevenlabs.io/docs/api-reference>, OpenAPI of 2026-09; the columns of the first as public clients have recorded
//! them in 2026-09), and its history of single requests.
//!
//! | trap | |
//! |---|---|
//! | the table of the analytics | columns are told by `column_units`, not by name: credits, USD, minutes |
//! | credits | not characters: Flash and Turbo speak two for one |
//! | times | milliseconds in questions and in `character-stats`, RFC 3339 in the table, seconds in the history |
//! | history | leaves out what was asked with `enable_logging=false` |

use super::usage::characters_per_credit;
use crate::statement::{
    BadDocument, Columns, Document, Export, Format, Kind, Reading, Row,
    record::{Cell, Record, SECOND},
};
use vg_core::{Modality, Quantity, UnixMicros, decimal::Decimal};

/// What can be read of it.
pub const EXPORT: Export = Export {
    columns: &[Columns::CHARACTERS, Columns::AUDIO_SECONDS],
    formats: &[
        Format {
            name: "ElevenLabs workspace analytics (JSON with `columns` and `rows`)",
            recognises: |document| document.has("columns") && document.has("rows"),
            read: analytics,
        },
        Format {
            name: "ElevenLabs character stats (JSON with `time` and `usage`)",
            recognises: |document| document.has("time") && document.has("usage"),
            read: character_stats,
        },
        Format {
            name: "ElevenLabs history (JSON)",
            recognises: |document| {
                document.has("history.character_count_change_to") || document.has_empty("history")
            },
            read: history,
        },
    ],
    billing: Some(&super::fetch::ElevenLabsBilling),
};

const DAY_MICROS: i64 = 86_400_000_000;
const MILLISECOND_MICROS: u32 = 1_000;
const SECOND_MICROS: u32 = 1_000_000;

/// What a column of the analytics tells.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Time,
    Product,
    Model,
    Key,
    Requests,
    Credits,
    Dollars,
    Characters,
    Audio { unit: u64 },
    Other,
}

impl Column {
    fn of(name: &str, unit: Option<&str>) -> Column {
        match (name, unit) {
            (_, Some("credits")) => Column::Credits,
            (_, Some("usd")) => Column::Dollars,
            (_, Some("characters")) => Column::Characters,
            (_, Some("min" | "minutes")) => Column::Audio { unit: 60 * SECOND },
            (_, Some("s" | "sec" | "seconds")) => Column::Audio { unit: SECOND },
            ("timestamp" | "time" | "bucket" | "start_time", _) => Column::Time,
            ("product_type", _) => Column::Product,
            ("model" | "model_id", _) => Column::Model,
            ("hashed_xi_api_key" | "reporting_workspace_id", _) => Column::Key,
            ("usage_count" | "request_count" | "total_charge_count" | "requests", _) => Column::Requests,
            _ => Column::Other,
        }
    }
}

fn analytics(document: &Document, reading: &mut Reading) -> Result<(), BadDocument> {
    for answer in document.records() {
        let answer = answer?;
        let names = answer.need("columns")?.texts()?;
        let units = answer.array("column_units")?;
        let columns: Vec<(Column, &String)> = names
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let unit = units.get(place).and_then(|unit| unit.text());
                (Column::of(name, unit.as_deref()), name)
            })
            .collect();
        let mut rows = Vec::new();
        for values in answer.array("rows")? {
            let record = values.named(&names)?;
            rows.push(analytics_row(&record, &columns)?);
        }
        // A row says when it begins; how long it is was said in the question.
        let starts: Vec<UnixMicros> = rows.iter().filter_map(|(start, _)| *start).collect();
        let length = spacing(starts);
        for (start, mut row) in rows {
            row.span = start.map(|start| (start, UnixMicros(start.0.saturating_add(length))));
            if row.model.is_empty() && !row.is_idle() {
                reading.note(format!(
                    "`{}` does not say of which models its usage is; group it by model",
                    row.document
                ));
            }
            explain_credits(&mut row, reading);
            reading.add(row);
        }
    }
    Ok(())
}

fn analytics_row(
    record: &Record<'_>,
    columns: &[(Column, &String)],
) -> Result<(Option<UnixMicros>, Row), BadDocument> {
    let mut row = Row::new(record, Kind::Usage);
    let mut start = None;
    let mut audio = None;
    for (column, name) in columns {
        let Some(cell) = record.get(name) else { continue };
        match column {
            Column::Time => start = Some(time(&cell)?),
            Column::Product => row.modality = modality(&cell.text()?),
            Column::Model => row.model = cell.text()?.into_owned(),
            Column::Key => row.account = Some(cell.text()?.into_owned()),
            Column::Requests => row.requests = Some(cell.count()?),
            Column::Credits => row.credits = Some(cell.decimal()?),
            Column::Dollars => {
                row.kind = Kind::Both;
                row.charge(cell.charge()?);
            }
            Column::Characters => row.more(Quantity::Characters, cell.count()?),
            Column::Audio { unit } => audio = Some(cell.nanos(*unit)?),
            Column::Other => {}
        }
    }
    // The minutes of speech are those that were spoken, and what is billed of it is the text.
    let counts = if row.modality == Some(Modality::Tts) { None } else { audio };
    if let Some(audio) = counts {
        row.more(Quantity::AudioNanos, audio);
    }
    Ok((start, row))
}

fn time(cell: &Cell<'_>) -> Result<UnixMicros, BadDocument> {
    if cell.is_text() { cell.instant() } else { cell.unix(MILLISECOND_MICROS) }
}

/// How far apart the rows of a table begin; a day, where there is one time alone.
fn spacing(mut starts: Vec<UnixMicros>) -> i64 {
    starts.sort_unstable();
    starts.dedup();
    let gaps = starts.iter().zip(starts.iter().skip(1)).map(|(from, to)| to.0 - from.0);
    gaps.min().unwrap_or(DAY_MICROS)
}

fn modality(product: &str) -> Option<Modality> {
    let product = product.to_ascii_lowercase().replace([' ', '-'], "_");
    match product.as_str() {
        _ if product.starts_with("tts") || product.starts_with("text_to_speech") => Some(Modality::Tts),
        _ if product.starts_with("stt") || product.starts_with("speech_to_text") => Some(Modality::Stt),
        _ => None,
    }
}

/// Works characters out of credits, where that is known of the model and nothing counts characters.
fn explain_credits(row: &mut Row, reading: &mut Reading) {
    let is_speech = row.modality.is_none_or(|modality| modality == Modality::Tts);
    let (Some(rate), Some(credits), true) = (characters_per_credit(&row.model), &row.credits, is_speech)
    else {
        return;
    };
    row.modality = Some(Modality::Tts);
    let characters = (credits * &Decimal::from(rate)).to_scaled_integer(0);
    if let Some(characters) = characters.ok().and_then(|characters| u64::try_from(characters).ok())
        && row.usage.value(Quantity::Characters).is_none()
    {
        row.more(Quantity::Characters, characters);
        reading.note(format!(
            "`{}` counts credits: characters are worked out of them by model, and a voice with a price of its own shows \
             as more of them",
            row.document
        ));
    }
}

fn character_stats(document: &Document, reading: &mut Reading) -> Result<(), BadDocument> {
    for answer in document.records() {
        let answer = answer?;
        let mut starts = Vec::new();
        for time in answer.array("time")? {
            starts.push(time.cell(&answer, "time").unix(MILLISECOND_MICROS)?);
        }
        let length = spacing(starts.clone());
        let Some(usage) = answer.object("usage")? else { continue };
        let groups: Vec<String> = usage.names().map(str::to_owned).collect();
        for group in &groups {
            let counts = usage.array(group)?;
            if counts.len() != starts.len() {
                let (found, times) = (counts.len(), starts.len());
                return Err(usage.bad(format!("`{group}` has {found} numbers for {times} times")));
            }
            for (count, start) in counts.into_iter().zip(&starts) {
                let mut row = Row::new(&usage, Kind::Usage);
                row.credits = Some(count.cell(&usage, group).decimal()?);
                row.span = Some((*start, UnixMicros(start.0.saturating_add(length))));
                if row.is_idle() {
                    continue;
                }
                if group.starts_with("eleven_") || group.starts_with("scribe") {
                    row.model.clone_from(group);
                } else if group != "All" {
                    row.account = Some(group.clone());
                }
                explain_credits(&mut row, reading);
                reading.add(row);
            }
        }
        reading.note(format!(
            "`{}` does not say what it counts: it is taken for credits, which it gives unless asked for another metric",
            document.name()
        ));
    }
    Ok(())
}

fn history(document: &Document, reading: &mut Reading) -> Result<(), BadDocument> {
    for answer in document.records() {
        let answer = answer?;
        let mut oldest = None;
        for item in answer.objects("history")? {
            let row = history_row(&item)?;
            oldest = oldest.max(row.span.map(|(at, _)| UnixMicros(at.0.saturating_neg())));
            reading.add(row);
        }
        // The newest come first, so the page that follows is of earlier ones.
        let has_more = answer.get("has_more").is_some_and(|cell| cell.is("true"));
        reading.page(document, oldest, has_more);
    }
    Ok(())
}

fn history_row(item: &Record<'_>) -> Result<Row, BadDocument> {
    let mut row = Row::new(item, Kind::Requests);
    let request = item.text("request_id")?;
    row.request_id = if request.is_some() { request } else { item.text("history_item_id")? };
    let at = item.need("date_unix")?.unix(SECOND_MICROS)?;
    row.span = Some((at, at));
    row.requests = Some(1);
    row.model = item.text("model_id")?.unwrap_or_default();
    row.modality = item.text("source")?.as_deref().map_or(Some(Modality::Tts), modality);
    let before = item.need("character_count_change_from")?.count()?;
    let to = item.need("character_count_change_to")?;
    let credits = to.count()?.checked_sub(before).ok_or_else(|| to.bad("no less than it was before"))?;
    row.credits = Some(Decimal::from(credits));
    if row.modality == Some(Modality::Tts) {
        let spoken = item.text("text")?.map(|text| text.chars().count() as u64);
        if let Some(characters) = characters(&row.model, credits, spoken) {
            row.more(Quantity::Characters, characters);
        }
    }
    Ok(row)
}

/// The characters of a request that took so many credits. Half a credit is rounded, so the text's own length tells where it
/// explains them.
fn characters(model: &str, credits: u64, spoken: Option<u64>) -> Option<u64> {
    match (characters_per_credit(model), spoken) {
        (Some(rate), Some(spoken)) if credits.saturating_mul(rate).abs_diff(spoken) < rate => Some(spoken),
        (Some(rate), _) => Some(credits.saturating_mul(rate)),
        (None, spoken) => spoken,
    }
}

#[cfg(test)]
mod tests {
    use crate::statement::{
        read,
        tests::{opened, read_text},
    };

    #[test]
    fn the_analytics_table_is_read_by_the_units_of_its_columns() {
        let (rows, notes) = read_text("elevenlabs", include_str!("fixtures/analytics.json"));
        assert_eq!(
            rows,
            [
                "6 both 2026-11-01+24h tts `eleven_flash_v2_5` characters=1378 n=3 credits=689 $0.0344/5",
                "7 both 2026-11-02+24h tts `eleven_new` n=1 credits=51 $0.0188/5",
                "8 both 2026-11-02+24h stt `scribe_v2` audio_nanos=762600000000 n=2 credits=40 $0.08475/5",
            ]
        );
        assert_eq!(
            notes,
            [
                "`x` counts credits: characters are worked out of them by model, and a voice with a price of its own \
              shows as more of them"
            ]
        );
    }

    #[test]
    fn character_stats_are_read_as_credits() {
        let (rows, notes) = read_text("elevenlabs", include_str!("fixtures/character_stats.json"));
        assert_eq!(
            rows,
            [
                "3 usage 2026-11-01+24h tts `eleven_multilingual_v2` characters=120 credits=120",
                "3 usage 2026-11-02+24h tts `eleven_multilingual_v2` characters=80 credits=80",
                "3 usage 2026-11-01+24h tts `eleven_turbo_v2_5` characters=21 credits=10.5",
            ]
        );
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn single_requests_of_the_history_are_read_once() {
        let text = include_str!("fixtures/history.json");
        let (rows, notes) = read_text("elevenlabs", text);
        assert_eq!(
            rows,
            [
                "3 requests 2026-11-01T08:00:10Z+0h tts `eleven_flash_v2_5` characters=15 n=1 credits=8 id=req-2",
                "15 requests 2026-11-01T08:00:00Z+0h tts `eleven_multilingual_v2` characters=27 n=1 credits=27 id=req-1",
            ]
        );
        assert!(notes.is_empty());
        let again = text.replace("\"has_more\": false", "\"has_more\": true");
        let statement = read("elevenlabs", &[opened("a", text), opened("b", &again)]).unwrap();
        assert_eq!(statement.rows.len(), 2);
        assert_eq!(statement.notes[0], "`b` has requests that are there already: each is read once");
    }

    #[test]
    fn a_broken_table_is_told() {
        let refused = |text: &str| read("elevenlabs", &[opened("x", text)]).unwrap_err().to_string();
        assert_eq!(
            refused(
                "{\"columns\":[\"model\",\"total_usage\"],\n\"column_units\":[null,\"credits\"],\n\"rows\":[[\"a\",1],[2]]}"
            ),
            "x:3:17: this row has 1 values, and there are 2 columns"
        );
        assert_eq!(
            refused(
                "{\"columns\":[\"model\",\"total_usage\"],\n\"column_units\":[null,\"credits\"],\n\"rows\":[[\"a\",-1]]}"
            ),
            "x:3:14: `total_usage` is `-1`; expected no negative number"
        );
        assert_eq!(
            refused(r#"{"time":[0,86400000],"usage":{"All":[1]}}"#),
            "x:1:30: `All` has 1 numbers for 2 times"
        );
    }
}
