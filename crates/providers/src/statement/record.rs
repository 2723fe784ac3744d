//! One row of a document, whether it is a row of a table or an object of JSON, and its values, each of which knows where it
//! stands. Numbers are read from their text, exactly.

use super::{
    document::{BadDocument, Document, Header, listed, shown},
    json, place,
};
use std::{borrow::Cow, str::FromStr};
use vg_core::{Money, UnixMicros, decimal::Decimal, price::Timestamp};

/// A second, in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// No account uses so much of anything in a row: tokens, characters, requests.
const MOST: u64 = 1_000_000_000_000_000;
/// Nor so many nanoseconds of audio: 31 years.
const MOST_NANOS: u64 = 1_000_000_000 * SECOND;
/// Nor is charged so much, in USD.
const MOST_DOLLARS: u64 = 1_000_000_000;

/// The rows of a document, as they are read.
pub(crate) struct Records<'a> {
    document: &'a Document,
    source: Source<'a>,
}

enum Source<'a> {
    Table { rows: csv::StringRecordsIntoIter<&'a [u8]>, width: usize },
    Json(std::vec::IntoIter<&'a str>),
    Failed(Option<BadDocument>),
}

impl<'a> Records<'a> {
    pub(super) fn of_table(document: &'a Document, header: &Header) -> Records<'a> {
        let rows = csv::ReaderBuilder::new()
            .delimiter(header.delimiter)
            .flexible(true)
            .from_reader(document.text().as_bytes())
            .into_records();
        Records { document, source: Source::Table { rows, width: header.names.len() } }
    }

    pub(super) fn of_json(document: &'a Document) -> Records<'a> {
        let values = match json::values(document.text()) {
            Ok(values) => values,
            Err((offset, problem)) => {
                return Records { document, source: Source::Failed(Some(document.bad(offset, problem))) };
            }
        };
        // An array of answers is the same as the answers one after another.
        let values = values.into_iter().flat_map(|value| json::items(value).unwrap_or_else(|| vec![value]));
        Records { document, source: Source::Json(values.collect::<Vec<_>>().into_iter()) }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BadDocument>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Failed(bad) => bad.take().map(Err),
            Source::Json(values) => Some(Record::of_object(self.document, values.next()?)),
            Source::Table { rows, width } => loop {
                let row = match rows.next()? {
                    Ok(row) => row,
                    Err(error) => return Some(Err(self.document.bad_as_a_whole(error.to_string()))),
                };
                // Spreadsheets leave rows of blanks behind.
                if row.iter().all(|cell| cell.trim().is_empty()) {
                    continue;
                }
                let record = Record::of_row(self.document, row);
                let Fields::Row(row) = &record.fields else { return Some(Ok(record)) };
                if row.len() != *width {
                    return Some(Err(record.bad(format!(
                        "this row has {} cells and the header {width}; a cell that holds the separator needs quotes \
                         around it",
                        row.len(),
                    ))));
                }
                return Some(Ok(record));
            },
        }
    }
}

/// One row of a document.
pub(crate) struct Record<'a> {
    document: &'a Document,
    start: usize,
    fields: Fields<'a>,
}

enum Fields<'a> {
    Row(csv::StringRecord),
    Members(json::Members<'a>),
}

impl<'a> Record<'a> {
    fn of_row(document: &'a Document, row: csv::StringRecord) -> Record<'a> {
        let begin = row.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(0));
        let rest = document.text().get(begin..).unwrap_or_default();
        // The reader's place of a row is before the empty lines that it skips.
        let start = begin + (rest.len() - rest.trim_start_matches(['\r', '\n']).len());
        Record { document, start, fields: Fields::Row(row) }
    }

    fn of_object(document: &'a Document, object: &'a str) -> Result<Record<'a>, BadDocument> {
        let start = json::offset(document.text(), object);
        match json::members(object) {
            Ok(members) => Ok(Record { document, start, fields: Fields::Members(members) }),
            Err(None) => {
                Err(document.bad(start, format!("`{}` is there; expected an object", shown(object))))
            }
            Err(Some(name)) => {
                Err(document.bad(start, format!("an object has the member `{}` twice", shown(&name))))
            }
        }
    }

    /// The document it stands in.
    pub fn document(&self) -> &'a Document {
        self.document
    }

    /// The line it begins on.
    pub fn line(&self) -> u64 {
        self.document.line(self.start)
    }

    /// What is wrong with it.
    pub fn bad(&self, problem: String) -> BadDocument {
        self.document.bad(self.start, problem)
    }

    /// A value; none if it is blank, `null` or not there.
    pub fn get<'r>(&'r self, name: &'r str) -> Option<Cell<'r>> {
        let (index, text) = match &self.fields {
            Fields::Row(row) => {
                let index = self.document.header()?.index(name)?;
                (index, row.get(index)?.trim())
            }
            Fields::Members(members) => {
                let index = members.iter().position(|(member, _)| member == name)?;
                let text = members.get(index)?.1;
                (index, if text == "null" || text == "\"\"" { "" } else { text })
            }
        };
        if text.is_empty() { None } else { Some(Cell { record: self, name, index, text }) }
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// When it is blank, `null` or not there; the names that are there are told.
    pub fn need<'r>(&'r self, name: &'r str) -> Result<Cell<'r>, BadDocument> {
        self.get(name).ok_or_else(|| match (&self.fields, self.document.header()) {
            (Fields::Row(_), Some(header)) => match header.index(name) {
                None => self.document.bad_as_a_whole(format!(
                    "there is no column `{name}`; the columns are {}",
                    listed(&header.names)
                )),
                Some(index) => {
                    let offset = place::cell(self.document.text(), self.start, header.delimiter, index);
                    self.document.bad(offset, format!("`{name}` is blank; a value is needed"))
                }
            },
            _ => {
                let names: Vec<&str> = self.names().collect();
                self.bad(format!("there is no `{name}` here; the members are {}", listed(&names)))
            }
        })
    }

    /// The names of its values, blank ones included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let columns = match &self.fields {
            Fields::Row(_) => self.document.columns().unwrap_or_default(),
            Fields::Members(_) => &[],
        };
        let members = match &self.fields {
            Fields::Row(_) => &[],
            Fields::Members(members) => members.as_slice(),
        };
        columns.iter().map(String::as_str).chain(members.iter().map(|(name, _)| &**name))
    }

    fn member(&self, name: &str) -> Option<&'a str> {
        let Fields::Members(members) = &self.fields else { return None };
        let (_, value) = members.iter().find(|(member, _)| member == name)?;
        (*value != "null").then_some(*value)
    }

    /// The object of that name, if there is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn object(&self, name: &str) -> Result<Option<Record<'a>>, BadDocument> {
        self.member(name).map(|value| Record::of_object(self.document, value)).transpose()
    }

    /// The values in the array of that name; none if it is not there.
    ///
    /// # Errors
    /// When it is no array.
    pub fn array(&self, name: &str) -> Result<Vec<Item<'a>>, BadDocument> {
        let Some(value) = self.member(name) else { return Ok(Vec::new()) };
        let start = json::offset(self.document.text(), value);
        let items = json::items(value).ok_or_else(|| {
            self.document.bad(start, format!("`{name}` is `{}`; expected an array", shown(value)))
        })?;
        Ok(items.into_iter().map(|value| Item { document: self.document, value }).collect())
    }

    /// The objects in the array of that name; none if it is not there.
    ///
    /// # Errors
    /// When it is no array, or something in it is no object.
    pub fn objects(&self, name: &str) -> Result<Vec<Record<'a>>, BadDocument> {
        self.array(name)?.into_iter().map(|item| Record::of_object(item.document, item.value)).collect()
    }

    /// From when to when it is, by two values that must be there.
    ///
    /// # Errors
    /// When one is missing or no instant, or the end is before the start.
    pub fn span(
        &self,
        start: &str,
        end: &str,
        read: impl Fn(&Cell<'_>) -> Result<UnixMicros, BadDocument>,
    ) -> Result<(UnixMicros, UnixMicros), BadDocument> {
        let from = read(&self.need(start)?)?;
        let cell = self.need(end)?;
        let to = read(&cell)?;
        if to < from { Err(cell.bad("an end that is not before the start")) } else { Ok((from, to)) }
    }

    /// The text of that name, if there is one.
    ///
    /// # Errors
    /// When it is no text.
    pub fn text(&self, name: &str) -> Result<Option<String>, BadDocument> {
        self.get(name).map(|cell| cell.text().map(Cow::into_owned)).transpose()
    }

    /// The count of that name, if there is one.
    ///
    /// # Errors
    /// As [`Cell::count`].
    pub fn count(&self, name: &str) -> Result<Option<u64>, BadDocument> {
        self.get(name).map(|cell| cell.count()).transpose()
    }
}

/// A value in an array.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    document: &'a Document,
    value: &'a str,
}

impl<'a> Item<'a> {
    /// The items of an array in an array, as a record with these names.
    ///
    /// # Errors
    /// When it is no array, or one of another length.
    pub fn named(self, names: &[String]) -> Result<Record<'a>, BadDocument> {
        let start = json::offset(self.document.text(), self.value);
        let items = json::items(self.value).ok_or_else(|| {
            self.document.bad(start, format!("`{}` is there; expected an array", shown(self.value)))
        })?;
        if items.len() != names.len() {
            let (found, columns) = (items.len(), names.len());
            return Err(self
                .document
                .bad(start, format!("this row has {found} values, and there are {columns} columns")));
        }
        let members = names.iter().map(|name| Cow::Owned(name.clone())).zip(items).collect();
        Ok(Record { document: self.document, start, fields: Fields::Members(members) })
    }

    /// The text that it is; none for anything else.
    pub fn text(self) -> Option<Cow<'a, str>> {
        json::string(self.value)
    }

    /// It as a value of the record that has the array, under the array's name.
    pub fn cell<'r>(self, record: &'r Record<'r>, name: &'r str) -> Cell<'r>
    where
        'a: 'r,
    {
        Cell { record, name, index: 0, text: self.value }
    }
}

/// A value of a row that is there.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'r> {
    record: &'r Record<'r>,
    name: &'r str,
    index: usize,
    text: &'r str,
}

impl<'r> Cell<'r> {
    /// What is wrong with it: the problem is put behind its name and value.
    pub fn bad(&self, expected: &str) -> BadDocument {
        let document = self.record.document;
        let offset = match (&self.record.fields, document.header()) {
            (Fields::Row(_), Some(header)) => {
                place::cell(document.text(), self.record.start, header.delimiter, self.index)
            }
            _ => json::offset(document.text(), self.text),
        };
        document.bad(offset, format!("`{}` is `{}`; expected {expected}", self.name, shown(self.text)))
    }

    /// It as text.
    ///
    /// # Errors
    /// When JSON has no string here.
    pub fn text(&self) -> Result<Cow<'r, str>, BadDocument> {
        match &self.record.fields {
            Fields::Row(_) => Ok(Cow::Borrowed(self.text)),
            Fields::Members(_) => json::string(self.text).ok_or_else(|| self.bad("text")),
        }
    }

    /// Whether it is this word, in letters of any size: `TRUE` of a spreadsheet is `true`.
    pub fn is(&self, word: &str) -> bool {
        self.text.trim_matches('"').eq_ignore_ascii_case(word)
    }

    /// Whether it is text, in JSON; in a table everything is.
    pub fn is_text(&self) -> bool {
        matches!(self.record.fields, Fields::Row(_)) || self.text.starts_with('"')
    }

    /// The texts of an array, or the one text that it is.
    ///
    /// # Errors
    /// When it is neither.
    pub fn texts(&self) -> Result<Vec<String>, BadDocument> {
        match (&self.record.fields, json::items(self.text)) {
            (Fields::Members(_), Some(items)) => items
                .into_iter()
                .map(|item| {
                    json::string(item).map(Cow::into_owned).ok_or_else(|| self.bad("a list of texts"))
                })
                .collect(),
            _ => Ok(vec![self.text()?.into_owned()]),
        }
    }

    /// It as a number of either sign: JSON's, or text.
    ///
    /// # Errors
    /// When it is none.
    pub fn signed(&self) -> Result<Decimal, BadDocument> {
        let text = match &self.record.fields {
            Fields::Members(_) if self.text.starts_with('"') => self.text()?,
            _ => Cow::Borrowed(self.text),
        };
        Decimal::from_str(text.trim()).map_err(|_| {
            self.bad("a number such as `1234.5`, without thousands separators, unit or currency sign")
        })
    }

    /// It as a number that is not negative.
    ///
    /// # Errors
    /// When it is none.
    pub fn decimal(&self) -> Result<Decimal, BadDocument> {
        let number = self.signed()?;
        if number.is_negative() { Err(self.bad("no negative number")) } else { Ok(number) }
    }

    /// It as a whole number of something; `3.0` is one.
    ///
    /// # Errors
    /// When it is negative, not whole or absurd.
    pub fn count(&self) -> Result<u64, BadDocument> {
        self.times(1)
    }

    /// It as so many of something, each of which is `unit`: thousands of tokens, say.
    ///
    /// # Errors
    /// When it is negative, absurd, or what comes of it is not whole.
    pub fn times(&self, unit: u64) -> Result<u64, BadDocument> {
        let number = &self.decimal()? * &Decimal::from(unit);
        // What was a binary fraction on its way may be a trifle beside the number it stands for.
        let millionths = number.to_scaled_integer(6).map_err(|_| self.bad("a smaller number"))?;
        let whole = number.to_scaled_integer(0).map_err(|_| self.bad("a smaller number"))?;
        if millionths != whole * 1_000_000 {
            return Err(self.bad("a whole number"));
        }
        u64::try_from(whole)
            .ok()
            .filter(|whole| *whole <= MOST)
            .ok_or_else(|| self.bad("a number below 1000000000000000"))
    }

    /// It as nanoseconds, where it counts units of so many nanoseconds. Rounded half to even to the nanosecond.
    ///
    /// # Errors
    /// When it is negative or absurd.
    pub fn nanos(&self, unit: u64) -> Result<u64, BadDocument> {
        let number = &self.decimal()? * &Decimal::from(unit);
        let nanos = number.to_scaled_integer(0).ok().and_then(|nanos| u64::try_from(nanos).ok());
        nanos.filter(|nanos| *nanos <= MOST_NANOS).ok_or_else(|| self.bad("less audio than of 31 years"))
    }

    /// It as an amount in USD that is not negative, and how many decimals are given. What is beyond a picodollar is
    /// rounded half to even.
    ///
    /// # Errors
    /// When it is negative, absurd or no number.
    pub fn charge(&self) -> Result<Amount, BadDocument> {
        self.decimal()?;
        self.amount()
    }

    /// It as an amount in USD of either sign: a credit is negative.
    ///
    /// # Errors
    /// When it is absurd or no number.
    pub fn amount(&self) -> Result<Amount, BadDocument> {
        self.amount_in(0)
    }

    /// It as an amount in a unit of which a dollar has `10^power`.
    ///
    /// # Errors
    /// As [`Cell::amount`].
    pub fn amount_in(&self, power: u8) -> Result<Amount, BadDocument> {
        let number = self.signed()?.divided_by_power_of_ten(power);
        let most = i128::from(MOST_DOLLARS) * 10i128.pow(Money::SCALE);
        let picodollars = number.to_scaled_integer(Money::SCALE).ok().filter(|picos| picos.abs() <= most);
        let money = picodollars.map(Money).ok_or_else(|| self.bad("less than 1000000000 USD"))?;
        Ok(Amount { money, places: (places(self.text) + u32::from(power)).min(Money::SCALE) })
    }

    /// It as an instant: RFC 3339, or a day, which begins at midnight UTC.
    ///
    /// # Errors
    /// When it is none.
    pub fn instant(&self) -> Result<UnixMicros, BadDocument> {
        let instant = Timestamp::from_str(self.text()?.trim());
        instant
            .map(|instant| UnixMicros(instant.unix_microseconds()))
            .map_err(|_| self.bad("an instant such as `2026-11-15T00:00:00Z`"))
    }

    /// It as an instant that is counted from 1970, in units of so many microseconds.
    ///
    /// # Errors
    /// When it is none.
    pub fn unix(&self, micros: u32) -> Result<UnixMicros, BadDocument> {
        let count = self.signed()?.to_scaled_integer(0).ok().and_then(|count| i64::try_from(count).ok());
        // The year 9999 is far enough.
        count
            .and_then(|count| count.checked_mul(i64::from(micros)))
            .filter(|micros| (0..253_402_300_800_000_000).contains(micros))
            .map(UnixMicros)
            .ok_or_else(|| self.bad("an instant as a number counted from 1970"))
    }
}

/// An amount, and how exactly it is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    pub money: Money,
    pub places: u32,
}

/// How many decimals a number is written with.
fn places(text: &str) -> u32 {
    let text = text.trim_matches('"').trim();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let written = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let exponent = exponent.parse::<i64>().unwrap_or(0);
    let places = i64::try_from(written).unwrap_or(0).saturating_sub(exponent);
    u32::try_from(places.clamp(0, i64::from(Money::SCALE))).unwrap_or(0)
}
