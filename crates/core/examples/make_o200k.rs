//! Writes `data/o200k/`, the files behind `vg_core::tokens`, from the vocabulary in `tiktoken-rs`. Run it when
//! `src/tokens/layout.rs` changes: `cargo run --release -p vg-core --example make_o200k`.
#![expect(clippy::indexing_slicing, reason = "run by hand; a broken vocabulary should stop it")]

use std::{collections::HashMap, error::Error, fs, path::Path};

use fancy_regex::Regex;

#[path = "../src/tokens/layout.rs"]
mod layout;

use layout::{
    BASE_BITS, CLASS_BLOCK, CLASS_BLOCKS, HEAD, LABEL_BITS, LETTER, NO_TOKEN, NUMBER, PAIR_BYTES, PAIR_SLOTS,
    ROOT_BASE, SPACE, SPLIT_BYTES, TAIL, TOKEN_BITS, UNIT_BYTES, pair_slot,
};

/// The base of a unit without children.
const NO_BASE: u32 = (1 << BASE_BITS) - 1;

fn main() -> Result<(), Box<dyn Error>> {
    let tokens = vocabulary()?;
    let splits = splits(&tokens)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/o200k");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("trie.bin"), Trie::of(&tokens).packed()?)?;
    fs::write(folder.join("splits.bin"), packed_splits(&splits))?;
    fs::write(folder.join("pairs.bin"), packed_pairs(&splits))?;
    fs::write(folder.join("classes.bin"), classes()?)?;
    Ok(())
}

/// The bytes of every token, by rank.
fn vocabulary() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let bpe = tiktoken_rs::o200k_base()?;
    let tokens: Vec<_> = (0..).map_while(|rank| bpe.decode_bytes(&[rank]).ok()).take(199_998).collect();
    if tokens.len() != 199_998 {
        return Err("not the vocabulary that the layout was made for".into());
    }
    if tokens[..256].iter().any(|token| token.len() != 1) {
        return Err("the single bytes must have the lowest ranks".into());
    }
    Ok(tokens)
}

/// The two tokens that merge into each token of two bytes and more. That there are always exactly two is what
/// lets the counter skip the question whether a piece of text is itself a token before it merges.
fn splits(tokens: &[Vec<u8>]) -> Result<Vec<(u32, u32)>, Box<dyn Error>> {
    let ranks: HashMap<&[u8], u32> = tokens.iter().map(Vec::as_slice).zip(0..).collect();
    let mut splits = Vec::with_capacity(tokens.len());
    for (token, rank) in tokens.iter().zip(0u32..) {
        if token.len() == 1 {
            splits.push((rank, NO_TOKEN));
            continue;
        }
        let mut ends: Vec<usize> = (0..=token.len()).collect();
        loop {
            let pairs = ends.windows(3).enumerate();
            let merges = pairs.filter_map(|(at, pair)| Some((*ranks.get(&token[pair[0]..pair[2]])?, at)));
            match merges.min() {
                Some((merged, at)) if merged < rank => ends.remove(at + 1),
                _ => break,
            };
        }
        let [0, middle, _] = ends[..] else { return Err(format!("token {rank} is never merged").into()) };
        splits.push((ranks[&token[..middle]], ranks[&token[middle..]]));
    }
    Ok(splits)
}

fn packed_splits(splits: &[(u32, u32)]) -> Vec<u8> {
    let entries = splits.iter().map(|(left, right)| u64::from(*left) | u64::from(*right) << TOKEN_BITS);
    entries.flat_map(|entry| entry.to_le_bytes().into_iter().take(SPLIT_BYTES)).collect()
}

fn packed_pairs(splits: &[(u32, u32)]) -> Vec<u8> {
    let mut slots = vec![NO_TOKEN; PAIR_SLOTS];
    for ((left, right), token) in splits.iter().zip(0u32..) {
        if *right == NO_TOKEN {
            continue;
        }
        let (mut slot, tag) = pair_slot(*left, *right);
        while slots[slot] != NO_TOKEN {
            slot = (slot + 1) % PAIR_SLOTS;
        }
        slots[slot] = token | tag << TOKEN_BITS;
    }
    slots.iter().flat_map(|slot| slot.to_le_bytes().into_iter().take(PAIR_BYTES)).collect()
}

struct Node {
    label: u8,
    token: u32,
    children: Vec<usize>,
}

struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    fn of(tokens: &[Vec<u8>]) -> Self {
        let mut sorted: Vec<(&[u8], u32)> = tokens.iter().map(Vec::as_slice).zip(0..).collect();
        sorted.sort_unstable();
        let mut nodes = vec![Node { label: 0, token: NO_TOKEN, children: Vec::new() }];
        for (token, rank) in sorted {
            let mut at = 0;
            for byte in token {
                let known = nodes[at].children.last().copied().filter(|child| nodes[*child].label == *byte);
                let fresh = nodes.len();
                if known.is_none() {
                    nodes.push(Node { label: *byte, token: NO_TOKEN, children: Vec::new() });
                    nodes[at].children.push(fresh);
                }
                at = known.unwrap_or(fresh);
            }
            nodes[at].token = rank;
        }
        Self { nodes }
    }

    /// Lays the trie out in units. Nodes with many children choose first, so that the many with one fill the
    /// holes; among equals the order is depth first, which keeps the units of one word in few pages.
    fn packed(&self) -> Result<Vec<u8>, Box<dyn Error>> {
        let room = NO_BASE as usize + 1 - 256;
        let (mut taken, mut used) = (vec![false; room], vec![false; room]);
        let (mut base_of, mut unit_of) =
            (vec![NO_BASE; self.nodes.len()], vec![usize::MAX; self.nodes.len()]);
        let mut parents: Vec<usize> = (0..self.nodes.len()).filter(|node| self.has_children(*node)).collect();
        parents.sort_by_key(|node| std::cmp::Reverse(self.nodes[*node].children.len()));
        let mut first_free = 0;
        for parent in parents {
            let children = &self.nodes[parent].children;
            let labels: Vec<usize> = children.iter().map(|child| self.nodes[*child].label.into()).collect();
            first_free += taken[first_free..].iter().take_while(|taken| **taken).count();
            let base = (first_free..room)
                .filter(|unit| !taken[*unit])
                .map(|unit| unit ^ labels[0])
                .find(|base| !used[*base] && labels.iter().all(|label| !taken[base ^ label]))
                .ok_or("the trie has outgrown its bases")?;
            used[base] = true;
            base_of[parent] = u32::try_from(base)?;
            for (child, label) in children.iter().zip(labels) {
                taken[base ^ label] = true;
                unit_of[*child] = base ^ label;
            }
        }
        if base_of[0] != ROOT_BASE {
            return Err("the root must choose first".into());
        }
        let length = taken.iter().rposition(|taken| *taken).map_or(0, |last| last + 1);
        let mut units = vec![u64::MAX; length];
        for (node, (base, unit)) in self.nodes.iter().zip(base_of.into_iter().zip(unit_of)).skip(1) {
            units[unit] = u64::from(node.label)
                | u64::from(base) << LABEL_BITS
                | u64::from(node.token) << (LABEL_BITS + BASE_BITS);
        }
        Ok(units.into_iter().flat_map(|unit| unit.to_le_bytes().into_iter().take(UNIT_BYTES)).collect())
    }

    fn has_children(&self, node: usize) -> bool {
        !self.nodes[node].children.is_empty()
    }
}

/// The class of every code point, asked of the regular expressions that the reference cuts text with.
fn classes() -> Result<Vec<u8>, Box<dyn Error>> {
    let all: String = ('\0'..=char::MAX).collect();
    let mut class_of = vec![0; CLASS_BLOCKS * CLASS_BLOCK];
    for (set, flag) in [
        (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", HEAD),
        (r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", TAIL),
        (r"\p{L}", LETTER),
        (r"\p{N}", NUMBER),
        (r"\s", SPACE),
    ] {
        for found in Regex::new(set)?.find_iter(&all) {
            for character in found?.as_str().chars() {
                class_of[character as usize] |= flag;
            }
        }
    }
    let mut blocks: Vec<&[u8]> = Vec::new();
    let mut packed = Vec::new();
    for block in class_of.chunks(CLASS_BLOCK) {
        let number = blocks.iter().position(|known| *known == block).unwrap_or_else(|| {
            blocks.push(block);
            blocks.len() - 1
        });
        packed.push(u8::try_from(number)?);
    }
    packed.extend(blocks.concat());
    Ok(packed)
}
