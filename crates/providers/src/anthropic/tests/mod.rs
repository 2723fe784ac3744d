//! The client against the simulator, and its translations.

mod fuzz;
mod llm;
mod translation;
