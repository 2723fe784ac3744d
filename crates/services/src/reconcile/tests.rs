//! Months of two meters, and what comes of them when one of the two is disturbed.

use super::{
    Asked, Report,
    causes::{self, Prices, Reason},
    compare::{DAY, Frame, HOUR},
    pricing::BookPrices,
};
use crate::Days;
use vg_core::{
    Modality, Money, Quantity, Source, UnixMicros, Usage, config::Tolerances, decimal::Decimal, price::Book,
    provider::Provider,
};
use vg_providers::{
    registry,
    statement::{Kind, Row},
};
use vg_store::{HourRow, UsageRow};

const FIRST: &str = "2026-10-01";
const LAST: &str = "2026-10-30";

/// A request of the month, as both meters see it.
#[derive(Debug, Clone)]
struct Request {
    modality: Modality,
    model: &'static str,
    at: i64,
    usage: Usage,
}

fn midnight() -> i64 {
    Days::parse(FIRST, LAST).unwrap().window().since.unwrap().0
}

fn counted(quantities: &[(Quantity, u64)]) -> Usage {
    quantities.iter().fold(Usage::UNKNOWN, |usage, (quantity, value)| {
        usage.with(*quantity, *value, Source::ProviderReported)
    })
}

/// Thirty days of traffic around the clock, the same each time.
fn month(models: &[(&'static str, Modality)]) -> Vec<Request> {
    let mut seed = 7u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut all = Vec::new();
    for number in 0..3_000 {
        let (model, modality) = models[number % models.len()];
        let at = midnight() + i64::try_from(random(30 * 24 * 3_600)).unwrap() * 1_000_000;
        let usage = match modality {
            Modality::Llm => counted(&[
                (Quantity::InputTokens, 200 + random(900)),
                (Quantity::OutputTokens, 20 + random(200)),
            ]),
            Modality::Stt => counted(&[(Quantity::AudioNanos, 1_000_000_000 * (1 + random(90)))]),
            Modality::Tts => counted(&[(Quantity::Characters, 20 + random(300))]),
        };
        all.push(Request { modality, model, at, usage });
    }
    all
}

/// One provider and the prices of the book.
struct Desk {
    provider: &'static dyn Provider,
}

impl Desk {
    fn of(provider: &str) -> Desk {
        Desk { provider: registry::find(provider).unwrap() }
    }

    fn prices(&self) -> BookPrices<'static> {
        BookPrices { book: Book::embedded(), provider: self.provider }
    }

    fn price(&self, request: &Request) -> Money {
        self.prices().cost(request.model, request.modality, &request.usage, UnixMicros(request.at)).unwrap()
    }

    /// The ledger's rollups of these requests.
    fn ledger(&self, requests: &[Request]) -> Vec<HourRow> {
        let rows = requests.iter().map(|request| HourRow {
            hour: UnixMicros(request.at).hour(),
            is_unpriced: false,
            usage: UsageRow {
                modality: request.modality,
                provider: self.provider.id().to_owned(),
                model_id: format!("{}/{}", self.provider.id(), request.model),
                requests: 1,
                unpriced: 0,
                used: 1,
                cost: self.price(request),
                quantities: Quantity::ALL.map(|quantity| request.usage.value(quantity).map(i128::from)),
            },
        });
        rows.collect()
    }

    /// The bill of these requests: a row for each, dated by the days of a zone.
    fn bill(&self, requests: &[Request], zone: i64) -> Vec<Row> {
        let row = |request: &Request| {
            let local = request.at + zone * HOUR;
            let day = local - local.rem_euclid(DAY);
            Row {
                document: "bill.csv".into(),
                line: 1,
                kind: Kind::Both,
                span: Some((UnixMicros(day), UnixMicros(day + DAY))),
                modality: None,
                model: request.model.to_owned(),
                usage: request.usage,
                requests: Some(1),
                credits: None,
                amount: Some(self.price(request)),
                amount_places: 12,
                list_amount: None,
                request_id: None,
                account: None,
            }
        };
        requests.iter().map(row).collect()
    }

    fn asked(&self) -> Asked<'static> {
        Asked {
            provider: self.provider,
            book: Book::embedded(),
            days: Days::parse(FIRST, LAST).unwrap(),
            model: None,
            tolerances: Tolerances::all(5.0),
            usd_per_credit: None,
        }
    }

    fn reconcile(&self, ledger: &[HourRow], bill: &[Row]) -> Report {
        self.reconcile_asked(&self.asked(), ledger, bill)
    }

    fn reconcile_asked(&self, asked: &Asked<'_>, ledger: &[HourRow], bill: &[Row]) -> Report {
        let window = asked.days.window();
        let frame = Frame {
            provider: self.provider,
            book: Book::embedded(),
            since: window.since.unwrap(),
            until: window.until.unwrap(),
            model: None,
            usd_per_credit: asked.usd_per_credit,
        };
        let compared = frame.compare(ledger, bill);
        let causes = causes::causes(&compared, &self.prices());
        let report = Report::new(asked, &compared, causes);
        let is_billed = |row: &&super::ReportRow| row.provider_cost.is_some() || !row.matched_in_provider;
        let difference: i128 = report
            .rows
            .iter()
            .filter(is_billed)
            .map(|row| row.provider_cost.map_or(0, |cost| cost.0) - row.vg_cost.map_or(0, |cost| cost.0))
            .sum();
        let explained: i128 = report.causes.iter().map(|cause| cause.amount.0).sum();
        assert_eq!(explained, difference, "every picodollar has a cause: {:?}", report.causes);
        report
    }
}

const OPENAI: [(&str, Modality); 2] = [("gpt-4.1-mini", Modality::Llm), ("gpt-4o-mini", Modality::Llm)];
const DEEPGRAM: [(&str, Modality); 1] = [("nova-3", Modality::Stt)];
const CARTESIA: [(&str, Modality); 1] = [("sonic-3", Modality::Tts)];

fn every_provider() -> [(Desk, Vec<Request>); 3] {
    [
        (Desk::of("openai"), month(&OPENAI)),
        (Desk::of("deepgram"), month(&DEEPGRAM)),
        (Desk::of("cartesia"), month(&CARTESIA)),
    ]
}

fn reasons(report: &Report) -> Vec<Reason> {
    let mut reasons: Vec<_> = report.causes.iter().map(|cause| cause.reason.clone()).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

#[test]
fn two_meters_that_agree_leave_nothing_unexplained() {
    for (desk, requests) in every_provider() {
        let report = desk.reconcile(&desk.ledger(&requests), &desk.bill(&requests, 0));
        assert_eq!(report.causes, []);
        assert_eq!((report.unexplained(), report.flagged(), report.one_sided()), (Money::ZERO, 0, 0));
    }
}

#[test]
fn lines_that_the_ledger_lost_are_requests_that_only_the_provider_has() {
    for (desk, requests) in every_provider() {
        let kept: Vec<_> = requests
            .iter()
            .enumerate()
            .filter(|(number, _)| number % 100 != 0)
            .map(|(_, r)| r.clone())
            .collect();
        let lost = requests.iter().enumerate().filter(|(number, _)| number % 100 == 0);
        let worth: i128 = lost.map(|(_, request)| desk.price(request).0).sum();
        let report = desk.reconcile(&desk.ledger(&kept), &desk.bill(&requests, 0));
        assert_eq!(reasons(&report), [Reason::OnlyTheirs]);
        assert_eq!(report.causes.iter().filter_map(|cause| cause.requests).sum::<i128>(), 30);
        assert_eq!(report.causes.iter().map(|cause| cause.amount.0).sum::<i128>(), worth);
    }
}

#[test]
fn another_client_on_the_key_is_named_with_its_model() {
    let desk = Desk::of("openai");
    let requests = month(&OPENAI);
    let mut all = requests.clone();
    all.extend(month(&[("gpt-4.1", Modality::Llm)]).into_iter().take(40));
    let report = desk.reconcile(&desk.ledger(&requests), &desk.bill(&all, 0));
    let [cause] = &report.causes[..] else { panic!("{:?}", report.causes) };
    assert_eq!(
        (&cause.reason, cause.model.name.as_str(), cause.requests),
        (&Reason::OnlyTheirs, "gpt-4.1", Some(40))
    );
    assert_eq!((report.one_sided(), report.flagged()), (1, 0));
}

#[test]
fn days_of_another_zone_are_seen_and_only_their_edges_differ() {
    for zone in [-8, 9, 1] {
        let desk = Desk::of("openai");
        let requests = month(&OPENAI);
        let report = desk.reconcile(&desk.ledger(&requests), &desk.bill(&requests, zone));
        assert_eq!(reasons(&report), [Reason::CutOff { zone }], "{zone}");
        let sign = if zone < 0 { '-' } else { '+' };
        let said = format!("days of UTC{sign}{:02}:00", zone.abs());
        assert_eq!(report.causes[0].reason.detail(), Some(said));
        assert_eq!(report.unexplained(), Money::ZERO);
    }
}

#[test]
fn a_discount_is_one_percentage() {
    for (desk, requests) in every_provider() {
        let mut bill = desk.bill(&requests, 0);
        for row in &mut bill {
            // As a bill that rounds to millionths.
            row.amount = row.amount.map(|amount| Money(amount.0 * 88 / 100));
        }
        let report = desk.reconcile(&desk.ledger(&requests), &bill);
        assert_eq!(reasons(&report), [Reason::Discount { basis_points: 1_200 }]);
    }
}

#[test]
fn a_bill_at_the_price_of_another_date_names_that_date() {
    // OpenAI's o3 became cheaper on 2025-06-10.
    let desk = Desk::of("openai");
    let requests = month(&[("o3", Modality::Llm)]);
    let before = Days::parse("2025-06-01", "2025-06-01").unwrap().window().since.unwrap().0;
    let mut bill = desk.bill(&requests, 0);
    for (row, request) in bill.iter_mut().zip(&requests) {
        row.amount = Some(desk.price(&Request { at: before, ..request.clone() }));
    }
    let report = desk.reconcile(&desk.ledger(&requests), &bill);
    assert_eq!(reasons(&report), [Reason::Revision { date: "2025-06-09".to_owned() }]);
    assert_eq!((report.unexplained(), report.flagged()), (Money::ZERO, 1));
}

#[test]
fn amounts_that_are_rounded_are_off_by_their_digits() {
    let desk = Desk::of("openai");
    let requests = month(&OPENAI);
    let mut bill = desk.bill(&requests, 0);
    for row in &mut bill {
        row.amount = row.amount.map(|amount| Money(super::number::divided(amount.0, 1_000_000) * 1_000_000));
        row.amount_places = 6;
    }
    let report = desk.reconcile(&desk.ledger(&requests), &bill);
    assert_eq!(reasons(&report), [Reason::Rounding]);
}

#[test]
fn credits_are_worth_what_the_owner_pays_for_them() {
    let desk = Desk::of("cartesia");
    let requests = month(&CARTESIA);
    let mut bill = desk.bill(&requests, 0);
    for row in &mut bill {
        row.credits = row.usage.value(Quantity::Characters).map(Decimal::from);
        (row.amount, row.usage, row.requests, row.model) = (None, Usage::UNKNOWN, None, String::new());
    }
    let report = desk.reconcile(&desk.ledger(&requests), &bill);
    assert!(report.notes.iter().any(|note| note.contains("usd_per_credit")), "{:?}", report.notes);
    assert_eq!((report.rows.len(), report.rows[0].state()), (1, "not_reconciled"));
    let asked = Asked { usd_per_credit: Some(Money(50_000_000)), ..desk.asked() };
    let report = desk.reconcile_asked(&asked, &desk.ledger(&requests), &bill);
    let credits: u64 = requests.iter().filter_map(|request| request.usage.value(Quantity::Characters)).sum();
    assert_eq!(report.total().unwrap().provider_cost, Money(i128::from(credits) * 50_000_000));
}

#[test]
fn a_snapshot_on_the_bill_is_the_model_that_was_asked_for() {
    let desk = Desk::of("openai");
    let requests = month(&OPENAI);
    let mut bill = desk.bill(&requests, 0);
    for row in &mut bill {
        row.model.push_str("-2025-04-14");
    }
    let report = desk.reconcile(&desk.ledger(&requests), &bill);
    assert_eq!((report.causes.len(), report.one_sided()), (0, 0));
}
