//! Requests of the past, written into the books so that a month can be played at once.

use super::{books::Line, tariff::Unit};
use crate::sim::{Counts, FLICKS_PER_SECOND, Sim, provider_named};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use vg_core::Modality;

/// Requests that are alike, as the list says them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    provider: String,
    model: String,
    modality: String,
    started_at: String,
    #[serde(default)]
    ended_at: Option<String>,
    #[serde(default)]
    counts: GivenCounts,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default = "one")]
    n: u64,
    #[serde(default)]
    api_key_id: Option<String>,
    /// The name its price is listed under, where that is not the model.
    #[serde(default)]
    product: Option<String>,
    #[serde(default)]
    batch: bool,
}

fn one() -> u64 {
    1
}

/// What one of them used.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GivenCounts {
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_tokens: u64,
    output_tokens: u64,
    input_audio_tokens: u64,
    output_audio_tokens: u64,
    characters: u64,
    audio_seconds: f64,
}

impl From<GivenCounts> for Counts {
    fn from(given: GivenCounts) -> Counts {
        Counts {
            input_tokens: given.input_tokens,
            cached_input_tokens: given.cached_input_tokens,
            cache_write_tokens: given.cache_write_tokens,
            output_tokens: given.output_tokens,
            input_audio_tokens: given.input_audio_tokens,
            output_audio_tokens: given.output_audio_tokens,
            characters: given.characters,
            sent_characters: given.characters,
            audio_flicks: (given.audio_seconds * FLICKS_PER_SECOND as f64).round() as u64,
            session_micros: 0,
        }
    }
}

/// Adds a JSON list of requests; all of them are taken, or none and the text says what is wrong.
pub(crate) fn load(sim: &Sim, json: &[u8]) -> Result<(), String> {
    let given: Vec<Given> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let mut past = Vec::with_capacity(given.len());
    for (place, given) in given.into_iter().enumerate() {
        past.push(read(sim, given).map_err(|problem| format!("request {}: {problem}", place + 1))?);
    }
    for (line, counts, times, request_id, n) in past {
        sim.meter().remember(line, counts, times, n, || request_id.clone().unwrap_or_else(|| sim.uuid()));
    }
    Ok(())
}

type Past = (Line, Counts, (DateTime<Utc>, DateTime<Utc>), Option<String>, u64);

fn read(sim: &Sim, given: Given) -> Result<Past, String> {
    let provider = provider_named(&given.provider)
        .ok_or_else(|| format!("no provider `{}` is simulated", given.provider))?;
    let modality: Modality = given.modality.parse().map_err(|error| format!("{error}"))?;
    let started = time(&given.started_at)?;
    let ended = given.ended_at.as_deref().map_or(Ok(started), time)?;
    if given.n == 0 || (given.n > 1 && given.request_id.is_some()) {
        return Err("`n` is at least 1, and 1 where a `request_id` names the request".to_owned());
    }
    if given.counts.audio_seconds < 0.0 {
        return Err(format!("`{}` cannot be negative", Unit::AudioSeconds));
    }
    let line = Line {
        provider,
        modality,
        product: given.product.unwrap_or_else(|| given.model.clone()),
        model: given.model,
        is_batch: given.batch,
        api_key: given.api_key_id.unwrap_or_else(|| sim.asker().to_owned()),
    };
    Ok((line, given.counts.into(), (started, ended), given.request_id, given.n))
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map(Into::into).map_err(|_| format!("`{text}` is no time, write one as `2026-11-01T09:30:00Z`"))
}
