//! Entry point of the `voicegw` binary.

fn main() {}
