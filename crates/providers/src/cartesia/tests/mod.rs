//! Tests of Cartesia's clients against its simulator.

mod speak;
