//! `voicegw prices calc`: prices usages line by line, in the format of price test vectors.

use super::now;
use crate::{Printer, exit};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::io::Read;
use vg_core::price::{Book, VectorError, vector};

/// Price usages: one JSON object per line on stdin, one answer per line on stdout.
///
/// A line has `model_ref` and `usage` (with `provider_id`, `provider_api_url`, `timestamp`), or its own `prices` and
/// `usage`, or `provider`, `model` and `today` to ask how fresh a price is. An `id` comes back with the answer. Every
/// line is answered; if any was not valid, the exit code is 1.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read JSON lines from stdin
    #[arg(long, required = true)]
    jsonl: bool,
}

/// How much is read at once; what has come is answered before more is waited for.
const CHUNK: usize = 64 * 1024;

pub(crate) async fn run(_args: Args, printer: &mut Printer) -> Result<u8> {
    let (mut lines, mut all_valid) = (Lines::default(), true);
    loop {
        let chunk = tokio::task::spawn_blocking(read_chunk).await?.context("failed to read stdin")?;
        let end = chunk.is_empty();
        let mut answers = String::new();
        let complete = lines.push(&chunk, end);
        for line in complete.split_inclusive(|byte| *byte == b'\n') {
            lines.seen += 1;
            if !line.trim_ascii().is_empty() {
                all_valid &= answer(line, lines.seen, &mut answers);
            }
        }
        printer.text(&answers)?;
        if end {
            return Ok(if all_valid { exit::DONE } else { exit::FAILED });
        }
    }
}

fn read_chunk() -> std::io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK];
    let length = std::io::stdin().lock().read(&mut chunk)?;
    chunk.truncate(length);
    Ok(chunk)
}

/// Input cut into whole lines.
#[derive(Default)]
struct Lines {
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
    seen: u64,
}

impl Lines {
    /// Takes what has been read and gives the lines it completes; at the end, also one without a line feed.
    fn push(&mut self, chunk: &[u8], end: bool) -> Vec<u8> {
        // Only the new bytes can hold a line feed.
        let complete = if end { None } else { chunk.iter().rposition(|byte| *byte == b'\n') };
        match complete.and_then(|index| chunk.split_at_checked(index + 1)) {
            Some((ends, begins)) => {
                let mut lines = std::mem::replace(&mut self.rest, begins.to_vec());
                lines.extend_from_slice(ends);
                lines
            }
            None if end => std::mem::take(&mut self.rest),
            None => {
                self.rest.extend_from_slice(chunk);
                Vec::new()
            }
        }
    }
}

/// Appends the answer to a line, and says whether the line was valid.
fn answer(line: &[u8], number: u64, answers: &mut String) -> bool {
    let read = std::str::from_utf8(line).map_err(|error| VectorError::Shape(error.to_string()));
    let answered = read.and_then(|line| vector::answer(Book::embedded(), line, now()));
    let valid = answered.is_ok();
    let answer = answered.unwrap_or_else(|error| {
        let mut refusal = Map::new();
        if let Some(id) = std::str::from_utf8(line).ok().and_then(vector::id) {
            refusal.insert("id".into(), id);
        }
        refusal.insert("error".into(), "InvalidLine".into());
        refusal.insert("message".into(), format!("line {number}: {error}").into());
        refusal
    });
    answers.push_str(&Value::Object(answer).to_string());
    answers.push('\n');
    valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_input_is_cut() {
        let input = b"{\"a\":1}\n\n{\"b\":2}\r\nlast";
        for size in 1..=input.len() {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            let chunks = input.chunks(size).map(|chunk| (chunk, false));
            for (chunk, end) in chunks.chain([(&b""[..], true)]) {
                let complete = lines.push(chunk, end);
                seen.extend(
                    complete.split_inclusive(|byte| *byte == b'\n').map(|line| line.trim_ascii().to_vec()),
                );
            }
            assert_eq!(seen, [&b"{\"a\":1}"[..], b"", b"{\"b\":2}", b"last"], "chunks of {size}");
        }
    }
}
