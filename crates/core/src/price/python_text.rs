//! Python's rules for text where they differ from Rust's: the published price data is matched, and its errors are
//! worded, by them.

use std::borrow::Cow;

/// Lower-cases as `str.lower()` does, borrowing when there is nothing to change.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.to_lowercase())
}

/// Strips as `str.strip()` does: Unicode white space plus the four ASCII separators U+001C to U+001F.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
    })
}

/// Quotes as `repr(str)` does: single quotes unless only they occur inside, unprintable characters escaped.
pub(super) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if character == quote => quoted.extend(['\\', quote]),
            _ if is_printable(character) => quoted.push(character),
            _ => quoted.push_str(&match u32::from(character) {
                code @ ..=0xff => format!("\\x{code:02x}"),
                code @ ..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    quoted.push(quote);
    quoted
}

/// Rust's own escaping leaves exactly the characters alone that Python calls printable, except for combining marks
/// at the start of a text; hence the letter before.
fn is_printable(character: char) -> bool {
    let text: String = ['a', character].iter().collect();
    matches!(character, '"' | '\'') || text.escape_debug().eq(text.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repr_is_pythons() {
        let cases = [
            ("", "''"),
            ("it's", "\"it's\""),
            ("say \"hi\"", "'say \"hi\"'"),
            ("both ' and \"", "'both \\' and \"'"),
            ("a\\b\t\n\r\u{0}\u{7f}\u{ad}", "'a\\\\b\\t\\n\\r\\x00\\x7f\\xad'"),
            ("caf\u{e9} e\u{301} \u{1f600}", "'caf\u{e9} e\u{301} \u{1f600}'"),
            ("\u{200b}\u{2028}\u{e000}\u{3000}", "'\\u200b\\u2028\\ue000\\u3000'"),
            ("\u{e0001}", "'\\U000e0001'"),
        ];
        for (text, expected) in cases {
            assert_eq!(repr(text), expected);
        }
    }

    #[test]
    fn strip_takes_the_ascii_separators_and_unicode_spaces() {
        assert_eq!(strip("\u{1c}\u{1f}\u{3000}\u{85} openai\t\n\u{a0}"), "openai");
        assert_eq!(strip("\u{200b}openai"), "\u{200b}openai");
    }

    #[test]
    fn lower_is_full_unicode() {
        assert_eq!(lower("\u{212a}IMI"), "kimi");
        assert_eq!(lower("\u{130}X"), "i\u{307}x");
        assert_eq!(lower("\u{39f}\u{3a3}"), "\u{3bf}\u{3c2}");
        assert!(matches!(lower("gpt-4o"), Cow::Borrowed(_)));
    }
}
