use std::{collections::BTreeMap, io::Write, sync::Arc};

use lifeboat_core::model::*;
use md5::{Digest, Md5};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    catalog::{
        read,
        testing::{Hand, at, web},
    },
    net::testing::s3_repo,
};

const MANIFEST: &str =
    include_str!("../../../../tests/fixtures/replication/inventory/dr/2026-11-22T01-00Z/manifest.json");
const FOLDER: &str = "prod/dr/2026-11-22T01-00Z";
const DATA: &str = "prod/dr/data/x.csv.gz";
/// When the sample says that it was made.
const MADE: &str = "2026-11-22T01:00:00Z";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// As S3 writes it: every field in quotes, keys encoded.
fn row(key: &str, version: &str, size: u64, stored: &str, status: &str) -> String {
    let (latest, deleted) = (version == "now", version == "deleted");
    format!("\"prod\",\"{key}\",\"v\",\"{latest}\",\"{deleted}\",\"{size}\",\"{stored}\",\"{status}\"\n")
}

fn rows() -> String {
    [
        row("media/b%3Dc+d.tar", "now", 4, "2026-11-21T10:00:00.000Z", "COMPLETED"),
        row("media/a.tar", "now", 4, "2026-11-21T09:00:00.000Z", "COMPLETED"),
        row("media/a.tar", "older", 3, "2026-11-20T09:00:00.000Z", "COMPLETED"),
        row("media/gone.tar", "deleted", 0, "2026-11-20T09:00:00.000Z", ""),
        row("elsewhere/z.tar", "now", 9, "2026-11-20T09:00:00.000Z", "FAILED"),
    ]
    .concat()
}

/// The sample's manifest, naming this data, and the data where it says.
fn inventory(hand: &Hand, data: &[u8]) -> Value {
    let mut manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    let file = &mut manifest["files"][0];
    file["size"] = data.len().into();
    file["MD5checksum"] = hex::encode(Md5::digest(data)).into();
    hand.put(&format!("inv/{DATA}"), data, MADE);
    hand.put(&format!("inv/{FOLDER}/manifest.json"), manifest.to_string(), MADE);
    manifest
}

/// The copy in `copy/`, beside the inventory of what lies below `media/` there.
async fn look(hand: &Hand) -> CopyReport {
    let options = json!({"replica_of": {"store": "lon", "path": "media"},
        "inventory": {"store": "inv", "path": "inv/prod/dr"}});
    let copy = json!({"store": "fra", "path": "copy", "format": "bucket", "options": options});
    let mut cx = Cx::new(at("2026-11-22T03:00:00Z"), CancellationToken::new());
    cx.others.insert(StoreId::from("inv"), Arc::new(hand.folder("inv")));
    read(&serde_json::from_value(copy).unwrap(), &hand.folder("fra"), &cx).await.unwrap()
}

fn standing(report: &CopyReport) -> (PointState, Option<Time>) {
    (report.points[0].state, report.points[0].completed_at)
}

fn copied(hand: &Hand, keys: &[&str]) {
    keys.iter().for_each(|key| hand.put(&format!("copy/{key}"), b"same", "2026-11-21T12:00:00Z"));
}

#[tokio::test]
async fn a_copy_is_held_against_the_inventory_of_its_original() {
    let hand = Hand::new();
    copied(&hand, &["a.tar", "b=c d.tar"]);
    inventory(&hand, &gzip(rows().as_bytes()));
    let report = look(&hand).await;
    assert_eq!(
        standing(&report),
        (PointState::Usable, Some(at(MADE))),
        "as good as when it was made: {report:?}"
    );
    assert!(report.gaps.is_empty() && report.notes.is_empty(), "{report:#?}");
    // stored since: nobody knows whether the original has it
    hand.put("copy/new.tar", b"x", "2026-11-22T02:00:00Z");
    assert!(look(&hand).await.notes.is_empty());

    let lacking = [
        row("media/failed.tar", "now", 1, "2026-11-20T23:00:00.000Z", "FAILED"),
        row("media/pending.tar", "now", 1, "2026-11-21T23:00:00.000Z", "PENDING"),
        row("media/old.tar", "now", 1, "2026-11-19T23:00:00.000Z", ""),
    ];
    inventory(&hand, &gzip((rows() + &lacking.concat()).as_bytes()));
    let report = look(&hand).await;
    assert_eq!(standing(&report).1, Some(at("2026-11-19T22:59:59.999Z")), "{report:#?}");
    assert_eq!(report.gaps[0].detail, "3 objects not copied");
    assert_eq!(report.summary().behind.unwrap().objects, 3);
    let told = "of what is not copied, 1 failed to replicate and are not tried again, such as failed.tar; \
                1 are pending; 1 are covered by no rule, or are called copied and are not here";
    assert_eq!(report.notes[0].why, told);
}

#[tokio::test]
async fn the_newest_that_is_whole_is_read_wherever_it_was_copied() {
    let hand = Hand::new();
    copied(&hand, &["a.tar", "b=c d.tar"]);
    let mut manifest = inventory(&hand, &gzip(rows().as_bytes()));
    // as S3 names it in its own bucket, while here all lies below `inv/`
    manifest["files"][0]["key"] = DATA.into();
    hand.put(&format!("inv/{FOLDER}/manifest.json"), manifest.to_string(), MADE);
    // still in writing
    hand.put("inv/prod/dr/2026-11-23T01-00Z/symlink.txt", b"", MADE);
    hand.put("inv/prod/dr/hive/dt=2026-11-22-01-00/symlink.txt", b"", MADE);
    assert_eq!(standing(&look(&hand).await), (PointState::Usable, Some(at(MADE))));
    // the sample as it is: what it names was never with it
    hand.put(&format!("inv/{FOLDER}/manifest.json"), MANIFEST, MADE);
    hand.remove("inv/prod/dr/data");
    let report = look(&hand).await;
    assert_eq!(standing(&report).0, PointState::Unverified);
    assert!(
        report.notes[0].why.contains("inv/prod/dr/data/x.csv.gz: the manifest names it"),
        "{:?}",
        report.notes
    );
}

#[tokio::test]
async fn what_is_no_inventory_to_rely_on_is_said_and_proves_nothing() {
    let rows = gzip(rows().as_bytes());
    type Harm = fn(&mut Value);
    let harms: [(Harm, &str); 9] = [
        (|m| m["fileFormat"] = "Parquet".into(), "made as Parquet, and only CSV is read"),
        (|m| m["fileFormat"] = "ORC".into(), "made as ORC"),
        (|m| m["fileSchema"] = "Bucket, Key".into(), "the inventory has no Size"),
        (|m| m["fileSchema"] = "Bucket, Key, Size, LastModifiedDate".into(), "a row has 8 columns, not 4"),
        (|m| m["creationTimestamp"] = "yesterday".into(), "no number of milliseconds"),
        (|m| m["creationTimestamp"] = "9795309200000".into(), "in the future"),
        (|m| m["files"][0]["size"] = 7.into(), "another size"),
        (
            |m| m["files"][0]["MD5checksum"] = "f11166069f1990abeb9c97ace9cdfabc".into(),
            "not those that the manifest",
        ),
        (|m| m["files"] = Value::Null, "no manifest"),
    ];
    for (harm, why) in harms {
        let hand = Hand::new();
        copied(&hand, &["a.tar", "b=c d.tar"]);
        let mut manifest = inventory(&hand, &rows);
        harm(&mut manifest);
        hand.put(&format!("inv/{FOLDER}/manifest.json"), manifest.to_string(), MADE);
        let report = look(&hand).await;
        assert_eq!(standing(&report).0, PointState::Unverified, "{why}");
        assert!(report.notes.iter().any(|n| n.why.contains(why)), "{why}: {:?}", report.notes);
    }
    let bad: [(Vec<u8>, &str); 5] = [
        (rows[..rows.len() - 9].to_vec(), "it cannot be unpacked"),
        (gzip(&vec![0; 64 << 20]), "a row is longer than"),
        (gzip(b"\"prod\",\"never closed"), "columns"),
        (gzip(row("media/a", "now", 1, "no time", "").as_bytes()), "does not say when"),
        (
            gzip(
                [row("media/a", "now", 1, MADE, ""), row("media/a", "now", 1, MADE, "")].concat().as_bytes(),
            ),
            "twice",
        ),
    ];
    for (data, why) in bad {
        let hand = Hand::new();
        copied(&hand, &["a.tar"]);
        inventory(&hand, &data);
        let report = look(&hand).await;
        assert_eq!(standing(&report).0, PointState::Unverified, "{why}");
        assert!(report.notes.iter().any(|n| n.why.contains(why)), "{why}: {:?}", report.notes);
    }
    let hand = Hand::new();
    copied(&hand, &["a.tar"]);
    hand.put("inv/other", b"", MADE);
    let report = look(&hand).await;
    assert_eq!((standing(&report).0, report.notes[0].code), (PointState::Unverified, Code::COPY_NOT_THERE));
}

/// The sample of what S3 says when it is asked for an object: the original and
/// its copy, as each side tells it.
#[tokio::test]
async fn what_is_missing_is_asked_how_far_its_replication_is() {
    let samples: Vec<Value> =
        serde_json::from_str(include_str!("../../../../tests/fixtures/replication/head-samples.json"))
            .unwrap();
    let side = |destination: bool| -> BTreeMap<String, Value> {
        let own = samples.iter().filter(|s| (s["side"] == "destination") == destination);
        own.map(|s| (s["key"].as_str().unwrap().to_owned(), s["headers"].clone())).collect()
    };
    let serve = async |objects: BTreeMap<String, Value>| {
        web(move |line, _| {
            let target = line.split(' ').nth(1).unwrap_or_default();
            if target.contains("list-type") {
                let stored = |headers: &Value| {
                    // copied soon, or there since long before
                    let replica = headers["x-amz-replication-status"] == "REPLICA";
                    let untold = if replica {
                        "Sun, 22 Nov 2026 11:00:05 GMT"
                    } else {
                        "Fri, 20 Nov 2026 08:00:00 GMT"
                    };
                    let told = headers["Last-Modified"].as_str().unwrap_or(untold);
                    chrono::DateTime::parse_from_rfc2822(told).unwrap().format("%FT%TZ").to_string()
                };
                let rows = objects.iter().map(|(key, headers)| {
                    let at = stored(headers);
                    format!(
                        "<Contents><Key>{key}</Key><LastModified>{at}</LastModified><Size>4</Size></Contents>"
                    )
                });
                let rows: String = rows.collect();
                let body =
                    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>");
                return (200, Vec::new(), body.into_bytes());
            }
            assert!(line.starts_with("HEAD "), "{line}");
            let headers = objects[target.trim_start_matches("/backups/")].clone();
            let status = headers["x-amz-replication-status"].as_str().map(str::to_owned);
            (200, status.map(|s| ("x-amz-replication-status", s)).into_iter().collect(), Vec::new())
        })
        .await
    };
    let (original, copy) = (serve(side(false)).await, serve(side(true)).await);
    let def = json!({"store": "fra", "format": "bucket", "options": {"replica_of": {"store": "lon"}}});
    let mut cx = Cx::new(at("2026-11-22T12:00:00Z"), CancellationToken::new());
    cx.others.insert(StoreId::from("lon"), Arc::new(s3_repo(original.url()).await));
    let own = s3_repo(copy.url()).await;
    let report = read(&serde_json::from_value(def).unwrap(), &own, &cx).await.unwrap();
    // what was there before the rule is copied by nobody, and is the oldest
    assert_eq!(standing(&report), (PointState::Usable, Some(at("2026-11-20T07:59:59.999Z"))), "{report:#?}");
    assert_eq!(report.gaps[0].detail, "3 objects not copied");
    let told = "of the 3 oldest that are not copied, 1 failed to replicate and are not tried again, such as a/3.tar; \
                1 are pending; 1 are covered by no rule, or are called copied and are not here";
    assert_eq!(report.notes[0].why, told);
    let meta = own.head(b"a/1.tar", &cx.work).await.unwrap().unwrap();
    assert_eq!(meta.replication, Some(crate::net::store::Replication::Replica));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in "[\",a-zA-Z0-9 \n%:.-]{0,200}") {
        PARSERS.iter().for_each(|(_, parse)| {
            parse(&bytes);
            parse(text.as_bytes());
        });
    }
}
