//! Assets that must agree: each is measured to the newest instant at which all
//! of them lie within the group's tolerance.

use super::bench::Bench;
use super::domains::Lost;
use super::offers::{Source, Span};
use super::recovered::Picked;
use super::sources::Ask;
use super::workload::writes_end;
use super::{Loss, Reason};
use crate::model::*;

/// Moves what was picked to instants that agree; says where none do.
pub(crate) fn align<'j, 'a>(
    bench: &'j Bench<'j, 'a>,
    ask: &mut Ask<'j, 'a>,
    picked: &mut [Picked<'j, 'a>],
) -> Vec<Reason> {
    let mut groups: Vec<usize> = picked.iter().flat_map(|p| p.asset.on.groups.iter().copied()).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter().filter_map(|group| align_one(bench, ask, group, picked)).collect()
}

fn align_one<'j, 'a>(
    bench: &'j Bench<'j, 'a>,
    ask: &mut Ask<'j, 'a>,
    group: usize,
    picked: &mut [Picked<'j, 'a>],
) -> Option<Reason> {
    let group = &bench.cx.ground.groups[group];
    let mut own = Vec::new();
    for (n, p) in picked.iter().enumerate() {
        // What is not known makes its own verdict unknown, and agrees with nothing.
        if group.members.contains(&p.asset.on.owner) && matches!(p.source, Source::Known(_)) {
            own.push((n, ask.spans(p.asset, &bench.facts[p.asset.on.owner.0], p.part, p.writes)));
        }
    }
    let others = group.members.iter().filter(|m| !picked.iter().any(|p| p.asset.on.owner == **m));
    let others: Vec<_> = others.filter_map(|m| of_another(bench, ask.lost, *m)).collect();
    let ends = |spans: &Vec<Span>| spans.iter().map(|s| (s.from, s.to)).collect::<Vec<_>>();
    let all: Vec<_> = own.iter().map(|(_, spans)| ends(spans)).chain(others).collect();
    if all.len() < 2 || own.is_empty() {
        return None;
    }
    let Some(at) = newest_agreed(&all, group.tolerance.as_millis()) else {
        let newest = all.iter().filter_map(|spans| spans.iter().map(|(_, to)| *to).max());
        let (low, high) = newest.fold((Millis::MAX, Millis::MIN), |(l, h), at| (l.min(at), h.max(at)));
        let skew = Dur::millis(high.saturating_sub(low));
        return Some(Reason::GroupSkew { group: group.id.clone(), skew, tolerance: group.tolerance });
    };
    for (n, spans) in own {
        let reached = spans.into_iter().filter(|s| s.from <= at);
        let best = reached.min_by_key(|s| (std::cmp::Reverse(s.to.min(at)), s.offer.bad));
        if let Some(span) = best {
            move_to(ask, &mut picked[n], span, at);
        }
    }
    None
}

/// The instants of an asset of a workload that is not the one judged: where it
/// runs on, only the present one; nothing, where it has none that is known.
fn of_another(bench: &Bench, lost: &Lost, (w, a): (usize, usize)) -> Option<Vec<(Millis, Millis)>> {
    let facts = &bench.facts[w];
    let asset = facts.assets.iter().find(|asset| asset.on.owner == (w, a))?;
    if !asset.asset.required || asset.asset.rebuild.is_some() {
        return None;
    }
    if !bench.stops(facts, lost) {
        return Some(vec![(bench.cx.now_ms, bench.cx.now_ms)]);
    }
    let mut ask = Ask::new(bench.cx, facts, lost);
    let spans = ask.spans(asset, facts, None, writes_end(bench.cx, facts, asset));
    let ends: Vec<_> = spans.iter().map(|s| (s.from, s.to)).collect();
    (!ends.is_empty()).then_some(ends)
}

/// The newest instant up to which every member has one no further back than the
/// tolerance: the feasible instants of a span are its own and those as long
/// after its end.
fn newest_agreed(all: &[Vec<(Millis, Millis)>], tolerance: Millis) -> Option<Millis> {
    let mut ends: Vec<_> = all.iter().flatten().map(|(_, to)| to.saturating_add(tolerance)).collect();
    ends.sort_unstable_by(|a, b| b.cmp(a));
    let agrees = |at: Millis| {
        let within = |(from, to): &(Millis, Millis)| *from <= at && to.saturating_add(tolerance) >= at;
        all.iter().all(|spans| spans.iter().any(within))
    };
    ends.into_iter().find(|at| agrees(*at))
}

/// Measures what was picked to an instant that the group agrees on. The others
/// may have come further since they were seen, so that the lower bound stays.
fn move_to<'j, 'a>(ask: &Ask<'j, 'a>, picked: &mut Picked<'j, 'a>, span: Span<'j, 'a>, at: Millis) {
    let Source::Known(offer) = &mut picked.source else { return };
    let lower = offer.loss.lower;
    let through = span.to.min(at);
    if through == span.offer.received.through_ms() && span.offer.in_step {
        *offer = span.offer;
        return;
    }
    *offer = span.offer;
    offer.received = offer.received.moved(through);
    offer.in_step = false;
    let upper = offer.received.loss(picked.writes, None).upper;
    offer.loss = Loss { lower: upper.map_or(lower, |upper| lower.min(upper)), upper };
    offer.bad = ask.is_bad(offer, picked.writes, picked.asset.asset.rpo.or(ask.rpo));
}
