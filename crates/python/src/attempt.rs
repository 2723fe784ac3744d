//! `Attempt`: what the code on the provider's wire counts on, and settles.

use pyo3::{prelude::*, types::PyBytes};
use std::sync::Arc;
use vg_core::{Kind, LineError, Quantity, Source, Status, Usage, provider::Direction};
use vg_engine::{ChatText, Outcome};

/// One try of one request at one provider. Every method returns at once.
#[pyclass(frozen, module = "voicegateway._native")]
pub struct Attempt {
    pub(crate) inner: Arc<vg_engine::Attempt>,
}

#[pymethods]
impl Attempt {
    /// The attempt's id, 16 bytes.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.id().0)
    }

    /// The id of the request it belongs to, 16 bytes.
    #[getter]
    fn request_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.request_id().0)
    }

    /// The request left; nothing came back yet.
    fn sent(&self) {
        self.inner.meter().sent();
    }

    /// Text left, in characters.
    fn sent_text(&self, characters: u64) {
        self.inner.meter().sent_text(characters);
    }

    /// Audio left inside a body, in nanoseconds.
    fn sent_body_audio(&self, nanos: u64) {
        self.inner.meter().sent_body_audio(nanos);
    }

    /// A socket was opened for this attempt.
    fn socket_opened(&self) {
        self.inner.meter().socket_opened();
    }

    /// A socket that carries audio was opened; returns its number.
    fn audio_socket_opened(&self, bytes_per_second: u32) -> usize {
        self.inner.meter().audio_socket_opened(bytes_per_second)
    }

    /// An audio socket closed.
    fn audio_socket_closed(&self, socket: usize) {
        self.inner.meter().audio_socket_closed(socket);
    }

    /// Audio left on a socket, in bytes.
    fn audio_sent(&self, socket: usize, bytes: u64) {
        self.inner.meter().sent_audio(socket, bytes);
    }

    /// A text frame left.
    fn frame_sent(&self, socket: Option<usize>, text: &str) {
        self.inner.frame(Direction::Sent, socket, text);
    }

    /// A text frame came.
    fn frame_received(&self, socket: Option<usize>, text: &str) {
        self.inner.frame(Direction::Received, socket, text);
    }

    /// Output of the model came.
    fn output(&self) {
        self.inner.meter().output();
    }

    /// The provider refused with this status.
    fn refused(&self, status: u16) {
        self.inner.meter().refused(status);
    }

    /// The status the provider gave up with, as seen on the wire.
    #[getter]
    fn refusal(&self) -> Option<u16> {
        self.inner.meter().read().refusal
    }

    /// The provider's usage message; `by_framework` when only LiveKit tells it.
    #[pyo3(signature = (*, input_tokens=None, cached_input_tokens=None, cache_write_tokens=None,
                        input_audio_tokens=None, output_tokens=None, reasoning_tokens=None,
                        output_audio_tokens=None, audio_nanos=None, characters=None, by_framework=false))]
    #[expect(clippy::too_many_arguments, reason = "one keyword for each quantity of a usage message")]
    fn reported(
        &self,
        input_tokens: Option<u64>,
        cached_input_tokens: Option<u64>,
        cache_write_tokens: Option<u64>,
        input_audio_tokens: Option<u64>,
        output_tokens: Option<u64>,
        reasoning_tokens: Option<u64>,
        output_audio_tokens: Option<u64>,
        audio_nanos: Option<u64>,
        characters: Option<u64>,
        by_framework: bool,
    ) {
        let source = if by_framework { Source::FrameworkReported } else { Source::ProviderReported };
        let message = [
            (Quantity::InputTokens, input_tokens),
            (Quantity::CachedInputTokens, cached_input_tokens),
            (Quantity::CacheWriteTokens, cache_write_tokens),
            (Quantity::InputAudioTokens, input_audio_tokens),
            (Quantity::OutputTokens, output_tokens),
            (Quantity::ReasoningTokens, reasoning_tokens),
            (Quantity::OutputAudioTokens, output_audio_tokens),
            (Quantity::AudioNanos, audio_nanos),
            (Quantity::Characters, characters),
        ];
        let mut usage = Usage::UNKNOWN;
        for (quantity, value) in message {
            if let Some(value) = value {
                usage.set(quantity, value, source);
            }
        }
        self.inner.meter().reported(&usage);
    }

    /// Ends the attempt and books it; only the first call counts. `messages`, `tools` and `answer` are the text of a
    /// chat that had no usage message; it is counted and dropped.
    #[pyo3(signature = (status, error_kind=None, error_status=None, error_message=None, messages=None, tools=None,
                        answer=None))]
    #[expect(clippy::too_many_arguments, reason = "one call across the boundary for each attempt")]
    fn settle(
        &self,
        py: Python<'_>,
        status: &str,
        error_kind: Option<&str>,
        error_status: Option<u16>,
        error_message: Option<&str>,
        messages: Option<&str>,
        tools: Option<&str>,
        answer: Option<&str>,
    ) -> PyResult<()> {
        let status: Status = status
            .parse()
            .map_err(|error: vg_core::Error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
        let error = error_kind.map(|word| LineError {
            kind: Kind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Kind::UpstreamFailed),
            status: error_status,
            message: error_message.unwrap_or_default().into(),
        });
        let chat = match (messages, answer) {
            (Some(messages), Some(answer)) => Some(ChatText { messages, tools, answer }),
            _ => None,
        };
        let is_long = chat.is_some();
        let outcome = Outcome { error, chat, ..Outcome::new(status) };
        if is_long {
            // Counting tokens of a long chat takes milliseconds; other threads may run meanwhile.
            py.detach(|| self.inner.settle(outcome));
        } else {
            self.inner.settle(outcome);
        }
        Ok(())
    }

    /// Whether it is booked.
    #[getter]
    fn is_settled(&self) -> bool {
        self.inner.settled().is_some()
    }

    /// One line about what was booked, for a log.
    fn summary(&self) -> String {
        self.inner.summary()
    }
}
