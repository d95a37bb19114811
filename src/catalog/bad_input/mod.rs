//! Every reader beside every kind of bad input. A reader never panics, ends in
//! time, shows clean text, and calls nothing usable that it called otherwise
//! when all was well. What one format alone can get wrong is in its own tests.

mod bucket;
mod samples;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use lifeboat_core::model::*;

use super::{
    Cx, pgbackrest, read,
    testing::{Hand, at, store, web},
};
use crate::net::{
    Secrets,
    store::{Repo, as_path},
    testing::{Server, s3_repo},
};
use bucket::{Objects, Refuse, serve};
use samples::{STORED, Sample, Way, gzip};

/// For one look at a repository of a few files, on a busy machine.
const IN_TIME: Duration = Duration::from_secs(30);

type Look = Result<CopyReport, Problem>;

async fn look(sample: &Sample, repo: &Repo, cx: &Cx, told: &str) -> Look {
    let done = tokio::time::timeout(IN_TIME, read(&sample.copy(), repo, cx)).await;
    let looked = done.unwrap_or_else(|_| panic!("{told}: it does not end"));
    match &looked {
        Ok(report) => is_clean(report, told),
        Err(problem) => is_text(&problem.to_string(), told),
    }
    looked
}

/// A store of its own each time, so that nothing is remembered from another.
async fn look_in(sample: &Sample, root: &Path, told: &str) -> Look {
    static LOOKS: AtomicU64 = AtomicU64::new(0);
    let id = format!("bad-{}", LOOKS.fetch_add(1, Relaxed));
    let (repo, _own) = opened(sample, &id, root, Arc::new(|_| None)).await;
    let (mut cx, _theirs) = beside(sample).await;
    cx.secrets = Some(Secrets::new(root, []));
    look(sample, &repo, &cx, told).await
}

/// A folder as the kind of store that the sample is read from.
async fn opened(sample: &Sample, id: &str, root: &Path, refuse: Refuse) -> (Repo, Option<Server>) {
    if sample.way != Way::Registry {
        return (Repo::folder(id, root), None);
    }
    let root = root.to_owned();
    let server = web(move |line, _| {
        let target = line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        let key = target.trim_start_matches('/');
        let refused = refuse(key.as_bytes()).and_then(|status| status.split(' ').next()?.parse().ok());
        match (refused, std::fs::read(root.join(key))) {
            (Some(status), _) => (status, Vec::new(), Vec::new()),
            (None, Ok(bytes)) => (200, Vec::new(), bytes),
            (None, Err(_)) => (404, Vec::new(), Vec::new()),
        }
    })
    .await;
    let repo = store(id, &format!("oci://{}", server.addr), None).await.unwrap();
    (repo, Some(server))
}

/// What a look may use; the original's server lives as long as it is held.
async fn beside(sample: &Sample) -> (Cx, Option<Server>) {
    let mut cx = sample.cx();
    let Some(original) = &sample.original else { return (cx, None) };
    let (repo, server) = opened(sample, "lon", original.path(), Arc::new(|_| None)).await;
    cx.others.insert(StoreId::from("lon"), Arc::new(repo));
    (cx, server)
}

fn is_text(text: &str, told: &str) {
    let odd = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(odd), "{told}: {text:?}");
}

fn is_clean(report: &CopyReport, told: &str) {
    for point in &report.points {
        is_text(&point.id, told);
        is_text(&point.reason, told);
        point.depends_on.iter().for_each(|id| is_text(id, told));
        let explained = point.state == PointState::Usable || !point.reason.is_empty();
        assert!(explained, "{told}: {point:?}");
    }
    for gap in &report.gaps {
        [&gap.first_missing, &gap.last_missing, &gap.detail].iter().for_each(|text| is_text(text, told));
    }
    report.notes.iter().for_each(|note| is_text(&note.to_string(), told));
    assert!(report.windows.iter().all(|w| w.from <= w.to), "{told}: {:?}", report.windows);
}

fn usable(look: &Look) -> BTreeSet<&str> {
    let points = look.iter().flat_map(|report| &report.points);
    points.filter(|p| p.state == PointState::Usable).map(|p| &*p.id).collect()
}

fn hand(sample: &Sample) -> Hand {
    let hand = Hand::new();
    sample.files.iter().for_each(|(key, bytes)| hand.put(key, bytes, STORED));
    hand
}

/// What is put in a file's place; `None` where that is nothing else.
type Spoil = fn(&[u8]) -> Option<Vec<u8>>;

const SPOILS: [(&str, Spoil); 20] = [
    ("empty", |_| Some(Vec::new())),
    ("one byte", |bytes| bytes.get(..1).map(<[u8]>::to_vec)),
    ("cut in the middle", |bytes| Some(bytes[..bytes.len() / 2].to_vec())),
    ("cut before its end", |bytes| bytes.split_last().map(|(_, rest)| rest.to_vec())),
    ("twice", |bytes| Some([bytes, bytes].concat())),
    ("a page of the web", |_| Some(b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec())),
    ("null", |_| Some(b"null".to_vec())),
    ("an empty list", |_| Some(b"[]".to_vec())),
    ("an empty table", |_| Some(b"{}".to_vec())),
    ("a deep one", |_| Some(b"[".repeat(100_000))),
    ("zeros", |_| Some(vec![0; 64 << 10])),
    ("invalid UTF-8", |_| Some(b"\xff\xfe\xc0\x80".repeat(100))),
    ("control characters", |bytes| spliced(bytes, b"\x1b]0;x\x07\xe2\x80\xae")),
    ("no end of digits", |bytes| numbers(bytes, "99999999999999999999999")),
    ("above 2^53", |bytes| numbers(bytes, "9223372036854775807")),
    ("above 2^63", |bytes| numbers(bytes, "18446744073709551615")),
    ("negative", |bytes| numbers(bytes, "-9223372036854775808")),
    ("no number", |bytes| numbers(bytes, "1e999")),
    ("the year 9999", |bytes| replaced(bytes, "2026-", "9999-")),
    ("a year of six digits", |bytes| replaced(bytes, "2026-", "+262143-")),
];

/// In the middle of every text between quotes.
fn spliced(bytes: &[u8], inside: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let parts: Vec<_> = text.split('"').map(str::as_bytes).collect();
    let glue = [b"\"", inside].concat();
    (parts.len() > 1).then(|| parts.join(&glue[..]))
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.contains(from))?;
    Some(text.replace(from, to).into_bytes())
}

/// In the place of every number that stands for itself.
fn numbers(bytes: &[u8], with: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let pattern = regex_lite::Regex::new(r#"([:=,\[]\s*)-?[0-9]+(\.[0-9]+)?"#).ok()?;
    let changed = pattern.replace_all(text, format!("${{1}}{with}"));
    (changed != text).then(|| changed.into_owned().into_bytes())
}

/// pgBackRest's info files are hashed and kept twice: to be believed, what is
/// spoilt has to carry the right hash in both.
fn believable(key: &str, spoilt: &[u8]) -> Option<(String, Vec<u8>)> {
    let twin = key.strip_suffix(".info").map(|_| format!("{key}.copy"))?;
    let text = std::str::from_utf8(spoilt).ok()?;
    let own = text.split_once("\n\n").filter(|(head, _)| head.contains("backrest-checksum"))?.1;
    Some((twin, pgbackrest::try_seal(own)?.into_bytes()))
}

/// One file after the other is spoilt in every way.
async fn spoil_each(sample: &Sample, spoils: &[(&str, Vec<u8>)], made: &[(&str, Spoil)]) {
    let hand = hand(sample);
    let whole = look_in(sample, hand.root(), sample.format).await;
    assert!(!usable(&whole).is_empty(), "{}: {whole:#?}", sample.format);
    for (key, bytes) in &sample.files {
        let made = made.iter().filter_map(|(name, spoil)| Some((*name, spoil(bytes)?)));
        for (name, spoilt) in made.chain(spoils.iter().cloned()) {
            let told = format!("{}, {key}: {name}", sample.format);
            let twin = believable(key, &spoilt);
            match &twin {
                Some((twin, sealed)) => [key, twin].iter().for_each(|key| hand.put(key, sealed, STORED)),
                None => hand.put(key, &spoilt, STORED),
            }
            let spoilt = look_in(sample, hand.root(), &told).await;
            let more: Vec<_> = usable(&spoilt).difference(&usable(&whole)).copied().collect();
            assert!(more.is_empty(), "{told}: {more:?} became usable");
            hand.put(key, bytes, STORED);
            twin.iter().for_each(|(twin, _)| hand.put(twin, &sample.files[twin], STORED));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reader_believes_a_file_that_was_spoilt() {
    for sample in samples::all() {
        spoil_each(&sample, &[], &SPOILS).await;
    }
}

/// 128 MiB of nothing, in a few kilobytes: more than any small file may hold.
#[tokio::test(flavor = "multi_thread")]
async fn no_reader_is_stopped_by_a_bomb() {
    let zeros = vec![0; 128 << 20];
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    std::io::Write::write_all(&mut lz4, &zeros).unwrap();
    let zstd = zstd::encode_all(&zeros[..], 1).unwrap();
    // restic puts this byte before its own
    let marked = [&[2], &zstd[..]].concat();
    let scrypt =
        br#"{"kdf":"scrypt","N":1099511627776,"r":4294967295,"p":4294967295,"salt":"AA==","data":"AA=="}"#;
    let bombs = [
        ("gzip bomb", gzip(&zeros)),
        ("LZ4 bomb", lz4.finish().unwrap()),
        ("zstd bomb", zstd),
        ("restic's zstd bomb", marked),
        ("scrypt bomb", scrypt.to_vec()),
    ];
    for sample in samples::all() {
        spoil_each(&sample, &bombs, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_bytes_and_are_shown_as_text() {
    let odd: [&[u8]; 5] =
        [b"\x1b[31mred", b"\xff\xfe", "\u{202e}txt".as_bytes(), b"a\r\nb\x07", b"00000000000000000000000g"];
    for sample in samples::all() {
        let hand = hand(&sample);
        let whole = look_in(&sample, hand.root(), sample.format).await;
        let folders: BTreeSet<&str> =
            sample.files.keys().map(|key| key.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
        for folder in folders {
            for name in odd {
                let place = hand.root().join(folder).join(as_path(name));
                std::fs::write(&place, b"{}").unwrap();
                std::fs::create_dir(place.with_extension("d")).unwrap();
                std::fs::write(place.with_extension("d").join(as_path(name)), b"{}").unwrap();
            }
        }
        let told = format!("{} with odd names", sample.format);
        let looked = look_in(&sample, hand.root(), &told).await;
        // one file among the refs that is none makes a repository that nobody can rely on
        if !sample.by_listing && !["vault", "etcd", "git"].contains(&sample.format) {
            assert_eq!(usable(&looked), usable(&whole), "{told}: {:?}", looked.as_ref().err());
        }
    }
}

/// Over a store whose answers are refused for some keys.
async fn look_refused(sample: &Sample, told: &str, refuse: Refuse) -> Look {
    let (cx, _theirs) = beside(sample).await;
    if sample.way == Way::Registry {
        let hand = hand(sample);
        let (repo, _own) = opened(sample, "fra", hand.root(), refuse).await;
        return look(sample, &repo, &cx, told).await;
    }
    let objects: Objects =
        sample.files.iter().map(|(key, bytes)| (key.clone().into_bytes(), bytes.clone())).collect();
    let server = serve(objects, refuse).await;
    look(sample, &s3_repo(server.url()).await, &cx, told).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_or_is_denied_while_it_is_read_proves_nothing() {
    // a program asks where the copy lies, and no store is asked here
    for sample in samples::all().into_iter().filter(|sample| sample.way != Way::Program) {
        let whole = look_refused(&sample, sample.format, Arc::new(|_| None)).await;
        assert!(!usable(&whole).is_empty(), "{}: {whole:#?}", sample.format);
        for status in ["403 Forbidden", "404 Not Found"] {
            // all of it: listed, and not to be read
            let told = format!("{}, everything {status}", sample.format);
            let looked = look_refused(&sample, &told, Arc::new(move |_| Some(status))).await;
            assert!(sample.by_listing || usable(&looked).is_empty(), "{told}: {:?}", usable(&looked));
            for key in sample.files.keys() {
                let told = format!("{}, {key}: {status}", sample.format);
                let denied = key.clone().into_bytes();
                let refuse = move |key: &[u8]| (key == denied).then_some(status);
                let looked = look_refused(&sample, &told, Arc::new(refuse)).await;
                let more: Vec<_> = usable(&looked).difference(&usable(&whole)).copied().collect();
                assert!(more.is_empty(), "{told}: {more:?} became usable");
            }
        }
    }
}

/// A ceiling that is hit is said; it never looks like a repository that is whole.
#[tokio::test(flavor = "multi_thread")]
async fn more_keys_than_may_be_listed_are_said_to_be_too_many() {
    for sample in samples::all().into_iter().filter(|sample| sample.way == Way::Objects) {
        let mut objects: Objects =
            sample.files.iter().map(|(key, bytes)| (key.clone().into_bytes(), bytes.clone())).collect();
        let folders: BTreeSet<String> = sample
            .files
            .keys()
            .map(|key| key.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/")))
            .collect();
        for folder in folders {
            // behind everything that is there
            objects.extend((0..1_500).map(|n| (format!("{folder}~{n:06}").into_bytes(), b"x".to_vec())));
        }
        let server = serve(objects, Arc::new(|_| None)).await;
        let (mut cx, _theirs) = beside(&sample).await;
        cx.work.max_keys = 1_200;
        let told = format!("{} with many keys", sample.format);
        match look(&sample, &s3_repo(server.url()).await, &cx, &told).await {
            Err(problem) => assert_eq!(problem.code, Code::STORE_CEILING, "{told}: {problem}"),
            Ok(report) => {
                let said = report.notes.iter().any(|n| n.code == Code::STORE_CEILING);
                assert!(said, "{told}: {:?}", report.notes);
            }
        }
    }
}

/// Backups that rest on each other, or on themselves: no walk along them ends in
/// one that stands by itself.
#[tokio::test(flavor = "multi_thread")]
async fn chains_that_lead_back_to_themselves_end_and_prove_nothing() {
    let (old, new) =
        ("base_000000010000000000000010", "base_000000010000000000000018_D_000000010000000000000010");
    let id = "20261118T020001";
    let table = [
        (
            "wal-g",
            format!("basebackups_005/{old}_backup_stop_sentinel.json"),
            ("\"IsPermanent\"", format!("\"DeltaFrom\": \"{new}\", \"IsPermanent\"")),
            vec![old, new],
        ),
        (
            "barman",
            format!("barman/pg-main/base/{id}/backup.info"),
            ("parent_backup_id=None", format!("parent_backup_id={id}")),
            vec![id],
        ),
        (
            "pbm",
            "2026-11-20T02:00:00Z.pbm.json".to_owned(),
            (
                "\"type\": \"logical\"",
                "\"type\": \"incremental\", \"src_backup\": \"2026-11-20T02:00:00Z\"".to_owned(),
            ),
            vec!["2026-11-20T02:00:00Z"],
        ),
    ];
    for (format, key, (from, to), ids) in table {
        let sample = samples::all().into_iter().find(|sample| sample.format == format).unwrap();
        let hand = hand(&sample);
        hand.edit(&key, from, &to);
        let looked = look_in(&sample, hand.root(), format).await;
        for id in ids {
            assert!(!usable(&looked).contains(id), "{format}, {id}: {looked:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_proves_nothing_without_its_password() {
    for mut sample in samples::all().into_iter().filter(|sample| sample.password.is_some()) {
        let hand = hand(&sample);
        for password in [None, Some("wrong"), Some("")] {
            sample.password = password;
            let told = format!("{} with password {password:?}", sample.format);
            let looked = look_in(&sample, hand.root(), &told).await;
            assert!(usable(&looked).is_empty(), "{told}: {looked:#?}");
        }
    }
}

#[test]
fn the_table_has_every_reader() {
    let sampled: BTreeSet<_> = samples::all().iter().map(|sample| sample.format).collect();
    assert_eq!(sampled, super::FORMATS.iter().map(|f| f.id).collect());
    assert!(at(STORED) < at(samples::NOW));
}
