//! What a program said: held to its schema, then to sense. Pure.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_core::model::{CopyReport, Gap, Point, PointKind, PointState, Time, Window, clean_line};
use serde::Deserialize;

use crate::catalog::Cx;

const VERSION: u64 = 1;
const MAX_POINTS: usize = 100_000;
const MAX_SPANS: usize = 10_000;
const MAX_NOTES: usize = 50;
/// Of a name, a reason, a note; longer ones are cut, names refused.
const MAX_TEXT: usize = 1_000;
/// No store holds more: 2^60 bytes.
const MAX_SIZE: u64 = 1 << 60;

/// Unknown keys are refused: a misspelled one would be one that is missing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// Looked at before anything else.
    #[serde(rename = "version")]
    _version: u64,
    points: Vec<SaidPoint>,
    #[serde(default)]
    windows: Vec<SaidWindow>,
    #[serde(default)]
    gaps: Vec<SaidGap>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidPoint {
    id: String,
    kind: Option<PointKind>,
    started_at: Option<Time>,
    completed_at: Option<Time>,
    size_bytes: Option<u64>,
    state: PointState,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidWindow {
    from: Time,
    to: Time,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidGap {
    from: Option<Time>,
    to: Option<Time>,
    #[serde(default)]
    first_missing: String,
    #[serde(default)]
    last_missing: String,
    detail: String,
}

/// The report and the program's notes. Errors: why it is not believed.
pub(super) fn understand(bytes: &[u8], cx: &Cx) -> Result<(CopyReport, Vec<String>), String> {
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    // a later version may differ in everything else
    match serde_json::from_slice(bytes) {
        Ok(Version { version: VERSION }) => {}
        Ok(Version { version }) => return Err(format!("it is of version {version}; only {VERSION} is read")),
        Err(e) => {
            return Err(format!(
                "it is no JSON with a version: {}",
                e.to_string().chars().take(200).collect::<String>()
            ));
        }
    }
    let said: Said =
        serde_json::from_slice(bytes).map_err(|e| e.to_string().chars().take(300).collect::<String>())?;
    if said.points.len() > MAX_POINTS || said.windows.len() > MAX_SPANS || said.gaps.len() > MAX_SPANS {
        return Err(format!("it holds more than {MAX_POINTS} points, or {MAX_SPANS} windows or gaps"));
    }
    let mut points = Vec::with_capacity(said.points.len());
    let mut known = BTreeSet::new();
    for point in said.points {
        let point = sensible(point, cx)?;
        if !known.insert(point.id.clone()) {
            return Err(format!("two points are called {:?}", point.id));
        }
        points.push(point);
    }
    break_chains(&mut points);
    let windows = said.windows.into_iter().map(|window| window.sensible(cx)).collect::<Result<_, _>>()?;
    let gaps = said.gaps.into_iter().map(SaidGap::sensible).collect::<Result<_, _>>()?;
    let notes = said.notes.iter().take(MAX_NOTES).map(|note| text(note)).collect();
    Ok((CopyReport { points, windows, gaps, ..CopyReport::default() }, notes))
}

fn text(of: &str) -> String {
    clean_line(&of.chars().take(MAX_TEXT).collect::<String>())
}

fn name(of: &str) -> Result<String, String> {
    match of.trim().is_empty() || of.len() > MAX_TEXT {
        true => Err(format!("a name is empty or has more than {MAX_TEXT} bytes")),
        false => Ok(clean_line(of)),
    }
}

fn sensible(said: SaidPoint, cx: &Cx) -> Result<Point, String> {
    let id = name(&said.id)?;
    if said.size_bytes.is_some_and(|size| size > MAX_SIZE) {
        return Err(format!("{id} has a size that nothing has"));
    }
    if [said.started_at, said.completed_at].into_iter().flatten().any(|at| at < Time::UNIX_EPOCH) {
        return Err(format!("{id} is dated before 1970"));
    }
    let backwards = matches!((said.started_at, said.completed_at), (Some(start), Some(end)) if start > end);
    if backwards {
        return Err(format!("{id} completed before it started"));
    }
    let depends_on = said.depends_on.iter().map(|of| name(of)).collect::<Result<_, _>>()?;
    let (state, reason) = match (said.state, said.completed_at) {
        (PointState::Usable, None) => {
            (PointState::Unverified, "the program does not say when it completed".to_owned())
        }
        (PointState::Usable, Some(at)) if cx.is_future(at) => {
            (PointState::Suspect, "it says that it completed in the future".to_owned())
        }
        (PointState::Usable, Some(_)) => (PointState::Usable, String::new()),
        (state, _) if said.reason.trim().is_empty() => (state, "the program says so, and not why".to_owned()),
        (state, _) => (state, text(&said.reason)),
    };
    Ok(Point {
        id,
        kind: said.kind.unwrap_or(PointKind::Snapshot),
        started_at: said.started_at,
        completed_at: said.completed_at,
        size_bytes: said.size_bytes,
        packed: None,
        state,
        reason,
        depends_on,
    })
}

/// A point is no better than what it needs, however long the chain.
fn break_chains(points: &mut [Point]) {
    let place: BTreeMap<&str, usize> = points.iter().enumerate().map(|(n, p)| (&*p.id, n)).collect();
    let mut needed_by = vec![Vec::new(); points.len()];
    let mut broken = Vec::new();
    let mut waits = vec![0_usize; points.len()];
    for (n, point) in points.iter().enumerate() {
        for of in &point.depends_on {
            match place.get(&**of) {
                Some(m) => {
                    needed_by[*m].push(n);
                    waits[n] += 1;
                }
                None => broken.push((n, format!("it needs {of}, which is not listed"))),
            }
        }
    }
    // from those that need nothing; what is never reached needs itself
    let mut reached: Vec<usize> = (0..points.len()).filter(|n| waits[*n] == 0).collect();
    while let Some(n) = reached.pop() {
        for m in &needed_by[n] {
            waits[*m] -= 1;
            if waits[*m] == 0 {
                reached.push(*m);
            }
        }
    }
    let circle = (0..points.len()).filter(|n| waits[*n] > 0);
    broken.extend(circle.map(|n| (n, "what it needs goes round in a circle".to_owned())));
    let because = |point: &Point| format!("it needs {}, which is {}", point.id, point.state.as_str());
    for (n, point) in points.iter().enumerate().filter(|(_, p)| p.state != PointState::Usable) {
        broken.extend(needed_by[n].iter().map(|m| (*m, because(point))));
    }
    while let Some((n, reason)) = broken.pop() {
        if points[n].state == PointState::Usable {
            (points[n].state, points[n].reason) = (PointState::BrokenChain, reason);
            let reason = because(&points[n]);
            broken.extend(needed_by[n].iter().map(|m| (*m, reason.clone())));
        }
    }
}

impl SaidWindow {
    fn sensible(self, cx: &Cx) -> Result<Window, String> {
        match () {
            () if self.from > self.to => Err(format!("a window ends before it begins, at {}", self.from)),
            () if self.from < Time::UNIX_EPOCH => Err("a window begins before 1970".to_owned()),
            () if cx.is_future(self.to) => Err(format!("a window ends in the future, at {}", self.to)),
            () => Ok(Window { from: self.from, to: self.to }),
        }
    }
}

impl SaidGap {
    fn sensible(self) -> Result<Gap, String> {
        if matches!((self.from, self.to), (Some(from), Some(to)) if from > to) {
            return Err("a gap ends before it begins".to_owned());
        }
        Ok(Gap {
            from: self.from,
            to: self.to,
            first_missing: text(&self.first_missing),
            last_missing: text(&self.last_missing),
            detail: text(&self.detail),
        })
    }
}
