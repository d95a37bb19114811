//! Ages in words, in steps coarse enough that a calm screen stays still.

use chrono::{NaiveTime, SubsecRound};
use lifeboat_core::model::{Dur, Time};

/// Ages jump at these lengths: below ten seconds all is now, then by ten
/// seconds, minutes, hours, days.
const STEPS: [(i64, i64); 4] = [(60, 10), (3_600, 60), (86_400, 3_600), (i64::MAX, 86_400)];

fn step(seconds: i64) -> i64 {
    STEPS.iter().find(|(below, _)| seconds < *below).map_or(86_400, |(_, step)| *step)
}

/// `now`, `20s`, `3m`, `5h`, `2d`.
pub fn age_label(at: Time, now: Time) -> String {
    let seconds = Dur::between(at, now).as_millis().max(0) / 1_000;
    match seconds {
        0..=9 => "now".into(),
        10..=59 => format!("{}s", seconds / 10 * 10),
        60..=3_599 => format!("{}m", seconds / 60),
        3_600..=86_399 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// When `age_label` next says something else.
pub fn next_age_change(at: Time, now: Time) -> Time {
    let seconds = Dur::between(at, now).as_millis().max(0) / 1_000;
    let step = step(seconds);
    at + Dur::secs((seconds / step + 1) * step)
}

/// An instant as a person writes it: `now`, `5m ago`, `14:03` or `14:03:20`
/// (the latest such time of day, UTC), or RFC 3339.
pub fn instant(text: &str, now: Time) -> Result<Time, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Some(ago) = text.strip_suffix("ago") {
        let span: Dur = ago.trim().parse().map_err(|e| format!("{e}"))?;
        return Ok(now - span);
    }
    let clock = ["%H:%M:%S", "%H:%M"].iter().find_map(|f| NaiveTime::parse_from_str(text, f).ok());
    if let Some(clock) = clock {
        let today = now.date_naive().and_time(clock).and_utc();
        return Ok(if today > now { today - Dur::secs(86_400) } else { today });
    }
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(at.to_utc().trunc_subsecs(3)),
        Err(_) => Err(format!("{text:?} is no instant: write now, 5m ago, 14:03 or 2026-11-22T14:03:00Z")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_changes_exactly_when_it_says() {
        let seen = Time::UNIX_EPOCH;
        for ms in (0..200_000).chain((3_590_000..3_610_000).step_by(100)).step_by(7) {
            let now = seen + Dur::millis(ms);
            let next = next_age_change(seen, now);
            assert!(next > now);
            assert_eq!(age_label(seen, now), age_label(seen, next - Dur::millis(1)), "{ms}");
            assert_ne!(age_label(seen, now), age_label(seen, next), "{ms}");
        }
    }

    #[test]
    fn instants_read_as_people_write_them() {
        let now: Time = "2026-11-22T14:03:20Z".parse().unwrap();
        let table = [
            ("now", "2026-11-22T14:03:20Z"),
            ("5m ago", "2026-11-22T13:58:20Z"),
            ("14:03", "2026-11-22T14:03:00Z"),
            ("23:59:59", "2026-11-21T23:59:59Z"),
            ("2026-11-22T15:00:00+01:00", "2026-11-22T14:00:00Z"),
        ];
        for (text, expected) in table {
            assert_eq!(instant(text, now), Ok(expected.parse().unwrap()), "{text}");
        }
        assert!(instant("yesterday", now).is_err());
    }
}
