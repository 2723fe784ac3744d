//! Tests of Deepgram's clients against its simulator.

mod listen;
