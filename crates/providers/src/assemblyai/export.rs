//! What AssemblyAI gives to be checked against: no usage or billing API and no export is documented
//! (<https://www.assemblyai.com/docs>, read 2026-11), only a page of its dashboard, so the canonical columns it is.

use crate::statement::{Columns, Export};

/// What can be read of it.
pub const EXPORT: Export =
    Export { columns: &[Columns::SESSION_SECONDS, Columns::AUDIO_SECONDS], formats: &[], billing: None };
