//! An attempt's meter as a provider's client sees it.

use crate::attempt::Attempt;
use vg_core::{Usage, call::Tap};

impl Tap for Attempt {
    fn sent(&self) {
        self.meter().sent();
    }

    fn sent_text(&self, characters: u64) {
        self.meter().sent_text_frame(characters);
    }

    fn text_leaves(&self) {
        self.meter().text_leaves();
    }

    fn sent_body_audio(&self, nanos: u64) {
        self.meter().sent_body_audio(nanos);
    }

    fn socket_opened(&self) {
        self.meter().socket_opened();
    }

    fn audio_socket_opened(&self, bytes_per_second: u32) -> usize {
        self.meter().audio_socket_opened(bytes_per_second)
    }

    fn sent_audio(&self, socket: usize, bytes: u64) {
        self.meter().sent_audio(socket, bytes);
    }

    fn reported_audio(&self, socket: usize, nanos: u64) {
        self.meter().reported_audio(socket, nanos);
    }

    fn reported_session(&self, socket: usize, nanos: u64) {
        self.meter().reported_session(socket, nanos);
    }

    fn audio_socket_closed(&self, socket: usize) {
        self.meter().audio_socket_closed(socket);
    }

    fn output(&self) {
        self.meter().output();
    }

    fn output_text(&self, text: &str) {
        self.meter().output_text(text);
    }

    fn received_audio(&self, nanos: u64) {
        self.meter().received_audio(nanos);
    }

    fn refused(&self, status: u16) {
        self.meter().refused(status);
    }

    fn reported(&self, usage: &Usage) {
        self.meter().reported(usage);
    }

    fn reported_more(&self, part: &Usage) {
        self.meter().reported_more(part);
    }
}
