//! A month of traffic, in a ledger and in the books of the simulators.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use std::path::PathBuf;
use vg_core::{
    Line, Modality, Money, Quantity, Source, Status, UnixMicros, Usage,
    config::Tolerances,
    price::Book,
    provider::{PriceQuery, Provider},
};
use vg_providers::{
    registry,
    statement::{self, Document, Row},
};
use vg_services::{
    Days, Ledger,
    reconcile::{Asked, Report, Requests, reconcile, requests},
};
use vg_testkit::{
    ledger::{line, priced, write},
    sim::Sim,
};

const FIRST: &str = "2026-10-01";
const LAST: &str = "2026-10-30";

/// What is used in a month, by model.
const MODELS: [(&str, Modality); 15] = [
    ("openai/gpt-4.1-mini", Modality::Llm),
    ("openai/tts-1", Modality::Tts),
    ("openai/whisper-1", Modality::Stt),
    ("anthropic/claude-haiku-4-5", Modality::Llm),
    ("anthropic/claude-sonnet-4-6", Modality::Llm),
    ("deepgram/nova-3", Modality::Stt),
    ("deepgram/flux-general-en", Modality::Stt),
    ("deepgram/aura-2-thalia-en", Modality::Tts),
    ("elevenlabs/eleven_flash_v2_5", Modality::Tts),
    ("elevenlabs/eleven_multilingual_v2", Modality::Tts),
    ("cartesia/sonic-3", Modality::Tts),
    ("groq/llama-3.3-70b-versatile", Modality::Llm),
    ("groq/whisper-large-v3-turbo", Modality::Stt),
    ("assemblyai/universal-streaming-english", Modality::Stt),
    ("groq/llama-3.1-8b-instant", Modality::Llm),
];

/// One attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub model: &'static str,
    pub modality: Modality,
    pub at: UnixMicros,
    pub usage: Usage,
    pub status: Status,
    /// Whether our ledger has it.
    pub is_ours: bool,
    /// Whether the provider saw it.
    pub is_theirs: bool,
}

/// The attempts of a month.
#[derive(Debug, Clone)]
pub struct Traffic(pub Vec<Attempt>);

impl Traffic {
    /// Successes, barge-ins, failures with a retry or a fallback after them, refusals, around the clock.
    pub fn mixed() -> Traffic {
        let mut random = Random(7);
        let first = Days::parse(FIRST, LAST).unwrap().window().since.unwrap().0;
        let mut all = Vec::new();
        for (model, modality) in MODELS {
            for _ in 0..120 {
                let at = UnixMicros(first + i64::try_from(random.below(30 * 86_400_000)).unwrap() * 1_000);
                let status = match random.below(10) {
                    0 => Status::Cancelled,
                    1 => Status::Error,
                    2 => Status::Fallback,
                    _ => Status::Success,
                };
                // Of failures, half were refused at once: on nobody's bill.
                let is_refused = status == Status::Error && random.below(2) == 0;
                let usage = usage(model, modality, is_refused, &mut random);
                all.push(Attempt {
                    model,
                    modality,
                    at,
                    usage,
                    status,
                    is_ours: true,
                    is_theirs: !is_refused,
                });
            }
        }
        Traffic(all)
    }

    /// The attempts that both sides know.
    fn shared(&self) -> impl Iterator<Item = &Attempt> {
        self.0.iter().filter(|attempt| attempt.is_ours && attempt.is_theirs)
    }

    /// The attempts of a model.
    pub fn of(&self, model: &'static str) -> impl Iterator<Item = &Attempt> {
        self.0.iter().filter(move |attempt| attempt.model == model && attempt.is_theirs)
    }

    /// Attempts of somebody else, which our ledger knows nothing of.
    pub fn foreign(&self, model: &'static str, count: usize) -> Vec<Attempt> {
        let like = self.shared().filter(|attempt| attempt.modality == Modality::Llm).take(count);
        like.map(|attempt| Attempt { model, is_ours: false, ..attempt.clone() }).collect()
    }

    /// Every hundredth line is lost from the ledger; gives those.
    pub fn lose(&mut self, provider: &str) -> Vec<Attempt> {
        let of_provider = |attempt: &Attempt| attempt.model.split('/').next() == Some(provider);
        assert!(self.shared().any(of_provider));
        let mut number = 0;
        for attempt in self.0.iter_mut().filter(|attempt| attempt.is_theirs && of_provider(attempt)) {
            number += 1;
            attempt.is_ours = number % 100 != 1;
        }
        self.0.iter().filter(|attempt| !attempt.is_ours).cloned().collect()
    }
}

fn usage(model: &str, modality: Modality, is_refused: bool, random: &mut Random) -> Usage {
    let mut some = |most: u64| if is_refused { 0 } else { 1 + random.below(most) };
    let of = |counts: &[(Quantity, u64)]| {
        counts.iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| {
            usage.with(*quantity, *value, Source::ProviderReported)
        })
    };
    match modality {
        Modality::Llm => {
            let input = some(3_000);
            // Only some tell that they cache.
            let cached = if model.starts_with("groq") { 0 } else { input / 4 };
            of(&[
                (Quantity::InputTokens, input),
                (Quantity::CachedInputTokens, cached),
                (Quantity::OutputTokens, some(300)),
            ])
        }
        // Groq bills ten seconds at least, OpenAI and AssemblyAI whole seconds.
        Modality::Stt if is_refused => of(&[(Quantity::AudioNanos, 0)]),
        Modality::Stt => of(&[(Quantity::AudioNanos, (10 + some(90)) * 1_000_000_000)]),
        Modality::Tts => of(&[(Quantity::Characters, some(400))]),
    }
}

/// Numbers that are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn provider_of(model: &str) -> &'static dyn Provider {
    registry::find(model.split('/').next().unwrap()).unwrap()
}

/// What an attempt costs by the price book.
pub fn cost(attempt: &Attempt) -> Money {
    let name = attempt.model.split_once('/').unwrap().1;
    let query =
        PriceQuery { model: name, streaming: attempt.modality != Modality::Llm, ..PriceQuery::default() };
    let reference = provider_of(attempt.model).price_ref(&query);
    Book::embedded().cost(&reference, &attempt.usage, attempt.at).unwrap()
}

/// The two sides of a month.
pub struct Month {
    pub sim: Sim,
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Month {
    pub async fn new(traffic: &Traffic) -> Month {
        let sim = Sim::start(0.0).await;
        let history: Vec<Value> =
            traffic.0.iter().filter(|attempt| attempt.is_theirs).map(of_the_past).collect();
        sim.history(history.into()).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ours = traffic.0.iter().enumerate().filter(|(_, attempt)| attempt.is_ours);
        let lines: Vec<_> = ours.map(|(number, attempt)| booked(number, attempt)).collect();
        let to = path.clone();
        tokio::task::spawn_blocking(move || write(&to, lines)).await.unwrap();
        Month { sim, _folder: folder, path }
    }

    /// A provider's documents, as they are downloaded.
    async fn documents(&self, provider: &str, queries: &[&str]) -> Vec<Document> {
        let mut documents = Vec::new();
        for query in queries {
            let text = self.sim.bill(provider, &format!("{query}&start={FIRST}&end={LAST}")).await;
            documents.push(Document::open(&format!("{provider} {query}"), text.into_bytes()).unwrap());
        }
        documents
    }

    fn asked(&self, provider: &str) -> Asked<'static> {
        let usd_per_credit = match provider {
            "cartesia" => Some(Money(50_000_000)),
            "elevenlabs" => Some(Money(100_000_000)),
            _ => None,
        };
        Asked {
            provider: registry::find(provider).unwrap(),
            book: Book::embedded(),
            days: Days::parse(FIRST, LAST).unwrap(),
            model: None,
            tolerances: Tolerances::all(5.0),
            usd_per_credit,
        }
    }

    async fn ledger(&self) -> Ledger {
        Ledger::open(Some(&self.path.to_string_lossy()), &std::env::temp_dir()).await.unwrap()
    }

    async fn rows(&self, provider: &str, queries: &[&str]) -> Vec<Row> {
        let documents = self.documents(provider, queries).await;
        statement::read(provider, &documents).unwrap_or_else(|bad| panic!("{bad}")).rows
    }

    /// Reconciles a provider's bill.
    pub async fn reconcile(&self, provider: &str, queries: &[&str]) -> Report {
        let rows = self.rows(provider, queries).await;
        let report = reconcile(&self.ledger().await, &self.asked(provider), &rows).await.unwrap();
        let difference = |row: &vg_services::reconcile::ReportRow| {
            row.provider_cost.map_or(0, |cost| cost.0) - row.vg_cost.map_or(0, |cost| cost.0)
        };
        let caused: i128 = report.causes.iter().map(|cause| cause.amount.0).sum();
        assert_eq!(caused, report.rows.iter().map(difference).sum(), "every picodollar has a cause");
        report
    }

    /// Pairs its single requests.
    pub async fn requests(&self, provider: &str, queries: &[&str]) -> Requests {
        let rows = self.rows(provider, queries).await;
        requests(&self.ledger().await, &self.asked(provider), &rows).await.unwrap()
    }
}

fn booked(number: usize, attempt: &Attempt) -> Line {
    let booked = line(attempt.modality, attempt.model, attempt.at, u8::try_from(number % 251).unwrap());
    let booked = Line { usage: attempt.usage, status: attempt.status, ..booked };
    priced(booked, cost(attempt).0, "voice-prices")
}

fn of_the_past(attempt: &Attempt) -> Value {
    let (provider, model) = attempt.model.split_once('/').unwrap();
    let value = |quantity| attempt.usage.value(quantity).unwrap_or(0);
    let at = DateTime::from_timestamp_micros(attempt.at.0).unwrap();
    json!({
        "provider": provider, "model": model, "modality": attempt.modality.as_str(),
        "started_at": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "counts": {
            "input_tokens": value(Quantity::InputTokens),
            "cached_input_tokens": value(Quantity::CachedInputTokens),
            "output_tokens": value(Quantity::OutputTokens),
            "characters": value(Quantity::Characters),
            "audio_seconds": value(Quantity::AudioNanos) as f64 / 1e9,
        },
    })
}
