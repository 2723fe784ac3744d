//! The desk routes, a file a noun: read the request, call the service, write the answer.

pub(crate) mod health;
