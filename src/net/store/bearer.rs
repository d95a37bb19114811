//! What a server that wants a login says (RFC 7235, 6750; the distribution
//! specification's token authentication). Pure.

use url::form_urlencoded::Serializer;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    /// Where a token is given, and what is asked for there.
    Bearer {
        realm: String,
        query: String,
    },
}

impl Challenge {
    /// `Bearer realm="https://auth.example/token",service="…",scope="…"`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut query) = (None, Serializer::new(String::new()));
        for (name, value) in params(rest) {
            match &*name {
                "realm" => realm = Some(value),
                "service" | "scope" => drop(query.append_pair(&name, &value)),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, query: query.finish() })
    }
}

/// `name="value"` or `name=value`, between commas; a value may hold commas.
fn params(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        all.push((name, value.trim().to_owned()));
        rest = after;
    }
    all
}

/// The standard alphabet, padded (RFC 4648).
pub(super) fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= three.len() { char::from(sign) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_of_real_registries_are_understood() {
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/redis:pull,push""#;
        let query = "service=registry.docker.io&scope=repository%3Alibrary%2Fredis%3Apull%2Cpush".to_owned();
        let realm = "https://auth.docker.io/token".to_owned();
        assert_eq!(Challenge::parse(docker), Some(Challenge::Bearer { realm: realm.clone(), query }));
        let bare = Challenge::parse("bearer Realm=https://auth.docker.io/token");
        assert_eq!(bare, Some(Challenge::Bearer { realm, query: String::new() }));
        assert_eq!(Challenge::parse("Basic realm=\"Registry\""), Some(Challenge::Basic));
        for none in ["", "Negotiate", "Bearer", "Bearer service=\"x\""] {
            assert_eq!(Challenge::parse(none), None, "{none}");
        }
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        let table = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in table {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = Challenge::parse(&text);
            let _ = Challenge::parse(&format!("Bearer {text}"));
        }
    }
}
