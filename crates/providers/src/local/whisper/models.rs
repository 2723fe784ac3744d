//! The names of Whisper models.

/// A size as OpenAI names it, and the repository of the model in faster-whisper's form: the table of faster-whisper 1.2.1
/// (`faster_whisper/utils.py`, read 2026-11), by which its servers name their models.
const REPOSITORIES: [(&str, &str); 19] = [
    ("tiny.en", "Systran/faster-whisper-tiny.en"),
    ("tiny", "Systran/faster-whisper-tiny"),
    ("base.en", "Systran/faster-whisper-base.en"),
    ("base", "Systran/faster-whisper-base"),
    ("small.en", "Systran/faster-whisper-small.en"),
    ("small", "Systran/faster-whisper-small"),
    ("medium.en", "Systran/faster-whisper-medium.en"),
    ("medium", "Systran/faster-whisper-medium"),
    ("large-v1", "Systran/faster-whisper-large-v1"),
    ("large-v2", "Systran/faster-whisper-large-v2"),
    ("large-v3", "Systran/faster-whisper-large-v3"),
    ("large", "Systran/faster-whisper-large-v3"),
    ("distil-large-v2", "Systran/faster-distil-whisper-large-v2"),
    ("distil-medium.en", "Systran/faster-distil-whisper-medium.en"),
    ("distil-small.en", "Systran/faster-distil-whisper-small.en"),
    ("distil-large-v3", "Systran/faster-distil-whisper-large-v3"),
    ("distil-large-v3.5", "distil-whisper/distil-large-v3.5-ct2"),
    ("large-v3-turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo"),
    ("turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo"),
];

/// What a server calls the model: the repository of a known size. Any other name is the owner's own.
pub(in crate::local) fn served_name(model: &str) -> &str {
    REPOSITORIES.iter().find(|(size, _)| *size == model).map_or(model, |(_, repository)| repository)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_repositories_and_other_names_stay() {
        assert_eq!(served_name("large-v3"), "Systran/faster-whisper-large-v3");
        assert_eq!(served_name("turbo"), "mobiuslabsgmbh/faster-whisper-large-v3-turbo");
        assert_eq!(served_name("me/my-whisper"), "me/my-whisper");
    }
}
