//! How far apart the times of a cron line lie at most. Clocks that are set
//! forward or back are not considered: they move one backup a year by an hour.

use chrono::{Datelike, Days, NaiveDate};

use crate::model::Dur;

/// Over a leap year and the years around it; `None` for what is no cron line of
/// five fields, or never comes.
pub(crate) fn longest_wait(line: &str) -> Option<Dur> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else { return None };
    let minutes = field(minute, 0, 59)?;
    let hours = field(hour, 0, 23)?;
    let days = field(day, 1, 31)?;
    let months = field(&named(month, &MONTHS, 1), 1, 12)?;
    let mut weekdays = field(&named(weekday, &WEEKDAYS, 0), 0, 7)?;
    // Both 0 and 7 are Sunday.
    weekdays |= (weekdays >> 7) & 1;
    let has = |set: u64, n: u32| set & (1 << n) != 0;
    // Where both are restricted, either is enough.
    let either = day != "*" && weekday != "*";
    let due = |date: NaiveDate| {
        let by_day = has(days, date.day());
        let by_weekday = has(weekdays, date.weekday().num_days_from_sunday());
        has(months, date.month()) && if either { by_day || by_weekday } else { by_day && by_weekday }
    };
    let of_day: Vec<i64> = (0..24u32)
        .filter(|h| has(hours, *h))
        .flat_map(|h| (0..60u32).filter(|m| has(minutes, *m)).map(move |m| i64::from(h * 60 + m)))
        .collect();
    let (first, last) = (*of_day.first()?, *of_day.last()?);
    let within = of_day.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
    let begin = NaiveDate::from_ymd_opt(2023, 1, 1)?;
    let due_days: Vec<i64> = (0..9 * 366)
        .filter(|n| begin.checked_add_days(Days::new(*n)).is_some_and(due))
        .map(|n| n as i64)
        .collect();
    let between = due_days.windows(2).map(|w| (w[1] - w[0]) * 1_440 + first - last).max()?;
    Some(Dur::secs(within.max(between) * 60))
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

fn named(text: &str, names: &[&str], first: usize) -> String {
    let mut text = text.to_ascii_lowercase();
    for (n, name) in names.iter().enumerate() {
        text = text.replace(name, &(n + first).to_string());
    }
    text
}

/// A set of numbers as bits.
fn field(text: &str, low: u32, high: u32) -> Option<u64> {
    let mut set = 0u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|s| *s > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            // `5/15` goes on to the end.
            None if part.contains('/') => (range.parse().ok()?, high),
            None => (range.parse().ok()?, range.parse().ok()?),
        };
        if from < low || to > high || from > to {
            return None;
        }
        (from..=to).step_by(step as usize).for_each(|n| set |= 1 << n);
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_of_a_cron_line() {
        let hours = |h: i64| Some(Dur::secs(h * 3_600));
        let table = [
            ("0 2 * * *", hours(24)),
            ("*/15 * * * *", Some(Dur::secs(900))),
            ("0 9-17 * * *", hours(16)),
            ("30 1 * * sun", hours(7 * 24)),
            ("0 0 * * 7", hours(7 * 24)),
            ("0 2 * * mon-fri", hours(3 * 24)),
            ("0 0 1 * *", hours(31 * 24)),
            ("0 0 29 2 *", hours(1461 * 24)),
            ("0 0 1 * mon", hours(7 * 24)),
            ("61 * * * *", None),
            ("0 0 31 2 *", None),
            ("daily", None),
        ];
        for (line, wait) in table {
            assert_eq!(longest_wait(line), wait, "{line}");
        }
    }
}
