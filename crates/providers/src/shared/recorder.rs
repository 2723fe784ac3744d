//! A meter for tests: it keeps what it was told.

use std::sync::{Mutex, MutexGuard};
use vg_core::{Usage, call::Tap};

/// Keeps everything.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Notes>);

/// What was told.
#[derive(Debug, Default, Clone)]
pub struct Notes {
    pub sent: u32,
    pub outputs: u32,
    pub characters: u64,
    pub body_audio_nanos: u64,
    pub received_nanos: u64,
    pub sockets: u32,
    pub text: String,
    pub refused: Option<u16>,
    pub reported: Usage,
    pub audio: Vec<AudioSocket>,
}

/// A socket that carried audio.
#[derive(Debug, Default, Clone)]
pub struct AudioSocket {
    pub bytes_per_second: u32,
    pub bytes: u64,
    pub reported_nanos: Option<u64>,
    pub reported_session_nanos: Option<u64>,
    pub is_closed: bool,
}

impl Recorder {
    /// What was told so far.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap()
    }
}

impl Tap for Recorder {
    fn sent(&self) {
        self.notes().sent += 1;
    }

    fn sent_text(&self, characters: u64) {
        self.notes().characters += characters;
    }

    fn sent_body_audio(&self, nanos: u64) {
        self.notes().body_audio_nanos += nanos;
    }

    fn socket_opened(&self) {
        self.notes().sockets += 1;
    }

    fn audio_socket_opened(&self, bytes_per_second: u32) -> usize {
        let mut notes = self.notes();
        notes.sockets += 1;
        notes.audio.push(AudioSocket { bytes_per_second, ..AudioSocket::default() });
        notes.audio.len() - 1
    }

    fn sent_audio(&self, socket: usize, bytes: u64) {
        self.notes().audio[socket].bytes += bytes;
    }

    fn reported_audio(&self, socket: usize, nanos: u64) {
        self.notes().audio[socket].reported_nanos = Some(nanos);
    }

    fn reported_session(&self, socket: usize, nanos: u64) {
        self.notes().audio[socket].reported_session_nanos = Some(nanos);
    }

    fn audio_socket_closed(&self, socket: usize) {
        self.notes().audio[socket].is_closed = true;
    }

    fn output(&self) {
        self.notes().outputs += 1;
    }

    fn output_text(&self, text: &str) {
        self.notes().text.push_str(text);
    }

    fn received_audio(&self, nanos: u64) {
        self.notes().received_nanos += nanos;
    }

    fn refused(&self, status: u16) {
        self.notes().refused = Some(status);
    }

    fn reported(&self, usage: &Usage) {
        let mut notes = self.notes();
        notes.reported = usage.or(&notes.reported);
    }

    fn reported_more(&self, part: &Usage) {
        let mut notes = self.notes();
        for (quantity, measured) in part.iter() {
            let before = notes.reported.value(quantity).unwrap_or(0);
            notes.reported.set(quantity, before + measured.value, measured.source);
        }
    }
}
