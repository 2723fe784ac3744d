//! OpenAI's API: chat is shared with LiveKit's wire; transcription, speech and the list of models are here.

pub(crate) mod models;
pub(crate) mod speech;
pub(crate) mod transcription;
