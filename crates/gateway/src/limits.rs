//! Caps against abuse, all in one place. The defaults are far above what a voice agent needs; they are no settings,
//! since nobody should have to know them.

use std::time::Duration;

/// What one client may take of the server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once, over all clients; more wait in the listener's backlog.
    pub connections: usize,
    /// Head of a request, in bytes.
    pub head_bytes: usize,
    /// How long a new connection may take to send its first request's head.
    pub first_request_wait: Duration,
    /// How long any request's head may take, counted from the answer before it: how long an idle connection is
    /// kept. LiveKit's client keeps its own for 120 s.
    pub head_wait: Duration,
    /// Body of a request, in bytes: an OpenAI client may upload 25 MB of audio, and a chat may carry images.
    pub body_bytes: usize,
    /// How long a client may take to send a body.
    pub body_wait: Duration,
    /// WebSockets of one key (in an open server: of everybody) at once.
    pub sockets_per_key: usize,
    /// One WebSocket message, in bytes. LiveKit clients send 50 ms of audio in 2.2 kB, and a sentence.
    pub message_bytes: usize,
    /// How long a client may take, after the handshake, to say what it wants.
    pub first_message_wait: Duration,
    /// How long a socket may say nothing at all. A muted caller sends no audio, and LiveKit's pool keeps a socket
    /// for 300 s, so this is long.
    pub socket_idle: Duration,
    /// How old a socket may get.
    pub socket_age: Duration,
    /// How long a message may wait for a client that does not read.
    pub write_wait: Duration,
    /// How long a connection may take nothing at all of an answer that is there. Players of a file pause, so this is
    /// long.
    pub stall_wait: Duration,
    /// How much speech may be ahead of its playing time: a client that lost interest does not always say so.
    pub speech_ahead: Duration,
    /// How long calls may go on after the first signal to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 16_384,
            head_bytes: 64 << 10,
            first_request_wait: Duration::from_secs(10),
            head_wait: Duration::from_secs(150),
            body_bytes: 32 << 20,
            body_wait: Duration::from_secs(60),
            sockets_per_key: 8_192,
            message_bytes: 256 << 10,
            first_message_wait: Duration::from_secs(30),
            socket_idle: Duration::from_secs(30 * 60),
            socket_age: Duration::from_secs(12 * 60 * 60),
            write_wait: Duration::from_secs(10),
            stall_wait: Duration::from_secs(120),
            speech_ahead: Duration::from_secs(60),
            grace: Duration::from_secs(25),
        }
    }
}
