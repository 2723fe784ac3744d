//! One reader for the whole schema.
//!
//! Each section is a function that asks a [`Reader`] for its keys. The asking is the schema: it names the
//! key, its type, its default, its rule and its meaning, once. Run over a file it fills the checked types and
//! collects every problem; run over nothing with a recorder it yields the reference.

use super::{
    links::{Link, Target},
    problems::{Position, Problem, nearest},
    reference::Key,
    text::{Extra, Secret, Text},
    tree::{Body, Entry, Node},
    values::{Word, bounds, dollars, finite, literal, number, one_of, word, written},
};
use crate::Money;
use indexmap::IndexMap;
use std::{cell::RefCell, ops::RangeBounds};

/// What a load shares between its sections.
pub(super) struct Context<'a> {
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: RefCell<Vec<Problem>>,
    pub(super) warnings: RefCell<Vec<Problem>>,
    pub(super) inert: RefCell<Vec<String>>,
    /// Names that must be found elsewhere in the file.
    pub(super) links: RefCell<Vec<Link>>,
    /// Set when the schema is asked to describe itself.
    pub(super) recorder: Option<RefCell<Vec<Key>>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Context {
            env,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            inert: RefCell::default(),
            links: RefCell::default(),
            recorder: None,
        }
    }
}

/// What becomes of a key that no section asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// It is an error.
    Refuse,
    /// It is a warning.
    Warn,
    /// It is somebody else's: kept by [`Reader::rest`].
    Keep,
}

/// Reads one mapping of the file.
pub(super) struct Reader<'a> {
    context: &'a Context<'a>,
    entries: &'a [Entry],
    path: String,
    at: Position,
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// A reader of `node`, or of an empty mapping; anything but a mapping is a problem.
    pub(super) fn new(context: &'a Context<'a>, node: Option<&'a Node>, path: &str) -> Self {
        let at = node.map_or(Position { line: 1, column: 1 }, |node| node.at);
        let entries = match node.map(|node| (node, &node.body)) {
            None => &[][..],
            Some((_, Body::Map(entries))) => entries,
            Some((node, _)) if node.is_null() => &[],
            Some((node, _)) => {
                let reason = format!("must be a mapping, not {}", node.noun());
                context.problems.borrow_mut().push(Problem::new(path, reason, at));
                &[]
            }
        };
        Reader { context, entries, path: path.to_owned(), at, asked: Vec::new() }
    }

    /// Ends the section: every key that was not asked for is dealt with.
    pub(super) fn finish(self, unknown: Unknown) {
        let sink = match unknown {
            Unknown::Refuse => &self.context.problems,
            Unknown::Warn => &self.context.warnings,
            Unknown::Keep => return,
        };
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.key.as_str())) {
            let mut problem = Problem::new(self.path_of(&entry.key), "unknown key", entry.at);
            problem.suggestion = nearest(&entry.key, self.asked.iter().copied()).map(str::to_owned);
            sink.borrow_mut().push(problem);
        }
    }

    /// A string, empty by default.
    pub(super) fn text(&mut self, key: &'static str, meaning: &'static str) -> Text {
        self.text_or(key, "", meaning)
    }

    /// A string with a default.
    pub(super) fn text_or(&mut self, key: &'static str, default: &str, meaning: &'static str) -> Text {
        self.record(key, "text", default, meaning);
        self.child(key).and_then(|node| self.string(key, node)).unwrap_or_else(|| Text::from(default))
    }

    /// A string that may be absent.
    pub(super) fn optional_text(&mut self, key: &'static str, meaning: &'static str) -> Option<Text> {
        self.record(key, "text", "null", meaning);
        self.child(key).and_then(|node| self.string(key, node))
    }

    /// A string that may be absent and must pass `rule`, which says what is wrong.
    pub(super) fn optional_text_where(
        &mut self,
        key: &'static str,
        meaning: &'static str,
        rule: impl Fn(&str) -> Result<(), String>,
    ) -> Option<Text> {
        let text = self.optional_text(key, meaning)?;
        if let Ok(Err(reason)) = text.get().map(rule) {
            self.problem(key, reason, self.position_of(key));
        }
        Some(text)
    }

    /// A string that must be there.
    pub(super) fn required_text(&mut self, key: &'static str, meaning: &'static str) -> Text {
        self.required(key, "text, required", meaning)
    }

    fn required(&mut self, key: &'static str, kind: &str, meaning: &'static str) -> Text {
        self.record(key, kind, "", meaning);
        let node = self.child(key);
        let text = node.and_then(|node| self.string(key, node));
        if text.as_ref().is_none_or(Text::is_empty) && node.is_none_or(Node::is_scalar) {
            self.problem(key, "is required", node.map_or(self.at, |node| node.at));
        }
        text.unwrap_or_default()
    }

    /// A key or token.
    pub(super) fn secret(&mut self, key: &'static str, meaning: &'static str) -> Secret {
        self.record(key, "secret", "", meaning);
        self.child(key).and_then(|node| self.string(key, node)).unwrap_or_default().into()
    }

    /// A key or token that must be there.
    pub(super) fn required_secret(&mut self, key: &'static str, meaning: &'static str) -> Secret {
        self.required(key, "secret, required", meaning).into()
    }

    /// `true` or `false`; also the other words YAML 1.1 knows for them, which existing files may hold.
    pub(super) fn switch(&mut self, key: &'static str, default: bool, meaning: &'static str) -> bool {
        self.record(key, "true or false", &default.to_string(), meaning);
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        };
        self.parsed(key, parse).unwrap_or(default)
    }

    /// A whole number within `range`.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        default: u32,
        range: impl RangeBounds<u32>,
        meaning: &'static str,
    ) -> u32 {
        let kind = format!("whole number{}", bounds(&range));
        self.record(key, &kind, &default.to_string(), meaning);
        self.parsed(key, |text| number(text, &range, "a whole number")).unwrap_or(default)
    }

    /// A value of the caller's own kind that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        kind: &str,
        meaning: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.record(key, kind, "null", meaning);
        self.parsed(key, parse)
    }

    /// A port to listen on.
    pub(super) fn port(&mut self, key: &'static str, default: u16, meaning: &'static str) -> u16 {
        self.record(key, "port", &default.to_string(), meaning);
        self.parsed(key, |text| number(text, &(1..=u16::MAX), "a port")).unwrap_or(default)
    }

    /// A number within `range`.
    pub(super) fn decimal(
        &mut self,
        key: &'static str,
        default: f64,
        range: impl RangeBounds<f64>,
        meaning: &'static str,
    ) -> f64 {
        let kind = format!("number{}", bounds(&range));
        self.record(key, &kind, &format!("{default:?}"), meaning);
        self.parsed(key, |text| finite(text, &range)).unwrap_or(default)
    }

    /// Numbers within `range`.
    pub(super) fn decimals(
        &mut self,
        key: &'static str,
        default: &[f64],
        range: impl RangeBounds<f64>,
        meaning: &'static str,
    ) -> Vec<f64> {
        let kind = format!("list of numbers{}", bounds(&range));
        self.record(key, &kind, &format!("{default:?}").replace(".0", ""), meaning);
        let read =
            |reader: &Self, path: &str, node| reader.scalar(path, node, &|text: &str| finite(text, &range));
        self.list(key, read).unwrap_or_else(|| default.to_vec())
    }

    /// An amount of USD, not below zero, exact; `default` is what the reference shows for none.
    pub(super) fn dollars(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<Money> {
        self.record(key, "USD of at least 0", default, meaning);
        self.parsed(key, dollars)
    }

    /// One of a closed list of words.
    pub(super) fn word<T: Word>(&mut self, key: &'static str, default: T, meaning: &'static str) -> T {
        self.record(key, &one_of::<T>(), default.word(), meaning);
        self.parsed(key, word::<T>).unwrap_or(default)
    }

    /// Words of a closed list.
    pub(super) fn words<T: Word>(
        &mut self,
        key: &'static str,
        default: &[T],
        meaning: &'static str,
    ) -> Vec<T> {
        let shown: Vec<_> = default.iter().map(|value| format!("\"{}\"", value.word())).collect();
        self.record(key, &format!("list of {}", one_of::<T>()), &format!("[{}]", shown.join(", ")), meaning);
        let read = |reader: &Self, path: &str, node| reader.scalar(path, node, &word::<T>);
        self.list(key, read).unwrap_or_else(|| default.to_vec())
    }

    /// Strings.
    pub(super) fn texts(&mut self, key: &'static str, meaning: &'static str) -> Vec<Text> {
        self.record(key, "list of text", "[]", meaning);
        self.list(key, |reader, path, node| reader.string(path, node)).unwrap_or_default()
    }

    /// A mapping with fixed keys. The schema of an absent section is read from nothing: all defaults.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        unknown: Unknown,
        meaning: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> T,
    ) -> T {
        self.record(key, "section", "", meaning);
        let mut reader = Reader::new(self.context, self.child(key), &self.path_of(key));
        let value = read(&mut reader);
        reader.finish(unknown);
        value
    }

    /// A mapping whose keys the owner chooses; `example` stands for one in the reference.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        example: &'static str,
        unknown: Unknown,
        meaning: &'static str,
        read: impl Fn(&str, &mut Reader<'a>) -> T,
    ) -> IndexMap<String, T> {
        self.record(key, "section", "", meaning);
        let one = |id: &str, node, path: String| {
            let mut reader = Reader::new(self.context, node, &path);
            let value = read(id, &mut reader);
            reader.finish(unknown);
            value
        };
        let path = self.path_of(key);
        if self.describes(key) {
            one(example, None, format!("{path}.<{example}>"));
        }
        let outer = Reader::new(self.context, self.child(key), &path);
        let read_entry = |entry: &'a Entry| {
            (entry.key.clone(), one(&entry.key, Some(&entry.value), outer.path_of(&entry.key)))
        };
        outer.entries.iter().map(read_entry).collect()
    }

    /// A list of mappings with fixed keys.
    pub(super) fn items<T>(
        &mut self,
        key: &'static str,
        unknown: Unknown,
        meaning: &'static str,
        read: impl Fn(&mut Reader<'a>) -> T,
    ) -> Vec<T> {
        self.record(key, "list of sections", "[]", meaning);
        let one = |context: &'a Context<'a>, node, path: &str| {
            let mut reader = Reader::new(context, node, path);
            let value = read(&mut reader);
            reader.finish(unknown);
            value
        };
        if self.describes(key) {
            one(self.context, None, &format!("{}[]", self.path_of(key)));
        }
        self.list(key, |reader, path, node| Some(one(reader.context, Some(node), &reader.path_of(path))))
            .unwrap_or_default()
    }

    /// What the section leaves to others: every key not asked for, as JSON, with variables put in.
    pub(super) fn rest(&mut self) -> Extra {
        let mut extra = Extra::default();
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.key.as_str())) {
            let value = self.json(&entry.value, &mut extra.unset);
            extra.values.insert(entry.key.clone(), value);
        }
        extra
    }

    /// Notes that the words of `key` are names of `target`; see [`super::links`].
    pub(super) fn points_to(&self, key: &str, target: Target) {
        let Some(node) = self.find(key) else { return };
        let path = self.path_of(key);
        match &node.body {
            Body::List(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| self.link(format!("{path}[{index}]"), item, target)),
            _ => self.link(path, node, target),
        }
    }

    /// Notes that this section's own name, or the word of `key` when that is there, is a name of `target`.
    pub(super) fn is_named_after(&self, id: &str, key: &str, target: Target) {
        match self.find(key) {
            Some(_) => self.points_to(key, target),
            None => {
                let link = Link { path: self.path.clone(), at: self.at, name: id.to_owned(), target };
                self.context.links.borrow_mut().push(link);
            }
        }
    }

    fn link(&self, path: String, node: &Node, target: Target) {
        if let Body::Scalar { text, .. } = &node.body
            && let Ok(name) = Text::substitute(text, self.context.env).get()
            && !name.is_empty()
        {
            let link = Link { path, at: node.at, name: name.to_owned(), target };
            self.context.links.borrow_mut().push(link);
        }
    }

    /// Reads `key` in a shape of the caller's own; `None` when the file does not have it.
    pub(super) fn shape<T>(
        &mut self,
        key: &'static str,
        (kind, default, meaning): (&str, &str, &'static str),
        read: impl FnOnce(&mut Self, &'a Node) -> T,
    ) -> Option<T> {
        self.record(key, kind, default, meaning);
        self.child(key).map(|node| read(self, node))
    }

    /// Reads a word, written as itself or as `{field: word}`.
    pub(super) fn word_or_field<T: Word>(
        &mut self,
        key: &'static str,
        field: &'static str,
        default: T,
        meaning: &'static str,
    ) -> T {
        let kind = one_of::<T>();
        let read = |reader: &mut Self, node: &'a Node| match node.body {
            Body::Map(_) => {
                let mut inner = Reader::new(reader.context, Some(node), &reader.path_of(key));
                let value = inner.parsed(field, word::<T>);
                inner.finish(Unknown::Refuse);
                value
            }
            _ => reader.scalar(key, node, &word::<T>),
        };
        self.shape(key, (&kind, default.word(), meaning), read).flatten().unwrap_or(default)
    }

    /// Marks keys that are accepted and checked but that nothing acts on in this version.
    pub(super) fn without_effect(&self, keys: &[&'static str]) {
        for key in keys.iter().filter(|key| self.find(key).is_some()) {
            self.context.inert.borrow_mut().push(self.path_of(key));
        }
    }

    /// Adds a problem at `key`, or at the section when the key is absent.
    pub(super) fn problem(&self, key: &str, reason: impl Into<String>, at: Position) {
        self.context.problems.borrow_mut().push(Problem::new(self.path_of(key), reason, at));
    }

    /// Adds a warning at `key`.
    pub(super) fn warn(&self, key: &str, reason: impl Into<String>) {
        let problem = Problem::new(self.path_of(key), reason, self.position_of(key));
        self.context.warnings.borrow_mut().push(problem);
    }

    /// Where `key` is written.
    pub(super) fn position_of(&self, key: &str) -> Position {
        self.find(key).map_or(self.at, |node| node.at)
    }

    fn record(&self, key: &str, kind: &str, default: &str, meaning: &'static str) {
        if let Some(recorder) = &self.context.recorder {
            let (path, kind, default) = (self.path_of(key), kind.to_owned(), default.to_owned());
            let written = self.find(key).and_then(|node| written(node, &kind));
            recorder.borrow_mut().push(Key { path, kind, default, meaning, written });
        }
    }

    /// Whether an example must stand for a section that the file does not have.
    fn describes(&self, key: &str) -> bool {
        self.context.recorder.is_some() && self.find(key).is_none()
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// What the file has at `key`.
    pub(super) fn find(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.value).filter(|node| !node.is_null())
    }

    fn child(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.find(key)
    }

    fn string(&self, key: &str, node: &Node) -> Option<Text> {
        match &node.body {
            Body::Scalar { text, .. } => Some(Text::substitute(text, self.context.env)),
            _ => {
                self.problem(key, format!("must be text, not {}", node.noun()), node.at);
                None
            }
        }
    }

    fn parsed<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let node = self.child(key)?;
        self.scalar(key, node, &parse)
    }

    fn scalar<T>(&self, key: &str, node: &Node, parse: &dyn Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.string(key, node)?;
        let value = match text.get() {
            Ok(value) => parse(value.trim()),
            Err(unset) => Err(unset.to_string()),
        };
        value.map_err(|reason| self.problem(key, reason, node.at)).ok()
    }

    fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Self, &str, &'a Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let node = self.child(key)?;
        let Body::List(items) = &node.body else {
            self.problem(key, format!("must be a list, not {}", node.noun()), node.at);
            return None;
        };
        let item = |(index, node)| read(self, &format!("{key}[{index}]"), node);
        Some(items.iter().enumerate().filter_map(item).collect())
    }

    fn json(&self, node: &Node, unset: &mut Vec<String>) -> serde_json::Value {
        match &node.body {
            Body::Scalar { .. } if node.is_null() => serde_json::Value::Null,
            Body::Scalar { text, plain } => {
                let value = Text::substitute(text, self.context.env);
                unset.extend_from_slice(value.unset());
                // A value that came from a variable is text, whatever it looks like.
                let literal = (*plain && value.shown() == text).then(|| literal(text)).flatten();
                literal.unwrap_or_else(|| value.shown().into())
            }
            Body::List(items) => items.iter().map(|item| self.json(item, unset)).collect(),
            Body::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), self.json(&entry.value, unset))).collect()
            }
        }
    }
}
