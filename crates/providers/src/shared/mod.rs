//! Common ground of the providers.

pub mod billing;
