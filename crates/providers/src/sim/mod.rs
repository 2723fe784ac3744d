//! The provider simulators: one server on one port that plays every provider to its own clients and bills what it
//! served.
//!
//! What the providers share lives here: the meter, the faults, the script, the pacing, the sounds. What each one
//! says on its wire is in its folder's `sim`. Nothing here may use the product's metering, prices or tokenizer:
//! the simulators are the other side of the invoice.

mod admin;
pub(crate) mod bill;
mod faults;
mod gate;
mod listen;
mod meter;
mod mp3;
pub(crate) mod openai_compat;
mod outbox;
mod playback;
mod request;
#[cfg(test)]
pub(crate) mod rig;
mod script;
mod sound;
mod speak;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use faults::{Fault, FaultKind, provider_named};
pub(crate) use listen::{Dialect, Heard, Listening, Utterance, listen, transcribe};
pub(crate) use meter::{Counts, FLICKS_PER_SECOND, SocketClock, Ticket, seconds};
pub(crate) use outbox::Outbox;
pub(crate) use playback::{Playback, Step};
pub(crate) use request::{Query, bearer, is_good, json_response};
pub(crate) use script::Reply;
pub(crate) use sound::{AudioFormat, Encoding, MILLIS_PER_CHARACTER, Wav};
pub(crate) use speak::{Asked, Sound, Speech, Tongue, speak};
pub(crate) use tokens::{count, encode, list, pieces, text};

use axum::{
    Router,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    serve::ListenerExt,
};
use bill::{Accounts, Tariff};
use chrono::{DateTime, Utc};
use faults::FaultPlan;
use meter::Meter;
use script::Script;
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokens::PromptCache;
use tokio::net::TcpListener;
use vg_core::Modality;

/// What a simulator needs to start.
#[derive(Debug)]
pub struct SimOptions {
    /// Where to listen; bind to port 0 for any free port.
    pub listener: TcpListener,
    /// Decides every scripted choice and every id: the same seed and the same requests give the same answers.
    pub seed: u64,
    /// How slow time runs: 1.0 is like the real provider, 0.5 twice as fast, 0 as fast as possible.
    pub pace: f64,
}

/// Plays the providers until the returned future is dropped. `ready` is called once, when the first request would
/// be served without delay.
///
/// # Errors
/// When the listener cannot be served, or `ready` fails.
pub async fn serve(options: SimOptions, ready: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // The tokenizer's table takes a while to build; it must not be paid by the first request's latency.
    tokio::task::spawn_blocking(tokens::warm_up).await.map_err(io::Error::other)?;
    let sim = Sim::new(options.seed, options.pace);
    let listener = options.listener.tap_io(|stream| {
        // Small frames must leave at once: a token held back by Nagle would look like provider latency.
        let _ = stream.set_nodelay(true);
    });
    ready()?;
    axum::serve(listener, router(sim)).await
}

/// The base URLs to give to each provider's client, in the order of their names, for a simulator at `origin`
/// (`http://127.0.0.1:4100`).
pub fn base_urls(origin: &str) -> Vec<(&'static str, String)> {
    vec![
        ("anthropic", format!("{origin}/anthropic")),
        ("assemblyai", format!("{origin}/assemblyai")),
        ("cartesia", format!("{origin}/cartesia")),
        ("deepgram", format!("{origin}/deepgram/v1/listen")),
        ("elevenlabs", format!("{origin}/elevenlabs/v1")),
        ("groq", format!("{origin}/groq/openai/v1")),
        ("kokoro", format!("{origin}/kokoro")),
        ("ollama", format!("{origin}/ollama")),
        ("openai", format!("{origin}/openai/v1")),
        ("piper", format!("{origin}/piper")),
        ("whisper", format!("{origin}/whisper")),
    ]
}

fn router(sim: Sim) -> Router {
    Router::new()
        .nest("/openai/v1", crate::openai::sim::router())
        .nest("/openai", crate::openai::sim::router())
        .nest("/anthropic", crate::anthropic::sim::router())
        .nest("/assemblyai", crate::assemblyai::sim::router())
        .nest("/deepgram", crate::deepgram::sim::router())
        .nest("/cartesia", crate::cartesia::sim::router())
        .nest("/groq/openai/v1", crate::groq::sim::router())
        .nest("/elevenlabs/v1", crate::elevenlabs::sim::router())
        .merge(crate::local::sim::router())
        .merge(admin::router())
        .layer(axum::extract::DefaultBodyLimit::max(64 * 1024 * 1024))
        .with_state(sim)
}

/// The simulated providers' shared state, and who asks for something; clones share it.
#[derive(Clone)]
pub(crate) struct Sim {
    state: Arc<State>,
    /// The id of the key that the request shows; empty without one.
    asker: Arc<str>,
}

impl FromRequestParts<Sim> for Sim {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, sim: &Sim) -> Result<Sim, StatusCode> {
        let asker = request::key_of(parts).map(|key| format!("key_{:016x}", script::hash(0, &key)));
        Ok(Sim { state: Arc::clone(&sim.state), asker: asker.unwrap_or_default().into() })
    }
}

struct State {
    seed: u64,
    pace: f64,
    next_id: AtomicU64,
    meter: Mutex<Meter>,
    tariff: Mutex<Tariff>,
    faults: Mutex<FaultPlan>,
    script: Mutex<Script>,
    prompt_cache: Mutex<PromptCache>,
}

impl Sim {
    fn new(seed: u64, pace: f64) -> Sim {
        let state = State {
            seed,
            pace: if pace.is_finite() { pace.max(0.0) } else { 1.0 },
            next_id: AtomicU64::new(1),
            meter: Mutex::new(Meter::default()),
            tariff: Mutex::new(Tariff::new()),
            faults: Mutex::new(FaultPlan::default()),
            script: Mutex::new(Script::new(seed)),
            prompt_cache: Mutex::new(PromptCache::default()),
        };
        Sim { state: Arc::new(state), asker: Arc::default() }
    }

    /// Accepts one request, or says with which status an ordered fault refuses it. An accepted request carries
    /// the fault that will strike it later, if there is one.
    pub(crate) fn admit(
        &self,
        provider: &'static str,
        modality: Modality,
        model: &str,
    ) -> Result<Ticket, u16> {
        let fault = self.faults().take(provider, modality);
        match fault {
            Some(fault) if fault.kind == FaultKind::Status => {
                self.refuse(provider, modality, model);
                Err(fault.status())
            }
            fault => Ok(Ticket::open(self.clone(), provider, modality, model, fault)),
        }
    }

    /// The status an ordered fault refuses a socket with before any request is made on it.
    pub(crate) fn refused_handshake(&self, provider: &'static str, modality: Modality) -> Option<u16> {
        let fault = self.faults().take_status(provider, modality)?;
        self.refuse(provider, modality, "");
        Some(fault.status())
    }

    /// Books a request that was answered with an error status and is not billed.
    pub(crate) fn refuse(&self, provider: &'static str, modality: Modality, model: &str) {
        let (line, now) = (self.line(provider, modality, model), self.now());
        self.meter().refuse(line, now);
    }

    /// The time of day, for whatever is simulated.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    /// The id of the key that asks.
    pub(crate) fn asker(&self) -> &str {
        &self.asker
    }

    /// Reads a provider's books with the tariff in hand.
    pub(crate) fn with_accounts<T>(
        &self,
        provider: &'static str,
        read: impl FnOnce(&Accounts<'_>) -> T,
    ) -> T {
        let now = self.now();
        let (meter, tariff) = (self.meter(), self.tariff());
        read(&Accounts { provider, books: meter.books(), tariff: &tariff, now })
    }

    /// What a request for a model is billed as, unless more is known of it.
    fn line(&self, provider: &'static str, modality: Modality, model: &str) -> bill::Line {
        bill::Line {
            provider,
            modality,
            model: model.to_owned(),
            product: model.to_owned(),
            is_batch: false,
            api_key: self.asker.to_string(),
        }
    }

    /// Forgets all that was metered, priced, ordered and scripted.
    fn reset(&self) {
        self.meter().clear();
        *self.tariff() = Tariff::new();
        self.faults().clear();
        *self.script() = Script::new(self.state.seed);
        *self.prompt_cache() = PromptCache::default();
        self.state.next_id.store(1, Ordering::Relaxed);
    }

    /// How long `millis` of the provider's time last here.
    pub(crate) fn paced(&self, millis: f64) -> Duration {
        Duration::try_from_secs_f64(millis * self.state.pace / 1000.0).unwrap_or_default()
    }

    /// A fresh id, 32 hexadecimal digits, decided by the seed and the number of ids before it.
    pub(crate) fn hex_id(&self) -> String {
        let number = self.state.next_id.fetch_add(1, Ordering::Relaxed);
        let high = script::mix(self.state.seed ^ number.rotate_left(32));
        format!("{high:016x}{:016x}", script::mix(high ^ number))
    }

    /// A fresh id in the form of a UUID.
    pub(crate) fn uuid(&self) -> String {
        let hex = self.hex_id();
        let mut id = String::with_capacity(36);
        for (place, digit) in hex.chars().enumerate() {
            if matches!(place, 8 | 12 | 16 | 20) {
                id.push('-');
            }
            id.push(digit);
        }
        id
    }

    /// A number decided by the seed and `text`.
    pub(crate) fn draw(&self, text: &str) -> u64 {
        script::hash(self.state.seed, text)
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.state.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn prompt_cache(&self) -> MutexGuard<'_, PromptCache> {
        self.state.prompt_cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.state.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tariff(&self) -> MutexGuard<'_, Tariff> {
        self.state.tariff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, FaultPlan> {
        self.state.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
