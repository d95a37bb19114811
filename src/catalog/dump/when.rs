//! The instant of a dump, from its key. Pure. Patterns are chrono's.

use chrono::{
    DateTime, LocalResult, NaiveDateTime, NaiveTime, TimeZone, Utc,
    format::{Fixed, Item, Numeric, Pad, Parsed, StrftimeItems, parse},
};
use chrono_tz::Tz;
use lifeboat_core::model::Time;
use regex_lite::Regex;

/// How to find it.
#[derive(Debug)]
pub(super) struct When {
    pattern: Option<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    items: Vec<Item<'static>>,
    zone: Tz,
}

impl When {
    /// `own` is the copy's zone; without it a `Z` at the end of the pattern is
    /// UTC, then `usual`, then UTC.
    pub fn new(pattern: Option<&str>, own: Option<Tz>, usual: Option<Tz>) -> Result<Self, String> {
        let Some(text) = pattern.filter(|p| !p.is_empty()) else { return Ok(Self { pattern: None }) };
        let bad = |why: &str| format!("{text:?} is no pattern of a time: {why}");
        let items = StrftimeItems::new(text).parse_to_owned().map_err(|e| bad(&e.to_string()))?;
        let regex = regex_of(&items).map_err(|what| bad(&what))?;
        let regex = Regex::new(&regex).map_err(|e| bad(&e.to_string()))?;
        let zulu = text.ends_with('Z').then_some(Tz::UTC);
        let zone = own.or(zulu).or(usual).unwrap_or(Tz::UTC);
        Ok(Self { pattern: Some(Pattern { regex, items, zone }) })
    }
    pub fn is_in_key(&self) -> bool {
        self.pattern.is_some()
    }
    /// The last that fits in the key: folders often carry a date as well.
    pub fn find(&self, key: &[u8]) -> Option<Time> {
        let pattern = self.pattern.as_ref()?;
        let key = String::from_utf8_lossy(key);
        let found = pattern.regex.find_iter(&key).filter_map(|found| {
            let mut parsed = Parsed::new();
            parse(&mut parsed, found.as_str(), pattern.items.iter()).ok()?;
            instant(&parsed, pattern.zone)
        });
        found.last()
    }
}

fn instant(parsed: &Parsed, zone: Tz) -> Option<Time> {
    if let Some(seconds) = parsed.timestamp() {
        return DateTime::from_timestamp(seconds, 0);
    }
    // only a date: its beginning, which is the older and so the safer reading
    let date = parsed.to_naive_date().ok()?;
    let time = time_of(parsed)?;
    let local = NaiveDateTime::new(date, time);
    if let Some(offset) = parsed.offset() {
        return Some((local - chrono::TimeDelta::seconds(offset.into())).and_utc());
    }
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.with_timezone(&Utc)),
        // skipped when clocks went forward: as if they had not yet
        LocalResult::None => {
            let before = zone.from_local_datetime(&(local - chrono::TimeDelta::hours(1))).earliest()?;
            Some((before + chrono::TimeDelta::hours(1)).with_timezone(&Utc))
        }
    }
}

/// Hours and minutes where the pattern has them.
fn time_of(parsed: &Parsed) -> Option<NaiveTime> {
    let hour = match (parsed.hour_div_12(), parsed.hour_mod_12()) {
        (Some(half), Some(hour)) => half * 12 + hour,
        _ => return Some(NaiveTime::MIN),
    };
    NaiveTime::from_hms_opt(hour, parsed.minute().unwrap_or(0), parsed.second().unwrap_or(0).min(59))
}

/// A regular expression that finds what the pattern parses. Errors: an item
/// that names of files do not hold.
fn regex_of(items: &[Item<'_>]) -> Result<String, String> {
    let mut regex = String::new();
    for item in items {
        match item {
            Item::Literal(text) | Item::Space(text) => regex.push_str(&regex_lite::escape(text)),
            Item::OwnedLiteral(text) | Item::OwnedSpace(text) => regex.push_str(&regex_lite::escape(text)),
            Item::Numeric(numeric, pad) => {
                regex.push_str(digits(numeric, *pad).ok_or_else(|| unusual(item))?)
            }
            Item::Fixed(fixed) => regex.push_str(match fixed {
                Fixed::ShortMonthName | Fixed::ShortWeekdayName => "[A-Za-z]{3}",
                Fixed::LongMonthName | Fixed::LongWeekdayName => "[A-Za-z]{3,9}",
                Fixed::LowerAmPm | Fixed::UpperAmPm => "[AaPp][Mm]",
                Fixed::TimezoneOffset | Fixed::TimezoneOffsetColon | Fixed::TimezoneOffsetColonZ => {
                    "(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
                }
                Fixed::RFC3339 => {
                    "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{8,18}(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
                }
                _ => return Err(unusual(item)),
            }),
            Item::Error => return Err("an unknown letter after %".to_owned()),
        }
    }
    Ok(regex)
}

fn unusual(item: &Item<'_>) -> String {
    format!("{item:?} cannot be found in a key")
}

fn digits(numeric: &Numeric, pad: Pad) -> Option<&'static str> {
    let two = if pad == Pad::Zero { "[0-9]{2}" } else { "[ ]?[0-9]{1,2}" };
    match numeric {
        Numeric::Year | Numeric::IsoYear => Some("[0-9]{4}"),
        Numeric::Ordinal => Some("[0-9]{3}"),
        Numeric::Timestamp => Some("[0-9]{9,11}"),
        Numeric::Nanosecond => Some("[0-9]{1,9}"),
        Numeric::NumDaysFromSun | Numeric::WeekdayFromMon => Some("[0-9]"),
        Numeric::YearMod100
        | Numeric::Month
        | Numeric::Day
        | Numeric::Hour
        | Numeric::Hour12
        | Numeric::Minute
        | Numeric::Second
        | Numeric::IsoWeek
        | Numeric::WeekFromMon
        | Numeric::WeekFromSun => Some(two),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(pattern: &str, zone: Option<Tz>, key: &[u8]) -> Option<String> {
        When::new(Some(pattern), zone, None).unwrap().find(key).map(|t| t.format("%FT%TZ").to_string())
    }

    #[test]
    fn instants_are_found_in_keys() {
        let paris = Some(Tz::Europe__Paris);
        type Row<'a> = (&'a str, Option<Tz>, &'a [u8], Option<&'a str>);
        let table: [Row<'_>; 12] = [
            ("%Y-%m-%dT%H%MZ", None, b"shop-2026-11-17T0130Z.sql.gz", Some("2026-11-17T01:30:00Z")),
            ("%Y%m%d_%H%M%S", None, b"crm_20261120_023000.sql.zst", Some("2026-11-20T02:30:00Z")),
            ("%Y%m%d_%H%M%S", paris, b"crm_20261120_023000.sql.zst", Some("2026-11-20T01:30:00Z")),
            ("%Y%m%d_%H%M%S", paris, b"crm_20260720_023000.sql.zst", Some("2026-07-20T00:30:00Z")),
            ("%Y-%m-%d", None, b"2026-11-01/x-2026-11-22.gz", Some("2026-11-22T00:00:00Z")),
            ("%Y/%m/%d", None, b"app/2026/11/22/app.tar.gz", Some("2026-11-22T00:00:00Z")),
            ("%s", None, b"mongo/dump-1795310400/prelude", Some("2026-11-22T01:20:00Z")),
            ("%Y%m%dT%H%M%S%z", None, b"x-20261122T013000+0200.gz", Some("2026-11-21T23:30:00Z")),
            ("%Y%m%d", None, b"x-20261399.gz", None),
            ("%Y%m%d", None, b"\xff\xfe-20261122-\xff", Some("2026-11-22T00:00:00Z")),
            // the hour that happens twice: the older; the one that never does: as if before
            ("%Y%m%d%H%M", paris, b"202610250230", Some("2026-10-25T00:30:00Z")),
            ("%Y%m%d%H%M", paris, b"202603290230", Some("2026-03-29T01:30:00Z")),
        ];
        for (pattern, zone, key, expected) in table {
            assert_eq!(
                find(pattern, zone, key).as_deref(),
                expected,
                "{pattern} {:?}",
                String::from_utf8_lossy(key)
            );
        }
        let usual = When::new(Some("%Y%m%d%H"), None, Some(Tz::Asia__Tokyo)).unwrap();
        assert_eq!(
            usual.find(b"2026112209").map(|t| t.to_rfc3339()),
            Some("2026-11-22T00:00:00+00:00".into())
        );
        for bad in ["%Q", "%", "%Y%+%c%!"] {
            assert!(When::new(Some(bad), None, None).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_key_panics(pattern in "(%[a-zA-Z0-9:.#+-]{1,2}|[-_./a-z]){0,6}", key: Vec<u8>, digits in "[0-9TZ:_.+-]{0,30}") {
            if let Ok(when) = When::new(Some(&pattern), None, Some(Tz::Europe__Paris)) {
                let _ = when.find(&key);
                let _ = when.find(digits.as_bytes());
            }
        }
    }
}
