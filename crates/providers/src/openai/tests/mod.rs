//! The clients against the simulator: what comes, what the meter is told, and what the simulator bills.

mod fuzz;
mod llm;
mod stt;
mod tts;

const BASE: &str = "/openai/v1";
