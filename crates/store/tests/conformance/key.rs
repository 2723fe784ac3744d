//! Keys: kept, found by what was kept of them, revoked once, noted when used.

use crate::{Backend, Store, lines::*};
use vg_store::{Desk, Issue, LivekitKey, NewVirtualKey};

fn issue(name: &str) -> Issue {
    Issue {
        secret_id: "0a1b2c3d".into(),
        name: name.into(),
        project: "shop".into(),
        tenant_id: Some("acme".into()),
        issued_by: None,
        issued_at: at(0),
    }
}

fn bearer(number: u8) -> NewVirtualKey {
    NewVirtualKey { prefix: format!("vk_AAAA{number}"), hash: [number; 32], issue: issue("one") }
}

fn pair(api_key: &str) -> LivekitKey {
    LivekitKey {
        api_key: api_key.into(),
        secret_encrypted: "gAAAA".into(),
        issue: issue("two"),
        revoked_at: None,
    }
}

pub async fn a_bearer_key_is_found_by_its_hash_alone<B: Backend>() {
    let store = Store::<B>::fresh();
    let desk = Desk::new(&store.url).unwrap();
    let kept = desk.virtual_key_insert(&bearer(1)).await.unwrap();
    let other = desk.virtual_key_insert(&bearer(2)).await.unwrap();
    assert_eq!((kept.prefix.as_str(), &kept.issue), ("vk_AAAA1", &issue("one")));
    assert_eq!((kept.last_used_at, kept.revoked_at), (None, None));
    let reader = store.reader().await;
    assert_eq!(reader.virtual_key_find(&[[9; 32], [1; 32]]).await.unwrap(), Some(kept.clone()));
    assert_eq!(reader.virtual_key_find(&[[9; 32]]).await.unwrap(), None);
    assert_eq!(reader.virtual_key_list().await.unwrap(), [other, kept]);
    assert!(desk.virtual_key_insert(&bearer(1)).await.is_err());
}

pub async fn a_key_pair_is_found_by_its_public_half<B: Backend>() {
    let store = Store::<B>::fresh();
    let desk = Desk::new(&store.url).unwrap();
    let kept = desk.livekit_key_insert(&pair("APIone")).await.unwrap();
    assert_eq!(kept, pair("APIone"));
    let reader = store.reader().await;
    assert_eq!(reader.livekit_key_get("APIone").await.unwrap(), Some(kept.clone()));
    assert_eq!(reader.livekit_key_get("apione").await.unwrap(), None);
    assert_eq!(reader.livekit_key_list().await.unwrap(), [kept]);
    assert!(desk.livekit_key_insert(&pair("APIone")).await.is_err());
}

pub async fn a_revoked_key_keeps_its_first_instant<B: Backend>() {
    let store = Store::<B>::fresh();
    let desk = Desk::new(&store.url).unwrap();
    let id = desk.virtual_key_insert(&bearer(1)).await.unwrap().id;
    desk.livekit_key_insert(&pair("APIone")).await.unwrap();
    for later in [at(1), at(2)] {
        let revoked = desk.virtual_key_revoke(id, later).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(at(1)));
        let revoked = desk.livekit_key_revoke("APIone", later).await.unwrap().unwrap();
        assert_eq!(revoked.revoked_at, Some(at(1)));
    }
    assert_eq!(desk.virtual_key_revoke(id + 1, at(3)).await.unwrap(), None);
    assert_eq!(desk.livekit_key_revoke("APItwo", at(3)).await.unwrap(), None);
    let found = store.reader().await.virtual_key_find(&[[1; 32]]).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(1)));
}

pub async fn uses_are_noted_at_most_once_a_minute<B: Backend>() {
    let store = Store::<B>::fresh();
    let desk = Desk::new(&store.url).unwrap();
    let id = desk.virtual_key_insert(&bearer(1)).await.unwrap().id;
    let unused = desk.virtual_key_insert(&bearer(2)).await.unwrap().id;
    let reader = store.reader().await;
    for (now, noted) in [(0, 0), (59, 0), (60, 60), (61, 60), (30, 60)] {
        desk.virtual_key_touch(&[id, 77], at(now * SECOND)).await.unwrap();
        let key = reader.virtual_key_find(&[[1; 32]]).await.unwrap().unwrap();
        assert_eq!(key.last_used_at, Some(at(noted * SECOND)), "at {now}");
    }
    let keys = reader.virtual_key_list().await.unwrap();
    assert_eq!((keys[0].id, keys[0].last_used_at), (unused, None));
}

pub async fn a_store_that_ever_issued_a_key_says_so<B: Backend>() {
    let store = Store::<B>::fresh();
    store.append([line(1, at(0))]);
    let reader = store.reader().await;
    assert!(!reader.key_exists().await.unwrap());
    let desk = Desk::new(&store.url).unwrap();
    desk.livekit_key_insert(&pair("APIone")).await.unwrap();
    desk.livekit_key_revoke("APIone", at(1)).await.unwrap();
    assert!(reader.key_exists().await.unwrap());
}

pub async fn keys_and_lines_are_written_at_the_same_time<B: Backend>() {
    let store = Store::<B>::fresh();
    let desk = Desk::new(&store.url).unwrap();
    let lines = tokio::task::spawn_blocking({
        let writer = store.writer.clone();
        move || (0..20_000).for_each(|number| writer.append(line(number, at(0))))
    });
    let keys = (0..20u8).map(|number| {
        let desk = desk.clone();
        tokio::spawn(async move { desk.virtual_key_insert(&bearer(number)).await })
    });
    for key in keys.collect::<Vec<_>>() {
        key.await.unwrap().unwrap();
    }
    lines.await.unwrap();
    store.append([]);
    let reader = store.reader().await;
    assert_eq!(reader.virtual_key_list().await.unwrap().len(), 20);
    assert_eq!(reader.rollup_costs(&vg_store::CostQuery::default()).await.unwrap().total().requests, 20_000);
}
