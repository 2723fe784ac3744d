//! What ElevenLabs gives to be checked against: the canonical columns.

use crate::statement::{Columns, Export};

/// What can be read of it.
pub const EXPORT: Export = Export { columns: &[Columns::CHARACTERS, Columns::AUDIO_SECONDS], formats: &[] };
