//! YAML text to a tree whose every node knows where it was written.
//!
//! Nothing is interpreted here but structure: a scalar stays the text it was, because the key it stands
//! under decides what it means. Serde is not used, for it stops at the first thing that is wrong.

use super::problems::{Position, Problem};
use granit_parser::{Event, Marker, Parser, ScalarStyle};
use std::collections::HashMap;

/// One value of the file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) body: Body,
    pub(super) at: Position,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Text; `plain` when written without quotes, so that `null` and `~` may mean nothing.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Node,
}

/// More nodes than any real file has; what stops an alias bomb.
const MAX_NODES: usize = 200_000;
/// Deeper than any real file nests; what keeps recursion off the end of the stack.
const MAX_DEPTH: usize = 64;

impl Node {
    /// Whether the file says nothing here: an empty value, `null` or `~`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.body, Body::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Whether this is a single value.
    pub(super) const fn is_scalar(&self) -> bool {
        matches!(self.body, Body::Scalar { .. })
    }

    /// What was written, for an error message.
    pub(super) const fn noun(&self) -> &'static str {
        match self.body {
            Body::Scalar { .. } => "a single value",
            Body::List(_) => "a list",
            Body::Map(_) => "a mapping",
        }
    }

    fn children(&self) -> Vec<&Node> {
        match &self.body {
            Body::Scalar { .. } => Vec::new(),
            Body::List(items) => items.iter().collect(),
            Body::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
        }
    }

    fn count(&self) -> usize {
        1 + self.children().into_iter().map(Node::count).sum::<usize>()
    }

    fn height(&self) -> usize {
        self.children().into_iter().map(|child| child.height() + 1).max().unwrap_or(0)
    }
}

/// Reads one YAML document; `None` for a file without content. Problems that leave the tree usable, such as
/// a key written twice, are added to `problems`.
///
/// # Errors
/// The one problem that makes the text unreadable.
pub(super) fn parse(text: &str, problems: &mut Vec<Problem>) -> Result<Option<Node>, Problem> {
    let mut builder =
        Builder { text, events: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, problems };
    let root = builder.document()?;
    Ok(root.filter(|node| !node.is_null()))
}

/// What a reader of `[${VAR}]` trips over: YAML ends a bare word there at the brace.
const BARE_VARIABLE: &str = "; within `[ ]` and `{ }` write \"${VAR}\" with quotes";

struct Builder<'text, 'problems> {
    text: &'text str,
    events: Parser<'text, granit_parser::StrInput<'text>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    problems: &'problems mut Vec<Problem>,
}

impl<'text> Builder<'text, '_> {
    fn next(&mut self) -> Result<Option<(Event<'text>, Position)>, Problem> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, position(span.start)))),
            Some(Err(error)) => {
                let at = position(*error.marker());
                let advice = if self.has_variable_before(at) { BARE_VARIABLE } else { "" };
                Err(Problem::new("", format!("not valid YAML: {}{advice}", error.info()), at))
            }
        }
    }

    fn has_variable_before(&self, at: Position) -> bool {
        let line = self.text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        line.chars().take(at.column).collect::<String>().contains("${")
    }

    fn document(&mut self) -> Result<Option<Node>, Problem> {
        let mut root = None;
        while let Some((event, at)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::StreamEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(Problem::new("", "a second document starts here; one file holds one", at));
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, at, 0)?),
            }
        }
        Ok(root)
    }

    fn node(&mut self, event: Event<'text>, at: Position, depth: usize) -> Result<Node, Problem> {
        if depth > MAX_DEPTH {
            return Err(too_deep(at));
        }
        let (body, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                (Body::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (Body::List(self.items(depth)?), anchor),
            Event::MappingStart(_, anchor, _) => (Body::Map(self.entries(depth)?), anchor),
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned();
                let node = node.ok_or_else(|| Problem::new("", "refers to nothing", at))?;
                self.spend(node.count(), at)?;
                if depth + node.height() > MAX_DEPTH {
                    return Err(too_deep(at));
                }
                return Ok(node);
            }
            _ => return Err(Problem::new("", "not valid YAML", at)),
        };
        self.spend(1, at)?;
        let node = Node { body, at };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn spend(&mut self, nodes: usize, at: Position) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(Problem::new("", format!("more than {MAX_NODES} values"), at));
        }
        Ok(())
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        while let Some((event, at)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, at, depth + 1)?);
        }
        Ok(items)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        while let Some((event, at)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let Body::Scalar { text: key, plain } = self.node(event, at, depth + 1)?.body else {
                return Err(Problem::new("", "a key must be text", at));
            };
            let Some((event, value_at)) = self.next()? else { break };
            let value = self.node(event, value_at, depth + 1)?;
            if key == "<<" && plain {
                merged.extend(merge_sources(value, at)?);
            } else if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let reason = format!("written twice, first in line {}", first.at.line);
                self.problems.push(Problem::new(key, reason, at));
            } else {
                entries.push(Entry { key, at, value });
            }
        }
        // A merged key gives way to a written one, and a later source to an earlier.
        for entry in merged {
            if !entries.iter().any(|written| written.key == entry.key) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}

/// The entries that `<<: *anchor` or `<<: [*a, *b]` brings in.
fn merge_sources(value: Node, at: Position) -> Result<Vec<Entry>, Problem> {
    match value.body {
        Body::Map(entries) => Ok(entries),
        Body::List(nodes) => nodes
            .into_iter()
            .map(|node| merge_sources(node, at))
            .collect::<Result<Vec<_>, _>>()
            .map(|s| s.concat()),
        Body::Scalar { .. } => Err(Problem::new("", "`<<` needs a mapping", at)),
    }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn too_deep(at: Position) -> Problem {
    Problem::new("", format!("nested more than {MAX_DEPTH} deep"), at)
}
