//! A span of time cut into equal slots, with what of each can be restored: the
//! same picture for the screen and for scripts that print text.

use chrono::{DateTime, Datelike, Days, Months, NaiveTime, Utc};

use super::{CopyReport, Dur, Point, PointState, Time, Window};

/// How much of a slot lies in windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cover {
    Nothing,
    Part,
    Whole,
}

/// One column of a timeline: from `from` up to the next slot's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub from: Time,
    pub cover: Cover,
    /// Whether a gap that the reader named reaches into it.
    pub gap: bool,
    /// Points that completed in it, usable and otherwise.
    pub usable: u32,
    pub other: u32,
}

/// Instants between `from` and `to`, ends left out, that cannot be restored.
#[derive(Debug, Clone, PartialEq)]
pub struct Unrestorable {
    pub from: Time,
    pub to: Time,
    /// What is missing, where the reader named it; else there is nothing but
    /// the points themselves.
    pub why: Option<String>,
    /// Usable points inside, each of which can be restored for itself.
    pub points: usize,
}

/// What is looked at: from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Time,
    pub to: Time,
}

impl Span {
    /// All that a copy has to show, up to now.
    pub fn whole(report: &CopyReport, now: Time) -> Option<Self> {
        let windows = report.windows.iter().flat_map(|w| [w.from, w.to]);
        let points = report.points.iter().filter_map(instant);
        let gaps = report.gaps.iter().flat_map(|g| [g.from, g.to]).flatten();
        let from = windows.chain(points).chain(gaps).min()?;
        Some(Self { from: from.min(now - Dur::secs(60)), to: now })
    }
    pub fn len(self) -> Dur {
        Dur::between(self.from, self.to)
    }
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }
    /// The instant at which slot `n` of `slots` begins.
    fn at(self, n: usize, slots: usize) -> Time {
        let millis = i128::from(self.len().as_millis()) * n as i128 / slots.max(1) as i128;
        self.from + Dur::millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
    /// The slot that an instant lies in.
    pub fn slot(self, at: Time, slots: usize) -> Option<usize> {
        if slots == 0 || self.is_empty() || at < self.from || at > self.to {
            return None;
        }
        let past = i128::from(Dur::between(self.from, at).as_millis());
        let n = past * slots as i128 / i128::from(self.len().as_millis().max(1));
        usize::try_from(n).ok().map(|n| n.min(slots - 1))
    }
}

/// When a point counts on a timeline: its completion, else its start.
fn instant(point: &Point) -> Option<Time> {
    point.completed_at.or(point.started_at)
}

/// Windows without overlaps, oldest first.
fn joined(windows: &[Window]) -> Vec<Window> {
    let mut sorted = windows.to_vec();
    sorted.sort_by_key(|w| (w.from, w.to));
    let mut all: Vec<Window> = Vec::with_capacity(sorted.len());
    for window in sorted {
        match all.last_mut() {
            Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
            _ => all.push(window),
        }
    }
    all
}

/// A span cut into `slots` columns.
pub fn slots(report: &CopyReport, span: Span, slots: usize) -> Vec<Slot> {
    if span.is_empty() {
        return Vec::new();
    }
    let windows = joined(&report.windows);
    let blank = |n| Slot { from: span.at(n, slots), cover: Cover::Nothing, gap: false, usable: 0, other: 0 };
    let mut all: Vec<Slot> = (0..slots).map(blank).collect();
    for (n, slot) in all.iter_mut().enumerate() {
        let (from, to) = (slot.from, span.at(n + 1, slots));
        // The first window that does not end before the slot begins.
        let at = windows.partition_point(|w| w.to < from);
        slot.cover = match windows.get(at) {
            Some(w) if w.from <= from && w.to >= to => Cover::Whole,
            Some(w) if w.from < to => Cover::Part,
            _ => Cover::Nothing,
        };
    }
    for gap in &report.gaps {
        let (from, to) = (gap.from.unwrap_or(span.from), gap.to.unwrap_or(span.to));
        let shown = (from.max(span.from), to.min(span.to));
        if shown.0 <= shown.1
            && let (Some(first), Some(last)) = (span.slot(shown.0, slots), span.slot(shown.1, slots))
        {
            all[first..=last].iter_mut().for_each(|slot| slot.gap = true);
        }
    }
    for point in &report.points {
        if let Some(n) = instant(point).and_then(|at| span.slot(at, slots)) {
            let count = match point.state {
                PointState::Usable => &mut all[n].usable,
                _ => &mut all[n].other,
            };
            *count = count.saturating_add(1);
        }
    }
    all
}

/// What of a span lies in no window, oldest first.
pub fn unrestorable(report: &CopyReport, span: Span) -> Vec<Unrestorable> {
    let mut all = Vec::new();
    let mut from = span.from;
    let end = Window { from: span.to, to: span.to };
    for window in joined(&report.windows).into_iter().filter(|w| w.to >= span.from).chain([end]) {
        let to = window.from.min(span.to);
        if to > from {
            all.push(between(report, from, to));
        }
        from = from.max(window.to);
        if from >= span.to {
            break;
        }
    }
    all
}

fn between(report: &CopyReport, from: Time, to: Time) -> Unrestorable {
    let here = |at: Option<Time>, open: Time| at.unwrap_or(open);
    let why = report.gaps.iter().find(|g| here(g.from, from) < to && here(g.to, to) > from);
    let why = why.map(|g| match (g.first_missing.as_str(), g.last_missing.as_str()) {
        ("", _) => g.detail.clone(),
        (first, last) if first == last || last.is_empty() => format!("{}, {first}", g.detail),
        (first, last) => format!("{}, {first} to {last}", g.detail),
    });
    let usable = |p: &&Point| p.state == PointState::Usable;
    let inside = |p: &&Point| p.completed_at.is_some_and(|at| at > from && at < to);
    Unrestorable { from, to, why, points: report.points.iter().filter(usable).filter(inside).count() }
}

/// The spans that a timeline steps through, shortest first; beyond the last
/// everything is shown.
pub const ZOOMS: [(&str, i64); 10] = [
    ("1 hour", 3_600),
    ("6 hours", 6 * 3_600),
    ("1 day", 86_400),
    ("3 days", 3 * 86_400),
    ("1 week", 7 * 86_400),
    ("1 month", 30 * 86_400),
    ("3 months", 91 * 86_400),
    ("1 year", 365 * 86_400),
    ("3 years", 3 * 365 * 86_400),
    ("10 years", 3_652 * 86_400),
];

/// A label below a timeline, at a round instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    pub slot: usize,
    pub text: String,
}

/// How far apart labels may stand.
#[derive(Debug, Clone, Copy)]
enum Step {
    Seconds(i64),
    Days(u64),
    Months(u32),
}

const STEPS: [Step; 19] = [
    Step::Seconds(1),
    Step::Seconds(10),
    Step::Seconds(60),
    Step::Seconds(300),
    Step::Seconds(900),
    Step::Seconds(1_800),
    Step::Seconds(3_600),
    Step::Seconds(3 * 3_600),
    Step::Seconds(6 * 3_600),
    Step::Seconds(12 * 3_600),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(60),
    Step::Months(240),
];

impl Step {
    fn seconds(self) -> i64 {
        match self {
            Self::Seconds(s) => s,
            Self::Days(days) => days as i64 * 86_400,
            Self::Months(months) => i64::from(months) * 30 * 86_400,
        }
    }
    /// The last round instant that is not after `at`.
    fn floor(self, at: Time) -> Option<Time> {
        let midnight = |date: chrono::NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        match self {
            Self::Seconds(s) => DateTime::from_timestamp(at.timestamp().div_euclid(s) * s, 0),
            Self::Days(days) => {
                let past = at.date_naive().num_days_from_ce() as u64 % days;
                Some(midnight(at.date_naive().checked_sub_days(Days::new(past))?))
            }
            Self::Months(months) => {
                let since = (at.year() as u32).checked_mul(12)? + at.month0();
                let first = since / months * months;
                let date = chrono::NaiveDate::from_ymd_opt((first / 12) as i32, first % 12 + 1, 1)?;
                Some(midnight(date))
            }
        }
    }
    fn next(self, at: Time) -> Option<Time> {
        match self {
            Self::Seconds(s) => at.checked_add_signed(chrono::Duration::seconds(s)),
            Self::Days(days) => at.checked_add_days(Days::new(days)),
            Self::Months(months) => at.checked_add_months(Months::new(months)),
        }
    }
    /// The part of an instant that changes from label to label; its date where a day begins.
    fn text(self, at: DateTime<Utc>) -> String {
        let form = match self {
            Self::Seconds(s) if s < 60 => "%H:%M:%S",
            Self::Seconds(_) if at.time() == NaiveTime::MIN => "%b %d",
            Self::Seconds(_) => "%H:%M",
            Self::Days(_) => "%b %d",
            Self::Months(months) if months < 12 && at.month() > 1 => "%b",
            Self::Months(_) => "%Y",
        };
        at.format(form).to_string()
    }
}

/// Labels at round instants (UTC), none closer than `apart` slots to the one before.
pub fn ticks(span: Span, slots: usize, apart: usize) -> Vec<Tick> {
    let room = (slots / apart.max(1)).max(1) as i64;
    let each = span.len().as_millis() / 1_000 / room;
    let step = STEPS.iter().find(|s| s.seconds() > each).unwrap_or(&STEPS[STEPS.len() - 1]);
    let mut all: Vec<Tick> = Vec::new();
    let mut at = step.floor(span.from);
    while let Some(now) = at.filter(|now| *now <= span.to) {
        let far = |slot: usize| all.last().is_none_or(|before| slot >= before.slot + apart);
        if let Some(slot) = span.slot(now, slots).filter(|slot| far(*slot)) {
            all.push(Tick { slot, text: step.text(now) });
        }
        at = step.next(now);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Gap, PointKind};

    fn t(seconds: i64) -> Time {
        Time::UNIX_EPOCH + Dur::secs(seconds)
    }
    fn point(at: i64, state: PointState) -> Point {
        Point {
            id: format!("p{at}"),
            kind: PointKind::Full,
            started_at: None,
            completed_at: Some(t(at)),
            size_bytes: None,
            packed: None,
            state,
            reason: String::new(),
            depends_on: Vec::new(),
        }
    }
    /// Windows 100–300 and 500–900, a named gap between them.
    fn report() -> CopyReport {
        let gap = Gap {
            from: Some(t(300)),
            to: Some(t(500)),
            first_missing: "2A".to_owned(),
            last_missing: "2C".to_owned(),
            detail: "3 segments are lost".to_owned(),
        };
        CopyReport {
            points: vec![
                point(100, PointState::Usable),
                point(400, PointState::Failed),
                point(500, PointState::Usable),
                point(950, PointState::Usable),
            ],
            windows: vec![Window { from: t(500), to: t(900) }, Window { from: t(100), to: t(300) }],
            gaps: vec![gap],
            ..CopyReport::default()
        }
    }
    fn span(from: i64, to: i64) -> Span {
        Span { from: t(from), to: t(to) }
    }

    #[test]
    fn each_slot_says_what_of_it_can_be_restored() {
        let drawn = slots(&report(), span(0, 1_000), 10);
        let covers: Vec<_> = drawn.iter().map(|s| s.cover).collect();
        use Cover::*;
        assert_eq!(covers, [Nothing, Whole, Whole, Part, Nothing, Whole, Whole, Whole, Whole, Part]);
        let gaps: Vec<_> = drawn.iter().enumerate().filter(|(_, s)| s.gap).map(|(n, _)| n).collect();
        assert_eq!(gaps, [3, 4, 5]);
        let counts: Vec<_> = drawn.iter().map(|s| (s.usable, s.other)).collect();
        assert_eq!(counts[1], (1, 0));
        assert_eq!(counts[4], (0, 1));
        assert_eq!((counts[5], counts[9]), ((1, 0), (1, 0)));
    }

    #[test]
    fn what_cannot_be_restored_is_told_with_what_is_missing() {
        let all = unrestorable(&report(), span(0, 1_000));
        let told: Vec<_> = all.iter().map(|u| (u.from, u.to, u.why.as_deref(), u.points)).collect();
        assert_eq!(
            told,
            [
                (t(0), t(100), None, 0),
                (t(300), t(500), Some("3 segments are lost, 2A to 2C"), 0),
                (t(900), t(1_000), None, 1),
            ]
        );
        assert!(unrestorable(&report(), span(510, 890)).is_empty(), "inside one window");
        let none = unrestorable(&CopyReport::default(), span(0, 10));
        assert_eq!(none.len(), 1);
    }

    #[test]
    fn slots_and_sentences_agree_on_every_instant() {
        let report = report();
        for (from, to, count) in [(0, 1_000, 7), (250, 520, 13), (100, 900, 200), (899, 901, 3)] {
            let span = span(from, to);
            let bad = unrestorable(&report, span);
            for slot in slots(&report, span, count) {
                let touched = bad.iter().any(|u| u.from <= slot.from && slot.from < u.to);
                assert!(!touched || slot.cover != Cover::Whole, "{slot:?} in {span:?}");
            }
        }
    }

    #[test]
    fn labels_stand_at_round_instants_from_hours_to_years() {
        let day = Time::UNIX_EPOCH + Dur::secs(20_000 * 86_400 + 5_000);
        for (name, seconds) in ZOOMS {
            let span = Span { from: day - Dur::secs(seconds), to: day };
            for wide in [20, 60, 180] {
                let all = ticks(span, wide, 10);
                assert!(!all.is_empty() || wide == 20, "{name} over {wide}");
                assert!(all.windows(2).all(|w| w[1].slot >= w[0].slot + 10), "{name} over {wide}: {all:?}");
            }
        }
        let hour = Span { from: t(3_600 * 10 + 60), to: t(3_600 * 11 + 60) };
        let texts: Vec<_> = ticks(hour, 60, 10).into_iter().map(|t| t.text).collect();
        assert_eq!(texts, ["10:15", "10:30", "10:45", "11:00"]);
    }

    #[test]
    fn an_empty_or_backward_span_draws_nothing() {
        assert!(slots(&report(), span(10, 10), 5).is_empty());
        assert!(slots(&report(), span(10, 0), 5).is_empty());
        assert_eq!(span(0, 10).slot(t(5), 0), None);
        assert_eq!(Span::whole(&CopyReport::default(), t(0)), None);
        assert_eq!(Span::whole(&report(), t(2_000)), Some(span(100, 2_000)));
    }
}
