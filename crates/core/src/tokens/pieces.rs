//! How o200k_base cuts a text into pieces, none of which shares a token with the next.
//!
//! The rule is published as a regular expression of seven alternatives, the first that matches wins:
//!
//! ```text
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! \p{N}{1,3}
//!  ?[^\s\p{L}\p{N}]+[\r\n/]*
//! \s*[\r\n]+
//! \s+(?!\S)
//! \s+
//! ```
//!
//! (<https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py>, o200k_base.) Here it is a scanner
//! without backtracking. Below, the head of a word is what its upper case class matches, the tail what its lower
//! case class matches; letters without case and marks belong to both.

use super::{
    layout::{HEAD, LETTER, NUMBER, SPACE, TAIL},
    vocabulary::class,
};

/// The pieces of `text`, in order; together they are the text.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at_checked(piece_length(rest)?)?;
        rest = after;
        Some(piece)
    })
}

/// Bytes of the first piece of `text`, if there is any text.
fn piece_length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let length = word(text, first)
        .or_else(|| number(text))
        .or_else(|| symbols(text, first))
        .unwrap_or_else(|| white_space(text));
    Some(length)
}

/// One character that is neither letter, number nor line end may lead a word. A mark may be that character or
/// itself begin the word; it does the latter only where no tail follows it otherwise.
fn word(text: &str, first: char) -> Option<usize> {
    let first_class = class(first);
    if first_class & (LETTER | NUMBER) == 0 && !is_line_end(first) {
        let led = letters(after(text, first.len_utf8()));
        if let Some(letters) = led
            && (letters.has_tail || first_class & TAIL == 0)
        {
            return Some(first.len_utf8() + letters.length);
        }
    }
    if first_class & (HEAD | TAIL) == 0 {
        return None;
    }
    letters(text).map(|letters| letters.length)
}

struct Letters {
    /// In bytes, with the contraction.
    length: usize,
    /// Whether the first alternative matches; the second does otherwise.
    has_tail: bool,
}

/// The letters and marks of a word at the start of `text`, and the contraction after them.
fn letters(text: &str) -> Option<Letters> {
    let mut head = 0;
    // Where the head must end for its last character to be a tail, if no further tail follows.
    let mut last_of_both = None;
    let mut end = None;
    for character in text.chars() {
        match class(character) & (HEAD | TAIL) {
            TAIL => {
                end = Some(head + run_length(after(text, head), |character| class(character) & TAIL != 0));
                break;
            }
            0 => break,
            HEAD => head += character.len_utf8(),
            _ => {
                head += character.len_utf8();
                last_of_both = Some(head);
            }
        }
    }
    let has_tail = end.or(last_of_both);
    let end = has_tail.unwrap_or(head);
    let length = end + contraction(after(text, end));
    (end > 0).then_some(Letters { length, has_tail: has_tail.is_some() })
}

/// Bytes of the English contraction that `text` begins with, in either case.
fn contraction(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('\'') else { return 0 };
    let mut letters = rest.chars().map(|letter| letter.to_ascii_lowercase());
    match (letters.next(), letters.next()) {
        (Some('s' | 't' | 'm' | 'd'), _) => 2,
        // The long s is an s to an expression that minds no case.
        (Some('ſ'), _) => 1 + 'ſ'.len_utf8(),
        (Some('r' | 'v'), Some('e')) | (Some('l'), Some('l')) => 3,
        _ => 0,
    }
}

fn number(text: &str) -> Option<usize> {
    let digits = text.chars().take(3).take_while(|character| class(*character) & NUMBER != 0);
    Some(digits.map(char::len_utf8).sum()).filter(|length| *length > 0)
}

fn symbols(text: &str, first: char) -> Option<usize> {
    let space = usize::from(first == ' ');
    let run = run_length(after(text, space), |character| class(character) & (SPACE | LETTER | NUMBER) == 0);
    let end = space + run;
    let line_ends = run_length(after(text, end), |character| is_line_end(character) || character == '/');
    (run > 0).then_some(end + line_ends)
}

/// White space up to its last line end; without one, all of it at the end of the text, else all but the last
/// character, which may lead the word that follows.
fn white_space(text: &str) -> usize {
    let end = run_length(text, |character| class(character) & SPACE != 0);
    let run = text.get(..end).unwrap_or_default();
    if let Some(last) = run.rfind(is_line_end) {
        return last + 1;
    }
    let last = run.chars().next_back().map_or(0, char::len_utf8);
    if end == text.len() || end == last { end } else { end - last }
}

fn is_line_end(character: char) -> bool {
    matches!(character, '\r' | '\n')
}

/// Bytes of the characters at the start of `text` that `belongs` is true of.
fn run_length(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|character| !belongs(character)).unwrap_or(text.len())
}

fn after(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}
