//! What gathers while documents are read, and what is said about them at the end.

use super::{Document, Kind, Row, Statement, document::printable, record::Record};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};
use vg_core::{Money, Quantity, Source, UnixMicros, Usage};

/// Nobody reads more notes than this.
const NOTES: usize = 100;

/// A statement in the making.
#[derive(Default)]
pub(crate) struct Reading {
    statement: Statement,
    /// Where the rows of the document begin that is being read.
    first: usize,
    /// The page that ends last of what is read in pages, by the document's format: when it ends, and whether it says that
    /// more follows.
    last_pages: HashMap<&'static str, LastPage>,
    page: Option<LastPage>,
    requests: HashSet<String>,
    /// The document in which what a row is about was met first.
    subjects: HashMap<u64, Arc<str>>,
}

#[derive(Clone)]
struct LastPage {
    end: Option<UnixMicros>,
    has_more: bool,
    document: Arc<str>,
}

impl Reading {
    /// Says something about the documents, once.
    pub fn note(&mut self, note: String) {
        let note = printable(&note);
        if !self.statement.notes.contains(&note) {
            match self.statement.notes.len() {
                0..NOTES => self.statement.notes.push(note),
                NOTES => self.statement.notes.push("there is more of the kind, which is left out".to_owned()),
                _ => {}
            }
        }
    }

    /// Adds a row. One of a request that was met before is left out.
    pub fn add(&mut self, row: Row) {
        if let (Kind::Requests, Some(id)) = (row.kind, &row.request_id)
            && !self.requests.insert(id.clone())
        {
            self.note(format!("`{}` has requests that are there already: each is read once", row.document));
            return;
        }
        self.statement.rows.push(row);
    }

    /// Remembers a page of an answer that comes in pages: when the last of its rows ends, and whether it says that more
    /// follows.
    pub fn page(&mut self, document: &Document, end: Option<UnixMicros>, has_more: bool) {
        let page = LastPage { end, has_more, document: Arc::clone(document.name()) };
        if self.page.as_ref().is_none_or(|last| last.end <= page.end) {
            self.page = Some(page);
        }
    }

    /// Says that a document was read before. Answers without anything in them are all the same, and that is no news.
    pub(super) fn repeated(&mut self, document: &Document, same: &Document) {
        if self.statement.rows.iter().any(|row| row.document == *same.name()) {
            self.note(format!("`{}` is the same as `{}`: it is read once", document.name(), same.name()));
        }
    }

    pub(super) fn begin(&mut self) {
        self.first = self.statement.rows.len();
        self.page = None;
    }

    /// Ends a document: what can only be said of it as a whole.
    pub(super) fn end(&mut self, document: &Document, format: &'static str) {
        if !self.statement.formats.contains(&format) {
            self.statement.formats.push(format);
        }
        if let Some(page) = self.page.take() {
            let last = self.last_pages.entry(format).or_insert_with(|| page.clone());
            if last.end <= page.end {
                *last = page;
            }
        }
        // A number's last zeros are not written, so the longest tells how exactly all of them are given.
        let rows = self.statement.rows.get_mut(self.first..).unwrap_or_default();
        let places = rows.iter().map(|row| row.amount_places).max().unwrap_or_default();
        let mut met_elsewhere = None;
        for row in rows {
            row.amount_places = places;
            if row.span.is_none() || row.kind == Kind::Requests {
                continue;
            }
            match self.subjects.entry(subject(format, row)) {
                Entry::Vacant(place) => drop(place.insert(Arc::clone(&row.document))),
                Entry::Occupied(place) if *place.get() != row.document => {
                    met_elsewhere.get_or_insert_with(|| (row.line, Arc::clone(place.get())));
                }
                Entry::Occupied(_) => {}
            }
        }
        if let Some((line, other)) = met_elsewhere {
            self.note(format!(
                "`{}` (from line {line}) and `{other}` tell the same days of the same models: if these are the same \
                 requests, they count twice; give each day once",
                document.name(),
            ));
        }
    }

    pub(super) fn finish(mut self) -> Statement {
        let cut: Vec<Arc<str>> = self
            .last_pages
            .values()
            .filter(|page| page.has_more)
            .map(|page| Arc::clone(&page.document))
            .collect();
        for document in cut {
            self.note(format!("`{document}` says that more pages follow it, and they were not given"));
        }
        self.statement
    }
}

/// What a row is about, whatever it says of it.
fn subject(format: &str, row: &Row) -> u64 {
    let mut hasher = DefaultHasher::new();
    let span = row.span.map(|(from, to)| (from.0, to.0));
    (format, span, row.modality, &row.model, &row.account).hash(&mut hasher);
    for (quantity, _) in row.usage.iter() {
        quantity.as_str().hash(&mut hasher);
    }
    hasher.finish()
}

impl Row {
    /// A row of which nothing is known yet but where it stands.
    pub(crate) fn new(record: &Record<'_>, kind: Kind) -> Row {
        Row {
            document: Arc::clone(record.document().name()),
            line: record.line(),
            kind,
            span: None,
            modality: None,
            model: String::new(),
            usage: Usage::UNKNOWN,
            requests: None,
            credits: None,
            amount: None,
            amount_places: 0,
            list_amount: None,
            request_id: None,
            account: None,
        }
    }

    /// Adds to a quantity.
    pub(crate) fn more(&mut self, quantity: Quantity, value: u64) {
        let sum = self.usage.value(quantity).unwrap_or_default().saturating_add(value);
        self.usage.set(quantity, sum, Source::ProviderReported);
    }

    /// Sets what is charged.
    pub(crate) fn charge(&mut self, amount: super::record::Amount) {
        self.amount = Some(amount.money);
        self.amount_places = amount.places;
    }

    /// Whether there is nothing in it that could be compared.
    pub(crate) fn is_idle(&self) -> bool {
        self.amount.is_none_or(|amount| amount == Money::ZERO)
            && self.requests.is_none_or(|requests| requests == 0)
            && self.credits.as_ref().is_none_or(vg_core::decimal::Decimal::is_zero)
            && self.usage.iter().all(|(_, measured)| measured.value == 0)
    }
}
