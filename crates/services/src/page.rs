//! Lists too long for one answer.

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What it holds.
    pub rows: Vec<T>,
    /// What to ask for the part behind this one with; `None` when there is none.
    pub next: Option<String>,
}

impl<T> Default for Page<T> {
    /// The only part of an empty list.
    fn default() -> Self {
        Page { rows: Vec::new(), next: None }
    }
}
