//! How many tokens a text is, in OpenAI's o200k_base vocabulary: exactly, without loading anything.
//!
//! The vocabulary lies in the read-only part of the binary in the form in which it is searched, so a first call
//! costs no more than any other, processes share its pages, and those never touched take no memory. A count
//! allocates room for the tokens of its longest piece, mostly a word.

mod chat;
mod layout;
mod merge;
mod pieces;
mod vocabulary;

pub use chat::chat_prompt;

/// The tokens of `text` in o200k_base, the vocabulary of GPT-4o, GPT-4.1, GPT-5 and the o series. Names of special
/// tokens, such as `<|endoftext|>`, count as the ordinary text they are. Time grows in proportion to the text,
/// whatever the text.
pub fn count(text: &str) -> u64 {
    let mut merger = merge::Merger::default();
    pieces::pieces(text).map(|piece| merger.count(piece.as_bytes())).sum()
}
