//! What clients speak to the gateway, as types: no I/O, no engine. [`livekit`] is LiveKit's inference wire, [`openai`]
//! is OpenAI's API.

pub mod livekit;
pub mod openai;
