//! The ledger line: exactly one attempt, written once, never changed.

use crate::{AttemptId, Error, Kind, Modality, Money, RequestId, UnixMicros, Usage};
use std::{fmt, str::FromStr, sync::Arc};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The provider answered to the end.
    Success,
    /// The provider refused, failed or went away.
    Error,
    /// We stopped it: a barge-in, a hang-up, a closed stream.
    Cancelled,
    /// The provider answered to the end, as a member of a fallback chain.
    Fallback,
}

impl Status {
    /// All words, in the order documents list them.
    pub const ALL: [Status; 4] = [Status::Success, Status::Error, Status::Cancelled, Status::Fallback];

    /// The word used in the ledger and every API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Error => "error",
            Status::Cancelled => "cancelled",
            Status::Fallback => "fallback",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Status::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| Error::UnknownWord {
            what: "status",
            given: text.to_owned(),
            allowed: "success, error, cancelled, fallback",
        })
    }
}

/// Why an attempt failed. Holds no prompt, transcript or key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The closed kind.
    pub kind: Kind,
    /// The provider's HTTP status or WebSocket close code, when it gave one.
    pub status: Option<u16>,
    /// A short text without content of the conversation.
    pub message: Arc<str>,
}

/// One attempt, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The attempt; the ledger's only key. Appending it a second time changes nothing.
    pub attempt_id: AttemptId,
    /// The request this attempt belongs to.
    pub request_id: RequestId,
    /// The line this one corrects.
    pub corrects: Option<AttemptId>,
    /// The conversation, `vg-<uuid>`.
    pub session_id: Option<Arc<str>>,
    /// The turn of the conversation, from 0.
    pub turn: Option<u32>,
    /// The project it is booked to.
    pub project: Arc<str>,
    /// The tenant it is booked to; none is unattributed.
    pub tenant_id: Option<Arc<str>>,
    /// The agent that made it, as it calls itself.
    pub agent_id: Option<Arc<str>>,
    /// The modality.
    pub modality: Modality,
    /// The provider's type, such as `deepgram`.
    pub provider: Arc<str>,
    /// `provider/model`, without a language or voice.
    pub model_id: Arc<str>,
    /// When the attempt began. Its hour is the rollup it counts in.
    pub started_at: UnixMicros,
    /// When it ended.
    pub ended_at: UnixMicros,
    /// Time to the first token, audio or transcript, in microseconds, on a monotonic clock.
    pub ttfb_micros: Option<u64>,
    /// The whole duration in microseconds, on a monotonic clock.
    pub latency_micros: Option<u64>,
    /// Quantities with their sources.
    pub usage: Usage,
    /// What it costs; `None` is unpriced, which is counted and never zero.
    pub cost: Option<Money>,
    /// `voice-prices@<version>` or `voicegateway-supplement@<date>`, with `+override` where the owner agreed on a price
    /// of their own; `voicegateway-override` for one without a listed price below; `voicegateway-local`; empty when
    /// unpriced.
    pub pricing_source: Arc<str>,
    /// Content hash of the price book used, an override on top of it included; empty when none was.
    pub price_book: Arc<str>,
    /// How it ended.
    pub status: Status,
    /// The model asked for, when a member of its chain served.
    pub fallback_from: Option<Arc<str>>,
    /// Why it failed.
    pub error: Option<LineError>,
    /// Sockets opened for this attempt; reconnects count.
    pub sockets: u32,
    /// A health probe, not a conversation's request.
    pub probe: bool,
    /// Further facts (language, voice, unpriced quantities) as a JSON object.
    pub metadata: Option<Box<str>>,
}
