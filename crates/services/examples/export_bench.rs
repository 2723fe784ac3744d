//! Measures the exports: makes a ledger of a month's lines and writes it in each format, each in a process of its own
//! that says how long it took and what memory it held at most. Run with
//! `cargo run --release -p vg-services --example export_bench LINES [FOLDER]`, or `make LINES PATH` for the ledger alone.
//! Memory is read from `/proc`, so on Linux.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measuring tool prints, and may stop on trouble"
)]

use std::{
    io::{self, Write},
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use vg_core::{
    AttemptId, Line, Modality, Money, Quantity, RequestId, Source, Status, UnixMicros, Usage,
    config::Config,
    price::{Book, ModelPrice, PriceRef, PriceUsage},
};
use vg_services::{
    Days, Ledger,
    export::{
        ExportArgs, Exported, Format, export,
        focus::{BilledCost, Focus, Version},
    },
};
use vg_store::Writer;

const PATIENCE: Duration = Duration::from_secs(3_600);

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
const MONTH: i64 = 31 * 86_400_000_000;

const FORMATS: [(&str, Format); 5] = [
    ("csv", Format::Csv),
    ("json", Format::Json),
    ("focus", Format::Focus(Focus { version: Version::V1_4, billed_cost: BilledCost::Zero })),
    ("focus 1.2", Format::Focus(Focus { version: Version::V1_2, billed_cost: BilledCost::Zero })),
    ("parquet", Format::Parquet),
];

/// Lines of conversations, priced as the engine prices them.
struct Month {
    models: [(Modality, Arc<str>, Arc<str>, ModelPrice<'static>); 3],
    agents: [Arc<str>; 4],
    project: Arc<str>,
    source: Arc<str>,
    book: Arc<str>,
    session: Arc<str>,
}

impl Month {
    fn new() -> Month {
        let book = Book::embedded();
        let model = |modality, provider: &'static str, model: &'static str| {
            let price = book.find(&PriceRef { provider: Some(provider), url: None, model }).unwrap();
            (modality, provider.into(), format!("{provider}/{model}").into(), price)
        };
        Month {
            models: [
                model(Modality::Stt, "deepgram", "nova-3"),
                model(Modality::Llm, "openai", "gpt-4.1-mini"),
                model(Modality::Tts, "cartesia", "sonic-3"),
            ],
            agents: ["front-desk", "sales", "support", "night"].map(Arc::from),
            project: "shop".into(),
            source: book.pricing_source().into(),
            book: book.hash().into(),
            session: "".into(),
        }
    }

    fn line(&mut self, number: u64, at: UnixMicros) -> Line {
        let mut random = [0u8; 10];
        random.split_at_mut(2).1.copy_from_slice(&(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
        let attempt_id = AttemptId::new(at, random);
        if number.is_multiple_of(30) {
            self.session = format!("vg-{attempt_id}").into();
        }
        let (modality, provider, model_id, price) = self.models.get((number % 3) as usize).unwrap().clone();
        let usage = match modality {
            Modality::Stt => Usage::UNKNOWN
                .with(Quantity::AudioNanos, 4_200_000_000 + number % 5_000_000_007, Source::ProviderReported)
                .with(Quantity::SessionNanos, 9_900_000_000, Source::WireMeasured),
            Modality::Llm => Usage::UNKNOWN
                .with(Quantity::InputTokens, 900 + number % 1_003, Source::ProviderReported)
                .with(Quantity::CachedInputTokens, 512, Source::ProviderReported)
                .with(Quantity::OutputTokens, 40 + number % 67, Source::ProviderReported),
            Modality::Tts => Usage::UNKNOWN
                .with(Quantity::Characters, 120 + number % 83, Source::WireMeasured)
                .with(Quantity::SentCharacters, 120 + number % 83, Source::WireMeasured),
        };
        let rated = price.rate(&PriceUsage::of(&usage).unwrap(), at.into()).unwrap().total;
        Line {
            attempt_id,
            request_id: RequestId(attempt_id.0),
            corrects: None,
            session_id: Some(Arc::clone(&self.session)),
            turn: Some((number % 30 / 3) as u32),
            project: Arc::clone(&self.project),
            tenant_id: None,
            agent_id: Some(Arc::clone(self.agents.get((number / 30 % 4) as usize).unwrap())),
            modality,
            provider,
            model_id,
            started_at: at,
            ended_at: UnixMicros(at.0 + 900_000),
            ttfb_micros: Some(150_000 + number * 7_919 % 200_000),
            latency_micros: Some(600_000 + number * 104_729 % 900_000),
            usage,
            cost: Some(Money(rated.to_scaled_integer(Money::SCALE).unwrap())),
            pricing_source: Arc::clone(&self.source),
            price_book: Arc::clone(&self.book),
            status: if number.is_multiple_of(50) { Status::Cancelled } else { Status::Success },
            fallback_from: None,
            error: None,
            sockets: 1,
            probe: false,
            metadata: (modality == Modality::Stt).then(|| r#"{"language":"en"}"#.into()),
        }
    }
}

/// Writes the month as fast as the writer takes it, never letting more than 30,000 lines wait.
fn fill(path: &Path, lines: u64) {
    let writer = Writer::open(path.to_str().unwrap()).unwrap();
    let (mut month, started) = (Month::new(), Instant::now());
    for number in 0..lines {
        while number.is_multiple_of(1_000) && number > writer.watermark() + 30_000 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let at = START + (i128::from(MONTH) * i128::from(number) / i128::from(lines)) as i64;
        writer.append(month.line(number, UnixMicros(at)));
    }
    assert_eq!(writer.close(PATIENCE).pending, 0);
    let stats = writer.stats();
    assert_eq!(stats.spooled + stats.dropped + stats.duplicates, 0, "{stats:?}");
    let size = std::fs::metadata(path).unwrap().len();
    println!(
        "made {lines} lines in {:.0} s, {:.0} bytes each",
        started.elapsed().as_secs_f64(),
        size as f64 / lines as f64
    );
}

/// Counts what is written and keeps nothing of it.
#[derive(Default)]
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The most memory this process held so far, in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

#[tokio::main(flavor = "current_thread")]
async fn write(name: &str, path: &Path, last: &str) {
    let format = FORMATS.iter().find(|(word, _)| *word == name).map(|(_, format)| *format).unwrap();
    let ledger = Ledger::open(path.to_str(), path.parent().unwrap()).await.unwrap();
    let days = Days::parse("2026-01-01", last).unwrap();
    let (mut out, started) = (Count::default(), Instant::now());
    let args = ExportArgs { days, project: None, format };
    let exported = export(&ledger, &args, &Config::without_file(), &mut out).await.unwrap();
    let took = started.elapsed().as_secs_f64();
    let Exported { lines, records, .. } = exported;
    println!(
        "| {name} | {lines} | {records} | {took:.1} | {:.0} | {:.0} | {:.1} |",
        lines as f64 / took,
        out.0 as f64 / 1e6,
        peak()
    );
    ledger.close().await;
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, name, path, last] = arguments.as_slice()
        && word == "child"
    {
        return write(name, Path::new(path), last);
    }
    if let [word, lines, path] = arguments.as_slice()
        && word == "make"
    {
        return fill(Path::new(path), lines.parse().unwrap());
    }
    let lines = arguments.first().map_or(1_000_000, |lines| lines.parse().unwrap());
    let folder = match arguments.get(1) {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let path = folder.path().join("ledger.db");
    fill(&path, lines);
    println!("| format | lines | records | s | lines/s | MB | peak memory, MiB |");
    println!("|---|---|---|---|---|---|---|");
    // Three days of the month first: what memory grows by from there is what more lines cost.
    for last in ["2026-01-03", "2026-01-31"] {
        for (name, _) in FORMATS {
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["child", name, path.to_str().unwrap(), last])
                .status();
            if !status.unwrap().success() {
                panic!("the export as {name} failed");
            }
        }
    }
}
