//! xbstream's framing, and the two files that describe a backup. Pure.
//!
//! A chunk: `XBSTCK01`, a byte of flags, its type (`P` payload, `E` end), the
//! length of the path (u32) and the path; for a payload its length (u64), its
//! offset in the file (u64), a CRC-32 (u32) and the bytes. Little-endian.

use flate2::Crc;

use crate::catalog::{
    clock::{Told, told},
    unpack::unpack,
};

/// Far above what either file holds.
pub const MAX_TEXT: u64 = 256 << 10;

/// The file whose chunks these are. Errors: why it is not whole.
pub fn file(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut rest = Rest(bytes);
    let mut text: Vec<u8> = Vec::new();
    while !rest.0.is_empty() {
        if rest.take(8)? != b"XBSTCK01" {
            return Err("is no xbstream");
        }
        let kind = rest.take(2)?.last().copied();
        let length = rest.number(4)?;
        rest.take(length)?;
        match kind {
            Some(b'P') => {
                let length = rest.number(8)?;
                let offset = rest.number(8)?;
                let sum = rest.number(4)?;
                let payload = rest.take(length)?;
                let mut crc = Crc::new();
                crc.update(payload);
                if u64::from(crc.sum()) != sum || offset != text.len() as u64 {
                    return Err("is damaged");
                }
                text.extend_from_slice(payload);
            }
            Some(b'E') => {
                return unpack(&text, MAX_TEXT).map_err(|_| "cannot be unpacked");
            }
            _ => return Err("is no xbstream that is known here"),
        }
    }
    Err("ends early")
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], &'static str> {
        let at = usize::try_from(length).map_err(|_| "ends early")?;
        let (head, tail) = self.0.split_at_checked(at).ok_or("ends early")?;
        self.0 = tail;
        Ok(head)
    }
    fn number(&mut self, width: u64) -> Result<u64, &'static str> {
        Ok(self.take(width)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }
}

/// `xtrabackup_checkpoints`: positions in InnoDB's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    pub is_incremental: bool,
    pub from_lsn: u64,
    pub to_lsn: u64,
}

/// `xtrabackup_info`, as far as it is used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Info {
    pub start: Option<Told>,
    pub end: Option<Told>,
    /// Only some databases or tables are in it.
    pub is_partial: bool,
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).filter(|v| !v.is_empty())
}

pub fn parse_checkpoints(text: &[u8]) -> Option<Checkpoints> {
    let text = std::str::from_utf8(text).ok()?;
    let number = |name: &str| field(text, name)?.parse::<u64>().ok();
    let (from_lsn, to_lsn) = (number("from_lsn")?, number("to_lsn")?);
    // written last of the three, so a text that was cut lacks it
    number("last_lsn")?;
    let is_incremental = match field(text, "backup_type")? {
        "full-backuped" | "full-prepared" | "log-applied" => false,
        "incremental" => true,
        _ => return None,
    };
    let sane = from_lsn <= to_lsn && (is_incremental || from_lsn == 0);
    sane.then_some(Checkpoints { is_incremental, from_lsn, to_lsn })
}

pub fn parse_info(text: &[u8]) -> Option<Info> {
    let text = std::str::from_utf8(text).ok()?;
    Some(Info {
        start: field(text, "start_time").and_then(told),
        end: Some(field(text, "end_time").and_then(told)?),
        is_partial: field(text, "partial") == Some("Y"),
    })
}
