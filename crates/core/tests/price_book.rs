//! Loading a price book: the embedded one, the published one, and everything that must be refused.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use vg_core::decimal::Decimal;
use vg_core::price::{Book, PriceRef, PriceUsage, Quantity, Timestamp, vector};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_embedded_book_is_the_file_and_all_its_expressions_compile() {
    let loaded = Book::from_json(&read("data/prices.json")).unwrap();
    let embedded = Book::embedded();
    assert_eq!(embedded.hash(), loaded.hash());
    assert_eq!(embedded.model_count(), 1469);
    assert_eq!(embedded.pricing_source(), "voice-prices@0.11.0");
}

/// Turns the decimal strings of price blocks into the JSON numbers that the published file has.
fn with_numbers(value: &mut Value) {
    match value {
        Value::String(text) if text.parse::<Decimal>().is_ok() => {
            *value = serde_json::from_str(text).unwrap()
        }
        Value::Array(items) => items.iter_mut().for_each(with_numbers),
        Value::Object(members) => {
            members
                .iter_mut()
                .filter(|(key, _)| *key != "constraint")
                .for_each(|(_, value)| with_numbers(value));
        }
        _ => {}
    }
}

#[test]
fn a_bare_array_with_numbers_gives_the_same_answers() {
    let mut document: Value = serde_json::from_str(&read("data/prices.json")).unwrap();
    let providers = &mut document["providers"];
    for provider in providers.as_array_mut().unwrap() {
        for model in provider["models"].as_array_mut().unwrap() {
            with_numbers(&mut model["prices"]);
        }
    }
    let published = Book::from_json(&providers.to_string()).unwrap();
    assert_eq!(
        (published.version(), published.pricing_source()),
        (None, format!("voice-prices@{}", published.hash()))
    );
    let now = Timestamp::from_unix_microseconds(0);
    let file = std::fs::File::open(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/price_vectors.jsonl.gz"),
    );
    let mut lines = String::new();
    flate2::read::GzDecoder::new(file.unwrap()).read_to_string(&mut lines).unwrap();
    for line in lines.lines() {
        assert_eq!(
            vector::answer(&published, line, now),
            vector::answer(Book::embedded(), line, now),
            "{line}"
        );
    }
}

fn book_with(provider: Value, model: Value) -> String {
    let mut base = json!({"id": "acme", "name": "Acme", "api_pattern": "https://acme", "models": [
        {"id": "one", "match": {"equals": "one"}, "prices": {"input_mtok": "1"}},
    ]});
    let merge = |into: &mut Value, from: Value| {
        for (key, value) in from.as_object().unwrap() {
            into[key] = value.clone();
        }
    };
    merge(&mut base["models"][0], model);
    merge(&mut base, provider);
    json!([base]).to_string()
}

#[test]
fn a_book_that_pricing_could_trip_over_is_refused_and_the_fault_named() {
    let nothing = || json!({});
    let deep = (0..20).fold(json!({"equals": "x"}), |inner, _| json!({"or": [inner]}));
    let model_faults = [
        (json!({"prices": null}), "field `prices`, invalid type: null"),
        (json!({"prices": []}), "field `prices`, the list of prices is empty"),
        (json!({"prices": {"input_mtok": "-1"}}), "field `prices`, field `input_mtok`, `-1` is below zero"),
        (json!({"prices": {"input_mtok": -0.5}}), "field `input_mtok`, `-0.5` is below zero"),
        (json!({"prices": {"input_mtok": "NaN"}}), "field `input_mtok`, `NaN` is not a finite number"),
        (json!({"prices": {"input_mtok": "cheap"}}), "field `input_mtok`, `cheap` is not a decimal number"),
        (json!({"prices": {"input_mtok": true}}), "field `input_mtok`, expected a number, found `true`"),
        (json!({"prices": {"input_image_mtok": "1"}}), "`input_image_mtok` is no known kind of price"),
        (
            json!({"prices": {"input_kchars": {"base": "1", "tiers": []}}}),
            "field `input_kchars`, only prices per token",
        ),
        (
            json!({"prices": {"input_mtok": {"base": "1", "tiers": [{"start": 5, "price": "-2"}]}}}),
            "`-2` is below zero",
        ),
        (
            json!({"prices": {"input_mtok": {"base": "1", "tiers": [{"start": -5, "price": "2"}]}}}),
            "invalid value: integer `-5`",
        ),
        (
            json!({"prices": {"voice_multipliers": {"pvc": "2"}}}),
            "field `voice_multipliers`, there is no `default`",
        ),
        (json!({"prices": {"voice_multipliers": {"default": "-2"}}}), "class `default`, `-2` is below zero"),
        (
            json!({"prices": [{"constraint": {"end_date": "2026-01-01"}, "prices": {}}]}),
            "field `prices[0]`, field `constraint`, no known kind of constraint has the keys `end_date`",
        ),
        (json!({"prices": [{"constraint": {"start_date": "soon"}, "prices": {}}]}), "`soon` is not a date"),
        (
            json!({"prices": [{"constraint": {"start_time": "08:00:00", "end_time": "09:00:00Z"}, "prices": {}}]}),
            "`08:00:00` is not a time of day with an offset",
        ),
        (json!({"prices": [{"prices": {}, "until": 5}]}), "unknown field `until`"),
        (json!({"match": {"sounds_like": "x"}}), "field `match`, `sounds_like` is no known kind of clause"),
        (json!({"match": {"equals": "x", "contains": "y"}}), "field `match`, a clause has one key, not 2"),
        (json!({"match": {"equals": 5}}), "field `match`, clause `equals`, invalid type"),
        (
            json!({"match": {"or": [{"and": [{"regex": "(?<"}]}]}}),
            "field `match`, the regular expression \"(?<\" does not compile",
        ),
        (json!({"match": deep}), "clauses are nested more than 16 deep"),
        (json!({"provenance": {"source": "hearsay"}}), "field `provenance`, `hearsay` is no known source"),
        (
            json!({"provenance": {"last_verified": "2026-02-30"}}),
            "field `last_verified`, `2026-02-30` is not a date",
        ),
    ];
    for (model, fault) in model_faults {
        let message =
            Book::from_json(&book_with(nothing(), model.clone())).map(|_| ()).unwrap_err().to_string();
        assert!(
            message.starts_with("price book refused: provider `acme`, model `one`, ")
                && message.contains(fault),
            "{model}: {message}"
        );
    }
    let model = json!({"id": "one", "match": {"equals": "two"}, "prices": {}});
    let provider_faults = [
        (json!({"api_pattern": "("}), "provider `acme`, field `api_pattern`, the regular expression"),
        (
            json!({"model_match": {"regex": "["}}),
            "provider `acme`, field `model_match`, the regular expression",
        ),
        (
            json!({"provider_match": {}}),
            "provider `acme`, field `provider_match`, a clause has one key, not 0",
        ),
        (
            json!({"fallback_model_providers": ["nobody"]}),
            "field `fallback_model_providers`, there is no provider `nobody`",
        ),
        (json!({"models": [model, model]}), "provider `acme`, model `one`, the id occurs twice"),
        (json!({"models": [{"match": {}, "prices": {}}]}), "provider `acme`, model `0`, missing field `id`"),
    ];
    for (provider, fault) in provider_faults {
        let message =
            Book::from_json(&book_with(provider.clone(), nothing())).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(fault), "{provider}: {message}");
    }
    for text in ["", "{}", "null", "[{}]", "[", r#"{"providers": 5}"#] {
        assert!(Book::from_json(text).is_err(), "{text}");
    }
}

#[test]
fn a_key_outlives_the_borrow_and_finds_the_same_price() {
    let book = Book::from_json(&book_with(json!({}), json!({}))).unwrap();
    let found = book.find(&PriceRef { provider: Some("acme"), url: None, model: "ONE" }).unwrap();
    let again = book.get(found.key()).unwrap();
    assert_eq!((again.provider(), again.model(), again.key()), ("acme", "one", found.key()));
    let usage = PriceUsage::new().with(Quantity::InputTokens, 2_000_000_u64);
    assert_eq!(again.rate(&usage, Timestamp::from_unix_microseconds(0)).unwrap().total.to_plain(), "2");
}

#[test]
fn a_line_that_is_no_question_says_why() {
    let huge = format!(r#"{{"model_ref":"gpt-4o","usage":{{"input_tokens":{}}}}}"#, "9".repeat(81));
    let cases = [
        ("", "not a valid line: "),
        ("[]", "not a valid line: invalid type: sequence"),
        ("{}", "exactly one of the keys `model_ref`, `prices` and `today`"),
        (r#"{"model_ref":"x","today":"2026-01-01"}"#, "exactly one of the keys"),
        (r#"{"model_ref":null}"#, "`model_ref`: a string is required"),
        (r#"{"model_ref":5}"#, "`model_ref`: invalid type"),
        (r#"{"model_ref":"gpt-4o","timestamp":"yesterday"}"#, "`timestamp`: `yesterday` is not a timestamp"),
        (r#"{"model_ref":"gpt-4o","usage":[]}"#, "`usage`: invalid type"),
        (r#"{"model_ref":"gpt-4o","usage":{"tokens":1}}"#, "`usage.tokens`: is no known quantity"),
        (
            r#"{"model_ref":"gpt-4o","usage":{"input_tokens":1.5}}"#,
            "`usage.input_tokens`: expected an integer, found `1.5`",
        ),
        (
            r#"{"model_ref":"gpt-4o","usage":{"input_tokens":true}}"#,
            "`usage.input_tokens`: expected a number or a string",
        ),
        (
            r#"{"model_ref":"nova-3","usage":{"audio_input_seconds":"NaN"}}"#,
            "`usage.audio_input_seconds`: `NaN` is not a finite number",
        ),
        (r#"{"prices":[]}"#, "price book refused: field `prices`, the list of prices is empty"),
        (
            r#"{"provider":"openai","model":"gpt-4o","today":"2026-13-01"}"#,
            "`today`: `2026-13-01` is not a date",
        ),
        (huge.as_str(), "`usage.input_tokens`: a number of 81 digits"),
    ];
    for (line, problem) in cases {
        let message = vector::answer(Book::embedded(), line, Timestamp::from_unix_microseconds(0))
            .unwrap_err()
            .to_string();
        assert!(message.contains(problem), "{line}: {message}");
    }
}

#[test]
fn an_answer_carries_the_id_and_now_stands_in_for_a_missing_time() {
    let now: Timestamp = "2025-06-09T12:00:00Z".parse().unwrap();
    let answer = |line: &str| Value::Object(vector::answer(Book::embedded(), line, now).unwrap());
    let o3 = answer(r#"{"id":"a","model_ref":"o3","usage":{"input_tokens":1000,"output_tokens":null}}"#);
    assert_eq!((&o3["id"], &o3["total"], &o3["price_index"]), (&json!("a"), &json!("0.01"), &json!(0)));
    let later =
        answer(r#"{"model_ref":"o3","usage":{"input_tokens":"1000"},"timestamp":"2025-06-10T12:00:00Z"}"#);
    assert_eq!((later.get("id"), &later["total"]), (None, &json!("0.002")));
    let long = answer(&format!(r#"{{"model_ref":"gpt-4o","usage":{{"input_tokens":{}}}}}"#, "9".repeat(80)));
    assert_eq!(long["raw"][0], "2.500000000000000000000000000E+74");
    let missing = answer(r#"{"id":null,"provider":"openai","model":"nope","today":"2026-01-01"}"#);
    assert_eq!((&missing["id"], &missing["error"]), (&Value::Null, &json!("LookupError")));
}

#[test]
fn the_meters_of_every_model_add_up_to_its_price() {
    let usage = |voice_class: Option<&str>| {
        let mut usage = PriceUsage::new()
            .with(Quantity::InputTokens, Decimal::from(412_345_u64))
            .with(Quantity::CacheReadTokens, Decimal::from(100_000_u64))
            .with(Quantity::CacheWriteTokens, Decimal::from(1_234_u64))
            .with(Quantity::InputAudioTokens, Decimal::from(777_u64))
            .with(Quantity::CacheAudioReadTokens, Decimal::from(77_u64))
            .with(Quantity::OutputTokens, Decimal::from(4_321_u64))
            .with(Quantity::OutputAudioTokens, Decimal::from(21_u64))
            .with(Quantity::Characters, Decimal::from(93_u64))
            .with(Quantity::AudioInputSeconds, "12.345".parse::<Decimal>().unwrap())
            .with(Quantity::AudioOutputSeconds, "6.7".parse::<Decimal>().unwrap());
        usage.voice_class = voice_class.map(Into::into);
        usage
    };
    let (book, at) = (Book::embedded(), Timestamp::from_unix_microseconds(1_770_000_000_000_000));
    let (mut priced, mut with_voice) = (0, 0);
    for (provider, model) in book.models() {
        let price = book.find_by_id(provider, model).unwrap();
        for class in [None, Some("pvc"), Some("ivc")] {
            let (usage, mut total) = (usage(class), Decimal::ZERO);
            let meters = price.meters(&usage, at).unwrap();
            for meter in &meters {
                total += &(&meter.price * &meter.quantity).divided_by_power_of_ten(meter.power);
                assert!(!meter.quantity.is_negative());
                with_voice += usize::from(meter.voice_multiplier.is_some());
            }
            assert_eq!(total, price.rate(&usage, at).unwrap().total, "{provider}/{model}");
            priced += usize::from(!meters.is_empty());
        }
    }
    assert!(priced > 3_000 && with_voice > 0, "{priced} priced, {with_voice} with a voice class");
}
