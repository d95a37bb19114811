//! Points whose objects lie in an archive class: good, and out of reach until
//! they have been retrieved. Logs there are left out by their readers, since no
//! instant that needs them can be had now.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{Code, CopyDef, CopyReport, PointState, Problem};

use super::{Cx, option, root};
use crate::net::{
    Archived,
    store::{Class, Repo, show},
};

pub(super) fn reason(class: Class) -> String {
    format!("it lies in the archive class {} and has to be retrieved first", class.as_str())
}

/// Whose part an object is.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    /// Of this point.
    Point(String),
    /// Of every point, or of nobody knows which.
    All,
    /// Of none: logs, and what lies beside.
    None,
}

/// By its key below the copy's path. Formats that open what they list, such as
/// Litestream, say it themselves.
fn owner(format: &str, key: &[u8], copy: &CopyDef) -> Owner {
    let text = show(key);
    // the part of the key that follows the folder `name`
    let below = |name: &str| {
        let rest = text
            .strip_prefix(&format!("{name}/"))
            .or_else(|| text.split_once(&format!("/{name}/")).map(|(_, r)| r));
        rest.and_then(|rest| rest.split_once('/')).map(|(part, _)| part.to_owned())
    };
    let of = |part: Option<String>| part.map_or(Owner::None, Owner::Point);
    match format {
        "dump" | "etcd" | "vault" | "terraform" => Owner::Point(text),
        "bucket" => Owner::All,
        "restic" if text.starts_with("data/") || text.contains("/data/") => Owner::All,
        "pgbackrest" => {
            let stanza = option(copy, "stanza").unwrap_or_default();
            let rest = text.strip_prefix("backup/").and_then(|rest| rest.split_once('/'));
            let of_stanza = rest.filter(|(own, _)| stanza.is_empty() || *own == stanza);
            of(of_stanza.and_then(|(_, rest)| rest.split_once('/')).map(|(label, _)| label.to_owned()))
        }
        "barman" => of(below("base")),
        "wal-g" => of(below("basebackups_005")),
        "velero" => of(below("backups")),
        "pbm" | "xtrabackup" => of(text.split_once('/').map(|(name, _)| name.to_owned())),
        _ => Owner::None,
    }
}

/// Usable points of which something is archived, and those that need them, are
/// archived. Points that are doubted for another reason stay so.
pub(super) fn mark(report: &mut CopyReport, copy: &CopyDef, repo: &Repo, cx: &Cx) {
    let archived = cx.work.thaws.of(repo.id());
    let Some((first, class)) = archived.keys.first_key_value() else { return };
    let count = archived.keys.len();
    let more = if archived.more { " and more" } else { "" };
    let why = format!(
        "{count}{more} of its objects lie in an archive class, such as {} in {}; logs among them count as missing",
        show(first),
        class.as_str()
    );
    cx.work.note(Problem::new(Code::STORE_ARCHIVED, repo.id()).because(why));
    let (root, classes) = (root(copy), classes(&archived, copy));
    let of_all = classes.get(&Owner::All.id()).copied().or(archived.more.then_some(*class));
    let mut cold: BTreeSet<String> = BTreeSet::new();
    for point in &mut report.points {
        // some readers name points by all of the key, some below the path
        let own = classes.get(&point.id).or_else(|| classes.get(point.id.strip_prefix(&root)?));
        if let Some(class) = own.copied().or(of_all)
            && point.state == PointState::Usable
        {
            (point.state, point.reason) = (PointState::Archived, reason(class));
        }
        if point.state == PointState::Archived {
            cold.insert(point.id.clone());
        }
    }
    freeze(report, cold);
}

impl Owner {
    /// Of all: a name that no point has.
    fn id(self) -> String {
        match self {
            Self::Point(id) => id,
            Self::All | Self::None => String::new(),
        }
    }
}

fn classes(archived: &Archived, copy: &CopyDef) -> BTreeMap<String, Class> {
    let root = root(copy);
    let mut classes = BTreeMap::new();
    for (key, class) in &archived.keys {
        let Some(key) = key.strip_prefix(root.as_bytes()) else { continue };
        match owner(copy.format.as_str(), key, copy) {
            Owner::None => {}
            // the slowest of its parts is what it waits for
            owner => {
                let slowest = classes.entry(owner.id()).or_insert(*class);
                *slowest = (*slowest).max(*class);
            }
        }
    }
    classes
}

/// What needs an archived point waits for it as well.
fn freeze(report: &mut CopyReport, mut cold: BTreeSet<String>) {
    loop {
        let before = cold.len();
        for point in report.points.iter_mut().filter(|p| p.state == PointState::Usable) {
            if let Some(of) = point.depends_on.iter().find(|of| cold.contains(*of)) {
                point.reason = format!("it needs {of}, which has to be retrieved first");
                point.state = PointState::Archived;
                cold.insert(point.id.clone());
            }
        }
        if cold.len() == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use lifeboat_core::model::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::{
        read,
        testing::{Hand, at, files_below, standing, web},
    };
    use crate::net::testing::s3_repo;

    /// A folder as a bucket in which the keys that hold `cold` are archived.
    async fn look(hand: &Hand, format: &str, options: Value, cold: &'static str) -> CopyReport {
        let files = files_below(hand.root());
        let server = web(move |line, _| {
            let target = line.split(' ').nth(1).unwrap_or_default();
            let url = url::Url::parse(&format!("http://x{target}")).unwrap();
            let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
            let key = url.path().strip_prefix("/backups/").unwrap_or_default();
            let key = percent_decoded(key);
            if query.contains_key("list-type") {
                return (200, Vec::new(), listing(&files, &query, cold).into_bytes());
            }
            match files.get(&key) {
                Some(_) if key.contains(cold) => {
                    (403, Vec::new(), b"<Error><Code>InvalidObjectState</Code></Error>".to_vec())
                }
                Some(bytes) => (200, Vec::new(), bytes.clone()),
                None => (404, Vec::new(), b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
            }
        })
        .await;
        let copy = json!({"store": "fra", "format": format, "options": options});
        let mut cx = Cx::new(at("2026-11-22T14:00:00Z"), Default::default());
        cx.password = Some(crate::net::Secret::new("fixture"));
        cx.timezone = Some(chrono_tz::UTC);
        read(&serde_json::from_value(copy).unwrap(), &s3_repo(server.url()).await, &cx).await.unwrap()
    }

    fn percent_decoded(key: &str) -> String {
        url::form_urlencoded::parse(format!("k={}", key.replace('+', "%2B")).as_bytes())
            .next()
            .map_or(String::new(), |(_, v)| v.into_owned())
    }

    fn listing(files: &BTreeMap<String, Vec<u8>>, query: &BTreeMap<String, String>, cold: &str) -> String {
        let get = |name: &str| query.get(name).map_or("", String::as_str);
        let (prefix, after) = (get("prefix"), get("start-after"));
        let mut rows = String::new();
        let mut folders = BTreeSet::new();
        for (key, bytes) in files.iter().filter(|(k, _)| k.starts_with(prefix) && k.as_str() > after) {
            let folder = key[prefix.len()..].find('/').filter(|_| query.contains_key("delimiter"));
            if let Some(end) = folder {
                folders.insert(&key[..prefix.len() + end + 1]);
                continue;
            }
            let class = if key.contains(cold) { "DEEP_ARCHIVE" } else { "STANDARD_IA" };
            rows += &format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-20T12:00:00Z</LastModified><ETag>\"{0}\"</ETag>\
                 <Size>{0}</Size><StorageClass>{class}</StorageClass></Contents>",
                bytes.len()
            );
        }
        for folder in folders {
            rows += &format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>");
        }
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>")
    }

    #[tokio::test]
    async fn a_point_of_which_something_is_archived_has_to_be_retrieved_first() {
        let hand = |fixture| Hand::of_fixture(fixture, "2026-11-20T12:00:00Z");
        let table = [
            (
                "wal-g",
                "walg/repo/pg",
                json!({}),
                "base_000000010000000000000010/tar_partitions",
                vec![
                    "base_000000010000000000000010",
                    "base_000000010000000000000018_D_000000010000000000000010",
                ],
            ),
            (
                "barman",
                "barman-cloud/repo",
                json!({"server": "barman/pg-main"}),
                "20261117T020001/data",
                vec!["20261117T020001"],
            ),
            ("velero", "velero/repo", json!({}), "daily-20261118010003.tar.gz", vec!["daily-20261118010003"]),
            (
                "dump",
                "dumps/repo/pg/shop",
                json!({}),
                "2026-11-22T0130Z.sql.gz",
                vec!["shop-2026-11-22T0130Z.sql.gz"],
            ),
            ("etcd", "etcd", json!({}), "2026-11-22T0200Z.db", vec!["etcd-2026-11-22T0200Z.db"]),
            (
                "xtrabackup",
                "mysql-xtrabackup/repo",
                json!({}),
                "full-20261118/ibdata1",
                vec!["full-20261118", "inc-20261119"],
            ),
            ("bucket", "dumps/repo", json!({}), "app.tar.gz", vec!["all objects"]),
        ];
        for (format, fixture, options, cold, ids) in table {
            let hand = hand(fixture);
            let warm = look(&hand, format, options.clone(), "nothing-is-called-so").await;
            let report = look(&hand, format, options, cold).await;
            for id in &ids {
                assert_eq!(standing(&warm, id).0, PointState::Usable, "{format}, {id}: {warm:#?}");
                let (state, reason) = standing(&report, id);
                assert_eq!(state, PointState::Archived, "{format}, {id}: {reason}");
                assert!(reason.contains("retrieved first"), "{format}: {reason}");
            }
            let changed: Vec<_> =
                report.points.iter().filter(|p| p.state == PointState::Archived).map(|p| &*p.id).collect();
            assert_eq!(changed.len(), ids.len(), "{format}: {changed:?}");
            let note = report.notes.iter().find(|n| n.code == Code::STORE_ARCHIVED);
            assert!(note.is_some_and(|n| n.why.contains("DEEP_ARCHIVE")), "{format}: {:?}", report.notes);
        }
    }

    #[tokio::test]
    async fn packs_that_are_archived_concern_every_snapshot_and_keys_say_so_of_what_is_read() {
        let hand = Hand::of_fixture("restic/repo", "2026-11-20T12:00:00Z");
        let report = look(&hand, "restic", json!({}), "data/75/").await;
        assert!(report.points.iter().all(|p| p.state == PointState::Archived), "{report:#?}");
        // a log in an archive class is none that a recovery can use now
        let hand = Hand::of_fixture("walg/repo/pg", "2026-11-20T12:00:00Z");
        let report = look(&hand, "wal-g", json!({}), "000000010000000000000021").await;
        assert!(report.gaps.iter().any(|g| g.first_missing == "000000010000000000000021"), "{report:#?}");
        let hand = Hand::of_fixture("velero/repo", "2026-11-20T12:00:00Z");
        let report = look(&hand, "velero", json!({}), "daily-20261118010003/velero-backup.json").await;
        let (state, reason) = standing(&report, "daily-20261118010003");
        assert!(state == PointState::Unverified && reason.contains("archive class"), "{state:?}: {reason}");
    }

    #[test]
    fn objects_belong_to_points_by_their_keys() {
        let copy: CopyDef = serde_json::from_value(
            json!({"store": "a", "format": "pgbackrest", "options": {"stanza": "orders"}}),
        )
        .unwrap();
        let table = [
            (
                "pgbackrest",
                "backup/orders/20261120-020000F/bundle/1",
                Owner::Point("20261120-020000F".into()),
            ),
            ("pgbackrest", "backup/other/20261120-020000F/bundle/1", Owner::None),
            ("pgbackrest", "archive/orders/15-1/0000000100000000/x", Owner::None),
            ("barman", "pg/base/20261117T020001/data.tar", Owner::Point("20261117T020001".into())),
            ("barman", "pg/wals/0000000100000000/x", Owner::None),
            ("pbm", "2026-11-20T02:00:00Z/rs0/x", Owner::Point("2026-11-20T02:00:00Z".into())),
            ("restic", "data/75/x", Owner::All),
            ("restic", "index/x", Owner::None),
        ];
        for (format, key, expected) in table {
            assert_eq!(owner(format, key.as_bytes(), &copy), expected, "{format} {key}");
        }
    }
}
