//! The commands, each named by its path.

pub(crate) mod init;
pub(crate) mod prices;
pub(crate) mod sim;
pub(crate) mod status;
