//! One line of the ledger as a row.

use crate::price;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::borrow::Cow;
use vg_core::{Line, Modality, Money, Quantity, Status, UnixMicros, Usage};

/// One attempt. What is not known is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogRow {
    /// The attempt.
    pub id: String,
    /// When it began, in seconds since the epoch.
    #[serde(serialize_with = "seconds_since_epoch")]
    pub timestamp: UnixMicros,
    /// The project it is booked to.
    pub project: String,
    /// The modality.
    #[serde(serialize_with = "modality_word")]
    pub modality: Modality,
    /// `provider/model`.
    pub model_id: String,
    /// The provider.
    pub provider: String,
    /// Minutes of audio (stt), prompt tokens (llm) or characters (tts).
    pub input_units: Option<f64>,
    /// Completion tokens (llm); 0 for the others.
    pub output_units: Option<f64>,
    /// The cached part of the prompt tokens (llm); 0 for the others.
    pub cached_input_units: Option<f64>,
    /// What it costs in USD; `null` is unpriced.
    #[serde(serialize_with = "price::serialize")]
    pub cost_usd: Option<Money>,
    /// Where the price came from; empty when unpriced.
    pub pricing_source: String,
    /// Time to the first token, audio or transcript.
    pub ttfb_ms: Option<f64>,
    /// The whole duration.
    pub total_latency_ms: Option<f64>,
    /// How it ended.
    #[serde(serialize_with = "status_word")]
    pub status: Status,
    /// The model asked for, when a member of its chain served.
    pub fallback_from: Option<String>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Further facts, a JSON object as text.
    pub metadata: Option<String>,
    /// The conversation.
    pub session_id: Option<String>,
    /// The tenant; `null` is unattributed.
    pub tenant_id: Option<String>,
    /// The agent; `null` is unattributed.
    pub agent_id: Option<String>,
    /// What joins the attempts of one request.
    pub request_id: String,
    /// The turn of the conversation, from 0.
    pub turn: Option<u32>,
    /// How many sockets were opened for it.
    pub sockets: u32,
    /// Whether it was a health probe.
    pub probe: bool,
    /// Content hash of the price book used; empty when unpriced.
    pub price_book: String,
    /// What it costs, exactly, in 1e-12 USD.
    pub cost_picos: Option<i64>,
    /// Every quantity, tokens and characters as integers, durations in seconds.
    pub usage: Units,
    /// Where each known quantity comes from.
    pub usage_sources: Sources,
}

impl LogRow {
    /// The row of a line.
    pub fn of(line: &Line) -> LogRow {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
        let milliseconds = |micros: Option<u64>| micros.map(|micros| micros as f64 / 1e3);
        let cost_picos = line.cost.and_then(|cost| cost.to_column().ok());
        LogRow {
            id: line.attempt_id.to_string(),
            timestamp: line.started_at,
            project: line.project.to_string(),
            modality: line.modality,
            model_id: line.model_id.to_string(),
            provider: line.provider.to_string(),
            input_units: input_units(line),
            output_units: output_units(line),
            cached_input_units: of_llm(line, Quantity::CachedInputTokens),
            cost_usd: line.cost,
            pricing_source: line.pricing_source.to_string(),
            ttfb_ms: milliseconds(line.ttfb_micros),
            total_latency_ms: milliseconds(line.latency_micros),
            status: line.status,
            fallback_from: text(&line.fallback_from),
            error_message: line.error.as_ref().map(|error| error.message.to_string()),
            metadata: line.metadata.as_deref().map(str::to_owned),
            session_id: text(&line.session_id),
            tenant_id: text(&line.tenant_id),
            agent_id: text(&line.agent_id),
            request_id: line.request_id.to_string(),
            turn: line.turn,
            sockets: line.sockets,
            probe: line.probe,
            price_book: line.price_book.to_string(),
            cost_picos,
            usage: Units(line.usage),
            usage_sources: Sources(line.usage),
        }
    }
}

/// What the `input_units` column holds of a line.
pub(crate) fn input_units(line: &Line) -> Option<f64> {
    let value = |quantity| line.usage.value(quantity).map(|value| value as f64);
    match line.modality {
        Modality::Stt => value(Quantity::AudioNanos).map(|nanos| nanos / 6e10),
        Modality::Llm => value(Quantity::InputTokens),
        Modality::Tts => value(Quantity::Characters),
    }
}

/// What the `output_units` column holds of a line.
pub(crate) fn output_units(line: &Line) -> Option<f64> {
    of_llm(line, Quantity::OutputTokens)
}

/// A quantity that only models of text have; it is 0 for the others.
fn of_llm(line: &Line, quantity: Quantity) -> Option<f64> {
    match line.modality {
        Modality::Llm => line.usage.value(quantity).map(|value| value as f64),
        Modality::Stt | Modality::Tts => Some(0.0),
    }
}

/// The quantities of a row. Serializes to an object with every key; `null` is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Units(pub Usage);

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Quantity::COUNT))?;
        for quantity in Quantity::ALL {
            let value = self.0.value(quantity);
            match key(quantity) {
                Key::Seconds(name) => map.serialize_entry(&name, &value.map(|nanos| nanos as f64 / 1e9))?,
                Key::Count(name) => map.serialize_entry(name, &value)?,
            }
        }
        map.end()
    }
}

/// Where the quantities of a row come from. Serializes to an object with the known ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sources(pub Usage);

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(quantity, measured)| {
            let name = match key(quantity) {
                Key::Seconds(name) => Cow::Owned(name),
                Key::Count(name) => Cow::Borrowed(name),
            };
            (name, measured.source.as_str())
        }))
    }
}

/// How a quantity is called outside the ledger, and in which unit it is shown.
enum Key {
    Seconds(String),
    Count(&'static str),
}

fn key(quantity: Quantity) -> Key {
    let name = quantity.as_str();
    name.strip_suffix("_nanos").map_or(Key::Count(name), |name| Key::Seconds(format!("{name}_seconds")))
}

fn seconds_since_epoch<S: Serializer>(at: &UnixMicros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.seconds_f64())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
fn modality_word<S: Serializer>(modality: &Modality, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(modality.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference to the field")]
fn status_word<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}
