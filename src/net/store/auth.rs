//! What makes a request one of ours: headers, or for a SAS the query.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    azure::{AzureAuthorizer, AzureCredential},
    client::HttpRequestBody,
};
use url::Url;

use super::{jwt::ServiceAccount, wire::Call};
use crate::net::{NetError, Secret};

/// The version of the Blob service whose answers are understood here; what the
/// signer sends as well.
const AZURE_VERSION: &str = "2023-11-03";

/// How requests are signed. Never printed.
pub(super) enum Auth {
    /// As anybody.
    Nobody,
    /// `Authorization: Bearer …`
    Bearer(Secret),
    /// `Authorization: Basic …` of `user:password`.
    Basic(Secret),
    /// Azure by an account's key or with an Entra token.
    Azure {
        account: String,
        credential: Box<AzureCredential>,
    },
    /// Azure by a shared access signature, as it is put into a query.
    Sas(Secret),
    Google(Box<ServiceAccount>),
    /// AWS Signature Version 4.
    Aws {
        credential: Box<AwsCredential>,
        region: String,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(…)")
    }
}

impl Auth {
    /// Errors: LB-STORE-008 for what no request can be made of.
    pub(super) fn sign(&self, call: &Call, now: DateTime<Utc>) -> Result<(Url, HeaderMap), NetError> {
        let mut headers = call.headers.clone();
        let mut url = call.url.clone();
        match self {
            Self::Nobody => {}
            Self::Bearer(token) => authorize(&mut headers, "Bearer ", token.expose())?,
            Self::Google(account) => {
                let token = account.token(now).map_err(NetError::Denied)?;
                authorize(&mut headers, "Bearer ", token.expose())?;
            }
            Self::Basic(pair) => {
                let encoded = Secret::new(BASE64_STANDARD.encode(pair.expose()));
                authorize(&mut headers, "Basic ", encoded.expose())?;
            }
            Self::Sas(sas) => {
                headers.insert(X_MS_VERSION, HeaderValue::from_static(AZURE_VERSION));
                let sas = sas.expose_str().unwrap_or_default();
                let query = url.query().map_or_else(|| sas.to_owned(), |own| format!("{own}&{sas}"));
                url.set_query(Some(&query));
            }
            Self::Azure { account, credential } => {
                let signer = AzureAuthorizer::new(credential, account);
                headers = signed(call, |request| signer.try_authorize(request))?;
            }
            Self::Aws { credential, region } => {
                let signer = AwsAuthorizer::new(credential, "s3", region);
                headers = signed(call, |request| signer.try_authorize(request, None))?;
            }
        }
        Ok((url, headers))
    }
}

pub(super) const X_MS_VERSION: HeaderName = HeaderName::from_static("x-ms-version");

fn authorize(headers: &mut HeaderMap, scheme: &str, what: &[u8]) -> Result<(), NetError> {
    let whole = Secret::new([scheme.as_bytes(), what].concat());
    // the message does not say which
    let bad = |_| NetError::Denied("the credentials hold characters that no header may".to_owned());
    let mut value = HeaderValue::from_bytes(whole.expose()).map_err(bad)?;
    value.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, value);
    Ok(())
}

/// The headers that object_store makes of a request; its body is part of what is signed.
fn signed<E: fmt::Display>(
    call: &Call,
    sign: impl FnOnce(&mut http::Request<HttpRequestBody>) -> Result<(), E>,
) -> Result<HeaderMap, NetError> {
    let bad = |e: &dyn fmt::Display| NetError::Garbled(format!("the request cannot be signed: {e}"));
    let mut request = http::Request::builder().method(call.method.clone()).uri(call.url.as_str());
    if let Some(own) = request.headers_mut() {
        own.clone_from(&call.headers);
    }
    let body = HttpRequestBody::from(call.body.clone());
    let mut request = request.body(body).map_err(|e| bad(&e))?;
    sign(&mut request).map_err(|e| bad(&e))?;
    Ok(std::mem::take(request.headers_mut()))
}
