//! Strings of the file: with variables put in, with the unset ones remembered, and secrets masked.

use serde::{Serialize, Serializer};
use std::fmt;

/// A string of the file after `${VAR}` was put in. An unset variable is no error until somebody needs the
/// string, so it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    value: String,
    unset: Vec<String>,
}

/// A value was needed whose variable is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable `{variable}` is not set")]
pub struct Unset {
    /// The first variable that is missing.
    pub variable: String,
}

impl Text {
    /// Puts variables into `written`: `${VAR}`, or `${VAR:-default}` for one that is unset or empty. What is
    /// put in is never read again, so it can hold anything. Anything else after a `$` stays as it is.
    pub fn substitute(written: &str, env: &dyn Fn(&str) -> Option<String>) -> Text {
        let mut text = Text::default();
        let mut rest = written;
        while let Some((before, from)) = rest.split_once("${") {
            text.value.push_str(before);
            match from.split_once('}').and_then(|(inside, after)| Some((reference(inside)?, after))) {
                Some(((variable, default), after)) => {
                    text.insert(variable, default, env);
                    rest = after;
                }
                None => {
                    text.value.push_str("${");
                    rest = from;
                }
            }
        }
        text.value.push_str(rest);
        text
    }

    fn insert(&mut self, variable: &str, default: Option<&str>, env: &dyn Fn(&str) -> Option<String>) {
        match (env(variable), default) {
            (Some(value), Some(default)) if value.is_empty() => self.value.push_str(default),
            (Some(value), _) => self.value.push_str(&value),
            (None, Some(default)) => self.value.push_str(default),
            (None, None) => self.unset.push(variable.to_owned()),
        }
    }

    /// The string, for use.
    ///
    /// # Errors
    /// [`Unset`] when it was written with a variable that is not set.
    pub fn get(&self) -> Result<&str, Unset> {
        match self.unset.first() {
            None => Ok(&self.value),
            Some(variable) => Err(Unset { variable: variable.clone() }),
        }
    }

    /// The string with nothing in place of unset variables, for display.
    pub fn shown(&self) -> &str {
        &self.value
    }

    /// The variables that are not set.
    pub(super) fn unset(&self) -> &[String] {
        &self.unset
    }

    /// Whether nothing was written: no characters, and no variable that could have given some.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty() && self.unset.is_empty()
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        Text { value: value.to_owned(), unset: Vec::new() }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.value)
    }
}

/// Splits `VAR` or `VAR:-default`; `None` when it does not begin with a variable's name.
fn reference(inside: &str) -> Option<(&str, Option<&str>)> {
    let (variable, default) = match inside.split_once(":-") {
        Some((variable, default)) => (variable, Some(default)),
        None => (inside, None),
    };
    let first = variable.chars().next()?;
    let named = (first.is_ascii_alphabetic() || first == '_')
        && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    named.then_some((variable, default))
}

/// Keys that a section leaves to somebody else, such as a provider's adapter, as JSON.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extra {
    pub(super) values: serde_json::Map<String, serde_json::Value>,
    pub(super) unset: Vec<String>,
}

impl Extra {
    /// The keys and their values, for use.
    ///
    /// # Errors
    /// [`Unset`] when one was written with a variable that is not set.
    pub fn get(&self) -> Result<&serde_json::Map<String, serde_json::Value>, Unset> {
        match self.unset.first() {
            None => Ok(&self.values),
            Some(variable) => Err(Unset { variable: variable.clone() }),
        }
    }
}

/// A key or token. Shows itself only masked, in debug output and in every serialized form.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Text);

impl Secret {
    /// The secret itself; for the call that needs it and nothing else.
    ///
    /// # Errors
    /// [`Unset`] when it was written with a variable that is not set.
    pub fn expose(&self) -> Result<&str, Unset> {
        self.0.get()
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Text> for Secret {
    fn from(text: Text) -> Self {
        Secret(text)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Secret(Text::from(value))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(self.0.shown()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A secret as it may be shown: nothing for nothing, stars up to eight characters, else both ends.
pub fn masked(secret: &str) -> String {
    let length = secret.chars().count();
    if length <= 8 {
        return "*".repeat(length);
    }
    let head: String = secret.chars().take(4).collect();
    let tail: String = secret.chars().skip(length - 4).collect();
    format!("{head}...{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "KEY" => Some("secret: [x]\n".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn put(written: &str) -> Text {
        Text::substitute(written, &env)
    }

    #[test]
    fn variables_are_put_in_verbatim() {
        assert_eq!(put("a-${KEY}-${KEY}").get(), Ok("a-secret: [x]\n-secret: [x]\n"));
        assert_eq!(put("${NONE:-http://host}").get(), Ok("http://host"));
        assert_eq!(put("${NONE:-}").get(), Ok(""));
        assert_eq!(put("${EMPTY:-d}").get(), Ok("d"));
        assert_eq!(put("${EMPTY}").get(), Ok(""));
    }

    #[test]
    fn what_is_no_variable_stays() {
        for text in ["$KEY", "${}", "${1A}", "${KEY", "cost: $5", "${a b}", "$${"] {
            assert_eq!(put(text).get(), Ok(text));
        }
    }

    #[test]
    fn an_unset_variable_is_an_error_only_when_the_value_is_needed() {
        let text = put("http://${HOST}:${PORT}");
        assert_eq!(text.shown(), "http://:");
        assert!(!text.is_empty());
        assert_eq!(text.get().unwrap_err().to_string(), "the environment variable `HOST` is not set");
    }

    #[test]
    fn a_secret_shows_its_ends_only() {
        assert_eq!(masked(""), "");
        assert_eq!(masked("12345678"), "********");
        assert_eq!(masked("secret-12345"), "secr...2345");
        assert_eq!(masked("ключ-секрет"), "ключ...крет");
        assert_eq!(format!("{:?}", Secret::from("secret-12345")), "Secret(secr...2345)");
        assert_eq!(serde_json::to_string(&Secret::from("secret-12345")).unwrap(), "\"secr...2345\"");
    }
}
