//! One attempt between admission and settlement: what the caller on the provider's wire holds.

use crate::{
    admit::{Options, Scope},
    meter::Meter,
    settle::{self, Outcome, Settled},
    shared::Shared,
    target::Target,
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use vg_core::{
    AttemptId, RequestId, Status, UnixMicros,
    provider::{Direction, Said},
};

/// One try of one request at one provider. All methods may be called from any thread and never block; after
/// settlement they change nothing. Dropping an unsettled attempt settles it as cancelled.
#[derive(Debug)]
pub struct Attempt {
    shared: Arc<Shared>,
    pub(crate) target: Arc<Target>,
    pub(crate) id: AttemptId,
    pub(crate) request_id: RequestId,
    pub(crate) started_at: UnixMicros,
    pub(crate) scope: Scope,
    pub(crate) options: Options,
    /// The process that made it: a fork copies the attempt, and the copy must not settle.
    process: u32,
    meter: Mutex<Meter>,
    settled: OnceLock<Settled>,
}

impl Attempt {
    pub(crate) fn start(
        shared: Arc<Shared>,
        target: Arc<Target>,
        id: AttemptId,
        request_id: RequestId,
        started_at: UnixMicros,
        scope: Scope,
        options: Options,
    ) -> Arc<Attempt> {
        let attempt = Arc::new(Attempt {
            shared,
            target,
            id,
            request_id,
            started_at,
            scope,
            options,
            process: std::process::id(),
            meter: Mutex::new(Meter::start()),
            settled: OnceLock::new(),
        });
        attempt.shared.register(&attempt);
        attempt
    }

    /// The id of this attempt.
    pub fn id(&self) -> AttemptId {
        self.id
    }

    /// The request it belongs to.
    pub fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// The counters, to count on.
    pub fn meter(&self) -> MutexGuard<'_, Meter> {
        // A panic while counting leaves numbers behind that are still the best known.
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what a text frame says, in the words of this attempt's provider. `socket` is the audio socket's
    /// number, if the frame passed on one.
    pub fn frame(&self, direction: Direction, socket: Option<usize>, text: &str) {
        let provider = self.target.provider;
        let Some(frame) = provider.frame(self.target.modality, direction, text) else { return };
        let mut meter = self.meter();
        if frame.context.is_some_and(|context| !meter.is_own_context(direction, &context)) {
            return;
        }
        match (frame.said, socket) {
            (Said::Text(characters), _) => meter.sent_text_frame(characters),
            (Said::Audio(nanos), _) => meter.sent_body_audio(nanos),
            (Said::Output, _) => meter.output(),
            (Said::AudioProcessed(nanos), Some(socket)) => meter.reported_audio(socket, nanos),
            (Said::SessionLasted(nanos), Some(socket)) => meter.reported_session(socket, nanos),
            (Said::AudioProcessed(_) | Said::SessionLasted(_), None) => {}
            (Said::Usage(usage), _) => meter.reported_more(&usage),
            (Said::Refused(status), _) => meter.refused(status),
        }
    }

    /// What a chat model wrote, if the provider did not report what that was in tokens.
    pub(crate) fn unreported_text(&self) -> Option<String> {
        let meter = self.meter();
        (!meter.has_reported_tokens() && !meter.text().is_empty()).then(|| meter.text().to_owned())
    }

    /// Ends the attempt and books it; the first call counts. Returns what was booked, `None` if it was settled
    /// before or belongs to another process.
    pub fn settle(&self, outcome: Outcome<'_>) -> Option<&Settled> {
        if self.process != std::process::id() {
            return None;
        }
        let reading = self.meter().read();
        let mut first = false;
        let settled = self.settled.get_or_init(|| {
            first = true;
            settle::settle(&self.shared, self, &reading, &outcome)
        });
        if first {
            self.shared.unregister(self.id);
            if settled.is_slow {
                tracing::warn!("{}", self.slow_warning(settled));
            }
        }
        first.then_some(settled)
    }

    /// One line about what was booked, for a log: no content, no key.
    pub fn summary(&self) -> String {
        let name = format!("{} {}", self.target.modality, self.target.model_id);
        let Some(settled) = self.settled.get() else { return format!("{name} is running") };
        let cost = settled.cost.map_or_else(|| "unpriced".to_owned(), |cost| format!("${cost}"));
        let duration = settled.latency_micros / 1_000;
        format!("{name} {} in {duration} ms, {cost}, project {}", settled.status, self.target.project)
    }

    fn slow_warning(&self, settled: &Settled) -> String {
        let waited = settled.ttfb_micros.unwrap_or(0) / 1_000;
        let limit = self.shared.warns_above_micros.unwrap_or(0) / 1_000;
        let Target { modality, model_id, .. } = &*self.target;
        format!(
            "{modality} {model_id} took {waited} ms to its first output, above latency.ttfb_warning_ms = {limit}"
        )
    }

    /// What was booked, once it was.
    pub fn settled(&self) -> Option<&Settled> {
        self.settled.get()
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.settle(Outcome::new(Status::Cancelled));
    }
}
