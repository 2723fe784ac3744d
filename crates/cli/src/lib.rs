//! The library behind the `voicegw` binary.

pub mod commands;
