//! One folder per provider: what it is, what it bills, which price that is, and the simulator that plays it.
//!
//! A provider never names another one; common ground lives in `shared`. Adding a provider is its folder and
//! one line in [`registry`].

pub mod anthropic;
pub mod assemblyai;
pub mod cartesia;
pub mod client;
pub mod deepgram;
pub mod elevenlabs;
pub mod groq;
pub mod local;
pub mod openai;
pub mod registry;
mod shared;
#[cfg(feature = "sim")]
pub mod sim;
pub mod speech;
pub mod statement;
pub mod unlisted;
