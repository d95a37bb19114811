//! Which blobs the index names and whether the packs that hold them are there.
//! Pure.

use std::collections::{HashMap, HashSet};

use super::{
    look::Seen,
    parse::{BlobKind, Id, Index, short},
};

/// Beyond this, only the blobs of trees are kept: about 50 MB of memory.
const MAX_BLOBS: usize = 500_000;

#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub pack: u32,
    pub offset: u32,
    pub length: u32,
    pub unpacked: Option<u32>,
    pub tree: bool,
}

#[derive(Debug)]
pub(super) struct Pack {
    pub id: Id,
    pub expected: u64,
    pub there: Option<u64>,
    pub trees: bool,
}

/// What can be said of a blob, from good to lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Good,
    /// Its pack is not as the index says, but it should be in it.
    Doubtful(u32),
    Damaged(u32),
    Lost(u32),
    NoIndex,
}

#[derive(Debug, Default)]
pub(super) struct Packs {
    pub packs: Vec<Pack>,
    pub blobs: HashMap<Id, Spot>,
    /// Not all blobs are in `blobs`.
    pub too_many: bool,
    /// Packs that no index names: of a backup that runs or was interrupted, or
    /// whose index is lost.
    pub unnamed: usize,
}

/// Packs in the making, index by index.
#[derive(Debug, Default)]
pub(super) struct Gather {
    all: Packs,
    known: HashMap<Id, u32>,
    leaving: HashSet<Id>,
}

impl Gather {
    pub fn add(&mut self, index: &Index, seen: &Seen) {
        let all = &mut self.all;
        self.leaving.extend(index.packs_to_delete.iter().map(|p| p.id));
        for pack in &index.packs {
            let there = seen.packs.get(&pack.id).copied();
            let number = *self.known.entry(pack.id).or_insert_with(|| {
                all.packs.push(Pack { id: pack.id, expected: pack.size(), there, trees: false });
                u32::try_from(all.packs.len() - 1).unwrap_or(u32::MAX)
            });
            all.add(pack, number);
        }
    }

    pub fn finish(mut self, seen: &Seen) -> Packs {
        let named = |id: &&Id| self.known.contains_key(*id) || self.leaving.contains(*id);
        self.all.unnamed = seen.packs.keys().filter(|id| !named(id)).count();
        self.all
    }
}

impl Packs {
    fn add(&mut self, pack: &super::parse::Pack, number: u32) {
        for blob in &pack.blobs {
            let tree = blob.kind == BlobKind::Tree;
            if let Some(pack) = self.packs.get_mut(number as usize) {
                pack.trees |= tree;
            }
            if self.blobs.len() >= MAX_BLOBS && !tree {
                self.too_many = true;
                continue;
            }
            let spot = Spot {
                pack: number,
                offset: blob.offset,
                length: blob.length,
                unpacked: blob.uncompressed_length,
                tree,
            };
            // of two places the worse counts: restic may look there first
            let worse = self.blobs.get(&blob.id).is_none_or(|had| self.spot(&spot) > self.spot(had));
            if worse {
                self.blobs.insert(blob.id, spot);
            }
        }
    }

    fn spot(&self, spot: &Spot) -> Verdict {
        let Some(pack) = self.packs.get(spot.pack as usize) else { return Verdict::NoIndex };
        let end = u64::from(spot.offset) + u64::from(spot.length);
        match pack.there {
            Some(size) if size == pack.expected => Verdict::Good,
            Some(size) if size >= end => Verdict::Doubtful(spot.pack),
            _ => Verdict::Lost(spot.pack),
        }
    }

    pub fn blob(&self, id: &Id) -> Verdict {
        self.blobs.get(id).map_or(Verdict::NoIndex, |spot| self.spot(spot))
    }

    pub fn bad(&self) -> impl Iterator<Item = u32> {
        let bad = self.packs.iter().enumerate().filter(|(_, p)| p.there != Some(p.expected));
        bad.map(|(n, _)| u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// What is wrong with a pack.
    pub fn tell(&self, number: u32) -> String {
        let Some(pack) = self.packs.get(number as usize) else { return "a pack is not known".to_owned() };
        let (name, expected) = (short(&pack.id), pack.expected);
        match pack.there {
            None => format!("pack {name} is gone"),
            Some(size) if size < expected => {
                format!("pack {name} is cut short: {size} of {expected} bytes")
            }
            Some(size) if size > expected => {
                format!("pack {name} is larger than the index says: {size} for {expected} bytes")
            }
            Some(_) => format!("pack {name} is damaged"),
        }
    }
}
