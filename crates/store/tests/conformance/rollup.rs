//! Rollups: always equal to the lines they sum up.

use crate::{Backend, Store, lines::*};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::{collections::BTreeMap, sync::Arc};
use vg_core::{Line, Modality, Money, Quantity, Source, Status, Usage};
use vg_store::{CostQuery, LineQuery, Reader};

/// Sums by everything rollups are asked by, made from lines.
type Key = (String, Modality, String, String, &'static str);
type Sums = BTreeMap<Key, (u64, u64, Money)>;

fn sums_of(lines: &[Line]) -> Sums {
    let mut sums = Sums::new();
    for line in lines {
        let (project, model, source) = (&line.project, &line.model_id, &line.pricing_source);
        let key =
            (project.to_string(), line.modality, model.to_string(), source.to_string(), line.status.as_str());
        let sum = sums.entry(key).or_default();
        sum.0 += 1;
        sum.1 += u64::from(line.cost.is_none());
        sum.2 = sum.2 + line.cost.unwrap_or_default();
    }
    sums
}

async fn sums_kept(reader: &Reader, query: &CostQuery) -> Sums {
    let costs = reader.rollup_costs(query).await.unwrap();
    let rows = costs.rows.into_iter().map(|row| {
        let key = (row.project, row.modality, row.model_id, row.pricing_source, row.status.as_str());
        (key, (row.requests, row.unpriced, row.cost))
    });
    rows.collect()
}

async fn all_lines(reader: &Reader) -> Vec<Line> {
    reader.ledger_list(&LineQuery { limit: u32::MAX, ..LineQuery::default() }).await.unwrap()
}

pub async fn costs_equal_the_sum_of_the_lines<B: Backend>() {
    let store = Store::<B>::fresh();
    let mut seed = Seed(3);
    let lines: Vec<Line> = (0..2_000).map(|number| varied(&mut seed, number)).collect();
    store.append(lines.clone());
    let reader = store.reader().await;
    assert_eq!(sums_kept(&reader, &CostQuery::default()).await, sums_of(&lines));
    let shop =
        CostQuery { project: Some("shop".into()), modality: Some(Modality::Stt), ..Default::default() };
    let of_shop: Vec<Line> =
        lines.iter().filter(|l| &*l.project == "shop" && l.modality == Modality::Stt).cloned().collect();
    assert_eq!(sums_kept(&reader, &shop).await, sums_of(&of_shop));
    let costs = reader.rollup_costs(&CostQuery::default()).await.unwrap();
    let by_provider = costs.by(|row| row.provider.clone());
    assert_eq!(by_provider.values().map(|group| group.requests).sum::<u64>(), 2_000);
    assert_eq!(by_provider["openai"].pricing_sources, ["voice-prices@0.11.0"]);
    let errors = lines.iter().filter(|line| line.status == Status::Error).count() as u64;
    assert_eq!(costs.total().errors, errors);
}

pub async fn any_batches_with_duplicates_leave_rollups_equal_to_the_ledger<B: Backend>() {
    // The cases are made here and run one after the other: a property test of proptest's own cannot await.
    let mut runner = TestRunner::deterministic();
    let batches = prop::collection::vec((any::<u64>(), 1u64..80, 0u64..40), 1..6);
    for _ in 0..12 {
        let batches = batches.new_tree(&mut runner).unwrap().current();
        let store = Store::<B>::fresh();
        let mut first = 0;
        for (seed, count, repeated) in batches {
            let mut seed = Seed(seed);
            let mut lines: Vec<Line> =
                (first..first + count).map(|number| varied(&mut seed, number)).collect();
            first += count;
            for _ in 0..repeated {
                let again = lines[seed.below(lines.len() as u64) as usize].clone();
                lines.insert(seed.below(lines.len() as u64) as usize, again);
            }
            store.append(lines.clone());
            store.append(lines.into_iter().take(repeated as usize));
        }
        let reader = store.reader().await;
        let lines = all_lines(&reader).await;
        assert_eq!(lines.len() as u64, first);
        assert_eq!(sums_kept(&reader, &CostQuery::default()).await, sums_of(&lines));
        let sessions = reader.session_list(&Default::default()).await.unwrap();
        let in_sessions = lines.iter().filter(|line| line.session_id.is_some());
        let (count, cost) = in_sessions
            .fold((0, Money::ZERO), |(count, cost), line| (count + 1, cost + line.cost.unwrap_or_default()));
        assert_eq!(sessions.iter().map(vg_store::Session::requests).sum::<u64>(), count);
        assert_eq!(sessions.iter().map(vg_store::Session::cost).sum::<Money>(), cost);
        let latency = reader.rollup_latency(&CostQuery::default()).await.unwrap();
        let measured = lines.iter().filter(|line| line.ttfb_micros.is_some()).count() as u64;
        assert_eq!(latency.iter().map(|row| row.ttfb.count()).sum::<u64>(), measured);
        let used = reader.rollup_usage(&CostQuery::default()).await.unwrap();
        for quantity in [Quantity::AudioNanos, Quantity::InputTokens, Quantity::Characters] {
            let exact: i128 = lines.iter().filter_map(|l| l.usage.value(quantity)).map(i128::from).sum();
            assert_eq!(used.iter().filter_map(|row| row.quantity(quantity)).sum::<i128>(), exact);
        }
    }
}

pub async fn an_empty_tenant_asks_for_the_unattributed<B: Backend>() {
    let store = Store::<B>::fresh();
    let acme = Line { tenant_id: Some(Arc::from("acme")), ..line(2, at(0)) };
    let empty = Line { tenant_id: Some(Arc::from("")), ..line(3, at(0)) };
    store.append([line(1, at(0)), acme, empty]);
    let reader = store.reader().await;
    let requests = async |tenant: Option<&str>| {
        let query = CostQuery { tenant_id: tenant.map(str::to_owned), ..CostQuery::default() };
        reader.rollup_costs(&query).await.unwrap().total().requests
    };
    assert_eq!((requests(None).await, requests(Some("acme")).await, requests(Some("")).await), (3, 1, 2));
}

pub async fn windows_are_whole_hours<B: Backend>() {
    let store = Store::<B>::fresh();
    store.append([line(1, at(-1)), line(2, at(0)), line(3, at(HOUR - 1)), line(4, at(HOUR))]);
    let reader = store.reader().await;
    let requests = async |since, until| {
        let query = CostQuery { since: Some(since), until: Some(until), ..CostQuery::default() };
        reader.rollup_costs(&query).await.unwrap().total().requests
    };
    assert_eq!(requests(at(0), at(HOUR)).await, 2);
    assert_eq!(requests(at(0), at(24 * HOUR)).await, 3);
    assert_eq!(requests(at(-HOUR), at(0)).await, 1);
    assert_eq!(requests(at(1), at(2)).await, 2);
}

pub async fn sums_beyond_64_bits_are_exact<B: Backend>() {
    let store = Store::<B>::fresh();
    let dear = i64::MAX - 3;
    store.append((0..40).map(|hour| Line { cost: Some(Money(dear.into())), ..line(1, at(hour * HOUR)) }));
    let total = store.reader().await.rollup_costs(&CostQuery::default()).await.unwrap().total();
    assert_eq!(total.cost, Money(i128::from(dear) * 40));
}

pub async fn percentiles_come_from_merged_sketches<B: Backend>() {
    let store = Store::<B>::fresh();
    let timed = |number: u64| Line {
        latency_micros: Some(number * 1_000),
        ttfb_micros: None,
        ..line(number, at(number as i64 * 60 * SECOND))
    };
    for batch in 0..10u64 {
        store.append((1..=100).map(|number| timed(batch * 100 + number)));
    }
    let rows = store.reader().await.rollup_latency(&CostQuery::default()).await.unwrap();
    assert_eq!(rows.len(), 1, "one project, one model");
    let row = &rows[0];
    assert_eq!((row.latency.count(), row.ttfb.count(), row.requests), (1_000, 0, 1_000));
    assert_eq!(row.latency.mean_ms(), Some(500.5));
    assert_eq!((row.ttfb.mean_ms(), row.ttfb.percentile_ms(50.0)), (None, None));
    for (percentile, exact) in [(50.0, 500.0), (95.0, 950.0), (99.0, 990.0)] {
        let found = row.latency.percentile_ms(percentile).unwrap();
        assert!((found - exact).abs() <= exact * 0.012, "p{percentile}: {found}");
    }
}

pub async fn a_correction_adds_its_cost_and_is_no_request<B: Backend>() {
    let store = Store::<B>::fresh();
    let first = Line { session_id: Some(Arc::from("vg-1")), ..line(1, at(0)) };
    let correction = Line {
        corrects: Some(first.attempt_id),
        cost: Some(Money(-7_000_000)),
        ..Line { session_id: first.session_id.clone(), ..line(2, at(SECOND)) }
    };
    store.append([first, correction]);
    let reader = store.reader().await;
    let total = reader.rollup_costs(&CostQuery::default()).await.unwrap().total();
    assert_eq!((total.requests, total.cost), (1, Money(20_000_000)));
    let session = reader.session_get("vg-1").await.unwrap().unwrap();
    assert_eq!((session.requests(), session.cost()), (1, Money(20_000_000)));
}

pub async fn unknown_quantities_stay_unknown<B: Backend>() {
    let store = Store::<B>::fresh();
    let zero = Usage::UNKNOWN.with(Quantity::OutputTokens, 0, Source::Estimated);
    store.append([Line { usage: Usage::UNKNOWN, ..line(1, at(0)) }, Line { usage: zero, ..line(2, at(0)) }]);
    let used = store.reader().await.rollup_usage(&CostQuery::default()).await.unwrap();
    assert_eq!(used[0].quantity(Quantity::InputTokens), None);
    assert_eq!(used[0].quantity(Quantity::OutputTokens), Some(0));
}
