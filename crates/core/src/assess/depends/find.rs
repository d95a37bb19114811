//! All that one workload needs, as it is declared.

use super::{Needed, Taken, Thing};
use crate::assess::domains::{Lost, Modes};
use crate::assess::needs::Needs;
use crate::assess::{Verdict, WorkloadView};
use crate::model::*;

/// How deep runbooks may call each other; cycles are refused at loading.
const DEPTH: usize = 8;

struct Find<'a> {
    estate: &'a Estate,
    lost: &'a Lost,
    found: Vec<Needed>,
}

/// `verdict`: of another workload in this loss.
pub(super) fn needs(
    estate: &Estate,
    w: &Workload,
    view: &WorkloadView,
    lost: &Lost,
    verdict: &dyn Fn(&WorkloadId) -> Option<Verdict>,
) -> Vec<Needed> {
    let mut find = Find { estate, lost, found: Vec::new() };
    find.workloads(w, verdict);
    find.places(w, view);
    let assets = w.assets.iter().filter(|a| a.uses.is_none());
    assets.for_each(|asset| find.asset(w, asset));
    let books = runbooks(estate, w, view);
    books.iter().for_each(|book| find.runbook(book));
    find.routes(w, &books);
    find.found
}

/// Those that a recovery would go by: the one that judging took, and those
/// that it may have to take.
fn runbooks<'e>(estate: &'e Estate, w: &Workload, view: &WorkloadView) -> Vec<&'e Runbook> {
    let judged = view.verdict.as_ref().unwrap_or(&view.if_home_lost);
    let named = [RunbookKind::Failover, RunbookKind::Restore].into_iter().filter_map(|kind| {
        let naming = || estate.runbooks.iter().find(|r| r.kind == kind && r.workloads.contains(&w.id));
        w.runbooks.get(&kind).and_then(|id| estate.runbook(id.as_str())).or_else(naming)
    });
    let taken = judged.runbook.as_ref().and_then(|id| estate.runbook(id.as_str()));
    let mut books: Vec<&Runbook> = Vec::new();
    for book in taken.into_iter().chain(named) {
        if !books.iter().any(|known| known.id == book.id) {
            books.push(book);
        }
    }
    books
}

/// What a runbook relies on, and those that its steps call, with the step.
fn relies<'e>(
    estate: &'e Estate,
    book: &'e Runbook,
    depth: usize,
) -> Vec<(Option<&'e StepPlan>, &'e Selector)> {
    let mut all: Vec<_> = book.relies_on.iter().map(|on| (None, on)).collect();
    for step in book.steps.iter().filter(|s| s.phase == Phase::Main) {
        all.extend(step.relies_on.iter().map(|on| (Some(step), on)));
        let inner = step.options.get("runbook").filter(|_| step.kind == "runbook").and_then(|id| id.as_str());
        if let Some(inner) = inner.and_then(|id| estate.runbook(id)).filter(|_| depth > 0) {
            all.extend(relies(estate, inner, depth - 1).into_iter().map(|(_, on)| (Some(step), on)));
        }
    }
    all
}

impl Find<'_> {
    fn push(&mut self, what: Thing, within: Vec<Selector>, hit: Modes) {
        let taken = match (hit.worst(), within.is_empty()) {
            (Some(mode), _) => Taken::Hit(mode),
            (None, _) if hit.has(Modes::DELETABLE) => Taken::Deletable,
            (None, true) => Taken::Assumed,
            (None, false) => Taken::No,
        };
        self.add(what, within, taken);
    }

    fn add(&mut self, what: Thing, within: Vec<Selector>, taken: Taken) {
        let within = Some(within).filter(|w| !w.is_empty());
        let one = Needed { what, within, taken };
        // Two copies in one store are opened by the same secret.
        if !self.found.contains(&one) {
            self.found.push(one);
        }
    }

    fn workloads(&mut self, w: &Workload, verdict: &dyn Fn(&WorkloadId) -> Option<Verdict>) {
        let estate = self.estate;
        let home = |id: &str| {
            let home = estate.workload(id).and_then(|w| w.home.as_ref());
            home.map(Selector::region).into_iter().collect::<Vec<_>>()
        };
        let fate = |id: &WorkloadId| match verdict(id) {
            None => Taken::Assumed,
            Some(Verdict::Unaffected) => Taken::No,
            Some(verdict) => Taken::Falls(verdict),
        };
        for on in &w.depends_on {
            let what = Thing::Workload { workload: on.id.clone(), kind: on.kind };
            self.add(what, home(on.id.as_str()), fate(&on.id));
        }
        for asset in w.assets.iter().filter_map(|a| a.uses.as_ref()) {
            let owner = asset.split('/').next().unwrap_or_default();
            let fate = fate(&WorkloadId::new(owner));
            self.add(Thing::Asset { asset: asset.clone() }, home(owner), fate);
        }
    }

    fn places(&mut self, w: &Workload, view: &WorkloadView) {
        let active = w.active.iter().map(|a| &a.region).filter(|r| view.home.as_ref() != Some(*r));
        for region in view.home.iter().chain(active) {
            self.place(Thing::Home { region: region.clone() }, region, w.account.as_ref());
        }
        for standby in &w.standbys {
            let what = Thing::Target { region: standby.region.clone() };
            self.place(what, &standby.region, standby.account.as_ref().or(w.account.as_ref()));
        }
    }

    /// What runs in a region, in an account.
    fn place(&mut self, what: Thing, region: &RegionId, account: Option<&AccountId>) {
        let mut within = vec![Selector::region(region)];
        within.extend(account.map(of_account));
        let def = self.estate.region(region.as_str());
        within.extend(def.into_iter().flat_map(|r| &r.domains).map(of_domain));
        let hit = self.lost.region(region).and(self.lost.account(account));
        self.push(what, within, hit);
    }

    fn asset(&mut self, w: &Workload, asset: &Asset) {
        for replica in &asset.replicas {
            let what = Thing::Replica { asset: asset.id.clone(), region: replica.region.clone() };
            self.place(what, &replica.region, replica.account.as_ref().or(w.account.as_ref()));
        }
        for copy in &asset.copies {
            self.copy(asset, copy);
        }
    }

    fn copy(&mut self, asset: &Asset, copy: &CopyDef) {
        let store = self.estate.store(copy.store.as_str());
        let mut within: Vec<Selector> = Vec::new();
        if let Some(store) = store {
            within.extend(store.region.as_ref().map(Selector::region));
            within.extend(store.account.as_ref().map(of_account));
            within.extend(store.domains.iter().map(of_domain));
        }
        let on = Selector { kind: DomainKind::Store, id: copy.store.to_string() };
        let hit = self.lost.hit(&on);
        let (id, name) = (asset.id.clone(), copy.store.clone());
        self.push(
            Thing::Copy { asset: id.clone(), store: name.clone(), format: copy.format.clone() },
            within,
            hit,
        );
        let Some(needs) = Needs::of(self.estate, &asset.id, copy, store) else { return };
        for (need, secret) in needs.secrets(self.estate) {
            let lost = !secret.kept_in.is_empty() && secret.kept_in.iter().all(|s| self.lost.hit(s).stops());
            let hit = if lost { Modes::GONE } else { Modes::NONE };
            let what = Thing::Secret { need: need.clone(), secret: secret.id.clone() };
            self.push(what, secret.kept_in.clone(), hit);
        }
        if needs.at_hand() {
            self.push(Thing::AtHand { store: name.clone() }, vec![], Modes::NONE);
        }
        for on in needs.parts().0 {
            let what = Thing::Part { asset: id.clone(), store: name.clone(), on: on.clone() };
            self.push(what, vec![on.clone()], self.lost.hit(on));
        }
    }

    fn runbook(&mut self, book: &Runbook) {
        let all = relies(self.estate, book, DEPTH);
        if all.is_empty() {
            self.push(Thing::ReliesOn { runbook: book.id.clone() }, vec![], Modes::NONE);
        }
        for (step, on) in all {
            let step = step.map(|s| s.id.clone());
            let what = Thing::Relies { runbook: book.id.clone(), step, on: on.clone() };
            let within = within(self.estate, on);
            self.push(what, within, self.lost.hit(on));
        }
    }

    /// Names in DNS lie where the steps that change them say.
    fn routes(&mut self, w: &Workload, books: &[&Runbook]) {
        let steps = books.iter().flat_map(|b| &b.steps).filter(|s| s.kind == "dns");
        let mut on: Vec<Selector> = steps.flat_map(|s| s.relies_on.iter().cloned()).collect();
        on.sort();
        on.dedup();
        let hit = on.iter().map(|s| self.lost.hit(s)).sum();
        for route in &w.routes {
            self.push(Thing::Route { dns: route.dns.clone() }, on.clone(), hit);
        }
    }
}

fn of_account(id: &AccountId) -> Selector {
    Selector { kind: DomainKind::Account, id: id.to_string() }
}
fn of_domain(id: &DomainId) -> Selector {
    Selector { kind: DomainKind::Domain, id: id.to_string() }
}

/// The domains that a domain lies in itself; the outermost lie in themselves.
fn within(estate: &Estate, on: &Selector) -> Vec<Selector> {
    let id = on.id.as_str();
    let mut all: Vec<Selector> = match on.kind {
        DomainKind::Domain => {
            estate.domains.iter().find(|d| d.id == *id).map(|d| d.within.clone()).unwrap_or_default()
        }
        DomainKind::Store => {
            let store = estate.store(id);
            let region = store.and_then(|s| s.region.as_ref()).map(Selector::region);
            let account = store.and_then(|s| s.account.as_ref()).map(of_account);
            region.into_iter().chain(account).collect()
        }
        DomainKind::Asset => {
            let owner = id.split('/').next().and_then(|w| estate.workload(w));
            owner.and_then(|w| w.home.as_ref()).map(Selector::region).into_iter().collect()
        }
        DomainKind::Region | DomainKind::Provider | DomainKind::Account | DomainKind::Organisation => vec![],
    };
    if all.is_empty() {
        all.push(on.clone());
    }
    all
}
