//! The files of the cluster that is backed up.

use std::io;

use lifeboat_core::model::Time;

use super::{manifest::Filed, wal::Segment};

const PAGE: usize = 8192;

/// The cluster's files, sorted, for a backup that begins in a segment and
/// has a label. The catalogue never changes, so that an incremental backup
/// leaves it to the full one that holds it.
pub fn files(
    rows: &[u8],
    held: Option<&str>,
    system_id: u64,
    (start, label): (Segment, &str),
    at: Time,
) -> io::Result<Vec<Filed>> {
    let born = Time::from_timestamp(1_780_000_000, 0).unwrap_or(at);
    let mut table = rows.to_vec();
    table.resize(rows.len().next_multiple_of(PAGE).max(PAGE), 0);
    let catalogue: Vec<u8> =
        (0..8 * PAGE as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
    let mut control = system_id.to_le_bytes().to_vec();
    control.extend(start.number.to_le_bytes());
    control.resize(PAGE, 0);
    let text = format!(
        "START WAL LOCATION: {} (file {})\nBACKUP METHOD: streamed\nBACKUP FROM: primary\n\
         START TIME: {}\nLABEL: pgBackRest backup {label}\nSTART TIMELINE: {}\n",
        start.lsn(0x28),
        start.name(),
        at.format("%Y-%m-%d %H:%M:%S UTC"),
        start.timeline
    );
    Ok(vec![
        Filed::new("PG_VERSION", b"15\n", born)?.held_by(held),
        Filed::new("backup_label", text.as_bytes(), at)?,
        Filed::new("base/5/1259", &catalogue, born)?.held_by(held),
        Filed::new("base/5/16384", &table, at)?,
        Filed::new("global/pg_control", &control, at)?,
    ])
}
