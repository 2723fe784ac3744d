//! `docs/reference/configuration.md`: every key of `voicegw.yaml` and every environment variable, from the readers
//! that read them.

/// The page's text.
pub fn text() -> String {
    vg_core::config::reference::markdown()
}
