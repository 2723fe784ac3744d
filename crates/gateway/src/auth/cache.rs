//! What was looked up lately. Short-lived and bounded: a revoked key is out within half a minute, and guessing
//! tokens fills no memory.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a key that was found is believed.
const FOUND: Duration = Duration::from_secs(30);
/// How long a key is believed not to be there: short, so that a new key works at once.
const NOT_FOUND: Duration = Duration::from_secs(1);
/// With so many entries some are forgotten.
const ENTRIES: usize = 16_384;

/// Answers by key. `None` is an answer too.
#[derive(Debug)]
pub(super) struct Cache<K, V>(Mutex<HashMap<K, (Instant, Option<V>)>>);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(super) fn new() -> Self {
        Cache(Mutex::default())
    }

    /// The answer for `key`: what is known, or what `look_up` finds.
    pub(super) async fn get<E>(
        &self,
        key: K,
        look_up: impl AsyncFnOnce() -> Result<Option<V>, E>,
    ) -> Result<Option<V>, E> {
        let now = Instant::now();
        if let Some((until, answer)) = self.lock().get(&key)
            && now < *until
        {
            return Ok(answer.clone());
        }
        let answer = look_up().await?;
        let lifetime = if answer.is_some() { FOUND } else { NOT_FOUND };
        let mut entries = self.lock();
        if entries.len() >= ENTRIES {
            // Guessed tokens displace no key that was found, and cost no sweep.
            if answer.is_none() {
                return Ok(answer);
            }
            entries.retain(|_, (until, answer)| now < *until && answer.is_some());
            if entries.len() >= ENTRIES {
                entries.clear();
            }
        }
        // Counted from before the look-up: the answer may have been true no longer than that.
        entries.insert(key, (now + lifetime, answer.clone()));
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, Option<V>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, convert::Infallible};

    #[tokio::test(start_paused = true)]
    async fn a_found_key_is_believed_for_half_a_minute_and_a_missing_one_for_a_second() {
        let cache = Cache::new();
        let lookups = Cell::new(0);
        let ask = async |key: &'static str, answer: Option<u8>| {
            let look_up = async || {
                lookups.set(lookups.get() + 1);
                Ok::<_, Infallible>(answer)
            };
            cache.get(key, look_up).await.unwrap()
        };
        assert_eq!((ask("a", Some(1)).await, ask("b", None).await), (Some(1), None));
        assert_eq!((ask("a", None).await, ask("b", Some(2)).await), (Some(1), None));
        assert_eq!(lookups.get(), 2);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!((ask("a", None).await, ask("b", Some(2)).await), (Some(1), Some(2)));
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(ask("a", None).await, None);
    }
    #[tokio::test(start_paused = true)]
    async fn guessed_keys_displace_none_that_was_found() {
        let cache = Cache::new();
        let ask = async |key: usize, answer: Option<usize>| {
            cache.get(key, async || Ok::<_, Infallible>(answer)).await.unwrap()
        };
        for key in 0..ENTRIES / 2 {
            ask(key, Some(key)).await;
        }
        for guess in ENTRIES..ENTRIES * 3 {
            ask(guess, None).await;
        }
        assert!(cache.lock().len() <= ENTRIES);
        for key in 0..ENTRIES / 2 {
            assert_eq!(ask(key, None).await, Some(key));
        }
    }
}
