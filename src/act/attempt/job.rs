//! What an effect that this program carries out by itself works with: where
//! it says what it does, the line before which nothing has happened, and when
//! it has to end.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    sync::Mutex,
    time::Duration,
};

use lifeboat_core::{model::*, run::AttemptResult};
use serde_json::Value;
use tokio::{
    process::Child,
    signal::unix::{SignalKind, signal},
    time::Instant,
};

use super::{
    Spec,
    command::{self, Ended},
    output::Capture,
};
use crate::{keep::durable, net::Secrets};

pub struct Job<'a> {
    pub dir: &'a Path,
    pub spec: &'a Spec,
    pub secrets: Secrets,
    pub deadline: Instant,
    capture: Mutex<Capture>,
}

/// How it ended, and the answer that outputs are read from. `Err`: nothing
/// happened, and why.
pub type Done = Result<(Ended, Value), String>;

impl<'a> Job<'a> {
    pub fn new(dir: &'a Path, spec: &'a Spec, secrets: Secrets) -> io::Result<Self> {
        let deadline = Instant::now() + spec.timeout.to_std();
        let capture = Mutex::new(Capture::washing(dir.join("output"), &secrets)?);
        Ok(Self { dir, spec, secrets, deadline, capture })
    }
    pub fn into_capture(self) -> Option<Capture> {
        self.capture.into_inner().ok()
    }

    /// From here on something may have happened.
    pub fn begin(&self) -> Result<(), String> {
        let at = chrono::Utc::now().to_rfc3339();
        durable::replace(&self.dir.join("started"), at.as_bytes()).map_err(|e| e.to_string())
    }

    /// One line onto the screen. What cannot be kept is missing from the
    /// record, not from the outcome.
    pub fn say(&self, line: &str) {
        if let Ok(mut shown) = self.writer() {
            let _ = writeln!(shown, "{}", clean_line(line));
        }
    }

    /// The line below all others, in place of the one before.
    pub fn progress(&self, line: &str) {
        let _ = fs::write(self.dir.join("progress"), clean_line(&self.secrets.redactor().text(line)));
    }

    /// For a program's standard output or error.
    pub fn writer(&self) -> io::Result<File> {
        let capture = self.capture.lock().map_err(|_| io::Error::other("its output is gone"))?;
        capture.writer()
    }

    /// Follows a program that writes to `writer`, to its end.
    pub async fn follow(&self, child: Child) -> Ended {
        let trim = || {
            if let Ok(mut capture) = self.capture.lock() {
                capture.trim();
            }
        };
        let lost = |e: io::Error| ended(AttemptResult::Unknown, format!("not followed to its end: {e}"));
        command::follow(child, self.deadline, self.spec.timeout, self.dir, trim).await.unwrap_or_else(lost)
    }

    pub fn left(&self) -> Dur {
        Dur::from(self.deadline.saturating_duration_since(Instant::now()))
    }

    /// Returns when the run is cancelled or the attempt is told to by a signal.
    pub async fn told_to_end(&self) {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tick.tick() => if self.dir.join("cancel").exists() { return },
            }
        }
    }
}

/// An end without an exit code.
pub fn ended(result: AttemptResult, detail: impl Into<String>) -> Ended {
    Ended { result, code: None, detail: detail.into() }
}
