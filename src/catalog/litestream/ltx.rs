//! Litestream 0.5: `<level>/<min>-<max>.ltx`, named after transactions in 16
//! hex digits; level 9 holds snapshots. Numbers inside are big-endian: a header
//! of 100 bytes, pages, an index of where each page lies, the index's length,
//! and a trailer of two checksums (superfly/ltx).

use lifeboat_core::model::{PointState, Time};

use super::{Ends, Name, chain::Piece};

pub(super) const HEADER: u64 = 100;
/// Index length and two checksums.
const TRAILER: u64 = 24;
/// Zeros where another page would begin.
const END_OF_PAGES: u64 = 6;
pub(super) const LEAST: u64 = HEADER + END_OF_PAGES + TRAILER;
const SNAPSHOTS: u64 = 9;

pub(super) fn parse_name(key: &[u8]) -> Option<Name> {
    let text = std::str::from_utf8(key).ok()?;
    let (level, name) = text.split_once('/')?;
    let level: u64 = level.parse().ok()?;
    let (min, max) = name.strip_suffix(".ltx")?.split_once('-')?;
    let (min, max) = (hex16(min)?, hex16(max)?);
    if min == 0 || min > max || level > SNAPSHOTS {
        return None;
    }
    let is_snapshot = level == SNAPSHOTS;
    Some(Name { line: String::new(), is_snapshot, min, max })
}

pub(super) fn hex16(text: &str) -> Option<u64> {
    (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+')))?
}

pub(super) fn look(head: &[u8], tail: &[u8], piece: &Piece) -> Ends {
    let number = |at: usize| Some(u64::from_be_bytes(head.get(at..)?.first_chunk().copied()?));
    if !head.starts_with(b"LTX1") {
        return Ends::Bad(PointState::Suspect, "it is no LTX file".to_owned());
    }
    if number(16) != Some(piece.min) || number(24) != Some(piece.max) {
        return Ends::Bad(
            PointState::Suspect,
            "its header is about other transactions than its name".to_owned(),
        );
    }
    if !is_whole(tail, piece.size) {
        return Ends::Bad(
            PointState::Incomplete,
            "it is cut off: its index of pages does not fit".to_owned(),
        );
    }
    let at = number(32).and_then(|ms| Time::from_timestamp_millis(i64::try_from(ms).ok()?));
    Ends::Good(at.filter(|at| *at > Time::UNIX_EPOCH))
}

/// Whether the index at the end accounts for every byte.
fn is_whole(tail: &[u8], size: u64) -> bool {
    let Some((before, trailer)) =
        tail.len().checked_sub(TRAILER as usize).and_then(|at| tail.split_at_checked(at))
    else {
        return false;
    };
    let Some(length) = trailer.first_chunk().copied().map(u64::from_be_bytes) else { return false };
    let Some(pages_end) = size.checked_sub(TRAILER).and_then(|n| n.checked_sub(length)) else { return false };
    let index = usize::try_from(length)
        .ok()
        .and_then(|n| before.len().checked_sub(n))
        .and_then(|at| before.get(at..));
    match index {
        Some(index) => index_end(index).and_then(|n| n.checked_add(END_OF_PAGES)) == Some(pages_end),
        // longer than what was read: of some thousand pages
        None => before.last() == Some(&0) && pages_end >= HEADER + END_OF_PAGES,
    }
}

/// Where the last page ends, after rows of (number, offset, length) as varints and a zero.
fn index_end(mut index: &[u8]) -> Option<u64> {
    let mut end = HEADER;
    loop {
        if varint(&mut index)? == 0 {
            return index.is_empty().then_some(end);
        }
        let (offset, length) = (varint(&mut index)?, varint(&mut index)?);
        end = end.max(offset.checked_add(length)?);
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
