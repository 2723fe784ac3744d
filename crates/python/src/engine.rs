//! `Engine`: one for a process.

use crate::{errors, log, target::Target};
use pyo3::prelude::*;
use std::{collections::HashMap, sync::Arc, time::Duration};
use vg_cli::{Environment, settings::Settings};
use vg_core::Modality;
use vg_engine::{Ask, Setup};

/// The engine of this process. A forked child must not use its parent's; it opens its own.
#[pyclass(frozen, module = "voicegateway._native")]
pub struct Engine {
    inner: Arc<vg_engine::Engine>,
}

#[pymethods]
impl Engine {
    /// Finds and reads the configuration, and opens an engine with it.
    #[staticmethod]
    fn open(py: Python<'_>, environment: HashMap<String, String>) -> PyResult<Engine> {
        log::install();
        py.detach(|| {
            let settings = Settings::load(None, &Environment::new(environment.clone()))
                .map_err(|error| errors::ConfigError::new_err(format!("{error:#}")))?;
            settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            // Without a file the note only tells what holds; with one it names keys that do nothing yet.
            for note in &settings.notes {
                match settings.file {
                    Some(_) => tracing::warn!("{note}"),
                    None => tracing::info!("{note}"),
                }
            }
            let setup = Setup {
                config: settings.config,
                variables: environment,
                database_url: settings.database_url,
            };
            let inner = vg_engine::Engine::open(setup).map_err(|error| errors::engine(&error))?;
            Ok(Engine { inner: Arc::new(inner) })
        })
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
        let ask =
            Ask { modality: parsed(modality)?, model, project, provider, api_key, base_url, language, voice };
        let inner = self.inner.resolve(&ask).map_err(|error| errors::engine(&error))?;
        Ok(Target { engine: Arc::clone(&self.inner), inner })
    }

    /// The chain of a model: its ledger name, its model string spelled out, and the strings of what stands in for it.
    #[pyo3(signature = (modality, model, *, project, provider=None))]
    fn chain(
        &self,
        modality: &str,
        model: Option<&str>,
        project: &str,
        provider: Option<&str>,
    ) -> PyResult<(String, String, Vec<String>)> {
        let ask = Ask { modality: parsed(modality)?, model, provider, ..Ask::of_project(project) };
        let chain = self.inner.chain(&ask).map_err(|error| errors::engine(&error))?;
        Ok((chain.asked.to_string(), chain.first, chain.following))
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

fn parsed(modality: &str) -> PyResult<Modality> {
    let wrong = |error: vg_core::Error| pyo3::exceptions::PyValueError::new_err(error.to_string());
    modality.parse().map_err(wrong)
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
