//! Fernet tokens: AES-128 in CBC mode under an HMAC-SHA-256, as <https://github.com/fernet/spec> lays them out.
//! A token does not expire here: it is kept, not sent.

use super::Mac256;
use aes::{
    Aes128,
    cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE},
};
use hmac::{KeyInit, Mac};
use zeroize::Zeroizing;

const VERSION: u8 = 0x80;
const MAC_LENGTH: usize = 32;

/// A key: the first half signs, the second half encrypts.
pub(super) struct Fernet {
    key: Zeroizing<[u8; 32]>,
}

impl Fernet {
    /// Reads a key: 32 bytes in either alphabet of base64, padded or not.
    pub(super) fn parse(text: &str) -> Option<Fernet> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let text = Zeroizing::new(text.trim().replace('+', "-").replace('/', "_"));
        let engine = GeneralPurpose::new(&alphabet::URL_SAFE, config);
        let bytes = Zeroizing::new(engine.decode(text.as_bytes()).ok()?);
        let key = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
        Some(Fernet { key: Zeroizing::new(key) })
    }

    /// The key as it is written.
    pub(super) fn text(key: &[u8; 32]) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE.encode(key))
    }

    /// Something only this key gives, under a label.
    pub(super) fn derive(&self, label: &str) -> Option<[u8; 32]> {
        let mut mac = Mac256::new_from_slice(self.key.as_slice()).ok()?;
        mac.update(label.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    fn halves(&self) -> Option<(Mac256, &[u8])> {
        let (sign, encrypt) = self.key.split_at_checked(16)?;
        Some((Mac256::new_from_slice(sign).ok()?, encrypt))
    }

    /// Seals bytes. The sixteen random ones must come from the kernel, `at` is in seconds since the epoch.
    pub(super) fn seal(&self, plain: &[u8], random: [u8; 16], at: u64) -> Option<String> {
        let (mut mac, encrypt) = self.halves()?;
        let cipher = cbc::Encryptor::<Aes128>::new_from_slices(encrypt, &random).ok()?;
        let mut token = vec![VERSION];
        token.extend(at.to_be_bytes());
        token.extend(random);
        token.extend(cipher.encrypt_padded_vec::<Pkcs7>(plain));
        mac.update(&token);
        token.extend(mac.finalize().into_bytes());
        Some(URL_SAFE.encode(token))
    }

    /// Opens a token; `None` when another key sealed it, or nothing did.
    pub(super) fn open(&self, token: &str) -> Option<Zeroizing<Vec<u8>>> {
        let token = URL_SAFE.decode(token).ok()?;
        let (signed, tag) = token.split_at_checked(token.len().checked_sub(MAC_LENGTH)?)?;
        let (mut mac, encrypt) = self.halves()?;
        mac.update(signed);
        mac.verify_slice(tag).ok()?;
        let (version, rest) = signed.split_first()?;
        let (_sealed_at, rest) = rest.split_at_checked(8)?;
        let (random, sealed) = rest.split_at_checked(16)?;
        if *version != VERSION {
            return None;
        }
        let cipher = cbc::Decryptor::<Aes128>::new_from_slices(encrypt, random).ok()?;
        cipher.decrypt_padded_vec::<Pkcs7>(sealed).ok().map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vectors of the specification: generate.json and verify.json.
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    #[test]
    fn it_gives_the_token_of_the_specification() {
        let fernet = Fernet::parse(KEY).unwrap();
        let random = std::array::from_fn(|position| position as u8);
        assert_eq!(fernet.seal(b"hello", random, 499_162_800).unwrap(), TOKEN);
        assert_eq!(fernet.open(TOKEN).unwrap().as_slice(), b"hello");
    }

    #[test]
    fn anything_changed_about_a_token_closes_it() {
        let fernet = Fernet::parse(KEY).unwrap();
        for position in 0..TOKEN.len() - 2 {
            let other = if TOKEN.as_bytes()[position] == b'A' { "B" } else { "A" };
            let mut token = TOKEN.to_owned();
            token.replace_range(position..=position, other);
            assert!(fernet.open(&token).is_none(), "{token}");
        }
        for token in ["", "gAAAAA==", "\u{e9}", &TOKEN[..40]] {
            assert!(fernet.open(token).is_none(), "{token}");
        }
        let other = Fernet::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        assert!(other.open(TOKEN).is_none());
    }

    #[test]
    fn a_key_is_32_bytes_in_either_alphabet() {
        let standard = KEY.replace('-', "+").replace('_', "/");
        for text in [KEY, KEY.trim_end_matches('='), &standard, &format!(" {KEY}\n")] {
            assert!(Fernet::parse(text).unwrap().open(TOKEN).is_some(), "{text}");
        }
        for text in ["", "password", "AAAA", &format!("{KEY}A"), &KEY[..40]] {
            assert!(Fernet::parse(text).is_none(), "{text}");
        }
        let key = Fernet::parse(KEY).unwrap().key;
        assert_eq!(Fernet::text(&key).as_str(), KEY);
    }
}
