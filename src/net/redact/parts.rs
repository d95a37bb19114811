//! What of a secret is secret by itself: the password in a connection string,
//! a key in a JSON file, a line of a private key.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

/// A line that is worth looking for by itself.
const LONG_LINE: usize = 16;

/// The whole and its parts, longest first.
pub(super) fn parts(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = BTreeSet::from([secret.to_vec()]);
    if let Ok(text) = std::str::from_utf8(secret) {
        let mut add = |part: &str| {
            parts.insert(part.as_bytes().to_vec());
        };
        add(text.trim());
        if text.trim().contains('\n') {
            text.lines().map(str::trim).filter(|l| l.len() >= LONG_LINE).for_each(&mut add);
        }
        if let Ok(url) = Url::parse(text.trim())
            && let Some(password) = url.password()
        {
            add(password);
            add(&decoded(password));
        }
        // `host=… password=…`
        let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
        pairs.filter(|(name, _)| is_secret(name)).for_each(|(_, value)| add(value.trim_matches(['\'', '"'])));
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            leaves(&value, false, &mut add);
        }
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

fn leaves(value: &Value, secret: bool, add: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) if secret => {
            add(text);
            text.lines().filter(|l| l.len() >= LONG_LINE).for_each(add);
        }
        Value::Array(all) => all.iter().for_each(|v| leaves(v, secret, add)),
        Value::Object(all) => all.iter().for_each(|(name, v)| leaves(v, is_secret(name), add)),
        _ => {}
    }
}

/// By its name; ids and addresses beside it are not.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let says = ["secret", "passw", "token", "private", "key", "pwd"].iter().any(|word| name.contains(word));
    says && !["id", "uri", "url", "type"].iter().any(|end| name.ends_with(end))
}

fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
