//! Common ground of the providers.

pub mod api_error;
pub mod billing;
#[cfg(test)]
mod fuzz;
pub mod http;
pub mod json_text;
pub mod openai_compat;
#[cfg(test)]
pub mod recorder;
pub mod seconds;
pub mod sse;
