//! `Desk`: the questions of the desk, answered by the functions that the command line and the HTTP API ask. Answers
//! are JSON, the bodies of the HTTP routes.
//!
//! A question opens the ledger, reads and closes it again: nothing stays open that a fork could copy.

use crate::errors;
use pyo3::{exceptions::PyValueError, prelude::*};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::runtime::{Builder, Runtime};
use vg_cli::{Environment, settings::Settings};
use vg_core::config::{PerModality, env::active_project};
use vg_services::{
    Error, Ledger, Period,
    budgets::budget_show,
    costs::{CostArgs, cost_summary},
    latency::{LatencyArgs, latency_by_model},
    projects::project_list,
    routing::{Observation, ObservationArgs, observation_list, route_choose},
    status::status,
};

/// How long a question waits for this process's own lines to be in the ledger.
const OWN_LINES: Duration = Duration::from_secs(1);

/// How long the choice of models waits for what was observed.
const ROUTING: Duration = Duration::from_secs(1);

/// The desk of one configuration. Every method blocks for the time of a few reads, without the interpreter lock.
#[pyclass(frozen, module = "voicegateway._native")]
pub struct Desk {
    pub(crate) engine: Arc<vg_engine::Engine>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) environment: Environment,
}

#[pymethods]
impl Desk {
    /// The ledger's URL without its password; `None` when it is off.
    #[getter]
    fn ledger(&self) -> Option<String> {
        self.settings.shown_database()
    }

    /// The configuration, without a secret.
    fn configuration(&self) -> PyResult<String> {
        json(&crate::configuration::shown(&self.settings))
    }

    /// The body of `GET /v1/status`, as `project` sees it.
    #[pyo3(signature = (project=None))]
    fn status(&self, project: Option<&str>) -> PyResult<String> {
        let variable = |name: &str| self.environment.get(name);
        let config = &self.settings.config;
        let active = match project {
            Some(project) => project.to_owned(),
            None => active_project(config, &variable).map_err(|unset| failed(&unset))?,
        };
        json(&status(config, &active, &variable))
    }

    /// The body of `GET /v1/costs`.
    #[pyo3(signature = (period, project=None))]
    fn costs(&self, py: Python<'_>, period: &str, project: Option<String>) -> PyResult<String> {
        let config = &self.settings.config;
        let source = config.tariff(project.as_deref().unwrap_or_default()).stamp().source.to_string();
        let args = CostArgs {
            period: self::period(period)?,
            project,
            pricing_source: Some(source),
            ..CostArgs::default()
        };
        let now = vg_engine::now();
        self.answer(py, async |ledger| cost_summary(ledger, &args, now).await)
    }

    /// The body of `GET /v1/latency`.
    #[pyo3(signature = (period, project=None))]
    fn latency(&self, py: Python<'_>, period: &str, project: Option<String>) -> PyResult<String> {
        let percentiles = self.settings.config.latency.percentiles.clone();
        let args =
            LatencyArgs { period: self::period(period)?, project, percentiles, ..LatencyArgs::default() };
        let now = vg_engine::now();
        self.answer(py, async |ledger| latency_by_model(ledger, &args, now).await)
    }

    /// The body of `GET /v1/projects`.
    fn projects(&self, py: Python<'_>) -> PyResult<String> {
        let now = vg_engine::now();
        self.answer(py, async |ledger| project_list(ledger, &self.settings.config, None, now).await)
    }

    /// The models of a conversation of `project` that begins now (stt, llm, tts), what they are predicted to take
    /// together in milliseconds, whether that is over the budget, and the budget. A model that is given is the only candidate of its modality. A
    /// ledger that does not answer soon holds nobody up: published medians stand in for it.
    #[pyo3(signature = (project, *, stt=None, llm=None, tts=None))]
    fn route(
        &self,
        py: Python<'_>,
        project: &str,
        stt: Option<String>,
        llm: Option<String>,
        tts: Option<String>,
    ) -> PyResult<(String, String, String, f64, bool, u32)> {
        let (config, fixed) = (&self.settings.config, PerModality { stt, llm, tts });
        let route = py.detach(|| {
            let observations = runtime()?.block_on(async {
                let read = self.observations(project);
                tokio::time::timeout(ROUTING, read)
                    .await
                    .unwrap_or(Err(Error::Slow { seconds: ROUTING.as_secs() }))
            });
            let observations = observations.unwrap_or_else(|error| {
                tracing::warn!(error = error.chain(), "models are chosen by published medians");
                Vec::new()
            });
            route_choose(config, project, &fixed, &observations).map_err(|error| errors::desk(&error))
        })?;
        let (predicted_ms, budget_overrun) = (route.predicted_ms(), route.budget_overrun());
        let PerModality { stt, llm, tts } = route.parts;
        Ok((stt.model, llm.model, tts.model, predicted_ms, budget_overrun, route.budget_ms))
    }

    /// Where a project stands against its budget of the UTC day.
    fn budget(&self, py: Python<'_>, project: &str) -> PyResult<String> {
        let now = vg_engine::now();
        self.answer(py, async |ledger| budget_show(ledger, &self.settings.config, project, now).await)
    }
}

impl Desk {
    async fn observations(&self, project: &str) -> Result<Vec<Observation>, Error> {
        let ledger = Ledger::open_as_it_is(self.settings.database_url.as_deref()).await?;
        let args = ObservationArgs { project: Some(project.to_owned()), tenant: None };
        let list = observation_list(&ledger, args, vg_engine::now()).await;
        ledger.close().await;
        Ok(list?.observations)
    }

    fn answer<T: Serialize + Send>(
        &self,
        py: Python<'_>,
        question: impl AsyncFnOnce(&Ledger) -> Result<T, Error> + Send,
    ) -> PyResult<String> {
        let answer = py.detach(|| {
            // What this process just booked is asked for too; a ledger that cannot be written shall not be waited for.
            self.engine.flush(OWN_LINES);
            runtime()?.block_on(async {
                let url = self.settings.database_url.as_deref();
                let ledger = Ledger::open(url, &self.environment.temporary()).await;
                let ledger = ledger.map_err(|error| errors::desk(&error))?;
                let answer = question(&ledger).await.map_err(|error| errors::desk(&error));
                ledger.close().await;
                answer
            })
        })?;
        json(&answer)
    }
}

fn runtime() -> PyResult<Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))
}

fn json(answer: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(answer).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::error::Error) -> PyErr {
    errors::ConfigError::new_err(error.to_string())
}

fn period(word: &str) -> PyResult<Period> {
    Period::ALL.into_iter().find(|period| period.as_str() == word).ok_or_else(|| {
        let words: Vec<_> = Period::ALL.iter().map(|period| period.as_str()).collect();
        PyValueError::new_err(format!("a period is one of {}, not `{word}`", words.join(", ")))
    })
}
