//! What clients speak to the gateway, as types: no I/O, no engine. [`openai`] is OpenAI's API.

pub mod openai;
