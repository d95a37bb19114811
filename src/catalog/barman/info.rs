//! `backup.info`: lines `key=value` whose values are Python literals, sorted by
//! key. Pure. Written by Barman's server and by barman-cloud alike.

use crate::catalog::{
    clock::{Told, told},
    wal::{SegmentName, SegmentSize},
};

/// How far a backup came, in Barman's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Empty,
    Started,
    WaitingForWals,
    Done,
    Syncing,
    Failed,
    Other(String),
}

/// What is used of it. Sizes are bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    pub status: Status,
    pub begin_time: Option<Told>,
    pub end_time: Option<Told>,
    /// First and last segment that make the backup consistent.
    pub wal: Option<(SegmentName, SegmentName)>,
    pub segment: Option<SegmentSize>,
    /// The cluster's identity, 64 bits as text.
    pub system: Option<String>,
    /// Of the whole cluster where it is told, else of what was copied.
    pub size: Option<u64>,
    pub error: Option<String>,
    /// The backup that this one is the difference to.
    pub parent: Option<String>,
    /// Object ids of tablespaces, each of which is stored by itself.
    pub tablespaces: Vec<u32>,
    /// The data are snapshots of disks, kept by the cloud's provider.
    pub is_snapshot: bool,
    pub is_compressed: bool,
}

/// Errors: why it cannot be one, in words that follow "its backup.info".
pub fn parse(bytes: &[u8]) -> Result<Info, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is no text".to_owned())?;
    let field = |name: &str| {
        let mut found = text.lines().filter_map(|line| line.split_once('='));
        let (_, value) = found.find(|(key, _)| key.trim() == name)?;
        Some(value.trim()).filter(|v| !matches!(*v, "" | "None"))
    };
    let status = match field("status").ok_or("has no status: cut off?")? {
        "EMPTY" => Status::Empty,
        "STARTED" => Status::Started,
        "WAITING_FOR_WALS" => Status::WaitingForWals,
        "DONE" => Status::Done,
        "SYNCING" => Status::Syncing,
        "FAILED" => Status::Failed,
        other => Status::Other(other.to_owned()),
    };
    let size = |name: &str| field(name).and_then(|v| v.parse::<u64>().ok());
    let wal = |name: &str| SegmentName::parse(field(name)?.as_bytes());
    Ok(Info {
        status,
        begin_time: field("begin_time").and_then(told),
        end_time: field("end_time").and_then(told),
        wal: wal("begin_wal").zip(wal("end_wal")),
        segment: size("xlog_segment_size").and_then(SegmentSize::of),
        system: field("systemid").map(str::to_owned),
        size: size("cluster_size").or(size("size")),
        error: field("error").map(str::to_owned),
        parent: field("parent_backup_id").map(|id| id.trim_matches('\'').to_owned()),
        tablespaces: field("tablespaces").map(oids).unwrap_or_default(),
        is_snapshot: field("snapshots_info").is_some(),
        is_compressed: field("compression").is_some(),
    })
}

/// The numbers of `[('name', 16387, '/a/path'), …]` that stand outside quotes.
fn oids(list: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let mut digits = String::new();
    let mut quote = None;
    let mut escaped = false;
    for c in list.chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_ascii_digit() => digits.push(c),
            (None, _) => found.extend(std::mem::take(&mut digits).parse::<u32>().ok()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REAL: &[u8] = include_bytes!(
        "../../../tests/fixtures/barman-cloud/repo/barman/pg-main/base/20261118T020001/backup.info"
    );

    #[test]
    fn a_real_file_is_read() {
        let info = parse(REAL).unwrap();
        let name = |text: &str| SegmentName::parse(text.as_bytes()).unwrap();
        let first = name("000000010000000000000031");
        assert_eq!((info.status, info.wal), (Status::Done, Some((first, first))));
        assert_eq!(info.segment, SegmentSize::of(1 << 20));
        assert_eq!(info.system.as_deref(), Some("7704498742194914183"), "above 2^53");
        assert_eq!(info.size, Some(8_272_579));
        let at = "2026-11-18T02:00:03.492310Z".parse().unwrap();
        assert_eq!(info.end_time, Some(Told::At(at)));
        assert_eq!((info.parent, info.error, info.is_snapshot), (None, None, false));
    }

    #[test]
    fn tablespaces_are_numbers_outside_quotes() {
        assert_eq!(oids(r#"[('fast 12', 16387, '/a/7'), ("it's 9", 16388, '/b\' 3')]"#), [16387, 16388]);
        assert!(oids("[('x', 99999999999, '/y')]").is_empty(), "no object id");
    }

    #[test]
    fn a_file_that_was_cut_never_has_all_that_a_judge_needs() {
        for cut in 0..REAL.len() - 1 {
            let Ok(info) = parse(&REAL[..cut]) else { continue };
            assert!(info.segment.is_none(), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "((status|tablespaces|begin_wal|begin_time|size)=[\\PC]{0,30}\n){0,9}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
