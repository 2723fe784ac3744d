//! The schema described by itself: every key with its type, default and meaning, as Markdown, as an annotated
//! file, and beside what a file says.

use super::{Config, Problem, env, reader::Context, tree};
use std::fmt::Write;

/// One key of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The dotted path; `<name>` stands for a name of the owner's, `[]` for each item of a list.
    pub path: String,
    /// What it holds.
    pub kind: String,
    /// What holds when it is absent, as YAML would write it.
    pub default: String,
    /// What it is for.
    pub meaning: &'static str,
    /// What a file has there, when one was compared.
    pub written: Option<String>,
}

impl Key {
    /// Whether it only groups other keys.
    pub fn is_section(&self) -> bool {
        self.kind.ends_with("section") || self.kind.ends_with("sections")
    }

    /// Whether a file has it with another value than the default.
    pub fn differs(&self) -> bool {
        let number = |text: &str| text.parse::<f64>().ok();
        self.written.as_ref().is_some_and(|written| {
            *written != self.default
                && (number(written).is_none() || number(written) != number(&self.default))
        })
    }
}

/// Every key there is.
pub fn keys() -> Vec<Key> {
    describe(None)
}

/// Every key there is beside what `text` has written, names of the owner's included.
///
/// # Errors
/// The problem that makes the text unreadable.
pub fn compare(text: &str) -> Result<Vec<Key>, Problem> {
    tree::parse(text, &mut Vec::new()).map(|root| describe(root.as_ref()))
}

fn describe(root: Option<&tree::Node>) -> Vec<Key> {
    let mut context = Context::new(&|_| None);
    context.recorder = Some(Vec::new().into());
    Config::read(&context, root);
    context.recorder.map(|keys| keys.into_inner()).unwrap_or_default()
}

/// The reference page: keys, then environment variables.
pub fn markdown() -> String {
    let mut page = String::from(HEADING);
    page.push_str("| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
    for key in keys() {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let _ = writeln!(page, "| `{}` | {} | {default} | {} |", key.path, key.kind, key.meaning);
    }
    page.push_str("\n## Environment variables\n\n| Variable | Meaning |\n|---|---|\n");
    for variable in env::ALL {
        let _ = writeln!(page, "| `{}` | {} |", variable.name, variable.meaning.trim());
    }
    page
}

const HEADING: &str = "# Configuration

Every key of `voicegw.yaml`. All of it is optional. `${VAR}` and `${VAR:-default}` are put into any value; a
variable that is not set is an error once the value is needed. Further keys under `providers.<id>` and
`models.<modality>.<id>` go to the provider's adapter.

";

/// A short file to start from: three providers, one model of each modality, the ledger on.
pub const STARTER: &str = "\
# VoiceGateway. Every key with its default: `voicegw init --full`.

providers:
  deepgram:
    api_key: ${DEEPGRAM_API_KEY}
  openai:
    api_key: ${OPENAI_API_KEY}
  cartesia:
    api_key: ${CARTESIA_API_KEY}

models:
  stt:
    transcriber: { provider: deepgram, model: nova-3 }
  llm:
    assistant: { provider: openai, model: gpt-4.1-mini }
  tts:
    speaker: { provider: cartesia, model: sonic-3 }

projects:
  default:
    name: Default

default_project: default

cost_tracking:
  enabled: true
";

/// The starter, then every key there is, commented out with its default.
pub fn annotated() -> String {
    let mut file = String::from(STARTER);
    file.push_str("\n# Every key there is, with its default. Take away one `#` from what you change.\n");
    for line in keys_as_yaml().lines() {
        let _ = writeln!(file, "#{line}");
    }
    file
}

/// Every key with its default, as a file that loads.
fn keys_as_yaml() -> String {
    let mut file = String::new();
    let mut above: Vec<String> = Vec::new();
    for key in keys() {
        let segments: Vec<&str> = key.path.split('.').collect();
        let same = above.iter().zip(&segments).take_while(|(a, b)| a == b).count();
        let last = segments.len() - 1;
        // A name of the owner's is a section without an entry of its own: it is opened by its first key.
        for (depth, segment) in segments.iter().enumerate().take(last).skip(same) {
            if segment.starts_with('<') {
                let _ = writeln!(file, "{}{}:", "  ".repeat(depth), segment.trim_matches(['<', '>']));
            }
        }
        let parent = last.checked_sub(1).and_then(|index| segments.get(index));
        let opens_item = parent.is_some_and(|parent| parent.ends_with("[]")) && same < last;
        let in_list = segments.iter().take(last).any(|segment| segment.ends_with("[]"));
        let indent = "  ".repeat(last + usize::from(in_list) - usize::from(opens_item));
        let dash = if opens_item { "- " } else { "" };
        let name = segments.last().copied().unwrap_or_default();
        let line = format!("{indent}{dash}{name}:{}", value(&key));
        let kind =
            if key.is_section() || key.kind == "text" { String::new() } else { format!("{}: ", key.kind) };
        let _ = writeln!(file, "{line:<44} # {kind}{}", key.meaning);
        above = segments.into_iter().map(str::to_owned).collect();
    }
    file
}

/// The value of a key in the annotated file.
fn value(key: &Key) -> String {
    match key.default.as_str() {
        _ if key.is_section() => String::new(),
        "" if key.kind.ends_with("required") => " \"...\"".to_owned(),
        "null" | "true" | "false" => format!(" {}", key.default),
        text if text.starts_with('[') || text.parse::<f64>().is_ok() => format!(" {text}"),
        text => format!(" \"{text}\""),
    }
}
