//! LiveKit's access token: three parts of base64, signed with HMAC-SHA-256. Pure; what is not needed is not read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// Clocks may differ by so many seconds. LiveKit's own verifier allows a minute.
const LEEWAY: f64 = 60.0;

/// A token that was taken apart and not verified yet.
#[derive(Debug)]
pub(super) struct Token<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    inference: Option<Inference>,
}

#[derive(Debug, Deserialize)]
struct Inference {
    #[serde(default)]
    perform: Option<serde_json::Value>,
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// It is no token that we could verify.
    #[error("the token is not a JWT signed with HS256")]
    Malformed,
    /// Another secret signed it.
    #[error("the token's signature is wrong: check the API secret")]
    Signature,
    /// It has no end.
    #[error("the token has no `exp`")]
    Endless,
    /// Its time is over.
    #[error("the token has expired: check the clock of the agent's machine")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet: check the clock of the agent's machine")]
    Early,
    /// It may do other things.
    #[error("the token lacks the grant `inference.perform`")]
    NoGrant,
}

impl<'a> Token<'a> {
    /// Whether a bearer token looks like one of these at all.
    pub(super) fn is_like(token: &str) -> bool {
        token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Takes a token apart.
    pub(super) fn parse(token: &'a str) -> Result<Token<'a>, Wrong> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Wrong::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Wrong::Malformed)?;
        if json::<Header>(header)?.alg != "HS256" {
            return Err(Wrong::Malformed);
        }
        let signature = decode(signature)?;
        Ok(Token { signed, signature, claims: json(claims)? })
    }

    /// Whose secret must have signed it: not to be believed before [`Token::verify`].
    pub(super) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// Checks it against the secret of its issuer, at `now` in epoch seconds.
    pub(super) fn verify(&self, secret: &[u8], now: f64) -> Result<(), Wrong> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Wrong::Signature)?;
        mac.update(self.signed.as_bytes());
        mac.verify_slice(&self.signature).map_err(|_| Wrong::Signature)?;
        let claims = &self.claims;
        match claims.exp {
            None => return Err(Wrong::Endless),
            Some(exp) if now > exp + LEEWAY => return Err(Wrong::Expired),
            Some(_) => {}
        }
        if claims.nbf.is_some_and(|nbf| now + LEEWAY < nbf) {
            return Err(Wrong::Early);
        }
        let perform = claims.inference.as_ref().and_then(|inference| inference.perform.as_ref());
        if perform == Some(&serde_json::Value::Bool(true)) { Ok(()) } else { Err(Wrong::NoGrant) }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Wrong> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Wrong::Malformed)
}

fn json<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Wrong> {
    serde_json::from_slice(&decode(part)?).map_err(|_| Wrong::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: f64 = 1_795_220_000.0;

    fn sign(header: &Value, claims: &Value, secret: &str) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    fn claims() -> Value {
        json!({"inference": {"perform": true}, "sub": "agent", "iss": "key", "nbf": NOW, "exp": NOW + 600.0})
    }

    fn outcome(header: &Value, claims: &Value, now: f64) -> Result<(), Wrong> {
        let token = sign(header, claims, "secret");
        Token::parse(&token).and_then(|parsed| parsed.verify(b"secret", now))
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    #[test]
    fn tokens_of_both_clients_pass() {
        for header in [json!({"alg": "HS256", "typ": "JWT"}), json!({"alg": "HS256"})] {
            assert_eq!(outcome(&header, &claims(), NOW), Ok(()));
        }
        let token = sign(&json!({"alg": "HS256"}), &claims(), "secret");
        assert_eq!(Token::parse(&token).unwrap().issuer(), "key");
        assert!(Token::is_like(&token) && !Token::is_like("vk_1.2.3"));
    }

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let header = json!({"alg": "HS256"});
        assert_eq!(outcome(&header, &claims(), NOW - 59.0), Ok(()));
        assert_eq!(outcome(&header, &claims(), NOW - 61.0), Err(Wrong::Early));
        assert_eq!(outcome(&header, &claims(), NOW + 659.0), Ok(()));
        assert_eq!(outcome(&header, &claims(), NOW + 661.0), Err(Wrong::Expired));
        assert_eq!(outcome(&header, &with("exp", Value::Null), NOW), Err(Wrong::Endless));
    }

    #[test]
    fn only_our_algorithm_and_the_right_secret_count() {
        for alg in ["none", "HS512", "RS256", "hs256"] {
            assert_eq!(outcome(&json!({ "alg": alg }), &claims(), NOW), Err(Wrong::Malformed));
        }
        let token = sign(&json!({"alg": "HS256"}), &claims(), "other");
        assert_eq!(Token::parse(&token).unwrap().verify(b"secret", NOW), Err(Wrong::Signature));
        let unsigned = token.rsplit_once('.').unwrap().0.to_owned() + ".";
        assert_eq!(Token::parse(&unsigned).unwrap().verify(b"other", NOW), Err(Wrong::Signature));
    }

    #[test]
    fn the_grant_must_be_true_itself() {
        let header = json!({"alg": "HS256"});
        for grant in [json!({"perform": false}), json!({"perform": "true"}), json!({}), Value::Null] {
            assert_eq!(outcome(&header, &with("inference", grant), NOW), Err(Wrong::NoGrant));
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["", "a.b", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.", "eyJhbGciOiJIUzI1NiJ9..x"] {
            assert_eq!(Token::parse(text).map(|_| ()), Err(Wrong::Malformed), "{text}");
        }
    }
}
