//! `prometheus = "url"`: one metric, from a page of metrics or by a query.
//! Formats: the text exposition format 0.0.4, and the HTTP API's instant query.

use lifeboat_core::model::{Code, Dur, Probe, ProbeReading, Problem, Time, clean_line, cut};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use super::{
    Prober,
    dial::within,
    figure::{Body, judge},
    http, millis,
};
use crate::net::{Ask, Side};

/// A page of a busy exporter.
const MAX_BODY: usize = 8 << 20;

#[derive(Deserialize)]
#[serde(untagged)]
enum Target {
    Page(String),
    Table { url: String, query: Option<String> },
}

/// A sample: its value, and when it was taken where that is told.
type Sample = (f64, Option<Time>);

pub(super) async fn ask(prober: &Prober, probe: &Probe, timeout: Dur) -> Result<ProbeReading, Problem> {
    let (text, query) = match super::table(probe)? {
        Target::Page(url) => (url, None),
        Target::Table { url, query } => (url, query),
    };
    let url = Url::parse(&text).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| {
        Problem::new(Code::PROBE_NAME, http::shown(&text)).because("this is no http:// or https:// address")
    })?;
    let subject = http::shown(url.as_str());
    let unfit = |why: String| Problem::new(Code::PROBE_VALUE, &subject).because(why);
    let begun = Instant::now();
    let asked = async {
        let ca = prober.ca(probe, &subject).await?;
        let get = async |url: &Url| {
            let ask = Ask { ca: ca.as_deref(), ..Ask::get(url, timeout, MAX_BODY, &prober.meter) };
            let answer = prober.http.call(ask).await.map_err(|e| e.problem(Side::Probe, &subject))?;
            if !answer.status.is_success() && query.is_none() {
                return Err(Problem::new(Code::PROBE_ANSWER, &subject).because(answer.status_line()));
            }
            answer.whole_body(MAX_BODY as u64).map_err(|e| unfit(e.to_string()))
        };
        let Some(query) = &query else {
            let metric =
                probe.value.as_deref().ok_or_else(|| unfit("name the metric with `value`".to_owned()))?;
            let page = get(&url).await?;
            return sample(&String::from_utf8_lossy(&page), metric).map_err(unfit);
        };
        let (value, _) = answered(&get(&instant_query(&url, query)).await?).map_err(unfit)?;
        // the answer carries when it was evaluated, not when it was scraped:
        // where the source is dead, its last value is handed out for minutes
        let scraped = answered(&get(&instant_query(&url, &format!("timestamp({query})"))).await?);
        let at = scraped.ok().and_then(|(s, _)| Time::from_timestamp_millis((s * 1_000.0) as i64));
        Ok((value, at))
    };
    let (value, at) = within(timeout, &subject, asked).await?;
    let row = json!({ "value": value, "at": at.map(|at| at.to_rfc3339()) });
    // `value` names the metric here, which was found
    let found = Probe { value: None, ..probe.clone() };
    judge(&found, &Body::row(row, "value"), Ok(format!("it is {value}")), at, millis(begun), &subject)
}

fn instant_query(url: &Url, query: &str) -> Url {
    let mut url = url.clone();
    let path = url.path().trim_end_matches('/').trim_end_matches("/api/v1/query").to_owned();
    url.set_path(&format!("{path}/api/v1/query"));
    url.query_pairs_mut().append_pair("query", query);
    url
}

/// The answer to an instant query that has one value. Pure.
fn answered(body: &[u8]) -> Result<Sample, String> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| "it answers no JSON".to_owned())?;
    if answer["status"] != "success" {
        let said = answer["error"].as_str().unwrap_or("it does not say why");
        return Err(format!("the query fails: {}", cut(&clean_line(said), 160)));
    }
    let pair = match answer["data"]["resultType"].as_str() {
        Some("scalar") => &answer["data"]["result"],
        Some("vector") => match answer["data"]["result"].as_array().map(Vec::as_slice) {
            Some([one]) => &one["value"],
            Some([]) => return Err("the query has no result: is the metric scraped?".to_owned()),
            Some(all) => {
                return Err(format!(
                    "the query has {} results: make one of them with max() or sum()",
                    all.len()
                ));
            }
            None => return Err("it answers something else than a query".to_owned()),
        },
        _ => return Err("the query's answer is no number: ask for an instant, not for a range".to_owned()),
    };
    let value = pair[1].as_str().and_then(number).ok_or("the query's answer is no number")?;
    let at = pair[0].as_f64().and_then(|s| Time::from_timestamp_millis((s * 1_000.0) as i64));
    Ok((value, at))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

/// The sample of `name` or `name{label="value"}`: of all that have these labels
/// there must be one. Pure.
fn sample(page: &str, metric: &str) -> Result<Sample, String> {
    let (name, labels) =
        series(metric).ok_or_else(|| format!("{} is no metric", cut(&clean_line(metric), 80)))?;
    let lines = page.lines().filter_map(|line| {
        let line = line.trim_start();
        let own = line.get(..name.len()).filter(|own| *own == name && !line.starts_with('#'))?;
        let rest = &line[own.len()..];
        rest.starts_with(['{', ' ', '\t']).then_some(())?;
        let end = if rest.starts_with('{') { closing(rest)? + 1 } else { 0 };
        let (_, theirs) = series(&line[..own.len() + end])?;
        let fits = labels.iter().all(|label| theirs.contains(label));
        fits.then(|| rest[end..].trim().to_owned())
    });
    let found: Vec<String> = lines.take(1_000).collect();
    match &found[..] {
        [] => Err(format!("there is no metric {} on the page", cut(&clean_line(metric), 80))),
        [one] => {
            let mut words = one.split_whitespace();
            let value = words.next().and_then(number).ok_or("the metric is no number")?;
            let at = words.next().and_then(|ms| ms.parse().ok()).and_then(Time::from_timestamp_millis);
            Ok((value, at))
        }
        all => Err(format!("{} series are called so: name one by its labels", all.len())),
    }
}

/// Where the labels end: a brace in a label's value is none.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Its name, and its labels with their values as they are written.
fn series(text: &str) -> Option<(&str, Vec<(String, String)>)> {
    let text = text.trim();
    let Some((name, rest)) = text.split_once('{') else { return Some((text, Vec::new())) };
    let mut rest = rest.strip_suffix('}')?;
    let mut labels = Vec::new();
    while !rest.trim_matches([' ', ',']).is_empty() {
        let (label, after) = rest.trim_start_matches([' ', ',']).split_once('=')?;
        let value = after.trim_start().strip_prefix('"')?;
        let mut escaped = false;
        let end = value.char_indices().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        })?;
        labels.push((label.trim().to_owned(), value[..end.0].to_owned()));
        rest = &value[end.0 + 1..];
    }
    Some((name.trim(), labels))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "# HELP lag_seconds how far behind\n# TYPE lag_seconds gauge\n\
        lag_seconds{region=\"eu\",job=\"a}b\"} 2.5 1795311000250\nlag_seconds{region=\"us\"} 7\nup 1\nup_total 9\n\
        odd{text=\"a \\\"quoted\\\" one\"} +Inf\n";

    #[test]
    fn one_sample_is_found_by_its_labels() {
        let at = Time::from_timestamp_millis(1_795_311_000_250);
        let table = [
            ("lag_seconds{region=\"eu\"}", Ok((2.5, at))),
            ("lag_seconds{ job=\"a}b\" }", Ok((2.5, at))),
            ("lag_seconds{region=\"us\"}", Ok((7.0, None))),
            ("up", Ok((1.0, None))),
            ("lag_seconds", Err("2 series are called so")),
            ("lag_seconds{region=\"asia\"}", Err("there is no metric")),
            ("lag", Err("there is no metric")),
            ("odd", Err("the metric is no number")),
            ("up{", Err("is no metric")),
        ];
        for (metric, expected) in table {
            match (sample(PAGE, metric), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{metric}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{metric}: {found}"),
                (found, _) => panic!("{metric}: {found:?}"),
            }
        }
    }

    #[test]
    fn an_instant_query_has_one_value() {
        let vector = |items: &str| {
            format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{items}]}}}}")
        };
        let one = r#"{"metric":{},"value":[1795311000.25,"3"]}"#;
        let at = Time::from_timestamp_millis(1_795_311_000_250);
        assert_eq!(answered(vector(one).as_bytes()), Ok((3.0, at)));
        assert_eq!(
            answered(br#"{"status":"success","data":{"resultType":"scalar","result":[1795311000.25,"3"]}}"#),
            Ok((3.0, at))
        );
        let table = [
            (vector(""), "no result"),
            (vector(&format!("{one},{one}")), "2 results"),
            (vector(r#"{"value":[1,"NaN"]}"#), "no number"),
            (r#"{"status":"error","error":"parse error"}"#.to_owned(), "parse error"),
            ("<html>".to_owned(), "no JSON"),
        ];
        for (body, why) in table {
            assert!(answered(body.as_bytes()).unwrap_err().contains(why), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(page: String, metric: String, tail in "[a-z{}=\"\\\\, 0-9]{0,40}") {
            let _ = sample(&page, &metric);
            let _ = sample(&format!("up{{{tail}"), "up");
            let _ = sample(PAGE, &tail);
            let _ = answered(page.as_bytes());
        }
    }
}
