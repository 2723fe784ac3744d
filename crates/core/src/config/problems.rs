//! What is wrong with a file, all of it at once, and what is merely odd.

use std::fmt;

/// A place in the file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One thing that is wrong or odd, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted key path, empty for the file as a whole.
    pub path: String,
    /// What is wrong, in words.
    pub reason: String,
    /// Where it is written.
    pub at: Position,
    /// The known key that was probably meant.
    pub suggestion: Option<String>,
}

impl Problem {
    pub(super) fn new(path: impl Into<String>, reason: impl Into<String>, at: Position) -> Self {
        Problem { path: path.into(), reason: reason.into(), at, suggestion: None }
    }

    /// The line shown to the owner: `providrs: unknown key (voicegw.yaml:3:1), did you mean 'providers'`.
    fn line(&self, file: &str) -> String {
        let Position { line, column } = self.at;
        let colon = if self.path.is_empty() { "" } else { ": " };
        let mut text = format!("{}{colon}{} ({file}:{line}:{column})", self.path, self.reason);
        if let Some(key) = &self.suggestion {
            text.push_str(&format!(", did you mean '{key}'"));
        }
        text
    }
}

/// The problems of one file, in its order. Displays as one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file's name, as the owner knows it.
    pub file: String,
    /// What was found.
    pub list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &str, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.at);
        Problems { file: file.to_owned(), list }
    }

    /// One line for each problem.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.list.iter().map(|problem| problem.line(&self.file))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The known word nearest to `given`, when it is near enough to have been meant: one slip in three characters.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = given.to_lowercase();
    let slips = |word: &'a str| (strsim::damerau_levenshtein(&lower, &word.to_lowercase()), word);
    let best = known.into_iter().filter(|word| *word != given).map(slips).min_by_key(|(slips, _)| *slips);
    best.filter(|(slips, _)| *slips <= given.chars().count() / 3).map(|(_, word)| word)
}
