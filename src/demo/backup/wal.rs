//! Segments of PostgreSQL's write-ahead log: their names, and bytes that the
//! real tools take for a segment that ended early.

use std::{io, io::Write, sync::OnceLock};

use flate2::{Compress, Compression, Crc, FlushCompress, Status, write::DeflateEncoder};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// PostgreSQL's default, and what almost every cluster has.
pub const SEGMENT: u64 = 16 << 20;
const PAGE: usize = 8192;
/// Of PostgreSQL 15: `XLOG_PAGE_MAGIC` in `xlog_internal.h`.
const MAGIC: u16 = 0xD110;
const LONG_HEADER: u16 = 2;

/// A segment by its timeline and its place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Segment {
    pub timeline: u32,
    pub number: u64,
}

impl Segment {
    /// 24 hexadecimal digits: timeline, log, segment within the log.
    pub fn name(self) -> String {
        let per_log = (1 << 32) / SEGMENT;
        format!("{:08X}{:08X}{:08X}", self.timeline, self.number / per_log, self.number % per_log)
    }
    /// A position in it, as PostgreSQL writes it: `0/2000028`.
    pub fn lsn(self, offset: u64) -> String {
        let lsn = self.number * SEGMENT + offset;
        format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF)
    }
    /// The first page; all others are empty, as after `pg_switch_wal()`.
    fn first_page(self, system_id: u64) -> Vec<u8> {
        let mut page = Vec::with_capacity(PAGE);
        page.extend(MAGIC.to_le_bytes());
        page.extend(LONG_HEADER.to_le_bytes());
        page.extend(self.timeline.to_le_bytes());
        page.extend((self.number * SEGMENT).to_le_bytes());
        // What is left of a record begun before: nothing; then padding.
        page.extend([0; 8]);
        page.extend(system_id.to_le_bytes());
        page.extend((SEGMENT as u32).to_le_bytes());
        page.extend((PAGE as u32).to_le_bytes());
        page.resize(PAGE, 0);
        page
    }
    /// The SHA-1 of its bytes, and its bytes compressed with gzip.
    pub fn pack(self, system_id: u64) -> io::Result<(String, Vec<u8>)> {
        let page = self.first_page(system_id);
        let mut sha = Sha1::new();
        sha.update(&page);
        let zeros = [0; 1 << 16];
        let mut left = SEGMENT as usize - PAGE;
        while left > 0 {
            let part = left.min(zeros.len());
            sha.update(&zeros[..part]);
            left -= part;
        }
        Ok((hex::encode(sha.finalize()), gzip(&page)?))
    }
}

/// The compressed rest of every segment. Compressing 16 MiB of zeros each
/// time would be most of what the demo does.
struct Rest {
    deflated: Vec<u8>,
    crc: Crc,
}

fn rest() -> io::Result<&'static Rest> {
    static REST: OnceLock<Rest> = OnceLock::new();
    if let Some(rest) = REST.get() {
        return Ok(rest);
    }
    let zeros = vec![0; SEGMENT as usize - PAGE];
    let mut crc = Crc::new();
    crc.update(&zeros);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&zeros)?;
    let deflated = encoder.finish()?;
    Ok(REST.get_or_init(|| Rest { deflated, crc }))
}

/// A gzip member (RFC 1952) of `page` and the rest: blocks that a sync flush
/// ends may be followed by those of another compressor.
fn gzip(page: &[u8]) -> io::Result<Vec<u8>> {
    let rest = rest()?;
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut first = Vec::with_capacity(PAGE * 2);
    let status =
        Compress::new(Compression::default(), false).compress_vec(page, &mut first, FlushCompress::Sync);
    if status.map_err(io::Error::other)? != Status::Ok {
        return Err(io::Error::other("the compressor stopped early"));
    }
    out.extend(first);
    out.extend(&rest.deflated);
    let mut crc = Crc::new();
    crc.update(page);
    crc.combine(&rest.crc);
    out.extend(crc.sum().to_le_bytes());
    out.extend((SEGMENT as u32).to_le_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_segment_is_named_after_its_place() {
        let segment = Segment { timeline: 2, number: 256 + 0x1F };
        assert_eq!(segment.name(), "00000002000000010000001F");
        assert_eq!(segment.lsn(0x28), "1/1F000028");
    }

    #[test]
    fn a_packed_segment_unpacks_to_the_bytes_of_its_hash() {
        let segment = Segment { timeline: 1, number: 3 };
        let (sha, packed) = segment.pack(7).unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain.len() as u64, SEGMENT);
        assert_eq!(hex::encode(Sha1::digest(&plain)), sha);
        assert_eq!(plain[..4], [0x10, 0xD1, 2, 0]);
        assert!(packed.len() < 32 << 10);
    }
}
