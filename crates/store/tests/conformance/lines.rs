//! Lines for the cases: plain ones to change, and a stream of varied ones from a seed.

use std::sync::Arc;
use vg_core::{
    AttemptId, Kind, Line, LineError, Modality, Money, Quantity, RequestId, Source, Status, UnixMicros, Usage,
};

/// 2026-03-01T00:00:00Z.
pub const MIDNIGHT: i64 = 1_772_323_200_000_000;

pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;

/// An instant after midnight of the tests' day.
pub fn at(offset: i64) -> UnixMicros {
    UnixMicros(MIDNIGHT + offset)
}

/// A priced LLM request that started at `at`; the number tells attempts of one instant apart.
pub fn line(number: u64, at: UnixMicros) -> Line {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Line {
        attempt_id: AttemptId::new(at, random),
        request_id: RequestId::new(at, random),
        corrects: None,
        session_id: None,
        turn: None,
        project: Arc::from("default"),
        tenant_id: None,
        agent_id: None,
        modality: Modality::Llm,
        provider: Arc::from("openai"),
        model_id: Arc::from("openai/gpt-4o-mini"),
        started_at: at,
        ended_at: UnixMicros(at.0 + SECOND),
        ttfb_micros: Some(200_000),
        latency_micros: Some(900_000),
        usage: Usage::UNKNOWN.with(Quantity::InputTokens, 100, Source::ProviderReported).with(
            Quantity::OutputTokens,
            20,
            Source::ProviderReported,
        ),
        cost: Some(Money(27_000_000)),
        pricing_source: Arc::from("voice-prices@0.11.0"),
        price_book: Arc::from("5f7c"),
        status: Status::Success,
        fallback_from: None,
        error: None,
        sockets: 1,
        probe: false,
        metadata: None,
    }
}

/// A line in which everything is known.
pub fn full(number: u64, at: UnixMicros) -> Line {
    let mut usage = Usage::UNKNOWN;
    for (position, quantity) in Quantity::ALL.into_iter().enumerate() {
        usage.set(quantity, 1_000 + position as u64, Source::ALL[position % Source::ALL.len()]);
    }
    Line {
        corrects: Some(line(number + 1, at).attempt_id),
        session_id: Some(Arc::from("vg-1")),
        turn: Some(3),
        tenant_id: Some(Arc::from("acme")),
        agent_id: Some(Arc::from("front-desk")),
        usage,
        cost: Some(Money(-5)),
        status: Status::Fallback,
        fallback_from: Some(Arc::from("openai/gpt-4o")),
        error: Some(LineError {
            kind: Kind::UpstreamTimeout,
            status: Some(504),
            message: Arc::from("no answer; \"quoted\" \u{1F4DE}\u{0}"),
        }),
        sockets: 4,
        probe: true,
        metadata: Some(r#"{"language":"de"}"#.into()),
        ..line(number, at)
    }
}

/// Numbers from a seed (splitmix64).
pub struct Seed(pub u64);

impl Seed {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn maybe(&mut self, name: &str, count: u64) -> Option<Arc<str>> {
        (self.below(3) > 0).then(|| Arc::from(format!("{name}-{}", self.below(count))))
    }
}

/// A line as conversations make them: all modalities, statuses, unpriced ones, over two days.
pub fn varied(seed: &mut Seed, number: u64) -> Line {
    let started = at(seed.below(48 * HOUR as u64) as i64);
    let modality = seed.pick(&Modality::ALL);
    let (provider, model, quantity) = match modality {
        Modality::Stt => ("deepgram", "deepgram/nova-3", Quantity::AudioNanos),
        Modality::Llm => ("openai", "openai/gpt-4o-mini", Quantity::InputTokens),
        Modality::Tts => ("cartesia", "cartesia/sonic-3", Quantity::Characters),
    };
    let usage = match seed.below(4) {
        0 => Usage::UNKNOWN,
        _ => Usage::UNKNOWN.with(quantity, seed.below(1 << 40), Source::WireMeasured),
    };
    let cost = (seed.below(5) > 0).then(|| Money(seed.below(1 << 40).into()));
    Line {
        session_id: seed.maybe("vg", 5),
        project: Arc::from(seed.pick(&["default", "shop"])),
        tenant_id: seed.maybe("tenant", 2),
        agent_id: seed.maybe("agent", 2),
        modality,
        provider: Arc::from(provider),
        model_id: Arc::from(model),
        usage,
        pricing_source: Arc::from(if cost.is_some() { "voice-prices@0.11.0" } else { "" }),
        cost,
        status: seed.pick(&Status::ALL),
        ttfb_micros: (seed.below(3) > 0).then(|| seed.below(2_000_000)),
        latency_micros: (seed.below(3) > 0).then(|| seed.below(20_000_000)),
        ..line(number, started)
    }
}
