//! The client against the simulator, and its translations.

mod llm;
mod translation;
