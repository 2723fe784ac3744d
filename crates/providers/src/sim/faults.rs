//! Faults on request: which of the next requests fail, how, and after how much was served.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::VecDeque;
use vg_core::Modality;

/// How a request is made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// Refused with the HTTP status `value`.
    Status,
    /// Falls silent for good; after `value` milliseconds, if given, the connection is cut.
    Stall,
    /// The connection is cut.
    Drop,
    /// The provider's own error message, then the end.
    ErrorFrame,
    /// One message that cannot be decoded; then it goes on.
    Malformed,
    /// Served in full, but without the message that says what it cost.
    NoUsage,
    /// Waits for `value` milliseconds; then it goes on.
    Slow,
}

/// What is served, and which of it tells its usage in the answer.
const SERVED: &[(&str, &[Modality], &[Modality])] = &[
    ("anthropic", &[Modality::Llm], &[Modality::Llm]),
    ("assemblyai", &[Modality::Stt], &[Modality::Stt]),
    ("cartesia", &[Modality::Stt, Modality::Tts], &[]),
    ("deepgram", &[Modality::Stt, Modality::Tts], &[Modality::Stt]),
    // Only a recording's answer tells its length, and a file of speech its credits; streams tell nothing.
    ("elevenlabs", &[Modality::Stt, Modality::Tts], &[Modality::Stt, Modality::Tts]),
    // Of a chat it tells the usage twice: what is left out is the message of OpenAI's API.
    ("groq", &Modality::ALL, &[Modality::Llm]),
    ("kokoro", &[Modality::Tts], &[]),
    ("ollama", &[Modality::Llm], &[Modality::Llm]),
    ("openai", &Modality::ALL, &Modality::ALL),
    ("piper", &[Modality::Tts], &[]),
    ("whisper", &[Modality::Stt], &[]),
];

/// The providers with a billing API.
const BILLED: [&str; 5] = ["anthropic", "cartesia", "deepgram", "elevenlabs", "openai"];

/// What an order calls a billing API, beside the modalities.
const BILLING: &str = "billing";

/// The name of a provider that is simulated.
pub(crate) fn provider_named(name: &str) -> Option<&'static str> {
    SERVED.iter().map(|(provider, _, _)| *provider).find(|provider| *provider == name)
}

/// One order: the next `times` requests of a provider's modality, or to its billing API, fail in the same way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultOrder {
    provider: String,
    /// None for the billing API.
    #[serde(deserialize_with = "read_modality", serialize_with = "write_modality")]
    modality: Option<Modality>,
    kind: FaultKind,
    #[serde(default)]
    after_units: u64,
    #[serde(default = "once")]
    times: u64,
    #[serde(default)]
    value: Option<u64>,
}

/// The fault of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub kind: FaultKind,
    /// Tokens made, milliseconds of audio heard, or characters voiced before it strikes.
    pub after_units: u64,
    pub value: Option<u64>,
}

impl Fault {
    /// The status of a refusal.
    pub(crate) fn status(self) -> u16 {
        self.value.and_then(|value| u16::try_from(value).ok()).unwrap_or(500)
    }

    /// The pause of a slow request, in milliseconds.
    pub(crate) fn pause_millis(self) -> u64 {
        self.value.unwrap_or(1_000)
    }
}

fn once() -> u64 {
    1
}

fn read_modality<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Modality>, D::Error> {
    match String::deserialize(reader)?.as_str() {
        BILLING => Ok(None),
        modality => modality.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

fn write_modality<S: Serializer>(modality: &Option<Modality>, writer: S) -> Result<S::Ok, S::Error> {
    writer.serialize_str(modality.map_or(BILLING, |modality| modality.as_str()))
}

/// The orders still to be carried out, oldest first.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct FaultPlan(VecDeque<FaultOrder>);

impl FaultPlan {
    /// Reads a JSON list of orders; all of them are taken, or none and the text says what is wrong.
    pub(crate) fn order(&mut self, json: &[u8]) -> Result<(), String> {
        let orders: Vec<FaultOrder> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        for (place, order) in orders.iter().enumerate() {
            check(order).map_err(|problem| format!("fault {}: {problem}", place + 1))?;
        }
        self.0.extend(orders);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault of the next request, used up once.
    pub(crate) fn take(&mut self, provider: &str, modality: Modality) -> Option<Fault> {
        self.take_first(|order| order.provider == provider && order.modality == Some(modality))
    }

    /// The fault of the next request to a provider's billing API, used up once.
    pub(crate) fn take_billing(&mut self, provider: &str) -> Option<Fault> {
        self.take_first(|order| order.provider == provider && order.modality.is_none())
    }

    /// The same, if it is a refusal.
    pub(crate) fn take_status(&mut self, provider: &str, modality: Modality) -> Option<Fault> {
        let first =
            self.0.iter().find(|order| order.provider == provider && order.modality == Some(modality))?;
        if first.kind == FaultKind::Status { self.take(provider, modality) } else { None }
    }

    fn take_first(&mut self, wanted: impl Fn(&FaultOrder) -> bool) -> Option<Fault> {
        let place = self.0.iter().position(wanted)?;
        let order = self.0.get_mut(place)?;
        let fault = Fault { kind: order.kind, after_units: order.after_units, value: order.value };
        order.times -= 1;
        if order.times == 0 {
            self.0.remove(place);
        }
        Some(fault)
    }
}

fn check(order: &FaultOrder) -> Result<(), String> {
    let Some((_, modalities, told)) = SERVED.iter().find(|(name, _, _)| *name == order.provider) else {
        let names: Vec<&str> = SERVED.iter().map(|(name, _, _)| *name).collect();
        return Err(format!(
            "unknown provider `{}`, expected one of `{}`",
            order.provider,
            names.join("`, `")
        ));
    };
    let provider = &order.provider;
    match order.modality {
        Some(modality) if !modalities.contains(&modality) => {
            return Err(format!("`{provider}` has no `{modality}`"));
        }
        None if !BILLED.contains(&provider.as_str()) => {
            return Err(format!("`{provider}` has no billing API"));
        }
        _ => {}
    }
    if order.times == 0 {
        return Err("`times` must be at least 1".to_owned());
    }
    match (order.kind, order.value) {
        (FaultKind::Status, Some(status)) if !(400..=599).contains(&status) => {
            Err(format!("`value` of a `status` fault is a status from 400 to 599, not {status}"))
        }
        _ => match (order.kind, order.modality) {
            (FaultKind::NoUsage, Some(modality)) if !told.contains(&modality) => Err(format!(
                "`{provider}` never reports usage for `{modality}`, so there is none to leave out"
            )),
            (FaultKind::Stall | FaultKind::ErrorFrame | FaultKind::NoUsage, None) => {
                Err("a billing API fails with `status`, `drop`, `malformed` or `slow`".to_owned())
            }
            _ => Ok(()),
        },
    }
}
