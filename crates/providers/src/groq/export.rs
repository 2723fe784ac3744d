//! What Groq gives to be checked against: no usage or billing API and no export is documented
//! (<https://console.groq.com/docs>, read 2026-11), only a page of its console, so the canonical columns it is.

use crate::statement::{Columns, Export, tokens};
use vg_core::Modality;

/// What can be read of it.
pub const EXPORT: Export = Export {
    columns: &[tokens(|_| Modality::Llm), Columns::AUDIO_SECONDS, Columns::CHARACTERS],
    formats: &[],
    billing: None,
};
