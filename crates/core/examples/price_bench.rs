//! How fast prices are worked out: calls per second on one core, load time and memory of the book.
//!
//! Run with `cargo run --release -p vg-core --example price_bench`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use vg_core::decimal::Decimal;
use vg_core::price::{Book, PriceError, PriceRef, PriceUsage, Quantity, Timestamp};

const ROUND: Duration = Duration::from_millis(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let resident_before = resident_kilobytes();
    let start = Instant::now();
    let book = Book::embedded();
    let loaded = start.elapsed();
    println!(
        "book: {} models, {:.2} ms to load, {:+} kB resident",
        book.model_count(),
        loaded.as_secs_f64() * 1e3,
        resident_kilobytes() - resident_before
    );

    let at: Timestamp = "2026-11-15T12:00:00+00:00".parse()?;
    let tokens = |input: u64, output: u64| {
        PriceUsage::new().with(Quantity::InputTokens, input).with(Quantity::OutputTokens, output)
    };
    let realtime = tokens(9_000, 1_500)
        .with(Quantity::InputAudioTokens, 4_000_u64)
        .with(Quantity::CacheReadTokens, 2_000_u64)
        .with(Quantity::CacheAudioReadTokens, 1_000_u64)
        .with(Quantity::OutputAudioTokens, 1_200_u64);
    let mut speech = PriceUsage::new().with(Quantity::Characters, 1_234_u64);
    speech.voice_class = Some("pvc".into());
    let nanoseconds = Decimal::from_scaled(12_345_000_000, 9);
    let cases = [
        ("LLM in and out", "openai", "gpt-4o", tokens(1_234, 567)),
        (
            "LLM cached, tiered",
            "anthropic",
            "claude-sonnet-4-5",
            tokens(250_000, 900).with(Quantity::CacheReadTokens, 200_000_u64),
        ),
        ("LLM price by date", "openai", "o3", tokens(1_234, 567)),
        (
            "STT nanoseconds",
            "deepgram",
            "nova-3",
            PriceUsage::new().with(Quantity::AudioInputSeconds, nanoseconds),
        ),
        ("TTS with voice class", "cartesia", "sonic-3", speech),
        ("speech to speech", "openai", "gpt-realtime", realtime),
        ("long list, last model", "openrouter", "z-ai/glm-4.6", tokens(1_234, 567)),
        ("fallback", "azure", "gpt-4o", tokens(1_234, 567)),
        (
            "28-digit rounding",
            "deepgram",
            "nova-3",
            PriceUsage::new().with(
                Quantity::AudioInputSeconds,
                "12.339999999999999857891452847979962825775146484375".parse::<Decimal>()?,
            ),
        ),
    ];
    println!("{:<24}{:>16}{:>16}{:>16}", "calls per second", "lookup", "lookup + rate", "rate");
    for (name, provider, model, usage) in &cases {
        let reference = PriceRef { provider: Some(provider), url: None, model };
        let found = book.find(&reference)?;
        let lookup = calls_per_second(|| book.find(black_box(&reference)).map(|found| found.key()))?;
        let both = calls_per_second(|| {
            book.find(black_box(&reference))?.rate(black_box(usage), at).map(|rated| rated.total)
        })?;
        let resolved = calls_per_second(|| found.rate(black_box(usage), at).map(|rated| rated.total))?;
        println!("{name:<24}{lookup:>16.0}{both:>16.0}{resolved:>16.0}");
    }
    println!("book and benchmark: {:+} kB resident", resident_kilobytes() - resident_before);
    Ok(())
}

/// The best of many short rounds, so that what else the machine does is left out.
fn calls_per_second<T>(mut call: impl FnMut() -> Result<T, PriceError>) -> Result<f64, PriceError> {
    let mut best = 0.0_f64;
    for _ in 0..200 {
        let (start, mut calls) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            for _ in 0..100 {
                black_box(call()?);
            }
            calls += 100;
        }
        best = best.max(f64::from(calls) / start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Resident memory of this process, or 0 where the system does not say.
fn resident_kilobytes() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<i64>().ok()).unwrap_or(0) * 4
}
