//! Addresses with parameters, and a provider's own options as such.

use serde_json::{Map, Value};
use std::fmt::Write;

/// An address to which parameters are added.
#[derive(Debug)]
pub struct Address(String);

impl Address {
    /// Begins with `base`, which may have parameters of its own.
    pub fn new(base: &str) -> Address {
        Address(base.to_owned())
    }

    /// The same for a request that is no WebSocket, whichever of the two an owner wrote.
    pub fn over_http(base: &str) -> Address {
        match base.strip_prefix("ws") {
            Some(rest) => Address(format!("http{rest}")),
            None => Address::new(base),
        }
    }

    /// Adds a parameter.
    pub fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        encode(&mut self.0, name);
        self.0.push('=');
        encode(&mut self.0, value);
    }

    /// Adds an option: a list repeats the name, a list in a list and a map join theirs with a colon, and an empty
    /// list, an empty map or null is unset.
    pub fn add_option(&mut self, name: &str, value: &Value) {
        match value {
            Value::Array(items) => {
                for item in items {
                    self.add(name, &joined(item));
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    self.add(name, &format!("{key}:{}", joined(value)));
                }
            }
            Value::Null => {}
            single => self.add(name, &joined(single)),
        }
    }

    /// The whole of it.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Whether an option says nothing.
pub fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The options of all layers, a later one replacing what an earlier one set.
pub fn merged<'a>(layers: impl IntoIterator<Item = &'a Map<String, Value>>) -> Map<String, Value> {
    let mut options = Map::new();
    for (name, value) in layers.into_iter().flatten() {
        if is_unset(value) {
            options.remove(name);
        } else {
            options.insert(name.clone(), value.clone());
        }
    }
    options
}

/// Those of the options that are known.
pub fn known(options: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let known = options.iter().filter(|(name, _)| names.contains(&name.as_str()));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(joined).collect::<Vec<_>>().join(":"),
        other => other.to_string(),
    }
}

/// A part of a path or of a query, such that nothing in it means anything to an address.
pub fn encoded(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    encode(&mut text, part);
    text
}

fn encode(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_are_written_as_parameters() {
        let mut address = Address::new("http://h/listen");
        let options = json!({
            "keyterm": ["tea time", "süß"], "keywords": [["snow", 1.5]], "replace": {"a": "b"}, "redact": [],
            "punctuate": true, "endpointing": 25, "tag": "x&y", "version": null,
        });
        for (name, value) in options.as_object().unwrap() {
            address.add_option(name, value);
        }
        assert_eq!(
            address.finish(),
            "http://h/listen?keyterm=tea%20time&keyterm=s%C3%BC%C3%9F&keywords=snow%3A1.5&replace=a%3Ab\
             &punctuate=true&endpointing=25&tag=x%26y"
        );
    }

    #[test]
    fn a_base_may_have_parameters() {
        let mut address = Address::new("http://h/listen?a=1");
        address.add("b", "2");
        assert_eq!(address.finish(), "http://h/listen?a=1&b=2");
    }

    #[test]
    fn a_request_goes_over_http_whatever_was_written() {
        for (base, wanted) in
            [("wss://h/x", "https://h/x"), ("ws://h", "http://h"), ("https://h", "https://h")]
        {
            assert_eq!(Address::over_http(base).finish(), wanted);
        }
    }

    #[test]
    fn an_empty_list_unsets() {
        let owner = json!({"keyterm": ["a"], "punctuate": true});
        let caller = json!({"keyterm": [], "numerals": true});
        let merged = merged([owner.as_object().unwrap(), caller.as_object().unwrap()]);
        assert_eq!(Value::Object(merged), json!({"punctuate": true, "numerals": true}));
    }
}
