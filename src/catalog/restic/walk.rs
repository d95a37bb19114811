//! Which snapshots need what: the trees, read where there is doubt and where
//! they are small enough.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures::{StreamExt, stream};
use sha2::{Digest, Sha256};

use super::{
    crypt::{Key, unzstd},
    look::Place,
    packs::{Packs, Verdict},
    parse::{Id, Tree},
};

/// Of all packs that hold trees.
const MAX_TREES: u64 = 32 << 20;
const MAX_TREE: usize = 64 << 20;
const MAX_UNPACKED: u64 = 512 << 20;
const AT_ONCE: usize = 8;

/// By tree: the worst of itself and its files, and the folders below.
#[derive(Debug, Default)]
pub(super) struct Trees(HashMap<Id, (Verdict, Vec<Id>)>);

/// `None` where that would read too much.
pub(super) async fn read(packs: &Packs, place: &Place<'_>, key: &Key) -> Option<Trees> {
    let with_trees = packs.packs.iter().enumerate().filter(|(_, p)| p.trees);
    let wanted: Vec<_> = with_trees.filter_map(|(n, p)| Some((n, p.id, p.there?))).collect();
    let bytes = wanted.iter().map(|(_, _, size)| *size).fold(0, u64::saturating_add);
    let trees = packs.blobs.values().filter(|spot| spot.tree);
    let unpacked = trees.map(|s| u64::from(s.unpacked.unwrap_or(s.length))).fold(0, u64::saturating_add);
    if packs.too_many || bytes > MAX_TREES || unpacked > MAX_UNPACKED {
        return None;
    }
    let each: Vec<_> = wanted
        .into_iter()
        .map(|(number, id, size)| async move { Some((number, place.pack(&id, size).await?)) })
        .collect();
    let stored = stream::iter(each).buffer_unordered(AT_ONCE);
    let stored: HashMap<usize, Bytes> = stored.filter_map(async |pack| pack).collect().await;
    Some(Trees::parse(packs, &stored, key))
}

impl Trees {
    pub fn parse(packs: &Packs, stored: &HashMap<usize, Bytes>, key: &Key) -> Self {
        let mut trees = Self::default();
        for (id, spot) in packs.blobs.iter().filter(|(_, spot)| spot.tree) {
            let own = packs.blob(id);
            let Some(bytes) = stored.get(&(spot.pack as usize)) else {
                trees.0.insert(*id, (own.max(Verdict::Lost(spot.pack)), Vec::new()));
                continue;
            };
            let from = spot.offset as usize;
            let sealed = from.checked_add(spot.length as usize).and_then(|to| bytes.get(from..to));
            let known = match sealed.and_then(|sealed| tree(sealed, id, spot.unpacked, key)) {
                Some(tree) => {
                    let blobs = tree.nodes.iter().flat_map(|n| &n.content).map(|b| packs.blob(b));
                    let below = tree.nodes.iter().filter_map(|n| n.subtree).collect();
                    (blobs.fold(own, Verdict::max), below)
                }
                None => (own.max(Verdict::Damaged(spot.pack)), Vec::new()),
            };
            trees.0.insert(*id, known);
        }
        trees
    }

    /// The worst of all that lies below `root`.
    pub fn verdict(&self, root: &Id) -> Verdict {
        let mut worst = Verdict::Good;
        let mut seen = HashSet::from([root]);
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            let Some((own, below)) = self.0.get(id) else { return Verdict::NoIndex };
            worst = worst.max(*own);
            open.extend(below.iter().filter(|id| seen.insert(id)));
        }
        worst
    }
}

fn tree(sealed: &[u8], id: &Id, unpacked: Option<u32>, key: &Key) -> Option<Tree> {
    let plain = key.open(sealed)?;
    let plain = match unpacked {
        None => plain,
        Some(_) => unzstd(&plain, MAX_TREE)?,
    };
    (Sha256::digest(&plain)[..] == *id).then_some(())?;
    serde_json::from_slice(&plain).ok()
}
