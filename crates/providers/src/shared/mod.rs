//! Common ground of the providers.

pub mod billing;
pub mod seconds;
