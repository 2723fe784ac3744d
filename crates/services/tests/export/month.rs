//! A month of attempts as the engine books them: rated with the embedded price book, and with everything that is out of
//! the ordinary.

use std::sync::Arc;
use tempfile::TempDir;
use vg_core::{
    AttemptId, Line, Modality, Money, Quantity, Source, Status, UnixMicros, Usage,
    config::{self, Config},
    price::Product,
    provider::PriceQuery,
};
use vg_services::{
    Days, Ledger,
    export::{ExportArgs, Exported, Format, export},
};
use vg_testkit::ledger::{line, write};

/// 2026-01-31T23:59:59.750000Z: the attempts run over the end of the month.
pub const START: UnixMicros = UnixMicros(1_769_903_999_750_000);

/// Prices of an owner's own: a discount at one provider, a rate for one project, and one that no list has.
const PRICES: &str = "
prices: { overrides: [{ model: groq/*, discount: 12.5% }, { model: acme/agreed, input_kchars: 0.03 }] }
projects: { shop: { name: Shop, prices: { overrides: [{ model: openai/gpt-4.1-mini, output_mtok: 1.2 }] } } }";

pub fn config() -> Config {
    config::load(PRICES, "voicegw.yaml", &|_| None, vg_providers::registry::ALL).unwrap().config
}

/// Prices a line as the engine does: the provider's reference, the tariff of the project.
pub fn rated(mut line: Line, streaming: bool, config: &Config) -> Line {
    let provider = vg_providers::registry::find(&line.provider);
    let model = line.model_id.split_once('/').unwrap().1;
    let query = PriceQuery { model, streaming, ..PriceQuery::default() };
    let reference = provider.unwrap_or(&vg_providers::unlisted::Unlisted).price_ref(&query);
    let product = Product { provider: &line.provider, model, reference: &reference };
    let charge = config.tariff(&line.project).cost(&product, &line.usage, line.started_at).unwrap();
    line.cost = Some(charge.cost);
    line.pricing_source = Arc::clone(&charge.stamp.source);
    line.price_book = Arc::clone(&charge.stamp.book);
    if line.modality == Modality::Stt && !streaming {
        line.metadata = Some(r#"{"mode":"batch"}"#.into());
    }
    line
}

fn used(quantities: &[(Quantity, u64)]) -> Usage {
    quantities.iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| {
        usage.with(*quantity, *value, Source::ProviderReported)
    })
}

/// Lines one after the other, some milliseconds apart.
pub struct Lines {
    pub lines: Vec<Line>,
    config: Config,
}

impl Lines {
    pub fn add(&mut self, modality: Modality, model: &str, quantities: &[(Quantity, u64)]) -> &mut Line {
        let number = self.lines.len();
        let at = UnixMicros(START.0 + number as i64 * 7_001);
        let mut line = line(modality, model, at, 1);
        line.ended_at = UnixMicros(at.0 + 1_234_567);
        line.usage = used(quantities);
        self.lines.push(line);
        self.lines.last_mut().unwrap()
    }

    fn add_rated(&mut self, modality: Modality, model: &str, streaming: bool, used: &[(Quantity, u64)]) {
        let line = self.add(modality, model, used).clone();
        let rated = rated(line, streaming, &self.config);
        self.lines.pop();
        self.lines.push(rated);
    }
}

/// The month.
pub fn lines() -> Vec<Line> {
    use Modality::{Llm, Stt, Tts};
    use Quantity::{
        AudioNanos, CacheWriteTokens, CachedInputTokens, Characters, InputAudioTokens, InputTokens,
        OutputTokens,
    };
    let mut all = Lines { lines: Vec::new(), config: config() };
    all.add_rated(Stt, "deepgram/nova-3", true, &[(AudioNanos, 3_020_000_000)]);
    all.add_rated(Stt, "deepgram/nova-3", false, &[(AudioNanos, 61_234_567_891)]);
    all.add_rated(Stt, "assemblyai/universal-streaming", true, &[(AudioNanos, 7_000_000_001)]);
    let chat = [(InputTokens, 1_207), (CachedInputTokens, 1_024), (OutputTokens, 35)];
    all.add_rated(Llm, "openai/gpt-4.1-mini", true, &chat);
    all.add_rated(Llm, "openai/gpt-4.1-mini-2025-04-14", true, &chat);
    let cached =
        [(InputTokens, 9_001), (CachedInputTokens, 4_000), (CacheWriteTokens, 1_500), (OutputTokens, 77)];
    all.add_rated(Llm, "anthropic/claude-sonnet-4-5", true, &cached);
    all.add_rated(Llm, "anthropic/claude-sonnet-4-5", true, &[(InputTokens, 250_001), (OutputTokens, 1_234)]);
    all.add_rated(
        Stt,
        "openai/gpt-4o-transcribe",
        true,
        &[(InputTokens, 100), (InputAudioTokens, 90), (OutputTokens, 20)],
    );
    all.add_rated(Tts, "cartesia/sonic-3", true, &[(Characters, 37)]);
    all.add_rated(Tts, "elevenlabs/eleven_flash_v2_5", true, &[(Characters, 101)]);
    all.add_rated(Llm, "openai/gpt-4.1-mini", true, &[(InputTokens, 0), (OutputTokens, 0)]);
    let refused = all.lines.last_mut().unwrap();
    refused.status = Status::Error;

    // An estimate, with everything a scope can say.
    all.add_rated(Llm, "openai/gpt-4.1-mini", true, &[(InputTokens, 12), (OutputTokens, 3)]);
    let cut = all.lines.last_mut().unwrap();
    cut.usage = cut.usage.with(InputTokens, 12, Source::Estimated).with(OutputTokens, 3, Source::Estimated);
    cut.status = Status::Cancelled;
    cut.project = "=cmd|' /C calc'!A0".into();
    cut.tenant_id = Some("+49, \"Bonn\"".into());
    cut.agent_id = Some("front desk".into());
    cut.session_id = Some("vg-11111111-1111-7111-8111-111111111111".into());
    cut.turn = Some(3);
    cut.fallback_from = Some("groq/llama-3.3-70b-versatile".into());

    // Priced under a book that is not at hand, and under none.
    let other = all.add(Llm, "openai/gpt-4.1-mini", &[(InputTokens, 120), (OutputTokens, 35)]);
    (other.cost, other.price_book, other.pricing_source) =
        (Some(Money(123_456_789)), "another".into(), "voice-prices@9".into());
    let free = all.add(Stt, "whisper/base", &[(AudioNanos, 500_000_000)]);
    (free.cost, free.pricing_source) = (Some(Money::ZERO), "voicegateway-local".into());
    let spent = all.add(Llm, "acme/model", &[]);
    (spent.cost, spent.price_book) = (Some(Money(1)), "another".into());

    // No price: with a quantity and without any.
    all.add(Llm, "acme/odd, \"model\"", &[(InputTokens, 9)]);
    all.add(Tts, "acme/voice", &[]);

    // Corrections, up and down.
    let corrected = all.lines[0].attempt_id;
    for cost in [500_000, -42_000_001] {
        let correction = all.add(Stt, "deepgram/nova-3", &[]);
        (correction.corrects, correction.cost) = (Some(corrected), Some(Money(cost)));
    }

    // Prices of one's own.
    all.add_rated(Llm, "groq/llama-3.3-70b-versatile", true, &[(InputTokens, 1_001), (OutputTokens, 333)]);
    let ours = all.add(Llm, "openai/gpt-4.1-mini", &chat);
    ours.project = "shop".into();
    let ours = rated(all.lines.pop().unwrap(), true, &all.config);
    all.lines.push(ours);
    all.add_rated(Tts, "acme/agreed", true, &[(Characters, 1_000)]);
    all.lines
}

/// Many lines with quantities at random, each model in turn.
pub fn random(count: u64) -> Vec<Line> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut up_to = |most: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % most
    };
    let mut all = Lines { lines: Vec::new(), config: config() };
    for number in 0..count {
        match number % 4 {
            0 => {
                let (input, output) = (up_to(400_000), up_to(9_000));
                let cached = up_to(input + 1);
                all.add_rated(
                    Modality::Llm,
                    ["openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5", "openai/gpt-4o"]
                        [up_to(3) as usize],
                    true,
                    &[
                        (Quantity::InputTokens, input),
                        (Quantity::CachedInputTokens, cached),
                        (Quantity::OutputTokens, output),
                    ],
                );
            }
            1 => {
                let model = ["deepgram/nova-3", "deepgram/nova-2"][up_to(2) as usize];
                all.add_rated(
                    Modality::Stt,
                    model,
                    up_to(2) == 0,
                    &[(Quantity::AudioNanos, up_to(90_000_000_000))],
                );
            }
            2 => {
                let model = ["cartesia/sonic-3", "elevenlabs/eleven_flash_v2_5"][up_to(2) as usize];
                all.add_rated(Modality::Tts, model, true, &[(Quantity::Characters, up_to(2_000))]);
            }
            _ => {
                let audio = up_to(5_000);
                all.add_rated(
                    Modality::Stt,
                    "openai/gpt-4o-transcribe",
                    true,
                    &[
                        (Quantity::InputTokens, audio + up_to(100)),
                        (Quantity::InputAudioTokens, audio),
                        (Quantity::OutputTokens, up_to(1_000)),
                    ],
                );
            }
        }
    }
    all.lines
}

/// Writes the lines to a ledger, and what is exported of it.
pub async fn exported(lines: &[Line], format: Format) -> (Exported, Vec<u8>) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.db");
    write(&path, lines.iter().cloned());
    let ledger = Ledger::open(Some(path.to_str().unwrap()), folder.path()).await.unwrap();
    let days = Days::parse("2026-01-31", "2026-02-28").unwrap();
    let mut out = Vec::new();
    let args = ExportArgs { days, project: None, format };
    let exported = export(&ledger, &args, &config(), &mut out).await.unwrap();
    ledger.close().await;
    (exported, out)
}

/// The id as the exports write it.
pub fn id(id: AttemptId) -> String {
    id.to_string()
}
