//! The canonical columns: a provider's numbers as anybody can bring them into a table or into JSON by hand.
//!
//! A row names its model and what is charged, and has the columns of one thing the provider bills. Columns that belong to
//! nothing are left out and named once.

use super::{
    BadDocument, Document, Kind, Reading, Row, listed,
    record::{Record, SECOND},
};
use vg_core::{Modality, Quantity};

/// What the format is called.
pub(super) const NAME: &str = "canonical columns";

const MODEL: &str = "model";
const COST: &str = "cost_usd";
const REQUESTS: &str = "n_requests";
const CREDITS: &str = "credits";

/// The columns of one thing a provider bills.
pub(crate) struct Columns {
    /// Their names, and what they count.
    pub quantities: &'static [(&'static str, Quantity)],
    /// The modality, told by the model where the columns are those of several.
    pub modality: fn(&str) -> Modality,
}

impl Columns {
    /// Text to speech, billed by the character.
    pub const CHARACTERS: Columns =
        Columns { quantities: &[("characters", Quantity::Characters)], modality: |_| Modality::Tts };

    /// Speech to text, billed by the second of audio.
    pub const AUDIO_SECONDS: Columns =
        Columns { quantities: &[("audio_seconds", Quantity::AudioNanos)], modality: |_| Modality::Stt };

    /// Speech to text, billed by how long the session was open, which is what is billed then.
    pub const SESSION_SECONDS: Columns =
        Columns { quantities: &[("session_seconds", Quantity::AudioNanos)], modality: |_| Modality::Stt };
}

/// What is billed by tokens.
pub(crate) const fn tokens(modality: fn(&str) -> Modality) -> Columns {
    const QUANTITIES: &[(&str, Quantity)] =
        &[("input_tokens", Quantity::InputTokens), ("output_tokens", Quantity::OutputTokens)];
    Columns { quantities: QUANTITIES, modality }
}

/// Whether a document may be meant to be of this form.
pub(super) fn resembles(document: &Document) -> bool {
    document.has_columns(&[MODEL]) || document.has(MODEL)
}

/// The form in words.
pub(super) fn described(sets: &[Columns]) -> String {
    let sets: Vec<String> = sets.iter().map(|set| listed(&names(set))).collect();
    format!(
        "a table or a JSON array of objects with `{MODEL}`, {}, `{COST}`, and if you like `{REQUESTS}`, `{CREDITS}`",
        sets.join(" or ")
    )
}

fn names(set: &Columns) -> Vec<&'static str> {
    set.quantities.iter().map(|(name, _)| *name).collect()
}

/// Reads a document of it.
pub(super) fn read(document: &Document, sets: &[Columns], reading: &mut Reading) -> Result<(), BadDocument> {
    if let Some(columns) = document.columns() {
        let has_set = sets.iter().any(|set| document.has_columns(&names(set)));
        if !document.has_columns(&[MODEL, COST]) || !has_set {
            let wanted = [MODEL, COST].into_iter().chain(sets.first().map(names).unwrap_or_default());
            let missing: Vec<&str> = wanted.filter(|name| !document.has_columns(&[name])).collect();
            return Err(document.bad_as_a_whole(format!(
                "there is no column {}; the columns are {}; expected is {}",
                listed(&missing),
                listed(columns),
                described(sets)
            )));
        }
    }
    let mut ignored: Vec<String> = Vec::new();
    for record in document.records() {
        let record = record?;
        for name in record.names() {
            let is_known = [MODEL, COST, REQUESTS, CREDITS].contains(&name)
                || sets.iter().any(|set| names(set).contains(&name));
            if !is_known && !ignored.iter().any(|earlier| earlier == name) {
                ignored.push(name.to_owned());
            }
        }
        reading.add(row(&record, sets)?);
    }
    if !ignored.is_empty() {
        reading.note(format!("`{}`: not compared are {}", document.name(), listed(&ignored)));
    }
    Ok(())
}

fn row(record: &Record<'_>, sets: &[Columns]) -> Result<Row, BadDocument> {
    let mut row = Row::new(record, Kind::Both);
    row.model = record.need(MODEL)?.text()?.into_owned();
    row.charge(record.need(COST)?.charge()?);
    row.requests = record.count(REQUESTS)?;
    row.credits = record.get(CREDITS).map(|cell| cell.decimal()).transpose()?;
    // A sheet with the columns of several sets has blanks or zeros in those that a row has nothing of.
    let is_some =
        |name: &&str| record.get(name).is_some_and(|cell| cell.signed().map_or(true, |n| !n.is_zero()));
    let mut given = sets.iter().filter(|set| names(set).iter().any(is_some));
    let first = given.next();
    if given.next().is_some() {
        return Err(record.bad(format!(
            "{} has quantities of two kinds; give each its own row, with a cost of its own",
            listed(&[&row.model])
        )));
    }
    let is_there = |set: &&Columns| names(set).iter().all(|name| record.get(name).is_some());
    // Without any, the usual set says what is missing.
    let Some(set) = first.or_else(|| sets.iter().find(is_there)).or(sets.first()) else { return Ok(row) };
    row.modality = Some((set.modality)(&row.model));
    for (name, quantity) in set.quantities {
        let cell = record.need(name)?;
        let value = if *quantity == Quantity::AudioNanos { cell.nanos(SECOND)? } else { cell.count()? };
        row.more(*quantity, value);
    }
    Ok(row)
}
