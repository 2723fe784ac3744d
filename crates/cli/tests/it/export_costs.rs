//! `voicegw export-costs`: byte for byte.

use crate::{
    ledger::{FIXED, PRICES, after, lines, machine},
    machine::{Machine, Outcome},
};
use vg_core::{Modality, UnixMicros};
use vg_testkit::ledger::{line, priced};

const DAY: &str = "--start 2026-02-03 --end 2026-02-03";

const HEADER: &str = "timestamp,project,modality,provider,model,input_units,output_units,calculated_cost_usd,\
pricing_source,status\r\n";

const CSV: &str = "\
2026-02-03T04:05:06+00:00,default,stt,deepgram,deepgram/nova-3,0.05,0.0,0.00024,voice-prices@1.2.3,success\r\n\
2026-02-03T04:05:09.100000+00:00,default,llm,openai,openai/gpt-4.1-mini,120.0,35.0,0.0000872,voice-prices@1.2.3,\
success\r\n\
2026-02-03T04:05:09.500000+00:00,default,tts,cartesia,cartesia/sonic-3,28.0,0.0,0.0014,voice-prices@1.2.3,\
success\r\n\
2026-02-03T04:06:11+00:00,default,llm,openai,openai/gpt-4.1-mini,,7.0,0.0000112,voice-prices@1.2.3,cancelled\r\n\
2026-02-03T04:06:12+00:00,other,llm,acme,\"acme/odd, \"\"model\"\"\",9.0,,,,success\r\n\
2026-02-03T04:06:13+00:00,other,stt,whisper,whisper/base,0.008333333333333333,0.0,0.0,voicegateway-local,success\r\n\
2026-02-03T04:06:14+00:00,default,llm,openai,openai/gpt-4.1-mini,,,,,error\r\n";

const JSON: &str = r#"{"timestamp": "2026-02-03T04:06:12+00:00", "project": "other", "modality": "llm", "provider": "acme", "model": "acme/odd, \"model\"", "input_units": 9.0, "output_units": null, "calculated_cost_usd": "", "pricing_source": "", "status": "success"}
{"timestamp": "2026-02-03T04:06:13+00:00", "project": "other", "modality": "stt", "provider": "whisper", "model": "whisper/base", "input_units": 0.008333333333333333, "output_units": 0.0, "calculated_cost_usd": "0.0", "pricing_source": "voicegateway-local", "status": "success"}
"#;

#[test]
fn csv_is_rfc_4180_and_the_oldest_comes_first() {
    let outcome = machine(lines(FIXED)).run(&format!("export-costs {DAY}"));
    assert_eq!(outcome, Outcome { code: Some(0), out: format!("{HEADER}{CSV}"), err: String::new() });
}

#[test]
fn json_is_one_object_a_line_with_the_cost_as_text() {
    let outcome = machine(lines(FIXED)).run(&format!("export-costs {DAY} --format json -p other"));
    assert_eq!(outcome, Outcome { code: Some(0), out: JSON.into(), err: String::new() });
}

#[test]
fn both_days_are_included_to_their_last_instant() {
    let midnight = UnixMicros(FIXED.0 - FIXED.0.rem_euclid(86_400_000_000));
    let at = |at: UnixMicros, number| priced(line(Modality::Tts, "cartesia/sonic-3", at, number), 1, PRICES);
    let machine = machine([
        at(UnixMicros(midnight.0 - 1), 1),
        at(midnight, 2),
        at(UnixMicros(midnight.0 + 2 * 86_400_000_000 - 1), 3),
        at(UnixMicros(midnight.0 + 2 * 86_400_000_000), 4),
    ]);
    let out = machine.run("export-costs --start 2026-02-03 --end 2026-02-04").out;
    let times: Vec<&str> = out.lines().skip(1).map(|row| row.split(',').next().unwrap()).collect();
    assert_eq!(times, ["2026-02-03T00:00:00+00:00", "2026-02-04T23:59:59.999999+00:00"]);
    assert!(out.contains(",0.000000000001,"), "{out}");
}

#[test]
fn many_pages_come_out_in_order_and_once() {
    let lines = (0..2_500).map(|number| line(Modality::Llm, "acme/model", after(FIXED, number), 1));
    let out = machine(lines).run(&format!("export-costs {DAY}")).out;
    let times: Vec<&str> = out.lines().skip(1).map(|row| row.split(',').next().unwrap()).collect();
    assert_eq!(times.len(), 2_500);
    assert!(times.is_sorted());
}

#[test]
fn a_file_gets_its_folders_and_is_counted() {
    let machine = machine(lines(FIXED));
    let outcome = machine.run(&format!("export-costs {DAY} -o reports/2026/february.csv"));
    let out = "Wrote 7 record(s) to reports/2026/february.csv\n";
    assert_eq!(outcome, Outcome { code: Some(0), out: out.into(), err: String::new() });
    assert_eq!(machine.read("reports/2026/february.csv"), format!("{HEADER}{CSV}"));
    let outcome = machine.run("export-costs --start 2025-01-01 --end 2025-01-31 -o none.csv");
    assert_eq!(outcome.out, "Wrote 0 record(s) to none.csv\n");
    assert_eq!(machine.read("none.csv"), HEADER);
    let outcome = machine.run(&format!("export-costs {DAY} -o none.csv/x.csv"));
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.starts_with("error: failed to write `none.csv/x.csv`: "), "{}", outcome.err);
}

#[test]
fn wrong_days_and_formats_exit_2() {
    for (flags, err) in [
        (
            "--start 2026-2-3 --end 2026-02-03",
            "error: `2026-2-3` is not a day: write it as YYYY-MM-DD, such as 2026-01-31\n",
        ),
        (
            "--start 2026-02-03 --end 2026-02-02",
            "error: the last day, 2026-02-02, lies before the first one, 2026-02-03\n",
        ),
    ] {
        let outcome = Machine::new().with_config("{}\n").run(&format!("export-costs {flags}"));
        assert_eq!(outcome, Outcome { code: Some(2), out: String::new(), err: err.into() });
    }
    for flags in ["--start 2026-02-03", "--start 2026-02-03 --end 2026-02-03 --format xml"] {
        assert_eq!(Machine::new().run(&format!("export-costs {flags}")).code, Some(2), "{flags}");
    }
    for flags in ["--focus-version 1.2", "--billed-cost estimate --format parquet"] {
        let outcome = Machine::new().run(&format!("export-costs {DAY} {flags}"));
        let err = "error: `--focus-version` and `--billed-cost` go with `--format focus`\n";
        assert_eq!(outcome, Outcome { code: Some(2), out: String::new(), err: err.into() });
    }
    let outcome = Machine::new().run(&format!("export-costs {DAY} --format focus --focus-version 1.3"));
    assert!(outcome.err.contains("[possible values: 1.4, 1.2]"), "{}", outcome.err);
}

#[test]
fn focus_is_of_the_version_asked_for_and_says_how_many_requests_have_no_price() {
    let machine = machine(lines(FIXED));
    let note = "note: 2 of 7 request(s) have no price. FOCUS has no word for that: their costs are 0, and \
                `x_Unpriced` is true\n";
    let newest = machine.run(&format!("export-costs {DAY} --format focus"));
    assert_eq!((newest.code, newest.err.as_str()), (Some(0), note));
    assert!(newest.out.starts_with("BilledCost,BillingAccountId,"), "{}", newest.out);
    assert!(
        newest.out.contains(",ServiceProviderName,") && newest.out.contains("\r\n0.0,deepgram,Deepgram,USD,")
    );
    let older = machine.run(&format!(
        "export-costs {DAY} --format focus --focus-version 1.2 --billed-cost estimate -o focus.csv"
    ));
    assert_eq!((older.out.as_str(), older.err.as_str()), ("Wrote 7 record(s) to focus.csv\n", note));
    let written = machine.read("focus.csv");
    assert!(written.contains(",PublisherName,") && !written.contains("ServiceProviderName"), "{written}");
    assert!(written.contains("\r\n0.00024,deepgram,Deepgram,USD,"), "{written}");
}

#[test]
fn parquet_goes_to_a_file_or_a_pipe() {
    let machine = machine(lines(FIXED));
    let outcome = machine.run(&format!("export-costs {DAY} --format parquet -o month.parquet"));
    let out = "Wrote 7 record(s) to month.parquet\n";
    assert_eq!(outcome, Outcome { code: Some(0), out: out.into(), err: String::new() });
    let written = std::fs::read(machine.path("month.parquet")).unwrap();
    assert!(written.starts_with(b"PAR1") && written.ends_with(b"PAR1"));
}

#[test]
fn a_project_that_a_spreadsheet_would_compute_is_made_harmless() {
    let mut line = line(Modality::Tts, "cartesia/sonic-3", FIXED, 1);
    line.project = "=1+1".into();
    let out = machine([line]).run(&format!("export-costs {DAY}")).out;
    assert!(out.contains(",\"'=1+1\",tts,"), "{out}");
}

#[test]
fn a_ledger_that_is_off_exits_1_and_one_that_has_not_begun_has_no_records() {
    let outcome = Machine::new()
        .with_config("cost_tracking: { enabled: false }\n")
        .run(&format!("export-costs {DAY} -o x.csv"));
    let err = "\
error: the ledger is off
hint: set `cost_tracking.enabled: true` in the configuration, or name a file with VOICEGW_DB_PATH
";
    assert_eq!(outcome, Outcome { code: Some(1), out: String::new(), err: err.into() });
    let outcome = Machine::new().with_config("{}\n").run(&format!("export-costs {DAY}"));
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(0), HEADER));
    assert!(outcome.err.contains("does not exist yet"), "{}", outcome.err);
}
