//! What Deepgram gives to be checked against: usage and billing breakdowns and the list of requests of its management API
//! (<https://developers.deepgram.com/reference>, OpenAPI of 2026-07; line items such as `streaming::nova-3` and
//! `sync::aura-2` as its `billing/fields` names them). The columns of its console's CSV are documented nowhere.
//!
//! | trap | |
//! |---|---|
//! | `hours`, `total_hours` | billable audio, and audio times channels and processing: the first is billed |
//! | `models` | names where they are shown, ids of models elsewhere |
//! | speaking | billed by family: `aura-2`, not the voice |
//! | `dollars` | may be absent under a contract: unknown, not nothing |

use crate::statement::{
    BadDocument, Columns, Document, Export, Format, Kind, Reading, Row,
    record::{Record, SECOND},
};
use vg_core::{Modality, Quantity, UnixMicros};

/// What can be read of it.
pub const EXPORT: Export = Export {
    columns: &[Columns::AUDIO_SECONDS, Columns::CHARACTERS],
    formats: &[
        Format {
            name: "Deepgram billing breakdown (JSON)",
            recognises: |document| document.has("results.dollars"),
            read: |document, reading| breakdown(document, reading, cost),
        },
        Format {
            name: "Deepgram usage breakdown (JSON)",
            recognises: |document| document.has("results.hours"),
            read: |document, reading| breakdown(document, reading, usage),
        },
        Format {
            name: "Deepgram breakdown without results (JSON)",
            recognises: |document| document.has_empty("results") && document.has("resolution.units"),
            read: |document, reading| breakdown(document, reading, usage),
        },
        Format {
            name: "Deepgram requests (JSON)",
            recognises: |document| {
                document.has("requests.request_id") || document.has_empty("requests") && document.has("limit")
            },
            read: requests,
        },
    ],
    billing: Some(&super::fetch::DeepgramBilling),
};

const DAY_MICROS: i64 = 86_400_000_000;

type Span = Option<(UnixMicros, UnixMicros)>;
type ReadRow = fn(&Record<'_>, &Record<'_>, &mut Reading) -> Result<Row, BadDocument>;

fn breakdown(document: &Document, reading: &mut Reading, row: ReadRow) -> Result<(), BadDocument> {
    for answer in document.records() {
        let answer = answer?;
        for result in answer.objects("results")? {
            // Older answers have the group's members beside the numbers.
            let grouping = result.object("grouping")?;
            let grouping = grouping.as_ref().unwrap_or(&result);
            let mut row = row(&result, grouping, reading)?;
            row.span = span(&answer, grouping)?;
            row.account = account(grouping)?;
            reading.add(row);
        }
    }
    Ok(())
}

/// The days of a row: its own first one and as many as a row is said to cover, else all of the answer's.
fn span(answer: &Record<'_>, grouping: &Record<'_>) -> Result<Span, BadDocument> {
    let resolution = answer.object("resolution")?;
    let unit = resolution.as_ref().map(|resolution| resolution.text("units")).transpose()?.flatten();
    let units = resolution.as_ref().map(|resolution| resolution.count("amount")).transpose()?.flatten();
    let length = match unit.as_deref() {
        Some("hour") => Some(DAY_MICROS / 24),
        Some("day") => Some(DAY_MICROS),
        Some("week") => Some(7 * DAY_MICROS),
        _ => None,
    };
    // The last day is one of them.
    let days = |of: &Record<'_>| -> Result<Span, BadDocument> {
        let (from, last) = of.span("start", "end", |cell| cell.instant())?;
        Ok(Some((from, after(last, DAY_MICROS))))
    };
    let has_days = |of: &Record<'_>| of.get("start").is_some() && of.get("end").is_some();
    match (grouping.get("start"), length) {
        (Some(start), Some(length)) => {
            let start = start.instant()?;
            let units = i64::try_from(units.unwrap_or(1)).unwrap_or(1);
            Ok(Some((start, after(start, length.saturating_mul(units)))))
        }
        _ if has_days(grouping) => days(grouping),
        _ if has_days(answer) => days(answer),
        _ => Ok(None),
    }
}

fn after(instant: UnixMicros, micros: i64) -> UnixMicros {
    UnixMicros(instant.0.saturating_add(micros))
}

fn account(grouping: &Record<'_>) -> Result<Option<String>, BadDocument> {
    if let Some(key) = grouping.text("accessor")? {
        return Ok(Some(key));
    }
    let tags = grouping.get("tags").map(|cell| cell.texts()).transpose()?.unwrap_or_default();
    Ok(if tags.is_empty() { None } else { Some(tags.join(",")) })
}

fn cost(result: &Record<'_>, grouping: &Record<'_>, reading: &mut Reading) -> Result<Row, BadDocument> {
    let mut row = Row::new(result, Kind::Cost);
    match result.get("dollars") {
        Some(dollars) => row.charge(dollars.amount()?),
        None => reading.note(format!(
            "`{}` has rows without `dollars`: what they cost is unknown, as it is under a contract",
            row.document
        )),
    }
    match grouping.text("line_item")? {
        Some(line_item) => {
            // `streaming::nova-3`: how it is asked, the model, and what is asked of it.
            let mut parts = line_item.split("::");
            let first = parts.next().unwrap_or_default();
            row.model = parts.next().unwrap_or(first).to_lowercase();
            row.modality = modality(None, &row.model);
        }
        None => reading.note(format!(
            "`{}` does not say what its dollars are for; group billing by line_item",
            row.document
        )),
    }
    Ok(row)
}

fn usage(result: &Record<'_>, grouping: &Record<'_>, reading: &mut Reading) -> Result<Row, BadDocument> {
    let mut row = Row::new(result, Kind::Usage);
    row.requests = result.count("requests")?;
    let models = grouping.get("models").or_else(|| grouping.get("model"));
    match models.map(|cell| cell.texts()).transpose()?.unwrap_or_default().as_slice() {
        [model] => row.model = model.to_lowercase(),
        [] => reading.note(format!(
            "`{}` does not say of which models its usage is; group usage by models",
            row.document
        )),
        several => row.model = several.join("+").to_lowercase(),
    }
    let characters = result.count("tts_characters")?;
    let endpoint = grouping.text("endpoint")?;
    row.modality = modality(endpoint.as_deref(), &row.model).or(match characters {
        Some(1..) => Some(Modality::Tts),
        _ => None,
    });
    if let Some(characters) = characters.filter(|count| *count > 0 || row.modality == Some(Modality::Tts)) {
        row.more(Quantity::Characters, characters);
    }
    if let Some(hours) = result.get("hours").filter(|_| row.modality != Some(Modality::Tts)) {
        row.more(Quantity::AudioNanos, hours.nanos(3_600 * SECOND)?);
    }
    for (name, quantity) in [("tokens_in", Quantity::InputTokens), ("tokens_out", Quantity::OutputTokens)] {
        if let Some(tokens) = result.count(name)?.filter(|tokens| *tokens > 0) {
            row.more(quantity, tokens);
        }
    }
    Ok(row)
}

fn modality(endpoint: Option<&str>, model: &str) -> Option<Modality> {
    match endpoint {
        Some("listen") => Some(Modality::Stt),
        Some("speak") => Some(Modality::Tts),
        Some("read") => Some(Modality::Llm),
        _ if model.starts_with("aura") || model.contains("tts") => Some(Modality::Tts),
        _ if ["nova", "flux", "base", "enhanced", "whisper"]
            .iter()
            .any(|family| model.starts_with(family)) =>
        {
            Some(Modality::Stt)
        }
        _ => None,
    }
}

fn requests(document: &Document, reading: &mut Reading) -> Result<(), BadDocument> {
    for answer in document.records() {
        for request in answer?.objects("requests")? {
            let row = request_row(&request)?;
            reading.add(row);
        }
    }
    Ok(())
}

/// A request. One that failed is a row too: it is not charged.
fn request_row(request: &Record<'_>) -> Result<Row, BadDocument> {
    let mut row = Row::new(request, Kind::Requests);
    row.request_id = Some(request.need("request_id")?.text()?.into_owned());
    let created = request.need("created")?.instant()?;
    row.span = Some((created, created));
    row.requests = Some(1);
    row.account = request.text("api_key_id")?;
    let path = request.text("path")?.unwrap_or_default();
    let endpoint = ["listen", "speak", "read", "agent"].into_iter().find(|endpoint| path.contains(endpoint));
    // What was asked for is in the address; the details name what served it.
    let options = path.split_once('?').map(|(_, options)| options).unwrap_or_default();
    let asked = options.split('&').find_map(|option| option.strip_prefix("model=")).map(str::to_owned);
    let details = match request.object("response")? {
        Some(response) => response.object("details")?,
        None => None,
    };
    if let Some(details) = &details {
        if let Some(dollars) = details.get("usd") {
            row.charge(dollars.charge()?);
        }
        let served = details.get("models").map(|cell| cell.texts()).transpose()?.unwrap_or_default();
        row.model = asked.unwrap_or_else(|| served.first().cloned().unwrap_or_default()).to_lowercase();
        row.modality = modality(endpoint, &row.model);
        if row.modality != Some(Modality::Tts)
            && let Some(duration) = details.get("duration")
        {
            let channels = details.count("channels")?.unwrap_or(1).max(1);
            row.more(Quantity::AudioNanos, duration.nanos(SECOND)?.saturating_mul(channels));
        }
    } else {
        row.model = asked.unwrap_or_default().to_lowercase();
        row.modality = modality(endpoint, &row.model);
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use crate::statement::tests::read_text;

    #[test]
    fn breakdowns_of_usage_and_of_billing_are_read() {
        let (rows, notes) = read_text("deepgram", include_str!("fixtures/usage_breakdown.json"));
        assert_eq!(
            rows,
            [
                "6 usage 2026-11-01+24h stt `nova-3` audio_nanos=7200500000000 n=64 by=acme",
                "16 usage 2026-11-02+24h tts `aura-2-thalia-en` characters=9158 n=30 by=key-1",
            ]
        );
        assert!(notes.is_empty());
        let (rows, notes) = read_text("deepgram", include_str!("fixtures/billing_breakdown.json"));
        assert_eq!(
            rows,
            [
                "6 cost 2026-11-01+24h stt `nova-3` $0.92406416/8",
                "7 cost 2026-11-02+24h tts `aura-2` $0.27474/8",
            ]
        );
        assert!(notes.is_empty());
    }

    #[test]
    fn requests_are_read_with_what_failed() {
        let (rows, notes) = read_text("deepgram", include_str!("fixtures/requests.json"));
        assert_eq!(
            rows,
            [
                "5 requests 2026-11-01T08:00:00Z+0h stt `nova-3` audio_nanos=61000000000 n=1 $0.0077/4 \
                 id=3d7a1c52-0000-4000-8000-000000000001 by=key-1",
                "16 requests 2026-11-01T08:02:00Z+0h tts `aura-2-thalia-en` n=1 \
                 id=3d7a1c52-0000-4000-8000-000000000002 by=key-1",
            ]
        );
        assert!(notes.is_empty());
    }

    #[test]
    fn what_a_breakdown_leaves_out_is_told() {
        let rows = r#"{"start":"2026-11-01","end":"2026-11-03","results":[{"hours":1,"requests":2}]}"#;
        let (rows, notes) = read_text("deepgram", rows);
        assert_eq!(rows, ["1 usage 2026-11-01+72h `` audio_nanos=3600000000000 n=2"]);
        assert_eq!(notes, ["`x` does not say of which models its usage is; group usage by models"]);
        let rows = r#"{"start":"2026-11-01","end":"2026-11-01","results":[{"dollars":1,"grouping":{"line_item":null}},{"dollars":null,"grouping":{"line_item":"streaming::flux-general-en"}}]}"#;
        let (rows, notes) = read_text("deepgram", rows);
        assert_eq!(rows, ["1 cost 2026-11-01+24h `` $1/0", "1 cost 2026-11-01+24h stt `flux-general-en`"]);
        assert_eq!(notes.len(), 2);
        let empty = r#"{"start":"2026-11-01","end":"2026-11-01","resolution":{"units":"day","amount":1},"results":[]}"#;
        assert_eq!(read_text("deepgram", empty), (vec![], vec![]));
    }
}
