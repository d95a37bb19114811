//! Where a store lies, and addresses of what is in it.

use lifeboat_core::model::Store;
use url::Url;

use super::super::{key::percent_encode, show};
use crate::net::NetError;

/// An address that requests may be made of: no password, no query.
pub(super) fn base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("its endpoint is no address: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err("its endpoint is neither http:// nor https://, or more than an address".to_owned());
    }
    match url.username().is_empty() && url.password().is_none() {
        true => Ok(url),
        false => Err("its address holds a password: use `credentials`".to_owned()),
    }
}

/// `bucket/path` as bucket and root; the root is empty or ends in `/`.
pub(super) fn bucket(rest: &str) -> Result<(String, Vec<u8>), String> {
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '$');
    if bucket.is_empty() || !bucket.chars().all(plain) {
        return Err("it names no bucket".to_owned());
    }
    let path = path.trim_matches('/');
    Ok((bucket.to_owned(), if path.is_empty() { Vec::new() } else { format!("{path}/").into_bytes() }))
}

pub(super) fn shown(store: &Store) -> String {
    match &store.endpoint {
        Some(endpoint) => format!("{} at {endpoint}", store.url),
        None => store.url.clone(),
    }
}

/// Errors: a key that no address can be made of (`a/../b` would be folded).
pub(super) fn no_dots(key: &[u8]) -> Result<(), NetError> {
    match key.split(|b| *b == b'/').any(|part| part == b"." || part == b"..") {
        true => Err(NetError::Missing(format!("{:?} cannot be asked for over HTTP", show(key)))),
        false => Ok(()),
    }
}

/// `base` with its path continued by bytes and a query.
pub(super) fn address(
    base: &Url,
    path: &[u8],
    keep_slash: bool,
    query: &[(&str, &[u8])],
) -> Result<Url, NetError> {
    let mut text = base.as_str().trim_end_matches('/').to_owned();
    if !path.is_empty() {
        text.push('/');
        percent_encode(path, keep_slash, &mut text);
    }
    for (n, (name, value)) in query.iter().enumerate() {
        text.push(if n == 0 { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            percent_encode(value, false, &mut text);
        }
    }
    Url::parse(&text).map_err(|e| NetError::Garbled(e.to_string()))
}
