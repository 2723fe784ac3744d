//! Measures the store: lines a second from one and from eight processes, the durable lag, and the costs question
//! on a million lines. Run with `cargo run --release -p vg-store --example store_bench [FOLDER]`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring tool prints, and may stop on trouble"
)]

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use vg_core::{AttemptId, Line, Modality, Money, Quantity, RequestId, Source, Status, UnixMicros, Usage};
use vg_store::{CostQuery, Reader, Writer};

const PATIENCE: Duration = Duration::from_secs(600);

/// Lines of agents at work: three modalities, conversations of thirty requests, now or spread over the past.
struct Agents {
    number: u64,
    process: u32,
    projects: [Arc<str>; 2],
    agents: [Arc<str>; 4],
    models: [(Modality, Arc<str>, Arc<str>); 3],
    source: Arc<str>,
    book: Arc<str>,
    session: Arc<str>,
    request: Arc<str>,
}

impl Agents {
    fn new() -> Agents {
        let model = |modality, provider: &str, model: &str| (modality, Arc::from(provider), Arc::from(model));
        Agents {
            number: 0,
            process: std::process::id(),
            projects: [Arc::from("default"), Arc::from("shop")],
            agents: ["front-desk", "sales", "support", "night"].map(Arc::from),
            models: [
                model(Modality::Stt, "deepgram", "deepgram/nova-3"),
                model(Modality::Llm, "openai", "openai/gpt-4o-mini"),
                model(Modality::Tts, "cartesia", "cartesia/sonic-3"),
            ],
            source: Arc::from("voice-prices@0.11.0"),
            book: Arc::from("b9e27c1c4f0f8a7be9f7b5a7c3e2d1c0b9e27c1c4f0f8a7be9f7b5a7c3e2d1c0"),
            session: Arc::from(""),
            request: Arc::from(""),
        }
    }

    fn line(&mut self, at: UnixMicros) -> Line {
        let number = self.number;
        self.number += 1;
        let mut random = [0u8; 10];
        let (process, count) = random.split_at_mut(4);
        process.copy_from_slice(&self.process.to_be_bytes());
        count.copy_from_slice(number.to_be_bytes().get(2..).unwrap());
        let attempt_id = AttemptId::new(at, random);
        if number.is_multiple_of(30) {
            self.session = Arc::from(format!("vg-{attempt_id}"));
            self.request = Arc::from("");
        }
        let (modality, provider, model_id) = self.models.get((number % 3) as usize).unwrap().clone();
        let usage = match modality {
            Modality::Stt => Usage::UNKNOWN
                .with(Quantity::AudioNanos, 4_200_000_000 + number, Source::WireMeasured)
                .with(Quantity::SentAudioNanos, 4_200_000_000 + number, Source::WireMeasured)
                .with(Quantity::SessionNanos, 4_900_000_000, Source::WireMeasured),
            Modality::Llm => Usage::UNKNOWN
                .with(Quantity::InputTokens, 900 + number % 50, Source::ProviderReported)
                .with(Quantity::CachedInputTokens, 512, Source::ProviderReported)
                .with(Quantity::OutputTokens, 40 + number % 30, Source::ProviderReported),
            Modality::Tts => Usage::UNKNOWN
                .with(Quantity::Characters, 120 + number % 80, Source::WireMeasured)
                .with(Quantity::SentCharacters, 120 + number % 80, Source::WireMeasured),
        };
        let is_unpriced = number.is_multiple_of(997);
        Line {
            attempt_id,
            request_id: RequestId(attempt_id.0),
            corrects: None,
            session_id: Some(Arc::clone(&self.session)),
            turn: Some((number % 30 / 3) as u32),
            project: Arc::clone(self.projects.get((number / 30 % 2) as usize).unwrap()),
            tenant_id: None,
            agent_id: Some(Arc::clone(self.agents.get((number / 30 % 4) as usize).unwrap())),
            modality,
            provider,
            model_id,
            started_at: at,
            ended_at: UnixMicros(at.0 + 900_000),
            ttfb_micros: Some(150_000 + number * 7919 % 200_000),
            latency_micros: Some(600_000 + number * 104_729 % 900_000),
            usage,
            cost: (!is_unpriced).then(|| Money(i128::from(27_000_000 + number % 1000))),
            pricing_source: if is_unpriced { Arc::clone(&self.request) } else { Arc::clone(&self.source) },
            price_book: Arc::clone(&self.book),
            status: if number.is_multiple_of(50) { Status::Cancelled } else { Status::Success },
            fallback_from: None,
            error: None,
            sockets: 1,
            probe: false,
            metadata: None,
        }
    }
}

fn now() -> UnixMicros {
    #[expect(clippy::disallowed_methods, reason = "a measuring tool has no engine's clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMicros(i64::try_from(since.as_micros()).unwrap())
}

/// Appends as fast as the writer takes lines, never letting more than 30,000 wait.
fn fill(writer: &Writer, lines: u64, mut at: impl FnMut(u64) -> UnixMicros) -> Duration {
    let mut agents = Agents::new();
    let started = Instant::now();
    for number in 0..lines {
        if number.is_multiple_of(1_000) {
            while number > writer.watermark() + 30_000 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        writer.append(agents.line(at(number)));
    }
    assert_eq!(writer.flush(PATIENCE).pending, 0);
    started.elapsed()
}

/// Appends lines at a steady rate and says, in microseconds, how long each took to be durable.
fn lags(writer: &Writer, lines: u64, every: Duration) -> Vec<u64> {
    let mut agents = Agents::new();
    let mut waiting: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut lags = Vec::new();
    let started = Instant::now();
    let mut number = 0u64;
    while number < lines || !waiting.is_empty() {
        if number < lines && started.elapsed() >= every * u32::try_from(number).unwrap() {
            writer.append(agents.line(now()));
            number += 1;
            waiting.push_back((number, Instant::now()));
        }
        let durable = writer.watermark();
        while let Some((_, appended)) = waiting.pop_front_if(|(number, _)| *number <= durable) {
            lags.push(u64::try_from(appended.elapsed().as_micros()).unwrap());
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    lags
}

/// What a child process does: waits for a line on its standard input, works, prints its figures.
fn child(work: &str, path: &str, lines: u64) {
    let writer = Writer::open(path).unwrap();
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    match work {
        "fill" => println!("{}", fill(&writer, lines, |_| now()).as_micros()),
        _ => {
            let lags = lags(&writer, lines, Duration::from_millis(8));
            println!("{}", lags.iter().map(u64::to_string).collect::<Vec<_>>().join(","));
        }
    }
    let stats = writer.stats();
    writer.close(PATIENCE);
    println!("spooled {} dropped {}", stats.spooled, stats.dropped);
}

/// Starts eight children at once; answers their figures and how long all took.
fn eight(work: &str, path: &Path, lines: u64) -> (Vec<String>, Duration) {
    let mut children: Vec<(Child, BufReader<std::process::ChildStdout>)> = (0..8)
        .map(|_| {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["child", work, path.to_str().unwrap(), &lines.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let output = BufReader::new(child.stdout.take().unwrap());
            (child, output)
        })
        .collect();
    for (_, output) in &mut children {
        output.read_line(&mut String::new()).unwrap();
    }
    let started = Instant::now();
    for (child, _) in &mut children {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let figures = children.iter_mut().map(|(_, output)| {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    });
    let figures: Vec<String> = figures.collect();
    let took = started.elapsed();
    for (child, output) in &mut children {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        if line.trim() != "spooled 0 dropped 0" {
            println!("    one process: {}", line.trim());
        }
        child.wait().unwrap();
    }
    (figures, took)
}

fn percentiles(mut lags: Vec<u64>) -> String {
    lags.sort_unstable();
    let at = |share: f64| *lags.get((share * (lags.len() - 1) as f64) as usize).unwrap() as f64 / 1e3;
    format!("p50 {:.1} ms, p99 {:.1} ms, largest {:.1} ms", at(0.5), at(0.99), at(1.0))
}

#[tokio::main(flavor = "current_thread")]
async fn costs(path: &str) {
    let opened = Instant::now();
    let reader = Reader::open(path).await.unwrap();
    println!("open for reading: {:.1} ms", opened.elapsed().as_secs_f64() * 1e3);
    let day = 86_400_000_000;
    let windows =
        [("today", Some(day)), ("7 days", Some(7 * day)), ("30 days", Some(30 * day)), ("all", None)];
    for (name, window) in windows {
        let query = CostQuery { since: window.map(|w| UnixMicros(now().0 - w)), ..CostQuery::default() };
        let started = Instant::now();
        let total = reader.rollup_costs(&query).await.unwrap().total();
        let took = started.elapsed();
        let started = Instant::now();
        let latency = reader.rollup_latency(&query).await.unwrap();
        println!(
            "costs, {name}: {:.1} ms ({} requests, {} USD); latency percentiles: {:.1} ms ({} models)",
            took.as_secs_f64() * 1e3,
            total.requests,
            total.cost.to_fixed(4),
            started.elapsed().as_secs_f64() * 1e3,
            latency.len(),
        );
    }
    reader.close().await;
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, work, path, lines] = arguments.as_slice()
        && word == "child"
    {
        return child(work, path, lines.parse().unwrap());
    }
    let folder = match arguments.first() {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let path = |name: &str| folder.path().join(name);
    let open = |name: &str| Writer::open(path(name).to_str().unwrap()).unwrap();

    let writer = open("one.db");
    let took = fill(&writer, 300_000, |_| now());
    println!("1 process: {:.0} lines/s", 300_000.0 / took.as_secs_f64());
    writer.close(PATIENCE);

    let (times, took) = eight("fill", &path("eight.db"), 40_000);
    let times: Vec<u64> = times.iter().map(|time| time.parse().unwrap()).collect();
    println!(
        "8 processes: {:.0} lines/s, the first done after {:.1} s, the last after {:.1} s",
        320_000.0 / took.as_secs_f64(),
        *times.iter().min().unwrap() as f64 / 1e6,
        *times.iter().max().unwrap() as f64 / 1e6,
    );

    let writer = open("lag.db");
    println!(
        "durable lag, 1 process, 1,000 lines/s: {}",
        percentiles(lags(&writer, 10_000, Duration::from_millis(1)))
    );
    writer.close(PATIENCE);
    let (figures, _) = eight("lag", &path("lag8.db"), 1_000);
    let all = figures.iter().flat_map(|line| line.split(',')).map(|lag| lag.parse().unwrap()).collect();
    println!("durable lag, 8 processes, 125 lines/s each: {}", percentiles(all));

    let writer = open("million.db");
    let month = 30 * 86_400_000_000i64;
    let start = now().0 - month;
    let took = fill(&writer, 1_000_000, |number| UnixMicros(start + month / 1_000_000 * number as i64));
    println!("1,000,000 lines of 30 days: {:.0} lines/s", 1_000_000.0 / took.as_secs_f64());
    writer.close(PATIENCE);
    let size = std::fs::metadata(path("million.db")).unwrap().len();
    println!("size: {:.0} bytes a line", size as f64 / 1e6);
    costs(path("million.db").to_str().unwrap());
}
