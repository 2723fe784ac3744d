//! Prints what counting tokens costs: memory, the first call and the speed on texts of several kinds:
//! `cargo run --release -p vg-core --example token_speed`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::{fs, hint::black_box, time::Instant};

use vg_core::tokens::count;

fn main() {
    let before = resident_kilobytes();
    let first = Instant::now();
    black_box(count("Hello, how can I help you today?"));
    println!("first call: {:?}", first.elapsed());
    let second = Instant::now();
    black_box(count("Hello, how can I help you today?"));
    println!("second call: {:?}", second.elapsed());
    black_box(count(include_str!("../src/tokens/pieces.rs")));
    println!("memory after a page of text: {} kB more", resident_kilobytes().saturating_sub(before));

    let texts = [
        ("code", include_str!("../src/tokens/vocabulary.rs").repeat(200)),
        (
            "English",
            "The agent answers calls for a clinic, books visits, and hands over when it's unsure. "
                .repeat(9000),
        ),
        (
            "rare words",
            "Xylqvortz brhmpfk gnathostegite smörgåsbordsförrätt wjkqpz antidisestablish ".repeat(9000),
        ),
        ("Chinese", "请问您今天需要什么帮助我可以为您预约医生或者转接人工服务".repeat(4000)),
        ("emoji", "👩‍👩‍👧‍👦🎉🏳️‍🌈🇺🇳👍🏽".repeat(9000)),
        ("one letter", "a".repeat(1_000_000)),
        ("one space", " ".repeat(1_000_000)),
        ("dashes", "-".repeat(1_000_000)),
        ("two letters", "ab".repeat(500_000)),
        ("one Han character", "的".repeat(333_333)),
    ];
    let before = resident_kilobytes();
    for (kind, text) in &texts {
        let started = Instant::now();
        let tokens = black_box(count(text));
        let elapsed = started.elapsed();
        let speed = text.len() as f64 / 1e6 / elapsed.as_secs_f64();
        println!("{kind}: {speed:.1} MB/s, {} bytes, {tokens} tokens, {elapsed:?}", text.len());
    }
    println!("memory after all texts: {} kB more", resident_kilobytes().saturating_sub(before));
}

/// Memory that the process holds, where Linux says so; else zero.
fn resident_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
