//! A month of mixed traffic against the bills that the simulators print of it in each provider's own format: nothing is
//! left unexplained; and when one of the two sides is disturbed, the cause and its amount are named.
//!
//! The bill is made by the simulators' own meter and tariff, and read by the readers of the real exports. The ledger is
//! written line by line, priced by the price book.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

mod month;

use month::{Month, Traffic, cost};
use serde_json::json;
use vg_core::{Modality, Money};
use vg_services::{
    Days,
    reconcile::{Reason, Report},
};

/// What a bill is asked for, by provider: the documents that together tell quantities and amounts.
const BILLS: [(&str, &[&str]); 7] = [
    (
        "openai",
        &[
            "kind=cost",
            "kind=usage",
            "kind=usage&endpoint=audio_speeches",
            "kind=usage&endpoint=audio_transcriptions",
        ],
    ),
    ("anthropic", &["kind=cost&format=json", "kind=usage&format=json"]),
    ("deepgram", &["kind=cost&format=json", "kind=usage&format=json"]),
    ("elevenlabs", &["kind=usage&format=json"]),
    ("cartesia", &["kind=usage&format=json"]),
    ("groq", &["kind=summary"]),
    ("assemblyai", &["kind=summary"]),
];

fn reasons(report: &Report) -> Vec<Reason> {
    let mut reasons: Vec<_> = report.causes.iter().map(|cause| cause.reason.clone()).collect();
    reasons.sort();
    reasons.dedup();
    reasons.retain(|reason| *reason != Reason::Rounding);
    reasons
}

/// What the causes of one kind come to, and how many requests they are.
fn sums(report: &Report, reason: &Reason) -> (i128, Money) {
    let of = || report.causes.iter().filter(|cause| cause.reason == *reason);
    (of().filter_map(|cause| cause.requests).sum(), of().map(|cause| cause.amount).sum())
}

#[tokio::test]
async fn a_month_that_both_meters_saw_leaves_nothing_unexplained() {
    let month = Month::new(&Traffic::mixed()).await;
    for (provider, queries) in BILLS {
        let report = month.reconcile(provider, queries).await;
        let said = format!("{provider}: {:#?} {:?} {:#?}", report.causes, report.notes, report.rows);
        assert!(!report.rows.is_empty(), "{said}");
        assert_eq!((report.unexplained(), reasons(&report)), (Money::ZERO, vec![]), "{said}");
        assert_eq!((report.flagged(), report.one_sided()), (0, 0), "{said}");
    }
}

/// Whether what is left of two amounts is what their documents cut off.
fn is_near(one: Money, other: Money) -> bool {
    (one.0 - other.0).abs() < 10_000_000
}

#[tokio::test]
async fn lines_that_the_ledger_lost_are_counted_and_priced() {
    for (provider, queries) in BILLS {
        let mut traffic = Traffic::mixed();
        let mut lost = traffic.lose(provider);
        // The columns that Groq's console is brought into by hand are those of chats.
        lost.retain(|attempt| provider != "groq" || attempt.modality == Modality::Llm);
        let worth: Money = lost.iter().map(cost).sum();
        let report = Month::new(&traffic).await.reconcile(provider, queries).await;
        let said = format!("{provider}: {worth} {:#?} {:#?}", report.causes, lost);
        // Some tell no number of requests, and Cartesia's credits no quantity either.
        let reason = match provider {
            "anthropic" | "elevenlabs" => Reason::Quantity,
            "cartesia" => Reason::Amount,
            _ => Reason::OnlyTheirs,
        };
        let (requests, amount) = sums(&report, &reason);
        assert_eq!(reasons(&report), std::slice::from_ref(&reason), "{said}");
        assert!(is_near(amount, worth), "{amount} {said}");
        if reason == Reason::OnlyTheirs {
            assert_eq!(requests, lost.len() as i128, "{said}");
        }
    }
}

#[tokio::test]
async fn another_client_on_the_key_is_named_with_what_it_used() {
    let traffic = Traffic::mixed();
    let foreign = traffic.foreign("openai/gpt-4.1-nano", 25);
    let worth: Money = foreign.iter().map(cost).sum();
    let mut all = traffic.clone();
    all.0.extend(foreign);
    let report = Month::new(&all).await.reconcile("openai", BILLS[0].1).await;
    let found: Vec<_> = report.causes.iter().filter(|cause| cause.reason == Reason::OnlyTheirs).collect();
    let [cause] = &found[..] else { panic!("{:#?}", report.causes) };
    assert_eq!((cause.model.name.as_str(), cause.requests), ("gpt-4.1-nano", Some(25)));
    assert!(is_near(cause.amount, worth), "{} {worth}", cause.amount);
    assert_eq!((report.one_sided(), report.unexplained()), (1, Money::ZERO));
}

#[tokio::test]
async fn days_cut_in_another_zone_are_recognized() {
    let month = Month::new(&Traffic::mixed()).await;
    month.sim.tariff(json!({"utc_offset": "-08:00"})).await;
    for (provider, queries) in [("deepgram", BILLS[2].1), ("openai", BILLS[0].1)] {
        let report = month.reconcile(provider, queries).await;
        let said = format!("{provider}: {:#?} {:?}", report.causes, report.notes);
        let reasons = reasons(&report);
        // OpenAI tells the instants of its days; of Deepgram there are dates alone.
        let expected: &[Reason] = if provider == "deepgram" { &[Reason::CutOff { zone: -8 }] } else { &[] };
        assert_eq!((reasons.as_slice(), report.unexplained()), (expected, Money::ZERO), "{said}");
        let note = if provider == "deepgram" { "UTC-08:00" } else { "begin 8.0 h after midnight" };
        assert!(report.notes.iter().any(|said| said.contains(note)), "{said}");
    }
}

#[tokio::test]
async fn a_discount_is_named_with_its_percentage() {
    let month = Month::new(&Traffic::mixed()).await;
    month.sim.tariff(json!({"discount_percent": 12.5})).await;
    for (provider, queries) in BILLS {
        // The credits that a bill counts are not discounted: what one costs is.
        if matches!(provider, "cartesia" | "elevenlabs") {
            continue;
        }
        let report = month.reconcile(provider, queries).await;
        let said = format!("{provider}: {:#?}", report.causes);
        assert_eq!(reasons(&report), [Reason::Discount { basis_points: 1_250 }], "{said}");
        assert_eq!(report.unexplained(), Money::ZERO, "{said}");
        let (total, (_, off)) =
            (report.total().unwrap(), sums(&report, &Reason::Discount { basis_points: 1_250 }));
        assert!(is_near(Money(-total.vg_cost.0 / 8), off), "{said}");
    }
}

#[tokio::test]
async fn a_price_that_changed_in_the_middle_of_the_month_is_found_by_its_amount() {
    let traffic = Traffic::mixed();
    let month = Month::new(&traffic).await;
    let changed = json!({"provider": "openai", "model": "tts-1*", "unit": "characters", "price": "18.00",
        "per": 1_000_000, "from": "2026-10-16"});
    month.sim.tariff(json!({"prices": [changed]})).await;
    let report = month.reconcile("openai", BILLS[0].1).await;
    let half = Days::parse("2026-10-16", "2026-10-30").unwrap().window().since.unwrap();
    let after: Money = traffic.of("openai/tts-1").filter(|attempt| attempt.at >= half).map(cost).sum();
    // A fifth more, of the second half alone.
    let (_, amount) = sums(&report, &Reason::Price);
    assert_eq!(reasons(&report), [Reason::Price]);
    assert!(is_near(amount, Money(after.0 / 5)), "{amount} {after}");
    assert_eq!(report.unexplained(), amount);
}

#[tokio::test]
async fn single_requests_are_paired_where_a_bill_tells_them() {
    let mut traffic = Traffic::mixed();
    let lost = traffic.lose("deepgram");
    let month = Month::new(&traffic).await;
    let found = month.requests("deepgram", &["kind=requests&format=json"]).await;
    assert_eq!(found.only_at_provider.len(), lost.len(), "{:#?}", found.only_at_provider);
    assert_eq!(found.only_in_ledger, []);
    let times: Vec<_> = found.only_at_provider.iter().map(|one| one.at).collect();
    let mut expected: Vec<_> = lost.iter().map(|attempt| attempt.at).collect();
    expected.sort();
    assert_eq!(times, expected);
}
