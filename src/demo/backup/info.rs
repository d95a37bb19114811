//! pgBackRest's info files: INI whose values are JSON, with a checksum of
//! their own (`src/info/info.c` of pgBackRest).

use serde_json::Value;
use sha1::{Digest, Sha1};

/// An info file in the making.
#[derive(Default)]
pub struct Info {
    sections: Vec<(String, Vec<(String, Value)>)>,
}

/// The format that every pgBackRest 2 writes.
const FORMAT: u32 = 5;
/// Whose output this imitates.
const VERSION: &str = "2.45";

impl Info {
    pub fn new() -> Self {
        Self::default().section(
            "backrest",
            [("backrest-format", Value::from(FORMAT)), ("backrest-version", VERSION.into())],
        )
    }
    #[must_use]
    pub fn section<K: Into<String>>(
        mut self,
        name: &str,
        keys: impl IntoIterator<Item = (K, Value)>,
    ) -> Self {
        let keys = keys.into_iter().map(|(k, v)| (k.into(), v)).collect();
        self.sections.push((name.to_owned(), keys));
        self
    }
    /// The file. Its checksum is the SHA-1 of all sections as one JSON
    /// object, in their order, values as they stand.
    pub fn render(&self) -> Vec<u8> {
        let mut sha = Sha1::new();
        let mut file = String::new();
        let mut between = '{';
        for (section, keys) in &self.sections {
            sha.update(format!("{between}\"{section}\":"));
            file.push_str(&format!("[{section}]\n"));
            let mut inner = '{';
            for (key, value) in keys {
                sha.update(format!("{inner}\"{key}\":{value}"));
                file.push_str(&format!("{key}={value}\n"));
                inner = ',';
            }
            sha.update("}");
            file.push('\n');
            between = ',';
        }
        sha.update("}");
        let sum = hex::encode(sha.finalize());
        file.push_str(&format!("[backrest]\nbackrest-checksum=\"{sum}\"\n"));
        file.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The `archive.info` that pgBackRest 2.45 wrote for this system.
    #[test]
    fn an_info_file_is_byte_for_byte_the_tools() {
        let id = 7_711_128_794_649_308_636_u64;
        let info = Info::new()
            .section("db", [("db-id", json!(1)), ("db-system-id", json!(id)), ("db-version", json!("15"))])
            .section("db:history", [("1", json!({ "db-id": id, "db-version": "15" }))]);
        let real = "[backrest]\nbackrest-format=5\nbackrest-version=\"2.45\"\n\n[db]\ndb-id=1\n\
            db-system-id=7711128794649308636\ndb-version=\"15\"\n\n[db:history]\n\
            1={\"db-id\":7711128794649308636,\"db-version\":\"15\"}\n\n[backrest]\n\
            backrest-checksum=\"da6599ca83f558b678a947248676a327a0cacd5d\"\n";
        assert_eq!(String::from_utf8(info.render()).unwrap(), real);
    }
}
