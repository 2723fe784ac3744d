//! Common ground of the providers.

pub mod billing;
pub mod http;
pub mod openai_compat;
#[cfg(test)]
pub mod recorder;
pub mod seconds;
pub mod sse;
