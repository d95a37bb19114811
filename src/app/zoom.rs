//! What of a copy's history the points page looks at: from hours to years.

use lifeboat_core::model::{
    CopyReport, Dur, Time,
    timeline::{Span, ZOOMS},
};

/// By default everything, up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Zoom {
    /// A place in `ZOOMS`; `None` shows everything.
    level: Option<usize>,
    /// The right edge; `None` moves along with the clock.
    until: Option<Time>,
}

fn length(level: usize) -> Dur {
    Dur::secs(ZOOMS[level.min(ZOOMS.len() - 1)].1)
}

impl Zoom {
    /// `None` where there is nothing to look at.
    pub fn span(self, report: &CopyReport, now: Time) -> Option<Span> {
        let whole = Span::whole(report, now)?;
        let Some(level) = self.level else { return Some(whole) };
        let to = self.until.map_or(now, |until| until.min(now));
        Some(Span { from: to - length(level), to })
    }
    /// How much is shown, in words.
    pub fn label(self) -> &'static str {
        self.level.map_or("everything", |level| ZOOMS[level.min(ZOOMS.len() - 1)].0)
    }
    pub fn follows_now(self) -> bool {
        self.until.is_none()
    }

    /// Closer, around `focus` where that is in sight. `false` where it cannot be closer.
    pub fn closer(&mut self, report: &CopyReport, now: Time, focus: Option<Time>) -> bool {
        let Some(span) = self.span(report, now) else { return false };
        let level = match self.level {
            Some(0) => return false,
            Some(level) => level - 1,
            None => ZOOMS.iter().rposition(|(_, seconds)| Dur::secs(*seconds) < span.len()).unwrap_or(0),
        };
        let focus = focus.filter(|at| span.from <= *at && *at <= span.to);
        let half = Dur::millis(length(level).as_millis() / 2);
        self.set(level, focus.map_or(span.to, |at| at + half), now);
        true
    }

    /// Wider, around the middle; everything where that is not longer.
    pub fn wider(&mut self, report: &CopyReport, now: Time) -> bool {
        let (Some(level), Some(span)) = (self.level, self.span(report, now)) else { return false };
        let whole = Span::whole(report, now).map_or(Dur::ZERO, Span::len);
        if level + 1 >= ZOOMS.len() || length(level + 1) >= whole {
            *self = Self::default();
            return true;
        }
        let more = Dur::millis((length(level + 1) - length(level)).as_millis() / 2);
        self.set(level + 1, span.to + more, now);
        true
    }

    /// By half of what is shown: earlier where `by` is negative. `false` at an end.
    pub fn shift(&mut self, report: &CopyReport, now: Time, by: i64) -> bool {
        let (Some(level), Some(span)) = (self.level, self.span(report, now)) else { return false };
        let Some(whole) = Span::whole(report, now) else { return false };
        let step = Dur::millis(length(level).as_millis() / 2 * by);
        let to = span.to + step;
        if (by < 0 && to <= whole.from) || (by > 0 && self.until.is_none()) {
            return false;
        }
        self.set(level, to, now);
        true
    }

    fn set(&mut self, level: usize, to: Time, now: Time) {
        *self = Self { level: Some(level), until: Some(to).filter(|to| *to < now) };
    }
}

#[cfg(test)]
mod tests {
    use lifeboat_core::model::Window;

    use super::*;

    fn t(seconds: i64) -> Time {
        Time::UNIX_EPOCH + Dur::secs(seconds)
    }
    /// Two years of windows up to now.
    fn report(now: Time) -> CopyReport {
        let windows = vec![Window { from: now - Dur::secs(730 * 86_400), to: now }];
        CopyReport { windows, ..CopyReport::default() }
    }

    #[test]
    fn it_goes_from_years_to_an_hour_and_back_to_everything() {
        let now = t(2_000_000_000);
        let report = report(now);
        let mut zoom = Zoom::default();
        assert_eq!(zoom.label(), "everything");
        let mut seen = Vec::new();
        while zoom.closer(&report, now, None) {
            seen.push(zoom.label());
        }
        let all = ["1 year", "3 months", "1 month", "1 week", "3 days", "1 day", "6 hours", "1 hour"];
        assert_eq!(seen, all);
        assert!(zoom.follows_now());
        assert_eq!(zoom.span(&report, now + Dur::secs(9)).unwrap().to, now + Dur::secs(9));
        while zoom.wider(&report, now) {}
        assert_eq!(zoom, Zoom::default());
    }

    #[test]
    fn it_closes_in_on_what_is_selected_and_moves_from_end_to_end() {
        let now = t(2_000_000_000);
        let report = report(now);
        let mut zoom = Zoom::default();
        let focus = now - Dur::secs(400 * 86_400);
        zoom.closer(&report, now, Some(focus));
        zoom.closer(&report, now, Some(focus));
        let span = zoom.span(&report, now).unwrap();
        assert_eq!(Dur::between(span.from, focus).as_millis(), span.len().as_millis() / 2);
        assert!(!zoom.follows_now());
        let mut steps = 0;
        while zoom.shift(&report, now, 1) {
            steps += 1;
        }
        assert!(zoom.follows_now() && steps > 3, "{steps}");
        while zoom.shift(&report, now, -1) {}
        assert!(zoom.span(&report, now).unwrap().to > now - Dur::secs(730 * 86_400), "something is in sight");
    }

    #[test]
    fn nothing_to_see_is_nothing_to_move() {
        let (mut zoom, empty) = (Zoom::default(), CopyReport::default());
        assert!(
            !zoom.closer(&empty, t(0), None) && !zoom.wider(&empty, t(0)) && !zoom.shift(&empty, t(0), 1)
        );
        assert_eq!(zoom.span(&empty, t(0)), None);
    }
}
