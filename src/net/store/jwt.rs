//! A Google service account: it signs its own tokens, so that no token service
//! has to be up. Format: RFC 7519, and <https://google.aip.dev/auth/4111>.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::net::Secret;

/// To look only: nothing here can write, whatever the account may.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";
/// The longest that is allowed.
const LIFE_S: i64 = 3_600;
/// A token is used until so long before its end.
const SPARE_S: i64 = 300;

pub(super) struct ServiceAccount {
    email: String,
    key_id: String,
    key: KeyPair,
    kept: Mutex<Option<(DateTime<Utc>, Secret)>>,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccount(…)")
    }
}

#[derive(Deserialize)]
struct Json {
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    private_key: String,
}

impl ServiceAccount {
    /// From the JSON that Google hands out. Errors say nothing of what was read.
    pub(super) fn of_json(json: &[u8]) -> Result<Self, &'static str> {
        let json: Json = serde_json::from_slice(json)
            .map_err(|_| "they are no service account: no client_email and private_key")?;
        let pem = Secret::new(json.private_key);
        let der = pem.expose_str().and_then(der_of_pem).ok_or("the private key is no PKCS#8 in PEM")?;
        let key = KeyPair::from_pkcs8(der.expose()).map_err(|_| "the private key is no RSA key")?;
        Ok(Self { email: json.client_email, key_id: json.private_key_id, key, kept: Mutex::default() })
    }

    /// The same until shortly before its end: signing costs a millisecond.
    pub(super) fn token(&self, now: DateTime<Utc>) -> Result<Secret, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, token)) = &*kept
            && (0..LIFE_S - SPARE_S).contains(&(now - *made).num_seconds())
        {
            return Ok(token.clone());
        }
        let token = self.sign(now.timestamp())?;
        *kept = Some((now, token.clone()));
        Ok(token)
    }

    fn sign(&self, now: i64) -> Result<Secret, String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email, "sub": self.email, "scope": SCOPE, "iat": now, "exp": now + LIFE_S,
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let message =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| "the service account's key does not sign".to_owned())?;
        Ok(Secret::new(format!("{message}.{}", encode(&signature))))
    }
}

/// The first block of a PEM file, whatever it is called.
fn der_of_pem(pem: &str) -> Option<Secret> {
    let begin = pem.find("-----BEGIN ")?;
    let body = pem[begin..].split_once('\n')?.1;
    let body = &body[..body.find("-----END ")?];
    let plain: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = Secret::new(plain);
    Some(Secret::new(BASE64_STANDARD.decode(plain.expose()).ok()?))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::KeySize,
        signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
    };

    use super::*;

    /// A key of this moment: none is kept in the project.
    fn account() -> (ServiceAccount, Vec<u8>) {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = key.public_key().as_ref().to_vec();
        let der = key.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der.as_ref())
        );
        let json = json!({
            "type": "service_account", "client_email": "dr@p.iam.example", "private_key_id": "k1", "private_key": pem,
        });
        (ServiceAccount::of_json(json.to_string().as_bytes()).unwrap(), public)
    }

    #[test]
    fn a_token_is_signed_reads_only_and_is_made_anew_before_its_end() {
        let (account, public) = account();
        let now = DateTime::from_timestamp(1_795_311_000, 0).unwrap();
        let token = account.token(now).unwrap();
        let text = token.expose_str().unwrap();
        let (message, signature) = text.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(message.as_bytes(), &signature)
            .unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(message.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["iss"], "dr@p.iam.example");
        assert_eq!(claims["scope"], SCOPE);
        assert_eq!(
            (claims["iat"].as_i64(), claims["exp"].as_i64()),
            (Some(1_795_311_000), Some(1_795_314_600))
        );

        let later = |s: i64| account.token(DateTime::from_timestamp(1_795_311_000 + s, 0).unwrap()).unwrap();
        assert_eq!(later(3_299), token, "kept");
        assert_ne!(later(3_300), token, "made anew before it ends");
        assert!(!format!("{account:?}").contains("dr@"));
    }

    #[test]
    fn what_is_no_service_account_is_refused_without_quoting_it() {
        let table = [
            ("{}", "no client_email"),
            ("not json at all", "no client_email"),
            (r#"{"client_email":"a","private_key":"hunter2"}"#, "PEM"),
            (
                r#"{"client_email":"a","private_key":"-----BEGIN X-----\naHVudGVyMg==\n-----END X-----"}"#,
                "RSA",
            ),
        ];
        for (json, says) in table {
            let why = ServiceAccount::of_json(json.as_bytes()).unwrap_err();
            assert!(why.contains(says) && !why.contains("hunter2"), "{why}");
        }
    }
}
