//! A document of a provider as it was given: unpacked, known to be text, and outlined, so that its format can be told by
//! its content. Nothing here knows a provider.

use super::{
    json,
    place::{Lines, unclosed_quote},
    record::Records,
};
use flate2::read::MultiGzDecoder;
use std::{fmt, io::Read, str, sync::Arc};

/// A document may grow to this size when it is unpacked; so may one that was not packed.
const LIMIT: u64 = 512 << 20;
/// How much of a value is repeated in an error.
const SHOWN: usize = 40;

/// A document of a provider.
pub struct Document {
    name: Arc<str>,
    text: String,
    lines: Lines,
    outline: Outline,
}

/// What can be seen of a document before it is read.
pub(super) enum Outline {
    /// A table with a header.
    Table(Header),
    /// One JSON value or several.
    Json(json::Outline),
}

/// The first row of a table.
pub(super) struct Header {
    pub delimiter: u8,
    pub names: Vec<String>,
}

/// Why a document cannot be read: which, where, what was found, what was expected, and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{document}:{line}:{column}: {problem}")]
pub struct BadDocument {
    /// The document's name, as it was given.
    pub document: Arc<str>,
    /// The line, from 1.
    pub line: u64,
    /// The character of the line, from 1.
    pub column: u64,
    /// What was found, what was expected, and the fix.
    pub problem: String,
}

impl Document {
    /// Takes the bytes of a document: gzip is unpacked, a byte order mark of UTF-8 is dropped.
    ///
    /// # Errors
    /// When it is no text in UTF-8, neither JSON nor a table, empty, or larger than 512 MiB.
    pub fn open(name: &str, bytes: Vec<u8>) -> Result<Document, BadDocument> {
        let name: Arc<str> = Arc::from(name);
        let bad = |problem: String| BadDocument { document: Arc::clone(&name), line: 1, column: 1, problem };
        let bytes = unpacked(bytes, LIMIT).map_err(bad)?;
        let text = text(bytes).map_err(|(offset, before, problem)| {
            let (line, column) = Lines::of(&before).place(&before, offset);
            BadDocument { line, column, ..bad(problem) }
        })?;
        let lines = Lines::of(&text);
        let at = |offset: usize, problem: String| {
            let (line, column) = lines.place(&text, offset);
            BadDocument { line, column, ..bad(problem) }
        };
        let outline = match text.trim_start().chars().next() {
            None => return Err(bad("the document is empty; export it again".to_owned())),
            Some('<') => {
                let problem = "this is a web page, not an export; it may be a login page that was saved";
                return Err(bad(problem.to_owned()));
            }
            Some('{' | '[') => Outline::Json(json::outline(&text).map_err(|bad| at(bad.0, bad.1))?),
            Some(_) => Outline::Table(header(&text).map_err(|bad| at(bad.0, bad.1))?),
        };
        Ok(Document { name, lines, outline, text })
    }

    /// The name, as it was given.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a table with all these columns.
    pub(crate) fn has_columns(&self, names: &[&str]) -> bool {
        matches!(&self.outline, Outline::Table(header) if names.iter().all(|name| header.index(name).is_some()))
    }

    /// The columns of a table.
    pub(crate) fn columns(&self) -> Option<&[String]> {
        match &self.outline {
            Outline::Table(header) => Some(&header.names),
            Outline::Json(_) => None,
        }
    }

    /// Whether it is JSON with this member, such as `data.results.amount`: arrays are looked through.
    pub(crate) fn has(&self, path: &str) -> bool {
        matches!(&self.outline, Outline::Json(outline) if outline.at(path).is_some())
    }

    /// Whether it is JSON with this member, and there is nothing in it.
    pub(crate) fn has_empty(&self, path: &str) -> bool {
        matches!(&self.outline, Outline::Json(outline) if outline.at(path).is_some_and(json::Outline::is_empty))
    }

    /// The rows of a table, or the objects of a JSON document: those that stand alone, in an array, or one after another.
    /// An error is a row with too many or too few cells, or JSON of another form.
    pub(crate) fn records(&self) -> Records<'_> {
        match &self.outline {
            Outline::Table(header) => Records::of_table(self, header),
            Outline::Json(_) => Records::of_json(self),
        }
    }

    /// What is wrong at an offset of the text.
    pub(super) fn bad(&self, offset: usize, problem: String) -> BadDocument {
        let (line, column) = self.lines.place(&self.text, offset);
        BadDocument { document: Arc::clone(&self.name), line, column, problem }
    }

    /// What is wrong with the document as a whole.
    pub(crate) fn bad_as_a_whole(&self, problem: String) -> BadDocument {
        self.bad(0, problem)
    }

    pub(super) fn line(&self, offset: usize) -> u64 {
        self.lines.line(offset) as u64
    }

    pub(super) fn header(&self) -> Option<&Header> {
        match &self.outline {
            Outline::Table(header) => Some(header),
            Outline::Json(_) => None,
        }
    }

    /// What is seen of it, for somebody who wonders why it is not recognised.
    pub(super) fn seen(&self) -> String {
        match &self.outline {
            Outline::Table(header) => format!("a table with the columns {}", listed(&header.names)),
            Outline::Json(outline) => format!("JSON with the members {outline}"),
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({}, {} bytes)", self.name, self.text.len())
    }
}

impl Header {
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }
}

/// Names in backticks, as a list.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", printable(name.as_ref()))).collect();
    quoted.join(", ")
}

/// What a document says without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The beginning of a value, for an error.
pub(super) fn shown(value: &str) -> String {
    let clean: String = printable(value).chars().take(SHOWN).collect();
    if clean.len() < value.trim().len() { format!("{clean}…") } else { clean }
}

/// The bytes of a document that may be packed, up to a limit.
pub(super) fn unpacked(bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, String> {
    let too_large = || format!("the document is larger than {} MiB; export fewer days at once", limit >> 20);
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) };
    }
    let mut whole = Vec::new();
    let read = MultiGzDecoder::new(bytes.as_slice()).take(limit + 1).read_to_end(&mut whole);
    read.map_err(|error| format!("this gzip file is damaged ({error}); fetch it again"))?;
    if whole.len() as u64 > limit { Err(too_large()) } else { Ok(whole) }
}

/// The text of bytes; else the offset of what is wrong, the text before it, and what it is.
fn text(bytes: Vec<u8>) -> Result<String, (usize, String, String)> {
    let whole = |problem: &str| Err((0, String::new(), problem.to_owned()));
    if bytes.starts_with(b"PK\x03\x04") {
        return whole(
            "this is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV UTF-8",
        );
    }
    if bytes.starts_with(b"%PDF") {
        return whole("this is a PDF; export CSV or JSON from the provider's usage or billing page");
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return whole("this is text in UTF-16; save it as UTF-8");
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
        let before = error.as_bytes().get(..offset).unwrap_or_default();
        let before = str::from_utf8(before).unwrap_or_default().to_owned();
        (offset, before, format!("the byte 0x{byte:02x} is no UTF-8; save the document as UTF-8"))
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// The header of a table; else the offset of what is wrong, and what it is.
fn header(text: &str) -> Result<Header, (usize, String)> {
    let start = text.len() - text.trim_start_matches(['\r', '\n']).len();
    let body = text.get(start..).unwrap_or_default();
    let first = body.lines().next().unwrap_or_default();
    // A spreadsheet of a country that writes decimals with a comma separates cells with something else.
    let delimiter = [b',', b'\t', b';'].into_iter().find(|delimiter| first.as_bytes().contains(delimiter));
    let delimiter = delimiter.unwrap_or(b',');
    if let Some(offset) = unclosed_quote(text, delimiter) {
        let problem = "a quote is opened here and never closed; the document is damaged, export it again";
        return Err((offset, problem.to_owned()));
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(body.as_bytes());
    let cells = reader.records().next().and_then(Result::ok).unwrap_or_default();
    let names: Vec<String> = cells.iter().map(|name| name.trim().to_owned()).collect();
    for (index, name) in names.iter().enumerate() {
        let is_repeated = names.iter().take(index).any(|earlier| earlier == name);
        if is_repeated && !name.is_empty() {
            let offset = super::place::cell(text, start, delimiter, index);
            return Err((offset, format!("the column `{}` is there twice; keep one of them", shown(name))));
        }
    }
    Ok(Header { delimiter, names })
}
