//! LiveKit's sockets. Chat is shared with OpenAI's API and lives in `chat.rs`.

pub(crate) mod stt;
pub(crate) mod tts;

mod cadence;
mod socket;

use socket::{Socket, Visit};
