//! The tags of a copy beside those of its original. Pure.

use std::collections::BTreeMap;

use lifeboat_core::model::{Behind, CopyReport, PointKind, PointState, Time};

use super::{
    look::{Named, Seen, Trouble},
    manifest::Digest,
};
use crate::catalog::beside::{Lacks, named, point};

type Standing = (PointState, String);

/// What the copy is compared with: the original's tags, and whether those are all.
pub(super) struct Beside<'s> {
    pub tags: &'s BTreeMap<String, Named>,
    pub all: bool,
}

/// One point a tag, and one for all of them. A registry says of no tag when it
/// was pushed: where all are the original's, the copy is as good as the
/// original was at `now`; where one is not, nothing says since when.
pub(super) fn judge(own: &Seen, beside: Result<&Beside<'_>, &str>, now: Time) -> (CopyReport, Vec<String>) {
    let standings: BTreeMap<&String, Standing> =
        own.tags.iter().map(|(tag, named)| (tag, of_tag(named, own))).collect();
    let (state, reason) = match beside {
        Ok(beside) => together(own, beside, &standings),
        Err(why) => (PointState::Unverified, why.to_owned()),
    };
    let all = format!("all tags ({})", own.tags.len());
    let at = (state == PointState::Usable).then_some(now);
    let mut report = CopyReport {
        points: vec![point(all, PointKind::Object, at, (state, reason))],
        ..CopyReport::default()
    };
    for (tag, standing) in standings {
        report.points.push(point(tag.clone(), PointKind::Snapshot, None, standing));
    }
    let mut remarks = Vec::new();
    if let Ok(beside) = beside {
        let (missing, elsewhere, _) = unlike(own, beside);
        report.behind = Some(Behind { objects: (missing.len() + elsewhere.len()) as u64, oldest: None });
        report.gaps.extend(lacks(&missing, &elsewhere).gap());
        remarks.extend(extra(own, beside));
    }
    (report, remarks)
}

/// Whether it can be pulled.
fn of_tag(named: &Named, seen: &Seen) -> Standing {
    match named {
        Ok(digest) => of_manifest(digest, seen, 0),
        Err(trouble) => of_trouble(trouble, "its manifest"),
    }
}

fn of_trouble(trouble: &Trouble, what: &str) -> Standing {
    match trouble {
        Trouble::Gone => (PointState::BrokenChain, format!("{what} is missing")),
        Trouble::Damaged(why) => (PointState::BrokenChain, format!("{what} is damaged: {why}")),
        Trouble::Unread(why) => (PointState::Unverified, format!("{what}: {why}")),
    }
}

fn of_manifest(digest: &Digest, seen: &Seen, depth: usize) -> Standing {
    let what = format!("manifest {}", digest.short());
    let children = match seen.manifests.get(digest) {
        None => {
            return (
                PointState::Unverified,
                format!("{what} was not looked at: there are too many, or too deep"),
            );
        }
        Some(Err(trouble)) => return of_trouble(trouble, &what),
        Some(Ok(children)) => children,
    };
    let mut worst = (PointState::Usable, String::new());
    let mut broken = 0;
    for child in children {
        let name = format!("{} {}", child.what, child.digest.short());
        let (state, why) = match (child.is_manifest, seen.blobs.get(&child.digest)) {
            // deeper than is followed, it was not looked at either
            (true, _) if depth < 8 => of_manifest(&child.digest, seen, depth + 1),
            (false, Some(Ok(()))) => continue,
            (false, Some(Err(trouble))) => of_trouble(trouble, &name),
            _ => (PointState::Unverified, format!("{name} was not looked at: there are too many")),
        };
        // a child says of itself what is missing; here is which child
        let why = if child.is_manifest { format!("{}: {why}", child.what) } else { why };
        broken += usize::from(state == PointState::BrokenChain);
        let worse = match state {
            PointState::BrokenChain => worst.0 != PointState::BrokenChain,
            PointState::Usable => false,
            _ => worst.0 == PointState::Usable,
        };
        if worse {
            worst = (state, why);
        }
    }
    if broken > 1 {
        worst.1 = format!("{broken} of its {} parts are missing or damaged, {}", children.len(), worst.1);
    }
    worst
}

/// All tags as one.
fn together(own: &Seen, beside: &Beside<'_>, standings: &BTreeMap<&String, Standing>) -> Standing {
    if beside.tags.is_empty() {
        let why = "the original has no tags: was it emptied, or is its path wrong?";
        return (PointState::Suspect, why.to_owned());
    }
    let of = |state| standing_so(standings, beside, state);
    let (broken, unsure) = (of(PointState::BrokenChain), of(PointState::Unverified));
    if !broken.is_empty() {
        return (PointState::BrokenChain, format!("{} cannot be pulled: {}", broken.len(), named(&broken)));
    }
    let (missing, elsewhere, unknown) = unlike(own, beside);
    if !missing.is_empty() || !elsewhere.is_empty() {
        let why =
            format!("{}; tags carry no time, so nothing says since when", lacks(&missing, &elsewhere).told());
        return (PointState::Unverified, why);
    }
    match () {
        () if !own.all || !beside.all => (
            PointState::Unverified,
            "there are more tags than are looked at: not all were compared".to_owned(),
        ),
        () if !unknown.is_empty() => {
            (PointState::Unverified, format!("{} could not be compared: {}", unknown.len(), named(&unknown)))
        }
        () if !unsure.is_empty() => {
            (PointState::Unverified, format!("{} may lack parts: {}", unsure.len(), named(&unsure)))
        }
        () => (PointState::Usable, String::new()),
    }
}

/// Tags of the original that stand so in the copy.
fn standing_so(
    standings: &BTreeMap<&String, Standing>,
    beside: &Beside<'_>,
    wanted: PointState,
) -> Vec<String> {
    let found =
        standings.iter().filter(|(tag, (state, _))| *state == wanted && beside.tags.contains_key(**tag));
    found.map(|(tag, _)| (*tag).clone()).collect()
}

/// Tags that are missing, that name something else, and that nobody can compare.
fn unlike(own: &Seen, beside: &Beside<'_>) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut missing, mut elsewhere, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (tag, theirs) in beside.tags {
        match (own.tags.get(tag), theirs) {
            // listed there a moment ago, and gone: nothing that a copy should have
            (_, Err(Trouble::Gone)) => {}
            (None, _) if !own.all => unknown.push(tag.clone()),
            (None, _) => missing.push(tag.clone()),
            (Some(Ok(ours)), Ok(theirs)) if ours == theirs => {}
            (Some(Ok(ours)), Ok(theirs)) => {
                elsewhere.push(format!("{tag} ({} here, {} there)", ours.short(), theirs.short()));
            }
            _ => unknown.push(tag.clone()),
        }
    }
    (missing, elsewhere, unknown)
}

fn lacks<'a>(missing: &'a [String], elsewhere: &'a [String]) -> Lacks<'a> {
    Lacks { missing, elsewhere, how: "of another digest than in the original" }
}

fn extra(own: &Seen, beside: &Beside<'_>) -> Option<String> {
    let extra: Vec<_> = own.tags.keys().filter(|tag| !beside.tags.contains_key(*tag)).cloned().collect();
    (!extra.is_empty() && beside.all && !beside.tags.is_empty())
        .then(|| format!("{} tags are here and not in the original: {}", extra.len(), named(&extra)))
}
