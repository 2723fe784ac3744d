//! Rows of CSV: RFC 4180, with formulas made harmless. Every CSV that desk work writes comes from here.
//!
//! A spreadsheet takes a field that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula, and names of
//! projects, models and tenants come from callers. So a text that begins with one of these is written as OWASP says
//! (ASVS 5.0, requirement 1.2.10, and its page on CSV injection, read 2026-11): with an apostrophe before it, and in
//! quotes. Numbers are written as they are: `-0.5` stays a number.

use std::fmt::{Display, Write};

/// What makes a spreadsheet compute a text; the wide forms are what some of them take for the narrow ones.
const FORMULA_STARTS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

/// Rows on their way out. Fields are added one by one; [`Rows::end`] ends a row.
#[derive(Debug, Default)]
pub struct Rows {
    text: String,
    is_begun: bool,
}

impl Rows {
    /// Adds a text.
    pub fn text(&mut self, field: &str) {
        self.separate();
        let is_formula = field.starts_with(FORMULA_STARTS);
        if !is_formula && !field.contains([',', '"', '\r', '\n']) {
            self.text.push_str(field);
            return;
        }
        self.text.push('"');
        if is_formula {
            self.text.push('\'');
        }
        for (position, part) in field.split('"').enumerate() {
            if position > 0 {
                self.text.push_str("\"\"");
            }
            self.text.push_str(part);
        }
        self.text.push('"');
    }

    /// Adds a number, or another word of our own that cannot be a formula, such as an instant.
    pub fn number(&mut self, field: impl Display) {
        self.separate();
        // Writing to a string does not fail.
        let _ = write!(self.text, "{field}");
    }

    /// Adds a field for what is not known.
    pub fn empty(&mut self) {
        self.separate();
    }

    /// Adds a text, or an empty field for what is not known.
    pub fn text_or_empty(&mut self, field: Option<&str>) {
        self.text(field.unwrap_or_default());
    }

    /// Adds a number, or an empty field for what is not known.
    pub fn number_or_empty(&mut self, field: Option<impl Display>) {
        match field {
            Some(field) => self.number(field),
            None => self.empty(),
        }
    }

    /// Ends the row.
    pub fn end(&mut self) {
        self.text.push_str("\r\n");
        self.is_begun = false;
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// What was written, as text.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Forgets what was written, to be used again.
    pub fn clear(&mut self) {
        self.text.clear();
        self.is_begun = false;
    }

    fn separate(&mut self) {
        if self.is_begun {
            self.text.push(',');
        }
        self.is_begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(field: &str) -> String {
        let mut rows = Rows::default();
        rows.text(field);
        rows.text
    }

    #[test]
    fn fields_that_would_break_a_row_are_quoted() {
        for (field, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("a=b-c", "a=b-c"),
        ] {
            assert_eq!(written(field), expected);
        }
    }

    #[test]
    fn a_text_that_a_spreadsheet_would_compute_is_made_harmless_and_a_number_is_not_touched() {
        for (field, expected) in [
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("\0=1", "\"'\0=1\""),
            ("＝1", "\"'＝1\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
        ] {
            assert_eq!(written(field), expected);
        }
        let mut rows = Rows::default();
        rows.number(-0.5);
        rows.empty();
        rows.number("2026-01-01T00:00:00Z");
        rows.end();
        assert_eq!(rows.text, "-0.5,,2026-01-01T00:00:00Z\r\n");
    }
}
