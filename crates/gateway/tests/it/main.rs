//! The server over real sockets.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

mod access;
mod chat;
mod desk;
mod dial;
mod fuzz;
mod server;
mod stt;
mod tts;
