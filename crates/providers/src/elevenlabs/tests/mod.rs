//! Tests of ElevenLabs' clients against its simulator.

mod batch;
mod fuzz;
mod listen;
mod speak;
