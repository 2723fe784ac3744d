//! Keys over a store of their own, with the clock in the test's hands.

use super::*;
use crate::keys::{NewKey, key_list, key_revoke, livekit_key_create, virtual_key_create};
use std::{collections::HashMap, fs};

const OLD: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const NEW: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NOW: UnixMicros = UnixMicros(1_772_323_200_000_000);

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        self.folder.path().join("ledger.db").display().to_string()
    }

    fn secret_place(variables: &[(&str, &str)]) -> SecretPlace {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        SecretPlace::new(&|name| variables.get(name).map(|value| (*value).to_owned()), None)
    }

    fn secrets(secret: &str) -> Secrets {
        Place::secret_place(&[("VOICEGW_SECRET", secret)]).find().unwrap().unwrap()
    }

    fn keys(&self, variables: &[(&str, &str)]) -> Keys {
        Keys::new(Some(&self.url()), Place::secret_place(variables)).unwrap()
    }

    async fn bearer(&self) -> String {
        let new = NewKey { project: "shop".into(), name: "one".into(), ..NewKey::default() };
        let (plain, _) = virtual_key_create(&self.url(), &Place::secrets(OLD), new, NOW).await.unwrap();
        plain.expose().unwrap().to_owned()
    }

    async fn pair(&self) -> (String, String) {
        let tenant = Some("acme".into());
        let new = NewKey { project: "shop".into(), name: "two".into(), tenant, issued_by: None };
        let (secret, row) = livekit_key_create(&self.url(), &Place::secrets(OLD), new, NOW).await.unwrap();
        (row.api_key, secret.expose().unwrap().to_owned())
    }
}

const GIVEN: &[(&str, &str)] = &[("VOICEGW_SECRET", OLD)];

#[tokio::test]
async fn a_key_tells_its_project_and_tenant() {
    let place = Place::new();
    let keys = place.keys(GIVEN);
    assert!(!keys.exist().await.unwrap());
    let (bearer, (api_key, secret)) = (place.bearer().await, place.pair().await);
    let holder = keys.bearer(&bearer).await.unwrap().unwrap();
    assert_eq!((&*holder.project, holder.tenant.as_deref(), &*holder.name), ("shop", None, "one"));
    assert_eq!(holder.key, KeyId::Virtual(1));
    let pair = keys.livekit(&api_key).await.unwrap().unwrap();
    assert_eq!((&*pair.holder.project, pair.holder.tenant.as_deref()), ("shop", Some("acme")));
    assert_eq!(pair.secret.expose().unwrap(), secret);
    assert!(!format!("{pair:?} {keys:?}").contains(&secret));
    assert!(keys.exist().await.unwrap());
}

#[tokio::test]
async fn any_other_key_is_none() {
    let place = Place::new();
    let keys = place.keys(GIVEN);
    for _ in 0..2 {
        for key in ["", "vk_", "sk-1", "vk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(keys.bearer(key).await.unwrap(), None, "{key}");
        }
        for key in ["", "devkey", "APIaaaaaaaaaaaa"] {
            assert!(keys.livekit(key).await.unwrap().is_none(), "{key}");
        }
        place.bearer().await;
    }
}

#[tokio::test]
async fn a_revoked_key_is_none_and_the_door_stays_closed() {
    let place = Place::new();
    let keys = place.keys(GIVEN);
    let (bearer, (api_key, _)) = (place.bearer().await, place.pair().await);
    assert!(keys.bearer(&bearer).await.unwrap().is_some());
    key_revoke(&place.url(), "1", NOW).await.unwrap();
    let first = key_revoke(&place.url(), &api_key, NOW).await.unwrap();
    let again = key_revoke(&place.url(), &api_key, UnixMicros(NOW.0 + 1)).await.unwrap();
    assert_eq!((again.at(), &again), (Some(NOW), &first));
    assert_eq!(keys.bearer(&bearer).await.unwrap(), None);
    assert!(keys.livekit(&api_key).await.unwrap().is_none());
    assert!(keys.exist().await.unwrap());
    for id in ["7", "APIaaaaaaaaaaaa", ""] {
        assert!(matches!(key_revoke(&place.url(), id, NOW).await, Err(Error::NoKey { .. })), "{id}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_and_no_refusal() {
    let place = Place::new();
    let keys = place.keys(GIVEN);
    let (bearer, (api_key, _)) = (place.bearer().await, place.pair().await);
    keys.bearer(&bearer).await.unwrap();
    let whole = fs::read(place.url()).unwrap();
    fs::write(place.url(), vec![7; whole.len()]).unwrap();
    // What SQLite remembers of the pages would go on answering.
    let Ledger::Open(reader) = keys.store.ledger().await.unwrap() else { unreachable!() };
    reader.close().await;
    assert!(keys.bearer(&bearer).await.is_err());
    assert!(keys.livekit(&api_key).await.is_err());
    assert!(keys.exist().await.is_err());
    fs::remove_file(place.url()).unwrap();
    assert!(keys.bearer(&bearer).await.is_err());
    fs::write(place.url(), whole).unwrap();
    assert!(keys.bearer(&bearer).await.unwrap().is_some());
}

#[tokio::test]
async fn an_older_secret_in_the_fallback_still_verifies() {
    let place = Place::new();
    let (bearer, (api_key, secret)) = (place.bearer().await, place.pair().await);
    let keys = place.keys(&[("VOICEGW_SECRET", NEW), ("VOICEGW_SECRET_FALLBACK", OLD)]);
    assert!(keys.bearer(&bearer).await.unwrap().is_some());
    assert_eq!(keys.livekit(&api_key).await.unwrap().unwrap().secret.expose().unwrap(), secret);
}

#[tokio::test]
async fn another_secret_is_named_with_the_fix() {
    let place = Place::new();
    let (bearer, (api_key, _)) = (place.bearer().await, place.pair().await);
    let keys = place.keys(&[("VOICEGW_SECRET", NEW)]);
    assert_eq!(keys.bearer(&bearer).await.unwrap(), None);
    let error = keys.livekit(&api_key).await.unwrap_err().to_string();
    assert!(error.contains("VOICEGW_SECRET_FALLBACK") && error.contains(&api_key), "{error}");
    let list = key_list(&Ledger::open(Some(&place.url()), place.folder.path()).await.unwrap()).await.unwrap();
    assert_eq!(list.unknown_to(Some(&Place::secrets(NEW))).len(), 2);
    assert_eq!(list.unknown_to(None).len(), 2);
    assert_eq!(list.unknown_to(Some(&Place::secrets(OLD))), Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_made_with_the_first_key_is_found_without_a_restart() {
    let place = Place::new();
    let home = || SecretPlace::new(&|_| None, Some(place.folder.path()));
    let keys = Keys::new(Some(&place.url()), home()).unwrap();
    assert!(!keys.exist().await.unwrap());
    let (secrets, _) = home().find_or_make().unwrap();
    let new = NewKey { project: "shop".into(), name: "one".into(), ..NewKey::default() };
    let (bearer, _) = virtual_key_create(&place.url(), &secrets, new, NOW).await.unwrap();
    assert!(keys.bearer(bearer.expose().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn names_have_1_to_128_characters() {
    let place = Place::new();
    let secrets = Place::secrets(OLD);
    for (name, tenant) in
        [("", None), (" ", None), (&*"é".repeat(129), None), ("one", Some("")), ("one", Some("\t"))]
    {
        let tenant = tenant.map(str::to_owned);
        let new = NewKey { project: "shop".into(), name: name.into(), tenant, issued_by: None };
        let refused = virtual_key_create(&place.url(), &secrets, new, NOW).await;
        assert!(matches!(refused, Err(Error::BadName { .. })), "{name:?}");
    }
    let name = "é".repeat(128);
    let new = NewKey { project: "shop".into(), name, ..NewKey::default() };
    assert!(virtual_key_create(&place.url(), &secrets, new, NOW).await.is_ok());
}

#[tokio::test]
async fn uses_are_written_in_the_background() {
    let place = Place::new();
    let keys = place.keys(GIVEN);
    let bearer = place.bearer().await;
    place.bearer().await;
    for _ in 0..10 {
        keys.bearer(&bearer).await.unwrap();
    }
    let ledger = Ledger::open(Some(&place.url()), place.folder.path()).await.unwrap();
    let last_used = async || {
        let list = key_list(&ledger).await.unwrap();
        list.items.iter().map(|key| key.last_used_at).collect::<Vec<_>>()
    };
    assert_eq!(last_used().await, [None, None]);
    keys.note_uses(NOW).await.unwrap();
    assert_eq!(last_used().await, [None, Some(NOW)]);
    keys.note_uses(UnixMicros(NOW.0 + 90_000_000)).await.unwrap();
    assert_eq!(last_used().await, [None, Some(NOW)]);
}
