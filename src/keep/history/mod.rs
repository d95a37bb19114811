//! What was seen, over time: `STATE/estates/<estate>/history.sqlite`, written by
//! any number of processes at once, of a size that is bounded.
//!
//! SQLite in WAL mode: a kill at any instant leaves what was committed, and
//! readers never wait. `synchronous = NORMAL`: a power cut may cost the last
//! seconds of figures that are asked again anyway, while a sync at each commit
//! would stand in the way of the journal of a run on the same disk. A damaged
//! file is set aside and said, never deleted; a file that cannot be written is
//! read. `schema` has the tables, `note` what is written, `bound` what is
//! thinned out, `read` what is asked, `recorder` the thread that does it.

mod bound;
mod note;
mod open;
mod read;
mod recorder;
mod schema;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use lifeboat_core::model::*;
use rusqlite::Connection;

pub use bound::Bounds;
pub use note::Note;
pub use recorder::{Means, Recorder, Told};
pub use schema::VERSION;

/// An open history; owned by one thread.
pub struct History {
    path: PathBuf,
    db: Connection,
    /// Nothing can be written, for this reason; what is there can be read.
    read_only: Option<Problem>,
    bounds: Bounds,
    /// Until when nothing has to be thinned out.
    thinned: Option<Time>,
}

impl History {
    /// Why nothing is written, if nothing is.
    pub fn trouble(&self) -> Option<&Problem> {
        self.read_only.as_ref()
    }
    fn failed(&self, e: &rusqlite::Error) -> Problem {
        trouble(&self.path, e)
    }
}

/// What SQLite says, as a problem: damaged, newer, or it cannot be written.
fn trouble(path: &std::path::Path, e: &rusqlite::Error) -> Problem {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let code = match e.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => Code::HISTORY_DAMAGED,
        _ => Code::HISTORY_WRITE,
    };
    Problem::new(code, path.display()).because(e)
}

/// As a copy is named in the history: by what it is, not by its place in the
/// estate's file, which moves when lines are added.
pub(super) fn copy_name(estate: &Estate, key: &CopyKey) -> Option<String> {
    let asset = estate.workload(key.workload.as_str())?.asset(key.asset.as_str())?;
    let def = asset.copies.get(key.index)?;
    let same = |c: &&CopyDef| c.store == def.store && c.format == def.format && c.path == def.path;
    let before = asset.copies[..key.index].iter().filter(same).count();
    let twin = if before > 0 { format!("~{before}") } else { String::new() };
    Some(format!("{}/{}@{}:{}:{}{twin}", key.workload, key.asset, def.store, def.format, def.path))
}

pub(super) fn link_name(estate: &Estate, key: &LinkKey) -> Option<String> {
    let asset = estate.workload(key.workload.as_str())?.asset(key.asset.as_str())?;
    let def = asset.replicas.get(key.index)?;
    let before = asset.replicas[..key.index].iter().filter(|r| r.region == def.region).count();
    let twin = if before > 0 { format!("~{before}") } else { String::new() };
    Some(format!("{}/{}@{}{twin}", key.workload, key.asset, def.region))
}

pub(super) fn asset_name(workload: &WorkloadId, asset: &AssetId) -> String {
    format!("{workload}/{asset}")
}
