//! Instants, durations and sizes as users write and read them.

use std::{fmt, ops, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant, always in UTC.
pub type Time = DateTime<Utc>;

/// Whole milliseconds since 1970: several times cheaper to compare and to
/// subtract than an instant, where it is done ten thousand times over.
pub type Millis = i64;

/// Where the present comes from: passed in, so that tests own it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;
}

/// A span of time in whole milliseconds; negative spans exist only as results
/// of subtraction. Written `90s`, `5m`, `1d12h`; in JSON a number of seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dur(i64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(pub String);

const UNITS: [(&str, i64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Dur {
    pub const ZERO: Dur = Dur(0);

    pub const fn millis(ms: i64) -> Self {
        Self(ms)
    }
    pub const fn secs(s: i64) -> Self {
        Self(s * 1_000)
    }
    pub fn as_millis(self) -> i64 {
        self.0
    }
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
    /// Rounds to the millisecond; `None` for what is not a finite number.
    pub fn from_secs_f64(s: f64) -> Option<Self> {
        let ms = s * 1_000.0;
        (ms.is_finite() && ms.abs() < 9.0e15).then(|| Self(ms.round() as i64))
    }
    /// From whole millisecond to whole millisecond; several times faster than
    /// the difference of two instants, and asked for everywhere.
    pub fn between(earlier: Time, later: Time) -> Self {
        Self(later.timestamp_millis().saturating_sub(earlier.timestamp_millis()))
    }
    /// Zero where the span would be negative.
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }
    /// For timers and deadlines; a negative span is no wait.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
    pub fn times(self, n: i64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl From<std::time::Duration> for Dur {
    fn from(d: std::time::Duration) -> Self {
        Self(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }
}
impl ops::Add for Dur {
    type Output = Dur;
    fn add(self, other: Dur) -> Dur {
        Dur(self.0.saturating_add(other.0))
    }
}
impl ops::Sub for Dur {
    type Output = Dur;
    fn sub(self, other: Dur) -> Dur {
        Dur(self.0.saturating_sub(other.0))
    }
}
impl ops::Add<Dur> for Time {
    type Output = Time;
    fn add(self, d: Dur) -> Time {
        TimeDelta::try_milliseconds(d.0).and_then(|d| self.checked_add_signed(d)).unwrap_or(Time::MAX_UTC)
    }
}
impl ops::Sub<Dur> for Time {
    type Output = Time;
    fn sub(self, d: Dur) -> Time {
        TimeDelta::try_milliseconds(d.0).and_then(|d| self.checked_sub_signed(d)).unwrap_or(Time::MIN_UTC)
    }
}

impl FromStr for Dur {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError(format!("{text:?} is no duration: write 90s, 5m, 1d12h"));
        let mut rest = text.trim();
        let mut total: i64 = 0;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let number: i64 = rest[..digits].parse().map_err(|_| bad())?;
            let unit = &rest[digits..digits + letters];
            let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
            total = number.checked_mul(*ms).and_then(|n| total.checked_add(n)).ok_or_else(bad)?;
            rest = rest[digits + letters..].trim_start();
        }
        Ok(Self(total))
    }
}

/// The two largest units that say something: `1d 12h`, `5m 03s`, `4.2s`.
impl fmt::Display for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ms = self.0.unsigned_abs();
        let s = ms / 1_000;
        let text = match s {
            0 if ms == 0 => "0s".to_owned(),
            0 => format!("{ms}ms"),
            1..=9 if ms % 1_000 >= 50 => format!("{s}.{}s", ms % 1_000 / 100),
            1..=59 => format!("{s}s"),
            60..=3_599 if s.is_multiple_of(60) => format!("{}m", s / 60),
            60..=3_599 => format!("{}m {:02}s", s / 60, s % 60),
            3_600..=86_399 if s % 3_600 < 60 => format!("{}h", s / 3_600),
            3_600..=86_399 => format!("{}h {:02}m", s / 3_600, s % 3_600 / 60),
            _ if s % 86_400 < 3_600 => format!("{}d", s / 86_400),
            _ => format!("{}d {:02}h", s / 86_400, s % 86_400 / 3_600),
        };
        f.pad(&format!("{sign}{text}"))
    }
}
impl fmt::Debug for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Dur {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if !s.is_human_readable() {
            return s.serialize_i64(self.0);
        }
        if self.0 % 1_000 == 0 {
            s.serialize_i64(self.0 / 1_000)
        } else {
            s.serialize_f64(self.as_secs_f64())
        }
    }
}
impl<'de> Deserialize<'de> for Dur {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl de::Visitor<'_> for Visit {
            type Value = Dur;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"5m\", or a number of seconds")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Dur, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, s: i64) -> Result<Dur, E> {
                s.checked_mul(1_000).map(Dur).ok_or_else(|| E::custom("too long"))
            }
            fn visit_u64<E: de::Error>(self, s: u64) -> Result<Dur, E> {
                i64::try_from(s).map_err(E::custom).and_then(|s| self.visit_i64(s))
            }
            fn visit_f64<E: de::Error>(self, s: f64) -> Result<Dur, E> {
                Dur::from_secs_f64(s).ok_or_else(|| E::custom("not a finite duration"))
            }
        }
        match d.is_human_readable() {
            true => d.deserialize_any(Visit),
            false => i64::deserialize(d).map(Dur),
        }
    }
}

/// A number of bytes. Written `10GiB`, `500MB` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct Size(pub u64);

const SIZES: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError(format!("{text:?} is no size: write 500MB, 10GiB"));
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| bad())?;
        let unit = text[digits..].trim_start();
        let scale = match unit {
            "" => 1,
            _ => SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1,
        };
        number.checked_mul(scale).map(Size).ok_or_else(bad)
    }
}
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = self.0 as f64;
        let mut name = 0;
        while value >= 1_023.5 && name < NAMES.len() - 1 {
            value /= 1_024.0;
            name += 1;
        }
        let text = match (name, value < 9.95) {
            (0, _) => format!("{} B", self.0),
            (_, true) => format!("{value:.1} {}", NAMES[name]),
            (_, false) => format!("{value:.0} {}", NAMES[name]),
        };
        f.pad(&text)
    }
}
impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl de::Visitor<'_> for Visit {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"10GiB\", or a number of bytes")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Size, E> {
                Ok(Size(n))
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Size, E> {
                u64::try_from(n).map(Size).map_err(E::custom)
            }
        }
        d.deserialize_any(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        let table = [("90s", 90), ("5m", 300), ("1d12h", 129_600), ("2w", 1_209_600), ("1h 5m", 3_900)];
        for (text, seconds) in table {
            assert_eq!(text.parse(), Ok(Dur::secs(seconds)), "{text}");
        }
        for bad in ["", "5", "m", "5 apples", "-5m", "5é", "99999999999999w"] {
            assert!(bad.parse::<Dur>().is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_show_two_units() {
        let table = [
            (0, "0s"),
            (40, "40ms"),
            (4_230, "4.2s"),
            (42_999, "42s"),
            (303_000, "5m 03s"),
            (300_000, "5m"),
            (3_600_000, "1h"),
            (129_600_000, "1d 12h"),
            (-1_500, "-1.5s"),
        ];
        for (ms, text) in table {
            assert_eq!(Dur::millis(ms).to_string(), text);
        }
    }

    #[test]
    fn sizes_read_and_show() {
        assert_eq!("10GiB".parse(), Ok(Size(10 << 30)));
        assert_eq!("500MB".parse(), Ok(Size(500_000_000)));
        assert!("10 potatoes".parse::<Size>().is_err());
        assert_eq!(Size(1536).to_string(), "1.5 KiB");
        assert_eq!(Size(999).to_string(), "999 B");
    }
}
