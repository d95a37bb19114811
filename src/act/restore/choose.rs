//! Which point of which copy is restored, from what the copies hold.

use lifeboat_core::model::*;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    Newest,
    Point(String),
    At(Time),
}

/// One point of one copy, and how far its log is replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Place in the list of copies.
    pub copy: usize,
    pub id: String,
    pub size_bytes: Option<u64>,
    /// The instant that the restore lands on.
    pub lands: Option<Time>,
    pub log: Log,
}

/// What of the log behind a point is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Only what makes the point whole.
    None,
    Until(Time),
    All,
}

/// From the copies that could be read, by their places.
pub fn choose(reports: &[(usize, CopyReport)], wanted: &Wanted) -> Result<Chosen, String> {
    match wanted {
        Wanted::Point(id) => by_id(reports, id),
        Wanted::Newest => {
            let good = reports.iter().filter_map(|(n, r)| newest(*n, r));
            good.max_by_key(|c| c.lands).ok_or_else(|| none(reports, "no point is usable"))
        }
        Wanted::At(at) => {
            let fit = reports.iter().filter_map(|(n, r)| until(*n, r, *at));
            fit.max_by_key(|c| c.lands).ok_or_else(|| none(reports, &format!("nothing usable reaches {at}")))
        }
    }
}

fn none(reports: &[(usize, CopyReport)], why: &str) -> String {
    let newest = reports.iter().filter_map(|(_, r)| r.points.first()).max_by_key(|p| p.completed_at);
    match newest {
        Some(p) => format!("{why}; the newest is {}, {}: {}", p.id, p.state.as_str(), clean_line(&p.reason)),
        None => format!("{why}: the copies that could be read hold no point"),
    }
}

fn chosen(copy: usize, point: &Point, lands: Option<Time>, log: Log) -> Chosen {
    Chosen { copy, id: point.id.clone(), size_bytes: point.size_bytes, lands, log }
}

/// A whole name, the beginning of only one, or a longer form of one: restic
/// goes by the first eight digits as well as by all of them.
fn by_id(reports: &[(usize, CopyReport)], id: &str) -> Result<Chosen, String> {
    let all = || reports.iter().flat_map(|(n, r)| r.points.iter().map(move |p| (*n, p)));
    let exact: Vec<_> = all().filter(|(_, p)| p.id == id).collect();
    let alike = |p: &Point| p.id.starts_with(id) || id.starts_with(&p.id);
    let begins = || all().filter(|(_, p)| id.len().min(p.id.len()) >= 8 && alike(p)).collect();
    let found = if exact.is_empty() { begins() } else { exact };
    let different = found.iter().any(|(_, p)| p.id != found[0].1.id);
    // The same point may lie in several copies.
    let best = found.iter().min_by_key(|(n, p)| (p.state, *n));
    match best {
        None => Err(format!("no copy that could be read holds a point {id}")),
        Some(_) if different => Err(format!("{id} is the beginning of several points")),
        Some((n, p)) => match p.state {
            PointState::Usable | PointState::Suspect | PointState::Unverified => {
                Ok(chosen(*n, p, p.completed_at, Log::None))
            }
            state => Err(format!("{} is {}: {}", p.id, state.as_str(), clean_line(&p.reason))),
        },
    }
}

fn usable(report: &CopyReport) -> impl Iterator<Item = (&Point, Time)> {
    let usable = report.points.iter().filter(|p| p.state == PointState::Usable);
    usable.filter_map(|p| Some((p, p.completed_at?)))
}

fn newest(n: usize, report: &CopyReport) -> Option<Chosen> {
    let good = report.summary().last_good?;
    let (point, completed) = usable(report).find(|(p, _)| p.id == good.id)?;
    let log = if good.at > completed { Log::All } else { Log::None };
    Some(chosen(n, point, Some(good.at), log))
}

fn until(n: usize, report: &CopyReport, at: Time) -> Option<Chosen> {
    let (point, completed) = usable(report).filter(|(_, t)| *t <= at).max_by_key(|(_, t)| *t)?;
    let through = |w: &&Window| w.from <= completed && at <= w.to;
    match report.windows.iter().any(|w| through(&w)) {
        true => Some(chosen(n, point, Some(at), Log::Until(at))),
        false => Some(chosen(n, point, Some(completed), Log::None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(s: i64) -> Time {
        Time::UNIX_EPOCH + Dur::secs(s)
    }
    fn report(points: &[(&str, i64, PointState)], windows: &[(i64, i64)]) -> CopyReport {
        let point = |(id, at, state): &(&str, i64, PointState)| Point {
            id: (*id).to_owned(),
            kind: PointKind::Full,
            started_at: None,
            completed_at: Some(t(*at)),
            size_bytes: None,
            packed: None,
            state: *state,
            reason: "why".to_owned(),
            depends_on: Vec::new(),
        };
        let windows = windows.iter().map(|(a, b)| Window { from: t(*a), to: t(*b) });
        let mut report = CopyReport {
            points: points.iter().map(point).collect(),
            windows: windows.collect(),
            ..CopyReport::default()
        };
        report.sort();
        report
    }
    use PointState::{BrokenChain, Unverified, Usable};

    #[test]
    fn a_restore_lands_as_near_as_what_is_there_allows() {
        let logged = report(
            &[("full-0000", 10, Usable), ("incr-0001", 20, Usable), ("later", 60, BrokenChain)],
            &[(10, 50)],
        );
        let plain =
            report(&[("snapshot-a", 15, Usable), ("snapshot-b", 44, Usable), ("odd", 70, Unverified)], &[]);
        let all = [(0, logged), (1, plain)];
        let of = |wanted: Wanted| choose(&all, &wanted).map(|c| (c.copy, c.id, c.lands, c.log));
        let table = [
            (Wanted::Newest, (0, "incr-0001", 50, Log::All)),
            (Wanted::At(t(30)), (0, "incr-0001", 30, Log::Until(t(30)))),
            (Wanted::At(t(12)), (0, "full-0000", 12, Log::Until(t(12)))),
            (Wanted::At(t(99)), (1, "snapshot-b", 44, Log::None)),
            (Wanted::Point("full-0000".into()), (0, "full-0000", 10, Log::None)),
            (Wanted::Point("odd".into()), (1, "odd", 70, Log::None)),
            (Wanted::Point("full-0000-in-full".into()), (0, "full-0000", 10, Log::None)),
        ];
        for (wanted, (copy, id, lands, log)) in table {
            assert_eq!(of(wanted.clone()), Ok((copy, id.to_owned(), Some(t(lands)), log)), "{wanted:?}");
        }
        for (wanted, said) in [
            (Wanted::At(t(5)), "nothing usable reaches"),
            (Wanted::Point("later".into()), "broken_chain: why"),
            (Wanted::Point("snapshot".into()), "several points"),
            (Wanted::Point("nothing".into()), "no copy"),
        ] {
            let why = of(wanted.clone()).unwrap_err();
            assert!(why.contains(said), "{wanted:?}: {why}");
        }
        assert!(choose(&[], &Wanted::Newest).unwrap_err().contains("hold no point"));
    }
}
