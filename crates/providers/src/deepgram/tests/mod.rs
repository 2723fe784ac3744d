//! Tests of Deepgram's clients against its simulator.

mod batch;
mod flux;
mod fuzz;
mod joining;
mod listen;
mod speak;
