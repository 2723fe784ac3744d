//! The library behind the `voicegw` binary.
