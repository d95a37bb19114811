//! `backup.info` and `archive.info`: INI whose values are JSON, with a checksum
//! over both. Pure. Format 5, written by pgBackRest 2.x.

use std::borrow::Cow;

use serde::Deserialize;
use sha1::{Digest, Sha1};

use crate::{catalog::salted, net::Secret};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    #[error("it is encrypted")]
    Encrypted,
    #[error("the password does not open it")]
    WrongPassword,
    #[error("it is encrypted, and was cut or damaged")]
    Sealed,
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
    /// What this backup itself took from the cluster.
    pub backup_info_size_delta: Option<u64>,
    /// What that became in the repository.
    pub backup_info_repo_size_delta: Option<u64>,
    #[serde(default = "first")]
    pub db_id: u64,
}

fn first() -> u64 {
    1
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct ArchiveInfo {
    pub clusters: Vec<Cluster>,
    /// What segments and history files are encrypted under.
    pub key: Option<Secret>,
}

pub fn parse_backup_info(bytes: &[u8], password: Option<&Secret>) -> Result<BackupInfo, InfoError> {
    let text = readable(bytes, password)?;
    let sections = checked(&text)?;
    let mut backups = Vec::new();
    for (label, raw) in section(&sections, "backup:current") {
        let read = serde_json::from_str::<Backup>(raw).map_err(|e| e.to_string());
        backups.push((label.to_owned(), read));
    }
    Ok(BackupInfo { backups, clusters: clusters(&sections)? })
}

pub fn parse_archive_info(bytes: &[u8], password: Option<&Secret>) -> Result<ArchiveInfo, InfoError> {
    let text = readable(bytes, password)?;
    let sections = checked(&text)?;
    let key = section(&sections, "cipher").find(|(key, _)| *key == "cipher-pass");
    let key = key.and_then(|(_, raw)| serde_json::from_str::<String>(raw).ok()).map(Secret::new);
    Ok(ArchiveInfo { clusters: clusters(&sections)?, key })
}

/// Info files are encrypted under the password itself.
fn readable<'a>(bytes: &'a [u8], password: Option<&Secret>) -> Result<Cow<'a, str>, InfoError> {
    let no_text = || InfoError::Malformed("it is no text".to_owned());
    if !salted::is_salted(bytes) {
        return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| no_text());
    }
    let opened = salted::open(bytes, password.ok_or(InfoError::Encrypted)?).ok_or(InfoError::Sealed)?;
    // every such file begins with a section: another key would give garbage
    // from the first byte on, damage further on would not
    if !opened.plain.starts_with(b"[back") {
        return Err(if opened.plain.is_empty() { InfoError::Sealed } else { InfoError::WrongPassword });
    }
    match opened.whole {
        true => String::from_utf8(opened.plain).map(Cow::Owned).map_err(|_| InfoError::Sealed),
        false => Err(InfoError::Sealed),
    }
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
    try_seal(text).unwrap_or_else(|| panic!("{text}"))
}

/// `None` where it is no such file at all.
#[cfg(test)]
pub fn try_seal(text: &str) -> Option<String> {
    let placed = format!("[backrest]\nbackrest-checksum=\"\"\nbackrest-format=5\n\n{text}");
    let Err(InfoError::Checksum { found, .. }) = checked(&placed).map(|_| ()) else { return None };
    Some(placed.replacen("=\"\"", &format!("=\"{found}\""), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_damaged_file_is_told_from_one_that_is_none() {
        let good = seal("[db:history]\n1={\"db-version\":\"15\"}\n");
        let clusters = vec![Cluster { id: 1, version: "15".into() }];
        let parse = |bytes: &[u8]| parse_archive_info(bytes, None);
        assert_eq!(parse(good.as_bytes()), Ok(ArchiveInfo { clusters, key: None }));
        let damaged = good.replace("\"15\"", "\"14\"");
        assert!(matches!(parse(damaged.as_bytes()), Err(InfoError::Checksum { .. })));
        assert_eq!(parse(b"Salted__12345678"), Err(InfoError::Encrypted));
        for bad in ["", "<html>", "[backrest]\nx", &good[..20], "\u{0}"] {
            assert!(matches!(parse(bad.as_bytes()), Err(InfoError::Malformed(_))), "{bad}");
        }
        let climbing = seal("[db:history]\n1={\"db-version\":\"../../x\"}\n");
        assert!(parse(climbing.as_bytes()).is_err(), "a version is no path");
    }

    #[test]
    fn a_wrong_password_is_told_from_a_file_that_was_cut() {
        let (own, other) = (Secret::new("fixture"), Secret::new("Fixture"));
        let text = seal("[cipher]\ncipher-pass=\"sub\"\n\n[db:history]\n1={\"db-version\":\"15\"}\n");
        let sealed = salted::seal(text.as_bytes(), &own, *b"saltsalt");
        let read = parse_archive_info(&sealed, Some(&own)).unwrap();
        assert_eq!((read.clusters.len(), read.key), (1, Some(Secret::new("sub"))));
        assert_eq!(parse_archive_info(&sealed, None), Err(InfoError::Encrypted));
        assert_eq!(parse_archive_info(&sealed, Some(&other)), Err(InfoError::WrongPassword));
        for cut in 1..40 {
            let cut = &sealed[..sealed.len() - cut];
            assert_eq!(parse_archive_info(cut, Some(&own)), Err(InfoError::Sealed));
            assert_eq!(parse_archive_info(cut, Some(&other)), Err(InfoError::WrongPassword));
        }
        assert_eq!(parse_archive_info(&sealed[..20], Some(&own)), Err(InfoError::Sealed));
        let mut flipped = sealed;
        flipped[100] ^= 1;
        let error = parse_archive_info(&flipped, Some(&own)).unwrap_err();
        assert!(!matches!(error, InfoError::Encrypted | InfoError::WrongPassword), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "(\\[[a-z:]{0,9}\\]|[a-z0-9]{0,9}=[{}\":a-z0-9]{0,20}|\n){0,20}") {
            let key = Secret::new("fixture");
            let _ = parse_backup_info(&bytes, None);
            let _ = parse_backup_info(text.as_bytes(), None);
            let sealed = salted::seal(&[b"[backup:current]\n", text.as_bytes(), &bytes].concat(), &key, [7; 8]);
            let _ = parse_backup_info(&sealed, Some(&key));
        }
    }
}
