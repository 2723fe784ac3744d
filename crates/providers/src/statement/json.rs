//! JSON as a statement's reader needs it: which members a document has, and its values with where they stand. Numbers
//! stay the text they are.

use super::place::Lines;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// So many members of one object are remembered; a map with days for keys has no end of them.
const WIDTH: usize = 64;
/// So many members are named to somebody.
const NAMED: usize = 24;

/// The members that occur in a document. An array stands for its items.
#[derive(Default)]
pub(super) struct Outline {
    members: Vec<(Box<str>, Outline)>,
}

impl Outline {
    /// What stands at a path.
    pub fn at(&self, path: &str) -> Option<&Outline> {
        path.split('.').try_fold(self, |outline, name| {
            outline.members.iter().find(|(member, _)| &**member == name).map(|(_, outline)| outline)
        })
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn paths(&self, before: &str, found: &mut Vec<String>) {
        for (name, outline) in &self.members {
            if found.len() >= NAMED {
                return;
            }
            let path = format!("{before}{name}");
            if outline.is_empty() {
                found.push(path);
            } else {
                outline.paths(&format!("{path}."), found);
            }
        }
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths = Vec::new();
        self.paths("", &mut paths);
        f.write_str(&super::document::listed(&paths))
    }
}

/// The outline of a text; else the offset of what is wrong in it, and what it is.
pub(super) fn outline(text: &str) -> Result<Outline, (usize, String)> {
    let mut outline = Outline::default();
    for value in values(text)? {
        let mut reader = serde_json::Deserializer::from_str(value);
        let read = Walk(&mut outline).deserialize(&mut reader);
        read.map_err(|error| {
            let within = Lines::of(value).offset(error.line(), error.column());
            (offset(text, value) + within, problem(&error))
        })?;
    }
    Ok(outline)
}

/// The values of a text, one after another.
pub(super) fn values(text: &str) -> Result<Vec<&str>, (usize, String)> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    values
        .map(|value| {
            value
                .map(RawValue::get)
                .map_err(|error| (Lines::of(text).offset(error.line(), error.column()), problem(&error)))
        })
        .collect()
}

fn problem(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let said = whole.split(" at line ").next().unwrap_or_default();
    format!("this is not JSON: {said}; the document is damaged or cut, export it again")
}

/// Where a part of a text begins in it.
pub(super) fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// The items of an array that is known to be JSON; none if it is no array.
pub(super) fn items(array: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(array).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// The members of an object.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// The members of an object that is known to be JSON; an error says which of them is there twice, or nothing if it is no
/// object.
pub(super) fn members(object: &str) -> Result<Members<'_>, Option<String>> {
    if !object.starts_with('{') {
        return Err(None);
    }
    serde_json::from_str(object).map(|Object(members)| members).map_err(|error| {
        let said = error.to_string();
        Some(said.split(" at line ").next().unwrap_or_default().to_owned())
    })
}

/// The string of a value that is known to be JSON; none if it is no string.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(value).ok().map(|Text(text)| text)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Object<'a>(Members<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Object<'a>, D::Error> {
        reader.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object<'de>, A::Error> {
        let mut members: Members<'de> = Vec::new();
        while let Some((Text(name), value)) = entries.next_entry::<Text<'de>, &'de RawValue>()? {
            if members.iter().any(|(earlier, _)| *earlier == name) {
                return Err(A::Error::custom(name));
            }
            members.push((name, value.get()));
        }
        Ok(Object(members))
    }
}

/// Adds a value's members to an outline.
struct Walk<'a>(&'a mut Outline);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let members = &mut self.0.members;
        while let Some(Text(name)) = entries.next_key::<Text<'de>>()? {
            let known = members.iter().position(|(member, _)| **member == *name);
            let place = match known {
                Some(place) => place,
                None if members.len() >= WIDTH => {
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
                None => {
                    members.push((Box::from(&*name), Outline::default()));
                    members.len() - 1
                }
            };
            match members.get_mut(place) {
                Some((_, outline)) => entries.next_value_seed(Walk(outline))?,
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Walk(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
