//! Stage `admit`: the only way to an [`Attempt`]. A scope without a limit never touches the store.

use crate::{Engine, Error, attempt::Attempt, clock, target::Target};
use std::sync::Arc;
use vg_core::{RequestId, Routed};

/// Facts without a column, by name.
pub type Facts = Arc<[(&'static str, Box<str>)]>;

/// What a request is booked to, as it was when the request was made.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The conversation.
    pub session_id: Option<Arc<str>>,
    /// The tenant.
    pub tenant_id: Option<Arc<str>>,
    /// The agent.
    pub agent_id: Option<Arc<str>>,
    /// The turn of the conversation.
    pub turn: Option<u32>,
    /// The request this is an attempt of; none makes a new one.
    pub request_id: Option<RequestId>,
    /// A health probe, not a conversation's request.
    pub probe: bool,
    /// Further facts for the line, such as the LiveKit room, by name.
    pub facts: Option<Facts>,
    /// What routing chose for the conversation, to be told by this line.
    pub routed: Option<Arc<Routed>>,
    /// The model asked for, if the attempt goes to a fallback of it.
    pub fallback_from: Option<Arc<str>>,
}

/// What an attempt asks of its model, as it stands when the attempt starts: options may have changed since the
/// object was built.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The model, without provider; none is the target's.
    pub model: Option<String>,
    /// The language.
    pub language: Option<String>,
    /// The voice.
    pub voice: Option<String>,
    /// Whether audio or text is streamed, not sent as one body.
    pub streaming: bool,
}

impl Options {
    /// The same in the words that were asked for: a plugin calls its model as the provider does, voice included.
    fn worded_as_asked(mut self, target: &Target) -> Options {
        let billed = target.billed_model();
        if billed != target.endpoint.model && self.model.as_deref() == Some(&*billed) {
            self.model = None;
            self.voice.clone_from(&target.endpoint.voice);
        }
        self
    }
}

impl Engine {
    /// Admits one attempt and starts its meter. The attempt settles when it is dropped, at the latest.
    ///
    /// # Errors
    /// When the kernel gives no randomness for an id.
    pub fn admit(&self, target: &Arc<Target>, scope: Scope, options: Options) -> Result<Arc<Attempt>, Error> {
        let started_at = clock::now();
        let id = clock::attempt_id(started_at)?;
        let request_id = match scope.request_id {
            Some(request_id) => request_id,
            None => RequestId(id.0),
        };
        let options = options.worded_as_asked(target);
        Ok(Attempt::start(self.shared(), Arc::clone(target), id, request_id, started_at, scope, options))
    }
}
