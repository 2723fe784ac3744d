//! One call's tries: which candidate is next, the attempt that books it, and what its end tells health.
//!
//! The chain is walked from its head; a candidate whose circuit is open comes after those whose circuit is not. One
//! that said it will refuse again is not asked again; the others get their further tries after the whole chain was
//! walked, since another provider at once beats the same one later.

use crate::{
    Engine,
    admit::{Options, Scope},
    attempt::Attempt,
    route::{Candidate, Patience, Plan},
    settle::Outcome,
    target::Target,
};
use std::{sync::Arc, time::Duration};
use vg_core::{
    LineError, Status,
    call::{Failure, Retry, Tap},
};
use vg_providers::client::Call;

/// Before the chain is walked again: the first time, doubled each further time.
const BACKOFF: Duration = Duration::from_millis(100);
/// What a ledger line keeps of a failure's message, in characters.
const LONGEST_MESSAGE: usize = 300;

/// The tries of one call.
pub(crate) struct Tries {
    engine: Engine,
    plan: Plan,
    scope: Scope,
    /// Whether audio or text is streamed.
    streaming: bool,
    /// The candidates not asked yet in this walk along the chain, by position.
    ahead: Vec<usize>,
    /// How often the chain was walked to its end.
    rounds: u32,
    /// Candidates that are not asked again.
    out: Vec<bool>,
    /// The last failure.
    failure: Option<Failure>,
}

/// One try: an attempt that runs.
pub(crate) struct Try {
    engine: Engine,
    pub(crate) position: usize,
    pub(crate) candidate: Candidate,
    pub(crate) attempt: Arc<Attempt>,
    /// How to call the candidate. Its patience is that for a connection; a caller may set another.
    pub(crate) call: Call,
    /// How long to wait for what: the plan's, or more where a model may have to be loaded first.
    pub(crate) patience: Patience,
    /// Whether its circuit is half-open and waits for how this ends.
    is_probe: bool,
}

impl Tries {
    pub(crate) fn new(engine: Engine, plan: Plan, scope: Scope, streaming: bool) -> Tries {
        let out = vec![false; plan.candidates.len()];
        let ahead = (0..out.len()).collect();
        Tries { engine, plan, scope, streaming, ahead, rounds: 0, out, failure: None }
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Resolves when every call must end.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + '_ {
        self.engine.shared.calls.stopped()
    }

    /// Begins the next try, after a pause if the chain is walked again.
    ///
    /// # Errors
    /// The last failure, when nothing is left to try.
    pub(crate) async fn next(&mut self) -> Result<Try, Failure> {
        loop {
            if let Some((position, candidate)) = self.pick() {
                return self.begin(position, candidate);
            }
            if self.rounds >= self.plan.patience.retries || self.out.iter().all(|out| *out) {
                return Err(self.exhausted());
            }
            tokio::time::sleep(jittered(BACKOFF.saturating_mul(1 << self.rounds.min(6)))).await;
            self.rounds += 1;
            let is_in = |position: &usize| self.out.get(*position) == Some(&false);
            self.ahead = (0..self.out.len()).filter(is_in).collect();
        }
    }

    /// The next candidate of this walk: the first whose circuit is not open, or else the first.
    fn pick(&mut self) -> Option<(usize, Candidate)> {
        let candidate = |position: usize| self.plan.candidates.get(position);
        let health = &self.engine.shared.health;
        let is_well = |position: &usize| candidate(*position).is_some_and(|c| !health.is_open(&c.target));
        let place = self.ahead.iter().position(is_well).unwrap_or(0);
        let position = *self.ahead.get(place)?;
        let picked = candidate(position)?.clone();
        self.ahead.remove(place);
        Some((position, picked))
    }

    /// Whether another candidate could be asked right now, without a pause.
    pub(crate) fn has_another(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Waits until the asker was told of a failure; one that does not listen is not waited for when every call
    /// must end.
    pub(crate) async fn tell(&self, telling: impl Future) {
        tokio::select! {
            biased;
            _ = telling => {}
            () = self.stopped() => {}
        }
    }

    fn exhausted(&mut self) -> Failure {
        self.failure.take().unwrap_or_else(|| Failure::dropped("no candidate could be called"))
    }

    fn begin(&mut self, position: usize, candidate: Candidate) -> Result<Try, Failure> {
        let target = &candidate.target;
        let is_fallback = target.model_id != self.plan.asked;
        let scope =
            Scope { fallback_from: is_fallback.then(|| Arc::clone(&self.plan.asked)), ..self.scope.clone() };
        let options = Options {
            model: None,
            language: target.endpoint.language.clone(),
            voice: target.endpoint.voice.clone(),
            streaming: self.streaming,
        };
        let attempt = self
            .engine
            .admit(target, scope, options)
            .map_err(|error| Failure { kind: error.kind(), ..Failure::bad_request(error.to_string()) })?;
        // Further attempts belong to the same request.
        self.scope.request_id = Some(attempt.request_id());
        let tap: Arc<dyn Tap> = Arc::clone(&attempt) as Arc<dyn Tap>;
        let patience = self.patience(target);
        let call = Call {
            network: self.engine.shared.network()?,
            endpoint: Arc::clone(&target.endpoint),
            tap,
            connect_timeout: patience.connect,
        };
        let is_probe = self.engine.shared.health.begins(target);
        Ok(Try { engine: self.engine.clone(), position, candidate, attempt, call, patience, is_probe })
    }

    /// How long a candidate is waited for. A runtime that must read its model from disk is given the time for that,
    /// unless another candidate can answer at once; what the owner says holds in any case.
    fn patience(&self, target: &Target) -> Patience {
        let time = match target.timeout() {
            Some(time) => time,
            None if self.has_another() => Duration::ZERO,
            None => target.provider.warm_up(),
        };
        self.plan.patience.at_least(time)
    }

    /// Ends a try that failed, and remembers why.
    pub(crate) fn failed(&mut self, tried: &Try, failure: Failure, outcome: Outcome<'_>) {
        let target = &tried.candidate.target;
        self.engine.shared.health.failed(target, &failure, &self.engine.shared.config().failover);
        if failure.retry == Retry::Elsewhere
            && let Some(out) = self.out.get_mut(tried.position)
        {
            *out = true;
        }
        if failure.retry == Retry::Never {
            self.out.fill(true);
            self.ahead.clear();
        }
        tracing::warn!(model = &*target.model_id, %failure, "an attempt failed");
        tried.attempt.settle(Outcome { error: Some(booked(&failure)), ..outcome });
        self.failure = Some(failure);
    }

    /// Notes that a try's provider answers; it goes on.
    pub(crate) fn answered(&self, tried: &Try) {
        self.engine.shared.health.succeeded(&tried.candidate.target);
    }

    /// Ends a try that was answered to the end.
    pub(crate) fn succeeded(&self, tried: &Try, outcome: Outcome<'_>) {
        self.answered(tried);
        tried.attempt.settle(Outcome { status: Status::Success, ..outcome });
    }
}

/// A try that nobody waits for any more is cancelled, and its candidate may be probed by another.
impl Drop for Try {
    fn drop(&mut self) {
        self.attempt.settle(Outcome::new(Status::Cancelled));
        if self.is_probe {
            self.engine.shared.health.probed(&self.candidate.target);
        }
    }
}

/// A failure as a ledger line keeps it.
fn booked(failure: &Failure) -> LineError {
    let message: String = failure.message.chars().take(LONGEST_MESSAGE).collect();
    LineError { kind: failure.kind, status: failure.status, message: message.into() }
}

/// Half to one and a half of a pause, so that callers do not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [128];
    // Without randomness the pause is just not jittered.
    let _ = getrandom::fill(&mut byte);
    pause.mul_f64(0.5 + f64::from(byte[0]) / 255.0)
}
