//! What one value may be: words, numbers, amounts, and how each is written.

use super::{
    text::masked,
    tree::{Body, Node},
};
use crate::Money;
use std::{
    fmt::Display,
    ops::{Bound, RangeBounds},
    str::FromStr,
};

/// A closed list of words a key may hold.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// Every word with its meaning.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }
}

/// A value as the file has it, on one line; a secret masked unless it is a variable.
pub(super) fn written(node: &Node, kind: &str) -> Option<String> {
    match &node.body {
        Body::Scalar { text, .. } if kind.starts_with("secret") && !text.starts_with("${") => {
            Some(masked(text))
        }
        Body::Scalar { text, .. } => Some(text.clone()),
        Body::List(items) => {
            let item = |item| {
                let text = written(item, kind)?;
                Some(if text.parse::<f64>().is_ok() { text } else { format!("\"{text}\"") })
            };
            let items: Option<Vec<_>> = items.iter().map(item).collect();
            items.map(|items| format!("[{}]", items.join(", ")))
        }
        Body::Map(_) => None,
    }
}

/// The truth value or number that an unquoted word is.
pub(super) fn literal(text: &str) -> Option<serde_json::Value> {
    match text {
        "True" | "TRUE" => Some(true.into()),
        "False" | "FALSE" => Some(false.into()),
        _ => serde_json::from_str(text)
            .ok()
            .filter(|value: &serde_json::Value| value.is_boolean() || value.is_number()),
    }
}

/// The words, comma-separated.
pub(super) fn one_of<T: Word>() -> String {
    T::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// Reads a word.
pub(super) fn word<T: Word>(text: &str) -> Result<T, String> {
    let found = T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| format!("must be one of {}, not `{text}`", one_of::<T>()))
}

/// Reads a number within `range`; `what` names it in the error.
pub(super) fn number<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: &impl RangeBounds<T>,
    what: &str,
) -> Result<T, String> {
    let number = text.parse::<T>().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("must be {what}{}, not `{text}`", bounds(range)))
}

/// Reads a finite number within `range`.
pub(super) fn finite(text: &str, range: &impl RangeBounds<f64>) -> Result<f64, String> {
    number(text, range, "a number").and_then(|number: f64| {
        if number.is_finite() { Ok(number) } else { Err(format!("must be a number, not `{text}`")) }
    })
}

/// The range in words.
pub(super) fn bounds<T: PartialOrd + Display>(range: &impl RangeBounds<T>) -> String {
    let start = match range.start_bound() {
        Bound::Included(start) => format!(" of at least {start}"),
        Bound::Excluded(start) => format!(" above {start}"),
        Bound::Unbounded => String::new(),
    };
    match range.end_bound() {
        Bound::Included(end) => format!("{start} and at most {end}"),
        Bound::Excluded(end) => format!("{start} and below {end}"),
        Bound::Unbounded => start,
    }
}

/// Reads a decimal exactly; twelve places are a picodollar.
pub(super) fn dollars(text: &str) -> Result<Money, String> {
    let wrong = || format!("must be an amount in USD of at least 0, such as 25.50, not `{text}`");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction:0<12}");
    if text.is_empty() || text == "." || fraction.len() > 12 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let money = digits.parse().map(Money).map_err(|_| wrong())?;
    money.to_column().map(|_| money).map_err(|_| "must be at most 9223372 USD".to_owned())
}
