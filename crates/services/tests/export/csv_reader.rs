//! A reader of CSV by RFC 4180, strict: quotes where they belong, CRLF at the end of every row, as many fields
//! everywhere.

use std::collections::HashMap;

/// A table that was read: the names of the columns, and each row by name. An empty field is `None`.
pub struct Table {
    pub names: Vec<String>,
    pub rows: Vec<HashMap<String, Option<String>>>,
}

pub fn read(text: &str) -> Table {
    let mut rows = fields(text).into_iter();
    let names = rows.next().unwrap();
    let rows = rows.map(|fields| {
        assert_eq!(fields.len(), names.len(), "{fields:?}");
        let values = fields.into_iter().map(|field| (!field.is_empty()).then_some(field));
        names.iter().cloned().zip(values).collect()
    });
    let rows = rows.collect();
    Table { names, rows }
}

fn fields(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let field;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = 0;
            loop {
                end += quoted[end..].find('"').unwrap();
                if !quoted[end + 1..].starts_with('"') {
                    break;
                }
                end += 2;
            }
            field = quoted[..end].replace("\"\"", "\"");
            rest = &quoted[end + 1..];
        } else {
            let end = rest.find([',', '\r']).unwrap();
            field = rest[..end].to_owned();
            assert!(!field.contains(['"', '\n']), "{field}");
            rest = &rest[end..];
        }
        row.push(field);
        if let Some(next) = rest.strip_prefix(',') {
            rest = next;
        } else {
            rest = rest.strip_prefix("\r\n").unwrap();
            rows.push(std::mem::take(&mut row));
        }
    }
    assert!(row.is_empty());
    rows
}
