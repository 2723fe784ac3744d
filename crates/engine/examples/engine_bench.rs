//! CPU time of admission and settlement, for a scope without limits: `cargo run --release --example engine_bench`.
//!
//! Prints microseconds of this thread's CPU time for each attempt; the ledger's writer is a thread of its own and is
//! measured by the store's benchmark.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops at what it did not expect"
)]

use std::{collections::HashMap, time::Instant};
use vg_core::{Modality, Quantity, Source, Status, Usage, config::Config};
use vg_engine::{Ask, Engine, Options, Outcome, Scope, Setup};

const ATTEMPTS: u32 = 200_000;
const ROUNDS: u32 = 5;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = format!("sqlite://{}", folder.path().join("ledger.db").display());
    for (name, database_url) in [("without a ledger", None), ("with a ledger", Some(ledger))] {
        let variables = HashMap::from([("OPENAI_API_KEY".to_owned(), "k".to_owned())]);
        let engine = Engine::open(Setup { config: Config::without_file(), variables, database_url }).unwrap();
        let ask =
            Ask { modality: Modality::Llm, model: Some("openai/gpt-4.1-mini"), ..Ask::of_project("default") };
        let target = engine.resolve(&ask).unwrap();
        let scope = Scope { session_id: Some("vg-1".into()), turn: Some(1), ..Scope::default() };
        let reported = Usage::UNKNOWN
            .with(Quantity::InputTokens, 1_200, Source::ProviderReported)
            .with(Quantity::CachedInputTokens, 1_024, Source::ProviderReported)
            .with(Quantity::OutputTokens, 64, Source::ProviderReported);
        for round in 1..=ROUNDS {
            let (started, cpu) = (Instant::now(), thread_cpu_micros());
            for _ in 0..ATTEMPTS {
                let attempt = engine
                    .admit(&target, scope.clone(), Options { streaming: true, ..Options::default() })
                    .unwrap();
                attempt.meter().output();
                attempt.meter().reported(&reported);
                attempt.settle(Outcome::new(Status::Success));
            }
            let cpu = (thread_cpu_micros() - cpu) / f64::from(ATTEMPTS);
            let wall = started.elapsed().as_secs_f64() * 1e6 / f64::from(ATTEMPTS);
            println!("{name}, round {round}: {cpu:.2} us CPU, {wall:.2} us wall for each attempt");
            engine.flush(std::time::Duration::from_secs(60));
        }
    }
}

/// This thread's CPU time from the kernel: user and system ticks are too coarse, so the scheduler's nanoseconds.
fn thread_cpu_micros() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e3
}
