//! The owner's secret: what stored secrets are encrypted with and what keys are hashed with.
//!
//! It comes from `VOICEGW_SECRET`, else from a file that only the owner may read and that is made when it is first
//! needed. Older ones in `VOICEGW_SECRET_FALLBACK` still open what they sealed.

mod fernet;
mod file;

use crate::Error;
use fernet::Fernet;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{
    fmt,
    path::{Path, PathBuf},
};
use vg_core::{
    UnixMicros,
    config::{
        Secret,
        env::{VOICEGW_SECRET, VOICEGW_SECRET_FALLBACK},
        files::CONFIG_FOLDER,
    },
};
use zeroize::Zeroizing;

type Mac256 = Hmac<Sha256>;

/// The name of the file in the product's folder.
const FILE_NAME: &str = ".secret";

/// Where the owner's secret is looked for.
#[derive(Debug, Clone)]
pub struct SecretPlace {
    given: Option<Secret>,
    older: Option<Secret>,
    file: Option<PathBuf>,
}

impl SecretPlace {
    /// The place that an environment names: variables by `variable`, the home folder by `home`.
    pub fn new(variable: &dyn Fn(&str) -> Option<String>, home: Option<&Path>) -> SecretPlace {
        let given = |name| variable(name).filter(|value| !value.trim().is_empty());
        SecretPlace {
            given: given(VOICEGW_SECRET).map(|value| Secret::from(value.as_str())),
            older: given(VOICEGW_SECRET_FALLBACK).map(|value| Secret::from(value.as_str())),
            file: home.map(|home| home.join(CONFIG_FOLDER).join(FILE_NAME)),
        }
    }

    /// The owner's secrets; `None` when there is none yet.
    ///
    /// # Errors
    /// [`Error::SecretMalformed`] for one that is no key, [`Error::SecretFile`] for a file that cannot be read.
    pub fn find(&self) -> Result<Option<Secrets>, Error> {
        match &self.given {
            Some(given) => self.secrets(given.expose().unwrap_or_default(), VOICEGW_SECRET).map(Some),
            None => {
                let Some(file) = &self.file else { return Ok(None) };
                let Some(text) = file::read(file)? else { return Ok(None) };
                self.secrets(&text, &file.display().to_string()).map(Some)
            }
        }
    }

    /// The owner's secrets. When there is none yet, one is made and written to the file; the path says so.
    ///
    /// # Errors
    /// As [`SecretPlace::find`]; [`Error::NoSecretPlace`] when there is nowhere to write one.
    pub fn find_or_make(&self) -> Result<(Secrets, Option<PathBuf>), Error> {
        if let Some(secrets) = self.find()? {
            return Ok((secrets, None));
        }
        let file = self.file.as_deref().ok_or(Error::NoSecretPlace)?;
        let key = Zeroizing::new(random::<32>()?);
        let made = file::make(file, &Fernet::text(&key))?;
        // Another process may have been quicker, and its secret is the one that stays.
        let secrets = self.find()?.ok_or(Error::NoSecretPlace)?;
        Ok((secrets, made.then(|| file.to_owned())))
    }

    fn secrets(&self, newest: &str, source: &str) -> Result<Secrets, Error> {
        let read = |text: &str, source: &str| {
            OneSecret::parse(text).ok_or_else(|| Error::SecretMalformed { source_name: source.to_owned() })
        };
        let older = self.older.as_ref().map_or("", |older| older.expose().unwrap_or_default());
        let older = older.split(',').filter(|text| !text.trim().is_empty());
        let older = older.map(|text| read(text, VOICEGW_SECRET_FALLBACK)).collect::<Result<_, _>>()?;
        Ok(Secrets { newest: read(newest, source)?, older })
    }
}

/// The owner's secrets. The newest one seals and hashes, all of them open and recognize.
pub struct Secrets {
    newest: OneSecret,
    older: Vec<OneSecret>,
}

struct OneSecret {
    fernet: Fernet,
    pepper: Mac256,
    id: String,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(|secret| &secret.id)).finish()
    }
}

impl OneSecret {
    fn parse(text: &str) -> Option<OneSecret> {
        let fernet = Fernet::parse(text)?;
        let pepper = Zeroizing::new(fernet.derive("voicegateway: pepper of virtual keys")?);
        let [a, b, c, d, ..] = fernet.derive("voicegateway: name of the secret")?;
        let id = format!("{a:02x}{b:02x}{c:02x}{d:02x}");
        Some(OneSecret { pepper: Mac256::new_from_slice(pepper.as_slice()).ok()?, fernet, id })
    }

    fn hash(&self, key: &str) -> [u8; 32] {
        // The pepper is already worked in, so a short key costs two rounds of SHA-256.
        let mut mac = self.pepper.clone();
        mac.update(key.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl Secrets {
    fn all(&self) -> impl Iterator<Item = &OneSecret> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// What tells the newest secret from others; it gives nothing of it away.
    pub(crate) fn id(&self) -> &str {
        &self.newest.id
    }

    /// Whether one of these is the secret of this id.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.all().any(|secret| secret.id == id)
    }

    /// The keyed hash of a key, under the newest secret.
    pub(crate) fn hash(&self, key: &str) -> [u8; 32] {
        self.newest.hash(key)
    }

    /// The hashes that a key may be kept under, the newest secret's first.
    pub(crate) fn hashes(&self, key: &str) -> Vec<[u8; 32]> {
        self.all().map(|secret| secret.hash(key)).collect()
    }

    /// Encrypts something to be kept.
    pub(crate) fn seal(&self, plain: &[u8], now: UnixMicros) -> Result<String, Error> {
        let sealed = self.newest.fernet.seal(plain, random()?, now.millis() / 1000);
        sealed.ok_or_else(|| Error::SecretMalformed { source_name: VOICEGW_SECRET.to_owned() })
    }

    /// Decrypts what was kept; `None` when none of the secrets sealed it.
    pub(crate) fn open(&self, token: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.all().find_map(|secret| secret.fernet.open(token))
    }
}

/// Bytes from the kernel.
pub(crate) fn random<const COUNT: usize>() -> Result<[u8; COUNT], Error> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).map_err(Error::Randomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const OLD: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const NEW: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn place(variables: &[(&str, &str)], home: Option<&Path>) -> SecretPlace {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        SecretPlace::new(&|name| variables.get(name).map(|value| (*value).to_owned()), home)
    }

    #[test]
    fn an_older_secret_opens_and_recognizes_and_the_newest_one_seals() {
        let old = place(&[("VOICEGW_SECRET", OLD)], None).find().unwrap().unwrap();
        let sealed = old.seal(b"hello", UnixMicros(0)).unwrap();
        let variables = [("VOICEGW_SECRET", NEW), ("VOICEGW_SECRET_FALLBACK", &*format!(" , {OLD} ,"))];
        let both = place(&variables, None).find().unwrap().unwrap();
        assert_eq!(both.open(&sealed).unwrap().as_slice(), b"hello");
        assert!(both.hashes("vk_A").contains(&old.hash("vk_A")));
        assert!(both.knows(old.id()) && both.id() != old.id());
        assert!(old.open(&both.seal(b"hello", UnixMicros(0)).unwrap()).is_none());
        assert_ne!(both.hash("vk_A"), old.hash("vk_A"));
        let shown = format!("{both:?} {:?}", place(&variables, None));
        assert!(!shown.contains(NEW) && !shown.contains(OLD), "{shown}");
    }

    #[test]
    fn without_a_variable_a_secret_is_made_once_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let place = place(&[("VOICEGW_SECRET", " ")], Some(home.path()));
        assert!(place.find().unwrap().is_none());
        let (first, made) = place.find_or_make().unwrap();
        assert_eq!(made.unwrap(), home.path().join(".config/voicegateway/.secret"));
        let (second, made) = place.find_or_make().unwrap();
        assert_eq!((first.id(), made), (second.id(), None));
    }

    #[test]
    fn a_secret_that_is_none_is_named_and_not_shown() {
        let wrong = place(&[("VOICEGW_SECRET", "hunter2hunter2")], None).find().unwrap_err().to_string();
        assert!(wrong.contains("VOICEGW_SECRET") && wrong.contains("openssl rand -base64 32"), "{wrong}");
        assert!(!wrong.contains("hunter2"), "{wrong}");
        let variables = [("VOICEGW_SECRET", NEW), ("VOICEGW_SECRET_FALLBACK", "x")];
        let wrong = place(&variables, None).find().unwrap_err().to_string();
        assert!(wrong.contains("VOICEGW_SECRET_FALLBACK"), "{wrong}");
        assert!(matches!(place(&[], None).find_or_make(), Err(Error::NoSecretPlace)));
    }
}
