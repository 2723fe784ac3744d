//! LiveKit's inference wire, as its clients speak it (Python `livekit-agents` 1.7 to 1.8, Node `@livekit/agents`
//! 1.9). Tolerant of what comes in, since clients differ; strict about what goes out, since a `null` where a number
//! is expected kills a Python stream.

pub mod headers;
mod input;
mod output;
pub mod stt;
pub mod tts;

pub use input::{Connection, Fallback, Unreadable, hinted_model};
