//! Stage `settle`: usage into a ledger line. The only place that prices, rounds and writes.

use crate::{attempt::Attempt, clock, meter::Reading, shared::Shared};
use std::sync::Arc;
use vg_core::{
    Line, LineError, Modality, Money, Quantity, Routed, Source, Status, Usage,
    price::{Charge, Product},
    provider::{Facts, PriceQuery, Reach},
    tokens,
};

/// The text of a chat whose provider sent no usage message, for the estimate. It is counted and dropped.
#[derive(Debug, Clone, Copy)]
pub struct ChatText<'a> {
    /// The request's `messages`, as JSON.
    pub messages: &'a str,
    /// The request's `tools`, as JSON, if there were any.
    pub tools: Option<&'a str>,
    /// What came back: content, tool names and arguments, reasoning that was shown.
    pub answer: &'a str,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// The status.
    pub status: Status,
    /// Why it failed, for [`Status::Error`].
    pub error: Option<LineError>,
    /// The text to estimate tokens from, when there is no usage message.
    pub chat: Option<ChatText<'a>>,
    /// A fact for the line, by name, such as that it lost to a hedge.
    pub note: Option<(&'static str, &'static str)>,
}

impl Outcome<'_> {
    /// An outcome with nothing more to say.
    pub const fn new(status: Status) -> Self {
        Outcome { status, error: None, chat: None, note: None }
    }
}

/// What was booked.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The status.
    pub status: Status,
    /// The quantities.
    pub usage: Usage,
    /// The cost; `None` is unpriced.
    pub cost: Option<Money>,
    /// Start to first output, in microseconds.
    pub ttfb_micros: Option<u64>,
    /// Start to end, in microseconds.
    pub latency_micros: u64,
    /// Whether the time to first byte is above the owner's warning threshold.
    pub is_slow: bool,
}

/// Prices and books an attempt. Never fails and never blocks: what cannot be priced is booked unpriced, and the
/// store's writer takes the line from memory.
pub(crate) fn settle(
    shared: &Shared,
    attempt: &Attempt,
    reading: &Reading,
    outcome: &Outcome<'_>,
) -> Settled {
    let target = &attempt.target;
    let model = attempt.options.model.as_deref().unwrap_or(&target.endpoint.model);
    let usage = target.provider.bill(&Facts {
        modality: target.modality,
        model,
        status: outcome.status,
        reach: reading.reach,
        refusal: reading.refusal,
        wire: reading.wire,
        reported: reading.reported,
        estimated: estimate(reading, outcome),
    });
    let price = price(shared, attempt, model, &usage);
    let is_slow = is_timed(shared, attempt)
        && shared.warns_above_micros.zip(reading.ttfb_micros).is_some_and(|(limit, ttfb)| ttfb > limit);
    let is_fallback = attempt.scope.fallback_from.is_some();
    let status = match outcome.status {
        Status::Success if is_fallback => Status::Fallback,
        status => status,
    };
    let settled = Settled {
        status,
        usage,
        cost: price.cost,
        ttfb_micros: reading.ttfb_micros,
        latency_micros: reading.latency_micros,
        is_slow,
    };
    if shared.keeps_lines() {
        shared.append(Line { status, ..line(shared, attempt, model, reading, outcome, usage, price) });
    }
    settled
}

/// Whether an attempt has latencies. A stream that listens for minutes has none: the caller's silence is not latency.
fn is_timed(shared: &Shared, attempt: &Attempt) -> bool {
    shared.tracks_latency && !(attempt.target.modality == Modality::Stt && attempt.options.streaming)
}

/// The tokens of a chat that was answered without a usage message; a lower bound.
fn estimate(reading: &Reading, outcome: &Outcome<'_>) -> Usage {
    let Some(chat) = outcome.chat.filter(|_| reading.reach == Reach::Answered) else { return Usage::UNKNOWN };
    let parse = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    let tools = chat.tools.and_then(parse);
    let answer = Usage::UNKNOWN.with(Quantity::OutputTokens, tokens::count(chat.answer), Source::Estimated);
    match parse(chat.messages) {
        Some(messages) => answer.with(
            Quantity::InputTokens,
            tokens::chat_prompt(&messages, tools.as_ref()),
            Source::Estimated,
        ),
        None => answer,
    }
}

/// What a price came to.
struct Price {
    cost: Option<Money>,
    pricing_source: Arc<str>,
    price_book: Arc<str>,
    /// Why there is no cost.
    unpriced: Option<String>,
}

fn price(shared: &Shared, attempt: &Attempt, model: &str, usage: &Usage) -> Price {
    let target = &attempt.target;
    let voice = attempt.options.voice.as_deref();
    let query = PriceQuery {
        model,
        language: attempt.options.language.as_deref(),
        streaming: attempt.options.streaming,
        voice,
        voice_class: voice.and_then(|voice| target.voice_class(voice)),
    };
    let reference = target.provider.price_ref(&query);
    let product = Product { provider: &target.provider_name, model, reference: &reference };
    let config = shared.config();
    match config.tariff(&target.project).cost(&product, usage, attempt.started_at) {
        Ok(Charge { cost, stamp, .. }) => Price {
            cost: Some(cost),
            pricing_source: Arc::clone(&stamp.source),
            price_book: Arc::clone(&stamp.book),
            unpriced: None,
        },
        Err(reason) => Price {
            cost: None,
            pricing_source: Arc::clone(&shared.nothing),
            price_book: Arc::clone(&shared.nothing),
            unpriced: Some(reason.to_string()),
        },
    }
}

fn line(
    shared: &Shared,
    attempt: &Attempt,
    model: &str,
    reading: &Reading,
    outcome: &Outcome<'_>,
    usage: Usage,
    price: Price,
) -> Line {
    let target = &attempt.target;
    let model_id = if model == target.endpoint.model {
        Arc::clone(&target.model_id)
    } else {
        target.model_id_of(model).into()
    };
    let is_timed = is_timed(shared, attempt);
    Line {
        attempt_id: attempt.id,
        request_id: attempt.request_id,
        corrects: None,
        session_id: attempt.scope.session_id.clone(),
        turn: attempt.scope.turn,
        project: Arc::clone(&target.project),
        tenant_id: attempt.scope.tenant_id.clone(),
        agent_id: attempt.scope.agent_id.clone(),
        modality: target.modality,
        provider: Arc::clone(&target.provider_name),
        model_id,
        started_at: attempt.started_at,
        ended_at: clock::now().max(attempt.started_at),
        ttfb_micros: reading.ttfb_micros.filter(|_| is_timed),
        latency_micros: is_timed.then_some(reading.latency_micros),
        usage,
        cost: price.cost,
        pricing_source: price.pricing_source,
        price_book: price.price_book,
        status: outcome.status,
        fallback_from: attempt.scope.fallback_from.clone(),
        error: outcome.error.clone(),
        sockets: reading.sockets,
        probe: attempt.scope.probe,
        metadata: metadata(attempt, model, outcome, price.unpriced.as_deref()),
    }
}

/// Facts that have no column: what the price depended on (language, voice and its class, a recording in place of a
/// stream), the provider's own name of the model, why there is no cost, what the scope and the outcome add.
fn metadata(
    attempt: &Attempt,
    model: &str,
    outcome: &Outcome<'_>,
    unpriced: Option<&str>,
) -> Option<Box<str>> {
    let Attempt { target, options, .. } = attempt;
    let billed = target.provider.billed_model(target.modality, model, options.voice.as_deref());
    let added = attempt.scope.facts.iter().flat_map(|facts| facts.iter());
    let is_recording = target.modality == Modality::Stt && !options.streaming;
    let facts = [
        ("language", options.language.as_deref()),
        ("mode", is_recording.then_some("batch")),
        ("voice", options.voice.as_deref()),
        ("voice_class", options.voice.as_deref().and_then(|voice| target.voice_class(voice))),
        ("billed_model", Some(&*billed).filter(|billed| *billed != model)),
        ("unpriced", unpriced),
    ];
    let routed = attempt.scope.routed.as_deref().and_then(|routed| serde_json::to_value(routed).ok());
    let known: serde_json::Map<_, _> = facts
        .into_iter()
        .chain(added.map(|(name, value)| (*name, Some(&**value))))
        .chain(outcome.note.map(|(name, value)| (name, Some(value))))
        .filter_map(|(name, value)| Some((name.to_owned(), serde_json::Value::from(value?))))
        .chain(routed.map(|routed| (Routed::FACT.to_owned(), routed)))
        .collect();
    (!known.is_empty()).then(|| serde_json::Value::Object(known).to_string().into_boxed_str())
}
