//! Listing an archive, from where an earlier look ended where that is safe.
//!
//! An archive grows at its end, and a million segments are a thousand requests.
//! So what a look folded them into is remembered, and the next lists only from
//! the last key on. What must hold, so that nothing is called whole that is not:
//!
//! - Only a look that found nothing wrong is remembered: every point usable, no
//!   gap, no hole around which anything was stored within the hour.
//! - Going on may only confirm. Where the last key is not there any more, where
//!   a hole appears, or where the report it leads to has a gap or a point that
//!   is not usable, everything is listed anew before anything is said
//!   (`catalog::read`). So what goes wrong at the end is seen at once.
//! - What was deleted in the middle is overlooked for `MAX_LOOKS` looks at most
//!   and never for more than `MAX_AGE`: then all is listed again. The report
//!   carries when that last was (`listed_at`), and it is shown.
//! - What is remembered is as good as nothing where it is damaged, of another
//!   place, another size of segments or another version of this.

use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed};

use lifeboat_core::model::{Dur, Problem, Time};
use serde::{Deserialize, Serialize};

use super::{Archive, SegmentSize};
use crate::{catalog::Cx, net::store::Repo};

const MAX_LOOKS: u32 = 4;
const MAX_AGE: Dur = Dur::secs(3_600);
/// A hole this young may still be filled.
const SETTLED: Dur = Dur::secs(3_600);
const WHAT: &str = "wal archive, version 1";

/// What a name in an archive stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    Segment(u32, u64),
    Partial(u32, u64),
    /// A `.backup` file, named after a backup's first segment.
    Label(u64),
    History(u32),
}

/// An archive as listed; not settled into timelines that follow each other yet.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    pub archive: Archive,
    /// Keys of history files, by timeline.
    pub histories: BTreeMap<u32, Vec<u8>>,
    /// The oldest segment that a label names.
    pub oldest_label: Option<u64>,
    last_key: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Memory {
    segment_bytes: u64,
    listed: Listed,
    whole_at_ms: i64,
    looks: u32,
}

/// Lists all below `prefix`; `classify` is given each key without it.
pub async fn list(
    prefix: &str,
    size: SegmentSize,
    repo: &Repo,
    cx: &Cx,
    classify: impl Fn(&[u8]) -> Option<Kept>,
) -> Result<Listed, Problem> {
    if let Some(mut memory) = recall(prefix, size, repo, cx).await
        && let Some(whole_at) = Time::from_timestamp_millis(memory.whole_at_ms)
    {
        let holes = memory.listed.archive.holes(0).len();
        let before = memory.listed.last_key.clone();
        // the last key itself is listed again: it must still be there
        let from = before[..before.len().saturating_sub(1)].to_vec();
        let anchored = memory.listed.add(prefix, Some(from), Some(&before), repo, cx, &classify).await?;
        if anchored && memory.listed.archive.holes(0).len() == holes {
            memory.looks += 1;
            cx.memories.went_on(whole_at);
            return Ok(memory.kept_for_next(prefix, repo, cx));
        }
    }
    let mut listed = Listed::default();
    listed.add(prefix, None, None, repo, cx, &classify).await?;
    let memory =
        Memory { segment_bytes: size.bytes(), listed, whole_at_ms: cx.now.timestamp_millis(), looks: 0 };
    Ok(memory.kept_for_next(prefix, repo, cx))
}

impl Memory {
    /// To be remembered if the report turns out to have nothing wrong in it.
    fn kept_for_next(self, prefix: &str, repo: &Repo, cx: &Cx) -> Listed {
        let since = (cx.now - SETTLED).timestamp_millis();
        let settled =
            self.listed.archive.holes(0).iter().all(|hole| hole.after_ms.is_some_and(|ms| ms < since));
        if let Some(bytes) = postcard::to_allocvec(&self).ok().filter(|_| settled && repo.is_seekable()) {
            cx.memories.keep(WHAT, prefix, bytes);
        }
        self.listed
    }
}

impl Listed {
    /// Whether `anchor` was among what was listed.
    async fn add(
        &mut self,
        prefix: &str,
        after: Option<Vec<u8>>,
        anchor: Option<&[u8]>,
        repo: &Repo,
        cx: &Cx,
        classify: &impl Fn(&[u8]) -> Option<Kept>,
    ) -> Result<bool, Problem> {
        let mut anchored = anchor.is_none();
        let mut listing = repo.list_wide(prefix, after, &cx.work).await?;
        while let Some(page) = listing.page().await? {
            for entry in page.entries() {
                anchored |= anchor == Some(entry.key);
                let Some(name) = entry.key.strip_prefix(prefix.as_bytes()) else { continue };
                match classify(name) {
                    // an empty file is no segment, and one that has to be retrieved first is none now
                    Some(Kept::Segment(line, number)) if entry.size > 0 && entry.is_online() => {
                        self.archive.timeline(line).add(number, entry.modified_ms());
                    }
                    Some(Kept::Partial(line, number)) => {
                        let partials = &mut self.archive.timeline(line).partials;
                        if !partials.contains(&number) {
                            partials.push(number);
                        }
                    }
                    Some(Kept::Label(number)) => {
                        self.oldest_label = self.oldest_label.into_iter().chain([number]).min();
                    }
                    Some(Kept::History(line)) => {
                        self.histories.insert(line, entry.key.to_vec());
                    }
                    _ => {}
                }
            }
            if page.last_key() > &*self.last_key {
                self.last_key = page.last_key().to_vec();
            }
        }
        self.archive.settle();
        Ok(anchored)
    }
}

async fn recall(prefix: &str, size: SegmentSize, repo: &Repo, cx: &Cx) -> Option<Memory> {
    if cx.in_full.load(Relaxed) {
        return None;
    }
    let bytes = repo.recall(WHAT, prefix.as_bytes()).await?;
    let memory: Memory = postcard::from_bytes(&bytes).ok()?;
    let whole_at = Time::from_timestamp_millis(memory.whole_at_ms)?;
    let good = memory.segment_bytes == size.bytes()
        && memory.looks + 1 < MAX_LOOKS
        // a clock set back says nothing about age
        && whole_at <= cx.now
        && cx.age(whole_at) < MAX_AGE
        && !memory.listed.last_key.is_empty();
    good.then_some(memory)
}

#[cfg(test)]
mod tests {
    use lifeboat_core::model::{CopyDef, CopyReport, PointState};
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        catalog::{read, testing::at},
        net::{
            store::Cache,
            testing::{Space, s3_repo},
        },
    };

    const BACKUP: &str = "basebackups_005/base_000000010000000000000001";

    fn segment(n: u32) -> String {
        format!("wal_005/00000001{:08X}{:08X}.lz4", n / 256, n % 256)
    }
    /// WAL-G's: one backup, and log from its beginning on.
    async fn repository(segments: u32) -> Space {
        let sentinel = json!({
            "LSN": (1 << 24) + 40, "FinishLSN": (2 << 24) + 80, "PgVersion": 150_000, "Version": 2,
            "StartTime": "2026-11-22T00:00:00Z", "FinishTime": "2026-11-22T00:10:00Z",
        });
        let whole = [
            (format!("{BACKUP}_backup_stop_sentinel.json"), sentinel.to_string().into_bytes()),
            (format!("{BACKUP}/files_metadata.json"), b"{}".to_vec()),
            (format!("{BACKUP}/tar_partitions/part_001.tar.lz4"), b"tar".to_vec()),
            (format!("{BACKUP}/tar_partitions/pg_control.tar.lz4"), b"tar".to_vec()),
        ];
        Space::of(whole.into_iter().chain((1..=segments).map(|n| (segment(n), b"wal".to_vec())))).await
    }

    type Change = fn(&Lab);

    struct Lab {
        space: Space,
        cache: tempfile::TempDir,
    }

    impl Lab {
        async fn of(segments: u32) -> Self {
            Self { space: repository(segments).await, cache: tempfile::tempdir().unwrap() }
        }
        async fn look(&self, now: &str) -> CopyReport {
            let repo = s3_repo(self.space.url()).await.caching(Some(Cache::at(self.cache.path())));
            let copy: CopyDef = serde_json::from_value(json!({"store": "fra", "format": "wal-g"})).unwrap();
            let report = read(&copy, &repo, &Cx::new(at(now), CancellationToken::new())).await.unwrap();
            assert_eq!(report.points[0].state, PointState::Usable, "{report:?}");
            report
        }
        fn pages(&self) -> usize {
            self.space.asked().iter().filter(|asked| asked.contains("prefix=wal_005")).count()
        }
    }

    #[tokio::test]
    async fn a_look_goes_on_from_the_last_and_sees_what_is_new() {
        let lab = Lab::of(3_500).await;
        let first = lab.look("2026-11-22T12:00:00Z").await;
        assert!(first.listed_at.is_none() && first.gaps.is_empty(), "{first:?}");
        assert!(lab.pages() >= 4);
        lab.space.put(&segment(3_501), "wal");
        let second = lab.look("2026-11-22T12:15:00Z").await;
        assert_eq!((second.listed_at, lab.pages()), (Some(at("2026-11-22T12:00:00Z")), 1));
        assert_eq!((&second.windows, &second.points), (&first.windows, &first.points));
    }

    #[tokio::test]
    async fn a_deletion_in_the_middle_is_overlooked_for_an_hour_at_most_and_the_report_says_since_when() {
        let lab = Lab::of(400).await;
        lab.look("2026-11-22T12:00:00Z").await;
        lab.space.remove(&segment(200));
        for now in ["2026-11-22T12:10:00Z", "2026-11-22T12:20:00Z", "2026-11-22T12:30:00Z"] {
            let report = lab.look(now).await;
            assert_eq!(report.listed_at, Some(at("2026-11-22T12:00:00Z")), "{now}");
        }
        let report = lab.look("2026-11-22T12:40:00Z").await;
        assert_eq!((report.listed_at, report.gaps.len()), (None, 1), "after so many looks");

        let lab = Lab::of(400).await;
        lab.look("2026-11-22T12:00:00Z").await;
        lab.space.remove(&segment(200));
        let report = lab.look("2026-11-22T13:00:00Z").await;
        assert_eq!((report.listed_at, report.gaps.len()), (None, 1), "after so long");
    }

    #[tokio::test]
    async fn what_does_not_fit_is_never_said_without_listing_everything() {
        let cases: [(&str, Change); 3] = [
            ("a hole at the end", |lab| lab.space.put(&segment(402), "wal")),
            ("the end is gone", |lab| lab.space.remove(&segment(400))),
            ("all is gone but the backup's own", |lab| (3..=400).for_each(|n| lab.space.remove(&segment(n)))),
        ];
        for (what, change) in cases {
            let lab = Lab::of(400).await;
            lab.look("2026-11-22T12:00:00Z").await;
            lab.space.remove(&segment(200));
            change(&lab);
            let report = lab.look("2026-11-22T12:01:00Z").await;
            assert_eq!(report.listed_at, None, "{what}");
            let gone = what.starts_with("all");
            assert_eq!(report.gaps.is_empty(), gone, "{what}: {:?}", report.gaps);
            lab.pages();
            assert_eq!(lab.look("2026-11-22T12:02:00Z").await.listed_at.is_some(), gone, "{what}");
        }
    }

    #[tokio::test]
    async fn a_damaged_memory_is_as_good_as_none() {
        let lab = Lab::of(40).await;
        lab.look("2026-11-22T12:00:00Z").await;
        for folder in std::fs::read_dir(lab.cache.path()).unwrap().flatten() {
            for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
                std::fs::write(file.path(), "damaged").unwrap();
            }
        }
        assert_eq!(lab.look("2026-11-22T12:01:00Z").await.listed_at, None);
        // one from the future neither
        assert_eq!(lab.look("2026-11-22T11:00:00Z").await.listed_at, None);
    }
}
