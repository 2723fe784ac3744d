//! FOCUS: by its rules, and equal to the ledger.

use crate::{csv_reader, focus_rules::violations, month};
use std::collections::HashMap;
use vg_core::{Line, Money, decimal::Decimal};
use vg_services::export::{
    Format,
    focus::{BilledCost, Focus, Version},
};

const BOTH: [Version; 2] = [Version::V1_2, Version::V1_4];

async fn written(lines: &[Line], version: Version, billed_cost: BilledCost) -> String {
    let (exported, out) = month::exported(lines, Format::Focus(Focus { version, billed_cost })).await;
    assert_eq!(exported.lines, lines.len() as u64);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(csv_reader::read(&text).rows.len() as u64, exported.records);
    text
}

/// What the records of each attempt cost together, in picodollars.
fn sums(text: &str, column: &str) -> HashMap<String, i128> {
    let mut sums = HashMap::new();
    for row in csv_reader::read(text).rows {
        let cost: Decimal = row[column].as_deref().unwrap().parse().unwrap();
        let picos = cost.to_scaled_integer(Money::SCALE).unwrap();
        *sums.entry(row["x_AttemptId"].clone().unwrap()).or_default() += picos;
    }
    sums
}

#[tokio::test]
async fn every_record_of_a_month_keeps_the_rules_of_both_versions() {
    for version in BOTH {
        for billed_cost in [BilledCost::Zero, BilledCost::Estimate] {
            let text = written(&month::lines(), version, billed_cost).await;
            let broken = violations(version, &text);
            assert!(broken.is_empty(), "{version:?} {billed_cost:?}:\n{}", broken.join("\n"));
        }
    }
}

#[tokio::test]
async fn the_records_of_a_line_add_up_to_it_to_the_picodollar() {
    let lines: Vec<Line> = month::random(2_000).into_iter().chain(month::lines()).collect();
    // Two months made apart share instants; their ids must not.
    let lines: Vec<Line> = lines
        .into_iter()
        .enumerate()
        .map(|(number, mut line)| {
            line.attempt_id.0[8..].copy_from_slice(&(number as u64).to_be_bytes());
            line
        })
        .collect();
    let text = written(&lines, Version::V1_4, BilledCost::Estimate).await;
    let broken = violations(Version::V1_4, &text);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let (effective, billed) = (sums(&text, "EffectiveCost"), sums(&text, "BilledCost"));
    for line in &lines {
        let id = month::id(line.attempt_id);
        assert_eq!(effective[&id], line.cost.map_or(0, |cost| cost.0), "{}", line.model_id);
        assert_eq!(billed[&id], effective[&id]);
    }
}

#[tokio::test]
async fn a_line_rated_with_a_known_book_is_told_apart_into_its_meters() {
    let text = written(&month::lines(), Version::V1_4, BilledCost::Zero).await;
    let rows = csv_reader::read(&text).rows;
    let row = |row: &HashMap<String, Option<String>>, names: [&str; 7]| {
        names.map(|name| row[name].clone().unwrap_or_default()).join(" | ")
    };
    let names = [
        "SkuPriceId",
        "ConsumedQuantity",
        "ConsumedUnit",
        "PricingQuantity",
        "PricingUnit",
        "ListUnitPrice",
        "EffectiveCost",
    ];
    let of = |line: &Line| -> Vec<String> {
        let id = Some(month::id(line.attempt_id));
        rows.iter().filter(|row| row["x_AttemptId"] == id).map(|found| row(found, names)).collect()
    };
    let lines = month::lines();
    let find = |number: usize| of(&lines[number]);
    assert_eq!(
        find(3),
        [
            "openai/gpt-4.1-mini/input_tokens | 183 | Tokens | 0.000183 | 1000000 Tokens | 0.4 | 0.0000732",
            "openai/gpt-4.1-mini/cache_read_tokens | 1024 | Tokens | 0.001024 | 1000000 Tokens | 0.1 | 0.0001024",
            "openai/gpt-4.1-mini/output_tokens | 35 | Tokens | 0.000035 | 1000000 Tokens | 1.6 | 0.000056",
        ]
    );
    // A snapshot of the model is the same good.
    assert_eq!(find(4), find(3));
    let long = find(6);
    assert!(
        long[0].starts_with("anthropic/claude-sonnet-4-5/input_tokens/above-200000 | 250001 |"),
        "{long:?}"
    );
    // What was streamed and what was sent as a file are two goods.
    let [live, file] = [find(0), find(1)];
    assert!(
        live[0].starts_with("deepgram/nova-3/input_audio_kseconds | 3.02 | Seconds | 0.00302 |"),
        "{live:?}"
    );
    assert!(file[0].starts_with("deepgram/nova-3-batch/input_audio_kseconds | 61.234567891 |"), "{file:?}");
    // A refused request and one of another book are one request each.
    assert_eq!(find(10), ["openai/gpt-4.1-mini/llm | 0 | Tokens | 1 | Requests | 0 | 0"]);
    assert_eq!(
        find(12),
        ["openai/gpt-4.1-mini/llm | 155 | Tokens | 1 | Requests | 0.000123456789 | 0.000123456789"]
    );
    // What has no price has a quantity all the same, and no unit price.
    assert_eq!(find(15), ["acme/odd, \"model\"/llm | 9 | Tokens | 1 | Requests |  | 0"]);
    assert_eq!(find(18), [" |  |  |  |  |  | -0.000042000001"]);
}

#[tokio::test]
async fn the_list_and_the_contract_are_told_apart() {
    let lines = month::lines();
    let text = written(&lines, Version::V1_4, BilledCost::Zero).await;
    let rows = csv_reader::read(&text).rows;
    let of = |number: usize| -> Vec<String> {
        let id = Some(month::id(lines[number].attempt_id));
        let names = [
            "SkuMeter",
            "ListUnitPrice",
            "ContractedUnitPrice",
            "ListCost",
            "ContractedCost",
            "x_PricingSource",
        ];
        let found = rows.iter().filter(|row| row["x_AttemptId"] == id);
        found.map(|row| names.map(|name| row[name].clone().unwrap_or_default()).join(" | ")).collect()
    };
    // 12.5 % off.
    assert_eq!(
        of(19),
        [
            "Input Tokens | 0.59 | 0.51625 | 0.00059059 | 0.00051676625 | voice-prices@0.11.0+override",
            "Output Tokens | 0.79 | 0.69125 | 0.00026307 | 0.00023018625 | voice-prices@0.11.0+override",
        ]
    );
    // One rate of the project's own, the others listed.
    assert_eq!(
        of(20),
        [
            "Input Tokens | 0.4 | 0.4 | 0.0000732 | 0.0000732 | voice-prices@0.11.0+override",
            "Cached Input Tokens | 0.1 | 0.1 | 0.0001024 | 0.0001024 | voice-prices@0.11.0+override",
            "Output Tokens | 1.6 | 1.2 | 0.000056 | 0.000042 | voice-prices@0.11.0+override",
        ]
    );
    // No list has it.
    assert_eq!(of(21), ["Characters | 0.03 | 0.03 | 0.03 | 0.03 | voicegateway-override"]);
}

#[tokio::test]
async fn what_cannot_be_a_column_of_focus_is_in_columns_of_ours() {
    let lines = month::lines();
    let text = written(&lines, Version::V1_4, BilledCost::Zero).await;
    let rows = csv_reader::read(&text).rows;
    let of = |line: &Line| {
        let id = Some(month::id(line.attempt_id));
        rows.iter().find(|row| row["x_AttemptId"] == id).unwrap()
    };
    let is = |number: usize, expected: &[(&str, &str)]| {
        for (name, value) in expected {
            assert_eq!(
                of(&lines[number])[*name].as_deref().unwrap_or_default(),
                *value,
                "{name} of {number}"
            );
        }
    };
    is(
        11,
        &[
            ("SubAccountId", "'=cmd|' /C calc'!A0"),
            ("x_TenantId", "'+49, \"Bonn\""),
            ("Tags", "{\"agent\":\"front desk\",\"tenant\":\"+49, \\\"Bonn\\\"\"}"),
            ("x_CostConfidence", "estimated"),
            ("x_UsageSource", "estimated"),
            ("x_Status", "cancelled"),
            ("x_Turn", "3"),
            ("x_FallbackFrom", "groq/llama-3.3-70b-versatile"),
            ("x_SessionId", "vg-11111111-1111-7111-8111-111111111111"),
        ],
    );
    is(
        0,
        &[
            ("ServiceProviderName", "Deepgram"),
            ("HostProviderName", "Deepgram"),
            ("InvoiceIssuerName", "Deepgram"),
            ("ServiceName", "Deepgram Speech to Text"),
            ("BillingPeriodStart", "2026-01-01T00:00:00Z"),
            ("BillingPeriodEnd", "2026-02-01T00:00:00Z"),
            ("ChargePeriodStart", "2026-01-31T23:59:59Z"),
            ("ChargePeriodEnd", "2026-02-01T00:00:01Z"),
            ("x_StartedAt", "2026-01-31T23:59:59.750000Z"),
            ("x_EndedAt", "2026-02-01T00:00:00.984567Z"),
            ("BilledCost", "0.0"),
            ("ChargeClass", ""),
            ("x_Unpriced", "false"),
        ],
    );
    is(15, &[("x_Unpriced", "true"), ("x_CostConfidence", "unknown"), ("EffectiveCost", "0")]);
    is(17, &[("ChargeClass", "Correction"), ("x_CorrectsAttemptId", &month::id(lines[0].attempt_id))]);
    is(17, &[("EffectiveCost", "0.0000005"), ("ListCost", "0.0000005"), ("SkuPriceId", "")]);
    let (exported, _) = month::exported(&lines, Format::Focus(Focus::default())).await;
    assert_eq!((exported.lines, exported.unpriced), (22, 2));
}

#[tokio::test]
async fn the_rules_notice_what_is_wrong() {
    let text = written(&month::lines(), Version::V1_4, BilledCost::Zero).await;
    for (from, to, complaint) in [
        ("BilledCost,", "Billed Cost,", "there is no column BilledCost"),
        ("HostProviderName", "PublisherName", "PublisherName is no column of this version"),
        (",x_Modality,", ",InvoiceId,", "InvoiceId comes behind a custom column"),
        (",Usage,", ",Usages,", "ChargeCategory may not be `Usages`"),
        ("2026-01-31T23:59:59Z", "2026-01-31 23:59:59Z", "ChargePeriodStart is not as it has to be"),
        ("1000 Seconds", "1000 seconds", "PricingUnit is not as it has to be"),
        (",0.0000732,", ",+0.0000732,", "is not as it has to be: `+0.0000732`"),
        (",0.000183,", ",0.000184,", "ListCost is not the product"),
        ("{\"x_AboveInputTokens", "{\"AboveInputTokens", "SkuPriceDetails is not as it has to be"),
    ] {
        assert!(text.contains(from) || from.contains('{'), "{from}");
        let changed = if from.contains('{') {
            text.replace("{\"\"x_Above", "{\"\"Above")
        } else {
            text.replace(from, to)
        };
        let broken = violations(Version::V1_4, &changed);
        assert!(broken.iter().any(|text| text.contains(complaint)), "{complaint}: {broken:?}");
    }
    assert!(violations(Version::V1_2, &text).iter().any(|text| text == "there is no column ProviderName"));
}
