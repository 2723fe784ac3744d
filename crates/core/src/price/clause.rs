//! Match clauses: the conditions a model, a provider or a URL is recognised by.

use std::fmt;
use std::sync::OnceLock;

use fancy_regex::Regex;

use super::python_text::lower;

/// A condition on a lower-cased text. Literals are stored lower-cased.
#[derive(Debug)]
pub(super) enum Clause {
    Equals(Box<str>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Contains(Box<str>),
    Regex(Pattern),
    Or(Box<[Clause]>),
    And(Box<[Clause]>),
}

impl Clause {
    /// Makes a clause over one literal; `None` if the kind is not known.
    pub(super) fn literal(kind: &str, text: &str) -> Option<Self> {
        let literal = || lower(text).into();
        Some(match kind {
            "equals" => Self::Equals(literal()),
            "starts_with" => Self::StartsWith(literal()),
            "ends_with" => Self::EndsWith(literal()),
            "contains" => Self::Contains(literal()),
            "regex" => Self::Regex(Pattern::new(text)),
            _ => return None,
        })
    }

    /// Whether the clause accepts `text`, which the caller has lower-cased.
    pub(super) fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Equals(literal) => text == &**literal,
            Self::StartsWith(literal) => text.starts_with(&**literal),
            Self::EndsWith(literal) => text.ends_with(&**literal),
            Self::Contains(literal) => contains(text, literal),
            Self::Regex(pattern) => pattern.is_found_in(text),
            Self::Or(clauses) => clauses.iter().any(|clause| clause.accepts(text)),
            Self::And(clauses) => clauses.iter().all(|clause| clause.accepts(text)),
        }
    }

    /// Takes the alternatives that are plain `equals` literals out of the clause, handing each to `take`, and gives
    /// what is left: `None` if nothing is.
    pub(super) fn split_off_literals(self, take: &mut impl FnMut(Box<str>)) -> Option<Self> {
        match self {
            Self::Equals(literal) => {
                take(literal);
                None
            }
            Self::Or(clauses) => {
                let rest: Box<[Self]> =
                    clauses.into_iter().filter_map(|clause| clause.split_off_literals(take)).collect();
                if rest.is_empty() { None } else { Some(Self::Or(rest)) }
            }
            other => Some(other),
        }
    }

    /// The regular expressions in the clause, at any depth.
    pub(super) fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::Regex(pattern) => vec![pattern],
            Self::Or(clauses) | Self::And(clauses) => clauses.iter().flat_map(Self::patterns).collect(),
            _ => Vec::new(),
        }
    }
}

/// `str::contains` for names: both are short, so preparing a faster search costs more than it saves.
fn contains(text: &str, literal: &str) -> bool {
    let (text, literal) = (text.as_bytes(), literal.as_bytes());
    literal.is_empty()
        || text.windows(literal.len()).any(|window| window.first() == literal.first() && window == literal)
}

/// A regular expression in Python's syntax, compiled when first used: most never are.
pub(super) struct Pattern {
    source: Box<str>,
    compiled: OnceLock<Option<Box<Regex>>>,
}

impl Pattern {
    /// A pattern to be found anywhere, as `re.search` does.
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.into(), compiled: OnceLock::new() }
    }

    /// A pattern to be found at the start, as `re.match` does.
    pub(super) fn anchored(source: &str) -> Self {
        Self::new(&format!(r"\A(?:{source})"))
    }

    /// Compiles the pattern for good, so that it can be refused before it is used.
    pub(super) fn compile(&self) -> Result<(), Box<fancy_regex::Error>> {
        let compiled = Regex::new(&self.source)?;
        // A second call finds the same pattern compiled already.
        let _ = self.compiled.set(Some(Box::new(compiled)));
        Ok(())
    }

    /// Whether the pattern matches. Running out of backtracking steps counts as no match.
    pub(super) fn is_found_in(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.source).ok().map(Box::new));
        compiled.as_ref().is_some_and(|regex| regex.is_match(text).unwrap_or(false))
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}
