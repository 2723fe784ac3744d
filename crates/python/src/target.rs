//! `Target`: a resolved model, from which attempts are begun.

use crate::{attempt::Attempt, errors};
use pyo3::{prelude::*, types::PyDict};
use std::{borrow::Cow, sync::Arc};
use vg_core::{RequestId, Routed, provider::Direction};
use vg_engine::{Options, Scope};

/// What routing chose for a conversation: stt, llm, tts, the budget in milliseconds, whether it is overrun.
pub type RoutedModels = (Option<String>, Option<String>, Option<String>, u32, bool);

/// One model at one provider for one project, frozen.
#[pyclass(frozen, module = "voicegateway._native")]
pub struct Target {
    pub(crate) engine: Arc<vg_engine::Engine>,
    pub(crate) inner: Arc<vg_engine::Target>,
}

#[pymethods]
impl Target {
    /// The provider's type, such as `deepgram`.
    #[getter]
    fn provider(&self) -> &str {
        &self.inner.provider_name
    }

    /// `provider/model`, as the ledger names it.
    #[getter]
    fn model_id(&self) -> &str {
        &self.inner.model_id
    }

    /// The model that was asked for; empty for the plugin's default.
    #[getter]
    fn model(&self) -> &str {
        &self.inner.endpoint.model
    }

    /// The model as the provider calls it, with the voice where that is a part of the name.
    #[getter]
    fn billed_model(&self) -> String {
        self.inner.billed_model().into_owned()
    }

    /// The project it is booked to.
    #[getter]
    fn project(&self) -> &str {
        &self.inner.project
    }

    /// The provider's key.
    #[getter]
    fn api_key(&self) -> Option<String> {
        self.inner.endpoint.api_key.as_ref().and_then(|key| key.expose().ok()).map(str::to_owned)
    }

    /// The address in the form the plugin wants.
    #[getter]
    fn base_url(&self) -> Option<&str> {
        self.inner.endpoint.base_url.as_deref()
    }

    /// The language.
    #[getter]
    fn language(&self) -> Option<&str> {
        self.inner.endpoint.language.as_deref()
    }

    /// The voice.
    #[getter]
    fn voice(&self) -> Option<&str> {
        self.inner.endpoint.voice.as_deref()
    }

    /// Further arguments for the plugin's constructor.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        dictionary(py, &self.inner.endpoint.extra)
    }

    /// The further keys of the owner's `providers.<id>`.
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        dictionary(py, &self.inner.settings)
    }

    /// Which of the requests that share a socket a text frame of it belongs to: empty when it names none, `None` when
    /// nothing in it counts.
    #[pyo3(signature = (frame, *, sent))]
    fn context_of(&self, frame: &str, sent: bool) -> Option<String> {
        let direction = if sent { Direction::Sent } else { Direction::Received };
        let read = self.inner.provider.frame(self.inner.modality, direction, frame)?;
        Some(read.context.map(Cow::into_owned).unwrap_or_default())
    }

    /// Begins an attempt.
    #[pyo3(signature = (*, session_id=None, tenant_id=None, agent_id=None, turn=None, request_id=None, probe=false,
                        fallback_from=None, routed=None, model=None, language=None, voice=None, streaming=true))]
    #[expect(clippy::too_many_arguments, reason = "one call across the boundary for each attempt")]
    fn begin(
        &self,
        session_id: Option<&str>,
        tenant_id: Option<&str>,
        agent_id: Option<&str>,
        turn: Option<u32>,
        request_id: Option<&[u8]>,
        probe: bool,
        fallback_from: Option<&str>,
        routed: Option<RoutedModels>,
        model: Option<String>,
        language: Option<String>,
        voice: Option<String>,
        streaming: bool,
    ) -> PyResult<Attempt> {
        let request_id = request_id.and_then(|bytes| RequestId::from_slice(bytes).ok());
        let scope = Scope {
            session_id: session_id.map(Into::into),
            tenant_id: tenant_id.map(Into::into),
            agent_id: agent_id.map(Into::into).or_else(|| self.engine.agent_id()),
            turn,
            request_id,
            probe,
            fallback_from: fallback_from.map(Into::into),
            routed: routed.map(|(stt, llm, tts, budget_ms, budget_overrun)| {
                Arc::new(Routed { stt, llm, tts, budget_ms, budget_overrun })
            }),
            ..Scope::default()
        };
        let options = Options { model, language, voice, streaming };
        let inner = self.engine.admit(&self.inner, scope, options).map_err(|error| errors::engine(&error))?;
        Ok(Attempt { inner })
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.inner)
    }
}

fn dictionary<'py>(
    py: Python<'py>,
    map: &serde_json::Map<String, serde_json::Value>,
) -> PyResult<Bound<'py, PyDict>> {
    let made = PyDict::new(py);
    let json = py.import("json")?;
    for (name, value) in map {
        made.set_item(name, json.call_method1("loads", (value.to_string(),))?)?;
    }
    Ok(made)
}
