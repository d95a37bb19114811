//! Times as backup tools write them. Pure.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use lifeboat_core::model::Time;

/// A time that was read: an instant, or what a clock on some wall showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    At(Time),
    Local(NaiveDateTime),
}

/// `2026-11-17 02:00:01.43+00:00`, with `T` as well, with or without an
/// offset; `Tue Nov 17 02:00:01 2026`.
pub fn told(text: &str) -> Option<Told> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(Told::At(at.with_timezone(&Utc)));
    }
    let patterns = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%a %b %e %H:%M:%S %Y"];
    patterns.iter().find_map(|p| NaiveDateTime::parse_from_str(text, p).ok()).map(Told::Local)
}

/// The instant at which clocks in `zone` showed this: the earlier one in the
/// hour that comes twice; in the hour that never was, as if clocks had stayed.
pub fn in_zone(local: NaiveDateTime, zone: Tz) -> Time {
    let hour = chrono::TimeDelta::hours(1);
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => {
            let before = local.checked_sub_signed(hour).unwrap_or(local);
            let before = zone.from_local_datetime(&before).earliest();
            before.and_then(|at| at.with_timezone(&Utc).checked_add_signed(hour)).unwrap_or(local.and_utc())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        let local = |text: &str| Some(Told::Local(at(text).naive_utc()));
        let table = [
            ("2026-11-17 02:00:01.431399+00:00", Some(Told::At(at("2026-11-17T02:00:01.431399Z")))),
            ("2026-11-19T02:08:59.5+02:00", Some(Told::At(at("2026-11-19T00:08:59.5Z")))),
            ("2026-11-17 02:00:01", local("2026-11-17T02:00:01Z")),
            ("2026-11-17T02:00:01.5", local("2026-11-17T02:00:01.5Z")),
            ("Tue Nov 17 02:00:01 2026", local("2026-11-17T02:00:01Z")),
            ("None", None),
            ("2026-13-17 02:00:01", None),
        ];
        for (text, expected) in table {
            assert_eq!(told(text), expected, "{text}");
        }
        let paris = |text: &str| in_zone(at(text).naive_utc(), Tz::Europe__Paris);
        assert_eq!(paris("2026-11-17T03:00:00Z"), at("2026-11-17T02:00:00Z"));
        assert_eq!(paris("2026-10-25T02:30:00Z"), at("2026-10-25T00:30:00Z"), "the earlier of two");
        assert_eq!(paris("2026-03-29T02:30:00Z"), at("2026-03-29T01:30:00Z"), "an hour that never was");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, digits in "[+-]?[0-9]{1,6}-[0-9]{2}-[0-9]{2} [0-9:.]{8,12}") {
            for text in [&text, &digits] {
                if let Some(Told::Local(local)) = told(text) {
                    let _ = in_zone(local, Tz::Europe__Paris);
                }
            }
        }
    }
}
