//! A fuzzer as an ordinary test: real messages, changed in ways that parsers dislike, from a seed.
//!
//! Changes are made to the bytes and, where they are JSON, to the values, so that most of them get past the syntax.
//! An input that makes the parser panic is printed; it belongs into the corpus then.

use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// How many inputs each parser is given unless a time is set.
const INPUTS: u64 = 5_000;
/// When set, each parser is given inputs for so many seconds, from a seed of the moment.
const SECONDS: &str = "FUZZ_SECONDS";
/// An input is not grown beyond this.
const LONGEST: usize = 64 << 10;

/// What parsers trip over, as bytes.
const PIECES: [&[u8]; 24] = [
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"-1e-999",
    b"18446744073709551616",
    b"9223372036854775807",
    b"0.1",
    b"\"\"",
    b"\"\\ud800\"",
    b"\"\\u0000\"",
    b"{}",
    b"[]",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{\"type\":",
    b",",
    b":",
    b"\n\n",
    b"\r\n",
    b"data: ",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xf0\x9f\x98\x80",
];

/// Gives `read` the corpus and mutations of it.
///
/// # Panics
/// When `read` does, after it has said on which input.
pub fn fuzz(corpus: &[&[u8]], mut read: impl FnMut(&[u8])) {
    for input in inputs(corpus, INPUTS) {
        let told = Told(&input);
        read(&input);
        std::mem::forget(told);
    }
}

/// The corpus, then so many mutations of it; with a time set, as many as fit into it.
pub fn inputs(corpus: &[&[u8]], count: u64) -> impl Iterator<Item = Vec<u8>> {
    let time = seconds();
    let seed = time.map_or(0x5eed, |_| u64::from(std::process::id()) << 32 | corpus.len() as u64);
    let mut mutator = Mutator::new(corpus, seed);
    let end = time.map(|time| Instant::now() + time);
    let has_more = move |made: &u64| end.map_or(*made < count, |end| Instant::now() < end);
    let own: Vec<Vec<u8>> = corpus.iter().map(|input| input.to_vec()).collect();
    own.into_iter().chain((0..).take_while(has_more).map(move |_| mutator.input()))
}

/// The same for parsers of text.
///
/// # Panics
/// As [`fuzz`].
pub fn fuzz_text(corpus: &[&str], mut read: impl FnMut(&str)) {
    let bytes: Vec<&[u8]> = corpus.iter().map(|text| text.as_bytes()).collect();
    fuzz(&bytes, |input| read(&String::from_utf8_lossy(input)));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's run, not the product, is lengthened by the environment"
)]
fn seconds() -> Option<Duration> {
    std::env::var(SECONDS).ok()?.parse().ok().map(Duration::from_secs)
}

/// Says which input is being read when a panic comes by.
struct Told<'a>(&'a [u8]);

impl Drop for Told<'_> {
    #[expect(
        clippy::print_stderr,
        reason = "the test fails with this input, and the runner shows what it says"
    )]
    fn drop(&mut self) {
        eprintln!("the input was b\"{}\"", self.0.escape_ascii());
    }
}

/// Makes inputs out of a corpus.
#[derive(Debug)]
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// The same seed gives the same inputs.
    pub fn new(corpus: &[&[u8]], seed: u64) -> Mutator {
        Mutator { corpus: corpus.iter().map(|input| input.to_vec()).collect(), state: seed }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.any();
        for _ in 0..=self.below(4) {
            if self.below(3) > 0
                && let Ok(mut value) = serde_json::from_slice::<Value>(&input)
            {
                self.change_value(&mut value, 0);
                input = value.to_string().into_bytes();
            } else {
                self.change_bytes(&mut input);
            }
        }
        input.truncate(LONGEST);
        input
    }

    /// A number below `end`, which is at least 1. (Steele, Lea, Flood: splitmix64.)
    pub fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }

    fn any(&mut self) -> Vec<u8> {
        let place = self.below(self.corpus.len());
        self.corpus.get(place).cloned().unwrap_or_default()
    }

    fn change_bytes(&mut self, input: &mut Vec<u8>) {
        let from = self.below(input.len() + 1);
        let to = (from + self.below(16)).min(input.len());
        match self.below(7) {
            0 => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => input.truncate(from),
            2 => drop(input.drain(from..to)),
            3 => {
                let place = self.below(PIECES.len());
                let piece = PIECES.get(place).copied().unwrap_or_default();
                input.splice(from..to, piece.iter().copied());
            }
            4 => {
                let again = input.get(from..to).unwrap_or_default().repeat(1 + self.below(64));
                input.splice(from..from, again);
            }
            5 => {
                let other = self.any();
                let cut = self.below(other.len() + 1);
                input.truncate(from);
                input.extend_from_slice(other.get(cut..).unwrap_or_default());
            }
            _ => {
                let byte = self.below(256) as u8;
                input.insert(from, byte);
            }
        }
    }

    fn change_value(&mut self, value: &mut Value, depth: u8) {
        // A message that is replaced as a whole is no message of a kind any more.
        let here = self.below(if depth == 0 { 32 } else { 4 }) == 0 || depth > 8;
        match value {
            Value::Object(members) if !here && !members.is_empty() => {
                let place = self.below(members.len());
                if let Some((_, member)) = members.iter_mut().nth(place) {
                    self.change_value(member, depth + 1);
                }
            }
            Value::Array(items) if !here && !items.is_empty() => {
                let place = self.below(items.len());
                if let Some(item) = items.get_mut(place) {
                    self.change_value(item, depth + 1);
                }
            }
            Value::Object(members) if self.below(2) == 0 => self.change_members(members),
            Value::Array(items) if self.below(2) == 0 => match (self.below(3), items.first().cloned()) {
                (0, _) => items.clear(),
                (1, Some(first)) => items.extend(vec![first; 1 + self.below(40)]),
                _ => items.push(self.odd()),
            },
            other => *other = self.odd(),
        }
    }

    fn change_members(&mut self, members: &mut Map<String, Value>) {
        let place = self.below(members.len());
        let Some(name) = members.keys().nth(place).cloned() else { return };
        let taken = members.remove(&name).unwrap_or_default();
        match self.below(3) {
            0 => {}
            1 => drop(members.insert(format!("{name}_"), taken)),
            _ => drop(members.insert(name, self.odd())),
        }
    }

    fn odd(&mut self) -> Value {
        match self.below(15) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(0),
            3 => json!(-1),
            4 => json!(1e308),
            5 => json!(-1e308),
            6 => json!(u64::MAX),
            7 => json!(i64::MIN),
            8 => json!(0.1),
            9 => json!(""),
            10 => json!("\u{0}\u{fffd}é😀".repeat(1 + self.below(64))),
            11 => json!("1e999"),
            12 => json!([]),
            13 => json!({}),
            _ => serde_json::from_slice(&self.any()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const CORPUS: [&[u8]; 2] = [br#"{"type":"Results","words":[{"word":"a","start":0.5}]}"#, b"data: {}\n\n"];

    #[test]
    fn a_seed_gives_the_same_inputs_and_few_of_them_twice() {
        let make = |seed| {
            let mut mutator = Mutator::new(&CORPUS, seed);
            (0..1_000).map(|_| mutator.input()).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(1).iter().collect::<HashSet<_>>().len() > 800);
    }

    #[test]
    fn many_inputs_are_json_of_another_shape() {
        let mut mutator = Mutator::new(&CORPUS, 3);
        let read = (0..1_000).filter(|_| serde_json::from_slice::<Value>(&mutator.input()).is_ok()).count();
        assert!((200..900).contains(&read), "{read}");
    }

    #[test]
    #[should_panic(expected = "found")]
    fn a_parser_that_panics_is_found() {
        fuzz(&CORPUS, |input| assert!(!input.windows(4).any(|four| four == b"null"), "found"));
    }
}
