//! Questions to the vocabulary in `data/o200k/`: which tokens a text begins with, which merge, how they split, and
//! what kind of character a character is.

use super::layout::{
    BASE_BITS, CLASS_BLOCK, CLASS_BLOCKS, LABEL_BITS, NO_TOKEN, PAIR_BYTES, PAIR_SLOTS, ROOT_BASE,
    SPLIT_BYTES, TOKEN_BITS, UNIT_BYTES, pair_slot,
};

static TRIE: &[u8] = include_bytes!("../../data/o200k/trie.bin");
static SPLITS: &[u8] = include_bytes!("../../data/o200k/splits.bin");
static PAIRS: &[u8] = include_bytes!("../../data/o200k/pairs.bin");
static CLASSES: &[u8] = include_bytes!("../../data/o200k/classes.bin");

/// Every token that `text` begins with, shortest first, each with its length in bytes.
pub fn prefixes(text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
    text.iter()
        .zip(1..)
        .scan(ROOT_BASE, |base, (byte, length)| {
            let unit = entry::<UNIT_BYTES>(TRIE, (*base ^ u32::from(*byte)) as usize)?;
            if low_bits(unit, LABEL_BITS) != u32::from(*byte) {
                return None;
            }
            *base = low_bits(unit >> LABEL_BITS, BASE_BITS);
            Some((length, low_bits(unit >> (LABEL_BITS + BASE_BITS), TOKEN_BITS)))
        })
        .filter(|(_, token)| *token != NO_TOKEN)
}

/// The token that `left` and `right` merge into, if they are its two halves.
pub fn merged(left: u32, right: u32) -> Option<u32> {
    let halves = u64::from(left) | u64::from(right) << TOKEN_BITS;
    let (start, tag) = pair_slot(left, right);
    for slot in (start..PAIR_SLOTS).chain(0..start) {
        let found = entry::<PAIR_BYTES>(PAIRS, slot)?;
        let token = low_bits(found, TOKEN_BITS);
        if token == NO_TOKEN {
            return None;
        }
        if found >> TOKEN_BITS == u64::from(tag)
            && entry::<SPLIT_BYTES>(SPLITS, token as usize) == Some(halves)
        {
            return Some(token);
        }
    }
    None
}

/// The two tokens that merge into `token`; none if it is a single byte.
pub fn split(token: u32) -> Option<(u32, u32)> {
    let halves = entry::<SPLIT_BYTES>(SPLITS, token as usize)?;
    let (left, right) = (low_bits(halves, TOKEN_BITS), low_bits(halves >> TOKEN_BITS, TOKEN_BITS));
    (right != NO_TOKEN).then_some((left, right))
}

/// The flags in [`super::layout`] that hold for `character`.
pub fn class(character: char) -> u8 {
    let code = character as usize;
    let class = CLASSES
        .get(code / CLASS_BLOCK)
        .and_then(|block| CLASSES.get(CLASS_BLOCKS + usize::from(*block) * CLASS_BLOCK + code % CLASS_BLOCK));
    class.copied().unwrap_or_default()
}

fn entry<const BYTES: usize>(table: &[u8], at: usize) -> Option<u64> {
    let bytes = table.get(at * BYTES..)?.first_chunk::<BYTES>()?;
    Some(bytes.iter().rev().fold(0, |entry, byte| entry << 8 | u64::from(*byte)))
}

fn low_bits(entry: u64, bits: u32) -> u32 {
    (entry & ((1 << bits) - 1)) as u32
}
