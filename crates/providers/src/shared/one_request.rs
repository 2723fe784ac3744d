//! The meter of one request among several of an attempt. What was sent in it counts unless the provider refused it: a
//! refused request is not billed, though those before it are.

use crate::client::Call;
use std::sync::{Arc, Mutex, PoisonError};
use vg_core::{Usage, call::Tap};

/// The call with a meter for one request of it.
pub fn one_request(call: &Call) -> Call {
    let tap = OneRequest { attempt: Arc::clone(&call.tap), held: Mutex::new(Some(Sent::default())) };
    Call { tap: Arc::new(tap), ..call.clone() }
}

/// What was sent so far.
#[derive(Default)]
struct Sent {
    characters: u64,
    audio_nanos: u64,
}

struct OneRequest {
    attempt: Arc<dyn Tap>,
    /// Held until the request is answered, or cut: then nobody will refuse it any more.
    held: Mutex<Option<Sent>>,
}

impl OneRequest {
    fn hold(&self, characters: u64, audio_nanos: u64) {
        self.attempt.sent();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(sent) => {
                sent.characters += characters;
                sent.audio_nanos += audio_nanos;
            }
            None => tell(&*self.attempt, &Sent { characters, audio_nanos }),
        }
    }

    /// Counts what was held.
    fn counts(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sent) = held {
            tell(&*self.attempt, &sent);
        }
    }
}

fn tell(attempt: &dyn Tap, sent: &Sent) {
    if sent.characters > 0 {
        attempt.sent_text(sent.characters);
    }
    if sent.audio_nanos > 0 {
        attempt.sent_body_audio(sent.audio_nanos);
    }
}

/// A request that is dropped before its answer may have been served.
impl Drop for OneRequest {
    fn drop(&mut self) {
        self.counts();
    }
}

impl Tap for OneRequest {
    fn sent(&self) {
        self.attempt.sent();
    }

    fn sent_text(&self, characters: u64) {
        self.attempt.text_leaves();
        self.hold(characters, 0);
    }

    fn text_leaves(&self) {
        self.attempt.text_leaves();
    }

    fn sent_body_audio(&self, nanos: u64) {
        self.hold(0, nanos);
    }

    fn socket_opened(&self) {
        self.attempt.socket_opened();
    }

    fn audio_socket_opened(&self, bytes_per_second: u32) -> usize {
        self.attempt.audio_socket_opened(bytes_per_second)
    }

    fn sent_audio(&self, socket: usize, bytes: u64) {
        self.attempt.sent_audio(socket, bytes);
    }

    fn reported_audio(&self, socket: usize, nanos: u64) {
        self.attempt.reported_audio(socket, nanos);
    }

    fn reported_session(&self, socket: usize, nanos: u64) {
        self.attempt.reported_session(socket, nanos);
    }

    fn audio_socket_closed(&self, socket: usize) {
        self.attempt.audio_socket_closed(socket);
    }

    fn output(&self) {
        self.counts();
        self.attempt.output();
    }

    fn output_text(&self, text: &str) {
        self.attempt.output_text(text);
    }

    fn received_audio(&self, nanos: u64) {
        self.attempt.received_audio(nanos);
    }

    fn refused(&self, status: u16) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.attempt.refused(status);
    }

    fn reported(&self, usage: &Usage) {
        self.attempt.reported(usage);
    }

    fn reported_more(&self, part: &Usage) {
        self.attempt.reported_more(part);
    }
}

#[cfg(feature = "sim")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rig::Rig;

    #[tokio::test]
    async fn what_was_sent_counts_when_it_is_answered_or_cut_and_not_when_it_is_refused() {
        let rig = Rig::start().await;
        let attempt = rig.call("/", "m");
        let answered = one_request(&attempt);
        answered.tap.sent_text(10);
        assert_eq!(rig.notes().characters, 0);
        answered.tap.output();
        assert_eq!(rig.notes().characters, 10);
        let refused = one_request(&attempt);
        refused.tap.sent_text(20);
        refused.tap.sent_body_audio(5);
        refused.tap.refused(429);
        drop(refused);
        let cut = one_request(&attempt);
        cut.tap.sent_body_audio(7);
        drop(cut);
        let notes = rig.notes();
        assert_eq!((notes.characters, notes.body_audio_nanos, notes.refused), (10, 7, Some(429)));
    }
}
