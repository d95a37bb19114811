//! From an answer's body to figures and to whether it is as expected. Pure.

use chrono::{DateTime, Utc};
use lifeboat_core::model::{Code, Expect, Probe, ProbeReading, Problem, Time, Unit, clean_line, cut};
use serde_json::Value;

/// A body: JSON where it is, else text.
#[derive(Debug)]
pub(super) struct Body {
    json: Option<Value>,
    text: String,
    /// Of a row of figures: the one that is meant where none is named. Such a
    /// row's figures are named plainly, `lag_s`, or by a pointer.
    main: Option<&'static str>,
}

/// The figure is not there, or cannot be what the estate says: a reason.
pub(super) type Unfit = String;

impl Body {
    pub fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).trim().to_owned();
        Self { json: serde_json::from_slice(bytes).ok(), text, main: None }
    }
    /// Figures by name. `main` may be absent or null in it.
    pub fn row(row: Value, main: &'static str) -> Self {
        Self { json: Some(row), text: String::new(), main: Some(main) }
    }

    /// What a JSON pointer points at; the whole without one. A body that is no
    /// JSON is one text.
    fn at(&self, pointer: Option<&str>) -> Result<Value, Unfit> {
        let Some(json) = &self.json else {
            return match pointer {
                None | Some("") => Ok(Value::String(self.text.clone())),
                Some(pointer) => Err(format!("the answer is no JSON, so there is no {pointer} in it")),
            };
        };
        let pointer = pointer.filter(|p| !p.is_empty()).or(self.main).unwrap_or("");
        let found = match self.main {
            Some(_) if !pointer.starts_with('/') => json.get(pointer),
            _ => json.pointer(pointer),
        };
        let found = found.filter(|v| !v.is_null());
        found.cloned().ok_or_else(|| format!("there is no {pointer} in the answer"))
    }

    /// The figure in its base unit, and the same as text.
    pub fn figure(&self, probe: &Probe) -> Result<(Option<f64>, Option<String>), Unfit> {
        let wanted = probe.value.is_some() || probe.unit.is_some();
        let value = match self.at(probe.value.as_deref()) {
            Ok(value) => value,
            Err(why) if wanted => return Err(why),
            Err(_) => return Ok((None, None)),
        };
        let text = plain(&value).map(|text| probe.map.get(&text).cloned().unwrap_or(text));
        let number = match probe.unit {
            Some(unit) => Some(in_base_unit(&value, unit)?),
            None if wanted || self.main.is_some() => number(&value),
            None => None,
        };
        // a whole page is nobody's value
        let text = text.filter(|t| wanted || !probe.map.is_empty() || t.len() <= 64);
        Ok((number, text.map(|t| cut(&clean_line(&t), 200))))
    }

    /// The instant at `pointer`: RFC 3339, or seconds or milliseconds since 1970.
    pub fn instant(&self, pointer: &str) -> Result<Time, Unfit> {
        let value = self.at(Some(pointer))?;
        let bad = || format!("{} at {pointer} is no instant", show(&value));
        if let Some(text) = value.as_str()
            && let Ok(time) = DateTime::parse_from_rfc3339(text)
        {
            return Ok(time.with_timezone(&Utc));
        }
        let n = number(&value).filter(|n| n.is_finite() && *n >= 0.0).ok_or_else(bad)?;
        // seconds reach this number in the year 5138, milliseconds did in 1973
        let ms = if n < 1e11 { n * 1_000.0 } else { n };
        Time::from_timestamp_millis(ms.round() as i64).ok_or_else(bad)
    }

    /// `Ok(None)`: all that is expected holds; `Ok(Some(detail))`: it does not.
    pub fn differs(&self, expect: &Expect, probe: &Probe) -> Option<String> {
        if expect.equals.is_none() && expect.min.is_none() && expect.max.is_none() && expect.pointer.is_none()
        {
            return None;
        }
        let pointer = expect.pointer.as_deref().or(probe.value.as_deref());
        let name = pointer.filter(|p| !p.is_empty()).unwrap_or("the answer");
        let value = match self.at(pointer) {
            Ok(value) => value,
            Err(why) => return Some(why),
        };
        let found = show(&value);
        if let Some(wanted) = expect.equals.as_ref().filter(|wanted| !same(wanted, &value)) {
            return Some(format!("expected {name} = {}, found {found}", show(wanted)));
        }
        if expect.min.is_none() && expect.max.is_none() {
            return None;
        }
        let figure = match probe.unit.filter(|_| expect.pointer.is_none()) {
            Some(unit) => in_base_unit(&value, unit).ok(),
            None => number(&value),
        };
        let Some(figure) = figure else { return Some(format!("expected a number at {name}, found {found}")) };
        match (expect.min, expect.max) {
            (Some(min), _) if figure < min => Some(format!("expected {name} at least {min}, found {found}")),
            (_, Some(max)) if figure > max => Some(format!("expected {name} at most {max}, found {found}")),
            _ => None,
        }
    }
}

/// What a row of figures comes to. Where nothing is expected of it, `standing`
/// decides, which is what its kind calls health: `Err` says what is wrong.
pub(super) fn judge(
    probe: &Probe,
    body: &Body,
    standing: Result<String, String>,
    as_of: Option<Time>,
    latency_ms: u32,
    subject: &str,
) -> Result<ProbeReading, Problem> {
    let is_given =
        |e: &Expect| e.equals.is_some() || e.min.is_some() || e.max.is_some() || e.pointer.is_some();
    let reading = |holds, detail: &str| ProbeReading {
        holds,
        value: None,
        text: None,
        as_of: None,
        latency_ms,
        detail: cut(&clean_line(detail), 200),
    };
    let told = match (body.differs(&probe.expect, probe), standing) {
        (Some(why), _) => return Ok(reading(false, &why)),
        (None, Err(why)) if !is_given(&probe.expect) => return Ok(reading(false, &why)),
        (None, Ok(told) | Err(told)) => told,
    };
    let unfit = |why: Unfit| Problem::new(Code::PROBE_VALUE, subject).because(why);
    let (value, text) = body.figure(probe).map_err(unfit)?;
    let own = probe.as_of.as_deref().map(|at| body.instant(at)).transpose().map_err(unfit)?;
    Ok(ProbeReading { value, text, as_of: own.or(as_of), ..reading(true, &told) })
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn show(value: &Value) -> String {
    cut(&clean_line(&value.to_string()), 60)
}

fn number(value: &Value) -> Option<f64> {
    let n = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    n.filter(|n: &f64| n.is_finite())
}

/// `1`, `1.0` and `"1"` are one number; TOML and JSON differ in such things.
fn same(wanted: &Value, found: &Value) -> bool {
    let numbers = || Some((number(wanted)?, number(found)?));
    wanted == found
        || numbers().is_some_and(|(a, b)| a == b)
        || plain(wanted).is_some_and(|w| plain(found) == Some(w))
}

fn in_base_unit(value: &Value, unit: Unit) -> Result<f64, Unfit> {
    let bad = |what: &str| format!("{} is no {what}", show(value));
    let n = || number(value).ok_or_else(|| bad("number"));
    match unit {
        Unit::Ms | Unit::UnixMs => Ok(n()? / 1_000.0),
        Unit::S | Unit::UnixS | Unit::Bytes | Unit::Count => n(),
        Unit::Rfc3339 => {
            let time = value.as_str().and_then(|t| DateTime::parse_from_rfc3339(t).ok());
            time.map(|t| t.timestamp_millis() as f64 / 1_000.0).ok_or_else(|| bad("instant in RFC 3339"))
        }
    }
}
