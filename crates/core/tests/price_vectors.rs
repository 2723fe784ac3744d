//! Every published vector of the price data, answered and compared field by field.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use vg_core::price::{Book, Timestamp, vector};

/// Answers every line of a file, checks each against its `expect`, and gives the number of lines.
fn answer_all(file: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut mismatches = Vec::new();
    for line in text.lines() {
        let mut question: Value = serde_json::from_str(line).unwrap();
        let mut expected = question.as_object_mut().unwrap().remove("expect").unwrap();
        if let Some(id) = question.get("id") {
            expected["id"] = id.clone();
        }
        // The question is passed on as it was written, so that its numbers stay as they are.
        let question = &line[..line.find(",\"expect\":").unwrap()];
        let answer =
            vector::answer(Book::embedded(), &format!("{question}}}"), Timestamp::from_unix_microseconds(0));
        let answer = answer.map_or_else(|error| Value::from(error.to_string()), Value::Object);
        if answer != expected {
            mismatches.push(format!("{line}\n  answered {answer}"));
        }
        let outcome = expected.get("error").and_then(Value::as_str).unwrap_or("answered");
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
    }
    println!("{file}: {} lines {outcomes:?}, {} mismatches", text.lines().count(), mismatches.len());
    assert!(mismatches.is_empty(), "{}", mismatches[..mismatches.len().min(20)].join("\n"));
    text.lines().count()
}

#[test]
fn every_price_vector_is_equal() {
    assert_eq!(answer_all("price_vectors.jsonl.gz"), 6277);
}

#[test]
fn every_synthetic_vector_is_equal() {
    assert_eq!(answer_all("synthetic_vectors.jsonl.gz"), 1496);
}

#[test]
fn every_freshness_vector_is_equal() {
    assert_eq!(answer_all("freshness_vectors.jsonl.gz"), 955);
}
