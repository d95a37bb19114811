//! An HTTP request as an attempt: sent once, never repeated by itself.

use std::{collections::BTreeMap, path::Path, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lifeboat_core::{model::*, run::AttemptResult};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::{Spec, command::Ended};
use crate::net::{Answer, Ask, Http, Meter, NetError};

/// More of an answer is not read.
const MAX_BODY: usize = 1 << 20;

/// A request that can be sent.
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<String>,
    pub expect: Expect,
    /// PEM.
    pub ca: Option<Vec<u8>>,
}

impl Request {
    /// `Err`: it cannot be put together, and nothing happened.
    pub fn new(
        method: &str,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: Option<&str>,
        expect: &Expect,
        ca: Option<&str>,
        spec: &Spec,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|e| format!("{url:?} is no address: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{:?} is not spoken, only http and https", url.scheme()));
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let key = HeaderName::try_from(name.as_str()).map_err(|e| format!("header {name:?}: {e}"))?;
            // The value may be secret: the error does not repeat it.
            let mut value = HeaderValue::try_from(value.as_str())
                .map_err(|_| format!("header {name:?} has no value that can be sent"))?;
            value.set_sensitive(true);
            map.insert(key, value);
        }
        // From the run's own copy, which nobody else writes.
        let read = |ca: &str| std::fs::read(spec.estate.join(ca)).map_err(|e| format!("ca {ca:?}: {e}"));
        Ok(Self {
            method: Method::try_from(method).map_err(|e| format!("method {method:?}: {e}"))?,
            url,
            headers: map,
            body: body.map(str::to_owned),
            expect: expect.clone(),
            ca: ca.map(read).transpose()?,
        })
    }

    /// Sends it and judges the answer; the answer's body comes back too.
    pub async fn send(self, timeout: Dur, dir: &Path) -> (Ended, Vec<u8>) {
        let (client, meter) = (Http::new(), Meter::default());
        let ask = Ask {
            method: self.method.clone(),
            headers: self.headers.clone(),
            body: self.body.clone().unwrap_or_default().into(),
            ca: self.ca.as_deref(),
            ..Ask::get(&self.url, timeout, MAX_BODY, &meter)
        };
        tokio::select! {
            answered = client.call(ask) => match answered {
                Ok(answer) => (self.judge(&answer), answer.body.to_vec()),
                Err(error) => (unanswered(&error), Vec::new()),
            },
            () = told_to_end(dir) => {
                let detail = "ended before an answer came; the request may have arrived".to_owned();
                (Ended { result: AttemptResult::Cancelled, code: None, detail }, Vec::new())
            }
        }
    }

    fn judge(&self, answer: &Answer) -> Ended {
        let code = Some(i32::from(answer.status.as_u16()));
        let line = answer.status_line();
        let fits = match self.expect.status {
            Some(status) => answer.status.as_u16() == status,
            None => answer.status.is_success(),
        };
        let why = match fits {
            true => unlike(&self.expect, &serde_json::from_slice(&answer.body).unwrap_or(Value::Null)),
            false => Some("not the status expected".to_owned()),
        };
        match why {
            None => Ended { result: AttemptResult::Succeeded, code, detail: line },
            Some(why) => Ended { result: AttemptResult::Failed, code, detail: format!("{line}: {why}") },
        }
    }
}

/// Why an answer is not what was expected.
fn unlike(expect: &Expect, answer: &Value) -> Option<String> {
    if expect.pointer.is_none() && expect.equals.is_none() && expect.min.is_none() && expect.max.is_none() {
        return None;
    }
    let pointer = expect.pointer.as_deref().unwrap_or("");
    let Some(found) = answer.pointer(pointer) else { return Some(format!("it holds no {pointer}")) };
    let number = found.as_f64();
    let short = cut(&clean_line(&found.to_string()), 80);
    if let Some(wanted) = &expect.equals
        && wanted != found
        && (number.is_none() || number != wanted.as_f64())
    {
        return Some(format!("{pointer} is {short}, not {wanted}"));
    }
    let below = expect.min.is_some_and(|min| number.is_none_or(|n| n < min));
    let above = expect.max.is_some_and(|max| number.is_none_or(|n| n > max));
    (below || above).then(|| format!("{pointer} is {short}, out of bounds"))
}

/// Only where the connection was refused, or never tried, did nothing happen.
/// A request without an answer may have arrived.
fn unanswered(error: &NetError) -> Ended {
    let result = match error {
        error if never_left(error) => AttemptResult::NotStarted,
        NetError::TimedOut(_) => AttemptResult::TimedOut,
        _ => AttemptResult::Unknown,
    };
    Ended { result, code: None, detail: error.to_string() }
}

pub fn never_left(error: &NetError) -> bool {
    let refused = |text: &str| text.to_ascii_lowercase().contains("connection refused");
    match error {
        NetError::Name(_) | NetError::Guard(_) | NetError::Tls(_) => true,
        NetError::Refused(text) => refused(text),
        _ => false,
    }
}

async fn told_to_end(dir: &Path) {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    loop {
        tokio::select! {
            _ = terminate.recv() => return,
            _ = tick.tick() => if dir.join("cancel").exists() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_held_to_all_that_was_expected() {
        let expect = |v: Value| serde_json::from_value::<Expect>(v).unwrap();
        let answer = json!({ "ok": true, "lag": 3, "home": "eu" });
        let good = [
            json!({}),
            json!({ "pointer": "/ok", "equals": true }),
            json!({ "pointer": "/lag", "equals": 3.0 }),
            json!({ "pointer": "/lag", "min": 3, "max": 3 }),
        ];
        for case in good {
            assert_eq!(unlike(&expect(case.clone()), &answer), None, "{case}");
        }
        let bad = [
            json!({ "pointer": "/gone" }),
            json!({ "pointer": "/ok", "equals": "true" }),
            json!({ "pointer": "/lag", "max": 2 }),
            json!({ "pointer": "/home", "min": 0 }),
        ];
        for case in bad {
            assert!(unlike(&expect(case.clone()), &answer).is_some(), "{case}");
        }
    }

    #[test]
    fn only_what_never_left_is_called_not_started() {
        let table = [
            (NetError::Refused("Connection refused (os error 111)".into()), AttemptResult::NotStarted),
            (NetError::Refused("No route to host".into()), AttemptResult::Unknown),
            (NetError::Name("x".into()), AttemptResult::NotStarted),
            (NetError::Cut("reset".into()), AttemptResult::Unknown),
            (NetError::Garbled("x".into()), AttemptResult::Unknown),
            (NetError::TimedOut(Dur::secs(1)), AttemptResult::TimedOut),
        ];
        for (error, expected) in table {
            assert_eq!(unanswered(&error).result, expected, "{error:?}");
        }
    }
}
