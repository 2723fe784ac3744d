//! Common ground of the providers.

pub mod api_error;
pub mod billing;
#[cfg(test)]
mod fuzz;
pub mod http;
pub mod json_text;
pub mod lenient;
pub mod listening;
pub mod multipart;
pub mod one_request;
pub mod openai_compat;
pub mod pcm;
pub mod progress;
pub mod query;
#[cfg(test)]
pub mod recorder;
pub mod resample;
pub mod seconds;
pub mod speaking;
pub mod speech_file;
pub mod sse;
pub mod texts;
pub mod wav;
pub mod websocket;
