//! The clients against the simulated provider.

mod batch;
mod fuzz;
mod listen;

const BASE: &str = "/assemblyai";
const MODEL: &str = "universal-3-5-pro";
