//! What a factory's object stands for: one model at one provider, for one project, with its key. Frozen when the
//! object is built.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};
use vg_core::{Modality, call::Endpoint, provider::Provider};

/// A resolved model, ready for attempts.
pub struct Target {
    /// The provider.
    pub provider: &'static dyn Provider,
    /// The provider's type, as the ledger names it.
    pub provider_name: Arc<str>,
    /// The modality.
    pub modality: Modality,
    /// Where a call goes and as whom. Its `base_url` has the form LiveKit's plugin wants.
    pub endpoint: Arc<Endpoint>,
    /// `provider/model`, as the ledger names it.
    pub model_id: Arc<str>,
    /// The project it is booked to.
    pub project: Arc<str>,
    /// The further keys of the owner's `providers.<id>`, such as `voice_classes` or a local runtime's folder.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl Target {
    /// The ledger's name for a model of this provider: options may have changed it since the object was built.
    pub fn model_id_of(&self, model: &str) -> String {
        format!("{}/{model}", self.provider_name)
    }

    /// The model as the provider names it; see [`Provider::billed_model`].
    pub fn billed_model(&self) -> Cow<'_, str> {
        self.provider.billed_model(self.modality, &self.endpoint.model, self.endpoint.voice.as_deref())
    }

    /// How long its first answer may take, if the owner says so under `providers.<id>.timeout`, in seconds.
    pub fn timeout(&self) -> Option<Duration> {
        let written = self.settings.get("timeout")?;
        let seconds = written.as_f64().or_else(|| written.as_str()?.trim().parse().ok())?;
        Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
    }

    /// The class the owner's configuration gives a voice, under `providers.<id>.voice_classes`.
    pub fn voice_class(&self, voice: &str) -> Option<&str> {
        self.settings.get("voice_classes")?.get(voice)?.as_str()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} {} for {})", self.modality, self.model_id, self.project)
    }
}
