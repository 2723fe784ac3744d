//! Documents as they are given: what is read of them, and what is said of bad ones.

use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// Opens a text as a document.
pub(crate) fn opened(name: &str, text: &str) -> Document {
    Document::open(name, text.as_bytes().to_vec()).unwrap()
}

/// A row in words: line, kind, days, modality, model, quantities, requests, amount with its decimals, who.
pub(crate) fn told(row: &Row) -> String {
    let mut words = vec![row.line.to_string(), format!("{:?}", row.kind).to_lowercase()];
    if let Some((from, to)) = row.span {
        let hours = (to.0 - from.0) / 3_600_000_000;
        let from = vg_core::price::Timestamp::from_unix_microseconds(from.0).to_string();
        words.push(format!("{}+{hours}h", from.trim_end_matches("T00:00:00Z")));
    }
    words.extend(row.modality.map(|modality| modality.to_string()));
    words.push(format!("`{}`", row.model));
    for (quantity, measured) in row.usage.iter() {
        assert_eq!(measured.source, vg_core::Source::ProviderReported);
        words.push(format!("{}={}", quantity.as_str(), measured.value));
    }
    words.extend(row.requests.map(|requests| format!("n={requests}")));
    words.extend(row.credits.as_ref().map(|credits| format!("credits={credits}")));
    words.extend(row.amount.map(|amount| format!("${amount}/{}", row.amount_places)));
    words.extend(row.list_amount.map(|amount| format!("list=${amount}")));
    words.extend(row.request_id.as_ref().map(|id| format!("id={id}")));
    words.extend(row.account.as_ref().map(|account| format!("by={account}")));
    words.join(" ")
}

/// The rows and notes that are read of one text.
pub(crate) fn read_text(provider: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let statement = read(provider, &[opened("x", text)]).unwrap();
    (statement.rows.iter().map(told).collect(), statement.notes)
}

const OPENAI: &str =
    "model,input_tokens,output_tokens,n_requests,cost_usd\ngpt-4o-mini,400000,90000,310,0.114\n";

#[test]
fn the_documented_samples_are_read_in_both_forms() {
    let table = [
        ("openai", OPENAI, "2 both llm `gpt-4o-mini` input_tokens=400000 output_tokens=90000 n=310 $0.114/3"),
        (
            "deepgram",
            "model,audio_seconds,n_requests,cost_usd\nnova-3,7200.5,64,0.924\n",
            "2 both stt `nova-3` audio_nanos=7200500000000 n=64 $0.924/3",
        ),
        (
            "cartesia",
            "model,characters,credits,n_requests,cost_usd\nsonic-3,120000,120000,95,4.8\n",
            "2 both tts `sonic-3` characters=120000 n=95 credits=120000 $4.8/1",
        ),
        (
            "assemblyai",
            "model,session_seconds,n_requests,cost_usd\nuniversal-streaming,60,2,0.01\n",
            "2 both stt `universal-streaming` audio_nanos=60000000000 n=2 $0.01/2",
        ),
        (
            "openai",
            r#"[{"model": "gpt-4o-mini", "input_tokens": 400000, "output_tokens": 90000, "n_requests": 310, "cost_usd": 0.114}]"#,
            "1 both llm `gpt-4o-mini` input_tokens=400000 output_tokens=90000 n=310 $0.114/3",
        ),
        (
            "deepgram",
            r#"[{"model": "nova-3", "audio_seconds": 7200.5, "n_requests": 64, "cost_usd": 0.924}]"#,
            "1 both stt `nova-3` audio_nanos=7200500000000 n=64 $0.924/3",
        ),
        (
            "elevenlabs",
            "[\n {\"model\": \"eleven_flash_v2_5\", \"characters\": 120000, \"cost_usd\": \"4.80\"}]",
            "2 both tts `eleven_flash_v2_5` characters=120000 $4.8/2",
        ),
        (
            "groq",
            "model,input_tokens,output_tokens,cost_usd\nllama-3.3-70b-versatile,1e3,2.0,0.000000590000001\n",
            "2 both llm `llama-3.3-70b-versatile` input_tokens=1000 output_tokens=2 $0.00000059/12",
        ),
        (
            "anthropic",
            "cost_usd;model;output_tokens;input_tokens\n0.1;claude-haiku-4-5;1;2\n",
            "2 both llm `claude-haiku-4-5` input_tokens=2 output_tokens=1 $0.1/1",
        ),
    ];
    for (provider, text, row) in table {
        assert_eq!(read_text(provider, text), (vec![row.to_owned()], vec![]), "{provider}");
    }
}

#[test]
fn rows_of_other_modalities_have_their_own_columns_and_strange_columns_are_named_once() {
    let text = "\u{feff}Owner,model,cost_usd,input_tokens,output_tokens,audio_seconds,characters\r\n\r\n\
                me,gpt-4o-mini,1.5,1,2,,\r\n\
                me,whisper-1,0.25,,,12.5,0\r\n\
                me,\"tts-1\n\",0.125,0,0,0,100\r\n\
                ,,,,,,\r\n\
                me,gpt-4o-transcribe,0,7,8,,\r\n";
    let (rows, notes) = read_text("openai", text);
    let wanted = [
        "3 both llm `gpt-4o-mini` input_tokens=1 output_tokens=2 $1.5/3",
        "4 both stt `whisper-1` audio_nanos=12500000000 $0.25/3",
        "5 both tts `tts-1` characters=100 $0.125/3",
        "8 both stt `gpt-4o-transcribe` input_tokens=7 output_tokens=8 $0/3",
    ];
    assert_eq!(rows, wanted);
    assert_eq!(notes, ["`x`: not compared are `Owner`"]);
}

#[test]
fn bad_documents_are_told_with_line_and_column() {
    let header = "model,input_tokens,output_tokens,cost_usd\n";
    let columns = "a table or a JSON array of objects with `model`, `input_tokens`, `output_tokens` or `audio_seconds` or \
                   `characters`, `cost_usd`, and if you like `n_requests`, `credits`";
    let number = "expected a number such as `1234.5`, without thousands separators, unit or currency sign";
    let table: &[(String, String)] = &[
        (format!("{header}a,1,x2,0.1\n"), format!("x:2:5: `output_tokens` is `x2`; {number}")),
        (format!("{header}\n\"a, b\",1,2,$0.10\n"), format!("x:3:12: `cost_usd` is `$0.10`; {number}")),
        (format!("{header}é,1,\"1,000\",0.1\n"), format!("x:2:5: `output_tokens` is `1,000`; {number}")),
        (format!("{header}a,-1,2,0.1\n"), "x:2:3: `input_tokens` is `-1`; expected no negative number".into()),
        (format!("{header}a,1,2,-0.1\n"), "x:2:7: `cost_usd` is `-0.1`; expected no negative number".into()),
        (format!("{header}a,1.5,2,0.1\n"), "x:2:3: `input_tokens` is `1.5`; expected a whole number".into()),
        (
            format!("{header}a,1e18,2,0.1\n"),
            "x:2:3: `input_tokens` is `1e18`; expected a number below 1000000000000000".into(),
        ),
        (format!("{header}a,1,2,1e30\n"), "x:2:7: `cost_usd` is `1e30`; expected less than 1000000000 USD".into()),
        (format!("{header}a,1,2,nan\n"), format!("x:2:7: `cost_usd` is `nan`; {number}")),
        (format!("{header}a,1,2,\n"), "x:2:7: `cost_usd` is blank; a value is needed".into()),
        (format!("{header},1,2,0.1\n"), "x:2:1: `model` is blank; a value is needed".into()),
        (format!("{header}a,,,0.1\n"), "x:2:3: `input_tokens` is blank; a value is needed".into()),
        (
            format!("{header}a,1,2\n"),
            "x:2:1: this row has 3 cells and the header 4; a cell that holds the separator needs quotes around it".into(),
        ),
        (
            "model,cost_usd,model\n".into(),
            "x:1:16: the column `model` is there twice; keep one of them".into(),
        ),
        (
            "model,input,output_tokens\na,1,2\n".into(),
            format!("x:1:1: there is no column `cost_usd`, `input_tokens`; the columns are `model`, `input`, \
                     `output_tokens`; expected is {columns}"),
        ),
        (
            format!("{header}a,1,2,\"0.1\nb,1,2,0.1\n"),
            "x:2:7: a quote is opened here and never closed; the document is damaged, export it again".into(),
        ),
        (
            "model,cost_usd,input_tokens,output_tokens,characters\na,1,2,3,4\n".into(),
            "x:2:1: `a` has quantities of two kinds; give each its own row, with a cost of its own".into(),
        ),
        (String::new(), "x:1:1: the document is empty; export it again".into()),
        ("<html>".into(), "x:1:1: this is a web page, not an export; it may be a login page that was saved".into()),
        (
            "PK\u{3}\u{4}".into(),
            "x:1:1: this is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV UTF-8".into(),
        ),
        (
            "[{\"model\": \"a\",\n  \"cost_usd\": 0.1,,\n}]".into(),
            "x:2:19: this is not JSON: key must be a string; the document is damaged or cut, export it again".into(),
        ),
        (
            "[{\"model\": \"a\",\n  \"input_tokens\": 1".into(),
            "x:2:19: this is not JSON: EOF while parsing an object; the document is damaged or cut, export it again"
                .into(),
        ),
        (
            "[{\"model\": \"a\",\n  \"input_tokens\": 1, \"output_tokens\": 2}]".into(),
            "x:1:2: there is no `cost_usd` here; the members are `model`, `input_tokens`, `output_tokens`".into(),
        ),
        (
            "[{\"model\": \"a\",\n  \"input_tokens\": -1, \"output_tokens\": 2, \"cost_usd\": 1}]".into(),
            "x:2:19: `input_tokens` is `-1`; expected no negative number".into(),
        ),
        (
            "[{\"model\": 7, \"input_tokens\": 1, \"output_tokens\": 2, \"cost_usd\": 1}]".into(),
            "x:1:12: `model` is `7`; expected text".into(),
        ),
        (
            "[{\"model\": \"a\", \"model\": \"b\"}]".into(),
            "x:1:2: an object has the member `model` twice".into(),
        ),
        ("[7, {\"model\": \"a\"}]".into(), "x:1:2: `7` is there; expected an object".into()),
    ];
    for (text, wanted) in table {
        let bad =
            Document::open("x", text.as_bytes().to_vec()).and_then(|document| read("openai", &[document]));
        assert_eq!(bad.unwrap_err().to_string(), *wanted, "{text}");
    }
    let bytes: &[(&[u8], &str)] = &[
        (b"\xff\xfem\0o\0", "x:1:1: this is text in UTF-16; save it as UTF-8"),
        (b"model\nab\xe4c", "x:2:3: the byte 0xe4 is no UTF-8; save the document as UTF-8"),
        (b"%PDF-1.7", "x:1:1: this is a PDF; export CSV or JSON from the provider's usage or billing page"),
        (b"\x1f\x8b\x08\0", "x:1:1: this gzip file is damaged ("),
    ];
    for (bytes, wanted) in bytes {
        let said = Document::open("x", bytes.to_vec()).unwrap_err().to_string();
        assert!(said.starts_with(wanted), "{said}");
    }
}

#[test]
fn a_document_of_no_known_format_is_told_what_was_seen_and_what_is_known() {
    let refused = |provider: &str, text: &str| read(provider, &[opened("x", text)]).unwrap_err().to_string();
    assert_eq!(
        refused("assemblyai", "{\"invoices\": [{\"total\": 1, \"lines\": []}]}"),
        "x:1:1: this is no export of assemblyai that is known: JSON with the members `invoices.total`, `invoices.lines`; \
         known are: a table or a JSON array of objects with `model`, `session_seconds` or `audio_seconds`, `cost_usd`, \
         and if you like `n_requests`, `credits`"
    );
    let openai = refused("openai", "day;total\n1;2\n");
    assert!(
        openai.contains("a table with the columns `day`, `total`; known are: OpenAI costs (JSON"),
        "{openai}"
    );
    assert_eq!(refused("ollama", "model,cost_usd\n"), "x:1:1: no export of the provider `ollama` is known");
}

#[test]
fn gzip_is_unpacked_and_a_document_that_is_given_twice_is_read_once() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(OPENAI.as_bytes()).unwrap();
    let documents = [opened("a.csv", OPENAI), Document::open("a.csv.gz", packed.finish().unwrap()).unwrap()];
    let statement = read("openai", &documents).unwrap();
    assert_eq!(statement.rows.len(), 1);
    assert_eq!(statement.notes, ["`a.csv.gz` is the same as `a.csv`: it is read once"]);
    assert_eq!(statement.formats, ["canonical columns"]);
}

#[test]
fn what_is_between_two_nanoseconds_or_picodollars_is_rounded_half_even() {
    let text = "model,audio_seconds,cost_usd\nnova-3,0.0000000025,0.0000000000035\nnova-3,1e-9,5e-1\n";
    let (rows, _) = read_text("deepgram", text);
    assert_eq!(
        rows,
        ["2 both stt `nova-3` audio_nanos=2 $0.000000000004/12", "3 both stt `nova-3` audio_nanos=1 $0.5/12"]
    );
}

/// Of each provider, the documents that are kept as samples.
const SAMPLES: [(&str, &[&str]); 5] = [
    (
        "openai",
        &[
            OPENAI,
            include_str!("../openai/fixtures/costs.csv"),
            include_str!("../openai/fixtures/costs.json"),
            include_str!("../openai/fixtures/usage.csv"),
            include_str!("../openai/fixtures/usage_audio.json"),
            include_str!("../openai/fixtures/usage_completions.json"),
            r#"[{"model": "gpt-4o-mini", "input_tokens": 4e5, "output_tokens": 90000, "n_requests": 3, "cost_usd": "0.114"}]"#,
        ],
    ),
    (
        "anthropic",
        &[
            include_str!("../anthropic/fixtures/cost_report.json"),
            include_str!("../anthropic/fixtures/costs.csv"),
            include_str!("../anthropic/fixtures/tokens.csv"),
            include_str!("../anthropic/fixtures/usage_report.json"),
        ],
    ),
    (
        "deepgram",
        &[
            include_str!("../deepgram/fixtures/billing_breakdown.json"),
            include_str!("../deepgram/fixtures/requests.json"),
            include_str!("../deepgram/fixtures/usage_breakdown.json"),
        ],
    ),
    (
        "elevenlabs",
        &[
            include_str!("../elevenlabs/fixtures/analytics.json"),
            include_str!("../elevenlabs/fixtures/character_stats.json"),
            include_str!("../elevenlabs/fixtures/history.json"),
        ],
    ),
    (
        "cartesia",
        &[
            include_str!("../cartesia/fixtures/credits.json"),
            include_str!("../cartesia/fixtures/credits_by_capability.json"),
            "model,characters,credits,n_requests,cost_usd\nsonic-3,120000,120000,95,4.8\n",
        ],
    ),
];

#[test]
fn fuzzed_documents_are_read_or_refused_at_a_place_of_theirs() {
    for (provider, samples) in SAMPLES {
        let corpus: Vec<&[u8]> = samples.iter().map(|text| text.as_bytes()).collect();
        vg_testkit::fuzz::fuzz(&corpus, |bytes| {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            let opened = Document::open("x", bytes.to_vec());
            match opened.and_then(|document| read(provider, &[document])) {
                Ok(statement) => {
                    for row in &statement.rows {
                        assert!((1..=lines).contains(&row.line));
                        assert!(row.amount_places <= Money::SCALE);
                        assert!(row.span.is_none_or(|(from, to)| from <= to));
                    }
                }
                Err(bad) => {
                    assert!((1..=lines).contains(&bad.line) && bad.column >= 1, "{bad}");
                    assert!(!bad.problem.is_empty());
                }
            }
        });
    }
}

#[test]
fn no_sample_of_a_provider_is_taken_for_another_format_of_it() {
    for (provider, samples) in SAMPLES {
        for text in samples {
            let document = opened("x", text);
            let formats = registry::formats(provider).iter();
            let names: Vec<&str> =
                formats.filter(|format| (format.recognises)(&document)).map(|format| format.name).collect();
            assert!(names.len() <= 1, "{provider} {names:?}");
        }
    }
}

#[test]
fn answers_without_anything_in_them_are_not_called_repeated() {
    let page = r#"{"object":"page","data":[],"has_more":false,"next_page":null}"#;
    let statement = read("openai", &[opened("a", page), opened("b", page)]).unwrap();
    assert!(statement.notes.is_empty());
}

#[test]
fn a_row_of_an_answer_on_one_line_is_found_at_once() {
    let row = r#"{"request_id":"ID","created":"2026-11-01T08:00:00Z","path":"/v1/listen?model=nova-3","response":null}"#;
    let rows: Vec<String> = (0..20_000).map(|id| row.replace("ID", &id.to_string())).collect();
    let text = format!("{{\"page\":0,\"limit\":1000,\"requests\":[{}]}}", rows.join(","));
    let statement = read("deepgram", &[opened("x", &text)]).unwrap();
    assert_eq!(statement.rows.len(), 20_000);
    assert!(statement.rows.iter().all(|row| row.line == 1));
}

#[test]
fn what_is_packed_may_not_grow_without_end() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b'0'; 3 << 20]).unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(document::unpacked(packed.clone(), 3 << 20).unwrap().len(), 3 << 20);
    let said = document::unpacked(packed, 2 << 20).unwrap_err();
    assert_eq!(said, "the document is larger than 2 MiB; export fewer days at once");
    assert!(document::unpacked(vec![b'0'; 10], 9).is_err());
}

#[test]
fn what_a_document_says_moves_no_cursor() {
    let text = "model,characters,cost_usd,\u{1b}[2Jowner\na,1,1,x\n";
    let (_, notes) = read_text("cartesia", text);
    assert_eq!(notes, ["`x`: not compared are `[2Jowner`"]);
    let bad =
        read("cartesia", &[opened("x", &text.replace("a,1,1", "a,\u{1b}1,1"))]).unwrap_err().to_string();
    assert!(bad.starts_with("x:2:3: `characters` is `1…`; expected a number"), "{bad}");
}

#[test]
fn notes_have_an_end() {
    let item = r#"{"amount":{"value":1,"currency":"usd"},"line_item":"Thing ID"}"#;
    let items: Vec<String> = (0..200).map(|id| item.replace("ID", &id.to_string())).collect();
    let text = format!(r#"{{"data":[{{"start_time":0,"end_time":1,"results":[{}]}}]}}"#, items.join(","));
    let (rows, notes) = read_text("openai", &text);
    assert_eq!((rows.len(), notes.len()), (200, 101));
    assert_eq!(notes[100], "there is more of the kind, which is left out");
}
