//! How many tokens one piece of text merges into.
//!
//! Byte pair encoding merges, again and again, the neighbours whose merger has the lowest rank, and among equals
//! the leftmost. Two facts spare us doing that. First, tokens are the encoding of their bytes if and only if each
//! two neighbours are the encoding of theirs, so a row of tokens can be built from the left, looking at no more
//! than the last. Second, a text has one encoding, so of all rows only one ends at a given byte. We try the longest
//! next token first and step back where none fits; since only one row comes by any byte, none is visited twice,
//! and the time is in proportion to the piece, be it a megabyte of one letter.

use super::{
    layout::pair_slot,
    vocabulary::{merged, prefixes, split},
};

/// Pieces of more bytes than this, being no words, may try the same neighbours many times over.
const LONG_PIECE: usize = 256;
/// Verdicts remembered while in a long piece.
const VERDICTS: usize = 4096;

/// Counts pieces. Keeps nothing between two of them that depends on the piece, so that one serves all of a text.
#[derive(Default)]
pub struct Merger {
    row: Vec<Placed>,
    candidates: Vec<Placed>,
    verdicts: Verdicts,
}

#[derive(Clone, Copy)]
struct Placed {
    token: u32,
    length: usize,
}

impl Merger {
    /// The tokens of `piece`.
    pub fn count(&mut self, piece: &[u8]) -> u64 {
        self.row.clear();
        if piece.len() > LONG_PIECE {
            self.verdicts.remember();
        }
        let mut at = 0;
        let mut longest = piece.len();
        while at < piece.len() {
            if let Some(next) = self.next(piece.get(at..).unwrap_or_default(), longest) {
                self.row.push(next);
                at += next.length;
                longest = piece.len();
            } else if let Some(last) = self.row.pop() {
                at -= last.length;
                longest = last.length - 1;
            } else {
                // Not reached: single bytes are tokens, so every piece has an encoding.
                break;
            }
        }
        self.row.len() as u64
    }

    /// The longest token that `rest` begins with and that can follow the row, of `longest` bytes at most.
    fn next(&mut self, rest: &[u8], longest: usize) -> Option<Placed> {
        self.candidates.clear();
        let prefixes = prefixes(rest).take_while(|(length, _)| *length <= longest);
        self.candidates.extend(prefixes.map(|(length, token)| Placed { token, length }));
        let Some(last) = self.row.last() else { return self.candidates.last().copied() };
        let mut candidates = self.candidates.iter().rev().copied();
        candidates.find(|candidate| self.verdicts.stand_side_by_side(last.token, candidate.token))
    }
}

/// The latest verdicts on two tokens, each at a place given by its hash; empty until there is reason to remember.
#[derive(Default)]
struct Verdicts(Vec<Option<(u32, u32, bool)>>);

impl Verdicts {
    fn remember(&mut self) {
        self.0.resize(VERDICTS, None);
    }

    fn stand_side_by_side(&mut self, left: u32, right: u32) -> bool {
        let Some(place) = self.0.get_mut(pair_slot(left, right).0 % VERDICTS) else {
            return stand_side_by_side(left, right);
        };
        match *place {
            Some((known_left, known_right, verdict)) if (known_left, known_right) == (left, right) => verdict,
            _ => {
                let verdict = stand_side_by_side(left, right);
                *place = Some((left, right, verdict));
                verdict
            }
        }
    }
}

/// Whether the bytes of `left` and `right` together are encoded as these two tokens.
///
/// They are not if some merger across the border is due before one of its sides has merged into something larger.
/// So go back in time, undoing the latest merger beside the border, and ask of each two that met there.
fn stand_side_by_side(mut left: u32, mut right: u32) -> bool {
    // A merger across must rank below this to come before the one that was undone last.
    let mut due = u32::MAX;
    loop {
        if merged(left, right).is_some_and(|across| across < due) {
            return false;
        }
        // A token's rank is when it was merged, and of two alike the left one came first.
        if left > right {
            due = left;
            let Some((_, beside)) = split(left) else { return true };
            left = beside;
        } else {
            // A merger across of the same rank is further left, and so comes before.
            due = right + 1;
            let Some((beside, _)) = split(right) else { return true };
            right = beside;
        }
    }
}
