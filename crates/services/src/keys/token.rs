//! What keys look like. Every one is drawn from the kernel, so that no two processes ever issue the same.

use crate::{Error, secrets::random};
use zeroize::Zeroizing;

/// How many characters of a virtual key may be shown.
pub(super) const PREFIX: usize = 8;

const BEARER: &str = "vk_";
const BASE_32: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE_62: [u8; 62] = *b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `vk_` and 160 random bits.
pub(super) fn virtual_key() -> Result<Zeroizing<String>, Error> {
    Ok(Zeroizing::new(format!("{BEARER}{}", drawn(&BASE_32, 32)?.as_str())))
}

/// Whether text has the form of a virtual key: what has not is never looked up.
pub(super) fn is_virtual_key(text: &str) -> bool {
    text.strip_prefix(BEARER)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| BASE_32.contains(&b)))
}

/// `API` and 71 random bits: a name, not a secret.
pub(super) fn livekit_api_key() -> Result<String, Error> {
    Ok(format!("API{}", drawn(&BASE_62, 12)?.as_str()))
}

/// Whether text has the form of the public half of a LiveKit pair.
pub(super) fn is_livekit_api_key(text: &str) -> bool {
    text.strip_prefix("API")
        .is_some_and(|rest| rest.len() == 12 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// 256 random bits and a little more.
pub(super) fn livekit_secret() -> Result<Zeroizing<String>, Error> {
    drawn(&BASE_62, 44)
}

/// A secret as it is sealed: with the key it belongs to, so that no row can be given the secret of another one.
pub(super) fn bound(api_key: &str, secret: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{api_key}:{secret}"))
}

/// The secret of a key from what was sealed.
pub(super) fn unbound<'a>(api_key: &str, sealed: &'a str) -> Option<&'a str> {
    sealed.strip_prefix(api_key)?.strip_prefix(':')
}

/// Characters of an alphabet of at most 64, each as likely as any other.
fn drawn(alphabet: &[u8], length: usize) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    while text.len() < length {
        let bytes = Zeroizing::new(random::<64>()?);
        let drawn = bytes.iter().filter_map(|byte| alphabet.get(usize::from(byte & 63)));
        let missing = length - text.len();
        text.extend(drawn.take(missing).map(|character| char::from(*character)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_have_their_form_and_no_two_are_equal() {
        let mut seen = HashSet::new();
        let mut characters = HashSet::new();
        for _ in 0..200 {
            let (bearer, api_key, secret) =
                (virtual_key().unwrap(), livekit_api_key().unwrap(), livekit_secret().unwrap());
            assert!(is_virtual_key(&bearer) && bearer.len() == 35, "{}", *bearer);
            assert!(is_livekit_api_key(&api_key) && api_key.len() == 15, "{api_key}");
            assert_eq!(secret.len(), 44);
            assert!(secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            characters.extend(secret.bytes());
            assert!(
                seen.insert(bearer.to_string()) && seen.insert(api_key) && seen.insert(secret.to_string())
            );
        }
        assert_eq!(characters.len(), BASE_62.len());
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        for text in [
            "",
            "vk_",
            "sk-abc",
            "vk_abcdefghijklmnopqrstuvwxyzabcdef",
            "VK_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(!is_virtual_key(text), "{text}");
        }
        for text in ["", "API", "APIéaaaaaaaaaa", "APIaaaaaaaaaaaaa", "devkey"] {
            assert!(!is_livekit_api_key(text), "{text}");
        }
    }

    #[test]
    fn a_secret_belongs_to_its_key_alone() {
        let sealed = bound("APIone", "secret");
        assert_eq!(unbound("APIone", &sealed), Some("secret"));
        assert_eq!(unbound("APIon", &sealed), None);
        assert_eq!(unbound("APItwo", &sealed), None);
    }
}
