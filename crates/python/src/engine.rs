//! `Engine`: one for a process and a configuration.

use crate::{desk::Desk, errors, log, target::Target};
use pyo3::prelude::*;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};
use vg_cli::{Environment, settings::Settings};
use vg_core::Modality;
use vg_engine::{Ask, Collect, Found, Setup};
use vg_services::logs::LogRow;

/// The engine of this process. A forked child must not use its parent's; it opens its own.
#[pyclass(frozen, module = "voicegateway._native")]
pub struct Engine {
    inner: Arc<vg_engine::Engine>,
    environment: Environment,
    /// The file that was named, if one was.
    file: Option<String>,
    settings: RwLock<Arc<Settings>>,
    /// Lines that wait to be taken, as JSON; `None` for an engine with a ledger of its own.
    rows: Option<Arc<Mutex<VecDeque<String>>>>,
}

#[pymethods]
impl Engine {
    /// Reads the configuration, the named one or the one that is found, and opens an engine with it. One that
    /// collects keeps its lines for `take_rows` in place of a ledger.
    #[staticmethod]
    #[pyo3(signature = (environment, file=None, *, collects=false))]
    fn open(
        py: Python<'_>,
        environment: HashMap<String, String>,
        file: Option<String>,
        collects: bool,
    ) -> PyResult<Engine> {
        log::install();
        py.detach(|| {
            let environment = Environment::new(environment);
            let settings = load(file.as_deref(), &environment)?;
            let setup = Setup {
                config: settings.config.clone(),
                variables: environment.all(),
                database_url: settings.database_url.clone(),
            };
            let rows = collects.then(Arc::<Mutex<VecDeque<String>>>::default);
            let inner = match &rows {
                Some(rows) => vg_engine::Engine::open_collecting(setup, collecting(Arc::clone(rows))),
                None => vg_engine::Engine::open(setup),
            };
            let inner = Arc::new(inner.map_err(|error| errors::engine(&error))?);
            Ok(Engine { inner, environment, file, settings: RwLock::new(Arc::new(settings)), rows })
        })
    }

    /// Reads the configuration again; what is built from here on follows it. The ledger's place stays.
    fn reload(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| {
            let settings = load(self.file.as_deref(), &self.environment)?;
            let settings = Settings { database_url: self.settings().database_url.clone(), ..settings };
            self.inner.reload(settings.config.clone());
            *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
            Ok(())
        })
    }

    /// Who answers questions about the ledger and the configuration that holds now.
    #[getter]
    fn desk(&self) -> Desk {
        Desk {
            engine: Arc::clone(&self.inner),
            settings: self.settings(),
            environment: self.environment.clone(),
        }
    }

    /// Takes the lines booked since the last call, each a JSON object with the columns of `GET /v1/logs`.
    fn take_rows(&self) -> Vec<String> {
        let Some(rows) = &self.rows else { return Vec::new() };
        rows.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// The project of requests that name none.
    #[getter]
    fn default_project(&self) -> &str {
        self.inner.default_project()
    }

    /// Whether the owner wants a log line for each request.
    #[getter]
    fn logs_requests(&self) -> bool {
        self.inner.logs_requests()
    }

    /// Mints the id of a conversation.
    fn mint_session_id(&self) -> PyResult<String> {
        self.inner.mint_session_id().map_err(|error| errors::engine(&error))
    }

    /// Resolves a model string.
    #[pyo3(signature = (modality, model, *, project, provider=None, api_key=None, base_url=None, language=None,
                        voice=None))]
    #[expect(clippy::too_many_arguments, reason = "the keywords of a factory")]
    fn resolve(
        &self,
        modality: &str,
        model: Option<&str>,
        project: &str,
        provider: Option<&str>,
        api_key: Option<&str>,
        base_url: Option<&str>,
        language: Option<&str>,
        voice: Option<&str>,
    ) -> PyResult<Target> {
        let ask = Ask { model, provider, api_key, base_url, language, voice, ..Ask::of_project(project) };
        let ask = Ask { modality: parsed(modality)?, ..ask };
        let inner = self.inner.resolve(&ask).map_err(|error| errors::engine(&error))?;
        Ok(Target { engine: Arc::clone(&self.inner), inner })
    }

    /// The chain of a model: its ledger name, its model string spelled out, and the strings of what stands in for it.
    #[pyo3(signature = (modality, model, *, project, provider=None, routed=None))]
    fn chain(
        &self,
        modality: &str,
        model: Option<&str>,
        project: &str,
        provider: Option<&str>,
        routed: Option<&str>,
    ) -> PyResult<(String, String, Vec<String>)> {
        let ask = Ask { modality: parsed(modality)?, model, routed, provider, ..Ask::of_project(project) };
        let chain = self.inner.chain(&ask).map_err(|error| errors::engine(&error))?;
        Ok((chain.asked.to_string(), chain.first, chain.following))
    }

    /// The modalities of a project whose model routing chooses when none is named.
    fn routed_modalities(&self, project: &str) -> Vec<&'static str> {
        self.inner.routed_modalities(project).into_iter().map(Modality::as_str).collect()
    }

    /// The model strings of a project's chain.
    fn fallbacks(&self, modality: &str, project: &str) -> PyResult<Vec<String>> {
        Ok(self.inner.fallbacks(project, parsed(modality)?))
    }

    /// The model strings of a stack, or of the project's own: stt, llm, tts.
    fn stack(&self, project: &str, name: Option<&str>) -> PyResult<[Option<String>; 3]> {
        let stack = self.inner.stack(project, name).map_err(|error| errors::engine(&error))?;
        Ok([stack.stt, stack.llm, stack.tts])
    }

    /// Whether chains are walked in mid-call too.
    #[getter]
    fn walks_chains_in_mid_call(&self) -> bool {
        self.inner.walks_chains_in_mid_call()
    }

    /// A target for an object that was not built by a factory: it has its key and its address already.
    #[pyo3(signature = (modality, provider, model, *, project, base_url=None))]
    fn adopt(
        &self,
        modality: &str,
        provider: &str,
        model: &str,
        project: &str,
        base_url: Option<&str>,
    ) -> PyResult<Target> {
        let modality = parsed(modality)?;
        let inner = self.inner.adopt(&Found { modality, provider, base_url, model, project });
        Ok(Target { engine: Arc::clone(&self.inner), inner })
    }

    /// The same target, its requests booked by this engine.
    fn take_over(&self, target: &Target) -> Target {
        Target { engine: Arc::clone(&self.inner), inner: Arc::clone(&target.inner) }
    }

    /// Waits until every line booked so far is durable, at most `seconds`; returns how many still are not. Blocks:
    /// call it from a thread, not from the event loop.
    fn flush(&self, py: Python<'_>, seconds: f64) -> u64 {
        py.detach(|| self.inner.flush(duration(seconds)))
    }

    /// Settles what is still open as cancelled and flushes. The engine stays usable. Blocks as `flush` does.
    fn close(&self, py: Python<'_>, seconds: f64) -> u64 {
        py.detach(|| self.inner.close(duration(seconds)))
    }

    /// Lets go of the ledger's file before this process forks, within `seconds`. Blocks.
    fn before_fork(&self, py: Python<'_>, seconds: f64) {
        py.detach(|| self.inner.before_fork(duration(seconds)));
    }

    /// Goes on after the fork, in the parent.
    fn after_fork(&self) {
        self.inner.after_fork();
    }

    /// How many lines of this process would survive a `kill -9` now.
    #[getter]
    fn durable_lines(&self) -> u64 {
        self.inner.durable_lines()
    }

    /// Whether there are log records to drain.
    #[getter]
    fn has_log(&self) -> bool {
        log::has_records()
    }

    /// Takes the log records since the last call: Python's level and the message.
    fn drain_log(&self) -> Vec<(u8, String)> {
        log::drain()
    }
}

impl Engine {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) fn load(file: Option<&str>, environment: &Environment) -> PyResult<Settings> {
    let settings = Settings::load(file, environment)
        .map_err(|error| errors::ConfigError::new_err(format!("{error:#}")))?;
    settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    // Without a file the note only tells what holds; with one it names keys that do nothing yet.
    for note in &settings.notes {
        match settings.file {
            Some(_) => tracing::warn!("{note}"),
            None => tracing::info!("{note}"),
        }
    }
    Ok(settings)
}

fn collecting(rows: Arc<Mutex<VecDeque<String>>>) -> Collect {
    Collect::new(move |line| match serde_json::to_string(&LogRow::of(&line)) {
        Ok(row) => rows.lock().unwrap_or_else(PoisonError::into_inner).push_back(row),
        Err(error) => tracing::error!(%error, "a line could not be written as JSON"),
    })
}

pub(crate) fn parsed(modality: &str) -> PyResult<Modality> {
    modality
        .parse()
        .map_err(|error: vg_core::Error| pyo3::exceptions::PyValueError::new_err(error.to_string()))
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
