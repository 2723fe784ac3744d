//! How the files under `data/o200k/` are laid out: what their reader here and their writer
//! (`examples/make_o200k.rs`) must agree on. Both compile this file, so it depends on nothing.
//!
//! A token goes by its rank: its place in the order in which the vocabulary was learned.

/// Bits of a token number; all of them set is no token.
pub const TOKEN_BITS: u32 = 18;
/// What stands for no token.
pub const NO_TOKEN: u32 = (1 << TOKEN_BITS) - 1;

/// Bytes of one unit of `trie.bin`, a double-array trie of the tokens' bytes. A unit holds, lowest bits first,
/// its label, its base and the token that ends there. The child by byte `b` of a unit lies at `base ^ b` and has
/// the label `b`; no two units share a base, so that the label alone tells whose child a unit is.
pub const UNIT_BYTES: usize = 6;
/// Bits of a unit's label; the ninth bit is set in a unit that holds nothing.
pub const LABEL_BITS: u32 = 9;
/// Bits of a unit's base; all of them set is no children, being beyond the trie whatever the byte.
pub const BASE_BITS: u32 = 20;
/// The base of the root, which has no unit of its own.
pub const ROOT_BASE: u32 = 0;

/// Bytes of one entry of `splits.bin`: entry `token` holds the two tokens that merge into it, the left one in the
/// low bits. A single byte has no right one.
pub const SPLIT_BYTES: usize = 5;

/// Bytes of one slot of `pairs.bin`, a hash table from two tokens to the token they merge into, found through its
/// split: the token in the low bits, a tag from the hash above it. Collisions go to the next slot.
pub const PAIR_BYTES: usize = 3;
/// Slots of the pair table: half as many again as tokens, so that a miss looks at about five.
pub const PAIR_SLOTS: usize = 300_007;

/// The slot where the search for two tokens begins, and their tag.
pub const fn pair_slot(left: u32, right: u32) -> (usize, u32) {
    let key = ((left as u64) << TOKEN_BITS) | right as u64;
    let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let slot = ((hash >> 32) * PAIR_SLOTS as u64) >> 32;
    (slot as usize, (hash as u32) >> (32 - (PAIR_BYTES as u32 * 8 - TOKEN_BITS)))
}

/// `classes.bin` begins with one byte for each block of code points, the number of that block's classes; the
/// classes follow, a byte for each code point of a block, a byte of the flags below.
pub const CLASS_BLOCK: usize = 256;
/// Blocks in the whole of Unicode.
pub const CLASS_BLOCKS: usize = 0x11_0000 / CLASS_BLOCK;

/// Upper or title case letters, and what stands in either part of a word: letters without case, and marks.
pub const HEAD: u8 = 1;
/// Lower case letters, and what stands in either part of a word.
pub const TAIL: u8 = 2;
/// Letters of any kind; marks are not.
pub const LETTER: u8 = 4;
/// Numbers of any kind.
pub const NUMBER: u8 = 8;
/// White space.
pub const SPACE: u8 = 16;
