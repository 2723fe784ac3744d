//! Tests of Cartesia's clients against its simulator.

mod batch;
mod fuzz;
mod listen;
mod speak;
