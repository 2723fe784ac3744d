//! Lines: appended once, listed by any filter.

use crate::{Backend, Store, lines::*};
use std::sync::Arc;
use vg_core::{Line, Modality, Money, Status};
use vg_store::{LineQuery, Order};

pub async fn a_line_reads_back_as_it_was_written<B: Backend>() {
    let store = Store::<B>::fresh();
    let lines = [full(1, at(0)), line(2, at(1)), Line { cost: None, ..line(3, at(2)) }];
    store.append(lines.clone());
    let query = LineQuery { order: Order::Oldest, ..LineQuery::default() };
    assert_eq!(store.reader().await.ledger_list(&query).await.unwrap(), lines);
}

pub async fn appending_an_attempt_again_changes_nothing<B: Backend>() {
    let store = Store::<B>::fresh();
    store.append([line(1, at(0))]);
    store.append([line(1, at(0)), line(2, at(0)), line(2, at(0))]);
    let reader = store.reader().await;
    assert_eq!(reader.ledger_list(&LineQuery::default()).await.unwrap().len(), 2);
    assert_eq!(reader.rollup_costs(&Default::default()).await.unwrap().total().requests, 2);
    let stats = store.writer.stats();
    assert_eq!((stats.appended, stats.durable, stats.duplicates, stats.conflicts), (4, 4, 2, 0));
}

pub async fn an_attempt_settled_with_other_content_keeps_its_first_line_and_is_counted<B: Backend>() {
    let store = Store::<B>::fresh();
    store.append([line(1, at(0))]);
    store.append([Line { cost: Some(Money(1)), ..line(1, at(0)) }]);
    let reader = store.reader().await;
    assert_eq!(reader.ledger_list(&LineQuery::default()).await.unwrap(), [line(1, at(0))]);
    assert_eq!(reader.rollup_costs(&Default::default()).await.unwrap().total().cost, Money(27_000_000));
    assert_eq!(store.writer.stats().conflicts, 1);
}

pub async fn lines_are_listed_newest_first_by_any_filter<B: Backend>() {
    let store = Store::<B>::fresh();
    let mut seed = Seed(7);
    let mut all: Vec<Line> = (0..300).map(|number| varied(&mut seed, number)).collect();
    store.append(all.clone());
    all.sort_by_key(|line| std::cmp::Reverse(line.attempt_id));
    let reader = store.reader().await;
    type Keeps = fn(&Line) -> bool;
    let everything = || LineQuery { limit: 1000, ..LineQuery::default() };
    let cases: [(LineQuery, Keeps); 9] = [
        (everything(), |_| true),
        (LineQuery { project: Some("shop".into()), ..everything() }, |line| &*line.project == "shop"),
        (LineQuery { modality: Some(Modality::Tts), ..everything() }, |line| line.modality == Modality::Tts),
        (LineQuery { model_id: Some("deepgram/nova-3".into()), ..everything() }, |line| {
            &*line.model_id == "deepgram/nova-3"
        }),
        (LineQuery { provider: Some("openai".into()), ..everything() }, |line| &*line.provider == "openai"),
        (LineQuery { status: Some(Status::Cancelled), ..everything() }, |line| {
            line.status == Status::Cancelled
        }),
        (LineQuery { tenant_id: Some("tenant-1".into()), ..everything() }, |line| {
            line.tenant_id.as_deref() == Some("tenant-1")
        }),
        (LineQuery { tenant_id: Some(String::new()), ..everything() }, |line| line.tenant_id.is_none()),
        (LineQuery { agent_id: Some("agent-0".into()), ..everything() }, |line| {
            line.agent_id.as_deref() == Some("agent-0")
        }),
    ];
    for (query, keeps) in cases {
        let expected: Vec<Line> = all.iter().filter(|line| keeps(line)).cloned().collect();
        assert!(!expected.is_empty());
        assert_eq!(reader.ledger_list(&query).await.unwrap(), expected, "{query:?}");
    }
}

pub async fn pages_join_without_gap_or_repetition<B: Backend>() {
    let store = Store::<B>::fresh();
    let mut seed = Seed(11);
    store.append((0..250).map(|number| varied(&mut seed, number)));
    let reader = store.reader().await;
    for order in [Order::Newest, Order::Oldest] {
        let whole = LineQuery { order, limit: 1000, ..LineQuery::default() };
        let mut query = Some(LineQuery { limit: 60, ..whole.clone() });
        let mut joined = Vec::new();
        while let Some(page) = query {
            let lines = reader.ledger_list(&page).await.unwrap();
            query = page.next_page(&lines);
            joined.extend(lines);
        }
        assert_eq!(joined, reader.ledger_list(&whole).await.unwrap());
    }
}

pub async fn a_day_is_exported_oldest_first_by_when_attempts_started<B: Backend>() {
    let store = Store::<B>::fresh();
    // The first id was minted in the old day, its attempt started in the new one.
    let early_id = Line { started_at: at(0), ..line(1, at(-20_000)) };
    let inside = line(2, at(12 * HOUR));
    let last = line(3, at(24 * HOUR - 1));
    let outside = [line(4, at(-1)), line(5, at(24 * HOUR))];
    store.append([inside.clone(), last.clone(), early_id.clone()].into_iter().chain(outside));
    let day = LineQuery {
        since: Some(at(0)),
        until: Some(at(24 * HOUR)),
        order: Order::Oldest,
        ..LineQuery::default()
    };
    assert_eq!(store.reader().await.ledger_list(&day).await.unwrap(), [early_id, inside, last]);
}

pub async fn an_amount_too_large_for_a_column_is_unpriced_and_not_wrong<B: Backend>() {
    let store = Store::<B>::fresh();
    store.append([Line {
        cost: Some(Money(i128::MAX)),
        session_id: Some(Arc::from("vg-1")),
        ..line(1, at(0))
    }]);
    let reader = store.reader().await;
    assert_eq!(reader.ledger_list(&LineQuery::default()).await.unwrap()[0].cost, None);
    let total = reader.rollup_costs(&Default::default()).await.unwrap().total();
    assert_eq!((total.requests, total.unpriced, total.cost), (1, 1, Money::ZERO));
}
