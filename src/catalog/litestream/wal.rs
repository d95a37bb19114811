//! Litestream 0.3: `<generation>/snapshots/<index>.snapshot.lz4` and
//! `<generation>/wal/<index>_<offset>.wal.lz4`, in 16 and 8 hex digits
//! (Litestream's `v3.go`). Nothing inside says when. A snapshot is followed by
//! the log of its own index from offset 0 on; where a segment ends shows only
//! when it is unpacked, so an index counts as far as its first segment: windows
//! are too short rather than too long, and holes inside an index are not seen.

use lifeboat_core::model::PointState;

use super::{Ends, Name, ltx::hex16};

/// Header, end mark and checksum of an LZ4 frame.
pub(super) const LEAST: u64 = 11;
const LZ4: &[u8] = &[0x04, 0x22, 0x4d, 0x18];

/// Numbers are one more than the index: a snapshot stands before its own log.
pub(super) fn parse_name(key: &[u8]) -> Option<Name> {
    let text = std::str::from_utf8(key).ok()?;
    let (generation, rest) = text.split_once('/')?;
    hex16(generation)?;
    let line = generation.to_owned();
    if let Some(name) = rest.strip_prefix("snapshots/") {
        let index = hex8(name.strip_suffix(".snapshot.lz4")?)?;
        return Some(Name { line, is_snapshot: true, min: index, max: index });
    }
    let (index, offset) = rest.strip_prefix("wal/")?.strip_suffix(".wal.lz4")?.split_once('_')?;
    let (index, offset) = (hex8(index)?, hex8(offset)?);
    // an index begins with its first segment; the rest is no use without it
    (offset == 0).then_some(Name { line, is_snapshot: false, min: index + 1, max: index + 1 })
}

fn hex8(text: &str) -> Option<u64> {
    crate::catalog::wal::hex8(text.as_bytes()).map(u64::from)
}

pub(super) fn look(head: &[u8], tail: &[u8]) -> Ends {
    if !head.starts_with(LZ4) {
        return Ends::Bad(PointState::Suspect, "it is no LZ4 stream".to_owned());
    }
    let has_checksum = head.get(4).is_some_and(|flags| flags & 4 != 0);
    let ends = match has_checksum {
        true => tail.len().checked_sub(4).and_then(|at| tail.get(..at)).unwrap_or_default(),
        false => tail,
    };
    match ends.ends_with(&[0; 4]) {
        true => Ends::Good(None),
        false => Ends::Bad(PointState::Incomplete, "it ends in the middle of its LZ4 stream".to_owned()),
    }
}
