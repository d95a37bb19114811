//! `http = "https://…"`: one GET; by default any 2xx holds.

use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, clean_line, cut};
use tokio::time::Instant;
use url::Url;

use super::{Prober, figure::Body, millis, target};
use crate::net::{Answer, Ask, Side};

/// A health answer is short; more is read only to be thrown away.
const MAX_BODY: usize = 256 << 10;

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let text = target(probe)?;
    let url = Url::parse(text).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| {
        Problem::new(Code::PROBE_NAME, shown(text)).because("this is no http:// or https:// address")
    })?;
    // Only a failure names it, and thousands are asked again and again.
    let subject = || shown(url.as_str());
    let ca = match &probe.ca {
        Some(_) => prober.ca(probe, &subject()).await?,
        None => None,
    };
    let begun = Instant::now();
    let ask = Ask { ca: ca.as_deref(), ..Ask::get(&url, timeout, MAX_BODY, &prober.meter) };
    let answer = prober.http.call(ask).await.map_err(|e| e.problem(Side::Probe, subject()))?;
    judge(probe, &answer, millis(begun), &subject)
}

/// An address without what may be secret in it.
pub(super) fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            // both fail only for addresses that cannot hold them
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            cut(&clean_line(url.as_str()), 120)
        }
        Err(_) => cut(&clean_line(url), 120),
    }
}

fn judge(
    probe: &Probe,
    answer: &Answer,
    ms: u32,
    subject: &impl Fn() -> String,
) -> Result<ProbeReading, Problem> {
    let line = answer.status_line();
    let reading = |holds, detail: String| ProbeReading {
        holds,
        value: None,
        text: None,
        as_of: None,
        latency_ms: ms,
        detail: cut(&clean_line(&detail), 200),
    };
    let fits = match probe.expect.status {
        Some(status) => answer.status.as_u16() == status,
        None => answer.status.is_success(),
    };
    if !fits {
        let expected = probe.expect.status.map_or(String::new(), |s| format!(", expected {s}"));
        return Ok(reading(false, format!("{line} in {ms} ms{expected}")));
    }
    let body = Body::of(&answer.body);
    if let Some(detail) = body.differs(&probe.expect, probe) {
        return Ok(reading(false, detail));
    }
    let unfit = |why| Problem::new(Code::PROBE_VALUE, subject()).because(why);
    let too_long = || unfit("the answer is longer than 256 KiB".to_owned());
    let told = |why| if answer.whole { unfit(why) } else { too_long() };
    let (value, text) = body.figure(probe).map_err(told)?;
    let as_of = probe.as_of.as_deref().map(|at| body.instant(at)).transpose().map_err(told)?;
    Ok(ProbeReading { value, text, as_of, ..reading(true, format!("{line} in {ms} ms")) })
}
