//! `backup.info` and `archive.info`: INI whose values are JSON, with a checksum
//! over both. Pure. Format 5, written by pgBackRest 2.x.

use serde::Deserialize;
use sha1::{Digest, Sha1};

/// What OpenSSL's salted format begins with: the repository is encrypted.
pub const SALTED: &[u8] = b"Salted__";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    #[error("it is encrypted")]
    Encrypted,
    #[error("its checksum is {found}, it should be {expected}")]
    Checksum { found: String, expected: String },
    #[error("{0}")]
    Malformed(String),
}

/// Sections in file order, values raw: the checksum is over these bytes.
type Sections<'a> = Vec<(&'a str, Vec<(&'a str, &'a str)>)>;

#[derive(Debug, Default, PartialEq)]
pub struct BackupInfo {
    /// Entries that cannot be understood keep their label and the reason.
    pub backups: Vec<(String, Result<Backup, String>)>,
    pub clusters: Vec<Cluster>,
}

/// One cluster that this stanza held: another one after a major upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub id: u64,
    /// PostgreSQL's version, as in the archive's folder `15-1`.
    pub version: String,
}

/// One entry of `[backup:current]`; times are seconds since 1970, sizes bytes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Backup {
    pub backup_type: String,
    pub backup_timestamp_start: i64,
    pub backup_timestamp_stop: i64,
    pub backup_archive_start: Option<String>,
    pub backup_archive_stop: Option<String>,
    pub backup_lsn_start: Option<String>,
    pub backup_prior: Option<String>,
    #[serde(default)]
    pub backup_reference: Vec<String>,
    /// Page checksums failed while it was made.
    #[serde(default)]
    pub backup_error: bool,
    /// Of the whole cluster.
    pub backup_info_size: Option<u64>,
    #[serde(default = "first")]
    pub db_id: u64,
}

fn first() -> u64 {
    1
}

pub fn parse_backup_info(bytes: &[u8]) -> Result<BackupInfo, InfoError> {
    let text = readable(bytes)?;
    let sections = checked(text)?;
    let mut backups = Vec::new();
    for (label, raw) in section(&sections, "backup:current") {
        let read = serde_json::from_str::<Backup>(raw).map_err(|e| e.to_string());
        backups.push((label.to_owned(), read));
    }
    Ok(BackupInfo { backups, clusters: clusters(&sections)? })
}

/// The clusters of `archive.info`.
pub fn parse_archive_info(bytes: &[u8]) -> Result<Vec<Cluster>, InfoError> {
    let text = readable(bytes)?;
    clusters(&checked(text)?)
}

fn readable(bytes: &[u8]) -> Result<&str, InfoError> {
    if bytes.starts_with(SALTED) {
        return Err(InfoError::Encrypted);
    }
    std::str::from_utf8(bytes).map_err(|_| InfoError::Malformed("it is no text".to_owned()))
}

fn clusters(sections: &Sections<'_>) -> Result<Vec<Cluster>, InfoError> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(rename = "db-version")]
        version: String,
    }
    let bad = || InfoError::Malformed("its [db:history] cannot be understood".to_owned());
    let mut all = Vec::new();
    for (id, raw) in section(sections, "db:history") {
        let Raw { version } = serde_json::from_str(raw).map_err(|_| bad())?;
        // it becomes part of a key
        let plain = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let id = id.parse().ok().filter(|_| plain).ok_or_else(bad)?;
        all.push(Cluster { id, version });
    }
    Ok(all)
}

fn section<'s, 'a>(sections: &'s Sections<'a>, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> + 's {
    // [backrest] comes twice: the checksum stands at the end
    let name = name.to_owned();
    sections.iter().filter(move |(n, _)| *n == name).flat_map(|(_, keys)| keys.iter().copied())
}

fn checked(text: &str) -> Result<Sections<'_>, InfoError> {
    let mut sections: Sections<'_> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            sections.push((name, Vec::new()));
            continue;
        }
        let pair = line.split_once('=').zip(sections.last_mut());
        let ((key, value), (_, keys)) =
            pair.ok_or_else(|| InfoError::Malformed("it is no pgBackRest info file".to_owned()))?;
        keys.push((key, value));
    }
    let expected = section(&sections, "backrest").find(|(key, _)| *key == CHECKSUM);
    let expected = expected.and_then(|(_, raw)| serde_json::from_str::<String>(raw).ok());
    let expected = expected.ok_or_else(|| InfoError::Malformed("it has no checksum: cut off?".to_owned()))?;
    let found = checksum(&sections);
    match found == expected {
        true => Ok(sections),
        false => Err(InfoError::Checksum { found, expected }),
    }
}

const CHECKSUM: &str = "backrest-checksum";

/// SHA-1 of `{"section":{"key":<raw value>,…},…}` in file order, without itself
/// and so without a section that holds nothing else.
fn checksum(sections: &Sections<'_>) -> String {
    let mut sha = Sha1::new();
    let mut last = None;
    for (name, keys) in sections {
        for (key, value) in keys.iter().filter(|(key, _)| *key != CHECKSUM) {
            if last == Some(*name) {
                sha.update(",");
            } else {
                sha.update(if last.is_none() { "{\"" } else { "},\"" });
                sha.update(name);
                sha.update("\":{");
                last = Some(*name);
            }
            sha.update("\"");
            sha.update(key);
            sha.update("\":");
            sha.update(value);
        }
    }
    sha.update("}}");
    hex::encode(sha.finalize())
}

/// Puts the right checksum into a file written by hand.
#[cfg(test)]
pub fn seal(text: &str) -> String {
    let placed = format!("[backrest]\nbackrest-checksum=\"\"\nbackrest-format=5\n\n{text}");
    let Err(InfoError::Checksum { found, .. }) = checked(&placed).map(|_| ()) else { panic!("{placed}") };
    placed.replacen("=\"\"", &format!("=\"{found}\""), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_damaged_file_is_told_from_one_that_is_none() {
        let good = seal("[db:history]\n1={\"db-version\":\"15\"}\n");
        assert_eq!(parse_archive_info(good.as_bytes()), Ok(vec![Cluster { id: 1, version: "15".into() }]));
        let damaged = good.replace("\"15\"", "\"14\"");
        assert!(matches!(parse_archive_info(damaged.as_bytes()), Err(InfoError::Checksum { .. })));
        assert_eq!(parse_archive_info(b"Salted__12345678"), Err(InfoError::Encrypted));
        for bad in ["", "<html>", "[backrest]\nx", &good[..20], "\u{0}"] {
            assert!(matches!(parse_archive_info(bad.as_bytes()), Err(InfoError::Malformed(_))), "{bad}");
        }
        let climbing = seal("[db:history]\n1={\"db-version\":\"../../x\"}\n");
        assert!(parse_archive_info(climbing.as_bytes()).is_err(), "a version is no path");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "(\\[[a-z:]{0,9}\\]|[a-z0-9]{0,9}=[{}\":a-z0-9]{0,20}|\n){0,20}") {
            let _ = parse_backup_info(&bytes);
            let _ = parse_backup_info(text.as_bytes());
        }
    }
}
