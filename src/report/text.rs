//! The same answers for a person who reads a terminal without a dashboard.

use lifeboat_core::assess::{Assessment, State, Verdict};
use lifeboat_core::model::{
    timeline::{self, Cover, Slot, Span},
    *,
};

use super::posture::Read;

/// Columns padded to their widest cell, two blanks between.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |n: usize| rows.iter().filter_map(|r| r.get(n)).map(|c| width(c)).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(widest).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, w)| format!("{cell}{}", " ".repeat(w - width(cell))));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|c| clean_line(c)).collect()
}

fn of(value: Option<Dur>) -> String {
    value.map_or_else(|| "?".to_owned(), |d| d.to_string())
}

pub fn status_text(estate: &Estate, assessment: &Assessment, only: Option<&str>) -> String {
    let mut rows =
        vec![row(["STATE", "WORKLOAD", "HOME", "LOSS NOW", "RPO", "RTO", "IF HOME IS LOST", "WHY"])];
    for w in assessment.workloads.iter().filter(|w| only.is_none_or(|id| w.id == *id)) {
        let label = estate.workload(w.id.as_str()).map_or(w.id.as_str(), Workload::label);
        let home = w.home.as_ref().map_or("?", RegionId::as_str);
        let judged = &w.if_home_lost;
        let to = judged.to.as_ref().map_or(String::new(), |r| format!(" in {r}"));
        let why = w.reasons.first().map(ToString::to_string).unwrap_or_default();
        rows.push(row([
            w.state.as_str(),
            label,
            home,
            &of(w.rpo.actual.upper),
            &of(w.rpo.target),
            &of(w.rto.estimate),
            &format!("{}{to}", judged.verdict),
            &why,
        ]));
    }
    let down = assessment.regions.iter().filter(|r| r.state != State::Ok);
    let regions: Vec<_> = down.map(|r| format!("{} is {}", r.id, r.state.as_str())).collect();
    let regions = if regions.is_empty() { "all regions ok".to_owned() } else { regions.join(", ") };
    format!(
        "{}: {} at {} ({regions})\n\n{}",
        clean_line(&estate.name),
        assessment.worst.as_str(),
        assessment.at.format("%Y-%m-%d %H:%M:%SZ"),
        table(&rows)
    )
}

pub fn what_if_text(estate: &Estate, assessment: &Assessment) -> String {
    let mut rows = vec![row(["VERDICT", "WORKLOAD", "INTO", "LOSS", "TAKES", "WHY"])];
    for w in &assessment.workloads {
        let Some(judged) = &w.verdict else { continue };
        let label = estate.workload(w.id.as_str()).map_or(w.id.as_str(), Workload::label);
        let loss = match (judged.verdict, judged.loss.upper) {
            (Verdict::Unaffected | Verdict::Exposed, _) => "none".to_owned(),
            (_, None) => "unknown".to_owned(),
            (_, Some(upper)) => format!("{} to {upper}", judged.loss.lower),
        };
        let why = judged.told().into_iter().map(ToString::to_string);
        let rejected = judged.rejected.iter().map(|(region, why)| format!("not into {region}: {why}"));
        let into = judged.to.as_ref().map_or("-", RegionId::as_str);
        let why = why.chain(rejected).collect::<Vec<_>>().join("; ");
        rows.push(row([judged.verdict.as_str(), label, into, &loss, &of(judged.rto), &why]));
    }
    format!("If this were lost: {}. Nothing real has happened.\n\n{}", assessment.scenario, table(&rows))
}

/// `length` of the time up to `until` is drawn; all of it, up to now, by default.
pub fn points_text(read: &[Read], length: Option<Dur>, until: Option<Time>) -> String {
    let mut out = String::new();
    for one in read {
        out += &format!("{}/{} in {} ({})\n", one.key.workload, one.key.asset, one.def.store, one.def.format);
        match one.report {
            Err(problem) => out += &format!("  {problem}\n\n"),
            Ok(report) => out += &points_of(report, one.at, length, until),
        }
    }
    out
}

fn points_of(report: &CopyReport, now: Time, length: Option<Dur>, until: Option<Time>) -> String {
    let mut rows = vec![row(["  POINT", "KIND", "COMPLETED", "AGE", "SIZE", "STATE", "WHY"])];
    for p in &report.points {
        let at = p.completed_at.map_or("-".to_owned(), |t| t.format("%Y-%m-%d %H:%M:%SZ").to_string());
        let age = p.completed_at.map_or("-".to_owned(), |t| Dur::between(t, now).to_string());
        let size = p.size_bytes.map_or("-".to_owned(), |s| Size(s).to_string());
        rows.push(row([
            &format!("  {}", p.id),
            p.kind.as_str(),
            &at,
            &age,
            &size,
            p.state.as_str(),
            &p.reason,
        ]));
    }
    let mut out = table(&rows);
    let span =
        |w: &Window| format!("  any instant from {} to {}\n", w.from.format("%F %TZ"), w.to.format("%F %TZ"));
    out.extend(report.windows.iter().map(span));
    out.extend(report.gaps.iter().map(|g| format!("  gap: {}\n", clean_line(&g.detail))));
    out.extend(report.notes.iter().map(|n| format!("  note: {n}\n")));
    if let Some(whole) = Span::whole(report, now) {
        let to = until.map_or(now, |until| until.min(now));
        out += &drawn(report, Span { from: length.map_or(whole.from, |length| to - length), to });
    }
    out + "\n"
}

/// Columns of a timeline in text.
const WIDE: usize = 76;

/// The timeline of the points page in plain signs, and what cannot be restored in words.
fn drawn(report: &CopyReport, span: Span) -> String {
    if span.is_empty() {
        return String::new();
    }
    let all = timeline::slots(report, span, WIDE);
    let point = |s: &Slot| match (s.usable, s.other) {
        (0, 0) => ' ',
        (0, _) => 'x',
        (_, 0) => 'o',
        _ => '!',
    };
    let instant = |s: &Slot| match (s.cover, s.gap) {
        (Cover::Whole, _) => '#',
        (_, true) => 'X',
        (Cover::Part, _) => '=',
        (Cover::Nothing, _) => '-',
    };
    let mut labels = String::new();
    for tick in timeline::ticks(span, WIDE, 12) {
        labels.push_str(&" ".repeat(tick.slot.saturating_sub(labels.len())));
        labels.push('|');
        labels.push_str(&tick.text);
    }
    let points = all.iter().map(point).collect::<String>();
    let mut out = format!(
        "\n  {} to {}\n  {}\n  {}\n  {}\n  o good point, x other, # any instant, = partly, X missing, - nothing between points\n",
        span.from.format("%F %TZ"),
        span.to.format("%F %TZ"),
        points.trim_end(),
        all.iter().map(instant).collect::<String>(),
        labels.trim_end(),
    );
    for gone in timeline::unrestorable(report, span) {
        let why = match (gone.why, gone.points) {
            (Some(why), _) => clean_line(&why),
            (None, 0) => "nothing was kept of it".to_owned(),
            (None, points) => format!("only the {points} points in it"),
        };
        let (from, to) = (gone.from.format("%F %TZ"), gone.to.format("%F %TZ"));
        out +=
            &format!("  not any instant from {from} to {to} ({}): {why}\n", Dur::between(gone.from, gone.to));
    }
    out
}
