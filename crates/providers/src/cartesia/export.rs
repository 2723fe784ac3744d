//! What Cartesia gives to be checked against: credits of its admin API
//! (<https://docs.cartesia.ai/api-reference/usage/credits>, version 2026-03-01), all in one or grouped. It tells neither
//! models nor money: what a credit costs depends on the plan.

use crate::statement::{BadDocument, Columns, Document, Export, Format, Kind, Reading, Row, record::Record};
use vg_core::Modality;

/// What can be read of it.
pub const EXPORT: Export = Export {
    columns: &[Columns::CHARACTERS, Columns::AUDIO_SECONDS],
    formats: &[
        Format {
            name: "Cartesia credits (JSON of `/usage/credits`)",
            recognises: |document| document.has("data.credits") && document.has("data.start_ts"),
            read: |document, reading| answers(document, reading),
        },
        Format {
            name: "Cartesia credits by group (JSON of `/usage/credits?group_by=...`)",
            recognises: |document| document.has("data.buckets"),
            read: |document, reading| answers(document, reading),
        },
        Format {
            name: "Cartesia credits without any (JSON)",
            recognises: |document| document.has_empty("data"),
            read: |document, reading| answers(document, reading),
        },
    ],
    billing: Some(&super::fetch::CartesiaBilling),
};

fn answers(document: &Document, reading: &mut Reading) -> Result<(), BadDocument> {
    for answer in document.records() {
        let answer = answer?;
        let group_by = answer.text("group_by")?;
        for item in answer.objects("data")? {
            if item.get("buckets").is_none() {
                reading.add(bucket(&item)?);
                continue;
            }
            let group = item.text("id")?.or(item.text("label")?).unwrap_or_default();
            for each in item.objects("buckets")? {
                let mut row = bucket(&each)?;
                match group_by.as_deref() {
                    Some("model" | "model_id") => row.model.clone_from(&group),
                    Some("capability") | None => row.modality = modality(&group),
                    Some(_) => row.account = Some(group.clone()),
                }
                reading.add(row);
            }
        }
    }
    Ok(())
}

fn bucket(bucket: &Record<'_>) -> Result<Row, BadDocument> {
    let mut row = Row::new(bucket, Kind::Usage);
    row.span = Some(bucket.span("start_ts", "end_ts", |cell| cell.instant())?);
    row.credits = Some(bucket.need("credits")?.decimal()?);
    Ok(row)
}

fn modality(capability: &str) -> Option<Modality> {
    match capability.to_ascii_lowercase().as_str() {
        "tts" | "text-to-speech" | "text_to_speech" => Some(Modality::Tts),
        "stt" | "speech-to-text" | "speech_to_text" => Some(Modality::Stt),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::statement::tests::read_text;

    #[test]
    fn credits_are_read_plain_and_by_group() {
        let (rows, notes) = read_text("cartesia", include_str!("fixtures/credits.json"));
        assert_eq!(
            rows,
            ["3 usage 2026-11-01+24h `` credits=120000", "4 usage 2026-11-02+24h `` credits=0.5"]
        );
        assert!(notes.is_empty());
        let (rows, notes) = read_text("cartesia", include_str!("fixtures/credits_by_capability.json"));
        assert_eq!(
            rows,
            ["8 usage 2026-11-01+24h tts `` credits=100000", "15 usage 2026-11-01+24h stt `` credits=20000"]
        );
        assert!(notes.is_empty());
        assert_eq!(read_text("cartesia", r#"{"data":[]}"#), (vec![], vec![]));
    }
}
