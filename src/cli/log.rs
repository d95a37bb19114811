//! The file log: rotated by the day, the newest seven kept. The screen belongs
//! to the dashboard, so nothing is ever logged to it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::net::redact;

/// HTTP libraries log URLs, which may hold what is nobody's business.
const QUIET: &str = "info,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,s3s=warn,s3s_fs=warn,h2=warn";
const KEPT: usize = 7;

/// A line of the log without any secret: whoever logs need not know of them.
/// Events are written whole, so that no secret lies in two of them.
struct Washed<W>(W);

impl<W: Write> Write for Washed<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (clean, used) = redact::of_this_process().wash(line, true);
        self.0.write_all(&clean).map(|()| used)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Begins to log into `STATE/log/`, for as long as the guard lives. Without a
/// folder to write to there is no log, and everything else goes on.
/// A second beginning in one process is none.
pub fn begin(state: &Path) -> Option<WorkerGuard> {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.swap(true, Ordering::Relaxed) {
        return None;
    }
    // Without it the appender would say on the screen that it found none.
    std::fs::create_dir_all(state.join("log")).ok()?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("lifeboat")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(state.join("log"))
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(appender);
    let filter = EnvFilter::try_from_env("LIFEBOAT_LOG").unwrap_or_else(|_| EnvFilter::new(QUIET));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Washed(writer.clone()))
        .with_ansi(false);
    log.try_init().ok()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "started");
    Some(guard)
}
