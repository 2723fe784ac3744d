//! The bill that every provider's simulator can print, those included that have no export of their own: one row a
//! model, in the columns that `voicegw reconcile` documents.

use super::{
    Bill, Format, Order,
    accounts::{Accounts, grouped, total},
    amount::Amount,
    csv,
};
use crate::sim::seconds;
use serde_json::{Value, json};
use vg_core::Modality;

/// The columns between `model` and `n_requests`, and the modality they are about.
fn columns(provider: &str) -> (&'static [&'static str], Modality) {
    match provider {
        "deepgram" => (&["audio_seconds"], Modality::Stt),
        "assemblyai" => (&["session_seconds"], Modality::Stt),
        "cartesia" | "elevenlabs" => (&["characters", "credits"], Modality::Tts),
        _ => (&["input_tokens", "output_tokens"], Modality::Llm),
    }
}

/// Prints the sums of the days that were ordered.
pub(crate) fn print(accounts: &Accounts<'_>, order: &Order) -> Result<Bill, String> {
    let range = accounts.days(order.start, order.end);
    let (columns, modality) = columns(accounts.provider);
    let charges = grouped(accounts.charges(&range)?, |charge| charge.line.model.clone());
    let sums = accounts.sums(&range).into_iter().filter(|(line, _)| line.modality == modality);
    let mut rows: Vec<Vec<(&str, Value)>> = Vec::new();
    for (model, sums) in grouped(sums, |(line, _)| line.model.clone()) {
        let tally = total(sums.iter().map(|(_, tally)| tally));
        let (mut usd, mut credits) = (Amount::default(), Amount::default());
        for charge in charges.get(&model).into_iter().flatten() {
            if charge.line.modality == modality {
                usd += charge.usd;
                credits += charge.credits.unwrap_or_default();
            }
        }
        let counts = tally.counts;
        let mut row = vec![("model", json!(model))];
        row.extend(columns.iter().map(|column| {
            let value = match *column {
                "input_tokens" => json!(counts.input_tokens),
                "output_tokens" => json!(counts.output_tokens),
                "characters" => json!(counts.characters),
                "credits" => credits.number(),
                _ => json!(seconds(counts.audio_flicks)),
            };
            (*column, value)
        }));
        row.push(("n_requests", json!(tally.requests)));
        let cost = match order.format {
            Format::Csv => json!(usd.text()),
            Format::Json => usd.number(),
        };
        row.push(("cost_usd", cost));
        rows.push(row);
    }
    Ok(match order.format {
        Format::Json => {
            let rows =
                rows.into_iter().map(|row| row.into_iter().map(|(name, value)| (name.to_owned(), value)));
            Bill::Json(Value::Array(rows.map(|row| Value::Object(row.collect())).collect()))
        }
        Format::Csv => {
            let header = ["model"].iter().chain(columns).chain(&["n_requests", "cost_usd"]);
            let mut text = csv::row(header, "\r\n");
            for row in rows {
                let cells = row.into_iter().map(|(_, value)| match value {
                    Value::String(text) => text,
                    value => value.to_string(),
                });
                text.push_str(&csv::row(cells, "\r\n"));
            }
            Bill::Csv(text)
        }
    })
}
