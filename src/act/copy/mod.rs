//! `copy`: objects from one place in a store to another, with our own client:
//! several at once, in parts where they are large, no faster than allowed, and
//! going on where an earlier attempt stopped. Each object's bytes are summed as
//! they are read; S3 takes only bytes of the sum that was signed, and what went
//! into a folder is read back. At the end the other place is counted.

mod object;
mod rate;
mod state;

use std::{
    sync::{Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use lifeboat_core::{model::*, run::AttemptResult};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    around::Spot,
    attempt::{Done, Ended, Job, ended},
};
use crate::net::{
    Http, Work,
    store::{self, Kind, ListOptions, Repo, show},
};
use object::Object;
use rate::{Count, Rate};
use state::State;

const PLACE: &[KeyDef] = &[
    KeyDef::required("store", KeyType::Ref("store"), "The store."),
    KeyDef::new("path", KeyType::Text, "Below which; its root where absent."),
];

pub const DEF: StepDef = StepDef {
    id: "copy",
    keys: &[
        KeyDef::required(
            "from",
            KeyType::Either(&[KeyType::Text, KeyType::Table(PLACE)]),
            "Where to copy from, as STORE/path.",
        ),
        KeyDef::required(
            "to",
            KeyType::Either(&[KeyType::Text, KeyType::Table(PLACE)]),
            "Where to copy to: S3, or a folder.",
        ),
        KeyDef::new("rate", KeyType::Size, "At most so many bytes a second."),
    ],
    doc: "Copies objects from one store to another. What is there already and the same is left; what differs is replaced; nothing is deleted.",
    effect: true,
};

/// How many objects at once.
const AT_ONCE: usize = 8;
const TRIES: u32 = 4;
/// One object of the largest part, over a line that is slow.
const DEADLINE: Dur = Dur::secs(120);

struct Copy<'a> {
    from: Repo,
    to: Repo,
    prefixes: (String, String),
    work: Work,
    state: State,
    rate: Rate,
    count: Count,
    /// Whether what was written is read again.
    reads_back: bool,
    /// Objects that are not there, the first few with why.
    failed: Mutex<(u64, Vec<String>)>,
    job: &'a Job<'a>,
}

pub async fn act(job: &Job<'_>, from: &Value, to: &Value, rate: Option<Size>) -> Done {
    let (from, to) = (
        Spot::of(from).map_err(|e| format!("`from`: {e}"))?,
        Spot::of(to).map_err(|e| format!("`to`: {e}"))?,
    );
    if from.store == to.store && (from.prefix.starts_with(&to.prefix) || to.prefix.starts_with(&from.prefix))
    {
        return Err("one of the places lies in the other".to_owned());
    }
    let http = Http::new();
    let told = |p: Problem| p.to_string();
    let source = store::open(job.spec.around.store(&from.store)?, &http, &job.secrets).await.map_err(told)?;
    let target = store::open(job.spec.around.store(&to.store)?, &http, &job.secrets).await.map_err(told)?;
    if !matches!(target.kind(), Kind::S3 | Kind::Folder) {
        return Err(format!("{}: objects are copied into S3 and folders only", to.store));
    }
    let none = Cost { requests: u64::MAX, bytes: u64::MAX };
    let mut work = Work::bounded(CancellationToken::new(), none);
    work.deadline = DEADLINE;
    work.max_keys = u64::MAX;
    let copy = Copy {
        reads_back: target.kind() == Kind::Folder,
        from: source,
        to: target,
        prefixes: (from.prefix, to.prefix),
        work,
        state: State::open(job.dir, job.spec.step.as_str(), job.spec.number).map_err(|e| e.to_string())?,
        rate: Rate::new(rate),
        count: Count::default(),
        failed: Mutex::default(),
        job,
    };
    copy.look().await.map_err(told)?;
    job.begin()?;
    let begun = Instant::now();
    let told = tokio::select! {
        told = copy.all(begun) => told,
        never = copy.progress(begun) => match never {},
        () = job.told_to_end() => ended(AttemptResult::Cancelled, format!("ended: {}", copy.count.line(begun))),
        () = tokio::time::sleep_until(job.deadline) => {
            ended(AttemptResult::TimedOut, format!("ended after its timeout of {}: {}", job.spec.timeout, copy.count.line(begun)))
        }
    };
    let of = |n: &std::sync::atomic::AtomicU64| n.load(Relaxed);
    let count = &copy.count;
    let answer = json!({
        "objects": of(&count.objects), "bytes": of(&count.bytes), "copied": of(&count.copied), "there_already": of(&count.kept),
    });
    Ok((told, answer))
}

impl Copy<'_> {
    fn source(&self, object: &Object) -> Vec<u8> {
        [self.prefixes.0.as_bytes(), &object.key].concat()
    }
    fn target(&self, object: &Object) -> Vec<u8> {
        [self.prefixes.1.as_bytes(), &object.key].concat()
    }
    fn odd(&self, object: &Object, why: &str) -> Problem {
        Problem::new(Code::STORE_CUT, show(&object.key)).because(why)
    }

    /// How much there is; fails where the source cannot be listed.
    async fn look(&self) -> Result<(), Problem> {
        let mut listing = self.from.list(self.prefixes.0.as_bytes(), ListOptions::flat());
        while let Some(page) = listing.page(&self.work).await? {
            self.count.objects.fetch_add(page.entries().count() as u64, Relaxed);
            self.count.bytes.fetch_add(page.entries().map(|e| e.size).sum(), Relaxed);
        }
        let (objects, bytes) = (self.count.objects.load(Relaxed), Size(self.count.bytes.load(Relaxed)));
        self.job.say(&format!(
            "{objects} objects, {bytes}, in {}; {} were copied before",
            self.from.id(),
            self.state.done.len()
        ));
        Ok(())
    }

    async fn all(&self, begun: Instant) -> Ended {
        if let Err(problem) = self.pages().await {
            return ended(
                AttemptResult::Failed,
                format!("not all was copied: {problem}; {}", self.count.line(begun)),
            );
        }
        let (failed, first) = {
            let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            (failed.0, failed.1.join("; "))
        };
        let line = self.count.line(begun);
        self.job.progress(&line);
        if failed > 0 {
            return ended(AttemptResult::Failed, format!("{failed} objects were not copied: {first}"));
        }
        match self.missing().await {
            Ok(0) => ended(AttemptResult::Succeeded, format!("{line}; every one is there")),
            Ok(n) => ended(AttemptResult::Failed, format!("{n} objects are not there, or of another size")),
            Err(problem) => {
                ended(AttemptResult::Failed, format!("all was copied, and could not be counted: {problem}"))
            }
        }
    }

    fn objects(&self, page: &store::Page) -> Vec<Object> {
        let own = self.prefixes.0.len();
        let one = |e: store::Entry<'_>| Object {
            key: e.key.get(own..).unwrap_or_default().to_vec(),
            // Files have no tags: then the time stands for them.
            tag: format!("{} {}", String::from_utf8_lossy(e.etag), e.modified_ms().unwrap_or(0)),
            size: e.size,
        };
        page.entries().map(one).collect()
    }

    async fn pages(&self) -> Result<(), Problem> {
        let mut listing = self.from.list(self.prefixes.0.as_bytes(), ListOptions::flat());
        while let Some(page) = listing.page(&self.work).await? {
            let each = self.objects(&page).into_iter().map(|object| self.one(object));
            stream::iter(each).buffer_unordered(AT_ONCE).collect::<()>().await;
        }
        Ok(())
    }

    async fn one(&self, object: Object) {
        let mut tried = 0;
        loop {
            tried += 1;
            let done = async {
                if self.is_there(&object).await? {
                    self.count.kept.fetch_add(1, Relaxed);
                    self.count.kept_bytes.fetch_add(object.size, Relaxed);
                    return Ok(());
                }
                self.copy(&object).await?;
                self.count.copied.fetch_add(1, Relaxed);
                Ok::<_, Problem>(())
            };
            match done.await {
                Ok(()) => return,
                Err(problem) if problem.retryable && tried < TRIES => {
                    tokio::time::sleep(Duration::from_millis(200 << tried)).await;
                }
                Err(problem) => {
                    let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.0 += 1;
                    if failed.1.len() < 3 {
                        failed.1.push(format!("{}: {problem}", show(&object.key)));
                    }
                    return;
                }
            }
        }
    }

    /// Objects of the source that the other place does not hold as they are.
    async fn missing(&self) -> Result<u64, Problem> {
        let mut listing = self.from.list(self.prefixes.0.as_bytes(), ListOptions::flat());
        let mut missing = 0;
        while let Some(page) = listing.page(&self.work).await? {
            let heads = self.objects(&page).into_iter().map(|object| async move {
                let there = self.to.head(&self.target(&object), &self.work).await?;
                Ok::<_, Problem>(there.and_then(|m| m.size) != Some(object.size))
            });
            let mut heads = stream::iter(heads).buffer_unordered(AT_ONCE * 2);
            while let Some(is_missing) = heads.next().await {
                missing += u64::from(is_missing?);
            }
        }
        Ok(missing)
    }

    async fn progress(&self, begun: Instant) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.job.progress(&self.count.line(begun));
        }
    }
}
