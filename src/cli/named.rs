//! Names given on the command line, held against what the estate declares.
//! What is not there is wrong usage, not a fault of the estate.

use lifeboat_core::model::*;

use crate::config::nearest;

/// More are counted, not listed.
const SHOWN: usize = 12;

/// Something that can be named, by its id or by the name that people use.
type Name<'a> = (&'a str, &'a str);

pub fn wrong(subject: impl std::fmt::Display, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::USAGE, subject).because(why)
}

/// What a word means among `all`: an id, else a name in any case where only one has it.
fn meant<'a>(word: &str, all: &[Name<'a>]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let by_id = all.iter().find(|(id, _)| *id == word);
    let mut named =
        all.iter().filter(|(id, name)| id.to_lowercase() == lower || name.to_lowercase() == lower);
    by_id.or(named.next().filter(|_| named.next().is_none())).map(|(id, _)| *id)
}

/// The problem of a word that means nothing: what there is, the nearest first.
fn unknown(what: &str, word: &str, all: &[Name<'_>]) -> Problem {
    let near = nearest(word, all.iter().flat_map(|(id, name)| [*id, *name]));
    let near = near.and_then(|near| all.iter().find(|(id, name)| *id == near || *name == near));
    let shown = |(id, name): &Name<'_>| match *name {
        "" => clean_line(id),
        name if name == *id => clean_line(id),
        name => clean_line(&format!("{id} ({name})")),
    };
    let mut list: Vec<_> = near.into_iter().chain(all.iter().filter(|one| Some(*one) != near)).collect();
    let more = list.len().saturating_sub(SHOWN);
    list.truncate(SHOWN);
    let mut there = list.into_iter().map(shown).collect::<Vec<_>>().join(", ");
    if more > 0 {
        there.push_str(&format!(" and {more} more"));
    }
    let next = match (near, all.is_empty()) {
        (_, true) => format!("the estate declares no {what} yet"),
        (Some(near), _) => format!("did you mean {}? There are: {there}", shown(near)),
        (None, _) => format!("name one of: {there}"),
    };
    wrong(clean_line(word), format!("there is no {what} of that name")).next(next)
}

fn workloads(estate: &Estate) -> Vec<Name<'_>> {
    estate.workloads.iter().map(|w| (w.id.as_str(), w.label())).collect()
}

fn regions(estate: &Estate) -> Vec<Name<'_>> {
    estate.regions.iter().map(|r| (r.id.as_str(), r.label())).collect()
}

pub fn workload<'a>(estate: &'a Estate, word: &str) -> Result<&'a Workload, Problem> {
    let all = workloads(estate);
    meant(word, &all).and_then(|id| estate.workload(id)).ok_or_else(|| unknown("workload", word, &all))
}

pub fn runbook<'a>(estate: &'a Estate, word: &str) -> Result<&'a Runbook, Problem> {
    let all: Vec<_> = estate.runbooks.iter().map(|r| (r.id.as_str(), "")).collect();
    meant(word, &all).and_then(|id| estate.runbook(id)).ok_or_else(|| unknown("runbook", word, &all))
}

pub fn store<'a>(estate: &'a Estate, word: &str) -> Result<&'a Store, Problem> {
    let all: Vec<_> = estate.stores.iter().map(|s| (s.id.as_str(), "")).collect();
    meant(word, &all).and_then(|id| estate.store(id)).ok_or_else(|| unknown("store", word, &all))
}

pub fn asset<'a>(workload: &'a Workload, word: &str) -> Result<&'a Asset, Problem> {
    let all: Vec<_> = workload.assets.iter().map(|a| (a.id.as_str(), "")).collect();
    let what = format!("asset of {}", workload.id);
    meant(word, &all).and_then(|id| workload.asset(id)).ok_or_else(|| unknown(&what, word, &all))
}

/// Selectors as typed; each must name something that the estate declares. A
/// region may be called by its name.
pub fn scenario(estate: &Estate, lost: &[String]) -> Result<Scenario, Problem> {
    let regions = regions(estate);
    let mut words = Vec::new();
    for given in lost {
        // A name may hold spaces; else an argument may hold several selectors.
        match selector(given, &regions) {
            Some(word) => words.push(word),
            None => {
                let parts = given.split([' ', ',']).filter(|word| !word.is_empty());
                words.extend(parts.map(|word| selector(word, &regions).unwrap_or_else(|| word.to_owned())));
            }
        }
    }
    for word in &words {
        plain(estate, word, &regions)?;
    }
    let scenario: Scenario = words.join(" ").parse().map_err(|e: UnitError| {
        wrong(clean_line(&lost.join(" ")), e.0).next("write eu-west-1, or account:ID=compromised")
    })?;
    for selector in scenario.lost.keys() {
        let there = of_kind(estate, selector.kind);
        let names: Vec<_> = there.iter().map(|id| (id.as_str(), "")).collect();
        let names = if selector.kind == DomainKind::Region { &regions } else { &names };
        if !names.iter().any(|(id, _)| *id == selector.id.as_str()) {
            return Err(unknown(selector.kind.as_str(), &selector.id, names));
        }
    }
    Ok(scenario)
}

/// `NAME[=MODE]` as a selector, where a region is meant.
fn selector(word: &str, regions: &[Name<'_>]) -> Option<String> {
    let (name, mode) = word.split_once('=').map_or((word, None), |(name, mode)| (name, Some(mode)));
    let id = meant(name.strip_prefix("region:").unwrap_or(name).trim(), regions)?;
    Some(mode.map_or_else(|| id.to_owned(), |mode| format!("{id}={mode}")))
}

/// A bare word that is no region, told before it is parsed: parsing would only
/// find fault with its letters.
fn plain(estate: &Estate, word: &str, regions: &[Name<'_>]) -> Result<(), Problem> {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    if name.contains(':') || meant(name, regions).is_some() {
        return Ok(());
    }
    let other = DomainKind::ALL.into_iter().find(|kind| of_kind(estate, *kind).iter().any(|id| id == name));
    match other {
        Some(kind) => {
            let kind = kind.as_str();
            Err(wrong(clean_line(name), format!("a bare word names a region, and this is a {kind}"))
                .next(format!("write {kind}:{name}")))
        }
        None => Err(unknown("region", name, regions)),
    }
}

/// The ids of a kind of domain that the estate declares.
fn of_kind(estate: &Estate, kind: DomainKind) -> Vec<String> {
    let text = |id: &dyn std::fmt::Display| id.to_string();
    let mut all: Vec<String> = match kind {
        DomainKind::Region => estate.regions.iter().map(|r| text(&r.id)).collect(),
        DomainKind::Store => estate.stores.iter().map(|s| text(&s.id)).collect(),
        DomainKind::Account => estate.accounts.iter().map(|a| text(&a.id)).collect(),
        DomainKind::Domain => estate.domains.iter().map(|d| text(&d.id)).collect(),
        DomainKind::Organisation => estate.accounts.iter().filter_map(|a| a.organisation.clone()).collect(),
        DomainKind::Provider => {
            let regions = estate.regions.iter().filter_map(|r| r.provider.clone());
            regions.chain(estate.accounts.iter().filter_map(|a| a.provider.clone())).collect()
        }
        DomainKind::Asset => {
            let of = |w: &Workload| w.assets.iter().map(|a| format!("{}/{}", w.id, a.id)).collect::<Vec<_>>();
            estate.workloads.iter().flat_map(of).collect()
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|id| seen.insert(id.clone()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::sample;

    fn lost(words: &[&str]) -> Result<String, Problem> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        scenario(&sample::estate(), &words).map(|s| s.to_string())
    }

    #[test]
    fn regions_may_be_called_by_their_names() {
        for (words, meant) in [
            (&["Ireland"][..], "eu-west-1 gone"),
            (&["ireland=impaired"], "eu-west-1 impaired"),
            (&["region:Frankfurt", "store:backups-dub"], "eu-central-1 gone, store:backups-dub gone"),
            (&["Ireland,us-east-1"], "eu-west-1 gone, us-east-1 gone"),
        ] {
            assert_eq!(lost(words).as_deref(), Ok(meant), "{words:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_wrong_usage_and_the_nearest_is_offered() {
        let table = [
            ("eu-wset-1", "did you mean eu-west-1 (Ireland)?"),
            ("Irland", "did you mean eu-west-1 (Ireland)?"),
            ("Mars", "name one of: eu-west-1 (Ireland), eu-central-1 (Frankfurt), us-east-1 (Virginia)"),
            ("store:backups-dup", "did you mean backups-dub?"),
            ("backups-dub", "write store:backups-dub"),
            ("planet:mars", "write eu-west-1, or account:ID=compromised"),
            ("eu-west-1=flooded", "write eu-west-1, or account:ID=compromised"),
            ("account:x", "the estate declares no account yet"),
        ];
        for (word, next) in table {
            let problem = lost(&[word]).unwrap_err();
            assert_eq!(problem.code, Code::USAGE, "{word}");
            assert!(problem.next.contains(next), "{word}: {problem}");
        }
        let estate = sample::estate();
        assert_eq!(workload(&estate, "Checkout").unwrap().id, "checkout");
        let problem = workload(&estate, "chekout").unwrap_err();
        assert_eq!(problem.code, Code::USAGE);
        assert!(problem.next.starts_with("did you mean checkout (Checkout)?"), "{problem}");
        let problem = runbook(&estate, "checkout-failovr").unwrap_err();
        assert!(problem.next.starts_with("did you mean checkout-failover?"), "{problem}");
        assert!(asset(&estate.workloads[0], "nosuch").unwrap_err().next.contains("orders-db"));
    }
}
