//! Sessions: made by their first line, summed over all.

use crate::{Backend, Store, lines::*};
use std::sync::Arc;
use vg_core::{Line, Modality, Money, Routed, Status};
use vg_store::{LineQuery, SessionOrder, SessionQuery};

fn of(session: &str, line: Line) -> Line {
    Line { session_id: Some(Arc::from(session)), ..line }
}

pub async fn the_first_request_makes_the_session_and_later_ones_add_to_it<B: Backend>() {
    let store = Store::<B>::fresh();
    store.append([of("vg-1", Line { project: Arc::from("shop"), ..line(1, at(0)) })]);
    let tenant = Some(Arc::from("acme"));
    let unpriced = Line { cost: None, modality: Modality::Stt, tenant_id: tenant, ..line(2, at(SECOND)) };
    let failed =
        Line { status: Status::Error, tenant_id: Some(Arc::from("other")), ..line(3, at(2 * SECOND)) };
    store.append([of("vg-1", unpriced)]);
    store.append([of("vg-1", failed), of("vg-2", line(4, at(0)))]);
    let session = store.reader().await.session_get("vg-1").await.unwrap().unwrap();
    assert_eq!((session.project.as_str(), session.tenant_id.as_deref()), ("shop", Some("acme")));
    assert_eq!((session.started_at, session.ended_at), (at(0), at(3 * SECOND)));
    assert_eq!((session.requests(), session.unpriced(), session.errors), (3, 1, 1));
    assert_eq!(session.cost(), Money(54_000_000));
    let parts: Vec<_> = session.parts.iter().map(|part| (part.modality, part.requests, part.cost)).collect();
    assert_eq!(parts, [(Modality::Stt, 1, Money::ZERO), (Modality::Llm, 2, Money(54_000_000))]);
    assert_eq!(store.reader().await.session_get("vg-3").await.unwrap(), None);
}

pub async fn late_lines_never_move_the_end_back<B: Backend>() {
    let store = Store::<B>::fresh();
    store.append([of("vg-1", line(1, at(10 * SECOND)))]);
    store.append([of("vg-1", line(2, at(5 * SECOND)))]);
    let session = store.reader().await.session_get("vg-1").await.unwrap().unwrap();
    assert_eq!((session.started_at, session.ended_at), (at(5 * SECOND), at(11 * SECOND)));
}

pub async fn sessions_are_listed_by_time_and_by_cost<B: Backend>() {
    let store = Store::<B>::fresh();
    let dear = Line { cost: Some(Money(9_000_000_000_000)), project: Arc::from("shop"), ..line(2, at(HOUR)) };
    store.append([of("vg-a", line(1, at(0))), of("vg-b", dear), of("vg-c", line(3, at(2 * HOUR)))]);
    let reader = store.reader().await;
    let cases = [
        (SessionQuery::default(), vec!["vg-c", "vg-b", "vg-a"]),
        (SessionQuery { order: SessionOrder::Oldest, limit: 2, ..Default::default() }, vec!["vg-a", "vg-b"]),
        (SessionQuery { order: SessionOrder::Dearest, limit: 1, ..Default::default() }, vec!["vg-b"]),
        (SessionQuery { order: SessionOrder::Cheapest, offset: 2, ..Default::default() }, vec!["vg-b"]),
        (SessionQuery { project: Some("shop".into()), ..Default::default() }, vec!["vg-b"]),
        (SessionQuery { since: Some(at(1)), until: Some(at(2 * HOUR)), ..Default::default() }, vec!["vg-b"]),
        (SessionQuery { tenant_id: Some(String::new()), limit: 1, ..Default::default() }, vec!["vg-c"]),
        (SessionQuery { tenant_id: Some("acme".into()), ..Default::default() }, vec![]),
    ];
    for (query, expected) in cases {
        let found = reader.session_list(&query).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|session| session.id.as_str()).collect();
        assert_eq!(ids, expected, "{query:?}");
    }
}

pub async fn pages_of_sessions_join_in_every_order<B: Backend>() {
    let store = Store::<B>::fresh();
    // Equal starts and equal costs, so that only the id tells some of them apart.
    let lines = (0..9u8).map(|number| {
        let cost = Some(Money(i128::from(number / 3) * 7_000_000));
        let started = at(HOUR * i64::from(number % 4));
        of(&format!("vg-{number}"), Line { cost, ..line(u64::from(number), started) })
    });
    store.append(lines);
    let reader = store.reader().await;
    for order in [SessionOrder::Newest, SessionOrder::Oldest, SessionOrder::Dearest, SessionOrder::Cheapest] {
        let whole = SessionQuery { order, ..SessionQuery::default() };
        let all = reader.session_list(&whole).await.unwrap();
        let (mut joined, mut next) = (Vec::new(), Some(SessionQuery { limit: 2, ..whole }));
        while let Some(query) = next {
            let page = reader.session_list(&query).await.unwrap();
            next = query.next_page(&page);
            joined.extend(page);
        }
        assert_eq!(joined, all, "{order:?}");
        assert_eq!(all.len(), 9);
    }
}

pub async fn the_lines_of_a_session_are_found_by_its_id<B: Backend>() {
    let store = Store::<B>::fresh();
    let mine = [of("vg-1", line(1, at(0))), of("vg-1", line(3, at(2 * HOUR)))];
    store.append(mine.clone().into_iter().chain([of("vg-2", line(2, at(HOUR))), line(4, at(HOUR))]));
    let reader = store.reader().await;
    let query = LineQuery { session_id: Some("vg-1".into()), ..LineQuery::default() };
    let [first, last] = mine;
    assert_eq!(reader.ledger_list(&query).await.unwrap(), [last, first]);
    let nobody = LineQuery { session_id: Some("vg-9".into()), ..LineQuery::default() };
    assert_eq!(reader.ledger_list(&nobody).await.unwrap(), []);
}

pub async fn a_session_keeps_the_first_route_its_lines_tell_and_sums_what_they_took<B: Backend>() {
    let store = Store::<B>::fresh();
    let route = |llm: &str, budget_ms| Routed {
        stt: Some("deepgram/nova-3".into()),
        llm: Some(llm.into()),
        tts: None,
        budget_ms,
        budget_overrun: true,
    };
    let telling = |routed: &Routed, line: Line| Line {
        metadata: Some(serde_json::json!({"voice": "ada", Routed::FACT: routed}).to_string().into()),
        ..line
    };
    let timed = |number, modality, ttfb_micros| {
        let ttfb_micros: Option<u64> = ttfb_micros;
        of("vg-1", Line { modality, ttfb_micros, ..line(number, at(0)) })
    };
    let (first, second) = (route("groq/a", 900), route("openai/b", 400));
    store.append([timed(1, Modality::Stt, None), timed(2, Modality::Llm, Some(100_000))]);
    assert_eq!(store.reader().await.session_get("vg-1").await.unwrap().unwrap().budget_ms_used(), None);
    store.append([telling(&first, timed(3, Modality::Llm, Some(300_001)))]);
    store.append([telling(&second, timed(4, Modality::Tts, Some(50_000))), of("vg-2", line(5, at(0)))]);
    let correction = Line { corrects: Some(line(2, at(0)).attempt_id), ..timed(6, Modality::Llm, Some(9)) };
    store.append([correction, telling(&first, of("vg-3", Line { ttfb_micros: None, ..line(7, at(0)) }))]);
    let reader = store.reader().await;
    let session = async |id| reader.session_get(id).await.unwrap().unwrap();
    // The mean of the two chats, and the one synthesis; a stream that listens has none.
    assert_eq!(session("vg-1").await.budget_ms_used(), Some(200.0005 + 50.0));
    assert_eq!(session("vg-1").await.routed, Some(first.clone()));
    assert_eq!((session("vg-2").await.routed, session("vg-2").await.budget_ms_used()), (None, None));
    assert_eq!((session("vg-3").await.routed, session("vg-3").await.budget_ms_used()), (Some(first), None));
}
