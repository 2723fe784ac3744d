//! A ledger of two conversations and a stray failure, for the commands that read it.

use crate::machine::Machine;
use std::time::Duration;
use vg_core::{Line, Modality, Quantity, Source, Status, UnixMicros};
use vg_testkit::ledger::{in_session, lasting, line, priced, refused, using, write};

pub const PRICES: &str = "voice-prices@1.2.3";
pub const FIRST: &str = "vg-11111111-1111-7111-8111-111111111111";
pub const SECOND: &str = "vg-22222222-2222-7222-8222-222222222222";

/// 2026-02-03T04:05:06Z.
pub const FIXED: UnixMicros = UnixMicros(1_770_091_506_000_000);

pub fn now() -> UnixMicros {
    UnixMicros(chrono::Utc::now().timestamp_micros())
}

pub fn days(days: i64) -> i64 {
    days * 86_400_000_000
}

/// So many milliseconds later.
pub fn after(at: UnixMicros, milliseconds: i64) -> UnixMicros {
    UnixMicros(at.0 + milliseconds * 1_000)
}

/// A machine whose ledger holds these lines.
pub fn machine(lines: impl IntoIterator<Item = Line>) -> Machine {
    // However old the embedded prices are when this runs.
    let config = "default_project: default\nprices: { stale_after_days: 0 }\n";
    let machine = Machine::new().with_config(config).with("VOICEGW_DB_PATH", "~/x.db");
    write(&machine.path("x.db"), lines);
    machine
}

/// Seven requests from `at` on: a turn of a first conversation with a barge-in after it, a second conversation
/// in another project, a failure outside of both.
pub fn lines(at: UnixMicros) -> Vec<Line> {
    use Source::{Estimated, ProviderReported, WireMeasured};
    let stt = line(Modality::Stt, "deepgram/nova-3", at, 1);
    let stt = using(stt, Quantity::AudioNanos, 3_000_000_000, ProviderReported);
    let stt = using(stt, Quantity::SentAudioNanos, 3_020_000_000, WireMeasured);
    let stt = using(stt, Quantity::SessionNanos, 4_000_000_000, WireMeasured);
    let llm = line(Modality::Llm, "openai/gpt-4.1-mini", after(at, 3_100), 2);
    let llm = using(llm, Quantity::InputTokens, 120, ProviderReported);
    let llm = using(llm, Quantity::CachedInputTokens, 64, ProviderReported);
    let llm = using(llm, Quantity::OutputTokens, 35, ProviderReported);
    let tts = line(Modality::Tts, "cartesia/sonic-3", after(at, 3_500), 3);
    let tts = using(tts, Quantity::Characters, 28, WireMeasured);
    let cut = line(Modality::Llm, "openai/gpt-4.1-mini", after(at, 65_000), 4);
    let cut = Line { status: Status::Cancelled, ..using(cut, Quantity::OutputTokens, 7, Estimated) };
    let other = line(Modality::Llm, "acme/odd, \"model\"", after(at, 66_000), 5);
    let other = Line { project: "other".into(), ..using(other, Quantity::InputTokens, 9, ProviderReported) };
    let free = line(Modality::Stt, "whisper/base", after(at, 67_000), 6);
    let free =
        Line { project: "other".into(), ..using(free, Quantity::AudioNanos, 500_000_000, WireMeasured) };
    let failed =
        lasting(line(Modality::Llm, "openai/gpt-4.1-mini", after(at, 68_000), 7), Duration::from_millis(12));
    vec![
        in_session(priced(lasting(stt, Duration::from_millis(3_250)), 240_000_000, PRICES), FIRST, 0),
        in_session(priced(lasting(llm, Duration::from_millis(410)), 87_200_000, PRICES), FIRST, 0),
        in_session(priced(lasting(tts, Duration::from_millis(1_234)), 1_400_000_000, PRICES), FIRST, 0),
        in_session(priced(lasting(cut, Duration::from_millis(98)), 11_200_000, PRICES), FIRST, 1),
        in_session(other, SECOND, 0),
        in_session(priced(lasting(free, Duration::from_millis(40)), 0, "voicegateway-local"), SECOND, 0),
        refused(failed, 429, "too many requests"),
    ]
}
