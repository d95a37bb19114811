//! How fast a copy may go, and how long the rest takes at the pace measured.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use lifeboat_core::model::{Dur, Size};
use tokio::time::{Instant, sleep_until};

/// Bytes a second over everything that is copied at once.
pub struct Rate {
    limit: Option<u64>,
    next: Mutex<Instant>,
}

impl Rate {
    pub fn new(limit: Option<Size>) -> Self {
        Self { limit: limit.map(|s| s.0.max(1)), next: Mutex::new(Instant::now()) }
    }
    /// Waits until so many bytes may follow those before.
    pub async fn wait(&self, bytes: u64) {
        let Some(limit) = self.limit else { return };
        let takes = Duration::from_secs_f64(bytes as f64 / limit as f64);
        let at = match self.next.lock() {
            Ok(mut next) => {
                let at = (*next).max(Instant::now());
                *next = at + takes;
                at
            }
            Err(_) => return,
        };
        sleep_until(at).await;
    }
}

/// What there is in all, and what is done.
#[derive(Default)]
pub struct Count {
    pub objects: AtomicU64,
    pub bytes: AtomicU64,
    pub copied: AtomicU64,
    pub copied_bytes: AtomicU64,
    /// There already, and the same.
    pub kept: AtomicU64,
    pub kept_bytes: AtomicU64,
}

impl Count {
    pub fn line(&self, begun: Instant) -> String {
        let of = |n: &AtomicU64| n.load(Relaxed);
        let (done, bytes) =
            (of(&self.copied) + of(&self.kept), of(&self.copied_bytes) + of(&self.kept_bytes));
        let (all, left) = (of(&self.objects), of(&self.bytes).saturating_sub(bytes));
        let pace = of(&self.copied_bytes) as f64 / begun.elapsed().as_secs_f64().max(0.001);
        let rest = (pace >= 1.0 && left > 0)
            .then(|| format!(", about {} left", Dur::secs((left as f64 / pace).ceil() as i64)));
        format!(
            "{done} of {all} objects, {} of {}, {} a second{}",
            Size(bytes),
            Size(of(&self.bytes)),
            Size(pace as u64),
            rest.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_limit_holds_over_all_that_is_copied_at_once() {
        let (rate, begun) = (Rate::new(Some(Size(1_000))), Instant::now());
        futures::future::join_all((0..8).map(|_| rate.wait(500))).await;
        assert_eq!(begun.elapsed().as_millis() / 100, 35, "the first may begin at once");
        let free = Rate::new(None);
        free.wait(1 << 40).await;
        assert_eq!(begun.elapsed().as_millis() / 100, 35);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_is_told_at_the_pace_measured() {
        let (count, begun) = (Count::default(), Instant::now());
        count.objects.store(10, Relaxed);
        count.bytes.store(10_000, Relaxed);
        count.kept.store(2, Relaxed);
        count.kept_bytes.store(2_000, Relaxed);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(!count.line(begun).contains("left"), "nothing is measured yet");
        count.copied.store(4, Relaxed);
        count.copied_bytes.store(4_000, Relaxed);
        assert_eq!(count.line(begun), "6 of 10 objects, 5.9 KiB of 9.8 KiB, 1000 B a second, about 4s left");
    }
}
